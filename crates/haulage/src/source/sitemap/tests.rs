//! Tests of sitemaps and their indexes.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use flate2::write::GzEncoder;

use super::*;
use crate::source::{ListFormat, count_rows};

const URLS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
        xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <url>
    <loc>
      http://h/?a=1&amp;b=2
    </loc>
    <image:image><image:loc>http://h/image.png</image:loc></image:image>
    <lastmod>2026-11-29</lastmod><changefreq>daily</changefreq><priority>0.8</priority>
  </url>
  <url><loc><![CDATA[http://h/c?x&y]]></loc></url>
</urlset>"#;

fn list_of<'a>(
    list: &'a str,
    options: &ListOptions,
    site: &'static [(&'static str, Vec<u8>)],
) -> (Sitemap<&'a [u8]>, Arc<Mutex<Vec<String>>>) {
    let mut rows = Sitemap::new(list.as_bytes(), "list", options).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    rows.fetch_with(Fetch::new(move |request| {
        log.lock().unwrap().push(request.url().to_owned());
        let found = site.iter().find(|(url, _)| *url == request.url());
        found
            .map(|(_, body)| Bytes::from(body.clone()))
            .ok_or_else(|| input("HTTP 404"))
    }));
    (rows, asked)
}

/// Returns rows in short: where they were read, and their URL or error.
fn told(rows: &mut Sitemap<&[u8]>) -> Vec<String> {
    let rows = rows.map(|row| match row {
        Ok(request) => {
            let location = request.location.clone().unwrap();
            format!("{}:{} {}", location.input, location.line, request.url())
        }
        Err(bad) => {
            let location = bad.location.unwrap();
            format!(
                "{}:{} {}: {}",
                location.input, location.line, bad.text, bad.error
            )
        }
    });
    rows.collect()
}

fn read(list: &str) -> (Vec<String>, Option<String>) {
    let (mut rows, _) = list_of(list, &ListOptions::default(), &[]);
    let read = told(&mut rows);
    (read, rows.take_error().map(|error| error.to_string()))
}

#[test]
fn each_loc_of_the_sitemaps_own_namespace_is_a_row() {
    let (rows, error) = read(URLS);
    assert_eq!(error, None);
    assert_eq!(rows, ["list:4 http://h/?a=1&b=2", "list:11 http://h/c?x&y"]);
    let count = count_rows(URLS.as_bytes(), ListFormat::Sitemap).unwrap();
    assert_eq!(count, Some(2));
}

#[test]
fn what_is_said_of_a_url_is_carried_if_columns_are() {
    let options = ListOptions {
        carries: true,
        ..ListOptions::default()
    };
    let mut rows = Sitemap::new(URLS.as_bytes(), "list", &options).unwrap();
    let carried = rows.next().unwrap().unwrap().carried();
    let carried: Vec<_> = carried
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(
        carried,
        [
            ("lastmod", "\"2026-11-29\""),
            ("changefreq", "\"daily\""),
            ("priority", "\"0.8\"")
        ]
    );
}

#[test]
fn entries_that_cannot_be_used_fail_alone() {
    let list = "<urlset><url/><url><loc>/a</loc></url><url><loc>http://h/&x;</loc></url>\
                <url><loc>http://h/a?b&c</loc></url></urlset>";
    let (rows, error) = read(list);
    assert_eq!(error, None);
    for (row, says) in rows.iter().zip([
        "the entry has no URL",
        "no scheme",
        "\"&x;\" is an entity",
        "http://h/a?b&c",
    ]) {
        assert!(row.contains(says), "{row}");
    }
    assert_eq!(rows.len(), 4);
}

