//! What is told of a run: to people, to programs, and after the run.

use origin::{Body, Origin, Script};
use serde_json::{Value, json};

use crate::Sandbox;

/// Returns a response with a text and all headers that results show.
pub(crate) fn hello() -> Script {
    Script::ok(Body::of("hello"))
        .header("etag", "\"one\"")
        .header("content-type", "text/plain")
        .header("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT")
}

#[test]
fn each_item_has_one_row_of_results() {
    let origin = Origin::plain();
    origin.on("/good", hello());
    origin.on("/from", Script::redirect(302, "/good"));
    let sandbox = Sandbox::new();
    sandbox.write("there", "old");
    sandbox.write(
        "list.txt",
        &format!("{}\n\nnonsense\n", origin.url("/from")),
    );
    let urls = [origin.url("/missing"), origin.url("/there")];
    let arguments = [
        "--exists",
        "skip",
        "--results",
        "r.jsonl",
        "-j",
        "1",
        "-i",
        "list.txt",
        &urls[0],
        &urls[1],
    ];
    assert_eq!(sandbox.haul(&arguments).code, Some(1));

    let mut rows = sandbox.rows("r.jsonl");
    rows.sort_by_key(|row| row["row"].as_u64());
    assert_eq!(rows.len(), 4);
    let fields: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(fields.len(), 23, "{fields:?}");

    let [missing, there, done, nonsense] = rows.try_into().unwrap();
    assert_eq!(missing["error"]["kind"], "http");
    assert_eq!(
        (&missing["http_status"], &missing["path"]),
        (&json!(404), &Value::Null)
    );
    assert_eq!(
        (&missing["status"], &missing["input"]),
        (&json!("failed"), &Value::Null)
    );
    assert_eq!(
        (&there["status"], &there["attempts"]),
        (&json!("skipped"), &json!(0))
    );
    assert_eq!(
        (&there["segments"], &there["verified"]),
        (&json!(0), &json!("none"))
    );
    assert_eq!(
        (&nonsense["line"], &nonsense["error"]["kind"]),
        (&json!(3), &json!("input"))
    );

    for (field, value) in [
        ("row", json!(2)),
        ("input", json!("list.txt")),
        ("line", json!(1)),
        ("url", json!(origin.url("/from"))),
        ("final_url", json!(origin.url("/good"))),
        ("status", json!("done")),
        ("path", json!("from")),
        ("renamed", Value::Null),
        ("bytes", json!(5)),
        ("http_status", json!(200)),
        ("error", Value::Null),
        ("attempts", json!(1)),
        ("segments", json!(1)),
        ("resumed", json!(0)),
        ("restarted", Value::Null),
        ("etag", json!("\"one\"")),
        ("last_modified", json!("Wed, 21 Oct 2015 07:28:00 GMT")),
        ("content_type", json!("text/plain")),
        ("verified", json!("length")),
    ] {
        assert_eq!(done[field], value, "{field}");
    }
    let started = done["started"].as_str().unwrap();
    assert!(
        started.len() == 24 && started.ends_with('Z') && started.as_bytes()[19] == b'.',
        "{started}"
    );
}

#[test]
fn results_on_standard_output_are_alone_there() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let ran = Sandbox::new().haul(&["--results", "-", &origin.url("/a")]);
    let row: Value = serde_json::from_str(ran.stdout.trim_end()).unwrap();
    assert_eq!(row["status"], "done");
}

#[test]
fn results_replace_those_of_the_last_run_but_not_before_there_is_one() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    sandbox.write(
        "r.jsonl",
        "an older and longer line than any that will be written, so that it would show\n"
            .repeat(20)
            .as_str(),
    );
    sandbox.write("file", "");
    assert_eq!(
        sandbox
            .haul(&["--results", "r.jsonl", "-d", "file/x", &origin.url("/a")])
            .code,
        Some(3)
    );
    assert!(sandbox.read("r.jsonl").starts_with("an older"));
    assert_eq!(
        sandbox
            .haul(&["--results", "r.jsonl", &origin.url("/a")])
            .code,
        Some(0)
    );
    assert_eq!(sandbox.rows("r.jsonl").len(), 1);
}

