//! What is different for some hosts: limits, delays and headers.

use std::time::Duration;

use haulage::{HostLimits, HostOptions, Request};
use http::HeaderValue;
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get};

/// Long enough for requests to overlap.
const LATENCY: Duration = Duration::from_millis(2);

fn slow(path: &'static str, origin: &Origin) {
    origin.under(path, |request| {
        Script::ok(Body::seeded(request.nth, 2000)).delay(LATENCY)
    });
}

fn limits(hosts: &str) -> HostLimits {
    HostLimits::new(hosts.parse().unwrap())
}

fn with_header(hosts: &str, name: &'static str, value: &'static str) -> HostOptions {
    let mut options = HostOptions::new(hosts.parse().unwrap());
    let value = HeaderValue::from_static(value);
    options.headers.insert(name, value);
    options
}

#[test]
fn host_with_a_limit_of_its_own_never_exceeds_it() {
    let (one, two) = (Origin::plain(), Origin::plain());
    slow("/", &one);
    slow("/", &two);
    // A third of what the other host gets leads here.
    let there = one.url("/moved");
    two.under("/from/", move |_| Script::redirect(302, &there));
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(8);
    let mut own = limits(&one.authority());
    own.per_host = Some(1);
    sandbox.engine.hosts.push(own);
    let urls: Vec<_> = (0..300)
        .map(|number| match number % 3 {
            0 => get(&one.url(&format!("/{number}"))),
            1 => get(&two.url(&format!("/{number}"))),
            _ => get(&two.url(&format!("/from/{number}"))),
        })
        .collect();
    sandbox.run(urls).iter().for_each(assert_done);
    assert_eq!(one.peak_in_flight(), 1);
    assert!(two.peak_in_flight() > 1, "the other one is not limited");
}

#[test]
fn limit_of_one_host_may_be_higher_than_that_of_all() {
    let origin = Origin::plain();
    slow("/", &origin);
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(1);
    let mut own = limits("127.0.0.1:*");
    own.per_host = Some(3);
    sandbox.engine.hosts.push(own);
    let urls: Vec<_> = (0..200)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    sandbox.run(urls).iter().for_each(assert_done);
    assert_eq!(origin.peak_in_flight(), 3);
}

#[test]
fn limit_of_one_host_holds_over_http2_and_for_segments() {
    let origin = Origin::tls();
    slow("/", &origin);
    origin.on(
        "/large",
        Script::ok(Body::seeded(1, 40 << 20))
            .etag("\"one\"")
            .ranges(),
    );
    let mut sandbox = Sandbox::trusting(&origin);
    sandbox.options.min_split_size = 1 << 20;
    sandbox.options.split = 8;
    let mut own = limits(&origin.authority());
    own.per_host = Some(2);
    sandbox.engine.hosts.push(own);
    let files = (0..100).map(|number| get(&origin.url(&format!("/{number}"))));
    let urls: Vec<_> = [get(&origin.url("/large"))]
        .into_iter()
        .chain(files)
        .collect();
    sandbox.run(urls).iter().for_each(assert_done);
    assert!(origin.peak_in_flight() <= 2, "{}", origin.peak_in_flight());
}

#[test]
fn delay_of_one_host_is_kept_at_that_host_only() {
    const DELAY: Duration = Duration::from_millis(40);
    let (one, two) = (Origin::plain(), Origin::plain());
    for origin in [&one, &two] {
        origin.under("/", |_| Script::ok(Body::of("x")));
    }
    let mut sandbox = Sandbox::new();
    let mut own = limits(&one.authority());
    own.delay = Some(DELAY);
    sandbox.engine.hosts.push(own);
    let urls: Vec<_> = (0..10)
        .map(|number| get(&[&one, &two][number % 2].url(&format!("/{number}"))))
        .collect();
    sandbox.run(urls).iter().for_each(assert_done);
    let mut times: Vec<_> = one.log().iter().map(|asked| asked.at).collect();
    times.sort_unstable();
    // They are sent no closer; the server may see them a little so.
    let closest = times.windows(2).map(|pair| pair[1] - pair[0]).min();
    assert!(closest > Some(DELAY / 2), "{closest:?}");
    let (first, last) = (times[0], times[times.len() - 1]);
    assert!(
        last - first + LATENCY * 4 >= DELAY * 4,
        "{:?}",
        last - first
    );
    let others = two.log();
    let last_of_others = others.iter().map(|asked| asked.at).max().unwrap();
    assert!(last_of_others < last, "the other host is not slowed down");
}

#[test]
fn header_of_a_host_reaches_it_at_every_hop_and_no_other() {
    let (one, two, three) = (Origin::plain(), Origin::plain(), Origin::plain());
    one.on("/a", Script::redirect(302, &two.url("/b")));
    two.on("/b", Script::redirect(302, &three.url("/c")));
    three.on("/c", Script::redirect(302, &one.url("/d")));
    one.on("/d", Script::ok(Body::of("x")));
    two.on("/e", Script::ok(Body::of("x")));
    let mut sandbox = Sandbox::new();
    sandbox
        .options
        .headers
        .insert("x-key", HeaderValue::from_static("given"));
    sandbox.options.hosts = vec![with_header(&two.authority(), "x-key", "secret")];
    for url in [one.url("/a"), two.url("/e")] {
        assert_done(&sandbox.fetch(&url));
    }
    let keys = |origin: &Origin| {
        let log = origin.log();
        let keys = log.iter().map(|asked| {
            let values = asked.headers.get_all("x-key").iter();
            let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
            values.join(",")
        });
        keys.collect::<Vec<_>>()
    };
    assert_eq!(keys(&one), ["given", "given"]);
    assert_eq!(keys(&two), ["secret", "secret"]);
    assert_eq!(keys(&three), [""]);
}

#[test]
fn header_of_a_row_counts_more_than_that_of_its_host() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let mut sandbox = Sandbox::new();
    sandbox.options.hosts = vec![with_header("127.0.0.1:*", "x-key", "host")];
    let row = Request::new(&origin.url("/a")).unwrap();
    let name = http::HeaderName::from_static("x-key");
    let row = row.header(name, HeaderValue::from_static("row")).unwrap();
    sandbox.run([Ok(row)]).iter().for_each(assert_done);
    let log = origin.log();
    let values: Vec<_> = log[0].headers.get_all("x-key").iter().collect();
    assert_eq!(values, ["row"]);
}

#[test]
fn header_of_a_host_that_frames_messages_is_refused() {
    let mut sandbox = Sandbox::new();
    sandbox.options.hosts = vec![with_header("a.example", "range", "bytes=1-")];
    let error = sandbox.try_start().unwrap_err().to_string();
    assert!(error.contains("haul's own to send"), "{error}");
    let mut sandbox = Sandbox::new();
    let mut own = limits("a.example");
    own.per_host = Some(0);
    sandbox.engine.hosts.push(own);
    let error = sandbox.try_start().unwrap_err().to_string();
    assert!(error.contains("a.example: per-host"), "{error}");
}
