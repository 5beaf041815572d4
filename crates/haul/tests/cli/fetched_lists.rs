//! Lists in XML, and lists that are fetched.

use std::io::Write as _;

use origin::{Body, Gate, Origin, Script};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Ran, Sandbox};

/// The MD5 of `x`.
const MD5: &str = "9dd4e461268c8034f5c8564e155c67a6";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn serve(origin: &Origin, path: &str, text: impl Into<Vec<u8>>) -> String {
    origin.on(path, Script::ok(Body::of(text.into())));
    origin.url(path)
}

fn urlset(urls: &[String]) -> String {
    let urls = urls
        .iter()
        .map(|url| format!("<url><loc>{url}</loc></url>"));
    format!(
        "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{}</urlset>",
        urls.collect::<String>()
    )
}

fn index(urls: &[String]) -> String {
    let urls = urls
        .iter()
        .map(|url| format!("<sitemap><loc>{url}</loc></sitemap>\n"));
    format!(
        "<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>\n{}</sitemapindex>",
        urls.collect::<String>()
    )
}

#[test]
fn a_list_is_fetched_and_relative_to_its_url() {
    let origin = Origin::plain();
    for path in ["/d/a", "/d/b", "/c"] {
        serve(&origin, path, "x");
    }
    let sums = serve(&origin, "/d/MD5SUMS", format!("{MD5}  a\n{MD5}  b\n"));
    let text = serve(&origin, "/d/list.gz", gzip("../c\n"));
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&[
        "-d",
        "out",
        "-i",
        &sums,
        "-i",
        &text,
        "--results",
        "r.jsonl",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("out"), [".haul", "a", "b", "c"]);
    let rows = sandbox.rows("r.jsonl");
    let row = rows.iter().find(|row| row["row"] == 1).unwrap();
    assert_eq!(row["input"], sums);
    assert_eq!(row["verified"], "checksum");
    let again = sandbox.haul(&["-d", "out", "-i", &sums, "-i", &text]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains("3 skipped"), "{}", again.stderr);
}

