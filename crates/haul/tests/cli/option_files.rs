//! The files that options name: pipes, files without an end, and files that are waited for.

use std::io::{PipeReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Instant;

use origin::{Body, Origin, Script, client_pem};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};

use crate::{PATIENCE, Sandbox};

/// A pipe with this text in it, and its path. What has been read from it is not there again.
pub(crate) fn pipe(text: &str) -> (PipeReader, String) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    let path = format!("/proc/{}/fd/{}", std::process::id(), reader.as_raw_fd());
    (reader, path)
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "only Linux names the pipes of other processes"
)]
fn each_option_reads_its_file_from_a_pipe() {
    let origin = Origin::builder()
        .tls()
        .known_clients_only()
        .start()
        .unwrap();
    origin.on("/a", Script::ok(Body::of("x")));
    let (certificate, key) = client_pem();
    let url = origin.url("/a");
    let host = url["https://".len()..].split(':').next().unwrap();
    let cookie = format!("{host}\tFALSE\t/\tTRUE\t0\tname\tvalue\n");
    for (option, text, header, value) in [
        ("--load-cookies", cookie, "cookie", "name=value"),
        (
            "--user-file",
            "me:hush\n".into(),
            "authorization",
            "Basic bWU6aHVzaA==",
        ),
        (
            "--bearer-file",
            "token\n".into(),
            "authorization",
            "Bearer token",
        ),
        (
            "--netrc-file",
            format!("machine {host} login me password hush"),
            "authorization",
            "Basic bWU6aHVzaA==",
        ),
        ("--config", "header = \"X-Key: 1\"".into(), "x-key", "1"),
    ] {
        let files = [
            ("--cacert", pipe(origin.ca_pem())),
            ("--pinnedpubkey", pipe(origin.certificate_pem())),
            ("--cert", pipe(&certificate)),
            ("--key", pipe(&key)),
            ("--proxy-cacert", pipe(origin.ca_pem())),
            (option, pipe(&text)),
        ];
        let sandbox = Sandbox::new();
        let mut arguments = vec!["-o", "-", &url];
        for (option, (_, path)) in &files {
            arguments.extend([option, path.as_str()]);
        }
        let ran = sandbox.haul(&arguments);
        assert_eq!(ran.code, Some(0), "{option}: {}", ran.stderr);
        let log = origin.log();
        let sent = &log.last().unwrap().headers;
        assert_eq!(sent[header], value, "{option}");
    }
}

#[test]
fn file_without_an_end_is_named_with_its_option_and_limit() {
    let sandbox = Sandbox::new();
    sandbox.write("cert.pem", &client_pem().0);
    for (option, limit) in [
        ("--cacert", "16 MiB"),
        ("--capath", "16 MiB"),
        ("--proxy-cacert", "16 MiB"),
        ("--cert", "16 MiB"),
        ("--key", "16 MiB"),
        ("--load-cookies", "16 MiB"),
        ("--pinnedpubkey", "1 MiB"),
        ("--netrc-file", "1 MiB"),
        ("--bearer-file", "1 MiB"),
        ("--config", "1 MiB"),
        ("--user-file", "64 KiB"),
    ] {
        let mut arguments = vec![option, "/dev/zero", "http://a.example/"];
        if option == "--key" {
            arguments.extend(["--cert", "cert.pem"]);
        }
        let ran = sandbox.haul(&arguments);
        assert_eq!(ran.code, Some(2), "{option}: {}", ran.stderr);
        let named = if option == "--config" {
            "error: cannot read /dev/zero: ".to_owned()
        } else {
            format!("error: {option}: cannot read /dev/zero: ")
        };
        assert!(ran.stderr.starts_with(&named), "{}", ran.stderr);
        assert!(ran.stderr.contains(limit), "{}", ran.stderr);
        assert!(!sandbox.has(".haul"));
    }
}

#[test]
fn signal_ends_haul_while_it_waits_for_an_option_file() {
    let sandbox = Sandbox::new();
    sandbox.write("cert.pem", &client_pem().0);
    for option in [
        "--cacert",
        "--capath",
        "--proxy-cacert",
        "--cert",
        "--key",
        "--load-cookies",
        "--pinnedpubkey",
        "--netrc-file",
        "--bearer-file",
        "--config",
        "--user-file",
    ] {
        let name = format!("pipe{option}");
        let made = Command::new("mkfifo")
            .arg(sandbox.path().join(&name))
            .status();
        assert!(made.unwrap().success());
        let mut arguments = vec![option, &name, "http://a.example/"];
        if option == "--key" {
            arguments.extend(["--cert", "cert.pem"]);
        }
        let mut child = sandbox.command(&arguments).spawn().unwrap();
        // The pipe can be opened as soon as haul has.
        let started = Instant::now();
        let pipe = sandbox.path().join(&name);
        let how = OFlags::WRONLY | OFlags::NONBLOCK;
        #[expect(
            clippy::disallowed_methods,
            reason = "the pipe is there; nothing is created"
        )]
        let writer = loop {
            if let Ok(writer) = rustix::fs::open(&pipe, how, Mode::empty()) {
                break writer;
            }
            assert!(child.try_wait().unwrap().is_none(), "{option}");
            assert!(started.elapsed() < PATIENCE, "{option}");
            std::thread::yield_now();
        };
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let ended = child.wait().unwrap();
        assert_eq!(ended.signal(), Some(Signal::TERM.as_raw()), "{option}");
        drop(writer);
    }
}

#[test]
fn folder_in_place_of_a_file_is_named_with_its_option() {
    let sandbox = Sandbox::new();
    for option in ["--load-cookies", "--netrc-file", "--pinnedpubkey"] {
        let ran = sandbox.haul(&[option, ".", "http://a.example/"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let says = format!("error: {option}: cannot read .: Is a directory");
        assert!(ran.stderr.starts_with(&says), "{}", ran.stderr);
    }
}
