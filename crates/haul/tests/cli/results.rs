//! `--results`: its formats, what a list carries to it, and its files as lists.

use std::io::{BufRead as _, BufReader};

use origin::{Body, Gate, Origin, Script};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{Ran, Sandbox};

/// The formats in which results can be read as a list.
const LISTS: &[&str] = &[
    "r.jsonl",
    "r.csv",
    "r.tsv",
    #[cfg(feature = "parquet")]
    "r.parquet",
    #[cfg(feature = "parquet")]
    "r.arrow",
];

/// Returns the cells of a CSV file without quotes in it.
fn cells(text: &str) -> Vec<Vec<&str>> {
    let rows = text.split_terminator("\r\n");
    rows.map(|row| row.split(',').collect()).collect()
}

/// Returns the value of a column in each row.
fn column<'a>(rows: &'a [Vec<&'a str>], name: &str) -> Vec<&'a str> {
    let at = rows[0].iter().position(|own| *own == name).unwrap();
    rows[1..].iter().map(|row| row[at]).collect()
}

#[test]
fn columns_of_a_list_are_carried_with_their_values() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let row = json!({"url": origin.url("/a"), "id": 7, "tags": ["x", null], "status": true, "text": "ü\u{1b}"});
    sandbox.write(
        "list.jsonl",
        &format!("{row}\n{{\"url\": \"no\", \"n\": 1.50}}\n"),
    );
    let ran = sandbox.haul(&[
        "-i",
        "list.jsonl",
        "--results",
        "r.jsonl",
        "--results",
        "r.csv",
    ]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let rows = sandbox.rows("r.jsonl");
    let done = rows.iter().find(|row| row["status"] == "done").unwrap();
    for (name, value) in [
        ("id", json!(7)),
        ("tags", json!(["x", null])),
        ("list_status", json!(true)),
        ("text", json!("ü\u{1b}")),
        ("name", Value::Null),
        ("checksum", Value::Null),
    ] {
        assert_eq!(done[name], value, "{name}");
    }
    assert!(!sandbox.read("r.jsonl").contains('\u{1b}'));
    let csv = sandbox.read("r.csv");
    let header = csv.lines().next().unwrap();
    assert!(header.ends_with(",carried"), "{header}");
    assert!(csv.contains("\"[\"\"x\"\",null]\""), "{csv}");
}

#[test]
fn a_csv_has_the_columns_of_its_list() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let list = format!(
        "id,url,note\n1,{},=1+1\n2,{},\n",
        origin.url("/a"),
        origin.url("/b")
    );
    sandbox.write("list.csv", &list);
    sandbox.haul(&[
        "-j",
        "1",
        "-i",
        "list.csv",
        "--results",
        "r.csv",
        "--results",
        "r.tsv",
    ]);
    let csv = sandbox.read("r.csv");
    let rows = cells(&csv);
    assert_eq!(rows.len(), 3, "{csv}");
    assert_eq!(rows[0][rows[0].len() - 2..], ["id", "note"]);
    let done = 1 + usize::from(column(&rows, "status")[0] != "done");
    let failed = 3 - done;
    for (name, of_done, of_failed) in [
        ("id", "1", "2"),
        ("note", "=1+1", ""),
        ("status", "done", "failed"),
        ("error_kind", "", "http"),
        ("http_status", "200", "404"),
    ] {
        let values = column(&rows, name);
        assert_eq!(
            (values[done - 1], values[failed - 1]),
            (of_done, of_failed),
            "{name}"
        );
    }
    assert_eq!(sandbox.read("r.tsv").replace('\t', ","), csv);
}

#[test]
fn a_run_without_items_leaves_a_header() {
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", "");
    sandbox.haul(&["-i", "list.txt", "--results", "r.csv"]);
    assert_eq!(cells(&sandbox.read("r.csv")).len(), 1);
}

