//! Servers that ask for patience, hosts in trouble, and mirrors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use haulage::{Credentials, Event, Request};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, next_outcome, rest};

fn file() -> Script {
    Script::ok(Body::seeded(3, 1000))
}

/// Longer than any test takes, and less than anybody is waited for.
const LONG: &str = "300";

#[test]
fn retry_after_closes_the_host_for_as_long_as_it_asked() {
    let origin = Origin::plain();
    let later = Script::status(429).header("retry-after", "1");
    origin.on("/0", [later, file()]);
    origin.under("/", |_| file());
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(1);
    let rows: Vec<_> = (0..5)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    sandbox.run(rows).iter().for_each(assert_done);
    let log = origin.log();
    let waits = log[1..].iter().map(|asked| asked.at - log[0].at);
    assert!(waits.into_iter().all(|wait| wait >= Duration::from_secs(1)));
}

#[test]
fn retry_after_closes_no_other_host() {
    let (busy, other) = (Origin::plain(), Origin::plain());
    busy.under("/", |_| Script::status(429).header("retry-after", LONG));
    other.under("/", |_| file());
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(1);
    let rows = (0..5).flat_map(|number| {
        let path = format!("/{number}");
        [get(&busy.url(&path)), get(&other.url(&path))]
    });
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(rows.collect::<Vec<_>>());
    run.close();
    block_on(async {
        for _ in 0..5 {
            assert_done(&next_outcome(&mut events).await);
        }
        busy.until(|tally| tally.requests == 1).await;
        run.cancel();
        rest(&mut events).await;
    });
    assert_eq!(busy.tally().requests, 1);
}

#[test]
fn a_wait_that_is_longer_than_allowed_ends_the_item_at_once() {
    let origin = Origin::plain();
    for (path, wait) in [
        ("/a", "86400"),
        ("/b", "99999999999999999999"),
        ("/c", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        origin.on(path, Script::status(503).header("retry-after", wait));
        let outcome = Sandbox::new().fetch(&origin.url(path));
        assert_eq!((kind(&outcome), outcome.attempts), ("http", 1), "{wait}");
        let message = outcome.error().unwrap().to_string();
        assert!(message.contains("--retry-max-time"), "{message}");
    }
}

#[test]
fn a_wait_that_has_passed_or_cannot_be_read_is_none() {
    let origin = Origin::plain();
    for (path, wait) in [
        ("/a", "0"),
        ("/b", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("/c", "soon"),
    ] {
        origin.on(
            path,
            [Script::status(503).header("retry-after", wait), file()],
        );
        let outcome = Sandbox::new().fetch(&origin.url(path));
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 2, "{wait}");
    }
}

/// How much later than the first request for a path the second one came.
fn pause(origin: &Origin, path: &str) -> Duration {
    let log = origin.log();
    let mut asked = log.iter().filter(|asked| asked.path == path);
    let first = asked.next().unwrap().at;
    asked.next().unwrap().at - first
}

#[test]
fn retry_after_is_honoured_whatever_the_status() {
    const STATUSES: [u16; 10] = [202, 400, 403, 404, 409, 413, 423, 429, 500, 503];
    let origins = STATUSES.map(|status| {
        let origin = Origin::plain();
        let later = Script::status(status).header("retry-after", "1");
        origin.on("/a", [later, file()]);
        origin
    });
    let rows: Vec<_> = origins
        .iter()
        .map(|origin| get(&origin.url("/a")))
        .collect();
    for outcome in Sandbox::new().run(rows) {
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 2);
    }
    for (status, origin) in STATUSES.iter().zip(&origins) {
        assert!(pause(origin, "/a") >= Duration::from_secs(1), "{status}");
    }
}

#[test]
fn retry_after_beyond_the_limit_ends_the_item_whatever_the_status() {
    for status in [202, 302, 403, 404, 413, 429, 503] {
        let origin = Origin::plain();
        let later = Script::status(status).header("retry-after", "3600");
        origin.on("/a", later.header("location", "/b"));
        origin.on("/b", file());
        let outcome = Sandbox::new().fetch(&origin.url("/a"));
        assert_eq!((kind(&outcome), outcome.attempts), ("http", 1), "{status}");
        let error = outcome.error().unwrap();
        assert!(error.to_string().contains("--retry-max-time"), "{error}");
        assert_eq!(error.http_status(), Some(status));
        assert!(error.is_transient(), "{status}: a later run may try again");
        assert_eq!(origin.log().len(), 1, "{status}");
    }
}

