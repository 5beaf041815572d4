//! What a row has of its own: headers, the length of its file, what it carries.

use haulage::{ContentEncoding, Credentials, Request};
use http::HeaderValue;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, HeaderName, RANGE};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, kind};

fn request(url: &str) -> Request {
    Request::new(url).unwrap()
}

fn with(request: Request, headers: &[(HeaderName, &'static str)]) -> Request {
    headers.iter().fold(request, |request, (name, value)| {
        let value = HeaderValue::from_static(value);
        request.header(name.clone(), value).unwrap()
    })
}

#[test]
fn headers_of_a_row_take_the_place_of_those_of_its_run() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("a")));
    let mut sandbox = Sandbox::new();
    sandbox
        .options
        .headers
        .insert(COOKIE, HeaderValue::from_static("run"));
    let credentials = Credentials {
        user: "u".into(),
        password: "p".into(),
    };
    sandbox.options.credentials = Some(credentials);
    let own = with(
        request(&origin.url("/own")),
        &[(COOKIE, "a"), (COOKIE, "b"), (AUTHORIZATION, "Bearer x")],
    );
    for outcome in sandbox.run([Ok(own), Ok(request(&origin.url("/other")))]) {
        assert_done(&outcome);
    }
    for asked in origin.log() {
        let all = |name| asked.headers.get_all(name).iter().collect::<Vec<_>>();
        if asked.path == "/own" {
            assert_eq!(all(COOKIE), ["a", "b"]);
            assert_eq!(all(AUTHORIZATION), ["Bearer x"]);
        } else {
            assert_eq!(all(COOKIE), ["run"]);
            assert_eq!(all(AUTHORIZATION), ["Basic dTpw"]);
        }
    }
}

#[test]
fn headers_of_a_row_stay_with_its_origin_unless_they_are_harmless() {
    let (origin, other) = (Origin::plain(), Origin::plain());
    other.under("/", |_| Script::ok(Body::of("a")));
    origin.on("/a", Script::redirect(302, &other.url("/b")));
    let own = with(
        request(&origin.url("/a")),
        &[(COOKIE, "secret"), (ACCEPT_LANGUAGE, "zh")],
    );
    assert_done(&Sandbox::new().run([Ok(own)])[0]);
    let led = &other.log()[0].headers;
    assert_eq!(
        (led.get(COOKIE), led[ACCEPT_LANGUAGE].as_bytes()),
        (None, &b"zh"[..])
    );
    assert_eq!(origin.log()[0].headers[COOKIE], "secret");
}

#[test]
fn a_header_that_is_the_engines_own_is_refused() {
    let refused = request("http://a/").header(RANGE, HeaderValue::from_static("bytes=1-"));
    assert_eq!(refused.unwrap_err().kind().name(), "input");
}

#[test]
fn a_file_of_another_length_than_its_row_says_fails_at_once() {
    let origin = Origin::plain();
    origin.on("/known", Script::ok(Body::seeded(1, 5000)));
    origin.on("/unknown", Script::ok(Body::seeded(1, 5000)).chunked());
    origin.on("/endless", Script::ok(Body::seeded(1, 50 << 20)).chunked());
    // Only its length is known before it stops.
    let silent = Script::ok(Body::seeded(1, 5000)).stall_at(10);
    origin.on("/silent", silent);
    let sandbox = Sandbox::new();
    for (path, size) in [
        ("/silent", 4999),
        ("/known", 4999),
        ("/unknown", 5001),
        ("/unknown", 4999),
        ("/endless", 10),
    ] {
        let outcome = &sandbox.run([Ok(request(&origin.url(path)).sized(size))])[0];
        assert_eq!(
            (kind(outcome), outcome.attempts),
            ("incomplete", 1),
            "{path}"
        );
        assert!(
            outcome
                .error()
                .unwrap()
                .to_string()
                .contains("that its row says")
        );
        assert!(outcome.fetched < 5 << 20);
    }
    assert!(sandbox.names().is_empty());
    for path in ["/known", "/unknown"] {
        assert_done(&sandbox.run([Ok(request(&origin.url(path)).sized(5000))])[0]);
    }
}

#[test]
fn the_length_that_a_row_says_is_that_of_the_decoded_file() {
    let origin = Origin::plain();
    // gzip of "abc".
    let coded = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4c\x4a\x06\0\xc2\x41\x24\x35\x03\0\0\0";
    let script = Script::ok(Body::of(coded.to_vec())).header("content-encoding", "gzip");
    origin.on("/a", script);
    let mut sandbox = Sandbox::new();
    sandbox.options.content_encoding = ContentEncoding::Decode;
    assert_done(&sandbox.run([Ok(request(&origin.url("/a")).sized(3))])[0]);
    assert_eq!(sandbox.read("a"), b"abc");
}

#[test]
fn what_a_row_carries_is_in_its_outcome_however_it_ends() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("a")));
    let sandbox = Sandbox::new();
    let rows = ["/a", "/a", "/missing"].map(|path| {
        let request = request(&origin.url(path)).carrying("caption".into(), path.into());
        Ok(request)
    });
    let outcomes = sandbox.run(rows);
    assert_eq!(outcomes.len(), 3);
    for outcome in outcomes {
        let path = outcome.url.strip_prefix(&origin.url("")).unwrap();
        assert_eq!(outcome.carried, [("caption".into(), path.into())]);
    }
}