#[test]
fn nothing_from_a_list_or_a_server_moves_the_cursor() {
    let origin = Origin::plain();
    origin.on(
        "/a",
        Script::ok(Body::of("x")).header("content-type", "a\u{9b}b"),
    );
    let sandbox = Sandbox::new();
    let evil = "evil\u{1b}[2J\u{202e}";
    sandbox.write(
        "list.txt",
        &format!("{}\tlabel={evil}\n{evil}\n", origin.url("/a")),
    );
    for progress in ["plain", "json"] {
        let arguments = [
            "--progress",
            progress,
            "-v",
            "--exists",
            "overwrite",
            "--results",
            "-",
            "-i",
            "list.txt",
        ];
        let ran = sandbox.haul(&arguments);
        for text in [&ran.stderr, &ran.stdout] {
            assert!(text.contains("evil"), "{text}");
            let hazard = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(hazard), "{text:?}");
        }
    }
}

#[test]
fn json_is_all_that_a_program_has_to_read() {
    let origin = Origin::plain();
    origin.on("/a", [Script::status(503), Script::ok(Body::of("x"))]);
    origin.on("/b", Script::redirect(302, "/c"));
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&[
        "--progress",
        "json",
        "-j",
        "1",
        &origin.url("/a"),
        &origin.url("/b"),
    ]);
    assert_eq!(ran.code, Some(1));
    let events: Vec<Value> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |row: u64| {
        let events = events.iter().filter(move |event| event["row"] == row);
        events
            .map(|event| event["event"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(0), ["started", "retrying", "ended"]);
    assert_eq!(of(1), ["started", "redirected", "ended"]);
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["done"], &last["failed"]),
        (&json!("finished"), &json!(1), &json!(1))
    );
}

#[test]
fn plain_progress_has_a_line_for_each_start_and_end() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let (sandbox, url) = (Sandbox::new(), origin.url("/a"));
    let ran = sandbox.haul(&["--progress", "plain", &url]);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines[0], "start  a");
    assert!(
        lines[1].starts_with("done   a         1 B  "),
        "{}",
        lines[1]
    );
    let ran = sandbox.haul(&["--progress", "plain", &url]);
    assert!(
        ran.stderr
            .starts_with("start  a\nskipped a (already there)\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn quiet_is_quiet_but_for_failures() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.haul(&["-q", &origin.url("/a")]).stderr, "");
    let ran = sandbox.haul(&["-q", &origin.url("/missing")]);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(
        ran.stderr.starts_with("failed: missing: "),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.matches("/missing)").count(), 1, "{}", ran.stderr);
}

#[test]
fn hashes_that_were_asked_for_stand_in_the_results() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("hello")));
    let sandbox = Sandbox::new();
    let (md5, sha1) = (
        "5d41402abc4b2a76b9719d911017c592",
        "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
    );
    let arguments = ["--results", "r.jsonl", "--hash", "md5", "--checksum"];
    let run = |checksum: &str| {
        let checksum = format!("sha1={checksum}");
        let ran = sandbox.haul(&[&arguments[..], &[&checksum, &origin.url("/a")]].concat());
        (ran, sandbox.rows("r.jsonl").pop().unwrap())
    };
    let (ran, row) = run(&sha1.replace('a', "b"));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(row["error"]["kind"], "checksum");
    assert_eq!(row.get("md5"), None);
    assert!(!sandbox.has("a"));
    // Fetched, and then found there.
    for status in ["done", "skipped"] {
        let (ran, row) = run(sha1);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(
            (&row["status"], &row["verified"]),
            (&json!(status), &json!("checksum"))
        );
        assert_eq!((&row["md5"], &row["sha1"]), (&json!(md5), &json!(sha1)));
        assert_eq!(row.get("sha256"), None);
    }
    // What is there stays when neither it nor the server's has the checksum.
    let (_, row) = run(&sha1.replace('a', "b"));
    assert_eq!(row["error"]["kind"], "checksum");
    assert_eq!(sandbox.read("a"), "hello");
    let wrong = format!("sha1={}", sha1.replace('a', "b"));
    let ran = sandbox.haul(&["--exists", "skip", "--checksum", &wrong, &origin.url("/a")]);
    assert!(ran.stderr.contains("--exists overwrite"), "{}", ran.stderr);
}

#[test]
fn a_failure_is_one_line_and_its_causes_are_for_who_asks() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")).close());
    let sandbox = Sandbox::new();
    let url = origin.url("/a");
    let ran = sandbox.haul(&["--retries", "0", &url]);
    assert_eq!(ran.stderr.lines().count(), 3, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("failed: a: "), "{}", ran.stderr);
    let ran = sandbox.haul(&["--retries", "1", "-v", &url]);
    let causes = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("    caused by: "));
    assert_eq!(causes.count(), 2, "of each attempt: {}", ran.stderr);
    assert!(ran.stderr.contains("retry  a: "), "{}", ran.stderr);
}
