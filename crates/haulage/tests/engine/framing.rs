//! Where a body ends, as servers say it, contradict themselves, or do not come to it (RFC 9112
//! §6.3, §8).

use origin::{Body, Origin, Reason, Script};

use crate::sandbox::{Sandbox, assert_done, get, kind};

fn file() -> Body {
    Body::seeded(3, 100_000)
}

fn without_retries(origin: &Origin) -> Sandbox {
    let mut sandbox = Sandbox::trusting(origin);
    sandbox.options.retry.retries = 0;
    sandbox
}

#[test]
fn what_follows_a_body_is_ignored_and_its_connection_closed() {
    let origin = Origin::plain();
    let more = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";
    origin.on("/a", Script::ok(file()).raw_at(u64::MAX, more));
    origin.on("/b", Script::ok(Body::seeded(4, 1000)));
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 1;
    let outcomes = sandbox.run(["/a", "/b"].map(|path| get(&origin.url(path))));
    outcomes.iter().for_each(assert_done);
    assert!(sandbox.read("a") == file().bytes());
    assert!(sandbox.read("b") == Body::seeded(4, 1000).bytes());
    assert_eq!(origin.connections(), 2);
}

#[test]
fn without_a_length_the_end_of_the_connection_is_the_end_unless_tls_says_nothing() {
    let whole = || Script::ok(file()).without_length();
    for (origin, truncated) in [
        (Origin::plain(), "none"),
        (Origin::tls_http1(), "incomplete"),
    ] {
        origin.on("/closed", whole());
        origin.on("/truncated", whole().truncate_at(u64::MAX));
        let sandbox = without_retries(&origin);
        let outcome = sandbox.fetch(&origin.url("/closed"));
        assert_done(&outcome);
        assert_eq!(outcome.verified.name(), "none");
        assert_eq!(kind(&sandbox.fetch(&origin.url("/truncated"))), truncated);
    }
}

#[test]
fn a_connection_that_breaks_within_a_body_leaves_it_incomplete() {
    for origin in [Origin::plain(), Origin::tls_http1(), Origin::tls()] {
        let cut = [
            ("/close", Script::ok(file()).close_at(50_000)),
            ("/truncate", Script::ok(file()).truncate_at(50_000)),
            ("/chunked", Script::ok(file()).chunked().close_at(100_000)),
        ];
        let sandbox = without_retries(&origin);
        for (path, script) in cut {
            origin.on(path, script);
            let outcome = sandbox.fetch(&origin.url(path));
            assert_eq!(kind(&outcome), "incomplete", "{}", origin.url(path));
            assert!(outcome.error().unwrap().is_transient());
        }
        assert!(sandbox.names().is_empty());
    }
}

#[test]
fn a_reset_within_a_body_leaves_it_incomplete() {
    for origin in [Origin::plain(), Origin::tls_http1()] {
        origin.on("/a", Script::ok(file()).reset_at(50_000));
        let outcome = without_retries(&origin).fetch(&origin.url("/a"));
        assert_eq!(kind(&outcome), "incomplete");
    }
}

#[test]
fn an_http2_stream_that_is_reset_is_never_whole_whatever_the_reason() {
    let origin = Origin::tls();
    let sandbox = without_retries(&origin);
    for reason in [
        Reason::NO_ERROR,
        Reason::CANCEL,
        Reason::INTERNAL_ERROR,
        Reason::PROTOCOL_ERROR,
    ] {
        let script = Script::ok(file()).without_length();
        origin.on("/a", script.reset_stream_at(50_000, reason));
        let outcome = sandbox.fetch(&origin.url("/a"));
        let error = outcome.error().unwrap();
        assert!(
            error.is_transient() && ["reset", "incomplete"].contains(&error.kind().name()),
            "{reason}: {error}"
        );
    }
    assert!(sandbox.names().is_empty());
}

#[test]
fn http2_frames_hold_as_much_as_was_promised() {
    let origin = Origin::tls();
    for (path, length, expected) in [
        ("/less", "100001", "incomplete"),
        ("/more", "99999", "incomplete"),
        ("/same", "100000", "none"),
    ] {
        origin.on(path, Script::ok(file()).header("content-length", length));
        let sandbox = without_retries(&origin);
        assert_eq!(kind(&sandbox.fetch(&origin.url(path))), expected, "{path}");
    }
}

#[test]
fn transfer_encoding_wins_over_a_length_and_ends_its_connection() {
    let origin = Origin::plain();
    for path in ["/a", "/b"] {
        let both = Script::ok(file()).chunked().header("content-length", "7");
        origin.on(path, both);
    }
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 1;
    let outcomes = sandbox.run(["/a", "/b"].map(|path| get(&origin.url(path))));
    for outcome in outcomes {
        assert_done(&outcome);
        assert!(sandbox.read(&outcome.label) == file().bytes());
    }
    assert_eq!(origin.connections(), 2);
}

#[test]
fn lengths_that_agree_are_one_and_others_are_no_http() {
    let origin = Origin::plain();
    let with = |lengths: &[&str]| {
        let ok = Script::ok(Body::seeded(1, 100));
        lengths
            .iter()
            .fold(ok, |script, length| script.header("content-length", length))
    };
    for (path, lengths, expected) in [
        ("/twice", &["100", "100"][..], "none"),
        ("/list", &["100, 100"], "none"),
        ("/differ", &["100", "99"], "protocol"),
        ("/differ-list", &["100, 99"], "protocol"),
        ("/words", &["many"], "protocol"),
        ("/signed", &["+100"], "protocol"),
        ("/negative", &["-1"], "protocol"),
        ("/too-long", &["99999999999999999999999"], "protocol"),
        ("/empty", &[""], "protocol"),
    ] {
        origin.on(path, with(lengths));
        let outcome = without_retries(&origin).fetch(&origin.url(path));
        assert_eq!(kind(&outcome), expected, "{path}");
        assert_eq!(origin.count(path), 1, "{path}: it is permanent");
    }
}

#[test]
fn chunks_that_cannot_be_read_are_no_http() {
    let origin = Origin::plain();
    for (path, chunk) in [("/size", "zz\r\n"), ("/end", "1\r\nxyz\r\n")] {
        let script = Script::ok(file()).chunked().raw_at(100_000, chunk);
        origin.on(path, script);
        let sandbox = Sandbox::new();
        let outcome = sandbox.fetch(&origin.url(path));
        assert_eq!((kind(&outcome), outcome.attempts), ("protocol", 1));
        assert!(sandbox.names().is_empty());
    }
}

#[test]
fn what_has_nothing_to_save_fails_and_an_empty_file_is_one() {
    for origin in [Origin::plain(), Origin::tls()] {
        let sandbox = Sandbox::trusting(&origin);
        for status in [204, 205] {
            let path = format!("/{status}");
            origin.on(&path, Script::status(status));
            let outcome = sandbox.fetch(&origin.url(&path));
            assert_eq!((kind(&outcome), outcome.attempts), ("http", 1));
        }
        origin.on("/length", Script::ok(Body::empty()));
        origin.on("/chunked", Script::ok(Body::empty()).chunked());
        for name in ["length", "chunked"] {
            assert_done(&sandbox.fetch(&origin.url(&format!("/{name}"))));
            assert_eq!(sandbox.read(name), b"");
        }
        assert_eq!(sandbox.names(), ["chunked", "length"]);
    }
}
