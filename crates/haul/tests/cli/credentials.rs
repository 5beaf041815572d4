//! Logins as users give them: files, the terminal, the environment; and that no secret is seen.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use origin::{Body, Origin, Script};

use crate::terminal::Terminal;
use crate::{Ran, Sandbox};

/// A server that serves all to `me` with the password `hush`.
fn basic() -> Origin {
    behind(|headers| authorization(headers) == "Basic bWU6aHVzaA==")
}

fn behind(is_right: impl Fn(&HeaderMap) -> bool + Send + Sync + 'static) -> Origin {
    let origin = Origin::plain();
    origin.under("/", move |request| {
        if is_right(&request.headers) {
            Script::ok(Body::of("file"))
        } else {
            let challenge = "Basic realm=\"x\"";
            Script::status(401).header("www-authenticate", challenge)
        }
    });
    origin
}

fn authorization(headers: &HeaderMap) -> &str {
    let value = headers.get(AUTHORIZATION);
    value.map_or("", |value| value.to_str().unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn write_private(sandbox: &Sandbox, name: &str, text: &str) {
    sandbox.write(name, text);
    set_mode(&sandbox.path().join(name), 0o600);
}

#[track_caller]
fn assert_done(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn netrc_is_found_where_curl_finds_it() {
    let origin = basic();
    let url = origin.url("/a");
    let sandbox = Sandbox::new();
    let netrc = "machine 127.0.0.1 login me password hush";
    write_private(&sandbox, ".netrc", netrc);
    write_private(&sandbox, "other", netrc);
    let run = |arguments: &[&str], home: &str, netrc: &str| -> Ran {
        let mut command = sandbox.command(&[arguments, &["--exists", "overwrite", &url]].concat());
        let command = command
            .env("HOME", sandbox.path().join(home))
            .env("NETRC", netrc);
        command.output().unwrap().into()
    };
    assert_done(&run(&["--netrc"], ".", ""));
    assert_done(&run(&["-n"], ".", ""));
    assert_done(&run(&["--netrc-optional"], ".", ""));
    assert_done(&run(&["-n"], "missing", "other"));
    assert_done(&run(&["--netrc-file", "other"], "missing", ""));
    assert_done(&run(&["-n", "-u", "me"], ".", ""));
    let missing = run(&["-n"], "missing", "");
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.stderr.contains("missing/.netrc: No such file"),
        "{}",
        missing.stderr
    );
    let optional = run(&["--netrc-optional"], "missing", "");
    assert_eq!(optional.code, Some(1));
    assert!(
        optional.stderr.contains("-u USER or --netrc"),
        "{}",
        optional.stderr
    );
}

#[test]
fn user_who_is_not_in_the_netrc_is_asked_for_a_password() {
    let origin = basic();
    let sandbox = Sandbox::new();
    write_private(
        &sandbox,
        "netrc",
        "machine 127.0.0.1 login other password x",
    );
    write_private(&sandbox, "list", &origin.url("/a"));
    let netrc = ["--netrc-file", "netrc", "-u", "me"];
    let url = origin.url("/a");
    for (given, names_url) in [([url.as_str()].as_slice(), true), (&["-i", "list"], false)] {
        let mut command = sandbox.command(&[&netrc, given].concat());
        let mut session = Command::new("setsid");
        let session = session
            .arg("--wait")
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(sandbox.path());
        let ran: Ran = session.output().unwrap().into();
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let says = "-u me has no password, netrc has no entry of this user";
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains(&url), names_url, "{}", ran.stderr);
        // Nothing is sent in a dry run.
        assert_done(&command.arg("--dry-run").output().unwrap().into());
    }
    assert!(origin.log().is_empty());
}

#[test]
fn login_on_the_command_line_need_not_be_utf8() {
    // "m\xFC:\xFF" in Base64.
    let origin = behind(|headers| authorization(headers) == "Basic bfw6/w==");
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&[&origin.url("/a")]);
    command.arg("-u").arg(OsStr::from_bytes(b"m\xFC:\xFF"));
    assert_done(&command.output().unwrap().into());
}

#[test]
fn file_with_passwords_that_others_can_read_is_told() {
    let origin = basic();
    let sandbox = Sandbox::new();
    sandbox.write("netrc", "machine 127.0.0.1 login me password hush");
    for (mode, is_told) in [(0o600, false), (0o644, true), (0o640, true)] {
        set_mode(&sandbox.path().join("netrc"), mode);
        let ran = sandbox.haul(&["--netrc-file", "netrc", &origin.url("/a")]);
        assert_done(&ran);
        let told = ran
            .stderr
            .contains("other users can read the passwords in netrc");
        assert_eq!(told, is_told, "{mode:o}: {}", ran.stderr);
        assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
    }
}

#[test]
fn user_and_password_are_read_from_a_file_or_standard_input() {
    let origin = basic();
    let sandbox = Sandbox::new();
    write_private(&sandbox, "user", "me:hush\r\nmore\n");
    assert_done(&sandbox.haul(&["--user-file", "user", &origin.url("/a")]));
    let mut command = sandbox.command(&["--user-file", "-", &origin.url("/b")]);
    let input = std::fs::File::open(sandbox.path().join("user")).unwrap();
    let ran: Ran = command.stdin(input).output().unwrap().into();
    assert_done(&ran);
}

/// haul in a session of its own: without a terminal, or with this one.
fn in_session(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let haul = sandbox.command(arguments);
    let mut command = Command::new("setsid");
    command
        .arg("--ctty")
        .arg("--wait")
        .arg(haul.get_program())
        .args(haul.get_args())
        .current_dir(sandbox.path())
        .stdout(Stdio::piped());
    command
}