#[test]
fn results_are_a_list_of_what_is_missing() {
    for name in LISTS {
        let origin = Origin::plain();
        origin.on("/a", Script::ok(Body::of("aaa")));
        origin.on("/b", [Script::status(404), Script::ok(Body::of("bbb"))]);
        let sandbox = Sandbox::new();
        let md5 = "47bce5c74f589f4867dbd57e9ca9f808";
        let sha1 = "7e240de74fb1ed08fa08d38063f6a6a91462a815";
        let list = json!([{"url": origin.url("/a"), "checksum": format!("md5={md5}"), "id": "1"}, {"url": origin.url("/b"), "name": "x/b.bin", "id": "2"}]);
        let lines: Vec<_> = list
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        sandbox.write("list.jsonl", &lines.join("\n"));
        let ran = sandbox.haul(&[
            "-i",
            "list.jsonl",
            "-d",
            "d",
            "--hash",
            "sha1",
            "--results",
            name,
        ]);
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.stderr);

        let ran = sandbox.haul(&[
            "-i",
            name,
            "-d",
            "d",
            "--retry-failed",
            "all",
            "--results",
            "2.jsonl",
        ]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
        assert_eq!(sandbox.read("d/x/b.bin"), "bbb", "{name}");
        assert_eq!((origin.count("/a"), origin.count("/b")), (1, 2), "{name}");
        let mut rows = sandbox.rows("2.jsonl");
        rows.sort_by_key(|row| row["id"].to_string());
        assert_eq!(
            (&rows[0]["status"], &rows[0]["verified"]),
            (&json!("skipped"), &json!("checksum"))
        );
        assert_eq!(
            rows[0]["checksum"],
            format!("sha1={sha1} md5={md5}"),
            "{name}"
        );
        assert_eq!(
            (&rows[1]["status"], &rows[1]["name"]),
            (&json!("done"), &json!("x/b.bin"))
        );
        assert_eq!(
            (&rows[0]["id"], &rows[1]["id"]),
            (&json!("1"), &json!("2")),
            "{name}"
        );

        // Without a state, a file that has changed is not taken for the one that was recorded.
        std::fs::remove_dir_all(sandbox.path().join("d/.haul")).unwrap();
        sandbox.write("d/a", "AAA");
        let ran = sandbox.haul(&["-i", "2.jsonl", "-d", "d"]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
        assert_eq!(origin.count("/a"), 2, "{name}");
    }
}

#[test]
fn results_do_not_replace_the_list_that_is_read() {
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", "url\nhttp://127.0.0.1:1/a\n");
    for (results, says) in [
        (
            &["--results", "./list.csv"][..],
            "list.csv is a list to read",
        ),
        (
            &["--results", "r.csv", "--results", "r.csv"],
            "names r.csv twice",
        ),
        (&["--results", "r.txt"], ".jsonl, .ndjson, .csv"),
    ] {
        let ran = sandbox.haul(&[&["-i", "list.csv"], results].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    assert!(sandbox.read("list.csv").contains("/a"));
}

#[test]
fn results_on_a_full_device_stop_the_run_but_not_other_results() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    for name in ["r.jsonl", "r.csv"] {
        let sandbox = Sandbox::new();
        std::os::unix::fs::symlink("/dev/full", sandbox.path().join(name)).unwrap();
        let ran = sandbox.haul(&[
            "--results",
            name,
            "--results",
            "good.tsv",
            &origin.url("/a"),
        ]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("cannot write the results to"),
            "{}",
            ran.stderr
        );
        assert!(sandbox.read("good.tsv").contains("/a\t"));
    }
}

#[test]
fn a_reader_who_leaves_does_not_cost_other_results() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::of("x")).hold(&gate));
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(&["--results", "-", "--results", "r.csv", &origin.url("/a")])
        .spawn()
        .unwrap();
    gate.wait_reached(1);
    drop(child.stdout.take());
    gate.open();
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(sandbox.read("r.csv").contains(",done,"));
}

/// Tables that are written at the end.
#[cfg(feature = "parquet")]
mod tables {
    use arrow_array::RecordBatch;
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Int64Type;
    use std::fs::File;

    use super::*;

    const TABLES: [&str; 2] = ["r.parquet", "r.arrow"];

    fn batches(sandbox: &Sandbox, name: &str) -> Vec<RecordBatch> {
        let file = File::open(sandbox.path().join(name)).unwrap();
        if name == "r.arrow" {
            let reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
            return reader.map(Result::unwrap).collect();
        }
        let reader =
            parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        reader.build().unwrap().map(Result::unwrap).collect()
    }

    fn texts(sandbox: &Sandbox, name: &str, column: &str) -> Vec<String> {
        let batches = batches(sandbox, name);
        let texts = batches.iter().flat_map(|batch| {
            let column = batch.column_by_name(column).unwrap();
            let column = column.as_string::<i32>().iter();
            column
                .map(|text| text.unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        });
        let mut texts: Vec<_> = texts.collect();
        texts.sort();
        texts
    }

    #[test]
    fn the_table_replaces_what_was_there_at_the_end() {
        let origin = Origin::plain();
        origin.on("/a", Script::ok(Body::of("abc")));
        for name in TABLES {
            let sandbox = Sandbox::new();
            sandbox.write(
                "list.csv",
                &format!("url,id\n{},7\n{},8\n", origin.url("/a"), origin.url("/no")),
            );
            sandbox.write(name, "of an older run");
            sandbox.write(
                &format!("{name}.partial.jsonl"),
                &"of a killed run\n".repeat(1000),
            );
            let ran = sandbox.haul(&["-i", "list.csv", "--results", name, "--hash", "md5"]);
            assert_eq!(ran.code, Some(1), "{}", ran.stderr);
            assert_eq!(texts(&sandbox, name, "status"), ["done", "failed"]);
            assert_eq!(
                texts(&sandbox, name, "id"),
                ["7", "8"],
                "text, as in the CSV"
            );
            assert_eq!(texts(&sandbox, name, "md5")[1].len(), 32);
            let batch = &batches(&sandbox, name)[0];
            let bytes = batch
                .column_by_name("bytes")
                .unwrap()
                .as_primitive::<Int64Type>();
            assert_eq!(bytes.values().iter().sum::<i64>(), 3);
            let names = sandbox.names(".");
            assert!(
                !names.iter().any(|name| name.contains("partial")),
                "{names:?}"
            );
        }
    }

    #[test]
    fn an_interrupted_run_writes_its_table() {
        let origin = Origin::plain();
        let gate = Gate::new();
        origin.on(
            "/held",
            Script::ok(Body::seeded(1, 1000)).hold_at(100, &gate),
        );
        let sandbox = Sandbox::new();
        let child = sandbox
            .command(&["--results", "r.parquet", &origin.url("/held")])
            .spawn()
            .unwrap();
        gate.wait_reached(1);
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(130), "{}", ran.stderr);
        assert_eq!(texts(&sandbox, "r.parquet", "error_kind"), ["cancelled"]);
    }

