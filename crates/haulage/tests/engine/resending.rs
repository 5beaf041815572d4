//! Requests that go again at once, since the server has certainly not begun to process them, or
//! most likely not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use origin::{Body, Gate, Origin, Reason, Script};

use crate::sandbox::{Sandbox, and_then, assert_done, get, kind};

fn file() -> Script {
    Script::ok(Body::seeded(1, 1000))
}

/// One row after another, each of them on the connection of the one before.
fn one_at_a_time(origin: &Origin) -> Sandbox {
    let mut sandbox = Sandbox::trusting(origin);
    sandbox.engine.jobs = 1;
    sandbox
}

#[test]
fn a_connection_that_ends_as_it_is_used_again_costs_no_attempt() {
    for origin in [Origin::plain(), Origin::tls_http1(), Origin::tls()] {
        for (folder, first) in [
            ("fin", file().close_on_reuse()),
            ("rst", file().reset_on_reuse()),
        ] {
            let paths = [format!("/{folder}/1"), format!("/{folder}/2")];
            origin.on(&paths[0], first);
            origin.on(&paths[1], file());
            let rows = paths.map(|path| get(&origin.url(&path)));
            for outcome in one_at_a_time(&origin).run(rows) {
                assert_done(&outcome);
                assert_eq!(outcome.attempts, 1, "{}", outcome.url);
            }
        }
    }
}

#[test]
fn row_3_a_second_response_after_the_first_is_no_answer_to_the_next_request() {
    for origin in [Origin::plain(), Origin::tls_http1()] {
        origin.on("/1", file());
        // What nobody asked for may come after the next request as well as before it.
        for unasked in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 404 Not Found\r\n\r\n"] {
            let second = Script::ok(Body::seeded(2, 1000));
            origin.on("/2", [Script::raw(unasked), second]);
            let sandbox = one_at_a_time(&origin);
            let outcomes = sandbox.run(["/1", "/2"].map(|path| get(&origin.url(path))));
            outcomes.iter().for_each(assert_done);
            assert!(sandbox.read("2") == Body::seeded(2, 1000).bytes());
            assert_eq!(outcomes[1].attempts, 1);
        }
    }
}

#[test]
fn a_body_that_ends_with_its_connection_is_asked_for_on_one_of_its_own() {
    let origin = Origin::plain();
    origin.on("/1", file());
    origin.on("/2", file().without_length());
    let sandbox = one_at_a_time(&origin);
    let outcomes = sandbox.run(["/1", "/2"].map(|path| get(&origin.url(path))));
    outcomes.iter().for_each(assert_done);
    assert!(sandbox.read("2") == Body::seeded(1, 1000).bytes());
    assert_eq!(
        (outcomes[1].attempts, outcomes[1].verified.name()),
        (1, "none")
    );
}

#[test]
fn a_second_connection_that_ends_the_same_way_is_a_failure() {
    for origin in [Origin::plain(), Origin::tls_http1()] {
        origin.on("/1", file());
        origin.on("/2", file().close());
        let mut sandbox = one_at_a_time(&origin);
        sandbox.options.retry.retries = 1;
        let mut outcomes = sandbox.run(["/1", "/2"].map(|path| get(&origin.url(path))));
        outcomes.sort_by_key(|outcome| outcome.row);
        assert_done(&outcomes[0]);
        assert_eq!((kind(&outcomes[1]), outcomes[1].attempts), ("reset", 2));
        assert_eq!(origin.count("/2"), 3, "one on the connection of /1");
    }
}

#[test]
fn a_server_that_closes_each_connection_at_once_is_left_alone_in_the_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 2;
    let outcome = sandbox.fetch(&format!("http://127.0.0.1:{port}/a"));
    assert_eq!((kind(&outcome), outcome.attempts), ("reset", 3));
}

