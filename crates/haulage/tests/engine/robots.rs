//! What robots.txt does not allow is not asked for, where that is to be obeyed.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use haulage::{Credentials, Request};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, named, rest};

/// An origin with this robots.txt, and files.
fn with(origin: Origin, robots: &str) -> Origin {
    origin.under("/", |_| Script::ok(Body::of("a")));
    origin.on("/robots.txt", Script::ok(Body::of(robots.to_owned())));
    origin
}

fn sandbox(origin: &Origin) -> Sandbox {
    let mut sandbox = Sandbox::trusting(origin);
    sandbox.options.robots = true;
    sandbox
}

fn rows(origin: &Origin, folder: &str, count: usize) -> Vec<haulage::Row> {
    (0..count)
        .map(|row| {
            let name = format!("{folder}{row}");
            named(&origin.url(&format!("/{folder}/{row}")), &name)
        })
        .collect()
}

#[test]
fn what_is_not_allowed_is_not_asked_for_and_each_host_is_asked_once() {
    for origin in [Origin::plain(), Origin::tls()] {
        let origin = with(
            origin,
            "User-agent: *\nDisallow: /\nUser-agent: haulage\nDisallow: /no/\n",
        );
        let mut sandbox = sandbox(&origin);
        let credentials = Credentials {
            user: "u".into(),
            password: "p".into(),
        };
        sandbox.options.credentials = Some(credentials);
        let outcomes = sandbox.run(
            rows(&origin, "yes", 40)
                .into_iter()
                .chain(rows(&origin, "no", 40)),
        );
        assert_eq!(outcomes.len(), 80);
        for outcome in &outcomes {
            if outcome.label.starts_with("yes") {
                assert_done(outcome);
                continue;
            }
            assert_eq!((kind(outcome), outcome.attempts), ("refused", 0));
            let message = outcome.error().unwrap().to_string();
            assert!(message.contains("--robots"), "{message}");
        }
        let log = origin.log();
        assert_eq!(log.len(), 41);
        assert_eq!(origin.count("/robots.txt"), 1);
        let first = log.iter().min_by_key(|asked| asked.at).unwrap();
        assert_eq!(first.path, "/robots.txt");
        // What was given for the files stays with them.
        for asked in &log {
            let is_file = asked.path != "/robots.txt";
            assert_eq!(
                asked.headers.contains_key("authorization"),
                is_file,
                "{}",
                asked.path
            );
        }
    }
}

#[test]
fn a_name_of_ones_own_has_its_own_rules() {
    let origin = with(Origin::plain(), "User-agent: mybot\nDisallow: /\n");
    let mut sandbox = sandbox(&origin);
    sandbox
        .run(rows(&origin, "a", 1))
        .iter()
        .for_each(assert_done);
    sandbox.options.user_agent = Some("MyBot/2.0 (x)".parse().unwrap());
    let outcome = sandbox.run(rows(&origin, "b", 1)).pop().unwrap();
    assert_eq!(kind(&outcome), "refused");
}

#[test]
fn its_delay_is_kept_to() {
    const DELAY: Duration = Duration::from_millis(60);
    let origin = with(Origin::plain(), "User-agent: *\nCrawl-delay: 0.06\n");
    let other = with(Origin::plain(), "");
    let sandbox = sandbox(&origin);
    let all = rows(&origin, "a", 5)
        .into_iter()
        .chain(rows(&other, "b", 20));
    sandbox.run(all).iter().for_each(assert_done);
    let mut asked = origin.log();
    asked.sort_by_key(|asked| asked.at);
    // Each comes some time after it was sent, and none before; the first of them says so.
    for (nth, file) in (0..).zip(&asked[1..]) {
        assert!(file.at >= asked[0].at + DELAY * nth, "{nth}");
    }
}

