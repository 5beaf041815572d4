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
        .map(|host| (&*host.key, host.in_flight, host.limit))
        .collect();
    assert_eq!(hosts, [("b", 3, 4), ("c", 2, 4)]);
}
