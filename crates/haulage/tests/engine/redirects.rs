//! Redirects: where they lead, what goes along, and when they end.

use haulage::{Credentials, PlainHttp, Request};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, kind};

#[test]
fn a_redirect_is_followed_and_the_name_is_that_of_the_url_as_given() {
    let origin = Origin::plain();
    let elsewhere = Origin::plain();
    origin.on("/given.bin", Script::redirect(302, "/b"));
    origin.on("/b", Script::redirect(307, &elsewhere.url("/c.txt")));
    elsewhere.on("/c.txt", Script::ok(Body::seeded(1, 1000)));
    let sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/given.bin"));
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
    let mut sandbox = Sandbox::new();
    sandbox.options.credentials = Some(Credentials {
        user: "me".into(),
        password: "secret".into(),
    });
    sandbox
        .options
        .headers
        .insert("x-api-key", http::HeaderValue::from_static("secret"));
    assert_done(&sandbox.fetch(&origin.url("/a")));
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
    let mut sandbox = Sandbox::new();
    sandbox.options.max_redirects = 4;
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(kind(&outcome), "redirect");
    assert_eq!(origin.count("/a"), 5);
    assert!(sandbox.names().is_empty());
}

#[test]
fn a_redirect_to_another_scheme_is_refused() {
    let origin = Origin::plain();
    origin.on("/a", Script::redirect(302, "file:///etc/passwd"));
    assert_eq!(kind(&Sandbox::new().fetch(&origin.url("/a"))), "refused");
}

#[test]
fn a_location_that_breaks_its_line_is_not_followed() {
    // LF alone ends the line, and with it the Location (RFC 9112 §2.2).
    let origin = Origin::plain();
    origin.under("/b", |_| Script::ok(Body::empty()));
    for (path, location) in [("/cr", "/b\rX-Evil: 1"), ("/nul", "/b\0c")] {
        let head =
            format!("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n");
        origin.on(path, Script::raw(head));
        let sandbox = Sandbox::new();
        let outcome = sandbox.fetch(&origin.url(path));
        assert_eq!(kind(&outcome), "protocol", "{path}");
        assert!(sandbox.names().is_empty(), "{path}");
    }
}

#[test]
fn other_bytes_of_a_location_are_percent_encoded() {
    let origin = Origin::plain();
    for (path, location, led_to) in [
        ("/utf8", &b"/caf\xc3\xa9"[..], "/caf%C3%A9"),
        ("/latin1", b"/caf\xe9", "/caf%E9"),
        ("/blank", b"/a b", "/a%20b"),
    ] {
        origin.on(path, Script::status(302).header_raw("location", location));
        origin.on(led_to, Script::ok(Body::empty()));
        let outcome = Sandbox::new().fetch(&origin.url(path));
        assert_done(&outcome);
        assert_eq!(origin.count(led_to), 1, "{path}");
    }
}

#[test]
fn plain_http_is_spoken_only_where_it_is_allowed() {
    let secure = Origin::tls();
    let plain = Origin::plain();
    secure.on("/down", Script::redirect(302, &plain.url("/a")));
    plain.on("/a", Script::ok(Body::seeded(1, 10)));
    for (plain_http, given, downgraded) in [
        (PlainHttp::Never, "refused", "refused"),
        (PlainHttp::AsGiven, "none", "refused"),
        (PlainHttp::Anywhere, "none", "none"),
    ] {
        let mut sandbox = Sandbox::trusting(&secure);
        sandbox.options.plain_http = plain_http;
        assert_eq!(kind(&sandbox.fetch(&plain.url("/a"))), given);
        assert_eq!(kind(&sandbox.fetch(&secure.url("/down"))), downgraded);
    }
    assert_eq!(plain.count("/a"), 3, "what is refused is not asked for");
}

#[test]
fn a_mirror_takes_the_place_of_a_url_that_is_refused() {
    let (secure, plain) = (Origin::tls(), Origin::plain());
    secure.on("/a", Script::ok(Body::seeded(1, 10)));
    let mut sandbox = Sandbox::trusting(&secure);
    sandbox.options.plain_http = PlainHttp::Never;
    let request = Request::new(&plain.url("/a")).unwrap();
    let request = request.mirror(&secure.url("/a")).unwrap();
    let outcomes = sandbox.run([Ok(request)]);
    assert_done(&outcomes[0]);
    assert_eq!((outcomes[0].attempts, plain.count("/a")), (1, 0));
}

#[test]
fn a_long_body_on_a_redirect_is_not_read() {
    let origin = Origin::plain();
    origin.on(
        "/a",
        Script::redirect(302, "/b").body(Body::seeded(1, 1 << 40)),
    );
    origin.on("/b", Script::ok(Body::seeded(1, 10)));
    assert_done(&Sandbox::new().fetch(&origin.url("/a")));
}
