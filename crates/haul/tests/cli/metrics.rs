//! Metrics: while a run goes on, and in a file at its end.

#[path = "../../src/metrics/tests/exposition.rs"]
mod exposition;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStderr};
use std::time::Instant;

use origin::{Body, Gate, Origin, Script};

use self::exposition::Exposition;
use crate::{PATIENCE, Ran, Sandbox};

/// A run that serves metrics at a port of its own.
struct Served {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

impl Served {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let given = ["--metrics", "127.0.0.1:0", "--progress", "none"];
        let mut child = sandbox
            .command(&[&given, arguments].concat())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("metrics: http://")
            .unwrap_or_else(|| panic!("{line}"));
        let address = address
            .trim_end()
            .strip_suffix("/metrics")
            .unwrap()
            .to_owned();
        Self {
            child,
            stderr,
            address,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request, and returns the head and the body of its answer.
    fn ask(&self, method: &str, path: &str, fields: &str) -> (String, String) {
        let mut stream = self.connect();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }

    fn metrics(&self) -> Exposition {
        let (head, body) = self.ask("GET", "/metrics", "");
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        assert!(
            head.contains("content-type: text/plain; version=0.0.4"),
            "{head}"
        );
        Exposition::of_prometheus(&body)
    }

    fn end(mut self) -> Ran {
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).unwrap();
        let mut ran: Ran = self.child.wait_with_output().unwrap().into();
        ran.stderr = stderr;
        ran
    }
}

/// An origin whose files wait at a gate.
fn waiting() -> (Origin, Gate) {
    let (origin, gate) = (Origin::plain(), Gate::new());
    let held = gate.clone();
    origin.under("/", move |_| {
        Script::ok(Body::of("hello")).hold_at(2, &held)
    });
    (origin, gate)
}

#[test]
fn metrics_say_what_is_in_flight() {
    let (origin, gate) = waiting();
    let urls: Vec<_> = (0..5).map(|row| origin.url(&format!("/{row}"))).collect();
    let mut arguments = vec!["-j", "2"];
    arguments.extend(urls.iter().map(String::as_str));
    let sandbox = Sandbox::new();
    let served = Served::start(&sandbox, &arguments);
    gate.wait_reached(2);
    let metrics = served.metrics();
    let host = origin.url("/");
    let of_host = |name: &str| {
        format!(
            "haul_host_{name}{{host=\"{}\"}}",
            host.trim_end_matches('/')
        )
    };
    for (name, value) in [
        ("haul_requests_in_flight", 2),
        ("haul_queue_rows", 3),
        ("haul_hosts", 1),
        (&of_host("requests_in_flight"), 2),
        ("haul_items_total{status=\"done\"}", 0),
    ] {
        assert_eq!(metrics.get(name), value, "{name}");
    }
    assert!(metrics.get("haul_open_connections") >= 2);
    assert!(metrics.get(&of_host("limit")) >= 2);
    gate.open();
    assert_eq!(served.end().code, Some(0));
}

#[test]
fn formats_and_refusals_are_as_http_has_them() {
    let (origin, gate) = waiting();
    let sandbox = Sandbox::new();
    let served = Served::start(&sandbox, &[&origin.url("/a")]);
    gate.wait_reached(1);
    let accept = "Accept: application/openmetrics-text;version=1.0.0;q=0.6,*/*;q=0.3\r\n";
    let (head, body) = served.ask("GET", "/metrics?x", accept);
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    assert_eq!(
        Exposition::of_open_metrics(&body).get("haul_requests_in_flight"),
        1
    );
    let (head, body) = served.ask("HEAD", "/metrics", "");
    assert!(
        head.starts_with("http/1.1 200 ") && body.is_empty(),
        "{head}"
    );
    let long = format!("X: {}\r\n", "x".repeat(20_000));
    for (method, path, fields, status) in [
        ("GET", "/", "", "404"),
        ("GET", "/healthz", "", "404"),
        ("POST", "/metrics", "Content-Length: 0\r\n", "405"),
        ("GET", "/metrics", &long, "431"),
        ("GET", "no path", "", "400"),
    ] {
        let (head, _) = served.ask(method, path, fields);
        assert!(
            head.starts_with(&format!("http/1.1 {status} ")),
            "{path}: {head}"
        );
        assert_eq!(head.contains("allow: get, head"), status == "405");
    }
    gate.open();
    assert_eq!(served.end().code, Some(0));
}

#[test]
fn slow_clients_hold_up_neither_others_nor_the_run() {
    let (origin, gate) = waiting();
    let sandbox = Sandbox::new();
    let served = Served::start(&sandbox, &[&origin.url("/a")]);
    gate.wait_reached(1);
    // More than there are places for: some say nothing, some never end a head, and some never read.
    let slow: Vec<TcpStream> = (0..60)
        .map(|nth| {
            let mut stream = served.connect();
            let said = [
                "",
                "GET /metrics HTTP/1.1\r\nX: ",
                "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            ];
            stream.write_all(said[nth % 3].as_bytes()).unwrap();
            stream
        })
        .collect();
    let scrapes: Vec<_> = std::thread::scope(|scope| {
        let scrape = || served.metrics().get("haul_requests_in_flight");
        let scrapers = [scope.spawn(scrape), scope.spawn(scrape)];
        scrapers.map(|scraper| scraper.join().unwrap()).into()
    });
    assert_eq!(scrapes, [1, 1]);
    gate.open();
    let started = Instant::now();
    assert_eq!(served.end().code, Some(0));
    assert!(started.elapsed() < PATIENCE / 2);
    drop(slow);
}

#[test]
fn client_that_breaks_off_does_no_harm() {
    let (origin, gate) = waiting();
    let sandbox = Sandbox::new();
    let served = Served::start(&sandbox, &[&origin.url("/a")]);
    gate.wait_reached(1);
    for said in ["", "GET", "GET /metrics HTTP/1.1\r\n\r\n"] {
        let mut stream = served.connect();
        stream.write_all(said.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    }
    assert_eq!(served.metrics().get("haul_requests_in_flight"), 1);
    gate.open();
    assert_eq!(served.end().code, Some(0));
}

#[test]
fn address_that_cannot_be_had_ends_with_status_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken
        .local_addr()
        .map(|address| (taken, address.to_string()))
        .unwrap();
    for (address, says) in [
        (taken.1.as_str(), "another program listens there"),
        // RFC 5737: an address of no machine.
        ("192.2.1:0", "cannot serve metrics at 192.2.1:0"),
        ("9100", "127.0.0.1:9100"),
    ] {
        let sandbox = Sandbox::new();
        let ran = sandbox.haul(&["--metrics", address, "http://a.example/"]);
        assert_eq!(ran.code, Some(2), "{address}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert!(!sandbox.has(".haul"));
    }
}

#[test]
fn file_at_the_end_agrees_with_the_results() {
    let origin = Origin::plain();
    origin.on("/busy", [Script::status(503), Script::ok(Body::of("x"))]);
    origin.on("/from", Script::redirect(302, "/to"));
    origin.on("/to", Script::ok(Body::of("hello")));
    origin.on("/cut", Script::ok(Body::of("hello")).close_at(2));
    origin.on("/reset", Script::ok(Body::of("hello")).reset());
    let sandbox = Sandbox::new();
    sandbox.write("there", "old");
    let paths = ["/busy", "/from", "/cut", "/reset", "/missing", "/there"];
    let urls = paths.map(|path| origin.url(path));
    let mut arguments = vec!["--metrics-file", "m.prom", "--results", "r.jsonl"];
    arguments.extend(["--retries", "1", "--exists", "skip", "-j", "1"]);
    arguments.extend(urls.iter().map(String::as_str));
    let ran = sandbox.haul(&arguments);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let metrics = Exposition::of_prometheus(&sandbox.read("m.prom"));
    let types = metrics.families();
    assert!(types.contains(&"haul_attempts_total"), "{types:?}");
    let rows = sandbox.rows("r.jsonl");
    for status in ["done", "skipped", "unchanged", "failed"] {
        let count = rows.iter().filter(|row| row["status"] == status).count();
        let name = format!("haul_items_total{{status=\"{status}\"}}");
        assert_eq!(metrics.get(&name), u64::try_from(count).unwrap(), "{name}");
    }
    for kind in ["http", "incomplete", "reset"] {
        let count = rows
            .iter()
            .filter(|row| row["error"]["kind"] == kind)
            .count();
        let name = format!("haul_errors_total{{kind=\"{kind}\"}}");
        assert_eq!((metrics.get(&name), count), (1, 1), "{name}");
    }
    let requests = origin.tally().requests;
    let attempts =
        |outcome: &str| metrics.get(&format!("haul_attempts_total{{outcome=\"{outcome}\"}}"));
    // Two of them are a 503 and a 404; what is cut off is tried twice.
    assert_eq!(attempts("success"), 2);
    assert_eq!((attempts("redirect"), attempts("http")), (1, 2));
    assert_eq!(attempts("incomplete"), 2);
    // One that goes on a connection that was used before may be resent.
    assert!((2..=4).contains(&attempts("reset")));
    assert_eq!(metrics.sum("haul_attempts_total"), requests);
    assert_eq!(metrics.get("haul_retries_total"), 3);
    assert_eq!(metrics.get("haul_requests_in_flight"), 0);
    let count = "haul_attempt_duration_seconds_count{phase=\"total\"}";
    assert_eq!(metrics.get(count), requests);
    assert_eq!(
        sandbox
            .names(".")
            .iter()
            .filter(|name| name.contains(".tmp"))
            .count(),
        0
    );
}

#[test]
fn file_must_have_the_name_that_is_read() {
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&["--metrics-file", "m.txt", "http://a.example/"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains(".prom"), "{}", ran.stderr);
}

#[test]
fn file_in_a_missing_folder_is_a_usage_error() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    sandbox.make("taken.prom");
    for path in ["no/m.prom", "taken.prom"] {
        let ran = sandbox.haul(&["-q", "--metrics-file", path, &origin.url("/a")]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let says = format!("--metrics-file {path}: ");
        assert!(ran.stderr.contains(&says), "{}", ran.stderr);
    }
    assert_eq!(origin.count("/a"), 0);
    assert_eq!(sandbox.names("."), ["taken.prom"]);
}
