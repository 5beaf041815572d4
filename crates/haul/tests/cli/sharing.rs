//! Several runs in one folder.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr};

use origin::{Body, Gate, Origin, Script};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Ran, Sandbox};

/// A run of a list that waits at a gate.
fn holding(sandbox: &Sandbox, origin: &Origin, gate: &Gate) -> Child {
    origin.on("/a", Script::ok(Body::of("x")).hold(gate));
    sandbox.write("urls.txt", &origin.url("/a"));
    let child = sandbox
        .command(&["-i", "urls.txt", "-d", "d"])
        .spawn()
        .unwrap();
    gate.wait_reached(1);
    child
}

/// Starts another one, and waits until it has said whom it waits for.
fn waiting(sandbox: &Sandbox) -> (Child, String, BufReader<ChildStderr>) {
    let mut child = sandbox
        .command(&["-i", "urls.txt", "-d", "d"])
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut said).unwrap();
    (child, said, errors)
}

#[test]
fn second_run_of_a_list_says_for_whom_it_waits_and_goes_on() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let first = holding(&sandbox, &origin, &gate);
    let (second, said, _errors) = waiting(&sandbox);
    let starts = format!("waiting for process {} on ", first.id());
    assert!(said.starts_with(&starts), "{said}");
    assert!(
        said.ends_with(", which is downloading urls.txt into d\n"),
        "{said}"
    );
    gate.open();
    for run in [first, second] {
        let ran: Ran = run.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    assert_eq!(origin.count("/a"), 1);
}

#[test]
fn signal_ends_the_wait_for_another_run() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let first = holding(&sandbox, &origin, &gate);
    let (mut second, _, mut errors) = waiting(&sandbox);
    kill_process(Pid::from_child(&second), Signal::INT).unwrap();
    let mut said = String::new();
    errors.read_to_string(&mut said).unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(130), "{said}");
    assert_eq!(
        said,
        "interrupted: 0 of 1 done, 0 partial, 1 not started; \
         run the same command again to resume\n"
    );
    gate.open();
    let ran: Ran = first.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn run_that_shall_not_wait_ends_with_3() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let first = holding(&sandbox, &origin, &gate);
    let ran = sandbox.haul(&["--no-wait", "-i", "urls.txt", "-d", "d"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let who = format!("process {} on ", first.id());
    assert!(
        ran.stderr.contains(&who) && ran.stderr.contains("urls.txt"),
        "{}",
        ran.stderr
    );
    // A URL has no reason to wait.
    origin.on("/b", Script::ok(Body::of("y")));
    let ran = sandbox.haul(&["-d", "d", &origin.url("/b")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    gate.open();
    let ran: Ran = first.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    origin.on(
        "/a",
        Script::ok(Body::seeded(1, 100_000)).hold_at(1000, &gate),
    );
    let mut killed = sandbox.command(&[&origin.url("/a")]).spawn().unwrap();
    gate.wait_reached(1);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(sandbox.names(".haul/part").len(), 1);
    origin.on("/b", Script::ok(Body::of("y")));
    let ran = sandbox.haul(&[&origin.url("/b")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("."), ["b"]);
}
