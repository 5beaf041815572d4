//! Connections that are opened ahead of the requests that will use them.

use super::*;

/// Returns a schedule that opens connections ahead, and begins with `start` requests per host.
fn ahead(jobs: usize, per_host: usize, start: usize) -> Plain {
    let caps = Caps {
        start,
        ..caps(jobs, per_host)
    };
    begun(caps, Arc::default(), Instant::now()).connecting_ahead()
}

fn is_ahead(grant: &Grant<u32, u32, ()>) -> bool {
    matches!(grant, Grant::Ahead { .. })
}

/// Takes all grants, and returns how many lanes they open with work, and how many ahead of it.
fn opens(schedule: &mut Plain) -> (usize, usize) {
    let grants = grants(schedule);
    let ahead = grants.iter().filter(|grant| is_ahead(grant)).count();
    (grants.len() - ahead, ahead)
}

fn host(schedule: &mut Plain) -> HostId {
    schedule.host("a", Protocol::Exclusive, Instant::now)
}

#[test]
fn twice_as_many_connections_are_opened_as_requests_go() {
    for (rows, per_host, jobs, expected) in [
        (20, 16, 64, (4, 4)),
        (20, 6, 64, (4, 2)),
        (20, 1, 64, (1, 0)),
        (6, 16, 64, (4, 2)),
        (4, 16, 64, (4, 0)),
        (20, 16, 5, (4, 1)),
        (20, 16, 1, (1, 0)),
    ] {
        let mut schedule = ahead(jobs, per_host, 4);
        for row in 0..rows {
            push(&mut schedule, "a", Protocol::Exclusive, row);
        }
        assert_eq!(opens(&mut schedule), expected, "{rows} {per_host} {jobs}");
    }
}

#[test]
fn rows_that_come_one_by_one_are_connected_for_too() {
    let mut schedule = ahead(64, 16, 4);
    let mut all = (0, 0);
    for row in 0..20 {
        push(&mut schedule, "a", Protocol::Exclusive, row);
        let (work, ahead) = opens(&mut schedule);
        all = (all.0 + work, all.1 + ahead);
    }
    assert_eq!(all, (4, 4));
}

#[test]
fn while_the_protocol_is_unknown_a_second_connection_is_opened() {
    let mut schedule = ahead(64, 16, 4);
    for row in 0..20 {
        push(&mut schedule, "a", Protocol::Unknown, row);
    }
    assert_eq!(opens(&mut schedule), (1, 1));
    let id = host(&mut schedule);
    schedule.on_protocol_known(id, Protocol::Shared, Some((1, ())));
    assert!(!schedule.on_connected_ahead(id, &9));
    let (work, ahead) = opens(&mut schedule);
    assert!(work >= 3 && ahead == 0, "{work} {ahead}");
}

#[test]
fn a_second_connection_that_is_open_first_tells_the_protocol() {
    let mut schedule = ahead(64, 16, 4);
    for row in 0..20 {
        push(&mut schedule, "a", Protocol::Unknown, row);
    }
    assert_eq!(opens(&mut schedule), (1, 1));
    let id = host(&mut schedule);
    assert!(schedule.on_connected_ahead(id, &9));
    assert_eq!(opens(&mut schedule), (3, 4));
}

#[test]
fn long_round_trip_opens_connections_for_a_leap() {
    let far = Duration::from_millis(100);
    for (trip, refuses, expected) in [
        (far, false, (4, 12)),
        (Duration::from_millis(1), false, (4, 4)),
        (far, true, (2, 0)),
    ] {
        let mut schedule = ahead(64, 16, 4);
        let now = Instant::now();
        let id = host(&mut schedule);
        schedule.on_round_trip(id, trip);
        if refuses {
            schedule.on_refused(id, now, now, Duration::ZERO);
        }
        for row in 0..20 {
            push(&mut schedule, "a", Protocol::Exclusive, row);
        }
        let mut all = opens(&mut schedule);
        let more = opens(&mut schedule);
        all = (all.0 + more.0, all.1 + more.1);
        assert_eq!(all, expected, "{trip:?}");
    }
}

