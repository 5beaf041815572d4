//! Tests of Metalinks, as the generators in use write them.

use proptest::prelude::*;

use super::*;
use crate::source::{Decompressed, List, ListFormat, count_rows};

const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const MD5: &str = "098f6bcd4621d373cade4e832627b4f6";
const SHA1: &str = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3";

fn read_with(list: &str, options: &ListOptions) -> (Vec<Row>, Option<String>) {
    let mut rows = Metalink::new(list.as_bytes(), "list", options).unwrap();
    let read = rows.by_ref().collect();
    (read, rows.take_error().map(|error| error.to_string()))
}

fn read(list: &str) -> Vec<Row> {
    let (rows, error) = read_with(list, &ListOptions::default());
    assert_eq!(error, None);
    rows
}

fn only(list: &str) -> Request {
    let mut rows = read(list);
    assert_eq!(rows.len(), 1);
    rows.remove(0).unwrap()
}

/// Returns all URLs of a request, the best one first.
fn urls(request: &Request) -> Vec<String> {
    let mirrors = request.mirrors.iter().map(|(url, _)| url.to_string());
    std::iter::once(request.url().to_owned())
        .chain(mirrors)
        .collect()
}

fn checksums(request: &Request) -> Vec<String> {
    request.checksums.iter().map(ToString::to_string).collect()
}

/// Returns a file of version 4 with these elements.
fn file(elements: &str) -> String {
    format!(
        "<metalink xmlns='urn:ietf:params:xml:ns:metalink'><file name='a'>{elements}</file></metalink>"
    )
}

/// Returns what `MirrorBrain` writes for `?meta4`.
fn mirrorbrain_v4() -> String {
    let mirrors = (1..=22).map(|priority| {
        let country = ["de", "fr", "us", "cz"][priority % 4];
        format!(
            "    <url location=\"{country}\" priority=\"{priority}\">http://m{priority}.example/iso/a%20b.iso</url>\n"
        )
    });
    let mirrors: String = mirrors.collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <generator>MirrorBrain/3.0.0</generator>
  <origin dynamic="true">http://download.example/iso/a%20b.iso.meta4</origin>
  <published>2026-11-29T12:00:00Z</published>
  <publisher>
    <name>Example &amp; Sons</name>
    <url>http://download.example</url>
  </publisher>

  <file name="iso/a b.iso">
    <size>700000</size>
    <hash type="md5">{MD5}</hash>
    <hash type="sha-1">{SHA1}</hash>
    <hash type="sha-256">{SHA256}</hash>
    <pieces length="262144" type="sha-1">
      <hash>{SHA1}</hash>
      <hash>{SHA1}</hash>
      <hash>{SHA1}</hash>
    </pieces>
    <signature mediatype="application/pgp-signature">
-----BEGIN PGP SIGNATURE-----
    </signature>
    <metaurl mediatype="torrent" priority="1">http://download.example/iso/a.iso.torrent</metaurl>
    <url priority="0">ftp://ftp.example/iso/a.iso</url>
{mirrors}  </file>
</metalink>
"#
    )
}

#[test]
fn mirrorbrain_version_4_is_read() {
    let list = mirrorbrain_v4();
    let request = only(&list);
    let all = urls(&request);
    assert_eq!(all.len(), 22);
    assert_eq!(all[0], "http://m1.example/iso/a%20b.iso");
    assert_eq!(all[21], "http://m22.example/iso/a%20b.iso");
    assert_eq!(request.name.as_ref().unwrap().as_str(), "iso/a b.iso");
    assert_eq!(request.size(), Some(700_000));
    assert_eq!(
        checksums(&request),
        [
            format!("sha256={SHA256}"),
            format!("sha1={SHA1}"),
            format!("md5={MD5}")
        ]
    );
    let pieces = request.piece_hashes().unwrap();
    assert_eq!((pieces.length(), pieces.count()), (262_144, 3));
    let line = usize::try_from(request.location.unwrap().line).unwrap();
    assert_eq!(
        list.lines().nth(line - 1).unwrap().trim(),
        "<file name=\"iso/a b.iso\">"
    );
}