#[test]
fn none_allows_all_and_one_that_cannot_be_had_nothing() {
    let origin = with(Origin::plain(), "");
    for (answers, is_allowed) in [
        (vec![Script::status(404)], true),
        (vec![Script::status(401)], true),
        (vec![Script::status(404).header("retry-after", "1")], true),
        (vec![Script::status(204)], true),
        (vec![Script::ok(Body::seeded(1, 3 << 20))], true),
        (vec![Script::status(202), Script::status(404)], true),
        (vec![Script::status(202)], false),
        (
            vec![Script::status(206).body(Body::of("user-agent: *"))],
            false,
        ),
        (
            vec![Script::ok(Body::of("x")).header("transfer-encoding", "br")],
            false,
        ),
        (
            vec![
                Script::status(503),
                Script::ok(Body::of("user-agent: *\ndisallow: /b")),
            ],
            true,
        ),
        (vec![Script::status(503)], false),
        (vec![Script::status(429)], false),
        (
            vec![Script::ok(Body::of("user-agent: *")).close_at(3)],
            false,
        ),
    ] {
        origin.on("/robots.txt", answers);
        let mut sandbox = sandbox(&origin);
        sandbox.options.retry.retries = 2;
        for outcome in sandbox.run(rows(&origin, "a", 20)) {
            if is_allowed {
                assert_done(&outcome);
                continue;
            }
            let error = outcome.error().unwrap();
            assert!(error.to_string().contains("robots.txt"), "{error}");
        }
    }
}

#[test]
fn robots_txt_in_a_coding_is_decoded() {
    let rules = b"user-agent: *\ndisallow: /no\n";
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(rules).unwrap();
    let coded = Body::of(encoder.finish().unwrap());
    for script in [
        Script::ok(coded.clone()).header("content-encoding", "gzip"),
        Script::ok(coded.clone())
            .chunked()
            .header("transfer-encoding", "gzip, chunked"),
        Script::status(206).body(Body::of(&rules[..])).header(
            "content-range",
            &format!("bytes 0-{}/{}", rules.len() - 1, rules.len()),
        ),
    ] {
        let origin = with(Origin::plain(), "");
        origin.on("/robots.txt", script);
        let sandbox = sandbox(&origin);
        assert_eq!(kind(&sandbox.fetch(&origin.url("/no/a"))), "refused");
        assert_done(&sandbox.fetch(&origin.url("/yes/a")));
    }
}

#[test]
fn it_may_be_elsewhere_and_so_may_what_it_is_about() {
    let (origin, other) = (with(Origin::plain(), ""), with(Origin::plain(), ""));
    origin.on("/robots.txt", Script::redirect(301, &other.url("/rules")));
    other.on(
        "/rules",
        Script::ok(Body::of("user-agent: *\ndisallow: /no")),
    );
    other.on(
        "/robots.txt",
        Script::ok(Body::of("user-agent: *\ndisallow: /there")),
    );
    origin.on("/led", Script::redirect(302, &other.url("/there")));
    origin.on("/round", Script::redirect(302, "/round"));
    let sandbox = sandbox(&origin);
    let led = sandbox.fetch(&origin.url("/led"));
    assert_eq!((kind(&led), led.attempts), ("refused", 1));
    assert_eq!(kind(&sandbox.fetch(&origin.url("/no"))), "refused");
    assert_done(&sandbox.fetch(&origin.url("/yes")));
    // A mirror may allow what the first does not.
    let row = Request::new(&origin.url("/no/a")).unwrap();
    let row = row.mirror(&other.url("/no/a")).unwrap();
    assert_done(&sandbox.run([Ok(row)])[0]);
    // One that leads nowhere is none.
    origin.on("/robots.txt", Script::redirect(301, "/robots.txt"));
    assert_done(&sandbox.fetch(&origin.url("/no/b")));
}

#[test]
fn what_waits_for_it_has_not_started_when_the_run_is_stopped() {
    let origin = with(Origin::plain(), "");
    let gate = Gate::new();
    origin.on(
        "/robots.txt",
        Script::ok(Body::of("# none")).hold_at(0, &gate),
    );
    let sandbox = sandbox(&origin);
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(rows(&origin, "a", 30));
    run.feed([get(&origin.url("/a/1"))]);
    run.close();
    gate.wait_reached(1);
    run.cancel();
    assert!(block_on(rest(&mut events)).is_empty());
    gate.open();
}
