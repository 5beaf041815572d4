//! The limit, step by step.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::decide::LEAP;
use super::*;

const LATENCY: Duration = Duration::from_millis(100);

/// A server that is always busy, in rounds of its latency.
struct Rounds {
    limit: HostLimit,
    now: Instant,
    bytes: u64,
}

impl Rounds {
    fn new(start: usize, most: usize) -> Self {
        let now = Instant::now();
        Self {
            limit: HostLimit::new(start, most, now),
            now,
            bytes: 0,
        }
    }

    /// Creates a server at which `limit` requests at once are being tried, after one less has gone
    /// well.
    fn that_tries(limit: usize) -> Self {
        let mut server = Self::new(limit - 1, limit - 1);
        for _ in 0..3 {
            server.round(4096, LATENCY);
        }
        server.limit.most = 100;
        assert_eq!(server.until_change(4096, 30), Some(Why::Grows));
        assert_eq!(server.limit.now(), limit);
        server
    }

    /// Runs one round of as many responses as are allowed, each with this number of bytes after
    /// this latency. Returns why the limit changed last; `None` if it did not.
    fn round(&mut self, bytes: u64, latency: Duration) -> Option<Why> {
        self.now += latency.max(self.limit.gap().unwrap_or_default());
        let mut why = None;
        for _ in 0..self.limit.now() {
            self.limit.on_response(latency, self.now);
            self.bytes += bytes;
            why = self.limit.update(self.now, self.bytes, true).or(why);
        }
        why
    }

    fn on_refused(&mut self) -> Option<Why> {
        self.limit.on_refused(self.now, self.now, Duration::ZERO)
    }

    /// Runs up to `rounds` rounds until the limit changes, and returns why; `None` if it does not.
    fn until_change(&mut self, bytes: u64, rounds: usize) -> Option<Why> {
        (0..rounds).find_map(|_| self.round(bytes, LATENCY))
    }
}

#[test]
fn it_doubles_as_long_as_that_brings_more() {
    let mut server = Rounds::new(4, 100);
    let mut limits = Vec::new();
    for _ in 0..8 {
        server.until_change(4096, 10);
        limits.push(server.limit.now());
    }
    assert_eq!(limits[..4], [16, 32, 64, 100]);
    assert_eq!(limits[4..], [100; 4], "and no farther than it may");
}

#[test]
fn half_a_leap_is_kept_where_it_brings_more() {
    let mut server = Rounds::new(4, 100);
    server.until_change(4096, 10);
    let why = (0..10).find_map(|_| server.round(1024, LATENCY * 2));
    assert_eq!((why, server.limit.now()), (Some(Why::Slower), 8));
    for _ in 0..5 {
        server.round(4096, LATENCY * 5 / 4);
    }
    assert_eq!((server.limit.now(), server.limit.last_good), (8, 8.0));
}

#[test]
fn link_that_few_requests_fill_gets_no_leap() {
    const BODY: u64 = 200 << 10;
    let full = 6.0 * (BODY + ANSWER) as f64 / LATENCY.as_secs_f64();
    for (rate, expected) in [(full, 6), (full / 2.0, 12)] {
        let mut server = Rounds::new(4, 16);
        server.limit.set_filled(Some(Filled { by: 6.0, rate }));
        assert_eq!(server.until_change(BODY, 10), Some(Why::Grows));
        assert_eq!(server.limit.now(), 6);
        server.round(BODY, LATENCY);
        server.round(BODY, LATENCY);
        assert_eq!(server.limit.now(), expected, "{rate}");
    }
    let mut wide = Rounds::new(4, 16);
    wide.limit.set_filled(Some(Filled {
        by: 30.0,
        rate: full,
    }));
    wide.until_change(BODY, 10);
    assert_eq!(wide.limit.now(), 16);
    let mut narrow = Rounds::new(4, 16);
    narrow.limit.set_filled(Some(Filled {
        by: -3.0,
        rate: full,
    }));
    narrow.until_change(BODY, 1);
    assert_eq!(narrow.limit.now(), 4, "none is taken away");
}

#[test]
fn a_server_that_is_near_is_not_leapt_at() {
    let mut server = Rounds::new(4, 100);
    let near = LATENCY / 10;
    let why = (0..10).find_map(|_| server.round(4096, near));
    assert_eq!((why, server.limit.now()), (Some(Why::Grows), 8));
}

#[test]
fn what_brings_no_more_is_given_back() {
    let mut server = Rounds::new(4, 100);
    assert_eq!(server.until_change(4096, 10), Some(Why::Grows));
    assert_eq!(server.limit.now(), 16);
    // At four times as many, each delivers a quarter as much; at twice as many, half as much.
    let why = (0..10).find_map(|_| server.round(1024, LATENCY * 4));
    assert_eq!((why, server.limit.now()), (Some(Why::Slower), 8));
    let why = (0..10).find_map(|_| server.round(2048, LATENCY * 2));
    assert_eq!((why, server.limit.now()), (Some(Why::Slower), 4));
}

