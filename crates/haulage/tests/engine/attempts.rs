//! What is told of each request, where that was asked for.

use std::time::Duration;

use haulage::{Attempt, Engine, Event, Row};
use origin::{Body, Gate, Origin, Script};

use crate::entities::{LENGTH, entity};
use crate::sandbox::{Sandbox, block_on, get};

fn file() -> Script {
    Script::ok(Body::seeded(1, 1000))
}

/// Runs these rows one after another, and returns what is told of their requests. Each is told of
/// before its item has ended.
fn attempts(
    sandbox: &mut Sandbox,
    rows: impl IntoIterator<Item = Row, IntoIter: Send + 'static>,
) -> Vec<Attempt> {
    sandbox.options.attempt_details = true;
    sandbox.engine.jobs = 1;
    let engine = Engine::start(sandbox.engine.clone()).unwrap();
    let mut run = engine.run(sandbox.options.clone(), rows).unwrap();
    let mut events = run.events();
    let (mut all, mut ended) = (Vec::new(), Vec::new());
    block_on(async {
        while let Some(event) = events.next().await {
            match event {
                Event::Attempted(attempt) => {
                    assert!(!ended.contains(&attempt.row));
                    all.push(*attempt);
                }
                Event::Ended(outcome) => ended.push(outcome.row),
                _ => {}
            }
        }
    });
    all
}

fn of(sandbox: &mut Sandbox, url: &str) -> Vec<Attempt> {
    attempts(sandbox, [get(url)])
}

fn kind(attempt: &Attempt) -> Option<&'static str> {
    attempt.error.as_ref().map(|error| error.kind().name())
}

#[test]
fn connection_is_new_at_first_and_then_reused() {
    for (origin, protocol) in [
        (Origin::plain(), "http/1.1"),
        (Origin::tls_http1(), "http/1.1"),
        (Origin::tls(), "h2"),
    ] {
        origin.under("/", |_| file());
        let rows = ["/a?x=1", "/b"].map(|path| get(&origin.url(path)));
        let all = attempts(&mut Sandbox::trusting(&origin), rows);
        let [first, second] = &all[..] else {
            panic!("{all:?}")
        };
        for attempt in [first, second] {
            let protocol_is = attempt.protocol.map(haulage::HttpProtocol::name);
            assert_eq!(protocol_is, Some(protocol));
            assert_eq!((attempt.http_status, attempt.bytes), (Some(200), 1000));
            assert_eq!(attempt.remote, Some(origin.address()));
            assert_eq!((attempt.number, attempt.is_segment), (1, false));
            assert!(attempt.error.is_none() && attempt.proxy.is_none());
            let timings = attempt.timings;
            assert!(timings.queue.is_some());
            let parts = timings.first_byte.unwrap() + timings.body.unwrap();
            assert!(parts <= timings.total);
        }
        assert_eq!(*first.url, origin.url("/a?x=1"));
        assert_eq!(*first.host, *origin.url("/").trim_end_matches('/'));
        assert_eq!((first.is_reused, second.is_reused), (false, true));
        let connect = |attempt: &Attempt| {
            let timings = attempt.timings;
            [timings.dns, timings.connect, timings.tls].map(|time| time.is_some())
        };
        // The certificate is for a name.
        let is_tls = first.host.starts_with("https");
        assert_eq!(connect(first), [is_tls, true, is_tls]);
        assert_eq!(connect(second), [false; 3]);
    }
}

#[test]
fn retry_and_redirect_are_requests_of_their_own() {
    let origin = Origin::plain();
    origin.on("/a", [Script::status(503), Script::redirect(302, "/b")]);
    origin.on("/b", [file().close_at(400), file()]);
    let all = of(&mut Sandbox::new(), &origin.url("/a"));
    let told: Vec<_> = all
        .iter()
        .map(|each| (each.number, each.http_status, kind(each), each.bytes))
        .collect();
    assert_eq!(
        told,
        [
            (1, Some(503), Some("http"), 0),
            (2, Some(302), None, 0),
            (2, Some(200), Some("incomplete"), 400),
            (3, Some(302), None, 0),
            (3, Some(200), None, 1000),
        ]
    );
}

#[test]
fn failure_before_a_request_is_told_with_its_phase() {
    let origin = Origin::tls();
    origin.on("/a", file());
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    let refusing = Origin::plain();
    let refused = refusing.url("/a");
    drop(refusing);
    for (url, name, phases) in [
        (
            "http://nowhere.invalid/a".to_owned(),
            "dns",
            (true, false, false),
        ),
        (refused, "connect", (false, true, false)),
        (origin.url("/a"), "tls", (true, true, true)),
    ] {
        let all = of(&mut sandbox, &url);
        let [attempt] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!(kind(attempt), Some(name), "{attempt:?}");
        let timings = attempt.timings;
        let took = [timings.dns, timings.connect, timings.tls];
        let [dns, connect, tls] = took.map(|time| time.is_some());
        assert_eq!((dns, connect, tls), phases, "{url}");
        assert_eq!((timings.first_byte, timings.body), (None, None));
        assert_eq!((attempt.protocol, attempt.remote), (None, None));
    }
}