    #[test]
    fn after_a_kill_rows_can_be_read_and_the_next_run_has_all() {
        for name in TABLES {
            let origin = Origin::plain();
            let gate = Gate::new();
            let held = gate.clone();
            origin.under("/", move |request| {
                let script = Script::ok(Body::of("x"));
                if request.path().ends_with("/held") {
                    script.hold(&held)
                } else {
                    script
                }
            });
            let sandbox = Sandbox::new();
            let list: Vec<_> = (0..50).map(|row| origin.url(&format!("/{row}"))).collect();
            sandbox.write(
                "list.txt",
                &format!("{}\n{}\n", list.join("\n"), origin.url("/held")),
            );
            let arguments = [
                "-i",
                "list.txt",
                "-d",
                "d",
                "--results",
                name,
                "--progress",
                "json",
            ];
            let mut child = sandbox.command(&arguments).spawn().unwrap();
            let mut events = BufReader::new(child.stderr.take().unwrap()).lines();
            let ended = events.by_ref().filter(|line| {
                let line = line.as_ref().unwrap();
                line.contains("\"ended\"")
            });
            assert_eq!(ended.take(50).count(), 50);
            // Rows follow the events of the same batch.
            let partial = format!("{name}.partial.jsonl");
            let started = std::time::Instant::now();
            while sandbox.read(&partial).lines().count() < 50 {
                assert!(
                    started.elapsed() < crate::PATIENCE,
                    "there are no such rows"
                );
                std::thread::yield_now();
            }
            kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
            child.wait().unwrap();
            let rows = sandbox.rows(&partial);
            assert!(rows.iter().all(|row| row["status"] == "done"));
            assert!(!sandbox.has(name));
            gate.open();
            let ran = sandbox.haul(&arguments);
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            let mut urls: Vec<_> = list.into_iter().chain([origin.url("/held")]).collect();
            urls.sort();
            assert_eq!(texts(&sandbox, name, "url"), urls);
            assert!(!sandbox.has(&partial));
        }
    }

    #[test]
    fn rows_that_cannot_be_written_stop_the_run_and_leave_the_table() {
        let origin = Origin::plain();
        origin.on("/a", Script::ok(Body::of("x")));
        let sandbox = Sandbox::new();
        sandbox.write("r.parquet", "of an older run");
        let partial = sandbox.path().join("r.parquet.partial.jsonl");
        std::os::unix::fs::symlink("/dev/full", &partial).unwrap();
        let arguments = ["--results", "r.parquet", &origin.url("/a")];
        let ran = sandbox.haul(&arguments);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        assert_eq!(sandbox.read("r.parquet"), "of an older run");
        std::fs::remove_file(&partial).unwrap();
        sandbox.make("r.parquet.partial.jsonl");
        let ran = sandbox.haul(&arguments);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("r.parquet.partial.jsonl: "),
            "{}",
            ran.stderr
        );
    }

    #[test]
    fn a_table_that_cannot_be_written_leaves_its_rows() {
        let origin = Origin::plain();
        origin.on("/a", Script::ok(Body::of("x")));
        let sandbox = Sandbox::new();
        std::os::unix::fs::symlink("/dev/full", sandbox.path().join("r.arrow.partial")).unwrap();
        let ran = sandbox.haul(&["--results", "r.arrow", &origin.url("/a")]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("r.arrow.partial.jsonl"),
            "{}",
            ran.stderr
        );
        assert_eq!(sandbox.rows("r.arrow.partial.jsonl").len(), 1);
        assert!(!sandbox.has("r.arrow"));
    }

    #[test]
    fn a_run_that_never_begins_leaves_nothing() {
        let sandbox = Sandbox::new();
        sandbox.write("file", "");
        let ran = sandbox.haul(&[
            "--results",
            "r.arrow",
            "-d",
            "file/x",
            "http://127.0.0.1:1/a",
        ]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        assert_eq!(sandbox.names("."), ["file"]);
        let status = std::process::Command::new("mkfifo")
            .arg(sandbox.path().join("r.parquet"))
            .status();
        assert!(status.unwrap().success());
        let ran = sandbox.haul(&["--results", "r.parquet", "http://127.0.0.1:1/a"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    }
}