#[test]
fn password_is_asked_for_on_the_terminal_and_not_shown() {
    let origin = basic();
    let sandbox = Sandbox::new();
    let (mut terminal, slave) = Terminal::new(10, 100);
    let url = origin.url("/a");
    let mut command = in_session(&sandbox, &["-u", "me", "--progress", "plain", &url]);
    let stdin = slave.try_clone().unwrap();
    let mut child = command.stdin(stdin).stderr(slave).spawn().unwrap();
    drop(command);
    let shows = |rows: &[String], text: &str| rows.iter().any(|row| row.contains(text));
    terminal.read_until(|rows| shows(rows, "Password for user me:"));
    terminal.type_keys("hush\r");
    while terminal.read() {}
    assert!(child.wait().unwrap().success(), "{:?}", terminal.rows());
    assert!(!shows(&terminal.rows(), "hush"), "{:?}", terminal.rows());
    assert_eq!(sandbox.read("a"), "file");
}

#[test]
fn password_cannot_be_asked_for_without_a_terminal() {
    let sandbox = Sandbox::new();
    let mut command = Command::new("setsid");
    let haul = sandbox.command(&["-u", "me", "http://a.example/"]);
    command
        .arg("--wait")
        .arg(haul.get_program())
        .args(haul.get_args());
    let ran: Ran = command.stdin(Stdio::null()).output().unwrap().into();
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("no terminal to ask"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--user-file FILE"), "{}", ran.stderr);
}

#[test]
fn token_in_a_file_is_sent() {
    let origin = behind(|headers| authorization(headers) == "Bearer t0ken");
    let sandbox = Sandbox::new();
    write_private(&sandbox, "token", "t0ken\n");
    assert_done(&sandbox.haul(&["--bearer-file", "token", &origin.url("/a")]));
    let ran = sandbox.haul(&["--bearer-file", "token", "-u", "a:b", &origin.url("/a")]);
    assert_ne!(ran.code, Some(0));
}

/// All files below a folder, as bytes.
fn contents(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contents(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn no_secret_is_in_outputs_results_or_the_state() {
    // Each secret has this in it.
    let secret = "S3CRET";
    let asks = [
        "Basic realm=\"x\"",
        "Digest realm=\"x\", nonce=\"n\", qop=\"auth\"",
        "Bearer",
    ];
    let origin = Origin::plain();
    origin.under("/ask", move |request| {
        let nth: usize = request.query("n").unwrap().parse().unwrap();
        Script::status(401).header("www-authenticate", asks[nth])
    });
    origin.under("/file", |_| Script::entity(Body::seeded(1, 1000), "\"a\""));
    let userinfo = format!("http://x:{secret}-url@");
    let led = origin
        .url("/ask?n=0")
        .replace("http://", &format!("http://y:{secret}-led@"));
    origin.on("/led", Script::redirect(302, &led));
    let sandbox = Sandbox::new();
    let all = ["/ask?n=0", "/ask?n=1", "/ask?n=2", "/file", "/led"];
    let rows = all.iter().enumerate().flat_map(|(nth, path)| {
        let open = format!("{}\tout=open{nth}", origin.url(path));
        let own = open
            .replace("http://", &userinfo)
            .replace("out=open", "out=own");
        [open, own]
    });
    let list: Vec<String> = rows.collect();
    sandbox.write("list", &list.join("\n"));
    write_private(
        &sandbox,
        "netrc",
        &format!("machine 127.0.0.1 login n password {secret}-netrc"),
    );
    write_private(&sandbox, "user", &format!("u:{secret}-file"));
    write_private(&sandbox, "token", &format!("{secret}-token"));
    write_private(
        &sandbox,
        "broken",
        &format!("machine a login u password \"{secret}"),
    );
    sandbox.write(
        "bad",
        &format!("http://u:{secret}-bad@exa mple/\nhttp://u:{secret}@h/x\ty=z\n"),
    );
    let user = format!("u:{secret}-user");
    let header = format!("Authorization: Basic {secret}-header");
    let mut outputs = Vec::new();
    for (nth, login) in [
        &["-u", &user][..],
        &["--user-file", "user"],
        &["--netrc-file", "netrc"],
        &["--bearer-file", "token"],
        &["-H", &header],
        &["--netrc-file", "broken"],
        &["--user-file", "token"],
        &["--bearer-file", "user", "-i", "bad"],
    ]
    .into_iter()
    .enumerate()
    {
        for progress in ["plain", "json"] {
            let (folder, results) = (format!("to{nth}{progress}"), format!("r{nth}.jsonl"));
            let how = ["-v", "-i", "list", "-d", &folder, "--results", &results];
            let ran = sandbox.haul(&[login, &how, &["--progress", progress]].concat());
            outputs.push((
                format!("{login:?}"),
                (ran.stdout + &ran.stderr).into_bytes(),
            ));
            let recorded = sandbox.haul(&["results", &folder]);
            let recorded = recorded.stdout + &recorded.stderr;
            outputs.push((format!("results of {login:?}"), recorded.into_bytes()));
        }
    }
    let log = origin.log();
    let sent: Vec<String> = log
        .iter()
        .filter_map(|asked| authorization(&asked.headers).strip_prefix("Basic "))
        .map(str::to_owned)
        .collect();
    assert!(sent.len() > 10, "they were sent");
    for given in ["list", "netrc", "user", "token", "broken", "bad"] {
        std::fs::remove_file(sandbox.path().join(given)).unwrap();
    }
    contents(sandbox.path(), &mut outputs);
    assert!(outputs.iter().any(|(name, _)| name.ends_with("state.db")));
    for (name, bytes) in &outputs {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains(secret), "{name}: {text}");
        let encoded = sent.iter().find(|encoded| text.contains(encoded.as_str()));
        assert_eq!(encoded, None, "{name}");
    }
}
