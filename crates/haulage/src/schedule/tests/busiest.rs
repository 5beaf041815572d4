//! Which hosts have the most in flight.

use super::*;

#[test]
fn busiest_hosts_are_those_with_the_most_in_flight() {
    let mut schedule: Plain = begun(caps(64, 4), Arc::default(), Instant::now());
    for (host, work) in [("a", 1), ("b", 3), ("c", 2), ("d", 0)] {
        for nth in 0..work {
            push(&mut schedule, host, Protocol::Exclusive, nth);
        }
    }
    assert_eq!(schedule.busiest(2).1, []);
    assert_eq!(grants(&mut schedule).len(), 6);
    let (jobs, hosts) = schedule.busiest(2);
    assert_eq!(jobs, schedule.jobs());
    let hosts: Vec<_> = hosts
        .iter()
        .map(|host| (&*host.origin, host.in_flight, host.limit))
        .collect();
    assert_eq!(hosts, [("b", 3, 4), ("c", 2, 4)]);
}

#[test]
fn routes_to_one_origin_are_one_host_with_one_cap() {
    let mut schedule: Plain = begun(caps(64, 4), Arc::default(), Instant::now());
    for (host, work) in [("http://a", 2), ("1 http://a", 3), ("2 http://b", 1)] {
        for nth in 0..work {
            push(&mut schedule, host, Protocol::Exclusive, nth);
        }
    }
    assert_eq!(grants(&mut schedule).len(), 5);
    let (_, hosts) = schedule.busiest(2);
    let hosts: Vec<_> = hosts
        .iter()
        .map(|host| (&*host.origin, host.in_flight, host.limit, host.queued))
        .collect();
    assert_eq!(hosts, [("http://a", 4, 4, 1), ("http://b", 1, 4, 0)]);
}
