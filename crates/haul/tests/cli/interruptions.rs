//! Signals, and readers who leave.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use origin::{Body, Gate, Origin, Script};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Ran, Sandbox};

fn interrupt(child: &Child) {
    send(child, Signal::INT);
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn an_interrupted_run_ends_with_130_and_has_a_row_for_what_had_started() {
    let origin = Origin::plain();
    let gate = Gate::new();
    let held = gate.clone();
    origin.under("/", move |_| {
        Script::ok(Body::seeded(1, 1000)).hold_at(100, &held)
    });
    let sandbox = Sandbox::new();
    let urls = [origin.url("/a"), origin.url("/b"), origin.url("/c")];
    let arguments = [
        "-j",
        "2",
        "--results",
        "r.jsonl",
        &urls[0],
        &urls[1],
        &urls[2],
    ];
    let child = sandbox.command(&arguments).spawn().unwrap();
    gate.wait_reached(2);
    interrupt(&child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(ran.stderr.contains("press Ctrl-C again"), "{}", ran.stderr);
    let rows = sandbox.rows("r.jsonl");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows.iter().all(|row| row["error"]["kind"] == "cancelled"),
        "{rows:?}"
    );
    assert!(!sandbox.has("a") && !sandbox.has("c"));
}

#[test]
fn a_list_that_does_not_end_does_not_keep_an_interrupted_run() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["-i", "-", "--results", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", origin.url("/a")).unwrap();
    // A row is there as soon as its line is: nothing waits for the list's end.
    let mut row = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut row)
        .unwrap();
    assert!(row.contains("\"done\""), "{row}");
    interrupt(&child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    drop(stdin);
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::of("x")).hold(&gate));
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(&["--results", "-", &origin.url("/a")])
        .spawn()
        .unwrap();
    gate.wait_reached(1);
    drop(child.stdout.take());
    gate.open();
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux has /dev/full")]
fn results_that_cannot_be_written_end_the_run_with_3() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    std::os::unix::fs::symlink("/dev/full", sandbox.path().join("r.jsonl")).unwrap();
    let ran = sandbox.haul(&["--results", "r.jsonl", &origin.url("/a")]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("cannot write the results to r.jsonl"),
        "{}",
        ran.stderr
    );
}

const HALF: u64 = 1 << 20;

/// An origin whose files under `/done/` come at once, and of whose others a gate holds half back.
fn half_open() -> (Origin, Gate) {
    let (origin, gate) = (Origin::plain(), Gate::new());
    let held = gate.clone();
    origin.under("/done/", |_| Script::ok(Body::of("x")));
    origin.under("/half/", move |_| {
        Script::entity(Body::seeded(1, 2 * HALF), "\"a\"").hold_at(HALF, &held)
    });
    (origin, gate)
}

/// A list of 12 files that come, and of 28 of which only half does.
fn forty(origin: &Origin) -> String {
    let done = (0..12).map(|nth| origin.url(&format!("/done/{nth}\n")));
    let half = (0..28).map(|nth| origin.url(&format!("/half/{nth}\n")));
    done.chain(half).collect()
}

/// What is left of forty by this signal.
fn stopped_by(signal: Signal) -> (Origin, Gate, Sandbox, Ran) {
    let (origin, gate) = half_open();
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", &forty(&origin));
    let arguments = ["-i", "list.txt", "-j", "4", "--results", "-"];
    let mut child = sandbox.command(&arguments).spawn().unwrap();
    let mut rows = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..12 {
        rows.read_line(&mut String::new()).unwrap();
    }
    sandbox.wait_for_parts(4, 256 << 10);
    send(&child, signal);
    let ran = child.wait_with_output().unwrap().into();
    (origin, gate, sandbox, ran)
}

