//! Tests the ramp with links and servers in virtual time. A connection doubles its window in each
//! round trip until the link or its own limit is reached; each loss halves it.

use proptest::prelude::*;

use super::*;

const STEP: f64 = 0.025;
const MIB: u64 = 1 << 20;

#[derive(Debug, Clone, Copy)]
struct Link {
    /// Seconds.
    round_trip: f64,
    /// Maximum bytes per second of all connections together, and of each.
    rate: f64,
    each: f64,
    /// Probability that a packet is lost.
    loss: f64,
    /// How many connections the server serves. The others get no bytes.
    allows: usize,
    /// Bytes of the file.
    file: u64,
    /// Time in seconds at which all connections that are open then stall for good.
    stalls: f64,
}

const CLEAN: Link = Link {
    round_trip: 0.1,
    rate: 25e6,
    each: f64::INFINITY,
    loss: 0.0,
    allows: usize::MAX,
    file: 64 * MIB,
    stalls: f64::INFINITY,
};

#[derive(Debug, Clone, Copy)]
struct Connection {
    opened: f64,
    window: f64,
}

/// How a download went.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Course {
    seconds: f64,
    /// Bytes received, of the file or in 600 seconds.
    bytes: f64,
    /// Maximum number of connections at once.
    most: usize,
    /// Seconds until all were allowed for the first time; infinite if they never were.
    all_at: f64,
}

/// Runs a download with at most `allowed` connections, and returns how it went.
fn course(link: Link, allowed: usize) -> Course {
    course_of(link, allowed, |ramp| ramp)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes are not negative, and few enough"
)]
fn course_of(link: Link, allowed: usize, adapt: impl FnOnce(Ramp) -> Ramp) -> Course {
    let start = Instant::now();
    let mut ramp = adapt(Ramp::new(
        Duration::from_secs_f64(link.round_trip),
        start,
        0,
    ));
    let mut connections = vec![Connection {
        opened: -2.0 * link.round_trip,
        window: 15e3,
    }];
    let (mut come, mut time, mut random) = (0.0_f64, 0.0, 7_u64);
    let mut all_at = f64::INFINITY;
    let file = link.file as f64;
    while come < file && time < 600.0 {
        time += STEP;
        come += step(&mut connections, link, time, &mut random);
        let seen = Seen {
            at: start + Duration::from_secs_f64(time),
            bytes: come as u64,
            left: (file - come).max(0.0) as u64,
            is_lossy: None,
        };
        ramp.observe(seen);
        let target = match ramp.connections() {
            Connections::One => 1,
            Connections::Two => 2.min(allowed),
            Connections::All => {
                all_at = all_at.min(time);
                allowed
            }
        };
        let new = Connection {
            opened: time,
            window: 15e3,
        };
        connections.resize(target.max(connections.len()), new);
    }
    Course {
        seconds: time,
        bytes: come,
        most: connections.len(),
        all_at,
    }
}

/// Returns how many bytes all connections deliver in a step.
fn step(connections: &mut [Connection], link: Link, now: f64, random: &mut u64) -> f64 {
    let has_begun = |one: &Connection| now >= one.opened + 2.0 * link.round_trip;
    let is_stalled = |one: &Connection| now > link.stalls && one.opened < link.stalls;
    let demand = |one: &Connection| (one.window / link.round_trip.max(1e-4)).min(link.each);
    let bringing = |one: &Connection| has_begun(one) && !is_stalled(one);
    let active: Vec<usize> = (0..connections.len())
        .filter(|nth| *nth < link.allows && bringing(&connections[*nth]))
        .collect();
    let wanted: f64 = active.iter().map(|nth| demand(&connections[*nth])).sum();
    let fits = (link.rate / wanted.max(1.0)).min(1.0);
    let doubling = (STEP / link.round_trip.max(STEP)).exp2();
    let mut come = 0.0;
    for nth in active {
        let bytes = demand(&connections[nth]) * fits * STEP;
        come += bytes;
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let draw = (*random >> 33) as f64 / f64::from(1_u32 << 31);
        let is_lost = draw > (1.0 - link.loss).powf(bytes / 1460.0);
        let one = &mut connections[nth];
        if is_lost {
            one.window = (one.window * 0.5).max(15e3);
        } else if fits >= 1.0 {
            one.window *= doubling;
        }
    }
    come
}

