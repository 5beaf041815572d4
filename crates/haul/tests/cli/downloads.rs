//! Downloads: what they leave on disk, and how they end.

use origin::{Body, Origin, Script};
use serde_json::json;

use crate::Sandbox;

#[test]
fn urls_become_files_and_the_workspace_goes() {
    let origin = Origin::plain();
    origin.on("/a.bin", Script::ok(Body::of("one")));
    origin.on("/b.bin", Script::ok(Body::of("two")));
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&[
        "-d",
        "new/out",
        &origin.url("/a.bin"),
        &origin.url("/b.bin"),
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("new/out"), ["a.bin", "b.bin"]);
    assert_eq!(sandbox.read("new/out/b.bin"), "two");
    assert!(
        ran.stderr
            .starts_with("2 done, 0 skipped, 0 failed · 6 B in "),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_refresh_replaces_a_file_whose_checksum_changed() {
    let origin = Origin::plain();
    let versions = [
        (
            "the first",
            "6fa2c9ea02d6b6cc4aeb86495d9a1beac7ebeba72023ebd2c1ec8564117f1c6e",
        ),
        (
            "the second one",
            "2059af985d70f91d8d3984d127c75a710b71aaa3e6798726834aac37965a82c8",
        ),
    ];
    origin.on(
        "/a.txt",
        versions.map(|(body, _)| Script::ok(Body::of(body))),
    );
    let (sandbox, base) = (Sandbox::new(), origin.url("/"));
    for (body, hex) in versions {
        sandbox.write("SHA256SUMS", &format!("{hex}  a.txt\n"));
        let list = ["-i", "SHA256SUMS", "--base-url", &base, "-d", "out"];
        let ran = sandbox.haul(&[&list[..], &["--exists", "refresh"]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(sandbox.names("out"), [".haul", "a.txt"]);
        assert_eq!(sandbox.read("out/a.txt"), body);
    }
}

#[test]
fn what_is_there_can_be_refreshed() {
    let origin = Origin::plain();
    let file = |text: &'static str, date: &str| {
        Script::ok(Body::of(text))
            .last_modified(&format!("{date} Nov 1994 08:49:37 GMT"))
            .ranges()
    };
    let (old, new) = (file("one", "Sun, 06"), file("two!", "Mon, 07"));
    origin.on("/a.bin", [old.clone(), old, new]);
    let (sandbox, url) = (Sandbox::new(), origin.url("/a.bin"));
    let arguments = [
        "--exists",
        "refresh",
        "--progress",
        "plain",
        "--results",
        "r.jsonl",
        &url,
    ];
    for (line, status, code, text) in [
        ("1 done, 0 skipped, 0 failed", "done", 200, "one"),
        (
            "unchanged a.bin\nunchanged: a.bin\n0 done, 1 unchanged, 0 skipped, 0 failed",
            "unchanged",
            // Nothing is recorded of it, so it is compared with an ordinary response.
            200,
            "one",
        ),
        ("1 done, 0 skipped, 0 failed", "done", 200, "two!"),
    ] {
        let ran = sandbox.haul(&arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains(line), "{}", ran.stderr);
        let row = sandbox.rows("r.jsonl").pop().unwrap();
        assert_eq!(
            (&row["status"], &row["http_status"]),
            (&json!(status), &json!(code))
        );
        assert_eq!(
            (&row["path"], &row["bytes"]),
            (&json!("a.bin"), &json!(text.len()))
        );
        assert_eq!(sandbox.read("a.bin"), text);
    }
}

#[test]
fn what_is_there_is_skipped_unless_told_otherwise() {
    let origin = Origin::plain();
    origin.on(
        "/a.bin",
        [Script::ok(Body::of("one")), Script::ok(Body::of("two"))],
    );
    let (sandbox, url) = (Sandbox::new(), origin.url("/a.bin"));
    sandbox.haul(&[&url]);
    let ran = sandbox.haul(&[&url]);
    assert!(
        ran.stderr.contains("\n0 done, 1 skipped, 0 failed"),
        "{}",
        ran.stderr
    );
    // It has the length of the response, whose body is not read.
    assert_eq!(
        (origin.count("/a.bin"), sandbox.read("a.bin").as_str()),
        (2, "one")
    );
    sandbox.write("a.bin", "any other");
    let ran = sandbox.haul(&["--exists", "skip", &url]);
    assert!(
        ran.stderr
            .starts_with("already there: a.bin (not checked)\n0 done, 1 skipped"),
        "{}",
        ran.stderr
    );
    assert_eq!(origin.count("/a.bin"), 2);
    let ran = sandbox.haul(&["--exists", "overwrite", &url]);
    assert_eq!((ran.code, sandbox.read("a.bin").as_str()), (Some(0), "two"));
}

#[test]
fn a_dry_run_says_what_would_be_fetched_as_a_list_that_can_be_read() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("one")));
    let sandbox = Sandbox::new();
    let (first, second) = (origin.url("/a.bin"), origin.url("/x/a.bin"));
    let plan = sandbox.haul(&["-d", "out", "--dry-run", &first, &second]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    assert!(
        plan.stderr.starts_with("2 to fetch, 0 skipped, 0 failed"),
        "{}",
        plan.stderr
    );
    assert!(
        plan.stdout
            .starts_with(&format!("{first}\tout=a.bin\n{second}\tout=a~")),
        "{}",
        plan.stdout
    );
    assert_eq!(origin.tally().requests, 0);
    assert!(sandbox.names(".").is_empty());
    sandbox.write("plan.tsv", &plan.stdout);
    let ran = sandbox.haul(&["-d", "out", "-i", "plan.tsv"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("out").len(), 3);
    let again = sandbox.haul(&["-d", "out", "--dry-run", "-i", "plan.tsv"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""));
    assert!(again.stderr.contains("2 skipped"), "{}", again.stderr);
    let bad = sandbox.haul(&["-d", "out", "--dry-run", "http://a.example:99999/"]);
    assert_eq!((bad.code, bad.stdout.as_str()), (Some(1), ""));
}

#[test]
fn a_run_may_end_at_the_first_failure() {
    let origin = Origin::plain();
    let sandbox = Sandbox::new();
    let urls = ["/a", "/b", "/c"].map(|path| origin.url(path));
    for (option, left) in [
        ("--fail-early", "1 failed, 0 partial, 2 not started"),
        ("--max-errors=2", "2 failed, 0 partial, 1 not started"),
    ] {
        let ran = sandbox.haul(&["-j", "1", option, &urls[0], &urls[1], &urls[2]]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("stopping: "), "{}", ran.stderr);
        assert!(
            ran.stderr
                .contains(&format!("interrupted: 0 of 3 done, {left}; ")),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn one_url_can_be_named_and_so_can_a_pattern() {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::ok(Body::of(request.path().to_owned()))
    });
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.haul(&["-o", "x.bin", &origin.url("/a")]).code,
        Some(0)
    );
    assert_eq!(sandbox.read("x.bin"), "/a");
    let ran = sandbox.haul(&["-o", "#<n>-#1.bin", &origin.url("/{<n>b,c}")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("."), ["b-b.bin", "c-c.bin", "x.bin"]);
    assert_eq!(sandbox.haul(&["-g", &origin.url("/[1]")]).code, Some(0));
    assert_eq!(origin.count("/[1]") + origin.count("/%5B1%5D"), 1);
}

#[test]
fn a_layout_names_what_is_not_named() {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::ok(Body::of(request.path().to_owned()))
    });
    let sandbox = Sandbox::new();
    let list = format!(
        "{}\tout=named.bin\n{}\n",
        origin.url("/a/b"),
        origin.url("/a/c.gif")
    );
    sandbox.write("list.txt", &list);
    for (layout, file) in [
        ("flat", "c.gif".to_owned()),
        (
            "tree",
            format!("127.0.0.1_{}/a/c.gif", origin.address().port()),
        ),
        ("row", "000000001.gif".to_owned()),
    ] {
        let ran = sandbox.haul(&["-d", layout, "--layout", layout, "-i", "list.txt"]);
        assert_eq!(ran.code, Some(0), "{layout}: {}", ran.stderr);
        assert_eq!(sandbox.read(&format!("{layout}/{file}")), "/a/c.gif");
        assert_eq!(sandbox.read(&format!("{layout}/named.bin")), "/a/b");
    }
}

#[test]
fn headers_users_and_agents_arrive() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::empty()));
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&[
        "-H",
        "X-Key: 1",
        "-H",
        "X-None;",
        "-A",
        "me",
        "-u",
        "a:b",
        &origin.url("/a"),
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let log = origin.log();
    let header = |name: &str| {
        log[0]
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header("x-key").as_deref(), Some("1"));
    assert_eq!(header("x-none").as_deref(), Some(""));
    assert_eq!(header("user-agent").as_deref(), Some("me"));
    assert_eq!(header("authorization").as_deref(), Some("Basic YTpi"));
}

