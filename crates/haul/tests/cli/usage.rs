//! What cannot be done ends with status 2 and says what can; what can is what the help says.

use std::path::Path;

use origin::{Body, Origin, Script};

use crate::Sandbox;

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_to_do() {
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", "");
    sandbox.write("SHA256SUMS", "");
    sandbox.write("sums", &format!("# sums\n{}  a\n", "0".repeat(64)));
    for (line, says) in [
        ("-j 4", "nothing to do"),
        ("example.org/a", "https://example.org/a"),
        ("//host/a", "did you mean https://host/a?"),
        ("\"http://a.example/\"", "leave out the quotes"),
        ("list.txt", "-i list.txt"),
        ("-x16 http://a.example/", "-s 16 --per-host 16"),
        ("-C 1000 http://a.example/", "resumes by itself"),
        ("--retires 1 http://a.example/", "did you mean --retries?"),
        (
            "-o x http://a.example/ http://b.example/",
            "there are several",
        ),
        ("-o x -i list.txt", "out=NAME"),
        ("-o - -i list.txt", "-d DIR"),
        ("-o /dev/null -i list.txt", "-d DIR"),
        ("-o .haul/x http://a.example/", "haul's own folder"),
        ("-o #1/ http://a.example/{a,b}", "names folders only"),
        ("-o - --results - http://a.example/", "--results FILE.jsonl"),
        (
            "--netrc-file missing http://a.example/",
            "cannot read missing",
        ),
        ("--bearer-file list.txt http://a.example/", "is empty"),
        (
            "--user-file list.txt http://a.example/",
            "not USER:PASSWORD",
        ),
        ("--user-file - -i -", "only once"),
        ("-u a:b --bearer-file x http://a/", "cannot be used with"),
        ("-H Host:x http://a.example/", "follows from the URL"),
        ("-i missing.txt", "missing.txt"),
        ("-i list.txt --base-url host/a", "no scheme"),
        ("--base-url http://a.example/ http://b.example/", "--input"),
        ("-i SHA256SUMS", "--base-url URL says"),
        ("-i sums", "--base-url URL says"),
        (
            "-i list.txt --input-format checksums",
            "--base-url URL says",
        ),
        ("-i list.txt --input-format xls", "text, checksums"),
        ("--input-format text http://a.example/", "--input"),
        ("--checksum sha256=12 http://a.example/", "64 hex digits"),
        ("--hash md4 http://a.example/", "there are sha256"),
        ("--min-free much http://a.example/", "1.5M"),
        ("--results a.xls http://a.example/", ".jsonl"),
        ("--timeout soon http://a.example/", "500ms"),
        ("-j 0 http://a.example/", "at least 1"),
        ("--max-size much http://a.example/", "1.5M"),
        (
            "--https-only --allow-downgrade http://a.example/",
            "cannot be used with",
        ),
        ("-4 -6 http://a.example/", "cannot be used with"),
        ("--interface a/b http://a.example/", "192.0.2.7 or eth0"),
        (
            "--interface 192.0.2.1 http://a.example/",
            "`ip address` lists",
        ),
        (
            "--interface ::1 -4 http://a.example/",
            "leave one of them out",
        ),
        ("--resolve a.example:443 http://a.example/", "192.0.2.1"),
        (
            "--http1.1 --http2-prior-knowledge http://a.example/",
            "cannot be used with",
        ),
        (
            "--exists refresh -H If-None-Match:x http://a.example/",
            "haul's own to send",
        ),
        ("-s http://a.example/", "for curl's -s use -q"),
        ("-s x http://a.example/", "for curl's -s use -q"),
        ("--limit-rate fast http://a.example/", "1.5M"),
        (
            "--proxy ftp://b.example http://a.example/",
            "--proxy: the scheme of the proxy is unknown",
        ),
        ("http://a.example/{b", "--globoff"),
    ] {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let ran = sandbox.haul(&arguments);
        assert_eq!(ran.code, Some(2), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{line}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{line}");
    }
    assert_eq!(
        sandbox.names("."),
        ["SHA256SUMS", "list.txt", "sums"],
        "something was made on the way"
    );
}

#[test]
fn options_for_what_haul_does_anyway_are_ignored() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("hello")));
    let sandbox = Sandbox::new();
    for habits in [
        &["-LO"][..],
        &["-c"],
        &["-C", "-"],
        &["-fsSL", "-nc"],
        &["-Z", "-#"],
    ] {
        let ran = sandbox.haul(&[habits, &[&origin.url("/a")]].concat());
        assert_eq!(ran.code, Some(0), "{habits:?}: {}", ran.stderr);
    }
    assert_eq!(sandbox.read("a"), "hello");
    assert_eq!(sandbox.names("."), ["a"]);
}