#[test]
fn clean_link_is_left_to_one_connection() {
    for (round_trip, rate) in [(0.02, 25e6), (0.1, 25e6), (0.3, 6.25e6), (0.3, 25e6)] {
        let link = Link {
            round_trip,
            rate,
            ..CLEAN
        };
        let many = course(link, 16);
        assert!(many.most <= 2, "{link:?}: {many:?}");
        let alone = course(link, 1);
        assert!(many.seconds <= alone.seconds * 1.02, "{many:?} {alone:?}");
    }
}

#[test]
fn bottleneck_is_asked_for_one_more_connection_at_most() {
    let link = Link {
        file: 2048 * MIB,
        ..CLEAN
    };
    let course = course(link, 16);
    assert_eq!((course.most, course.all_at), (2, f64::INFINITY));
}

#[test]
fn limit_per_connection_is_found_within_few_round_trips() {
    for round_trip in [1e-4, 0.02, 0.1] {
        let link = Link {
            round_trip,
            rate: 1e9,
            each: 4e6,
            file: 256 * MIB,
            ..CLEAN
        };
        let (four, one) = (course(link, 4), course(link, 1));
        assert!(four.all_at < 20.0 * round_trip + 0.25, "{link:?}: {four:?}");
        let least = if round_trip < 0.01 { 3.9 } else { 3.5 };
        assert!(one.seconds / four.seconds > least, "{one:?} {four:?}");
    }
}

#[test]
fn server_that_serves_one_connection_costs_nothing() {
    let link = Link {
        allows: 1,
        each: 2e6,
        ..CLEAN
    };
    let (many, one) = (course(link, 16), course(link, 1));
    assert!(many.most <= 2, "{many:?}");
    assert!(many.seconds <= one.seconds + STEP, "{many:?} {one:?}");
}

#[test]
fn losses_bring_all_connections_soon() {
    let link = Link {
        loss: 0.005,
        file: 256 * MIB,
        ..CLEAN
    };
    let (many, one) = (course(link, 4), course(link, 1));
    assert!(many.all_at < 5.0, "{many:?}");
    assert!(many.seconds < one.seconds / 1.5, "{many:?} {one:?}");
}

#[test]
fn first_loss_brings_all_connections_in_slow_start() {
    let start = Instant::now();
    let mut ramp = Ramp::new(Duration::from_millis(100), start, 0);
    let mut bytes = 0;
    // Two round trips of slow start, then a loss.
    for look in 1..=24 {
        bytes += 1000 << (look / 4);
        ramp.observe(Seen {
            at: start + Duration::from_millis(25 * look),
            bytes,
            left: 64 * MIB,
            is_lossy: (look > 16).then_some(true),
        });
        if look <= 16 {
            assert_eq!(ramp.connections(), Connections::One);
        }
    }
    assert_eq!(ramp.connections(), Connections::All);
}

#[test]
fn dips_of_a_full_queue_are_no_reason_for_more() {
    for (is_lossy, expected) in [(None, Connections::All), (Some(false), Connections::One)] {
        let start = Instant::now();
        let mut ramp = Ramp::new(Duration::from_millis(300), start, 0);
        let mut bytes = 0;
        for look in 1..=60 {
            bytes += if look > 40 { 10_000 } else { 150_000 };
            ramp.observe(Seen {
                at: start + Duration::from_millis(25 * look),
                bytes,
                left: 64 * MIB,
                is_lossy,
            });
        }
        assert_eq!(ramp.connections(), expected, "{is_lossy:?}");
    }
}

#[test]
fn end_of_a_file_is_not_worth_a_new_connection() {
    let start = Instant::now();
    let mut ramp = Ramp::new(Duration::from_millis(100), start, 0);
    for second in 1..=5 {
        ramp.observe(Seen {
            at: start + Duration::from_secs(second),
            bytes: 10 * MIB * second,
            left: 64 * MIB,
            is_lossy: None,
        });
    }
    assert!(ramp.pays_to_connect(8 * MIB));
    assert!(!ramp.pays_to_connect(6 * MIB));
}

#[test]
fn slow_start_at_300_ms_is_no_reason_for_more() {
    let link = Link {
        round_trip: 0.3,
        file: 1024 * MIB,
        ..CLEAN
    };
    let course = course(link, 16);
    assert!(course.all_at.is_infinite(), "{course:?}");
}

