//! `haul results`: its formats, its filters, and its summary.

use origin::{Body, Origin, Script};
use serde_json::{Value, json};

use crate::Sandbox;
use crate::terminal::Terminal;

/// A list of four on two hosts, of which two failed, downloaded to `d`.
fn downloaded(origin: &Origin) -> Sandbox {
    origin.on("/a", Script::ok(Body::of("aaa")));
    origin.on("/no", Script::status(404));
    let sandbox = Sandbox::new();
    let other = origin.url("/b").replace("127.0.0.1", "localhost");
    origin.on("/b", Script::ok(Body::of("b")));
    let list = format!(
        "{}\tout=x/a.bin\nnonsense\n{}\n{other}\n",
        origin.url("/a"),
        origin.url("/no"),
    );
    sandbox.write("list.txt", &list);
    let ran = sandbox.haul(&[
        "-i",
        "list.txt",
        "-d",
        "d",
        "--hash",
        "md5",
        "--retries",
        "0",
    ]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    sandbox
}

fn lines(sandbox: &Sandbox, arguments: &[&str]) -> Vec<Value> {
    let ran = sandbox.haul(&[&["results", "d"], arguments].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn row_numbers(sandbox: &Sandbox, arguments: &[&str]) -> Vec<u64> {
    let rows = lines(sandbox, arguments);
    rows.iter()
        .map(|row| row["row"].as_u64().unwrap())
        .collect()
}

#[test]
fn rows_are_chosen_by_status_host_error_and_time() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    let url = origin.url("");
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    for (arguments, rows) in [
        (&[][..], &[0, 1, 2, 3][..]),
        (&["--host", "127.0.0.1"], &[0, 2]),
        (&["--host", host], &[0, 2]),
        (&["--host", "http://127.0.0.1"], &[]),
        (&["--host", "127.0.0.1", "--host", "localhost"], &[0, 2, 3]),
        (&["--error", "http"], &[2]),
        (
            &["--error", "http", "--error", "input", "--status", "failed"],
            &[1, 2],
        ),
        (&["--error", "http", "--status", "done"], &[]),
        (&["--since", "1h", "--host", "localhost"], &[3]),
        (&["--since", "2000-01-01"], &[0, 1, 2, 3]),
        (&["--since", "2999-01-01T00:00:00Z"], &[]),
    ] {
        assert_eq!(row_numbers(&sandbox, arguments), rows, "{arguments:?}");
    }
    for wrong in [["--error", "bad"], ["--since", "bad"], ["--host", "a b"]] {
        let ran = sandbox.haul(&[&["results", "d"], &wrong[..]].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    }
}

#[test]
fn recorded_rows_have_what_the_list_gave() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    let rows = lines(&sandbox, &[]);
    assert_eq!(rows[0]["name"], "x/a.bin");
    assert_eq!(
        (&rows[3]["name"], &rows[3]["checksum"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_csv_has_the_same_rows() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    let ran = sandbox.haul(&["results", "d", "--format", "csv"]);
    let rows: Vec<&str> = ran.stdout.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 5, "{}", ran.stdout);
    assert!(rows[0].starts_with("row,input,line,url,name,checksum,"));
    assert!(rows[0].ends_with(",verified,md5"), "{}", rows[0]);
    sandbox.write("r.csv", &ran.stdout);
    origin.on("/no", Script::ok(Body::of("now")));
    let ran = sandbox.haul(&["-i", "r.csv", "-d", "d", "--retry-failed", "all"]);
    assert!(
        ran.stderr.contains("1 done, 2 skipped, 1 failed"),
        "{}",
        ran.stderr
    );
}

#[cfg(feature = "parquet")]
#[test]
fn a_parquet_file_goes_to_a_pipe_but_not_to_a_terminal() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    for (format, magic) in [("parquet", &b"PAR1"[..]), ("arrow", b"ARROW1")] {
        let mut command = sandbox.command(&["results", "d", "--format", format]);
        let output = command.output().unwrap();
        assert!(output.status.success());
        assert!(output.stdout.starts_with(magic) && output.stdout.ends_with(magic));
        let (_, shown) = on_terminal(&sandbox, 80, &["results", "d", "--format", format]);
        assert!(shown.is_empty(), "{shown:?}");
    }
}

/// Runs a command with a terminal as its standard output. Returns its status and what is shown.
fn on_terminal(sandbox: &Sandbox, columns: u16, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let (mut terminal, end) = Terminal::new(40, columns);
    let mut child = sandbox.command(arguments).stdout(end).spawn().unwrap();
    while terminal.read() {}
    let rows = terminal.rows().into_iter();
    let rows = rows.filter(|row| !row.is_empty()).collect();
    (child.wait().unwrap().code(), rows)
}

#[test]
fn a_terminal_gets_a_table_that_fits() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    for columns in [100, 60] {
        let (code, rows) = on_terminal(&sandbox, columns, &["results", "d"]);
        assert_eq!(code, Some(0));
        assert_eq!(rows.len(), 5, "each in one row: {rows:#?}");
        assert!(rows[0].starts_with("status"), "{}", rows[0]);
        assert_eq!(rows[0].contains("started (UTC)"), columns == 100);
        assert!(rows[1].starts_with("done"), "{}", rows[1]);
        assert!(
            rows[1].contains("3 B") && rows[1].ends_with("x/a.bin"),
            "{}",
            rows[1]
        );
        let error = rows[0].find("error").unwrap();
        assert!(rows[2][error..].starts_with("input: "), "{}", rows[2]);
        // The end of the URL and the status, however long both are.
        assert!(rows[3].contains("/no  "), "{}", rows[3]);
        assert!(rows[3].contains("  http 404: "), "{}", rows[3]);
    }
}

#[test]
fn a_csv_on_a_terminal_cannot_move_its_cursor() {
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", "evil\u{1b}[2J\n");
    sandbox.haul(&["-i", "list.txt", "-d", "d"]);
    let (_, rows) = on_terminal(&sandbox, 500, &["results", "d", "--format", "csv"]);
    assert_eq!(rows.len(), 2);
    assert!(rows[1].contains("evil\\u{1b}"), "{}", rows[1]);
}

#[test]
fn a_summary_counts_by_status_error_and_host() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    let [totals] = &lines(&sandbox, &["--summary"])[..] else {
        panic!("one object");
    };
    for (name, value) in [
        ("rows", json!(4)),
        ("failed", json!(2)),
        ("bytes", json!(4)),
        (
            "statuses",
            json!({"done": {"rows": 2, "failed": 0, "bytes": 4}, "failed": {"rows": 2, "failed": 2, "bytes": 0}}),
        ),
        ("errors", json!({"http": 1, "input": 1})),
        ("host_count", json!(3)),
    ] {
        assert_eq!(totals[name], value, "{name}");
    }
    let hosts = totals["hosts"].as_array().unwrap();
    assert_eq!(
        (&hosts[0]["failed"], &hosts[0]["rows"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(hosts[1]["host"], Value::Null);
    let failed = lines(&sandbox, &["--summary", "--status", "failed"]);
    assert_eq!(failed[0]["rows"], 2);

    let (_, rows) = on_terminal(&sandbox, 60, &["results", "d", "--summary"]);
    assert!(
        rows[0].starts_with("status") && rows[0].ends_with("size"),
        "{rows:#?}"
    );
    assert!(
        rows.iter()
            .any(|row| row.starts_with("all") && row.ends_with("4 B")),
        "{rows:#?}"
    );
    assert!(
        rows.iter().any(|row| row.starts_with("(no URL)")),
        "{rows:#?}"
    );
    let ran = sandbox.haul(&["results", "d", "--summary", "--format", "csv"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn a_reader_of_results_may_leave() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    for format in ["jsonl", "csv", "table", "text"] {
        let mut child = sandbox
            .command(&["results", "d", "--format", format])
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{format}"
        );
    }
}