#[test]
fn referer_is_sent_to_the_origin_of_the_url_as_given() {
    let (origin, other) = (Origin::plain(), Origin::plain());
    let elsewhere = other.url("/b");
    origin.on("/a", Script::ok(Body::empty()));
    origin.on("/to", Script::redirect(302, &elsewhere));
    other.on("/b", Script::ok(Body::empty()));
    let page = "http://page.example/list?x=1";
    let with_fragment = format!("{page}#here");
    for (arguments, expected) in [
        (&["-e", page][..], Some(page)),
        (&["--referrer", &with_fragment], Some(page)),
        (&["-e", ""], None),
        (&["-e", page, "-H", "Referer: mine"], Some("mine")),
    ] {
        let sandbox = Sandbox::new();
        let urls = [origin.url("/a"), origin.url("/to")];
        let words = arguments.iter().copied();
        let words: Vec<_> = words.chain(urls.iter().map(String::as_str)).collect();
        let ran = sandbox.haul(&words);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let sent = |of: &Origin| -> Vec<Option<String>> {
            let log = of.log();
            let values = log.iter().map(|request| request.headers.get("referer"));
            values
                .map(|value| value.map(|value| value.to_str().unwrap().to_owned()))
                .collect()
        };
        let expected = expected.map(str::to_owned);
        let last: Vec<_> = sent(&origin).into_iter().rev().take(2).collect();
        assert_eq!(last, [expected.clone(), expected], "{arguments:?}");
        assert_eq!(sent(&other).last(), Some(&None), "{arguments:?}");
    }
    for (url, says) in [
        ("http://me:hush@page.example/", "--referer: leave the user"),
        ("http://page.example/;auto", "haul has no ;auto"),
    ] {
        let ran = Sandbox::new().haul(&["-e", url, &origin.url("/a")]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
    }
}

#[test]
fn a_certificate_must_be_vouched_for() {
    let origin = Origin::tls();
    origin.on("/a", Script::ok(Body::of("x")));
    let (sandbox, url) = (Sandbox::new(), origin.url("/a"));
    sandbox.write("ca.pem", origin.ca_pem());
    assert_eq!(sandbox.haul(&["--retries", "0", &url]).code, Some(1));
    assert!(!sandbox.has("a"));
    assert_eq!(sandbox.haul(&["--cacert", "ca.pem", &url]).code, Some(0));
    assert_eq!(sandbox.haul(&["-k", "-o", "b", &url]).code, Some(0));
}

#[test]
fn a_destination_that_cannot_be_made_ends_with_3() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "");
    let ran = sandbox.haul(&["-d", "file/out", "http://a.example/"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
}

#[test]
fn a_file_that_was_compressed_for_the_way_is_saved_as_it_was() {
    let origin = Origin::plain();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &b"hello ".repeat(1000)).unwrap();
    let body = encoder.finish().unwrap();
    let script = Script::ok(Body::of(body.clone())).header("content-encoding", "gzip");
    origin.on("/a", script);
    let sandbox = Sandbox::new();
    let run = |arguments: &[&str]| {
        let ran = sandbox.haul(&[arguments, &[&origin.url("/a")]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    };
    run(&["--compressed"]);
    assert_eq!(sandbox.read("a"), "hello ".repeat(1000));
    run(&["-o", "as-sent"]);
    assert_eq!(std::fs::read(sandbox.path().join("as-sent")).unwrap(), body);
}

#[test]
fn a_file_that_is_there_is_kept_beside_the_new_one_or_counts_as_failed() {
    let origin = Origin::plain();
    origin.on("/a.gif", Script::ok(Body::of("new")));
    let sandbox = Sandbox::new();
    sandbox.write("a.gif", "old");
    let ran = sandbox.haul(&["--exists", "fail", &origin.url("/a.gif")]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("overwrite or rename"), "{}", ran.stderr);
    assert!(origin.log().is_empty());
    let ran = sandbox.haul(&["--exists", "rename", &origin.url("/a.gif")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(
        (sandbox.read("a.gif"), sandbox.read("a.1.gif")),
        ("old".into(), "new".into())
    );
}

#[test]
fn a_file_of_another_url_is_kept_and_the_new_name_is_reported() {
    let origin = Origin::plain();
    origin.on("/v1/setup.exe", Script::ok(Body::of("one")));
    origin.on("/v2/setup.exe", Script::ok(Body::of("two!")));
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.haul(&[&origin.url("/v1/setup.exe")]).code, Some(0));
    for status in ["done", "skipped"] {
        let ran = sandbox.haul(&["--results", "r.jsonl", &origin.url("/v2/setup.exe")]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let row = sandbox.rows("r.jsonl").pop().unwrap();
        assert_eq!(row["status"], status);
        assert_eq!(row["renamed"], "a different file has its name");
        let path = row["path"].as_str().unwrap();
        assert!(path.starts_with("setup~"), "{path}");
        assert_eq!(sandbox.read(path), "two!");
        assert_eq!(sandbox.read("setup.exe"), "one");
    }
}

#[test]
fn a_disk_without_enough_room_ends_with_3_before_anything_is_asked() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&["--min-free", "8000T", "-d", "new", &origin.url("/a")]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("MiB are free"), "{}", ran.stderr);
    assert!(ran.stderr.contains("make room"), "{}", ran.stderr);
    assert!(origin.log().is_empty() && sandbox.names("new").is_empty());
}

#[test]
fn a_file_that_outgrows_a_limit_fails_alone_and_leaves_nothing() {
    let origin = Origin::plain();
    origin.on("/large", Script::ok(Body::seeded(1, 3 << 20)));
    origin.on("/small", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let mut command = std::process::Command::new("sh");
    // In blocks of 512 bytes.
    command
        .args(["-c", "ulimit -f 1000; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_haul"))
        .args([origin.url("/large"), origin.url("/small")])
        .current_dir(sandbox.path());
    let ran: crate::Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("ulimit -f"), "{}", ran.stderr);
    assert_eq!(sandbox.names("."), ["small"]);
}

#[test]
fn a_destination_that_cannot_be_written_ends_with_3_before_anything_is_asked() {
    let origin = Origin::plain();
    let sandbox = Sandbox::new();
    sandbox.write("file", "x");
    for folder in ["/dev/null/nothing/can/be/made/here", "file", "file/below"] {
        let ran = sandbox.haul(&["-d", folder, &origin.url("/a")]);
        assert_eq!(ran.code, Some(3), "{folder}: {}", ran.stderr);
        assert!(ran.stderr.contains(folder), "{}", ran.stderr);
    }
    assert!(origin.log().is_empty());
}

#[test]
fn with_few_descriptors_there_are_fewer_requests_at_once_and_no_failures() {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::ok(Body::seeded(request.path().len() as u64, 300_000))
    });
    let sandbox = Sandbox::new();
    let urls: Vec<_> = (0..60)
        .map(|number| origin.url(&format!("/{number}")))
        .collect();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "ulimit -n 50; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_haul"))
        .args(["-d", "all", "--per-host", "64"])
        .args(urls)
        .current_dir(sandbox.path());
    let ran: crate::Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("all").len(), 60);
    assert_eq!(origin.peak_in_flight(), 1);
}