#[test]
fn mirrorbrain_version_3_is_read() {
    let list = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/"
  origin="http://download.example/a.iso.metalink"
  generator="MirrorBrain 2.19.0" type="dynamic" pubdate="Sun, 29 Nov 2026 12:00:00 GMT">
  <publisher><name>Example</name><url>http://download.example</url></publisher>
  <files>
    <file name="a.iso">
      <size>500000</size>
      <verification>
        <hash type="md5">{MD5}</hash>
        <hash type="sha1">{SHA1}</hash>
        <hash type="sha256">{SHA256}</hash>
        <pieces length="262144" type="sha1">
            <hash piece="0">{SHA1}</hash>
            <hash piece="1">{SHA1}</hash>
        </pieces>
      </verification>
      <resources>
        <url type="bittorrent" preference="100">http://download.example/a.iso.torrent</url>
        <url type="http" location="fr" preference="99">http://b.example/a.iso</url>
        <url type="http" location="de" preference="100">http://a.example/a.iso</url>
        <url type="ftp" location="de" preference="100">ftp://a.example/a.iso</url>
      </resources>
    </file>
  </files>
</metalink>"#
    );
    let request = only(&list);
    assert_eq!(
        urls(&request),
        ["http://a.example/a.iso", "http://b.example/a.iso"]
    );
    assert_eq!(request.checksums.len(), 3);
    assert_eq!(request.piece_hashes().unwrap().count(), 2);
}

/// Returns what Fedora's `MirrorManager` writes.
fn mirrormanager() -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" pubdate="Sun, 29 Nov 2026 12:00:00 GMT" generator="mirrormanager" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>1764417600</mm0:timestamp>
   <size>4408</size>
   <verification>
    <hash type="md5">{MD5}</hash>
    <hash type="sha256">{SHA256}</hash>
   </verification>
   <mm0:alternates>
    <mm0:alternate>
     <mm0:timestamp>1764331200</mm0:timestamp>
     <size>4409</size>
     <verification>
      <hash type="md5">00000000000000000000000000000000</hash>
     </verification>
    </mm0:alternate>
   </mm0:alternates>
   <resources maxconnections="1">
    <url protocol="rsync" type="rsync" location="DE" preference="100">rsync://a.example/repodata/repomd.xml</url>
    <url protocol="https" type="https" location="DE" preference="99">https://a.example/repodata/repomd.xml</url>
    <url protocol="http" type="http" location="US" preference="100">http://b.example/repodata/repomd.xml</url>
    <url protocol="http" type="http" location="DE" preference="98">http://c.example/repodata/repomd.xml</url>
   </resources>
  </file>
 </files>
</metalink>"#
    )
}

#[test]
fn mirrormanager_is_read_without_its_alternates() {
    let request = only(&mirrormanager());
    assert_eq!(
        urls(&request),
        [
            "http://b.example/repodata/repomd.xml",
            "https://a.example/repodata/repomd.xml",
            "http://c.example/repodata/repomd.xml"
        ]
    );
    assert_eq!(request.size(), Some(4408));
    assert_eq!(
        checksums(&request),
        [format!("sha256={SHA256}"), format!("md5={MD5}")]
    );
}

#[test]
fn mirrors_of_the_wanted_countries_come_first() {
    let options = ListOptions {
        location: Some("cz, de".to_owned()),
        ..ListOptions::default()
    };
    let (rows, error) = read_with(&mirrormanager(), &options);
    assert_eq!(error, None);
    assert_eq!(
        urls(rows[0].as_ref().unwrap()),
        [
            "https://a.example/repodata/repomd.xml",
            "http://c.example/repodata/repomd.xml",
            "http://b.example/repodata/repomd.xml"
        ]
    );
}

