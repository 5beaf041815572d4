//! What is asked for: the path and query of a URL, byte for byte.

use haulage::source::{Checksums, Text};
use haulage::{HttpVersion, Request};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get, kind};

/// Targets that a browser's parser would rewrite.
const TARGETS: [&str; 8] = [
    "/object?sig=1&response-content-disposition=attachment;filename*=UTF-8''a.zip",
    "/a'b|c[d]{e}^?'|[]{}^`",
    "/a\\b?c\\d",
    "/a/%2e%2e/b",
    "/a/%2E/b",
    "/%zz%2f%C3%bc",
    "//x//y",
    "/a?b/../c",
];

fn origin(http: HttpVersion) -> Origin {
    let origin = match http {
        HttpVersion::Http1 => Origin::tls_http1(),
        _ => Origin::tls(),
    };
    origin.under("/", |_| Script::ok(Body::seeded(1, 10)));
    origin
}

fn asked(origin: &Origin) -> Vec<String> {
    origin.log().into_iter().map(|asked| asked.path).collect()
}

#[test]
fn target_is_sent_as_given_in_both_versions() {
    for http in [HttpVersion::Http1, HttpVersion::Negotiated] {
        for target in TARGETS {
            let origin = origin(http);
            let outcome = Sandbox::trusting(&origin).fetch(&origin.url(target));
            assert_done(&outcome);
            assert_eq!(asked(&origin), [target]);
            assert_eq!(*outcome.url, *origin.url(target));
            assert_eq!(outcome.final_url, Some(origin.url(target)));
        }
    }
}

#[test]
fn location_is_followed_as_given_in_both_versions() {
    for http in [HttpVersion::Http1, HttpVersion::Negotiated] {
        for target in TARGETS {
            let origin = origin(http);
            let scheme_relative = format!("//{}{target}", origin.authority());
            for location in [origin.url(target), scheme_relative, target.to_owned()] {
                // An absolute path that begins with two slashes would name a host.
                if location == "//x//y" {
                    continue;
                }
                origin.on("/given", Script::redirect(302, &location));
                let outcome = Sandbox::trusting(&origin).fetch(&origin.url("/given"));
                assert_done(&outcome);
                assert_eq!(asked(&origin).pop().as_deref(), Some(target), "{location}");
                assert_eq!(outcome.final_url, Some(origin.url(target)));
            }
        }
    }
}

#[test]
fn relative_location_is_resolved_without_changes() {
    for (location, target) in [
        ("b'c?d'", "/x/b'c?d'"),
        ("../b\\c", "/b\\c"),
        ("?q='", "/x/given'?q='"),
        ("%2e%2e/b", "/x/%2e%2e/b"),
        ("/\u{fc} x#y", "/%C3%BC%20x"),
    ] {
        let origin = Origin::plain();
        let file = Script::ok(Body::seeded(1, 10));
        origin.under("/", |_| Script::ok(Body::seeded(1, 10)));
        origin.on("/x/given'", [Script::redirect(302, location), file]);
        assert_done(&Sandbox::new().fetch(&origin.url("/x/given'")));
        assert_eq!(asked(&origin), ["/x/given'", target]);
    }
}

#[test]
fn empty_location_is_a_loop_that_ends() {
    for location in ["", "#f"] {
        let origin = Origin::plain();
        origin.on("/a", Script::redirect(302, location));
        let outcome = Sandbox::new().fetch(&origin.url("/a"));
        assert_eq!(kind(&outcome), "redirect", "{location}");
    }
}

#[test]
fn final_url_never_has_userinfo() {
    let origin = Origin::plain();
    let with_user = origin.url("/b").replace("http://", "http://u:secret@");
    origin.on("/a", Script::redirect(302, &with_user));
    origin.on("/b", Script::ok(Body::seeded(1, 10)));
    let outcome = Sandbox::new().fetch(&origin.url("/a").replace("http://", "http://u:secret@"));
    assert_done(&outcome);
    assert_eq!(outcome.final_url, Some(origin.url("/b")));
    assert_eq!(*outcome.url, *origin.url("/a"));
}

#[test]
fn lists_mirrors_and_bases_keep_the_target() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::seeded(1, 10)));
    origin.on("/missing", Script::status(404));
    let list = format!(
        "{}\nd'/e\\f?g'\nh{{i}}\tout=h\n{}\t{}\n",
        origin.url("/a'?b'"),
        origin.url("/missing"),
        origin.url("/mirror'?%2e"),
    );
    let rows = Text::new(std::io::Cursor::new(list), "-");
    let rows = rows.relative_to(&origin.url("/base'/")).unwrap();
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 1.try_into().unwrap();
    sandbox.run(rows).iter().for_each(assert_done);
    let mut all = asked(&origin);
    all.sort();
    assert_eq!(
        all,
        [
            "/a'?b'",
            "/base'/d'/e\\f?g'",
            "/base'/h{i}",
            "/mirror'?%2e",
            "/missing"
        ]
    );
}

#[test]
fn checksum_list_beside_a_base_keeps_the_base() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::empty()));
    let sums = "d41d8cd98f00b204e9800998ecf8427e  a'b\n";
    let rows = Checksums::new(sums.as_bytes(), "SUMS", &origin.url("/it's/SUMS?x")).unwrap();
    Sandbox::new().run(rows).iter().for_each(assert_done);
    assert_eq!(asked(&origin), ["/it's/a%27b"]);
}

#[test]
fn url_with_a_control_character_fails_with_its_line() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::seeded(1, 10)));
    let list = format!(
        "{}\r\n{}\n{}\t{}\nx\u{b}y\n{}\n\u{c}{}\n{}\r\n",
        origin.url("/good"),
        origin.url("/a\rb"),
        origin.url("/c"),
        origin.url("/m\u{1b}"),
        origin.url("/at-its-end\u{c}"),
        origin.url("/before-it"),
        origin.url("/two-returns\r"),
    );
    let rows = Text::new(std::io::Cursor::new(list), "list.txt");
    let rows = rows.relative_to(&origin.url("/")).unwrap();
    let outcomes = Sandbox::new().run(rows);
    let mut failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.error().is_some())
        .map(|outcome| (outcome.location.as_ref().unwrap().line, kind(outcome)))
        .collect();
    failed.sort_unstable();
    assert_eq!(failed, [2, 3, 4, 5, 6, 7].map(|line| (line, "input")));
    assert_eq!(asked(&origin), ["/good"]);
    assert!(Request::new("http://h/a\tb").is_err());
}

#[test]
fn urls_that_differ_in_escapes_are_different_files() {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::ok(Body::seeded(request.path().len() as u64, 10))
    });
    let urls = ["/a'", "/a%27"].map(|target| get(&origin.url(target)));
    let sandbox = Sandbox::new();
    sandbox.run(urls).iter().for_each(assert_done);
    assert_eq!(sandbox.names().len(), 2);
    assert_eq!(origin.log().len(), 2);
}