#[test]
fn http2_streams_that_were_not_processed_go_again() {
    let origin = Origin::tls();
    let refused = || file().reset_stream(Reason::REFUSED_STREAM);
    for (path, scripts) in [
        ("/goaway", vec![file().goaway(), file()]),
        ("/goaways", vec![file().goaway(), file().goaway(), file()]),
        ("/refused", vec![refused(), file()]),
        ("/refused-twice", vec![refused(), refused(), file()]),
    ] {
        let requests = scripts.len() as u64;
        origin.on(path, scripts);
        let outcome = Sandbox::trusting(&origin).fetch(&origin.url(path));
        assert_done(&outcome);
        assert_eq!((outcome.attempts, origin.count(path)), (1, requests));
    }
}

/// RFC 9113 §6.8: a server has not processed streams above the one that a GOAWAY names, whatever it
/// had sent on them before.
#[test]
fn http2_body_that_a_goaway_cuts_off_is_requested_again() {
    let origin = Origin::tls();
    let (lower, higher) = (Gate::new(), Gate::new());
    let gates = (lower.clone(), higher.clone());
    let arrivals = AtomicUsize::new(0);
    origin.under("/", move |_| {
        match arrivals.fetch_add(1, Ordering::Relaxed) {
            0 => file().hold(&gates.0).goaway(),
            1 => file().hold_at(500, &gates.1),
            _ => file(),
        }
    });
    let waiting = thread::spawn(move || {
        higher.wait_reached(1);
        lower.open();
    });
    let mut sandbox = Sandbox::trusting(&origin);
    sandbox.options.retry.retries = 0;
    let outcomes = sandbox.run(["/1", "/2"].map(|path| get(&origin.url(path))));
    waiting.join().unwrap();
    for outcome in outcomes {
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 1, "{outcome:?}");
    }
    assert_eq!((origin.count("/1"), origin.count("/2")), (2, 2));
}

#[test]
fn a_server_that_refuses_everything_is_left_alone_in_the_end() {
    for script in [file().goaway(), file().reset_stream(Reason::REFUSED_STREAM)] {
        let origin = Origin::tls();
        origin.on("/a", script);
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.options.retry.retries = 1;
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!((kind(&outcome), outcome.attempts), ("reset", 2));
        assert!(origin.count("/a") < 10, "{} requests", origin.count("/a"));
    }
}

#[test]
fn other_resets_are_failures_that_may_pass() {
    let origin = Origin::tls();
    for (reason, abandon) in [
        (Reason::INTERNAL_ERROR, false),
        (Reason::CANCEL, false),
        (Reason::PROTOCOL_ERROR, false),
        (Reason::ENHANCE_YOUR_CALM, false),
        (Reason::INTERNAL_ERROR, true),
    ] {
        let broken = if abandon {
            file().abandon(reason)
        } else {
            file().reset_stream(reason)
        };
        let path = format!("/{reason:?}/{abandon}");
        origin.on(&path, [broken, file()]);
        let outcome = Sandbox::trusting(&origin).fetch(&origin.url(&path));
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 2, "{path}");
    }
}

#[test]
fn many_streams_survive_a_connection_that_says_goodbye() {
    let origin = Origin::tls();
    // Nothing ends before all rows have been read: what goes again does so after all others, and is
    // in flight together with one goodbye at most.
    let all_read = Gate::new();
    let held = all_read.clone();
    origin.under("/", move |request| {
        let number: u64 = request.path()[1..].parse().unwrap();
        let file = file().hold(&held);
        // Farther apart than requests are in flight: a connection says goodbye once.
        match number % 60 {
            20 if request.nth == 1 => file.goaway(),
            50 if request.nth == 1 => file.goaway_at(500),
            _ => file,
        }
    });
    let rows: Vec<_> = (0..200)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    let rows = and_then(rows, move || all_read.open());
    let mut sandbox = Sandbox::trusting(&origin);
    sandbox.engine.per_host = Some(16);
    sandbox.options.retry.retries = 0;
    for outcome in sandbox.run(rows) {
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 1, "{outcome:?}");
    }
}
