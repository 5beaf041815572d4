//! `--report` and `haul report`: pages about runs.

use std::time::Instant;

use origin::{Body, Gate, Origin, Script};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{PATIENCE, Sandbox};

/// Returns the number with this name on a page.
fn number(page: &str, name: &str) -> u64 {
    let (_, rest) = page
        .split_once(&format!("id=\"{name}\" data-value=\""))
        .unwrap();
    rest.split('"').next().unwrap().parse().unwrap()
}

/// Returns the words of a command line as a page has them.
fn words(line: &str) -> String {
    let words = line.split(' ').map(|word| format!("<span>{word}</span>"));
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the data for the charts and the search.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split("</script>").next().unwrap()).unwrap()
}

/// Returns the sum of what ended, by the samples of a page. Rates are rounded.
fn ended(page: &str) -> f64 {
    let data = data(page);
    let line = |name: &str| -> Vec<f64> {
        let values = data["series"][name].as_array().unwrap().iter();
        values.map(|value| value.as_f64().unwrap()).collect()
    };
    let mut before = 0.0;
    let steps = line("t").into_iter().zip(line("ended")).map(|(at, rate)| {
        let items = (at - before) * rate;
        before = at;
        items
    });
    steps.sum()
}

/// Returns how many requests the chart of latencies has.
fn answered(page: &str) -> u64 {
    let data = data(page);
    let counts = data["latencies"]["counts"].as_array().unwrap().iter();
    counts.map(|count| count.as_u64().unwrap()).sum()
}

/// An origin with ten files, and another path that fails.
fn origin() -> Origin {
    let origin = Origin::plain();
    origin.under("/files/", |_| Script::ok(Body::seeded(1, 1000)));
    origin.on("/no", Script::status(404));
    origin
}

/// A list of ten files and one that fails.
fn list(origin: &Origin) -> String {
    let urls = (0..10).map(|nth| origin.url(&format!("/files/{nth}")));
    let urls = urls.chain([origin.url("/no")]);
    urls.map(|url| url + "\n").collect()
}

#[test]
fn run_of_urls_gets_a_page_and_leaves_no_state() {
    let origin = origin();
    let sandbox = Sandbox::new();
    let (first, second) = (origin.url("/files/1"), origin.url("/files/2"));
    let with_login = first.replace("http://", "http://me:hunter2@");
    let header = "Authorization: Bearer hunter2";
    let ran = sandbox.haul(&["--report", "r.html", "-H", header, &with_login, &second]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), ""),
        "{}",
        ran.stderr
    );
    let page = sandbox.read("r.html");
    assert_eq!((number(&page, "done"), number(&page, "size")), (2, 2000));
    assert!(page.contains("Every item has its file."));
    assert!(page.contains(&words("haul --report r.html -H")));
    assert!(!page.contains("hunter2"));
    assert!(!sandbox.has(".haul"));
}

#[test]
fn pages_of_a_list_agree_with_its_results() {
    let origin = origin();
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", &list(&origin));
    let arguments = ["-i", "list.txt", "-d", "d", "--report", "r.html"];
    let ran = sandbox.haul(&arguments);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let recorded = sandbox.haul(&["report", "d"]);
    assert_eq!((recorded.code, recorded.stderr.as_str()), (Some(0), ""));
    for page in [sandbox.read("r.html"), recorded.stdout] {
        let counts = ["rows", "done", "failed", "size"].map(|name| number(&page, name));
        assert_eq!(counts, [11, 10, 1, 10_000]);
        assert!((ended(&page) - 11.0).abs() < 0.5, "{}", ended(&page));
        assert_eq!(answered(&page), 11);
        assert!(page.contains("Time to the first byte"));
        let data = data(&page);
        assert_eq!(data["failures"]["list"][2], origin.url("/no"));
        assert_eq!(data["failures"]["reasons"][0][0], "http");
        assert!(page.contains(&words("haul -i list.txt -d d --report r.html")));
    }
    let written = sandbox.haul(&["report", "d", "-o", "later.html"]);
    assert_eq!((written.code, written.stdout.as_str()), (Some(0), ""));
    assert_eq!(number(&sandbox.read("later.html"), "failed"), 1);
    // A shorter page leaves nothing of a longer file.
    sandbox.write("later.html", &"x".repeat(1 << 20));
    sandbox.haul(&["report", "d", "-o", "later.html"]);
    assert!(sandbox.read("later.html").ends_with("</html>\n"));
}

