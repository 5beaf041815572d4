//! Where files are, where haul says so, and other notes for people.

use origin::{Body, Origin, Script};

use crate::Sandbox;

#[test]
fn one_url_is_told_where_its_file_is() {
    let origin = Origin::plain();
    origin.on("/5MiB", Script::ok(Body::of("x".repeat(5 << 20))));
    let (sandbox, url) = (Sandbox::new(), origin.url("/5MiB"));
    for (option, line) in [
        ("--progress=auto", "saved 5MiB (5.0 MiB)\n"),
        ("--progress=auto", "already there: 5MiB ("),
        ("--exists=rename", "saved 5MiB.1 (5.0 MiB), not 5MiB"),
    ] {
        let ran = sandbox.haul(&[option, &url]);
        assert!(ran.stderr.starts_with(line), "{}", ran.stderr);
    }
    assert_eq!(sandbox.haul(&["-q", &url]).stderr, "");
    let ran = sandbox.haul(&["-o", "-", "--results", "r.jsonl", &url]);
    assert!(!ran.stderr.contains("saved"), "{}", ran.stderr);
}

#[test]
fn files_about_a_run_are_not_its_downloads() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("downloaded")));
    let sandbox = Sandbox::new();
    let names = [
        "r.jsonl",
        "r.arrow.partial.jsonl",
        "R.HTML",
        "m.prom",
        "l.log",
        "x",
    ];
    let urls = names.map(|name| origin.url(&format!("/{name}\n")));
    sandbox.write("list.txt", &urls.concat());
    sandbox.make("d");
    let mut arguments = vec!["-i", "list.txt", "-d", "d", "--exists", "overwrite"];
    arguments.extend(["--results", "d/r.jsonl", "--results", "d/r.arrow"]);
    arguments.extend(["--report", "d/../d/r.html", "--metrics-file", "d/m.prom"]);
    arguments.extend(["--log-file", "d/l.log"]);
    let ran = sandbox.haul(&arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let rows = sandbox.rows("d/r.jsonl");
    assert_eq!(rows.len(), 6);
    for row in rows {
        let path = row["path"].as_str().unwrap();
        assert_eq!(sandbox.read(&format!("d/{path}")), "downloaded", "{path}");
    }
    assert!(sandbox.read("d/r.html").ends_with("</html>\n"));
    assert!(sandbox.read("d/m.prom").contains("haul_items_total"));
    assert!(sandbox.read("d/l.log").contains("run_ended"));
    assert!(sandbox.has("d/r.arrow"));
}

#[test]
fn files_about_a_run_are_not_in_its_state() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    sandbox.make("d/.haul");
    let url = origin.url("/a");
    for (option, path) in [
        ("--results", "d/.haul/r.jsonl"),
        ("--report", "d/.haul/r.html"),
        ("--log-file", "d/.haul/state.db"),
        ("--metrics-file", "d/.haul/m.prom"),
    ] {
        let ran = sandbox.haul(&["-d", "d", option, path, &url]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("keeps its state"), "{}", ran.stderr);
    }
    let ran = sandbox.haul(&["-o", "r.html", "--report", "r.html", &url]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("the file of -o"), "{}", ran.stderr);
    assert!(origin.log().is_empty());
}

#[test]
fn the_place_of_one_file_includes_its_folder() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let (sandbox, url) = (Sandbox::new(), origin.url("/a"));
    for (options, line) in [
        (["-d", "x/y"], "saved x/y/a (1 B)\n"),
        (["-d", "./x/y"], "already there: x/y/a ("),
        (["-o", "x/z/"], "saved x/z/a (1 B)\n"),
        (["-o", "x/y/../b"], "saved x/y/../b (1 B)\n"),
        (["-o", "./c"], "saved c (1 B)\n"),
    ] {
        let ran = sandbox.haul(&[options[0], options[1], &url]);
        assert!(ran.stderr.starts_with(line), "{options:?}: {}", ran.stderr);
    }
}

#[test]
fn a_url_that_is_not_http_is_a_usage_error() {
    let sandbox = Sandbox::new();
    for url in [
        "ftp://me:hush@a.example/x",
        "s3://bucket/x",
        "file:///etc/passwd",
    ] {
        let ran = sandbox.haul(&["--dry-run", url]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("only http and https"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
    }
    let ran = sandbox.haul(&["me:hush@a.example/x"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
}

#[test]
fn a_file_with_an_unexpected_name_is_told() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let urls = ["/a/same.bin", "/b/same.bin", "/other.bin"].map(|path| origin.url(path));
    for (progress, before, after) in [
        ("auto", "saved same~", ".bin (1 B), not same.bin"),
        ("plain", "as same~", ".bin\n"),
    ] {
        let sandbox = Sandbox::new();
        let ran = sandbox.haul(&["--progress", progress, &urls[0], &urls[1], &urls[2]]);
        let (_, told) = ran.stderr.split_once(before).unwrap();
        assert_eq!(&told[8..8 + after.len()], after, "{}", ran.stderr);
        assert_eq!(ran.stderr.matches(before).count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn many_unexpected_names_are_told_in_few_lines() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let list: String = (0..30)
        .map(|nth| origin.url(&format!("/{nth}/same\n")))
        .collect();
    sandbox.write("list.txt", &list);
    let ran = sandbox.haul(&["-i", "list.txt", "-d", "d"]);
    assert_eq!(
        ran.stderr.matches("saved same~").count(),
        20,
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .contains("9 more files have other names than their URLs; --results FILE"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_empty_list_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", "# nothing yet\n\n");
    let ran = sandbox.haul(&["-i", "list.txt"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), "the list has no URLs\n")
    );
}

#[test]
fn a_failure_says_after_how_many_attempts() {
    let origin = Origin::plain();
    origin.on("/a", Script::status(503));
    let ran = Sandbox::new().haul(&["--retries", "1", &origin.url("/a")]);
    assert!(
        ran.stderr.contains(" (after 2 attempts, http://"),
        "{}",
        ran.stderr
    );
    let ran = Sandbox::new().haul(&[&origin.url("/missing")]);
    assert!(!ran.stderr.contains("attempt"), "{}", ran.stderr);
}

#[test]
fn a_host_that_waits_says_why_in_plain() {
    let origin = Origin::plain();
    let busy = Script::status(503).header("retry-after", "1");
    origin.on("/a", [busy, Script::ok(Body::of("x"))]);
    let ran = Sandbox::new().haul(&["--progress", "plain", &origin.url("/a")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let line = format!("waits  {}: no requests for ", origin.authority());
    let (_, told) = ran.stderr.split_once(&line).unwrap();
    assert!(
        told.lines()
            .next()
            .unwrap()
            .ends_with(" s (503, Retry-After)"),
        "{}",
        ran.stderr
    );
}
