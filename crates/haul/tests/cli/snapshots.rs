//! All that users and programs read, held against copies below `snapshots/`.
//!
//! A text that is meant to change: `INSTA_UPDATE=always cargo test -p haul snapshots`, and look at
//! the difference before it is committed.

use insta::assert_snapshot;
use origin::{Body, Origin, Script};

use crate::reports::hello;
use crate::{Ran, Sandbox};

/// Runs haul as on a terminal of 100 columns, and returns what it printed on standard output.
fn printed(arguments: &[&str]) -> String {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    command.env("COLUMNS", "100");
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), ""),
        "{arguments:?}"
    );
    ran.stdout
}

/// Replaces the values of fields that differ from run to run, in lines of JSON.
fn without_times(json: &str) -> String {
    let mut text = json.to_owned();
    for field in ["started", "duration_ms", "wait_ms", "elapsed_ms"] {
        let key = format!("\"{field}\":");
        let mut pieces = text.split(&key);
        let mut redacted = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let end = piece.find([',', '}']).unwrap_or(piece.len());
            redacted.extend([&key, "\"[", field, "]\"", &piece[end..]]);
        }
        text = redacted;
    }
    text
}

/// Sorts lines of JSON by their row, since files are flushed and reported together. Leaves out what
/// is about a host, since that depends on how fast it answers; the end of the run comes last.
fn by_row(json: &str) -> String {
    let mut lines: Vec<(u64, &str)> = Vec::new();
    for line in json.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let is_end = value["event"] == "finished";
        let sandbox = value["row"].as_u64().or(is_end.then_some(u64::MAX));
        lines.extend(sandbox.map(|sandbox| (sandbox, line)));
    }
    lines.sort_by_key(|(sandbox, _)| *sandbox);
    let lines: Vec<&str> = lines.iter().map(|(_, line)| *line).collect();
    lines.join("\n")
}

/// Replaces durations and rates, and the blanks that align them.
fn without_durations(text: &str) -> String {
    text.lines().map(without_durations_in_line).collect()
}

fn without_durations_in_line(line: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in line.split(' ') {
        let unit = word.trim_end_matches([',', ')', ';']);
        let is_number = words.last().is_some_and(|word| word.parse::<f64>().is_ok());
        if is_number && (unit == "s" || unit.ends_with("/s")) {
            words.pop();
            while words.last() == Some(&"") {
                words.pop();
            }
            words.push(if unit == "s" { "[time]" } else { "[rate]" });
        } else {
            words.push(word);
        }
    }
    words.join(" ") + "\n"
}

/// A server with a file, a redirect to it, and a file that is there at the second attempt.
fn server() -> Origin {
    let origin = Origin::plain();
    origin.on("/file", hello());
    origin.on("/from", Script::redirect(302, "/file"));
    origin.on("/busy", [Script::status(503), Script::ok(Body::of("x"))]);
    origin.on("/cut", Script::ok(Body::of("x".repeat(100))).close_at(50));
    origin
}

/// Runs haul with one request at a time on paths of the server, which is called ORIGIN in what is
/// returned.
fn downloaded(options: &[&str], paths: &[&str]) -> Ran {
    let origin = server();
    let sandbox = Sandbox::new();
    sandbox.write("there", "old");
    let urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
    let urls = urls.iter().map(String::as_str);
    let arguments: Vec<&str> = ["-j", "1"]
        .into_iter()
        .chain(options.iter().copied())
        .chain(urls)
        .collect();
    let ran = sandbox.haul(&arguments);
    let named = |text: &str| text.replace(&origin.authority(), "ORIGIN");
    Ran {
        code: ran.code,
        stdout: named(&ran.stdout),
        stderr: named(&ran.stderr),
    }
}

#[test]
fn help_is_as_recorded() {
    assert_snapshot!("help_short", printed(&["-h"]));
    assert_snapshot!("help_long", printed(&["--help"]));
    assert_snapshot!("help_results", printed(&["results", "--help"]));
    assert_snapshot!("help_serve", printed(&["serve", "--help"]));
    assert_snapshot!("help_add", printed(&["add", "--help"]));
    assert_snapshot!("help_status", printed(&["status", "--help"]));
    assert_snapshot!("help_remove", printed(&["remove", "--help"]));
    assert_snapshot!("help_demo", printed(&["demo", "--help"]));
    assert_snapshot!("help_completions", printed(&["completions", "--help"]));
    assert_snapshot!("help_explain", printed(&["explain", "--help"]));
}

#[test]
fn manual_page_is_as_recorded() {
    let version = format!("haul {}", env!("CARGO_PKG_VERSION"));
    let page = printed(&["man"]).replace(&version, "haul [version]");
    assert_snapshot!("manual_page", page);
}

#[test]
fn events_are_as_recorded() {
    let options = ["--progress", "json", "--retries", "1"];
    let ran = downloaded(&options, &["/file", "/from", "/missing", "/busy"]);
    assert_snapshot!("events", without_times(&by_row(&ran.stderr)));
}

#[test]
fn rows_of_results_are_as_recorded() {
    let options = [
        "--results",
        "-",
        "--hash",
        "md5",
        "--exists",
        "skip",
        "--retries",
        "0",
    ];
    let paths = ["/file", "/from", "/missing", "/there", "/cut"];
    let ran = downloaded(&options, &paths);
    assert_snapshot!("result_rows", without_times(&by_row(&ran.stdout)));
}

/// Returns what haul tells of some runs, each with options and the path of one file.
fn told(runs: &[(&[&str], &str)]) -> String {
    let told = runs.iter().map(|(options, path)| {
        let ran = downloaded(options, &[path]);
        let line = [options, &[*path][..]].concat().join(" ");
        format!("$ haul {line}\n{}", without_durations(&ran.stderr))
    });
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn plain_progress_is_as_recorded() {
    let options = ["--progress", "plain", "--exists", "skip", "--retries", "0"];
    let paths = ["/file", "/from", "/missing", "/there", "/cut"];
    assert_snapshot!(
        "plain_progress",
        told(&paths.map(|path| (&options[..], path)))
    );
}

#[test]
fn messages_of_a_run_are_as_recorded() {
    let wrong = "md5=00000000000000000000000000000000";
    let told = told(&[
        (&[], "/file"),
        (&["--exists", "skip"], "/there"),
        (&["--exists", "fail"], "/there"),
        (&["--retries", "0"], "/cut"),
        (&["--checksum", wrong], "/file"),
    ]);
    assert_snapshot!("messages", told);
}

#[test]
fn messages_of_usage_are_as_recorded() {
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", "");
    let lines = [
        "-j 4",
        "example.org/a",
        "list.txt",
        "-i missing.txt",
        "-i list.txt",
        "-x16 http://a.example/",
        "--retires 1 http://a.example/",
        "-j 0 http://a.example/",
        "--timeout soon http://a.example/",
        "--max-size much http://a.example/",
        "--checksum sha256=12 http://a.example/",
        "--hash md4 http://a.example/",
        "--results a.txt http://a.example/",
        "-o x http://a.example/ http://b.example/",
        "-o ../haul-x -i list.txt",
        "--netrc-file missing http://a.example/",
        "-4 -6 http://a.example/",
        "http://a.example/{b",
        "results missing",
    ];
    let told = lines.map(|line| {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let ran = sandbox.haul(&arguments);
        let status = ran.code.unwrap_or(-1);
        let typed = format!("$ haul {line}");
        format!("{}\n{}status {status}\n", typed.trim_end(), ran.stderr)
    });
    assert_snapshot!("usage", told.join("\n"));
}