#[test]
fn run_that_was_killed_has_what_was_recorded_until_then() {
    let (origin, gate) = (origin(), Gate::new());
    origin.on("/held", Script::ok(Body::of("a")).hold(&gate));
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", &(list(&origin) + &origin.url("/held") + "\n"));
    let mut child = sandbox
        .command(&["-i", "list.txt", "-d", "d"])
        .spawn()
        .unwrap();
    let started = Instant::now();
    while sandbox.haul(&["results", "d"]).stdout.lines().count() < 11 {
        assert!(started.elapsed() < PATIENCE, "nothing is recorded");
    }
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    let page = sandbox.haul(&["report", "d"]).stdout;
    assert_eq!([number(&page, "done"), number(&page, "failed")], [10, 1]);
    assert!(page.contains("it is still running, or it was killed"));
    assert!((ended(&page) - 11.0).abs() < 0.5, "{}", ended(&page));
    // The next run ends what this one began.
    gate.open();
    let again = sandbox.haul(&["-i", "list.txt", "-d", "d"]);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    let page = sandbox.haul(&["report", "d"]).stdout;
    assert_eq!([number(&page, "done"), number(&page, "failed")], [11, 1]);
    assert!(page.contains("1 item failed."));
    assert!(page.contains("The last runs into this folder"));
}

#[test]
fn report_is_not_touched_before_the_page_is_there() {
    let (origin, gate) = (origin(), Gate::new());
    origin.on("/held", Script::ok(Body::of("a")).hold(&gate));
    let sandbox = Sandbox::new();
    sandbox.write("r.html", "the last one");
    for name in ["r.html", "new.html"] {
        let arguments = ["--report", name, &origin.url("/held")];
        let mut child = sandbox.command(&arguments).spawn().unwrap();
        gate.wait_reached(1);
        kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
        child.wait().unwrap();
    }
    assert_eq!(sandbox.read("r.html"), "the last one");
    assert!(!sandbox.has("new.html"));
}

#[test]
fn pipes_that_nothing_reads_are_a_usage_error() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let pipe = sandbox.path().join("pipe.jsonl");
    let made = std::process::Command::new("mkfifo").arg(pipe).status();
    assert!(made.unwrap().success());
    for option in ["--report", "--log-file", "--results"] {
        let ran = sandbox.haul(&[option, "pipe.jsonl", &origin.url("/files/1")]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let says = "nothing reads this pipe; start its reader first";
        assert!(ran.stderr.contains(says), "{option}: {}", ran.stderr);
    }
    assert!(origin.log().is_empty());
    // A reader gets the page.
    let mut reader = std::process::Command::new("cat");
    reader.arg("pipe.jsonl").current_dir(sandbox.path());
    let mut reader = reader.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let url = origin.url("/files/1");
    let started = Instant::now();
    while sandbox.haul(&["--report", "pipe.jsonl", &url]).code == Some(2) {
        assert!(started.elapsed() < PATIENCE, "the reader does not start");
    }
    let mut page = String::new();
    let read = reader.stdout.as_mut().unwrap();
    std::io::Read::read_to_string(read, &mut page).unwrap();
    reader.wait().unwrap();
    assert!(page.ends_with("</html>\n"), "{page}");
}

#[test]
fn interrupted_run_gets_its_page_all_the_same() {
    let (origin, gate) = (origin(), Gate::new());
    origin.on("/held", Script::ok(Body::of("a")).hold(&gate));
    let sandbox = Sandbox::new();
    let arguments = ["--report", "r.html", &origin.url("/held")];
    let mut child = sandbox.command(&arguments).spawn().unwrap();
    gate.wait_reached(1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let page = sandbox.read("r.html");
    assert!(page.contains("The run was stopped before its end."));
}

#[test]
fn report_that_cannot_be_written_is_a_usage_error() {
    let origin = origin();
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", &list(&origin));
    for (arguments, words) in [
        (
            &["--report", "no/r.html", "-i", "list.txt"][..],
            "cannot write the report to no/r.html",
        ),
        (
            &["--report", "-", "-i", "list.txt"],
            "--report needs the name of a file",
        ),
        (
            &["--report", "list.txt", "-i", "list.txt"],
            "cannot be the report too",
        ),
        (
            &[
                "--report",
                "a.jsonl",
                "--results",
                "a.jsonl",
                "-i",
                "list.txt",
            ],
            "cannot be the report too",
        ),
        (
            &["--report", "r.html", "--dry-run", "-i", "list.txt"],
            "cannot be used with",
        ),
        (&["report", "."], "nothing is recorded"),
        (&["report", "missing"], "there is no folder missing"),
        (&["results", "missing"], "there is no folder missing"),
        (&["report", "list.txt"], "list.txt is not a folder"),
        (&["report"], "DIR"),
    ] {
        let ran = sandbox.haul(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?} {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    assert_eq!(origin.count("/no"), 0);
    assert_eq!(sandbox.read("list.txt"), list(&origin));
}