#[test]
fn work_waits_for_the_connection_that_is_opened_for_it() {
    let mut schedule = ahead(64, 16, 4);
    for row in 0..20 {
        push(&mut schedule, "a", Protocol::Exclusive, row);
    }
    opens(&mut schedule);
    let id = host(&mut schedule);
    assert!(schedule.on_connected_ahead(id, &9));
    assert_eq!(opens(&mut schedule), (0, 0));
    schedule.hosts[id.0].limit = HostLimit::new(8, 16, Instant::now());
    schedule.offer(id);
    let more = grants(&mut schedule);
    assert!(matches!(more[0], Grant::Resume { lane: 9, .. }));
    // Three are being opened for the rest of the eight, and further ones for twice as many.
    assert!(more[1..].iter().all(is_ahead), "{more:?}");
    assert_eq!(more.len(), 1 + 8);
    assert!(schedule.on_connected_ahead(id, &10));
    let more = grants(&mut schedule);
    assert!(matches!(more[..], [Grant::Resume { lane: 10, .. }]));
}

#[test]
fn idle_host_goes_on_while_connections_ahead_hang() {
    let mut schedule = ahead(64, 16, 4);
    push(&mut schedule, "a", Protocol::Exclusive, 0);
    let id = host(&mut schedule);
    schedule.hosts[id.0].ahead.lanes = 4;
    assert!(schedule.hosts[id.0].could_start());
    // With a request under way, work waits for the connections.
    schedule.hosts[id.0].busy = 1;
    assert!(!schedule.hosts[id.0].could_start());
}

#[test]
fn what_cannot_connect_ahead_is_not_tried_again() {
    let mut schedule = ahead(64, 16, 4);
    for row in 0..20 {
        push(&mut schedule, "a", Protocol::Exclusive, row);
    }
    assert_eq!(opens(&mut schedule), (4, 4));
    let id = host(&mut schedule);
    for _ in 0..4 {
        schedule.on_connect_ahead_failed(id);
        assert_eq!(opens(&mut schedule), (0, 0));
    }
    assert_eq!(schedule.hosts[id.0].lanes, 4);
}

#[test]
fn a_host_that_has_refused_something_gets_none_ahead() {
    let mut schedule = ahead(64, 16, 4);
    push(&mut schedule, "a", Protocol::Exclusive, 0);
    opens(&mut schedule);
    let id = host(&mut schedule);
    let now = Instant::now();
    schedule.on_refused(id, now, now, Duration::ZERO);
    for row in 1..20 {
        push(&mut schedule, "a", Protocol::Exclusive, row);
        assert_eq!(opens(&mut schedule).1, 0);
    }
}

#[test]
fn none_is_opened_ahead_while_other_hosts_wait_or_with_a_delay() {
    let mut schedule = ahead(4, 4, 2);
    for row in 0..4 {
        push(&mut schedule, "a", Protocol::Exclusive, row);
        push(&mut schedule, "b", Protocol::Exclusive, row);
        push(&mut schedule, "c", Protocol::Exclusive, row);
    }
    assert_eq!(opens(&mut schedule), (4, 0));
    let mut schedule = ahead(64, 16, 4);
    for row in 0..20 {
        push(&mut schedule, "a", Protocol::Exclusive, row);
    }
    let id = host(&mut schedule);
    schedule.keep_delay(id, Duration::from_millis(1));
    assert_eq!(opens(&mut schedule).1, 0);
}