#[test]
fn while_the_server_takes_longer_to_answer_nothing_is_tried() {
    let mut server = Rounds::new(4, 4);
    server.round(4096, LATENCY);
    server.limit.most = 16;
    for _ in 0..100 {
        assert_eq!(server.round(4096, LATENCY * 2), None);
    }
    // Once its latency is as before, more is tried.
    assert_eq!(server.until_change(4096, 30), Some(Why::Grows));
}

#[test]
fn a_refusal_halves_it_once_for_all_that_were_under_way() {
    let mut server = Rounds::new(16, 16);
    let sent = server.now;
    server.now += LATENCY;
    assert_eq!(server.on_refused(), Some(Why::Refused));
    assert_eq!(server.limit.now(), 8);
    for _ in 0..7 {
        assert_eq!(
            server.limit.on_refused(sent, server.now, Duration::ZERO),
            None
        );
    }
    server.now += LATENCY;
    assert_eq!(server.on_refused(), Some(Why::Refused));
    assert_eq!(server.limit.now(), 4);
}

#[test]
fn what_was_only_tried_is_given_up_alone() {
    let mut server = Rounds::that_tries(9);
    server.now += LATENCY;
    assert_eq!(server.on_refused(), Some(Why::Refused));
    assert_eq!(server.limit.now(), 8);
}

#[test]
fn what_has_gone_well_for_long_is_halved_too() {
    let mut server = Rounds::new(16, 16);
    server.now += LATENCY;
    server.on_refused();
    while server.limit.now() < 15 {
        server.round(4096, LATENCY);
    }
    // The limit has returned, and has gone well for a while.
    for _ in 0..4 {
        assert_eq!(server.round(4096, LATENCY), None);
    }
    server.now += LATENCY;
    server.on_refused();
    assert_eq!(server.limit.now(), 8);
}

#[test]
fn a_doubling_that_was_cut_short_goes_back_to_where_it_was() {
    let mut server = Rounds::new(6, 10);
    let near = LATENCY / 10;
    let why = (0..10).find_map(|_| server.round(4096, near));
    assert_eq!((why, server.limit.now()), (Some(Why::Grows), 10));
    let why = (0..10).find_map(|_| server.round(2048, near * 2));
    assert_eq!((why, server.limit.now()), (Some(Why::Slower), 6));
}

#[test]
fn what_was_dear_in_vain_is_tried_rarely_until_it_is_of_use() {
    let mut server = Rounds::that_tries(9);
    server.now += LATENCY;
    let dear = Duration::from_secs(1);
    server.limit.on_refused(server.now, server.now, dear);
    let pauses = |server: &mut Rounds| {
        let since = server.now;
        assert_eq!(server.until_change(4096, 1000), Some(Why::Grows));
        server.now - since
    };
    assert!(pauses(&mut server) > 10 * dear);
    // The trial went well: from then on the refusal costs nothing.
    assert_eq!(server.until_change(4096, 30), Some(Why::Grows));
    assert_eq!(server.limit.penalty, Duration::ZERO);
}

#[test]
fn below_one_at_a_time_there_are_pauses_but_no_endless_ones() {
    let mut server = Rounds::new(1, 16);
    server.round(4096, LATENCY);
    assert_eq!(server.limit.gap(), None);
    let mut gaps = Vec::new();
    for _ in 0..40 {
        server.now += LATENCY;
        server.on_refused();
        assert_eq!(server.limit.now(), 1);
        gaps.extend(server.limit.gap());
    }
    assert!(gaps.is_sorted(), "{gaps:?}");
    assert_eq!(gaps[0], LATENCY * 2);
    assert_eq!(gaps.last(), Some(&Duration::from_secs(4)));
    for _ in 0..200 {
        server.round(4096, LATENCY);
    }
    assert_eq!(
        server.limit.gap().unwrap_or_default(),
        Duration::ZERO,
        "{:?}",
        server.limit
    );
}

#[test]
fn after_an_outage_it_begins_anew_with_one_at_a_time() {
    let mut server = Rounds::new(4, 16);
    server.round(4096, LATENCY);
    while server
        .limit
        .gap()
        .is_none_or(|gap| gap < Duration::from_secs(4))
    {
        server.now += LATENCY;
        server.on_refused();
    }
    assert_eq!(server.round(4096, LATENCY), Some(Why::Grows));
    assert_eq!((server.limit.now(), server.limit.gap()), (1, None));
    let limits: Vec<_> = (0..9).map(|_| server.round(4096, LATENCY)).collect();
    assert_eq!(server.limit.now(), 16, "{limits:?}");
    // A later outage is a new one, but not right after the limit was restored wrongly.
    for expected in [Some(Why::Grows), None] {
        for _ in 0..100 {
            server.now += LATENCY;
            server.on_refused();
        }
        assert_eq!(server.round(4096, LATENCY), expected);
    }
    assert!(server.limit.window < 0.1, "{:?}", server.limit);
}

#[test]
fn answers_from_before_an_outage_do_not_hide_it() {
    let mut server = Rounds::new(4, 16);
    server.round(4096, LATENCY);
    for refusal in 0..40 {
        server.now += LATENCY / 10;
        server.on_refused();
        if refusal % 4 == 0 {
            // Its request was sent before the refusals.
            server.limit.on_response(LATENCY, server.now);
        }
    }
    assert!(server.limit.window < 1.0, "{:?}", server.limit);
    assert_eq!(server.round(4096, LATENCY), Some(Why::Grows));
    assert_eq!((server.limit.now(), server.limit.gap()), (1, None));
}

