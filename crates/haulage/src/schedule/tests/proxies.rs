//! Hosts that are reached through one proxy wait together while it is down.

use super::*;
use crate::event::{WaitCause, WaitReason};

const REFUSED: WaitReason = WaitReason {
    cause: WaitCause::Refused,
    retry_after: false,
};

/// Queues one piece of work at each of `hosts` hosts behind one proxy, with the host's number.
fn behind_proxy(schedule: &mut Plain, hosts: u32) {
    for nth in 0..hosts {
        let id = schedule.host(&format!("h{nth}"), Protocol::Exclusive, Instant::now);
        schedule.go_through(id, "p", || "p:1".into());
        schedule.push(id, RUN, nth);
    }
}

/// Fails a request, sent at `now`, that could not reach the proxy, and puts its work back; if the
/// proxy is given up, returns the numbers of the work that waited for it instead.
fn fail(schedule: &mut Plain, (host, work): (HostId, u32), now: Instant) -> Vec<u32> {
    let given_up = schedule.on_proxy_failed(host, now, now, REFUSED, &RetryPolicy::default(), 1.0);
    if given_up.is_none() {
        schedule.put_back(host, RUN, work);
    }
    schedule.abandon(host, RUN);
    let given_up = given_up.into_iter().flatten();
    given_up.flat_map(|(_, works)| works).collect()
}

fn all_opened(schedule: &mut Plain) -> Vec<(HostId, u32)> {
    grants(schedule).iter().map(opened).collect()
}

#[test]
fn dead_proxy_is_probed_by_one_host_at_a_time() {
    let start = Instant::now();
    let mut schedule: Plain = begun(caps(64, 4), Arc::default(), start);
    behind_proxy(&mut schedule, 2000);
    let first = all_opened(&mut schedule);
    assert_eq!(first.len(), 4, "it may not work");
    for work in &first {
        fail(&mut schedule, *work, start);
        assert!(all_opened(&mut schedule).is_empty());
    }
    let mut now = start;
    let mut hosts = std::collections::HashSet::new();
    for _ in 0..8 {
        now = schedule.poll_timeout().unwrap();
        schedule.handle_timeout(now);
        let probes = all_opened(&mut schedule);
        assert_eq!(probes.len(), 1);
        // The probe is not sent twice, however long it takes.
        schedule.handle_timeout(now + Duration::from_secs(20));
        assert!(all_opened(&mut schedule).is_empty());
        hosts.insert(probes[0].0);
        fail(&mut schedule, probes[0], now);
    }
    assert!(hosts.len() > 4, "hosts take turns");
    assert_eq!((now - start).as_secs(), 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60);
    let waits = |event: &ScheduleEvent| matches!(event, ScheduleEvent::ProxyWaits(name, ..) if &**name == "p:1");
    let events = schedule.poll_events();
    assert!(events.iter().all(waits), "no host is to blame: {events:?}");
    assert_eq!(events.len(), 9);
}

#[test]
fn all_hosts_go_on_when_the_proxy_works_again() {
    let start = Instant::now();
    let mut schedule: Plain = begun(caps(64, 4), Arc::default(), start);
    schedule.global_limit = GlobalLimit::new(64, 64, start);
    behind_proxy(&mut schedule, 200);
    let first = all_opened(&mut schedule);
    for work in first {
        fail(&mut schedule, work, start);
    }
    let now = schedule.poll_timeout().unwrap();
    schedule.handle_timeout(now);
    let (host, _) = all_opened(&mut schedule)[0];
    schedule.on_proxy_reached(host);
    assert!(all_opened(&mut schedule).len() > 16);
    assert!(
        schedule.poll_timeout().is_none(),
        "nothing is probed any more"
    );
    schedule.abandon(host, RUN);
}

#[test]
fn hosts_on_other_routes_are_not_held_up() {
    for jobs in [1, 2, 8, 64] {
        let start = Instant::now();
        let mut schedule: Plain = begun(caps(jobs, 4), Arc::default(), start);
        behind_proxy(&mut schedule, 100);
        let (mut hanging, mut now) = (all_opened(&mut schedule), start);
        for direct in 1000..1010 {
            push_unproven(&mut schedule, &format!("direct{direct}"), direct);
        }
        let other = schedule.host("other", Protocol::Exclusive, Instant::now);
        schedule.go_through(other, "q", || "q:1".into());
        schedule.push(other, RUN, 2000);
        // Connections to the proxy hang: they give way, as long as others wait.
        let mut done = Vec::new();
        let mut turns = 0;
        while done.len() < 11 {
            turns += 1;
            assert!(turns < 30, "{jobs}: {done:?}");
            now += Duration::from_secs(1);
            schedule.handle_timeout(now);
            for (host, work) in std::mem::take(&mut hanging) {
                if schedule.gives_way(host, Duration::from_secs(1), now) {
                    schedule.put_back(host, RUN, work);
                    schedule.abandon(host, RUN);
                } else {
                    hanging.push((host, work));
                }
            }
            for (host, work) in all_opened(&mut schedule) {
                if work < 1000 {
                    hanging.push((host, work));
                } else {
                    done.push(work);
                    schedule.abandon(host, RUN);
                }
            }
        }
    }
}

