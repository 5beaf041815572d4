//! `-o -`: one file to standard output.

use std::io::{BufRead as _, BufReader, Read as _};

use origin::{Body, Gate, Origin, Script};

use crate::{Ran, Sandbox};

#[test]
fn the_file_goes_to_standard_output_and_nowhere_else() {
    let origin = Origin::plain();
    let lines: Vec<String> = (0..300_000).map(|line| line.to_string()).collect();
    let body = lines.join("\n");
    origin.on("/a", Script::ok(Body::of(body.clone())));
    let sandbox = Sandbox::new();
    let url = origin.url("/a");
    let arguments = [
        "-o",
        "-",
        "--progress",
        "plain",
        "--results",
        "r.jsonl",
        &url,
    ];
    let ran = sandbox.haul(&arguments);
    assert!(ran.stdout == body, "{} bytes", ran.stdout.len());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("done   a"), "{}", ran.stderr);
    assert_eq!(sandbox.names("."), ["r.jsonl"]);
    assert_eq!(sandbox.rows("r.jsonl")[0]["path"], serde_json::Value::Null);
}

#[test]
fn a_body_that_is_cut_or_wrong_ends_with_1() {
    let origin = Origin::plain();
    origin.on("/cut", Script::ok(Body::of("x".repeat(1000))).close_at(500));
    origin.on("/wrong", Script::ok(Body::of("hello")));
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&["-o", "-", &origin.url("/cut")]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("written out"), "{}", ran.stderr);
    assert_eq!(origin.log().len(), 1, "it was tried again");
    let checksum = ["--checksum", "crc32c=00000000"];
    let ran = sandbox.haul(&[&checksum[..], &["-o", "-", &origin.url("/wrong")]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "hello"));
}

#[test]
fn a_reader_who_has_enough_ends_the_run_quietly() {
    let origin = Origin::plain();
    let gate = Gate::new();
    let body = Body::of(format!("first\n{}", "x".repeat(5 << 20)));
    origin.on("/a", Script::ok(body).hold_at(6, &gate));
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(&["-o", "-", &origin.url("/a")])
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "first\n");
    // The pipe is closed now, and the rest comes.
    gate.open();
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), stderr.as_str()),
        (Some(0), "")
    );
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux has /dev/full")]
#[expect(clippy::disallowed_methods, reason = "a device, which is not created")]
fn full_disk_is_told_in_plain_words() {
    let sandbox = Sandbox::new();
    for arguments in [&["config"][..], &["man"], &["completions", "bash"]] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = sandbox.command(arguments);
        let ran = command.stdout(full).stderr(std::process::Stdio::piped());
        let ran: Ran = ran.spawn().unwrap().wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(3), "{arguments:?}");
        let expected = "error: cannot write to standard output: No space left on device\n";
        assert_eq!(ran.stderr, expected, "{arguments:?}");
    }
}
