//! Lists: what is read of them, and when.

use std::io::Write as _;
use std::process::Stdio;

use origin::{Body, Origin, Script};

use crate::{Ran, Sandbox};

#[test]
fn lists_are_read_from_files_and_from_standard_input() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    sandbox.write(
        "list.txt",
        &format!(
            "# two\n{}\n\n{}\tout=sub/b.bin\n",
            origin.url("/a"),
            origin.url("/b")
        ),
    );
    let mut command =
        sandbox.command(&["-d", "out", "-i", "list.txt", "-i", "-", &origin.url("/c")]);
    sandbox.write("more.txt", &origin.url("/d"));
    let stdin = std::fs::File::open(sandbox.path().join("more.txt")).unwrap();
    let ran: Ran = command.stdin(stdin).output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(
        sandbox.names("out"),
        [".haul", "a", "c", "d", "sub"],
        "after a list, the workspace stays"
    );
    assert!(sandbox.has("out/sub/b.bin"));
}

#[test]
fn a_bad_row_fails_alone_and_says_where_it_stands() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    sandbox.write(
        "list.txt",
        &format!("nonsense\n{}\nftp://a.example/\n", origin.url("/a")),
    );
    let ran = sandbox.haul(&["-i", "list.txt"]);
    assert_eq!(ran.code, Some(1));
    assert!(sandbox.has("a"));
    for says in ["list.txt:1)", "list.txt:3)", "1 done, 0 skipped, 2 failed"] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
}

#[test]
fn a_binary_file_is_refused_as_a_whole() {
    let sandbox = Sandbox::new();
    let binary = b"\x7fELF\x02\x01\x01\0\0\0\0\0\n\xff\xfe\n".repeat(1000);
    sandbox.write_bytes("program", &binary);
    for format in ["auto", "text"] {
        let ran = sandbox.haul(&["-i", "program", "-d", "d", "--input-format", format]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("binary file"), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(!sandbox.has("d"));
    }
    let stdin = std::fs::File::open(sandbox.path().join("program")).unwrap();
    let mut command = sandbox.command(&["-i", "-", "-d", "d"]);
    let ran: Ran = command.stdin(stdin).output().unwrap().into();
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("binary file"), "{}", ran.stderr);
}

#[test]
fn relative_urls_are_relative_to_the_base_url() {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::ok(Body::of(request.path().to_owned()))
    });
    let sandbox = Sandbox::new();
    sandbox.write(
        "list.txt",
        &format!("x/b\n../c\n/d?e\n{}\n", origin.url("/f/g")),
    );
    let ran = sandbox.haul(&["-d", "none", "-i", "list.txt"]);
    assert_eq!(ran.code, Some(1));
    for says in ["list.txt:1)", "--base-url", "1 done, 0 skipped, 3 failed"] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
    let base = origin.url("/a/");
    let ran = sandbox.haul(&[
        "-d",
        "out",
        "-i",
        "list.txt",
        "--base-url",
        &base,
        "--results",
        "r.jsonl",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for (name, path) in [("b", "/a/x/b"), ("c", "/c"), ("d", "/d"), ("g", "/f/g")] {
        assert_eq!(sandbox.read(&format!("out/{name}")), path);
    }
    let first = sandbox
        .rows("r.jsonl")
        .into_iter()
        .find(|row| row["row"] == 0)
        .unwrap();
    assert_eq!(first["url"], origin.url("/a/x/b"));
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

#[test]
fn compressed_lists_are_read_as_they_are_whatever_they_are_called() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let line = |path: &str| format!("{}\n", origin.url(path));
    let sandbox = Sandbox::new();
    sandbox.write_bytes("a.gz", &[gzip(&line("/a")), gzip(&line("/b"))].concat());
    sandbox.write_bytes("c.txt", &zstd(&line("/c")));
    sandbox.write_bytes("stdin", &zstd(&line("/d")));
    let mut command = sandbox.command(&["-d", "out", "-i", "a.gz", "-i", "c.txt", "-i", "-"]);
    let stdin = std::fs::File::open(sandbox.path().join("stdin")).unwrap();
    let ran: Ran = command.stdin(stdin).output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("out"), [".haul", "a", "b", "c", "d"]);
}

/// What `hello` comes to.
const MD5: &str = "5d41402abc4b2a76b9719d911017c592";
const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const BLAKE3: &str = "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f";