#[test]
fn slow_proxy_rests_only_while_others_want_the_slots() {
    let mut now = Instant::now();
    let second = Duration::from_secs(1);
    let mut schedule: Plain = begun(caps(1, 4), Arc::default(), now);
    behind_proxy(&mut schedule, 3);
    push_unproven(&mut schedule, "direct", 1000);
    push_unproven(&mut schedule, "direct", 1001);
    let first = all_opened(&mut schedule)[0];
    let mut give_way = |schedule: &mut Plain, (host, work): (HostId, u32)| {
        now += second;
        assert!(schedule.gives_way(host, second, now));
        schedule.put_back(host, RUN, work);
        schedule.abandon(host, RUN);
    };
    give_way(&mut schedule, first);
    assert!(schedule.take_due_earlier());
    let direct = all_opened(&mut schedule);
    assert_eq!(direct[0].1, 1000);
    schedule.abandon(direct[0].0, RUN);
    assert_eq!(all_opened(&mut schedule)[0].1, 1001);
    schedule.abandon(direct[0].0, RUN);
    // Nobody else waits: the rest ends at once, and one request at a time goes through it.
    let next = all_opened(&mut schedule);
    assert_eq!(next.len(), 1);
    assert!(next[0].1 < 1000);
    schedule.on_proxy_reached(next[0].0);
    schedule.abandon(next[0].0, RUN);
    assert_eq!(all_opened(&mut schedule).len(), 1);
}

/// Returns the one piece of work that is handed out at this time.
fn only_opened(schedule: &mut Plain, now: Instant) -> (HostId, u32) {
    schedule.release_due(now);
    let all: Vec<_> = std::iter::from_fn(|| schedule.poll_grant(|| now)).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    opened(&all[0])
}

#[test]
fn proxy_that_is_down_gives_others_as_much_time_as_it_took() {
    let start = Instant::now();
    let second = Duration::from_secs(1);
    for gives_way in [false, true] {
        let mut schedule: Plain = begun(caps(1, 4), Arc::default(), start);
        behind_proxy(&mut schedule, 3);
        // It is known to be down.
        let first = only_opened(&mut schedule, start);
        fail(&mut schedule, first, start);
        for work in 1000..1100 {
            push(&mut schedule, "direct", Protocol::Exclusive, work);
        }
        let (direct, work) = only_opened(&mut schedule, start);
        assert!(work >= 1000);
        schedule.abandon(direct, RUN);
        let mut now = start + 2 * second;
        let mut probe = only_opened(&mut schedule, now);
        while probe.1 >= 1000 {
            schedule.abandon(probe.0, RUN);
            probe = only_opened(&mut schedule, now);
        }
        // The probe hangs for ten seconds.
        let sent = now;
        now += 10 * second;
        if gives_way {
            assert!(schedule.gives_way(probe.0, now - sent, now));
        } else {
            let policy = RetryPolicy::default();
            schedule.on_proxy_failed(probe.0, sent, now, REFUSED, &policy, 1.0);
        }
        schedule.put_back(probe.0, RUN, probe.1);
        schedule.abandon(probe.0, RUN);
        for _ in 0..9 {
            now += second;
            let (host, work) = only_opened(&mut schedule, now);
            assert!(work >= 1000, "{gives_way}");
            schedule.abandon(host, RUN);
        }
        now += 2 * second;
        let mut next = only_opened(&mut schedule, now);
        if next.1 >= 1000 {
            schedule.abandon(next.0, RUN);
            next = only_opened(&mut schedule, now);
        }
        assert!(next.1 < 1000, "then it is asked again");
    }
}

#[test]
fn slow_proxy_rests_while_another_host_only_keeps_its_delay() {
    let start = Instant::now();
    let second = Duration::from_secs(1);
    let mut schedule: Plain = begun(caps(1, 4), Arc::default(), start);
    behind_proxy(&mut schedule, 3);
    for work in 1000..1100 {
        push_unproven(&mut schedule, "direct", work);
    }
    let direct = schedule.by_key["direct"];
    schedule.keep_delay(direct, second / 2);
    let first = only_opened(&mut schedule, start);
    let mut now = start + 4 * second;
    assert!(schedule.gives_way(first.0, 4 * second, now));
    schedule.put_back(first.0, RUN, first.1);
    schedule.abandon(first.0, RUN);
    for _ in 0..6 {
        let (host, work) = only_opened(&mut schedule, now);
        assert!(work >= 1000);
        schedule.abandon(host, RUN);
        assert!(
            all_opened(&mut schedule).is_empty(),
            "its delay is not over"
        );
        now += second / 2;
    }
}

