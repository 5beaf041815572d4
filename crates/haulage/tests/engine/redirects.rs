//! Redirects: where they lead, what goes along, and when they end.

use haulage::Credentials;
use origin::{Body, Origin, Script};

use crate::bench::{Bench, assert_done, kind};

#[test]
fn a_redirect_is_followed_and_the_name_is_that_of_the_url_as_given() {
    let origin = Origin::plain();
    let elsewhere = Origin::plain();
    origin.on("/given.bin", Script::redirect(302, "/b"));
    origin.on("/b", Script::redirect(307, &elsewhere.url("/c.txt")));
    elsewhere.on("/c.txt", Script::ok(Body::seeded(1, 1000)));
    let bench = Bench::new();
    let outcome = bench.fetch(&origin.url("/given.bin"));
    assert_done(&outcome);
    assert_eq!(outcome.path.as_deref(), Some("given.bin"));
    assert_eq!(outcome.final_url, Some(elsewhere.url("/c.txt")));
    assert_eq!(outcome.attempts, 1, "hops are not attempts");
}

#[test]
fn credentials_stay_with_their_origin() {
    let origin = Origin::plain();
    let elsewhere = Origin::plain();
    origin.on("/a", Script::redirect(302, &elsewhere.url("/b")));
    elsewhere.on("/b", Script::redirect(302, &origin.url("/c")));
    origin.on("/c", Script::ok(Body::empty()));
    let mut bench = Bench::new();
    bench.options.credentials = Some(Credentials {
        user: "me".into(),
        password: "secret".into(),
    });
    bench
        .options
        .headers
        .insert("x-api-key", http::HeaderValue::from_static("secret"));
    assert_done(&bench.fetch(&origin.url("/a")));
    let asked = elsewhere.log().pop().unwrap();
    assert!(
        !asked.headers.contains_key("authorization") && !asked.headers.contains_key("x-api-key")
    );
    for asked in origin.log() {
        assert!(
            asked.headers.contains_key("authorization") && asked.headers.contains_key("x-api-key")
        );
    }
}

#[test]
fn a_loop_ends_after_the_last_redirect_that_is_allowed() {
    let origin = Origin::plain();
    origin.on("/a", Script::redirect(302, "/a"));
    let mut bench = Bench::new();
    bench.options.max_redirects = 4;
    let outcome = bench.fetch(&origin.url("/a"));
    assert_eq!(kind(&outcome), "redirect");
    assert_eq!(origin.count("/a"), 5);
    assert!(bench.names().is_empty());
}

#[test]
fn a_redirect_to_another_scheme_is_refused() {
    let origin = Origin::plain();
    origin.on("/a", Script::redirect(302, "file:///etc/passwd"));
    assert_eq!(kind(&Bench::new().fetch(&origin.url("/a"))), "refused");
}

#[test]
fn a_long_body_on_a_redirect_is_not_read() {
    let origin = Origin::plain();
    origin.on(
        "/a",
        Script::redirect(302, "/b").body(Body::seeded(1, 1 << 40)),
    );
    origin.on("/b", Script::ok(Body::seeded(1, 10)));
    assert_done(&Bench::new().fetch(&origin.url("/a")));
}