#[test]
fn feeds_and_other_documents_are_refused() {
    for (list, says) in [
        ("<rss><channel/></rss>", "it is a feed (RSS or Atom)"),
        (
            "<feed xmlns='http://www.w3.org/2005/Atom'/>",
            "it is a feed",
        ),
        ("<html/>", "its root is <html>"),
        ("<urlset>\n<url></urlset>", "line 2: expected `</url>`"),
    ] {
        let (rows, error) = read(list);
        assert!(rows.is_empty());
        let error = error.unwrap();
        assert!(error.contains(says), "{error}");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn site(pages: &[(&'static str, Vec<u8>)]) -> &'static [(&'static str, Vec<u8>)] {
    Vec::leak(pages.to_vec())
}

fn index(urls: &[&str]) -> String {
    let entries = urls
        .iter()
        .map(|url| format!("<sitemap><loc>{url}</loc></sitemap>\n"));
    format!(
        "<sitemapindex>\n{}</sitemapindex>",
        entries.collect::<String>()
    )
}

#[test]
fn sitemaps_of_an_index_are_fetched_in_turn_and_fail_alone() {
    let pages = site(&[
        (
            "http://h/1.xml.gz",
            gzip("<urlset>\n<url><loc>http://h/a</loc></url></urlset>"),
        ),
        (
            "http://h/3.xml",
            b"<urlset><url><loc>http://h/b</loc></url>\n<url>".to_vec(),
        ),
        ("http://h/4.xml", b"<rss/>".to_vec()),
        (
            "http://h/5.xml",
            b"<urlset><url><loc>http://h/c</loc></url></urlset>".to_vec(),
        ),
    ]);
    let list = index(&[
        "http://h/1.xml.gz",
        "http://h/2.xml",
        "http://h/3.xml",
        "http://h/4.xml",
        "http://other/5.xml",
        "http://h/5.xml",
    ]);
    let (mut rows, asked) = list_of(&list, &ListOptions::default(), pages);
    assert_eq!(rows.prepare().is_ok(), asked.lock().unwrap().is_empty());
    let rows = told(&mut rows);
    for (row, says) in rows.iter().zip([
        "http://h/1.xml.gz:2 http://h/a",
        "list:3 http://h/2.xml: HTTP 404",
        "http://h/3.xml:1 http://h/b",
        "list:4 http://h/3.xml: the sitemap cannot be read: its XML is broken in line 2",
        "list:5 http://h/4.xml: it is a feed",
        "list:6 http://other/5.xml: this sitemap is not at http://h,",
        "http://h/5.xml:1 http://h/c",
    ]) {
        assert!(row.starts_with(says), "{row}");
    }
    assert_eq!(rows.len(), 7);
    assert!(
        !asked
            .lock()
            .unwrap()
            .iter()
            .any(|url| url.contains("other"))
    );
    assert_eq!(
        count_rows(list.as_bytes(), ListFormat::Sitemap).unwrap(),
        None
    );
}

#[test]
fn sitemaps_elsewhere_than_at_the_base_url_are_not_fetched() {
    let list = index(&["http://other/1.xml", "1.xml"]);
    let options = ListOptions {
        base_url: Some("http://h/sitemap.xml".to_owned()),
        ..ListOptions::default()
    };
    let pages = site(&[(
        "http://h/1.xml",
        b"<urlset><url><loc>http://x/</loc></url></urlset>".to_vec(),
    )]);
    let (mut rows, asked) = list_of(&list, &options, pages);
    let rows = told(&mut rows);
    assert!(rows[0].contains("is not at http://h,"), "{}", rows[0]);
    assert_eq!(rows[1], "http://h/1.xml:1 http://x/");
    assert_eq!(*asked.lock().unwrap(), ["http://h/1.xml"]);
}

#[test]
fn indexes_are_nested_at_most_once() {
    let pages = site(&[
        (
            "http://h/i",
            index(&["http://h/j", "http://h/u"]).into_bytes(),
        ),
        ("http://h/j", index(&["http://h/i"]).into_bytes()),
        (
            "http://h/u",
            b"<urlset><url><loc>http://h/a</loc></url></urlset>".to_vec(),
        ),
    ]);
    let list = index(&["http://h/i"]);
    let (mut rows, asked) = list_of(&list, &ListOptions::default(), pages);
    let rows = told(&mut rows);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows[0].contains("in an index in an index in an index"),
        "{}",
        rows[0]
    );
    assert_eq!(rows[1], "http://h/u:1 http://h/a");
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[test]
fn without_a_way_to_fetch_them_the_sitemaps_of_an_index_fail() {
    let list = index(&["http://h/1.xml"]);
    let mut rows = Sitemap::new(list.as_bytes(), "list", &ListOptions::default()).unwrap();
    let error = rows.next().unwrap().unwrap_err().error.to_string();
    assert!(error.contains("nothing to fetch"), "{error}");
    assert!(rows.next().is_none());
}

#[test]
fn a_sitemap_that_grows_too_large_is_cut_off() {
    let mut limited = Limited::new(io::repeat(b'x').take(MAX_SITEMAP + 1));
    let error = io::copy(&mut limited, &mut io::sink()).unwrap_err();
    assert!(error.to_string().contains("larger than 200 MiB"), "{error}");
}
