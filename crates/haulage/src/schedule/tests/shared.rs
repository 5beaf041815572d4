//! Several connections that a host's lanes share.

use super::*;
use crate::schedule::Path;

const TRIP: Duration = Duration::from_millis(100);

/// Returns a schedule with a host over HTTP/2 that has more work than slots, all of which are
/// taken.
fn busy_host(per_host: usize) -> (Plain, HostId, Instant) {
    let now = Instant::now();
    let caps = Caps {
        streams: 64,
        start: 4,
        ..caps(64, per_host)
    };
    let mut schedule: Plain = begun(caps, Arc::default(), now);
    let host = schedule.host("https://host.example", Protocol::Unknown, || now);
    schedule.prove(host);
    for work in 0..1000 {
        schedule.push(host, RUN, work);
    }
    grants(&mut schedule);
    schedule.on_protocol_known(host, Protocol::Shared, Some((1, ())));
    schedule.on_max_streams(host, 100);
    grants(&mut schedule);
    (schedule, host, now)
}

/// Lets `trips` round trips pass, in each of which as many bytes come for each connection, up to
/// `most` in all; connections that are wanted are opened. Returns the most that were open.
fn passes(
    schedule: &mut Plain,
    host: HostId,
    now: &mut Instant,
    trips: u32,
    is_lossy: bool,
    most: u64,
) -> usize {
    let path = Path {
        round_trip: TRIP,
        is_lossy,
    };
    let mut open = 0;
    for trip in 0..trips {
        *now += TRIP;
        let connections = schedule.shared(host).len();
        open = open.max(connections);
        let came = (connections as u64 * 100_000).min(most);
        schedule.hosts[host.0].meter.add(came);
        while schedule.wants_connection(host, path, *now).is_some() {
            let number = u64::from(trip) * 100 + schedule.hosts[host.0].opening as u64 + 1000;
            schedule.on_another_opened(host, Some((number, ())), *now);
        }
        grants(schedule);
    }
    open
}

#[test]
fn host_whose_path_loses_packets_gets_more_connections() {
    let (mut schedule, host, mut now) = busy_host(16);
    let open = passes(&mut schedule, host, &mut now, 60, true, u64::MAX);
    assert_eq!(open, 16);
    // Each connection has enough requests, whatever its throughput so far.
    assert_eq!(schedule.hosts[host.0].limit(), 64);
}

#[test]
fn host_whose_path_loses_nothing_keeps_one_connection() {
    let (mut schedule, host, mut now) = busy_host(16);
    assert_eq!(
        passes(&mut schedule, host, &mut now, 600, false, u64::MAX),
        1
    );
}

#[test]
fn connections_are_never_more_than_per_host() {
    let (mut schedule, host, mut now) = busy_host(3);
    let open = passes(&mut schedule, host, &mut now, 600, true, u64::MAX);
    assert_eq!(open, 3);
}

#[test]
fn connections_that_bring_nothing_are_given_up() {
    let (mut schedule, host, mut now) = busy_host(16);
    let open = passes(&mut schedule, host, &mut now, 60, true, 100_000);
    assert_eq!((open, schedule.shared(host).len()), (4, 1));
}

#[test]
fn refused_requests_are_no_reason_for_connections() {
    let (mut schedule, host, mut now) = busy_host(16);
    schedule.on_refused(host, now, now, Duration::ZERO);
    let open = passes(&mut schedule, host, &mut now, 100, true, u64::MAX);
    assert_eq!(open, 1);
}

#[test]
fn failed_connection_is_not_tried_again_at_once() {
    let (mut schedule, host, mut now) = busy_host(16);
    let path = Path {
        round_trip: TRIP,
        is_lossy: true,
    };
    let mut tried = 0;
    for _ in 0..90 {
        now += TRIP;
        if schedule.wants_connection(host, path, now).is_some() {
            tried += 1;
            schedule.on_another_opened(host, None, now);
        }
    }
    assert_eq!(tried, 1);
}

#[test]
fn host_is_not_forgotten_while_it_opens_a_connection() {
    let now = Instant::now();
    let mut schedule: Plain = begun(caps(4, 4), Arc::default(), now);
    let host = schedule.host("https://host.example", Protocol::Unknown, || now);
    schedule.prove(host);
    schedule.push(host, RUN, 1);
    grants(&mut schedule);
    schedule.on_protocol_known(host, Protocol::Shared, Some((1, ())));
    schedule.hosts[host.0].opening = 1;
    schedule.abandon(host, RUN);
    assert!(schedule.hosts.contains(host.0));
    schedule.on_another_opened(host, Some((2, ())), now);
    assert!(!schedule.hosts.contains(host.0));
}