#[test]
fn what_was_doubled_is_spread_over_a_round_trip() {
    let mut server = Rounds::new(4, 100);
    assert_eq!(server.until_change(4096, 10), Some(Why::Grows));
    assert_eq!(server.limit.gap(), Some(LATENCY / 16));
    server.round(4096, LATENCY);
    assert_eq!(server.limit.gap(), None);
}

#[test]
fn what_was_halved_is_spread_until_an_answer_comes() {
    let mut server = Rounds::new(4, 16);
    for _ in 0..10 {
        server.round(4096, LATENCY);
    }
    assert_eq!((server.limit.now(), server.limit.gap()), (16, None));
    server.now += LATENCY;
    server.on_refused();
    assert_eq!(server.limit.now(), 8);
    assert_eq!(server.limit.gap(), Some(LATENCY / 8));
    // A request sent before the refusal shows nothing.
    server.limit.on_response(LATENCY, server.now + LATENCY / 2);
    assert_eq!(server.limit.gap(), Some(LATENCY / 8));
    server.limit.on_response(LATENCY, server.now + LATENCY * 2);
    assert_eq!(server.limit.gap(), None);
}

#[test]
fn what_is_not_used_is_not_raised() {
    let mut server = Rounds::new(4, 16);
    for _ in 0..100 {
        server.now += LATENCY;
        for _ in 0..4 {
            server.limit.on_response(LATENCY, server.now);
            assert_eq!(server.limit.update(server.now, 0, false), None);
        }
    }
}

#[test]
fn long_bodies_are_looked_at_while_they_come() {
    let (mut limit, start) = (HostLimit::new(4, 16, Instant::now()), Instant::now());
    let mut limits = Vec::new();
    let mut bytes = 0;
    for tick in 1..20 {
        bytes += 1_000_000 * limit.now() as u64;
        limit.update(start + tick * Duration::from_millis(250), bytes, true);
        limits.push(limit.now());
    }
    assert!(limits.is_sorted());
    assert_eq!(limits.last(), Some(&16));
}

/// What can happen to a limit.
#[derive(Debug, Clone)]
enum Happens {
    Answer(u64),
    Refusal(u64),
    Look(u64, bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0u64..2000).prop_map(Happens::Answer),
        1 => (0u64..2000).prop_map(Happens::Refusal),
        4 => (0u64..1_000_000, any::<bool>()).prop_map(|(bytes, used)| Happens::Look(bytes, used)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_it_is_from_one_to_the_most_and_a_refusal_never_raises_it(
        (start, most) in (1usize..32, 1usize..32),
        all in proptest::collection::vec((0u64..1000, happens()), 0..300),
    ) {
        let mut now = Instant::now();
        let mut limit = HostLimit::new(start, most, now);
        let mut bytes = 0;
        for (passed, happens) in all {
            now += Duration::from_millis(passed);
            let before = limit.window;
            match happens {
                Happens::Answer(latency) => {
                    limit.on_response(Duration::from_millis(latency), now);
                    prop_assert!(limit.window.to_bits() == before.to_bits());
                }
                Happens::Refusal(ago) => {
                    let sent = now.checked_sub(Duration::from_millis(ago)).unwrap_or(now);
                    limit.on_refused(sent, now, Duration::ZERO);
                    prop_assert!(limit.window <= before);
                }
                Happens::Look(more, is_saturated) => {
                    bytes += more;
                    let why = limit.update(now, bytes, is_saturated);
                    // After an outage it begins again with one request, even if no more wait.
                    prop_assert!(is_saturated || why.is_none() || limit.window <= 1.0);
                    prop_assert!(limit.window <= (LEAP as f64 * before).max(1.0));
                }
            }
            prop_assert!((1..=most).contains(&limit.now()));
            prop_assert!(limit.gap().is_none_or(|gap| gap <= Duration::from_secs(4)));
        }
    }
}

#[test]
fn raise_is_spread_over_one_round_trip_only() {
    let mut server = Rounds::new(4, 64);
    assert_eq!(server.round(4096, LATENCY), Some(Why::Grows));
    assert_eq!(server.limit.now(), 16);
    assert_eq!(server.limit.gap(), Some(LATENCY / 16));
    // The limit of all hosts together allows no more requests at once than before.
    for _ in 0..16 {
        server.now += LATENCY / 4;
        server.limit.on_response(LATENCY, server.now);
        server.limit.update(server.now, 0, false);
    }
    assert_eq!(server.limit.gap(), None);
}

#[test]
fn host_gets_a_part_of_what_was_allowed_at_first() {
    assert_eq!((first(None, 4), first(Some(8), 4)), (4, 4));
    assert_eq!((first(Some(2), 4), first(Some(64), 4)), (2, 16));
    assert_eq!((first(None, 16), first(Some(20), 16)), (16, 16));
}
