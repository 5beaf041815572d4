//! What `--log-file` and `-v` tell of each request.

use origin::{Body, Origin, Script};
use serde_json::Value;

use crate::{Ran, Sandbox};

/// An origin with a file that is there at the second attempt, and one that is missing.
fn server() -> Origin {
    let origin = Origin::plain();
    let busy = Script::status(503).header("retry-after", "1");
    origin.on("/busy", [busy, Script::ok(Body::of("hello"))]);
    origin
}

fn of_event<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn log_has_a_line_for_each_request_and_item() {
    let origin = server();
    let sandbox = Sandbox::new();
    let url = origin.url("/busy").replace("://", "://me:secret@");
    let missing = origin.url("/missing");
    let ran = sandbox.haul(&["--log-file", "l.jsonl", "-j", "1", &url, &missing]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let lines = sandbox.rows("l.jsonl");
    assert!(!sandbox.read("l.jsonl").contains("secret"));
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.');
        assert!(["info", "warn", "error"].contains(&line["level"].as_str().unwrap()));
        assert!(!line["message"].as_str().unwrap().is_empty(), "{line}");
        assert!(line["pid"].is_u64());
    }
    assert_eq!(lines[0]["event"], "run_began");
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["event"], &last["done"], &last["failed"]),
        (&"run_ended".into(), &1.into(), &1.into())
    );

    let attempts = of_event(&lines, "attempt");
    assert_eq!(attempts.len(), 3);
    let of_busy: Vec<_> = attempts
        .iter()
        .filter(|attempt| attempt["row"] == 0)
        .collect();
    let (failed, done) = (of_busy[0], of_busy[1]);
    assert_eq!(
        (&failed["level"], &failed["error"]["kind"]),
        (&"warn".into(), &"http".into())
    );
    assert_eq!(
        (&failed["http_status"], &failed["attempt"]),
        (&503.into(), &1.into())
    );
    for (field, value) in [
        ("url", origin.url("/busy").into()),
        ("host", origin.url("/").trim_end_matches('/').into()),
        ("attempt", Value::from(2)),
        ("segment", false.into()),
        ("protocol", "http/1.1".into()),
        ("remote", origin.address().to_string().into()),
        ("proxy", Value::Null),
        ("http_status", 200.into()),
        ("error", Value::Null),
        ("bytes", 5.into()),
        ("level", "info".into()),
        ("tls_ms", Value::Null),
    ] {
        assert_eq!(done[field], value, "{field}");
    }
    for field in ["queue_ms", "first_byte_ms", "body_ms", "total_ms"] {
        assert!(done[field].is_f64(), "{field}: {done}");
    }
    let ended = of_event(&lines, "ended");
    assert_eq!(ended.len(), 2);
    assert_eq!(of_event(&lines, "host_waits").len(), 1);
}

#[test]
fn runs_add_to_one_log() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let start = |name: &str| {
        let url = origin
            .url(&format!("/{name}/{{1..200}}"))
            .replace("{1..200}", "[1-200]");
        let mut command = sandbox.command(&["-d", name, "--log-file", "l.jsonl", &url]);
        command.spawn().unwrap()
    };
    let children = ["a", "b"].map(start);
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    // Each line is whole.
    let lines = sandbox.rows("l.jsonl");
    assert_eq!(of_event(&lines, "attempt").len(), 400);
    assert_eq!(of_event(&lines, "run_ended").len(), 2);
}

#[test]
fn columns_of_a_list_do_not_replace_fields_of_the_log() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let url = origin.url("/a");
    sandbox.write("l.csv", &format!("url,level,time\n{url},mine,never\n"));
    let arguments = [
        "-i",
        "l.csv",
        "--log-file",
        "l.jsonl",
        "--results",
        "r.jsonl",
    ];
    assert_eq!(sandbox.haul(&arguments).code, Some(0));
    assert!(!sandbox.read("l.jsonl").contains("never"));
    assert_eq!(sandbox.rows("r.jsonl")[0]["level"], "mine");
}

