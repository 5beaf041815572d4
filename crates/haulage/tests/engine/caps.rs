//! The caps hold at every instant, redirects and repetitions included.

use std::sync::Arc;
use std::time::Duration;

use origin::{Body, Gate, Origin, Request, Script};

use crate::sandbox::{Sandbox, and_then, assert_done, get};

/// Long enough for requests to overlap: the origin would otherwise have answered each before the
/// next one comes.
const LATENCY: Duration = Duration::from_millis(2);

/// How often a slow server sends some bytes.
const DRIP: Duration = Duration::from_millis(20);

/// A tenth redirects to the other host, a tenth fails once, the rest is a file.
fn script(request: &Request, other: &Origin) -> Script {
    let number: u64 = request.path().trim_start_matches("/file/").parse().unwrap();
    let file = Script::ok(Body::seeded(number, 2000)).delay(LATENCY);
    match number % 10 {
        0 => Script::redirect(302, &other.url(&format!("/moved/{number}"))),
        // Not before the cap was reached: from then on there are fewer at once.
        1 if number > 500 && request.nth == 1 => Script::status(503),
        _ => file,
    }
}

/// Two origins of which each redirects to the other.
fn pair() -> (Arc<Origin>, Arc<Origin>) {
    let (one, two) = (Arc::new(Origin::plain()), Arc::new(Origin::plain()));
    for (here, there) in [(&one, &two), (&two, &one)] {
        let other = Arc::clone(there);
        here.under("/file/", move |request| script(request, &other));
        here.under("/moved/", |_| {
            Script::ok(Body::seeded(9, 3000)).delay(LATENCY)
        });
    }
    (one, two)
}

#[test]
fn neither_host_ever_sees_more_than_its_cap() {
    let (one, two) = pair();
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 50;
    sandbox.engine.per_host = Some(3);
    let urls: Vec<_> = (0..2000)
        .map(|number| get(&[&one, &two][number % 2].url(&format!("/file/{number}"))))
        .collect();
    let outcomes = sandbox.run(urls);
    assert_eq!(outcomes.len(), 2000);
    outcomes.iter().for_each(assert_done);
    for origin in [&one, &two] {
        assert_eq!(origin.peak_in_flight(), 3);
    }
    assert_eq!(
        one.tally().requests + two.tally().requests,
        2000 + 200 + 150
    );
    // The origins know each other: let go of them.
    one.under("/file/", |_| Script::status(404));
    two.under("/file/", |_| Script::status(404));
}

/// How many requests were in flight at once, at most.
fn peak(origins: &[&Origin]) -> i32 {
    let log = origins.iter().flat_map(|origin| origin.log());
    let mut changes: Vec<_> = log
        .flat_map(|asked| {
            let ended = asked.ended.unwrap();
            // A response that others have taken over is left in its middle; the server finds out
            // when it sends the next bytes.
            let left = ended.checked_sub(10 * DRIP).unwrap().max(asked.at);
            let is_whole = !asked.path.starts_with("/large/");
            [(asked.at, 1), (if is_whole { ended } else { left }, -1)]
        })
        .collect();
    // What has ended in the very moment has ended.
    changes.sort_unstable();
    let now = changes.iter().scan(0, |now, (_, change)| {
        *now += change;
        Some(*now)
    });
    now.max().unwrap_or(0)
}

