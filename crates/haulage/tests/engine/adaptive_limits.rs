//! How many requests a host gets is found out by asking it. Row 46 of docs/faults.md.

use std::time::{Duration, Instant};

use haulage::{Event, LimitChange, Outcome};
use origin::{Body, Limit, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, rest};
use crate::splitting::waiting;

/// Long enough for requests to overlap.
const LATENCY: Duration = Duration::from_millis(5);

fn file() -> Script {
    Script::ok(Body::seeded(1, 4096)).delay(LATENCY)
}

fn rows(origin: &Origin, count: u64) -> Vec<haulage::Row> {
    (0..count)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect()
}

/// What a run tells of its hosts' limits, and its outcomes.
fn limits(sandbox: &Sandbox, rows: Vec<haulage::Row>) -> (Vec<(usize, LimitChange)>, Vec<Outcome>) {
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(rows);
    run.close();
    let (mut limits, mut outcomes) = (Vec::new(), Vec::new());
    block_on(async {
        while let Some(event) = events.next().await {
            match event {
                Event::LimitChanged { limit, why, .. } => limits.push((limit, why)),
                Event::Ended(outcome) => outcomes.push(*outcome),
                _ => {}
            }
        }
    });
    (limits, outcomes)
}

#[test]
fn it_begins_with_four_and_grows_as_long_as_that_brings_more() {
    let origin = Origin::plain();
    origin.under("/", |_| file());
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(16);
    let (limits, outcomes) = limits(&sandbox, rows(&origin, 600));
    outcomes.iter().for_each(assert_done);
    let mut asked = origin.log();
    asked.sort_by_key(|asked| asked.at);
    let first_end = asked.iter().filter_map(|asked| asked.ended).min().unwrap();
    let before = asked.iter().filter(|asked| asked.at < first_end).count();
    assert!(before <= 4, "{before} before the first answer");
    // Four times as many where a response takes long, as on a loaded machine. What comes after it
    // depends on how fast this machine is.
    assert!(
        matches!(limits[0], (8 | 16, LimitChange::Grows)),
        "{limits:?}"
    );
    assert!(origin.peak_in_flight() > 4);
}

/// Fetches files of a server that refuses all beyond `most` requests at once. Returns the limits of
/// its host, and how many requests were refused.
#[track_caller]
fn refusing(most: usize, status: u16, files: u64) -> (Vec<(usize, LimitChange)>, u64) {
    let origin = Origin::plain();
    // Long, beside what this machine takes for a request.
    let file = Script::ok(Body::seeded(1, 4096)).delay(LATENCY * 4);
    origin.under("/", move |_| file.clone());
    origin.limit("/", Limit::at_once(most, Script::status(status)));
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(16);
    sandbox.options.retry.base = Duration::from_millis(10);
    let (limits, outcomes) = limits(&sandbox, rows(&origin, files));
    assert_eq!(outcomes.len() as u64, files);
    outcomes.iter().for_each(assert_done);
    (limits, origin.tally().requests - files)
}

#[test]
fn row_46_a_storm_of_refusals_ends_with_all_files_and_few_of_them() {
    let (limits, refused) = refusing(8, 503, 2000);
    assert!(refused <= 100, "{refused} requests were refused");
    // It did not give up trying more, nor stay with much less.
    assert!(limits.iter().any(|(limit, _)| *limit > 8), "{limits:?}");
}

#[test]
fn a_server_that_takes_one_at_a_time_gets_one() {
    let (_, refused) = refusing(1, 429, 200);
    assert!(refused <= 20, "{refused} requests were refused");
}

#[test]
fn segment_that_is_refused_counts_as_well() {
    let (origin, gate) = waiting(|_, _| Script::status(503));
    let mut sandbox = Sandbox::new();
    sandbox.options.min_split_size = 256 << 10;
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/file"))]);
    run.close();
    let limit = block_on(async {
        loop {
            match events.next().await.unwrap() {
                Event::LimitChanged { limit, why, .. } => break (limit, why),
                Event::Ended(outcome) => panic!("{outcome:?}"),
                _ => {}
            }
        }
    });
    assert_eq!(limit, (2, LimitChange::Refused));
    gate.open();
    block_on(rest(&mut events)).iter().for_each(assert_done);
}

#[test]
fn bodies_that_break_off_are_no_sign_that_there_are_too_many() {
    let origin = Origin::plain();
    origin.under("/", |request| {
        if request.nth == 1 && request.path().ends_with('7') {
            file().close_at(1000)
        } else {
            file()
        }
    });
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(16);
    sandbox.options.retry.base = Duration::from_millis(10);
    let (limits, outcomes) = limits(&sandbox, rows(&origin, 300));
    outcomes.iter().for_each(assert_done);
    let refused = limits.iter().any(|(_, why)| *why == LimitChange::Refused);
    assert!(!refused, "{limits:?}");
}

#[test]
fn with_a_delay_no_two_requests_to_one_host_are_closer_than_that() {
    const DELAY: Duration = Duration::from_millis(60);
    for origin in [Origin::plain(), Origin::tls()] {
        let elsewhere = Origin::plain();
        elsewhere.under("/", |_| file());
        // A redirect, an attempt that fails, and a connection that is closed count as requests too.
        origin.on("/0", Script::redirect(302, "/1"));
        origin.on("/2", [Script::status(503), file()]);
        origin.on("/3", file().close_on_reuse());
        for path in ["/1", "/4"] {
            origin.on(path, file());
        }
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.engine.delay = DELAY;
        sandbox.options.retry.base = Duration::from_millis(1);
        let start = Instant::now();
        let mut all = rows(&origin, 5);
        all.extend(rows(&elsewhere, 3));
        sandbox.run(all).iter().for_each(assert_done);
        for origin in [&origin, &elsewhere] {
            let mut asked = origin.log();
            asked.sort_by_key(|asked| asked.at);
            // Each comes some time after it was sent, and none before.
            for (nth, asked) in (0..).zip(&asked) {
                assert!(
                    asked.at >= start + DELAY * nth,
                    "{nth}: {:?}",
                    asked.at - start
                );
            }
        }
        assert!(origin.log().len() >= 7);
    }
}
