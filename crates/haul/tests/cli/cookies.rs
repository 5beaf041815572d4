//! Cookies of the command line, and the files that they are read from and written to.

use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;

use origin::{Body, Gate, Origin, Script};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Ran, Sandbox};

/// An origin whose file needs a session, for which a redirect sets a cookie.
fn origin() -> Origin {
    let origin = Origin::plain();
    origin.under("/file/", |request| {
        let line = request.headers.get("cookie");
        let line = line.map_or("", |line| line.to_str().unwrap_or_default());
        if line.contains("session=good") {
            return Script::ok(Body::of("file"));
        }
        Script::redirect(302, &format!("/login?{}", request.path()))
    });
    origin.under("/login", |request| {
        let (_, back) = request.target.split_once('?').unwrap_or_default();
        Script::redirect(302, back)
            .header("set-cookie", "session=good; Path=/; Max-Age=3600; HttpOnly")
    });
    origin
}

/// The lines of a cookie file that are cookies.
fn lines(text: &str) -> Vec<&str> {
    let is_cookie = |line: &&str| !line.is_empty() && !line.starts_with("# ");
    text.lines().filter(is_cookie).collect()
}

#[test]
fn cookies_are_written_and_read_back() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let ran = sandbox.haul(&["--save-cookies", "c.txt", &origin.url("/file/a")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(origin.count("/login"), 1);
    let text = sandbox.read("c.txt");
    assert!(text.starts_with("# Netscape HTTP Cookie File\n"), "{text}");
    let cookies = lines(&text);
    assert_eq!(cookies.len(), 1, "{text}");
    assert!(
        cookies[0].starts_with("#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t"),
        "{text}"
    );
    assert!(cookies[0].ends_with("\tsession\tgood"), "{text}");
    let mode = sandbox
        .path()
        .join("c.txt")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let ran = sandbox.haul(&["--load-cookies", "c.txt", &origin.url("/file/b")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(origin.count("/login"), 1);
    // Nothing else is left.
    assert_eq!(sandbox.names("."), ["a", "b", "c.txt"]);
}

#[test]
fn cookies_are_written_when_a_run_fails_or_nothing_is_set() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    origin.on("/missing", Script::status(404).header("set-cookie", "a=1"));
    let ran = sandbox.haul(&["--save-cookies", "c.txt", &origin.url("/missing")]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(lines(&sandbox.read("c.txt")).len(), 1);
    let ran = sandbox.haul(&[
        "--save-cookies",
        "c.txt",
        "--dry-run",
        &origin.url("/missing"),
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(lines(&sandbox.read("c.txt")).len(), 1);
    origin.on("/none", Script::ok(Body::of("x")));
    let ran = sandbox.haul(&["--save-cookies", "c.txt", &origin.url("/none")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(lines(&sandbox.read("c.txt")), [""; 0]);
}

#[test]
fn cookies_are_written_when_a_run_is_interrupted() {
    let (origin, sandbox, gate) = (Origin::plain(), Sandbox::new(), Gate::new());
    sandbox.write("c.txt", "h.example\tFALSE\t/\tFALSE\t0\tkept\t1\n");
    let file = Script::ok(Body::seeded(1, 1000)).header("set-cookie", "session=good");
    origin.on("/a", file.hold_at(100, &gate));
    let url = origin.url("/a");
    let arguments = ["--load-cookies", "c.txt", "--save-cookies", "c.txt", &url];
    let child = sandbox.command(&arguments).spawn().unwrap();
    gate.wait_reached(1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(
        lines(&sandbox.read("c.txt"))
            .iter()
            .any(|line| line.ends_with("\tkept\t1"))
    );
}

#[test]
fn bad_lines_of_a_cookie_file_are_skipped_and_told() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.on("/a", Script::ok(Body::of("x")));
    let bad = "secret\n".repeat(2) + "\u{e9}\tsecret\n" + &"h secret\n".repeat(2);
    let good = "127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\n";
    sandbox.write("c.txt", &format!("{bad}{good}"));
    let url = origin.url("/a");
    let ran = sandbox.haul(&["--load-cookies", "c.txt", &url]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(origin.log()[0].headers["cookie"], "name=value");
    for line in [
        "skipped in c.txt: line 1: ",
        "skipped in c.txt: line 2: ",
        "skipped in c.txt: line 3: ",
        "skipped in c.txt: 2 more lines that are no cookies\n",
    ] {
        assert_eq!(ran.stderr.matches(line).count(), 1, "{}", ran.stderr);
    }
    assert_eq!(ran.stderr.matches("skipped in ").count(), 4);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "only Linux names the pipes of other processes"
)]
fn cookies_are_written_to_a_pipe_that_is_read() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let (mut reader, writer) = std::io::pipe().unwrap();
    let path = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
    let ran = sandbox.haul(&["--save-cookies", &path, &origin.url("/file/a")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("\tsession\tgood\n"), "{text}");
}

#[test]
fn cookies_of_the_command_line_go_to_the_url_as_given() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let elsewhere = Origin::plain();
    origin.on("/a", Script::redirect(302, &elsewhere.url("/b")));
    elsewhere.on("/b", Script::ok(Body::of("x")));
    let ran = sandbox.haul(&["-b", "a=b; c=d", "--cookie", "e=f", &origin.url("/a")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(origin.log()[0].headers["cookie"], "a=b; c=d; e=f");
    assert!(!elsewhere.log()[0].headers.contains_key("cookie"));
}

#[test]
fn cookies_that_cannot_be_used_are_told_before_any_request() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let url = origin.url("/a");
    sandbox.write("bad.txt", "# comment\nh FALSE / FALSE 0 name secret\n");
    sandbox.write("json.txt", "[{\"name\": \"secret\"}]");
    sandbox.write("old.txt", "h\tFALSE\t/\tFALSE\t1\tname\tsecret\n");
    for (arguments, says) in [
        (
            ["-b", "old.txt"],
            "to read a cookie file: --load-cookies old.txt",
        ),
        (
            ["-b", "secret"],
            "to read a cookie file: --load-cookies FILE",
        ),
        (
            ["--load-cookies", "none.txt"],
            "--load-cookies: cannot read none.txt: No such file",
        ),
        (
            ["--load-cookies", "bad.txt"],
            "cookies in bad.txt: line 2: there are spaces",
        ),
        (
            ["--load-cookies", "json.txt"],
            "cookies in json.txt: it is JSON",
        ),
        (
            ["--save-cookies", "."],
            "cannot write the cookies to .: it is a folder",
        ),
        (
            ["--save-cookies", "no/c.txt"],
            "no/c.txt: its folder does not exist",
        ),
    ] {
        let ran = sandbox.haul(&[arguments[0], arguments[1], &url]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    }
    assert_eq!(origin.log().len(), 0);
    origin.on("/a", Script::ok(Body::of("x")));
    let ran = sandbox.haul(&["--load-cookies", "old.txt", &url]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let says = "there are no cookies in old.txt, or all of them have expired";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
}