#[test]
fn it_holds_over_ten_thousand_requests_with_segments_among_them() {
    let (one, two) = pair();
    for here in [&one, &two] {
        // Five seconds, if nobody shares it.
        here.under("/large/", |_| {
            let large = Script::entity(Body::seeded(5, 1 << 20), "\"a\"");
            large.drip(4 << 10, DRIP)
        });
    }
    let mut sandbox = Sandbox::new();
    // All of these are in flight at once from the start, however slow this machine is.
    sandbox.engine.jobs = 6;
    sandbox.engine.per_host = Some(4);
    sandbox.options.min_split_size = 64 << 10;
    let rows: Vec<_> = (0..9000)
        .map(|number| (number, format!("/file/{number}")))
        .chain((0..4).map(|number| (number, format!("/large/{number}"))))
        .map(|(number, path)| get(&[&one, &two][number % 2].url(&path)))
        .collect();
    let outcomes = sandbox.run(rows);
    assert_eq!(outcomes.len(), 9004);
    outcomes.iter().for_each(assert_done);
    let requests = one.tally().requests + two.tally().requests;
    assert!(requests > 10_000, "{requests}");
    let segments = outcomes.iter().map(|outcome| outcome.segments).max();
    assert!(segments > Some(1), "none was split");
    for origin in [&one, &two] {
        let peak = peak(&[origin]);
        assert!((3..=4).contains(&peak), "{peak} to one host");
    }
    let peak = peak(&[&one, &two]);
    assert!((5..=6).contains(&peak), "{peak} in all");
    one.under("/file/", |_| Script::status(404));
    two.under("/file/", |_| Script::status(404));
}

#[test]
fn the_total_cap_holds_over_all_hosts() {
    let origins: Vec<_> = (0..6).map(|_| Origin::plain()).collect();
    for origin in &origins {
        origin.under("/", |_| Script::ok(Body::seeded(1, 2000)));
    }
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 1;
    let urls: Vec<_> = (0..600)
        .map(|number| get(&origins[number % origins.len()].url(&format!("/{number}"))))
        .collect();
    sandbox.run(urls).iter().for_each(assert_done);
    let mut asked: Vec<_> = origins.iter().flat_map(Origin::log).collect();
    asked.sort_by_key(|asked| asked.at);
    for pair in asked.windows(2) {
        assert!(
            pair[0].ended.unwrap() <= pair[1].at,
            "two requests were in flight at once"
        );
    }
}

/// How many requests a lane sends before another host gets its slot.
const TURN: usize = 8;

#[test]
fn hosts_share_the_slots_whatever_the_order_of_the_list() {
    let origins = [Origin::plain(), Origin::plain()];
    // Nothing ends before all rows have been read, so both hosts have rows in the queue by then.
    let all_read = Gate::new();
    for origin in &origins {
        let held = all_read.clone();
        origin.under("/", move |_| Script::ok(Body::seeded(1, 2000)).hold(&held));
    }
    let mut sandbox = Sandbox::new();
    // With one slot the order of the requests is the schedule's, and nobody else's.
    sandbox.engine.jobs = 1;
    let rows: Vec<_> = (0..400)
        .map(|number| get(&origins[number / 200].url(&format!("/{number}"))))
        .collect();
    let rows = and_then(rows, move || all_read.open());
    sandbox.run(rows).iter().for_each(assert_done);
    let mut asked: Vec<_> = (0..origins.len())
        .flat_map(|host| {
            origins[host]
                .log()
                .into_iter()
                .map(move |asked| (asked.at, host))
        })
        .collect();
    asked.sort_unstable();
    let turns: Vec<_> = asked
        .chunk_by(|one, next| one.1 == next.1)
        .map(<[_]>::len)
        .collect();
    // The last turn may be longer, since no other host waits by then. One that follows a turn of a
    // host that had not answered before may be the same host's.
    let (_, shared) = turns.split_last().unwrap();
    assert!(shared.iter().all(|&turn| turn <= 2 * TURN), "{turns:?}");
}

#[test]
fn http2_host_is_capped_as_told() {
    let origin = Origin::tls();
    origin.under("/", |_| Script::ok(Body::seeded(3, 20_000)).delay(LATENCY));
    let mut sandbox = Sandbox::trusting(&origin);
    sandbox.engine.per_host = Some(3);
    let rows: Vec<_> = (0..300)
        .map(|row| get(&origin.url(&format!("/{row}"))))
        .collect();
    sandbox.run(rows).iter().for_each(assert_done);
    assert_eq!(origin.peak_in_flight(), 3);
}