#[test]
fn work_behind_a_slow_proxy_is_not_forgotten_with_that_of_another_run() {
    let start = Instant::now();
    let second = Duration::from_secs(1);
    let mut schedule: Plain = begun(caps(1, 4), Arc::default(), start);
    let other = schedule.run_begins(Priority::Normal, None);
    behind_proxy(&mut schedule, 1);
    for work in [1000, 1001] {
        push_unproven(&mut schedule, "direct", work);
    }
    let first = only_opened(&mut schedule, start);
    for (name, run) in [("h1", other), ("h2", RUN)] {
        let id = schedule.host(name, Protocol::Exclusive, Instant::now);
        schedule.go_through(id, "p", || "p:1".into());
        schedule.push(id, run, 2000);
    }
    let now = start + second;
    assert!(schedule.gives_way(first.0, second, now));
    schedule.abandon(first.0, RUN);
    let direct = only_opened(&mut schedule, now);
    schedule.abandon(direct.0, RUN);
    let direct = only_opened(&mut schedule, now);
    // The rest is over, and the host of the other run is lined up. Before its turn its work goes.
    schedule.release_due(now + second);
    schedule.take_run(other);
    schedule.abandon(direct.0, RUN);
    let next = schedule.poll_timeout().unwrap();
    assert_eq!(only_opened(&mut schedule, next).1, 2000);
}

#[test]
fn proxy_that_is_given_up_gives_all_its_work_back() {
    let start = Instant::now();
    let mut schedule: Plain = begun(caps(4, 4), Arc::default(), start);
    behind_proxy(&mut schedule, 100);
    push(&mut schedule, "direct", Protocol::Exclusive, 1000);
    let id = schedule.host("h7", Protocol::Exclusive, Instant::now);
    schedule.push_later(id, start + Duration::from_hours(1), RUN, 500);
    let late = start + RetryPolicy::default().max_time;
    let mut busy = all_opened(&mut schedule);
    busy.retain(|(_, work)| *work < 1000);
    let last = busy.pop().unwrap();
    for work in busy {
        assert!(fail(&mut schedule, work, start).is_empty());
    }
    let mut given_up = fail(&mut schedule, last, late);
    given_up.push(last.1);
    given_up.sort_unstable();
    let mut expected: Vec<_> = (0..100).collect();
    expected.push(500);
    assert_eq!(given_up, expected);
    assert!(schedule.hosts() <= 1, "only the direct one is left");
    // Rows that come later wait for one probe, and fail with it.
    behind_proxy(&mut schedule, 10);
    assert!(all_opened(&mut schedule).is_empty());
    let now = schedule.poll_timeout().unwrap();
    schedule.handle_timeout(now);
    let probes = all_opened(&mut schedule);
    assert_eq!(probes.len(), 1);
    assert_eq!(fail(&mut schedule, probes[0], now).len(), 9);
}

#[test]
fn rows_behind_a_dead_proxy_may_be_spilled() {
    let start = Instant::now();
    let mut schedule: Plain = begun(caps(8, 4), Arc::default(), start);
    behind_proxy(&mut schedule, 1);
    let first = all_opened(&mut schedule)[0];
    fail(&mut schedule, first, start);
    let id = schedule.host("h0", Protocol::Exclusive, Instant::now);
    for work in 10..20 {
        schedule.push(id, RUN, work);
    }
    assert!(!schedule.is_asked_for_little("h0", start, 100));
    let taken = schedule.take_back(RUN, start, 4, |_| true);
    assert_eq!(taken[0].1.len(), 7);
}

#[test]
fn probe_that_is_withdrawn_makes_room_for_another_host() {
    let start = Instant::now();
    let mut schedule: Plain = begun(caps(8, 4), Arc::default(), start);
    behind_proxy(&mut schedule, 3);
    for work in all_opened(&mut schedule) {
        fail(&mut schedule, work, start);
    }
    schedule.handle_timeout(schedule.poll_timeout().unwrap());
    let (host, _) = all_opened(&mut schedule)[0];
    schedule.abandon(host, RUN);
    let next = all_opened(&mut schedule);
    assert_eq!(next.len(), 1);
    assert_ne!(next[0].0, host);
}