#[test]
fn files_may_have_folders_and_no_hashes() {
    let list = "<metalink xmlns='urn:ietf:params:xml:ns:metalink'>\n\
                <file name='a/b.txt'><url>http://h/1</url></file>\n\
                <file name='c/d/e.txt'><url>http://h/2</url><url priority='1'>http://h/3</url></file>\n\
                </metalink>";
    let rows = read(list);
    let rows: Vec<_> = rows.into_iter().map(Result::unwrap).collect();
    let told = |request: &Request| {
        let name = request.name.as_ref().unwrap().as_str().to_owned();
        (name, urls(request), request.location.clone().unwrap().line)
    };
    let rows: Vec<_> = rows.iter().map(told).collect();
    assert_eq!(
        rows,
        [
            ("a/b.txt".to_owned(), vec!["http://h/1".to_owned()], 2),
            (
                "c/d/e.txt".to_owned(),
                vec!["http://h/3".to_owned(), "http://h/2".to_owned()],
                3
            )
        ]
    );
}

#[test]
fn a_file_that_cannot_be_used_fails_alone() {
    let many = "<url>http://h/</url>".repeat(10_001);
    let long = format!("<url>http://h/{}</url>", "x".repeat(600_000)).repeat(2);
    for (elements, says) in [
        (
            "<url>ftp://h/a</url>",
            "none of the file's URLs is for http",
        ),
        (
            "<metaurl mediatype='torrent'>http://h/a</metaurl>",
            "has no URL",
        ),
        ("<url>http://[</url>", "is not a URL"),
        ("<url>a</url>", "no scheme"),
        ("<url>http://h/&b;</url>", "\"&b;\" is an entity"),
        (
            "<url>http://h/a</url><size>1K</size>",
            "not a number of bytes",
        ),
        (
            "<url>http://h/a</url><hash type='md5'>xyz</hash>",
            "is no md5",
        ),
        (
            "<url>http://h/a</url><hash type='md5'>00000000000000000000000000000000</hash>\
             <hash type='md5'>00000000000000000000000000000001</hash>",
            "two different checksums",
        ),
        (&many, "more than 10000 URLs"),
        (&long, "more than 1 MiB of text"),
    ] {
        let rows = read(&file(elements));
        let Err(bad) = &rows[0] else {
            panic!("{elements:.100} is used");
        };
        assert!(bad.error.to_string().contains(says), "{}", bad.error);
        assert_eq!(bad.text, "a");
    }
    for (name, says) in [
        ("name='../a'", "without `..`"),
        ("name='/etc/passwd'", "absolute"),
        ("name='a/&x;'", "\"&x;\" is an entity"),
        ("", "has no name"),
    ] {
        let list = format!(
            "<metalink><file {name}><url>http://h/a</url></file><file name='b'><url>http://h/b</url></file></metalink>"
        );
        let rows = read(&list);
        let error = rows[0].as_ref().unwrap_err().error.to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(rows[1].as_ref().unwrap().url(), "http://h/b");
    }
}

#[test]
fn piece_hashes_that_cannot_be_used_are_left_out() {
    let pieces = |attributes: &str, hashes: &str| {
        let elements =
            format!("<url>http://h/a</url><size>20</size><pieces {attributes}>{hashes}</pieces>");
        only(&file(&elements)).piece_hashes().cloned()
    };
    let two = format!("<hash>{MD5}</hash><hash>{MD5}</hash>");
    assert!(pieces("length='10' type='md5'", &two).is_some());
    for (attributes, hashes) in [
        ("length='5' type='md5'", &*two),
        ("length='0' type='md5'", &two),
        ("type='md5'", &two),
        ("length='10' type='sha-1'", &two),
        ("length='10' type='sha-224'", &two),
        ("length='10' type='md5'", "<hash>x</hash><hash>y</hash>"),
        (
            "length='10' type='md5'",
            &two.replace("<hash>", "<hash piece='1'>"),
        ),
    ] {
        assert!(
            pieces(attributes, hashes).is_none(),
            "{attributes} {hashes}"
        );
    }
    let elements = format!(
        "<url>http://h/a</url><size>10</size><pieces length='10' type='sha-256'><hash>{SHA256}</hash></pieces>\
         <pieces length='10' type='md5'><hash>{MD5}</hash></pieces>"
    );
    let strongest = only(&file(&elements)).piece_hashes().cloned().unwrap();
    assert_eq!(strongest.algorithm().name(), "sha256");
}