#[test]
fn request_without_a_response_has_no_first_byte() {
    let origin = Origin::plain();
    origin.on("/a", file().stall());
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    sandbox.options.timeout = Duration::from_millis(100);
    let all = of(&mut sandbox, &origin.url("/a"));
    assert_eq!((all.len(), kind(&all[0])), (1, Some("timeout")));
    assert_eq!(all[0].remote, Some(origin.address()));
    assert_eq!(all[0].timings.first_byte, None);
    assert!(all[0].timings.total >= sandbox.options.timeout);
}

#[test]
fn resent_request_is_told_with_its_error() {
    let origin = Origin::plain();
    origin.on("/1", file().close_on_reuse());
    origin.on("/2", file());
    let rows = ["/1", "/2"].map(|path| get(&origin.url(path)));
    let all = attempts(&mut Sandbox::new(), rows);
    let told: Vec<_> = all
        .iter()
        .map(|each| (each.row, each.number, each.is_reused, kind(each)))
        .collect();
    assert_eq!(
        told,
        [
            (0, 1, false, None),
            (1, 1, true, Some("reset")),
            (1, 1, false, None)
        ]
    );
}

#[test]
fn segments_are_told_with_their_own_bytes() {
    let (origin, gate) = (Origin::plain(), Gate::new());
    let held = gate.clone();
    origin.under("/file", move |request| match request.headers.get("range") {
        Some(_) => entity(),
        None => entity().hold_at(1 << 20, &held),
    });
    let mut sandbox = Sandbox::new();
    sandbox.options.attempt_details = true;
    sandbox.options.min_split_size = 256 << 10;
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/file"))]);
    run.close();
    origin.wait_until(|tally| tally.requests >= 4);
    gate.open();
    let mut all = Vec::new();
    block_on(async {
        while let Some(event) = events.next().await {
            if let Event::Attempted(attempt) = event {
                all.push(*attempt);
            }
        }
    });
    let segments = all.iter().filter(|attempt| attempt.is_segment).count();
    assert_eq!((all.len(), segments), (origin.log().len(), all.len() - 1));
    let bytes: u64 = all.iter().map(|attempt| attempt.bytes).sum();
    assert!(bytes >= LENGTH, "{bytes}");
}

#[test]
fn body_that_goes_directly_to_its_file_is_counted() {
    const LARGE: u64 = 40 << 20;
    let origin = Origin::plain();
    origin.on("/large", Script::ok(Body::seeded(5, LARGE)));
    let mut sandbox = Sandbox::new();
    sandbox.options.split = 1;
    let all = of(&mut sandbox, &origin.url("/large"));
    assert_eq!((all.len(), all[0].bytes), (1, LARGE));
}

#[test]
fn stopped_request_is_told_as_cancelled() {
    let origin = Origin::plain();
    origin.on("/a", file().stall_at(500));
    let mut sandbox = Sandbox::new();
    sandbox.options.attempt_details = true;
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a"))]);
    run.close();
    block_on(async {
        while run.received_bytes() < 500 {
            tokio::task::yield_now().await;
        }
        run.cancel();
        let mut told = None;
        while let Some(event) = events.next().await {
            if let Event::Attempted(attempt) = event {
                told = Some(attempt);
            }
        }
        let attempt = told.unwrap();
        assert_eq!((kind(&attempt), attempt.bytes), (Some("cancelled"), 500));
    });
}

#[test]
fn nothing_is_told_unless_asked_for() {
    let origin = Origin::plain();
    origin.on("/a", file());
    let sandbox = Sandbox::new();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a"))]);
    run.close();
    block_on(async {
        while let Some(event) = events.next().await {
            assert!(!matches!(event, Event::Attempted(_)));
        }
    });
}

#[test]
fn credentials_are_not_told() {
    let origin = Origin::plain();
    origin.on("/a", file());
    let url = origin.url("/a").replace("://", "://me:secret@");
    let all = of(&mut Sandbox::new(), &url);
    assert!(!format!("{all:?}").contains("secret"));
    assert_eq!(*all[0].url, origin.url("/a"));
}

#[test]
fn queue_time_is_from_when_a_request_could_be_sent() {
    const WAIT: Duration = Duration::from_millis(300);
    let origin = Origin::plain();
    origin.on("/slow", file().delay(WAIT));
    let busy = Script::status(503).header("retry-after", "1");
    origin.on("/busy", [busy, file()]);
    let rows = ["/slow", "/busy"].map(|path| get(&origin.url(path)));
    let all = attempts(&mut Sandbox::new(), rows);
    let queues: Vec<_> = all.iter().map(|each| each.timings.queue.unwrap()).collect();
    assert_eq!(queues.len(), 3);
    assert!(queues[0] < WAIT && queues[1] >= WAIT / 2, "{queues:?}");
    // The wait that the server has asked for does not count.
    assert!(queues[2] < Duration::from_secs(1), "{queues:?}");
}