#[test]
fn heads_of_first_responses_raise_the_limit() {
    let mut schedule = ahead(64, 16, 4);
    let start = Instant::now();
    for row in 0..20 {
        push_unproven(&mut schedule, "a", row);
    }
    assert_eq!(opens(&mut schedule), (4, 4));
    let id = host(&mut schedule);
    let latency = Duration::from_millis(200);
    for _ in 0..4 {
        assert_eq!(schedule.hosts[id.0].limit(), 4);
        schedule.on_first_response(id, latency, None, start + latency);
    }
    assert!(schedule.hosts[id.0].limit() >= 8);
}

#[test]
fn a_free_connection_takes_work_though_others_are_being_opened() {
    let mut schedule = ahead(64, 16, 4);
    for row in 0..20 {
        push(&mut schedule, "a", Protocol::Exclusive, row);
    }
    assert_eq!(opens(&mut schedule), (4, 4));
    let id = host(&mut schedule);
    let next = schedule.next(id, RUN, &1, false, observed(true));
    assert!(matches!(next, Next::Work(Lease { work: 4, .. })));
}

#[test]
fn one_file_far_away_gets_connections_for_its_segments() {
    for (rows, is_refused, expected) in [(1, false, 3), (2, false, 0), (1, true, 0)] {
        let mut schedule = ahead(64, 16, 4);
        for row in 0..rows {
            push(&mut schedule, "a", Protocol::Exclusive, row);
        }
        opens(&mut schedule);
        let id = host(&mut schedule);
        if is_refused {
            let now = Instant::now();
            schedule.on_refused(id, now, now, Duration::ZERO);
        }
        schedule.connect_for_segments(id, 3);
        assert_eq!(opens(&mut schedule), (0, expected), "{rows} {is_refused}");
        // One that ends is not opened again.
        if expected > 0 {
            schedule.on_connected_ahead(id, &9);
            assert!(schedule.leave(id, &9));
        }
        assert_eq!(opens(&mut schedule), (0, 0));
    }
}

#[test]
fn no_connections_for_segments_while_other_files_go() {
    let mut schedule = ahead(64, 16, 4);
    push(&mut schedule, "a", Protocol::Exclusive, 0);
    push(&mut schedule, "b", Protocol::Exclusive, 0);
    opens(&mut schedule);
    let id = host(&mut schedule);
    schedule.connect_for_segments(id, 3);
    assert_eq!(opens(&mut schedule), (0, 0));
}

#[test]
fn first_answers_count_while_other_connections_are_made() {
    let start = Instant::now();
    let trip = Duration::from_millis(100);
    for (connecting, expected) in [(2, 16), (0, 4)] {
        let mut schedule = ahead(64, 16, 4);
        for row in 0..20 {
            push_unproven(&mut schedule, "a", row);
        }
        opens(&mut schedule);
        let id = host(&mut schedule);
        for _ in 0..4 {
            schedule.on_connecting(id);
        }
        for _ in connecting..4 {
            schedule.on_connected(id, trip, start);
        }
        for _ in 0..2 {
            schedule.on_first_response(id, trip, None, start + trip);
        }
        assert_eq!(schedule.hosts[id.0].limit(), expected, "{connecting}");
    }
}

#[test]
fn large_files_over_a_narrow_link_are_not_leapt_at() {
    let start = Instant::now();
    let trip = Duration::from_millis(20);
    for (length, apart, expected) in [
        (200 << 10, 2300, 4..9),
        (16 << 10, 2300, 16..17),
        (200 << 10, 550, 16..17),
    ] {
        let mut schedule = ahead(64, 16, 4);
        for row in 0..20 {
            push(&mut schedule, "a", Protocol::Exclusive, row);
        }
        opens(&mut schedule);
        let id = host(&mut schedule);
        schedule.on_round_trip(id, trip);
        for number in 0..4 {
            let now = start + trip + Duration::from_micros(apart * number);
            schedule.on_first_response(id, trip, Some(length), now);
            schedule.hosts[id.0].meter.add(14_300);
        }
        let limit = schedule.hosts[id.0].limit();
        assert!(expected.contains(&limit), "{limit} of {length} {apart}");
    }
}