#[test]
fn a_list_that_cannot_be_fetched_is_status_2_and_nothing_is_created() {
    let origin = Origin::plain();
    origin.on("/none", Script::status(404));
    let page = serve(&origin, "/page", "<!DOCTYPE html><html><p>x</p></html>");
    let large = origin.url("/bytes/300MiB");
    let sandbox = Sandbox::new();
    for (list, says) in [
        (origin.url("/none"), "cannot fetch the list http://"),
        (origin.url("/none"), "404"),
        (page, "it is a web page, not a list"),
        (large, "download it first"),
        ("ftp://a.example/list".to_owned(), "begins with http://"),
        ("http://a b/".to_owned(), "is not a URL"),
    ] {
        let ran = sandbox.haul(&["-d", "out", "-i", &list, "--retries", "0"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
        assert!(!sandbox.has("out"));
    }
}

#[test]
fn a_metalink_names_checks_and_prefers() {
    let (far, near) = (Origin::plain(), Origin::plain());
    let list = format!(
        "<?xml version='1.0'?>\n<metalink xmlns='urn:ietf:params:xml:ns:metalink'>\n\
         <file name='a/b'><size>1</size><hash type='md5'>{MD5}</hash>\n\
         <url location='us' priority='1'>{}</url><url location='de' priority='2'>{}</url></file>\n\
         <file name='../c'><url>{0}</url></file>\n</metalink>",
        serve(&far, "/x", "x"),
        serve(&near, "/x", "x")
    );
    let sandbox = Sandbox::new();
    sandbox.write("list", &list);
    let arguments = ["-d", "out", "-i", "list", "--results", "r.jsonl"];
    let ran = sandbox.haul(&[&arguments[..], &["--metalink-location", "de,at"]].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(sandbox.read("out/a/b"), "x");
    assert_eq!((far.log().len(), near.log().len()), (0, 1));
    for says in [
        "list:5)",
        "is read as metalink",
        "1 done, 0 skipped, 1 failed",
    ] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
    let ran = sandbox.haul(&[&arguments[..], &["--metalink-location", "Germany"]].concat());
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("two letters"), "{}", ran.stderr);
}

#[test]
fn a_broken_metalink_ends_with_status_2_after_the_files_before() {
    let origin = Origin::plain();
    let url = serve(&origin, "/x", "x");
    let sandbox = Sandbox::new();
    sandbox.write(
        "a.meta4",
        &format!("<metalink>\n<file name='a'><url>{url}</url></file>\n<file name='b'></metalink>"),
    );
    let ran = sandbox.haul(&["-d", "out", "-i", "a.meta4"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(sandbox.has("out/a"));
    assert!(
        ran.stderr.contains("its XML is broken in line 3"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_sitemaps_of_an_index_are_fetched_by_the_run_within_its_limits() {
    let (origin, other) = (Origin::plain(), Origin::plain());
    let page = |name: &str| serve(&origin, name, "x");
    let first = serve(
        &origin,
        "/1.xml.gz",
        gzip(&urlset(&[page("/a"), page("/b")])),
    );
    let second = serve(&origin, "/2.xml", urlset(&[page("/c")]));
    let elsewhere = serve(&other, "/3.xml", urlset(&[page("/d")]));
    origin.on("/none", Script::status(404));
    let list = index(&[first, origin.url("/none"), elsewhere, second.clone()]);
    let list = serve(&origin, "/sitemap.xml", list);
    let sandbox = Sandbox::new();
    let arguments = [
        "-d",
        "out",
        "-i",
        &list,
        "-j",
        "1",
        "--per-host",
        "1",
        "--robots",
        "-H",
        "X-A: b",
        "--results",
        "r.jsonl",
        "--retries",
        "0",
    ];
    let ran = sandbox.haul(&arguments);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(sandbox.names("out"), [".haul", "a", "b", "c"]);
    assert_eq!(other.log().len(), 0);
    assert_eq!(origin.count("/robots.txt"), 1);
    assert_eq!(origin.peak_in_flight(), 1);
    let log = origin.log();
    let mut asked = log.iter().filter(|asked| asked.path != "/robots.txt");
    assert!(asked.all(|asked| asked.headers.contains_key("x-a")));
    let rows = sandbox.rows("r.jsonl");
    let row = |number: u64| rows.iter().find(|row| row["row"] == number).unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!(
        (&row(2)["input"], &row(2)["line"]),
        (&list.into(), &3.into())
    );
    assert_eq!(row(4)["input"], second);
    for says in ["404", "this sitemap is not at"] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
}

#[test]
fn an_index_in_a_file_needs_no_base() {
    let origin = Origin::plain();
    let page = serve(&origin, "/a", "x");
    let sitemap = serve(&origin, "/1", urlset(&[page]));
    let sandbox = Sandbox::new();
    sandbox.write("sitemap.xml", &index(&[sitemap]));
    let ran = sandbox.haul(&["-d", "out", "-i", "sitemap.xml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(sandbox.has("out/a"));
}

#[test]
fn a_sitemap_that_does_not_arrive_does_not_keep_an_interrupted_run() {
    let (origin, gate) = (Origin::plain(), Gate::new());
    origin.on("/1", Script::ok(Body::of("x")).hold(&gate));
    let sandbox = Sandbox::new();
    sandbox.write("sitemap.xml", &index(&[origin.url("/1")]));
    let child = sandbox.command(&["-i", "sitemap.xml"]).spawn().unwrap();
    gate.wait_reached(1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
}

#[test]
fn a_feed_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("sitemap.xml", "<?xml version='1.0'?><rss><channel/></rss>");
    let ran = sandbox.haul(&["-i", "sitemap.xml", "-d", "out"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("it is a feed"), "{}", ran.stderr);
    assert!(!sandbox.has("out"));
}

#[test]
fn a_dry_run_fetches_the_list_alone() {
    let origin = Origin::plain();
    let list = serve(&origin, "/d/list", "a\n");
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&["-i", &list, "--dry-run"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout, format!("{}\tout=a\n", origin.url("/d/a")));
    assert_eq!(origin.log().len(), 1);
}
