//! A command for each complete file: what it is told, and what comes of its failures.

use std::os::fd::OwnedFd;
use std::process::{Child, Command};

use origin::{Body, Origin, Script};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};

use crate::Sandbox;

/// An origin with files of 5 bytes.
fn files() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("12345")));
    origin
}

/// Writes the list `list.txt` of such files.
fn list(sandbox: &Sandbox, origin: &Origin, names: &[&str]) {
    let lines = names.iter().map(|name| origin.url(&format!("/{name}\n")));
    sandbox.write("list.txt", &lines.collect::<String>());
}

/// A command that cannot end before what [`wait`](Self::wait) returns is
/// dropped.
struct Held(std::path::PathBuf);

impl Held {
    /// Makes the pipe `go`, which `cat go` waits for.
    fn new(sandbox: &Sandbox) -> Self {
        let pipe = sandbox.path().join("go");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        Self(pipe)
    }

    /// Waits until such a command runs, and returns what it waits for.
    #[expect(clippy::disallowed_methods, reason = "the test holds a pipe open")]
    fn wait(&self) -> OwnedFd {
        open(&self.0, OFlags::WRONLY, Mode::empty()).unwrap()
    }
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn a_command_is_told_of_each_file() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let tell = r#"sh -c 'echo "$HAUL_STATUS $HAUL_BYTES $HAUL_URL $HAUL_SHA256 $HAUL_ETAG." > "$0.told"' {}"#;
    let (a, b) = (origin.url("/a"), origin.url("/b%20c"));
    let ran = sandbox.haul(&["-d", "d", "--hash", "sha256", "--on-complete", tell, &a, &b]);
    assert_eq!((ran.code, &*ran.stdout), (Some(0), ""), "{}", ran.stderr);
    let sum = "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5";
    assert_eq!(sandbox.read("d/a.told"), format!("done 5 {a} {sum} .\n"));
    assert_eq!(sandbox.read("d/b c.told"), format!("done 5 {b} {sum} .\n"));
    // They are there, and so it runs for none of them.
    let again = sandbox.haul(&[
        "-d",
        "d",
        "--on-complete",
        "false",
        "--on-complete-fails",
        &a,
    ]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

#[test]
fn no_shell_reads_the_command() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let copy = "cp {} '$HOME; {}.copy'";
    let ran = sandbox.haul(&["--on-complete", copy, &origin.url("/a")]);
    assert!(ran.stderr.contains("cp: "), "{}", ran.stderr);
    let copy = r#"cp {} "{}  copy""#;
    let ran = sandbox.haul(&["--on-complete", copy, &origin.url("/b")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.read("b  copy"), "12345");
}

#[test]
fn what_a_command_prints_goes_to_standard_error() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let say = "sh -c 'echo said; echo warned >&2'";
    let ran = sandbox.haul(&["--on-complete", say, "--results", "-", &origin.url("/a")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("a: said\na: warned\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    let url = origin.url("/b");
    let quiet = sandbox.haul(&["-q", "--on-complete", say, &url]);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_failing_command_is_noted_and_its_item_is_done() {
    let (origin, sandbox) = (files(), Sandbox::new());
    list(&sandbox, &origin, &["a"]);
    let fails = "sh -c 'echo no room; exit 9'";
    let arguments = [
        "-i",
        "list.txt",
        "--on-complete",
        fails,
        "--results",
        "r.jsonl",
    ];
    let ran = sandbox.haul(&arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let note = "its command failed: sh: exit status: 9: no room";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    let row = &sandbox.rows("r.jsonl")[0];
    assert_eq!(
        (&row["status"], &row["path"]),
        (&"done".into(), &"a".into())
    );
    assert_eq!(
        (&row["error"]["kind"], &row["error"]["message"]),
        (&"command".into(), &note.into())
    );
    let recorded = sandbox.haul(&["results", ".", "--format", "jsonl"]);
    assert!(recorded.stdout.contains(note), "{}", recorded.stdout);
    // It was done, and so is not done again.
    let again = sandbox.haul(&arguments);
    assert!(!again.stderr.contains("command"), "{}", again.stderr);
    assert_eq!(sandbox.rows("r.jsonl")[0]["status"], "skipped");
}

#[test]
fn an_item_fails_with_its_command_and_only_that_is_repeated() {
    let (origin, sandbox) = (files(), Sandbox::new());
    list(&sandbox, &origin, &["a", "b", "a"]);
    let command = "sh -c 'test -e ready'";
    let arguments = [
        "-i",
        "list.txt",
        "--on-complete",
        command,
        "--on-complete-fails",
        "--results",
        "r.jsonl",
    ];
    let ran = sandbox.haul(&arguments);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for row in sandbox.rows("r.jsonl") {
        assert_eq!(row["status"], "failed", "{row}");
        assert_eq!(row["error"]["kind"], "command", "{row}");
    }
    assert_eq!(sandbox.read("a"), "12345");
    let requests = origin.log().len();
    sandbox.write("ready", "");
    let again = sandbox.haul(&arguments);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    for row in sandbox.rows("r.jsonl") {
        assert_eq!(
            (&row["status"], &row["bytes"]),
            (&"skipped".into(), &5.into()),
            "{row}"
        );
    }
    assert_eq!(origin.log().len(), requests);
    let third = sandbox.haul(&[
        "-i",
        "list.txt",
        "--on-complete",
        "false",
        "--on-complete-fails",
    ]);
    assert_eq!(third.code, Some(0), "{}", third.stderr);
}

#[test]
fn urls_whose_commands_failed_are_completed_by_the_same_command() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let url = origin.url("/a");
    let arguments = [
        "--on-complete",
        "sh -c 'test -e ready'",
        "--on-complete-fails",
        &url,
    ];
    assert_eq!(sandbox.haul(&arguments).code, Some(1));
    let requests = origin.log().len();
    sandbox.write("ready", "");
    let again = sandbox.haul(&arguments);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(origin.log().len(), requests);
    assert!(!sandbox.has(".haul"));
}

#[test]
fn items_are_recorded_as_done_after_their_commands() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let names: Vec<_> = (0..500).map(|at| format!("f{at}")).collect();
    list(
        &sandbox,
        &origin,
        &names.iter().map(|name| &**name).collect::<Vec<_>>(),
    );
    let ran = sandbox.haul(&["-i", "list.txt", "--on-complete", "true"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // That a file is complete is recorded before that it is done, most likely in the same group.
    let failed = sandbox.haul(&["results", ".", "--status", "failed", "--format", "jsonl"]);
    assert_eq!(failed.stdout, "");
}

#[test]
fn the_end_of_a_long_output_is_the_reason_of_a_failure() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let command = "sh -c 'seq 1 20000; echo no room; exit 1'";
    let ran = sandbox.haul(&["--on-complete", command, &origin.url("/a")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for says in [
        "a: 1\n",
        "the rest of its output is left out",
        "its command failed: sh: exit status: 1: no room",
        "0 failed",
        "; 1 command failed",
    ] {
        assert!(ran.stderr.contains(says), "{says}");
    }
}

#[test]
fn an_interrupted_run_leaves_the_commands_that_wait_to_the_next_one() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let held = Held::new(&sandbox);
    list(&sandbox, &origin, &["a", "b", "c"]);
    let command = "sh -c 'echo x >> ran; cat go > /dev/null'";
    let arguments = [
        "-i",
        "list.txt",
        "--on-complete",
        command,
        "--on-complete-jobs",
        "1",
        "--report",
        "r.html",
        "--metrics-file",
        "m.prom",
        "--log-file",
        "log",
    ];
    let mut child = sandbox.command(&arguments).spawn().unwrap();
    let first = held.wait();
    interrupt(&child);
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Ctrl-C again") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
    }
    drop(first);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(sandbox.read("ran"), "x\n");
    assert_eq!(sandbox.read("c"), "12345");
    // Two are left to the next run, and nothing has failed.
    let (page, metrics, log) = (
        sandbox.read("r.html"),
        sandbox.read("m.prom"),
        sandbox.read("log"),
    );
    for (text, says) in [
        (&page, "id=\"failed\" data-value=\"0\""),
        (&page, "id=\"cancelled\" data-value=\"2\""),
        (&metrics, "haul_items_total{status=\"failed\"} 0\n"),
        (&metrics, "haul_items_total{status=\"cancelled\"} 2\n"),
        (&log, "interrupted: 1 of 3 done, 2 partial"),
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(!metrics.contains("haul_errors_total{"), "{metrics}");
    assert!(!log.contains("\"level\":\"error\""), "{log}");
    let requests = origin.log().len();
    let ran = sandbox.haul(&["-i", "list.txt", "--on-complete", "sh -c 'echo x >> ran'"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.read("ran"), "x\nx\nx\n");
    assert_eq!(origin.log().len(), requests);
}

#[test]
fn after_a_kill_the_next_run_repeats_the_command() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let held = Held::new(&sandbox);
    list(&sandbox, &origin, &["a"]);
    let command = "sh -c 'echo x >> ran; cat go > /dev/null'";
    let arguments = [
        "-i",
        "list.txt",
        "--durability",
        "each",
        "--on-complete",
        command,
    ];
    let mut child = sandbox.command(&arguments).spawn().unwrap();
    let first = held.wait();
    let has_ended = || {
        let recorded = sandbox.haul(&["results", ".", "--status", "failed", "--format", "jsonl"]);
        recorded.stdout.contains("its command had not ended")
    };
    while !has_ended() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(first);
    let requests = origin.log().len();
    let ran = sandbox.haul(&["-i", "list.txt", "--on-complete", "sh -c 'echo x >> ran'"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.read("ran"), "x\nx\n");
    assert_eq!(origin.log().len(), requests);
}

#[test]
fn no_more_commands_run_at_once_than_allowed() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let names: Vec<_> = (0..20).map(|at| format!("f{at}")).collect();
    list(
        &sandbox,
        &origin,
        &names.iter().map(|name| &**name).collect::<Vec<_>>(),
    );
    let log = "sh -c 'echo begin >> log; echo end >> log'";
    let ran = sandbox.haul(&[
        "-i",
        "list.txt",
        "--on-complete",
        log,
        "--on-complete-jobs",
        "2",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (mut running, mut most) = (0, 0);
    for line in sandbox.read("log").lines() {
        running += if line == "begin" { 1 } else { -1 };
        most = most.max(running);
    }
    assert_eq!((running, most <= 2), (0, true));
}

#[test]
fn few_descriptors_bound_the_commands() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let names: Vec<_> = (0..100).map(|at| format!("f{at}")).collect();
    let names: Vec<_> = names.iter().map(|name| &**name).collect();
    list(&sandbox, &origin, &names);
    let command = ["--on-complete", "true", "--on-complete-jobs", "1000"];
    let haul = sandbox.command(&[&["-i", "list.txt"][..], &command].concat());
    let ran = Command::new("sh")
        .args(["-c", "ulimit -n 256; exec \"$@\"", "sh"])
        .arg(haul.get_program())
        .args(haul.get_args())
        .current_dir(sandbox.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{said}");
    assert!(
        said.contains("at most 6 commands of --on-complete run at once"),
        "{said}"
    );
    assert!(
        !said.contains("failed;") && !said.contains("commands failed"),
        "{said}"
    );
}

#[test]
fn failed_commands_are_counted_alike() {
    let (origin, sandbox) = (files(), Sandbox::new());
    list(&sandbox, &origin, &["a", "b"]);
    let mut arguments = vec!["-i", "list.txt", "--on-complete", "false"];
    arguments.extend([
        "--report",
        "r.html",
        "--metrics-file",
        "m.prom",
        "--log-file",
        "l",
    ]);
    let ran = sandbox.haul(&arguments);
    assert!(ran.stderr.contains("; 2 commands failed"), "{}", ran.stderr);
    let page = sandbox.read("r.html");
    assert!(page.contains("id=\"commands\" data-value=\"2\""));
    assert!(
        sandbox
            .read("m.prom")
            .contains("haul_command_failures_total 2\n")
    );
    assert!(sandbox.read("l").contains("\"commands_failed\":2"));
    let recorded = sandbox.haul(&["report", "."]).stdout;
    assert!(recorded.contains("id=\"commands\" data-value=\"2\""));
}

#[test]
fn a_command_that_cannot_run_is_refused_at_once() {
    let (origin, sandbox) = (files(), Sandbox::new());
    let url = origin.url("/a");
    for (arguments, says) in [
        (
            vec!["--on-complete", "no-such-program {}"],
            "there is no program no-such-program",
        ),
        (vec!["--on-complete", "'a"], "a quote does not end"),
        (
            vec!["--on-complete", "true", "-o", "-"],
            "no command could read it",
        ),
        (
            vec!["--on-complete", "gzip -k {} && rm {}"],
            "so && has no meaning; write sh -c",
        ),
        (vec!["--on-complete-fails"], "--on-complete <CMD>"),
    ] {
        let ran = sandbox.haul(&[&arguments[..], &[&url]].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    assert_eq!(origin.log().len(), 0);
}