#[test]
fn piece_hashes_of_many_rows_take_bounded_memory() {
    let hashes = format!("<hash>{SHA256}</hash>").repeat(300);
    let one = format!(
        "<file name='a'><url>http://h/a</url><size>300</size><pieces length='1' type='sha-256'>{hashes}</pieces></file>"
    );
    let list = format!("<metalink>{}</metalink>", one.repeat(5));
    let mut rows = Metalink::new(list.as_bytes(), "list", &ListOptions::default()).unwrap();
    rows.max_digests = 3 * 300 * 32;
    let mut kept: Vec<_> = rows.by_ref().take(4).map(Result::unwrap).collect();
    let have = kept.iter().map(|row| row.piece_hashes().is_some());
    assert!(have.eq([true, true, true, false]));
    kept.clear();
    assert!(rows.next().unwrap().unwrap().piece_hashes().is_some());
}

#[test]
fn what_stands_before_a_break_is_used() {
    let whole = "<metalink>\n<file name='a'><url>http://h/a</url></file>\n<file name='b'>\n";
    for (rest, says) in [
        ("</url>", "line 4: expected `</file>`"),
        ("<url", "line 4: tag not closed"),
        ("<url>http://h/b</url>", "line 4: it ends too early"),
    ] {
        let (rows, error) = read_with(&format!("{whole}{rest}"), &ListOptions::default());
        assert_eq!(rows.len(), 1);
        let error = error.unwrap();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn other_documents_are_refused() {
    for (list, says) in [
        ("<urlset/>", "its root is <urlset>"),
        ("", "it has no element"),
    ] {
        let mut list = Metalink::new(list.as_bytes(), "list", &ListOptions::default()).unwrap();
        assert!(list.next().is_none());
        let error = list.take_error().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_row_is_there_as_soon_as_its_file_has_ended() {
    /// A reader that always fails.
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no more"))
        }
    }
    let list = "<metalink><file name='a'><url>http://h/a</url></file>";
    let reader = list.as_bytes().chain(Broken);
    let mut rows = Metalink::new(reader, "list", &ListOptions::default()).unwrap();
    assert!(rows.next().unwrap().is_ok());
    assert!(rows.next().is_none());
    assert_eq!(rows.take_error().unwrap().to_string(), "no more");
}

#[test]
fn a_compressed_metalink_is_recognised_by_its_content_and_counted() {
    let list = mirrorbrain_v4();
    let zstd = zstd::encode_all(list.as_bytes(), 1).unwrap();
    let reader = Decompressed::new(&zstd[..]);
    let mut rows = List::new(reader, "-", &ListOptions::default()).unwrap();
    let row = rows.next().unwrap().unwrap();
    assert_eq!(row.location.unwrap().line, 11);
    assert_eq!(rows.guessed(), Some(ListFormat::Metalink));
    assert!(rows.next().is_none() && rows.take_error().is_none());
    let count = count_rows(list.as_bytes(), ListFormat::Metalink).unwrap();
    assert_eq!(count, Some(1));
}

proptest! {
    #[test]
    fn rows_do_not_depend_on_how_the_list_is_cut(cut in 0_usize..3000) {
        let list = mirrorbrain_v4();
        let (first, second) = list.as_bytes().split_at(cut.min(list.len()));
        let mut rows = Metalink::new(first.chain(second), "list", &ListOptions::default()).unwrap();
        let request = rows.next().unwrap().unwrap();
        prop_assert_eq!(urls(&request).len(), 22);
        prop_assert!(request.piece_hashes().is_some());
        prop_assert!(rows.next().is_none());
    }
}