#[test]
fn certificates_that_cannot_be_read_leave_no_trace() {
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&["--cacert", "missing.pem", "http://a.example/"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("missing.pem"), "{}", ran.stderr);
    assert!(!sandbox.has(".haul"));
}

/// Returns the long options that a help describes, sorted.
fn options(help: &str) -> Vec<&str> {
    let mut options: Vec<&str> = help
        .lines()
        // The descriptions are indented further; a line of them may begin with an option.
        .filter(|line| !line.starts_with(&" ".repeat(10)))
        .map(str::trim_start)
        .filter(|line| line.starts_with('-') && !line.starts_with("- "))
        .filter_map(|line| line.split([' ', ',']).find(|word| word.starts_with("--")))
        .collect();
    options.sort_unstable();
    options
}

#[test]
fn chinese_page_of_options_has_each_of_them_once() {
    let help = Sandbox::new().haul(&["--help"]).stdout;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/zh/reference.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `-"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    // As in a help: `-x`、`--proxy URL`.
    let cells = cells.map(|cell| format!("-{}", cell.replace(['`', '、'], " ")));
    let cells: Vec<String> = cells.collect();
    let mut found: Vec<&str> = cells
        .iter()
        .filter_map(|cell| cell.split(' ').find(|word| word.starts_with("--")))
        .collect();
    found.sort_unstable();
    assert_eq!(found, options(&help));
}

#[test]
#[expect(clippy::too_many_lines, reason = "there are many options")]
fn the_help_has_the_options_that_there_are_and_no_others() {
    let help = Sandbox::new().haul(&["--help"]);
    assert_eq!(help.code, Some(0));
    let options = options(&help.stdout);
    let expected = [
        "--allow-downgrade",
        "--base-url",
        "--bearer-file",
        "--cacert",
        "--capath",
        "--cert",
        "--checksum",
        "--checksum-column",
        "--compressed",
        "--config",
        "--connect-timeout",
        "--content-disposition",
        "--cookie",
        "--delay",
        "--delimiter",
        "--dir",
        "--dry-run",
        "--durability",
        "--exists",
        "--fail-early",
        "--globoff",
        "--hash",
        "--head",
        "--header",
        "--header-column",
        "--help",
        "--http1.1",
        "--http2-prior-knowledge",
        "--https-only",
        "--input",
        "--input-format",
        "--insecure",
        "--interface",
        "--ipv4",
        "--ipv6",
        "--jobs",
        "--key",
        "--layout",
        "--limit-rate",
        "--limit-rate-per-host",
        "--load-cookies",
        "--log-file",
        "--lowest-speed",
        "--max-errors",
        "--max-redirects",
        "--max-size",
        "--max-time",
        "--metalink-location",
        "--metrics",
        "--metrics-file",
        "--min-free",
        "--min-split-size",
        "--name-column",
        "--netrc",
        "--netrc-file",
        "--netrc-optional",
        "--no-config",
        "--no-wait",
        "--noproxy",
        "--on-complete",
        "--on-complete-fails",
        "--on-complete-jobs",
        "--output",
        "--per-host",
        "--per-proxy",
        "--pinnedpubkey",
        "--portable-names",
        "--progress",
        "--proxy",
        "--proxy-cacert",
        "--proxy-user",
        "--public-only",
        "--quiet",
        "--referer",
        "--report",
        "--resolve",
        "--results",
        "--retries",
        "--retry-failed",
        "--retry-max-time",
        "--robots",
        "--sample",
        "--save-cookies",
        "--shard",
        "--size-column",
        "--split",
        "--timeout",
        "--tls-max",
        "--tlsv1.3",
        "--url-column",
        "--user",
        "--user-agent",
        "--user-file",
        "--verbose",
        "--version",
    ];
    assert_eq!(options, expected);
}

#[test]
fn it_says_its_version_and_writes_its_manual_and_completions() {
    let sandbox = Sandbox::new();
    let version = sandbox.haul(&["-V"]).stdout;
    assert_eq!(version, format!("haul {}\n", env!("CARGO_PKG_VERSION")));
    for words in [&["--version", "--verbose"][..], &["-V", "-v"], &["-vV"]] {
        let told = sandbox.haul(words).stdout;
        assert!(told.starts_with(&version), "{told}");
        assert!(told.contains("\ntls: rustls 0."), "{told}");
        assert!(
            told.contains("\nfeatures: parquet, program, report\n"),
            "{told}"
        );
    }
    for arguments in [
        ["man"].as_slice(),
        &["completions", "bash"],
        &["completions", "zsh"],
    ] {
        let ran = sandbox.haul(arguments);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
        assert!(
            ran.stdout.contains("per-host") || ran.stdout.contains("per\\-host"),
            "{arguments:?}"
        );
        assert!(
            !ran.stdout.contains("no-clobber"),
            "a habit is offered: {arguments:?}"
        );
    }
}