#[test]
fn every_signal_stops_at_a_point_to_resume_from() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (origin, gate, sandbox, ran) = stopped_by(signal);
        assert_eq!(ran.code, Some(130), "{}", ran.stderr);
        assert!(
            ran.stderr.ends_with(
                "interrupted: 12 of 40 done, 4 partial, 24 not started; \
                 run the same command again to resume\n"
            ),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("failed"), "{}", ran.stderr);
        gate.open();
        let again = sandbox.haul(&["-i", "list.txt", "--results", "r.jsonl"]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert_eq!(origin.count("/done/0"), 1);
        let resumed: u64 = sandbox
            .rows("r.jsonl")
            .iter()
            .map(|row| row["resumed"].as_u64().unwrap())
            .sum();
        assert!(resumed >= HALF, "{resumed}");
        assert!(
            again.stderr.contains(" resumed from before)"),
            "{}",
            again.stderr
        );
        let recorded = sandbox.haul(&["results", "."]);
        let recorded = recorded.stdout.lines().map(|row| {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            row["resumed"].as_u64().unwrap()
        });
        assert_eq!(recorded.sum::<u64>(), resumed);
    }
}

#[test]
fn what_is_too_short_to_resume_is_not_called_partial() {
    let (origin, gate) = (Origin::plain(), Gate::new());
    let body = Body::seeded(1, 2 * HALF);
    origin.on(
        "/a",
        Script::entity(body, "\"a\"").hold_at(128 << 10, &gate),
    );
    let sandbox = Sandbox::new();
    let url = origin.url("/a");
    let child = sandbox.command(&[&url]).spawn().unwrap();
    sandbox.wait_for_parts(1, 128 << 10);
    send(&child, Signal::INT);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert!(
        ran.stderr.contains("0 of 1 done, 0 partial, 1 not started"),
        "{}",
        ran.stderr
    );
    gate.open();
    let again = sandbox.haul(&[&url, "--results", "r.jsonl"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(sandbox.rows("r.jsonl")[0]["resumed"], 0);
}

#[test]
fn rows_that_only_wait_are_not_partial() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::status(503).header("retry-after", "60"));
    let sandbox = Sandbox::new();
    let urls: Vec<_> = (0..5).map(|nth| origin.url(&format!("/{nth}"))).collect();
    let mut arguments = vec!["--progress", "json"];
    arguments.extend(urls.iter().map(String::as_str));
    let mut child = sandbox.command(&arguments).spawn().unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    let mut event = String::new();
    while !event.contains("\"host_waits\"") {
        event.clear();
        assert!(events.read_line(&mut event).unwrap() > 0);
    }
    assert!(
        event.contains("\"http_status\":503,\"retry_after\":true"),
        "{event}"
    );
    interrupt(&child);
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    let last: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(
        (&last["interrupted"], &last["partial"], &last["not_started"]),
        (&true.into(), &0.into(), &5.into())
    );
}

#[test]
fn a_list_not_read_to_its_end_has_no_total() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["-i", "-", "--results", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", origin.url("/a")).unwrap();
    let mut rows = BufReader::new(child.stdout.take().unwrap());
    rows.read_line(&mut String::new()).unwrap();
    interrupt(&child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert!(
        ran.stderr
            .contains("interrupted: 1 done, 0 partial, the rest not started; "),
        "{}",
        ran.stderr
    );
}

/// What becomes of a run that was started with a signal ignored, and that gets it.
fn ignoring(signal: &str, number: Signal) -> Ran {
    let (origin, gate) = half_open();
    let sandbox = Sandbox::new();
    let haul = env!("CARGO_BIN_EXE_haul");
    let line = format!("trap '' {signal}; exec {haul} {}", origin.url("/half/a"));
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(sandbox.path());
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    gate.wait_reached(1);
    send(&child, number);
    if number == Signal::HUP {
        gate.open();
    }
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_run_under_nohup_survives_a_hangup() {
    let ran = ignoring("HUP", Signal::HUP);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_background_job_of_a_script_can_be_interrupted() {
    let ran = ignoring("INT", Signal::INT);
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux has /dev/full")]
fn a_run_that_cannot_write_its_results_says_what_is_left() {
    let (origin, gate) = half_open();
    let sandbox = Sandbox::new();
    std::os::unix::fs::symlink("/dev/full", sandbox.path().join("r.jsonl")).unwrap();
    let urls = ["/done/a", "/half/b"].map(|path| origin.url(path));
    let arguments = ["--results", "r.jsonl", &urls[0], &urls[1]];
    let ran = sandbox.haul(&arguments);
    drop(gate);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("interrupted: 1 of 2 done, "),
        "{}",
        ran.stderr
    );
}
