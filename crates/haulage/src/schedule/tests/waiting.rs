//! Long bodies, silent hosts, and hosts whose rows are spilled do not hold up other hosts.

use super::*;

/// Runs for three seconds, in each quarter of which `bytes` come from the first host. Returns
/// how many grants that leads to.
fn extra_at_once(schedule: &mut Plain, now: &mut Instant, bytes: u64) -> usize {
    let meter = Arc::clone(&schedule.hosts[0].meter);
    for _ in 0..12 {
        *now += Duration::from_millis(250);
        meter.add(bytes);
        schedule.handle_timeout(*now);
    }
    grants(schedule).len()
}

#[test]
fn small_files_do_not_wait_for_ever_behind_large_ones_of_their_host() {
    let mut now = Instant::now();
    let caps = Caps {
        start: 2,
        ..caps(8, 3)
    };
    let mut schedule: Plain = begun(caps, Arc::default(), now);
    for work in 0..10 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
    }
    assert_eq!(grants(&mut schedule).len(), 2);
    // Not if no bytes arrive, nor if the host has just refused a request; and only up to its cap.
    assert_eq!(extra_at_once(&mut schedule, &mut now, 0), 0);
    assert_eq!(extra_at_once(&mut schedule, &mut now, 1), 1);
    assert_eq!(extra_at_once(&mut schedule, &mut now, 1), 0);
    let host = HostId(0);
    schedule.on_refused(host, now, now, Duration::ZERO);
    schedule.abandon(host, RUN);
    extra_at_once(&mut schedule, &mut now, 1);
    assert_eq!(schedule.hosts[0].overcommit.extra(), 0);
}

#[test]
fn nor_behind_those_of_others() {
    let mut now = Instant::now();
    let mut schedule: Plain = begun(caps(64, 64), Arc::default(), now);
    schedule.global_limit = GlobalLimit::new(64, 16, now);
    for work in 0..64 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
    }
    let first = grants(&mut schedule).len();
    assert!(first < 64, "{first}");
    push(&mut schedule, "b", Protocol::Exclusive, 64);
    assert_eq!(extra_at_once(&mut schedule, &mut now, 1), 1);
}

#[test]
fn what_silent_hosts_hold_holds_up_no_others() {
    let mut now = Instant::now();
    let mut schedule: Plain = begun(caps(64, 64), Arc::default(), now);
    schedule.global_limit = GlobalLimit::new(64, 16, now);
    for work in 0..64 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
    }
    let first = grants(&mut schedule).len();
    for work in 0..8 {
        push(&mut schedule, "b", Protocol::Exclusive, 64 + work);
    }
    for _ in 0..14 {
        now += Duration::from_millis(250);
        schedule.handle_timeout(now);
    }
    let more = grants(&mut schedule);
    assert_eq!(first + more.len(), 64, "and never more than that");
    let others = more.iter().filter(|grant| opened(grant).1 >= 64).count();
    assert_eq!(others, 8);
}

#[test]
fn what_waits_for_a_host_that_is_set_aside_can_be_taken_back() {
    let mut schedule: Plain = begun(caps(8, 1), Arc::default(), Instant::now());
    let mut now = Instant::now();
    for work in 0..10 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
        push(&mut schedule, "b", Protocol::Exclusive, 100 + work);
    }
    let lanes: Vec<_> = grants(&mut schedule).iter().map(opened).collect();
    assert_eq!(lanes.len(), 2);
    let taken = |schedule: &mut Plain, now| {
        let taken = schedule.take_back(RUN, now, 2, |work| work % 2 == 1);
        taken
            .into_iter()
            .map(|(host, works)| (host.to_string(), works))
            .collect::<Vec<_>>()
    };
    assert_eq!(taken(&mut schedule, now), []);
    // One of them answers from time to time, the other never.
    for _ in 0..5 {
        schedule.handle_timeout(now);
        now += Duration::from_secs(1);
        let answered = Observation {
            is_open: true,
            latency: Some(Duration::ZERO),
            ..observed(true)
        };
        assert!(matches!(
            schedule.next(lanes[1].0, RUN, &1, false, answered),
            Next::Work(_)
        ));
    }
    schedule.handle_timeout(now);
    // The first rows in the queue stay, and so do those that may not be spilled.
    assert_eq!(
        taken(&mut schedule, now),
        [("a".to_owned(), vec![3, 5, 7, 9])]
    );
    assert!(!schedule.is_asked_for_little("a", now, 100));
    assert!(schedule.is_asked_for_little("b", now, 100));
    assert!(!schedule.is_asked_for_little("b", now, 1));
    assert!(schedule.is_asked_for_little("c", now, 1));
    schedule.close(lanes[1].0, now + Duration::from_mins(1));
    assert_eq!(taken(&mut schedule, now), [("b".to_owned(), vec![109])]);
}
