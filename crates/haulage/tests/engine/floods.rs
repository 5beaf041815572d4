//! Servers that do not stop saying what is no file.

use haulage::Outcome;
use origin::{Body, Frames, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, kind};

/// All transports, and what they are called.
fn origins() -> [(&'static str, Origin); 3] {
    [
        ("plain", Origin::plain()),
        ("tls", Origin::tls_http1()),
        ("http2", Origin::tls()),
    ]
}

fn file() -> Script {
    Script::ok(Body::seeded(1, 1000))
}

/// What becomes of an item whose server does this. It must not be for its silence: that is not what
/// it is guilty of.
fn fetch(origin: &Origin, script: Script) -> Outcome {
    origin.on("/a", script);
    let sandbox = Sandbox::trusting(origin);
    let outcome = sandbox.fetch(&origin.url("/a"));
    if outcome.error().is_some() {
        assert!(sandbox.names().is_empty());
    }
    outcome
}

#[track_caller]
fn assert_refused(name: &str, outcome: &Outcome) {
    let seen = (kind(outcome), outcome.attempts);
    assert_eq!(seen, ("protocol", 1), "{name}: {:?}", outcome.error());
}

#[test]
fn a_head_of_ordinary_size_is_read() {
    for (name, origin) in origins() {
        let script = file().flood_headers(100).flood_header(32 << 10);
        let outcome = fetch(&origin, script);
        assert_eq!(kind(&outcome), "none", "{name}: {:?}", outcome.error());
    }
}

#[test]
fn headers_without_end_are_no_http() {
    for (name, origin) in origins() {
        assert_refused(name, &fetch(&origin, file().flood_headers(u64::MAX)));
        assert_refused(name, &fetch(&origin, file().flood_header(u64::MAX)));
    }
}

#[test]
fn trailers_without_end_are_no_http() {
    for (name, origin) in origins() {
        assert_done(&fetch(&origin, file().flood_trailers(50)));
        assert_refused(name, &fetch(&origin, file().flood_trailers(u64::MAX)));
    }
}

#[test]
fn early_responses_are_passed_over_but_not_without_end() {
    for (name, origin) in origins() {
        for status in [100, 102, 103] {
            assert_done(&fetch(&origin, file().early(status, 20)));
            let flood = fetch(&origin, file().early(status, u64::MAX));
            assert_refused(name, &flood);
        }
    }
}

#[test]
fn http2_frames_that_bring_nothing_are_no_answer() {
    let origin = Origin::tls();
    for frames in [
        Frames::Ping,
        Frames::Settings,
        Frames::Data,
        Frames::Continuation,
    ] {
        let script = match frames {
            Frames::Data => file().flood_at(500, frames, u64::MAX),
            _ => file().flood(frames, u64::MAX),
        };
        assert_refused(&format!("{frames:?}"), &fetch(&origin, script));
    }
}

#[test]
fn a_few_frames_that_bring_nothing_do_no_harm() {
    let origin = Origin::tls();
    for script in [
        file().flood(Frames::Ping, 1000),
        file().flood_at(500, Frames::Data, 20),
    ] {
        assert_done(&fetch(&origin, script));
    }
}