#[test]
fn gone_is_gone_whatever_it_says_of_later() {
    let origin = Origin::plain();
    origin.on("/a", Script::status(410).header("retry-after", "1"));
    let outcome = Sandbox::new().fetch(&origin.url("/a"));
    assert_eq!((kind(&outcome), outcome.attempts), ("http", 1));
}

#[test]
fn rate_limit_that_is_used_up_is_waited_for() {
    let limited = |reset: u64| {
        Script::status(403)
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", &reset.to_string())
            .header("date", "Thu, 01 Jan 1970 00:16:40 GMT")
    };
    let origin = Origin::plain();
    origin.on("/a", [limited(1001), file()]);
    let outcome = Sandbox::new().fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert!(pause(&origin, "/a") >= Duration::from_secs(1));
    origin.on("/long", limited(1000 + 3600));
    let outcome = Sandbox::new().fetch(&origin.url("/long"));
    assert_eq!((kind(&outcome), outcome.attempts), ("http", 1));
    let error = outcome.error().unwrap().to_string();
    assert!(error.contains("3600 s"), "{error}");
    let unlimited = Script::status(403).header("x-ratelimit-remaining", "59");
    origin.on("/other", unlimited);
    assert_eq!(Sandbox::new().fetch(&origin.url("/other")).attempts, 1);
}

#[test]
fn rate_limit_met_by_a_resumed_download_is_waited_for() {
    let origin = Origin::plain();
    let body = Body::seeded(3, 1 << 20);
    let entity = || Script::entity(body.clone(), "\"a\"");
    let limited = Script::status(403).header("retry-after", "1");
    origin.on("/a", [entity().close_at(600_000), limited, entity()]);
    let sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert!(sandbox.read("a") == body.bytes());
    let log = origin.log();
    assert!(log[2].at - log[1].at >= Duration::from_secs(1));
    assert!(log[2].headers.contains_key("range") && outcome.resumed > 0);
}

#[test]
fn redirect_that_asks_to_wait_is_followed_after_that() {
    const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];
    let origins = STATUSES.map(|status| {
        let (origin, elsewhere) = (Origin::plain(), Origin::plain());
        let to = Script::redirect(status, &elsewhere.url("/b"));
        origin.on("/a", to.header("retry-after", "1"));
        elsewhere.on("/b", file());
        (origin, elsewhere)
    });
    let rows: Vec<_> = origins
        .iter()
        .map(|(origin, _)| get(&origin.url("/a")))
        .collect();
    for outcome in Sandbox::new().run(rows) {
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 1, "hops are not attempts");
    }
    for (status, (origin, elsewhere)) in STATUSES.iter().zip(&origins) {
        let wait = elsewhere.log()[0].at - origin.log()[0].at;
        assert!(wait >= Duration::from_secs(1), "{status}");
    }
}

#[test]
fn redirect_that_waits_longer_than_max_time_fails_at_once() {
    let origin = Origin::plain();
    let to = Script::redirect(302, "/b").header("retry-after", "60");
    origin.on("/a", to);
    let mut sandbox = Sandbox::new();
    sandbox.options.max_time = Some(Duration::from_secs(30));
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_ne!(kind(&outcome), "none");
    let error = outcome.error().unwrap().to_string();
    assert!(error.contains("--max-time"), "{error}");
}

#[test]
fn file_that_is_to_be_asked_for_later_keeps_no_other_waiting() {
    for status in [202, 302, 404] {
        let origin = Origin::plain();
        let later = Script::status(status).header("retry-after", LONG);
        origin.on("/0", later.header("location", "/c"));
        origin.under("/", |_| file());
        let mut sandbox = Sandbox::new();
        sandbox.engine.per_host = Some(1);
        let rows = (0..5).map(|number| get(&origin.url(&format!("/{number}"))));
        let mut run = sandbox.start();
        let mut events = run.events();
        run.feed(rows.collect::<Vec<_>>());
        run.close();
        block_on(async {
            for _ in 1..5 {
                assert_done(&next_outcome(&mut events).await);
            }
            run.cancel();
            rest(&mut events).await;
        });
        assert_eq!((origin.count("/0"), origin.count("/c")), (1, 0), "{status}");
    }
}