#[test]
fn log_that_cannot_be_opened_ends_with_status_2() {
    let sandbox = Sandbox::new();
    for file in ["no/l.jsonl", "."] {
        let ran = sandbox.haul(&["--log-file", file, "http://a.example/"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(
            ran.stderr.contains(&format!("--log-file {file}: ")),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn log_is_not_written_into_a_list_or_the_results() {
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", "http://a.example/\n");
    for arguments in [
        ["-i", "list.txt", "--log-file", "./list.txt"],
        ["--results", "r.jsonl", "--log-file", "r.jsonl"],
        ["--report", "r.html", "--log-file", "./r.html"],
    ] {
        let ran = sandbox.haul(&[&arguments[..], &["http://a.example/b"]].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("cannot be the log too"),
            "{}",
            ran.stderr
        );
    }
    let arguments = ["--log-file", "m.prom", "--metrics-file", "./m.prom"];
    let ran = sandbox.haul(&[&arguments[..], &["http://a.example/b"]].concat());
    let says = "m.prom is the file of --log-file, and cannot have the metrics too";
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert_eq!(sandbox.read("list.txt"), "http://a.example/\n");
    assert!(!sandbox.has("r.jsonl"));
}

#[test]
fn log_that_cannot_be_written_is_a_warning() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let url = origin.url("/[1-20]");
    let ran = sandbox.haul(&["-q", "--log-file", "/dev/full", &url]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let says = "cannot write to /dev/full: No space left on device; the log ends here";
    assert_eq!(ran.stderr.matches(says).count(), 1, "{}", ran.stderr);
    assert_eq!(sandbox.read("20"), "x");
}

#[test]
fn verbose_lines_have_times() {
    let origin = server();
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&["-v", "--progress", "plain", &origin.url("/busy")]);
    let times: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("times  "))
        .collect();
    let [failed, done] = times[..] else {
        panic!("{}", ran.stderr)
    };
    assert!(failed.starts_with("times  busy: 503, queue "), "{failed}");
    assert!(failed.ends_with(", http/1.1, new"), "{failed}");
    for what in ["connect ", "first byte ", "body "] {
        assert!(failed.contains(what), "{failed}");
    }
    assert!(
        done.starts_with("times  busy, attempt 2: 200, 5 B, queue "),
        "{done}"
    );
}

#[test]
fn json_events_have_times_only_when_verbose() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    for (given, count) in [
        (&["--progress", "json"][..], 0),
        (&["--progress", "json", "-v"], 1),
    ] {
        let url = origin.url("/a");
        let ran = Sandbox::new().haul(&[given, &[&url]].concat());
        let lines: Vec<Value> = ran
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let attempts = of_event(&lines, "attempt");
        assert_eq!(attempts.len(), count);
        assert!(
            attempts
                .iter()
                .all(|attempt| attempt["first_byte_ms"].is_f64())
        );
    }
}

/// Runs haul with this filter for `tracing`, and returns what it printed to standard error.
fn traced(filter: &str, arguments: &[&str]) -> String {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    let ran: Ran = command.env("RUST_LOG", filter).output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn trace_says_what_the_engine_does() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let url = origin.url("/a");
    let told = traced("haulage=debug", &["-q", &url]);
    for what in [
        "haulage::run: run begins",
        "haulage::connection: connected",
        "haulage::attempt: request ended",
        "haulage::run: all rows have ended",
    ] {
        assert!(told.contains(what), "{what}: {told}");
    }
    let told = traced("haulage::attempt=debug", &["-q", &url]);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains(&url), "{told}");
    assert_eq!(traced("", &["-q", &url]), "");
}

#[test]
fn trace_has_no_secrets() {
    for origin in [Origin::tls(), Origin::tls_http1()] {
        let busy = Script::status(503).header("set-cookie", "id=secret");
        origin.on("/a", [busy, Script::ok(Body::of("x"))]);
        let sandbox = Sandbox::new();
        sandbox.write("ca.pem", origin.ca_pem());
        let url = origin.url("/a").replace("://", "://me:secret@");
        let header = ["-H", "X-Token: secret", "-b", "session=secret"];
        let mut command = sandbox.command(&["-v", "--cacert", "ca.pem", "--log-file", "l.jsonl"]);
        let command = command.args(header).arg(&url).env("RUST_LOG", "trace");
        let ran: Ran = command.output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("request ended"), "{}", ran.stderr);
        // `me:secret` in Base64.
        for secret in ["secret", "bWU6c2VjcmV0"] {
            assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
            assert!(!sandbox.read("l.jsonl").contains(secret));
        }
    }
}

#[test]
fn filter_that_cannot_be_read_is_a_note() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let told = traced("haulage=loud", &["-q", &origin.url("/a")]);
    assert!(told.starts_with("note: RUST_LOG is ignored: "), "{told}");
}