/// A round trip of 300 ms, to a server that keeps 4 MiB in flight on a connection.
const FAR_AWAY: Link = Link {
    round_trip: 0.3,
    each: 14e6,
    ..CLEAN
};

/// Runs a download whose [`Ramp`] knows the round trip of the path, and returns how it went.
fn far_course(link: Link, allowed: usize) -> Course {
    course_of(link, allowed, |ramp| {
        ramp.over(Duration::from_secs_f64(link.round_trip))
    })
}

#[test]
fn far_path_gets_all_connections_at_once() {
    let (four, one) = (far_course(FAR_AWAY, 4), course(FAR_AWAY, 1));
    assert!(four.all_at <= STEP, "{four:?}");
    assert!(four.seconds < one.seconds * 0.75, "{four:?} {one:?}");
}

#[test]
fn far_server_that_serves_one_connection_costs_nothing() {
    let link = Link {
        allows: 1,
        ..FAR_AWAY
    };
    let (four, one) = (far_course(link, 4), course(link, 1));
    assert!(four.seconds <= one.seconds + STEP, "{four:?} {one:?}");
}

#[test]
fn near_path_begins_with_one_connection() {
    let course = far_course(CLEAN, 4);
    assert!(course.all_at.is_infinite(), "{course:?}");
}

#[test]
fn rest_on_a_far_path_is_split_again_beyond_five_round_trips() {
    for (millis, expected) in [(0, 50), (100, 50), (199, 50), (200, 1000), (300, 1500)] {
        let path = Duration::from_millis(millis);
        let ramp = Ramp::new(path, Instant::now(), 0).over(path);
        assert_eq!(ramp.pays_again_after(), Duration::from_millis(expected));
    }
}

#[test]
fn idle_connections_help_with_what_takes_five_round_trips() {
    // But at least 0.2 s, and at a speed that is known.
    for (millis, left, speed, helps) in [
        (100, 3 * MIB, 25e6, false),
        (100, 3 * MIB, 5e6, true),
        (100, 3 * MIB, 7e6, false),
        (1, 3 * MIB, 25e6, false),
        (1, 3 * MIB, 15e6, true),
        (100, 3 * MIB, 0.0, false),
    ] {
        let mut ramp = Ramp::new(Duration::from_millis(millis), Instant::now(), 0);
        let case = format!("{millis} {left} {speed}");
        assert_eq!(ramp.pays_to_help(left, speed), helps, "{case}");
        ramp.help();
        assert_eq!(ramp.connections(), Connections::All);
        let after = Duration::from_millis(millis * 5).max(Duration::from_millis(200));
        assert_eq!((ramp.pays_again_after(), ramp.settles()), (after, after));
    }
}

#[test]
fn all_are_tried_at_once_where_many_were_asked_for() {
    let course = course_of(CLEAN, 16, Ramp::eager);
    assert!(course.all_at <= 6.0 * CLEAN.round_trip, "{course:?}");
}

proptest! {
    /// Checks that other connections are opened if the first one stalls for good. If a second one
    /// has just been opened, that one may do what the first would have done.
    #[test]
    fn what_stalls_is_rescued(
        round_trip in 0.0..0.4_f64,
        stalls in 1.0..20.0_f64,
        each in 1e5..1e8_f64,
    ) {
        let link = Link { round_trip, stalls, each, file: 512 * MIB, ..CLEAN };
        let alone = course(link, 1);
        let course = course(link, 4);
        if alone.seconds > 599.0 {
            let rescued = stalls + 60.0 * round_trip + 8.0;
            let without_stall = self::course(Link { stalls: f64::INFINITY, ..link }, 1);
            let goes_on = course.bytes > 0.9 * without_stall.bytes;
            prop_assert!(course.all_at <= rescued || goes_on, "{course:?} by {rescued}");
        }
    }

    /// Checks that any sequence of observations gives an answer.
    #[test]
    fn any_course_is_followed(steps in proptest::collection::vec((0..5000_u64, any::<u32>()), 0..200)) {
        let (mut at, mut bytes) = (Instant::now(), 0);
        let mut ramp = Ramp::new(Duration::ZERO, at, 0);
        for (wait, more) in steps {
            at += Duration::from_millis(wait);
            bytes += u64::from(more);
            ramp.observe(Seen { at, bytes, left: bytes, is_lossy: None });
            let (before, now) = (ramp.connections(), ramp.connections());
            prop_assert_eq!(before, now);
        }
    }
}