#[test]
fn an_outage_is_probed_one_request_at_a_time() {
    const FAILING: usize = 40;
    let origin = Origin::plain();
    let asked = AtomicUsize::new(0);
    origin.under("/", move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) < FAILING {
            Script::status(503).delay(Duration::from_millis(1))
        } else {
            file()
        }
    });
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(4);
    let rows: Vec<_> = (0..100)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    sandbox.run(rows).iter().for_each(assert_done);
    // Sixteen failures and what was in flight with them; then one at a time, until the first that
    // is fine.
    let log = origin.log();
    let probes = &log[20..FAILING];
    assert!(probes.iter().all(|asked| asked.in_flight == 1));
}

#[test]
fn what_waits_for_a_host_that_stays_in_trouble_fails_without_being_asked_for() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::empty()).close());
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(1);
    sandbox.options.retry.base = Duration::from_millis(200);
    sandbox.options.retry.max_time = Duration::from_millis(20);
    let rows: Vec<_> = (0..1000)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    let outcomes = sandbox.run(rows);
    assert_eq!(outcomes.len(), 1000);
    assert!(outcomes.iter().all(|outcome| kind(outcome) == "reset"));
    let asked = origin.tally().requests;
    assert!(asked < 200, "{asked} requests to a host that is dead");
    let given_up = |outcome: &&haulage::Outcome| {
        let message = outcome.error().unwrap().to_string();
        message.contains("in trouble")
    };
    assert!(outcomes.iter().filter(given_up).count() > 700);
}

#[test]
fn a_host_whose_long_body_breaks_off_has_not_been_in_trouble_all_the_while() {
    let origin = Origin::plain();
    let slow = (1..=10).fold(Script::ok(Body::seeded(1, 100)), |script, number| {
        script.delay_at(number, Duration::from_millis(250))
    });
    origin.on("/0", Script::ok(Body::empty()).close());
    origin.on("/1", slow.close_at(50));
    origin.on("/2", file());
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(1);
    sandbox.options.timeout = Duration::from_secs(1);
    sandbox.options.retry.retries = 0;
    sandbox.options.retry.max_time = Duration::from_millis(20);
    let rows: Vec<_> = (0..3)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    let outcomes = sandbox.run(rows);
    let kinds: Vec<_> = outcomes[..2].iter().map(kind).collect();
    assert_eq!(kinds, ["reset", "incomplete"]);
    assert_done(&outcomes[2]);
}

#[test]
fn a_host_that_is_slow_holds_up_no_other_whatever_the_order_of_the_list() {
    let slow = Origin::plain();
    let quick = Origin::plain();
    let gate = Gate::new();
    let held = gate.clone();
    slow.under("/", move |_| file().hold(&held));
    quick.under("/", |_| file());
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    let mut rows: Vec<_> = (0..5000)
        .map(|number| get(&slow.url(&format!("/s{number}"))))
        .collect();
    rows.extend((0..50).map(|number| get(&quick.url(&format!("/q{number}")))));
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(rows);
    run.close();
    block_on(async {
        let mut quick_ones = 0;
        while quick_ones < 50 {
            if let Event::Ended(outcome) = events.next().await.unwrap() {
                assert_done(&outcome);
                quick_ones += 1;
            }
        }
    });
    gate.open();
}

#[expect(clippy::unnecessary_wraps, reason = "this is what a source yields")]
fn with_mirrors(url: &str, mirrors: &[String]) -> haulage::Row {
    Ok(mirrors
        .iter()
        .fold(Request::new(url).unwrap(), |request, mirror| {
            request.mirror(mirror).unwrap()
        }))
}

#[test]
fn a_mirror_is_asked_at_the_first_failure() {
    let first = Origin::plain();
    let second = Origin::plain();
    second.on("/b", file());
    for failure in [
        Script::status(404),
        Script::status(503).header("retry-after", "3600"),
        Script::ok(Body::seeded(1, 500)).close_at(100),
        Script::redirect(302, "ftp://elsewhere/"),
        Script::ok(Body::empty()).reset(),
    ] {
        first.on("/a", failure);
        let sandbox = Sandbox::new();
        let row = with_mirrors(&first.url("/a"), &[second.url("/b")]);
        let outcome = sandbox.run([row]).pop().unwrap();
        assert_done(&outcome);
        assert_eq!((outcome.attempts, outcome.path.as_deref()), (2, Some("a")));
        assert_eq!(outcome.final_url, Some(second.url("/b")));
        assert!(sandbox.read("a") == Body::seeded(3, 1000).bytes());
    }
}