#[test]
fn a_list_of_checksums_fetches_what_stands_beside_it_and_keeps_what_is_right() {
    let origin = Origin::plain();
    origin.under("/d/", |request| match request.path() {
        "/d/wrong" => Script::ok(Body::of("hellO")),
        _ => Script::ok(Body::of("hello")),
    });
    let base = origin.url("/d/SHA256SUMS");
    let text = format!(
        "# sums\n{SHA256}  sub/a b.bin\n{SHA256} *wrong\n{SHA256}  ../up\nSHA256 (c#d) = {SHA256}\nnonsense\n{MD5}  e\n"
    );
    let sandbox = Sandbox::new();
    sandbox.write("SHA256SUMS", &text);
    sandbox.write_bytes("list", &gzip(&text));
    sandbox.write("x.b3", &format!("{BLAKE3}  f\n"));
    sandbox.write("list.txt", &format!("{}\n", origin.url("/d/g")));
    for list in ["SHA256SUMS", "list", "-"] {
        let folder = format!("from {list}");
        let mut command = sandbox.command(&[
            "-d",
            &folder,
            "-i",
            list,
            "-i",
            "x.b3",
            "-i",
            "list.txt",
            "--base-url",
            &base,
            "--results",
            "r.jsonl",
        ]);
        let stdin = std::fs::File::open(sandbox.path().join("list")).unwrap();
        let ran: Ran = command.stdin(stdin).output().unwrap().into();
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        for says in [
            format!("({list}:4)"),
            format!("({list}:6)"),
            "failed: wrong: what the server sent has the sha256".into(),
            "5 done, 0 skipped, 3 failed".into(),
        ] {
            assert!(ran.stderr.contains(&says), "{says}: {}", ran.stderr);
        }
        let mut rows = sandbox.rows("r.jsonl");
        rows.sort_by_key(|row| row["row"].as_u64());
        assert_eq!(rows[0]["url"], origin.url("/d/sub/a%20b.bin"));
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row["path"].as_str(), row["verified"].as_str().unwrap()))
            .collect();
        let failed = (None, "none");
        assert_eq!(
            told,
            [
                (Some("sub/a b.bin"), "checksum"),
                failed,
                failed,
                (Some("c#d"), "checksum"),
                failed,
                (Some("e"), "checksum"),
                (Some("f"), "checksum"),
                (Some("g"), "length"),
            ]
        );
        assert_eq!(sandbox.read(&format!("{folder}/sub/a b.bin")), "hello");
    }
}

#[test]
fn checksums_on_standard_input_without_a_base_are_no_list() {
    let sandbox = Sandbox::new();
    sandbox.write("sums", &format!("{MD5}  a\n"));
    let mut command = sandbox.command(&["-d", "out", "-i", "-"]);
    let stdin = std::fs::File::open(sandbox.path().join("sums")).unwrap();
    let ran: Ran = command.stdin(stdin).output().unwrap().into();
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("say with --base-url"), "{}", ran.stderr);
    let mut command = sandbox.command(&["-d", "out", "-i", "-", "--input-format", "text"]);
    let stdin = std::fs::File::open(sandbox.path().join("sums")).unwrap();
    let ran: Ran = command.stdin(stdin).output().unwrap().into();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
}

#[test]
fn a_compressed_list_that_ends_too_early_is_read_so_far_and_ends_with_2() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let urls: Vec<String> = (0..30).map(|row| origin.url(&format!("/{row}"))).collect();
    let lines = urls.join("\n") + "\n";
    for (name, mut list) in [("list.gz", gzip(&lines)), ("list.zst", zstd(&lines))] {
        let sandbox = Sandbox::new();
        // Of gzip, all but a line of the text and its sum; of zstd, which was one block, nothing.
        list.truncate(list.len() - 12);
        sandbox.write_bytes(name, &list);
        let ran = sandbox.haul(&["-d", "out", "-i", name, "--results", "results.jsonl"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let all_of = if name == "list.gz" { "all of " } else { "" };
        let says = format!("cannot read {all_of}{name}: its ");
        assert!(
            ran.stderr.contains(&says) && ran.stderr.contains("ends too early"),
            "{}",
            ran.stderr
        );
        let rows = sandbox.rows("results.jsonl");
        assert!(
            rows.iter().all(|row| row["status"] == "done"),
            "a cut-off line became a row"
        );
        assert_eq!(rows.len() >= 20, name == "list.gz", "{} rows", rows.len());
    }
}

#[test]
fn a_line_on_standard_input_is_fetched_before_the_next_one_comes() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["-i", "-", "--progress", "plain"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for (number, path) in ["/a", "/b", "/c"].into_iter().enumerate() {
        writeln!(stdin, "{}", origin.url(path)).unwrap();
        origin.wait_until(|tally| tally.requests > number as u64);
    }
    drop(stdin);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("3 done"), "{}", ran.stderr);
}
