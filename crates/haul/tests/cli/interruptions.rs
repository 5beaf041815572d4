//! Signals, and readers who leave.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use origin::{Body, Gate, Origin, Script};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Place, Ran};

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn an_interrupted_run_ends_with_130_and_has_a_row_for_what_had_started() {
    let origin = Origin::plain();
    let gate = Gate::new();
    let held = gate.clone();
    origin.under("/", move |_| {
        Script::ok(Body::seeded(1, 1000)).hold_at(100, &held)
    });
    let place = Place::new();
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
    let child = place.command(&arguments).spawn().unwrap();
    gate.wait_reached(2);
    interrupt(&child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(ran.stderr.contains("press Ctrl-C again"), "{}", ran.stderr);
    let rows = place.rows("r.jsonl");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows.iter().all(|row| row["error"]["kind"] == "cancelled"),
        "{rows:?}"
    );
    assert!(!place.has("a") && !place.has("c"));
}

#[test]
fn a_list_that_does_not_end_does_not_keep_an_interrupted_run() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let place = Place::new();
    let mut command = place.command(&["-i", "-", "--results", "-"]);
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
    let place = Place::new();
    let mut child = place
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
fn results_that_cannot_be_written_end_the_run_with_3() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let place = Place::new();
    std::os::unix::fs::symlink("/dev/full", place.path().join("r.jsonl")).unwrap();
    let ran = place.haul(&["--results", "r.jsonl", &origin.url("/a")]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("cannot write the results to r.jsonl"),
        "{}",
        ran.stderr
    );
}