#[test]
fn when_all_have_failed_those_that_may_pass_are_asked_again() {
    let (first, second, third) = (Origin::plain(), Origin::plain(), Origin::plain());
    first.on("/a", [Script::status(500), file()]);
    second.on("/a", Script::status(404));
    third.on("/a", Script::status(503));
    let row = with_mirrors(&first.url("/a"), &[second.url("/a"), third.url("/a")]);
    let outcome = Sandbox::new().run([row]).pop().unwrap();
    assert_done(&outcome);
    assert_eq!(outcome.attempts, 4);
    assert_eq!(second.count("/a"), 1);
}

#[test]
fn a_mirror_that_asks_to_wait_holds_up_itself_alone() {
    for (wait, attempts) in [("60", 3), ("3600", 3)] {
        let (first, second) = (Origin::plain(), Origin::plain());
        first.on("/a", [Script::status(500), file()]);
        second.on("/a", Script::status(503).header("retry-after", wait));
        let row = with_mirrors(&first.url("/a"), &[second.url("/a")]);
        let outcome = Sandbox::new().run([row]).pop().unwrap();
        assert_done(&outcome);
        assert_eq!(outcome.attempts, attempts);
        let log = first.log();
        assert!(log[1].at - log[0].at < Duration::from_mins(1), "{wait}");
    }
}

#[test]
fn when_no_mirror_has_it_the_item_fails() {
    let (first, second) = (Origin::plain(), Origin::plain());
    let row = with_mirrors(&first.url("/a"), &[second.url("/a")]);
    let outcome = Sandbox::new().run([row]).pop().unwrap();
    assert_eq!((kind(&outcome), outcome.attempts), ("http", 2));
}

#[test]
fn a_mirrors_own_credentials_follow_a_redirect_within_its_origin_and_no_further() {
    let (first, second, third) = (Origin::plain(), Origin::plain(), Origin::plain());
    second.on("/a", Script::redirect(302, "/b"));
    second.on("/b", Script::redirect(302, &third.url("/c")));
    third.on("/c", file());
    let own = second.url("/a").replace("http://", "http://mirror:own@");
    let row = with_mirrors(&first.url("/a"), &[own]);
    assert_done(&Sandbox::new().run([row]).pop().unwrap());
    let is_told = |asked: &origin::LoggedRequest| asked.headers.contains_key("authorization");
    assert!(second.log().iter().all(is_told));
    assert!(!is_told(&third.log()[0]));
}

#[test]
fn a_mirror_gets_nothing_that_was_meant_for_another_origin() {
    let (first, second) = (Origin::plain(), Origin::plain());
    second.on("/a", Script::status(404));
    second.on("/b", file());
    let mut sandbox = Sandbox::new();
    sandbox.options.credentials = Some(Credentials {
        user: "me".into(),
        password: "secret".into(),
    });
    let own = second.url("/b").replace("http://", "http://mirror:own@");
    let row = with_mirrors(&first.url("/a"), &[second.url("/a"), own]);
    assert_done(&sandbox.run([row]).pop().unwrap());
    let authorization = |asked: &origin::LoggedRequest| {
        asked
            .headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert!(authorization(&first.log()[0]).is_some());
    let log = second.log();
    assert_eq!(authorization(&log[0]), None);
    assert_eq!(
        authorization(&log[1]).as_deref(),
        Some("Basic bWlycm9yOm93bg==")
    );
}

/// What is told of the first host that waits, while these scripts are asked for.
fn first_wait(origin: &Origin, rows: usize, mut sandbox: Sandbox) -> String {
    sandbox.options.retry.base = Duration::from_secs(2);
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(
        (0..rows)
            .map(|row| get(&origin.url(&format!("/{row}"))))
            .collect::<Vec<_>>(),
    );
    run.close();
    block_on(async {
        loop {
            if let Event::HostWaits { why, .. } = events.next().await.unwrap() {
                run.cancel();
                return why.unwrap().to_string();
            }
        }
    })
}

#[test]
fn a_host_that_waits_says_why() {
    let busy = Script::status(503).header("retry-after", "60");
    for (script, rows, why) in [
        (busy, 1, "503, Retry-After"),
        (Script::status(500), 40, "500"),
        (Script::ok(Body::empty()).close(), 40, "connection reset"),
    ] {
        let origin = Origin::plain();
        origin.under("/", move |_| script.clone());
        assert_eq!(first_wait(&origin, rows, Sandbox::new()), why);
    }
}
