//! The schedule as a data structure: caps, turns, time, and what is forgotten.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::options::RetryPolicy;
use crate::priority::Priority;

mod ahead;
mod busiest;
mod gates;
mod proxies;
mod runs;
mod shared;
mod unproven;
mod waiting;

type Plain = Schedule<u32, u32, ()>;

/// The run that all work is of, where there is no other.
const RUN: RunId = RunId(0);

/// Returns a schedule in which that run has begun.
fn begun<W, L: Clone + PartialEq, S: Clone>(
    caps: Caps,
    total: Arc<Meter>,
    now: Instant,
) -> Schedule<W, L, S> {
    let mut schedule = Schedule::new(caps, total, now);
    assert_eq!(schedule.run_begins(Priority::Normal, None), RUN);
    schedule
}

fn caps(jobs: usize, per_host: usize) -> Caps {
    Caps {
        jobs,
        per_host,
        streams: per_host,
        start: per_host,
        idle: 64,
        delay: Duration::ZERO,
    }
}

/// Gives every slot away; new lanes get numbers from `lanes`.
fn grants(schedule: &mut Plain) -> Vec<Grant<u32, u32, ()>> {
    std::iter::from_fn(|| schedule.poll_grant(Instant::now)).collect()
}

/// Queues work at the host of this name, which has answered before.
fn push(schedule: &mut Plain, host: &str, protocol: Protocol, work: u32) {
    let id = schedule.host(host, protocol, Instant::now);
    schedule.prove(id);
    schedule.push(id, RUN, work);
}

/// Queues work at the host of this name, which has answered nothing so far.
fn push_unproven(schedule: &mut Plain, host: &str, work: u32) {
    let id = schedule.host(host, Protocol::Exclusive, Instant::now);
    schedule.push(id, RUN, work);
}

/// Queues work at the host of this name, which has answered before, for later.
fn push_later(schedule: &mut Plain, host: &str, at: Instant, work: u32) {
    let id = schedule.host(host, Protocol::Exclusive, Instant::now);
    schedule.prove(id);
    schedule.push_later(id, at, RUN, work);
}

/// Returns what a lane has observed of a host that has answered as it should, or not.
fn observed(is_ok: bool) -> Observation {
    Observation {
        is_open: true,
        is_ok,
        latency: None,
        now: Instant::now(),
    }
}

fn opened(grant: &Grant<u32, u32, ()>) -> (HostId, u32) {
    match grant {
        Grant::Open { host, lease, .. } => (*host, lease.work),
        Grant::Resume { .. } | Grant::Ahead { .. } => panic!("{grant:?} should open a lane"),
    }
}

#[test]
fn http2_host_starts_with_sixteen_unless_it_refused() {
    for (refused, per_host, expected) in [(false, 100, 16), (true, 100, 2), (false, 8, 8)] {
        let caps = Caps {
            start: 4,
            ..caps(64, per_host)
        };
        let mut schedule: Plain = begun(caps, Arc::default(), Instant::now());
        let host = schedule.host("a", Protocol::Unknown, Instant::now);
        if refused {
            let now = Instant::now();
            schedule.hosts[host.0]
                .limit
                .on_refused(now, now, Duration::ZERO);
        }
        schedule.on_protocol_known(host, Protocol::Shared, None);
        assert_eq!(schedule.hosts[host.0].limit.now(), expected);
    }
}

#[test]
fn http2_host_gets_what_its_server_allows() {
    let caps = Caps {
        streams: 40,
        ..caps(64, 16)
    };
    let mut schedule: Plain = begun(caps, Arc::default(), Instant::now());
    let host = schedule.host("https://host.example", Protocol::Unknown, Instant::now);
    let most = |schedule: &Plain| schedule.hosts[host.0].limit.most();
    assert_eq!(most(&schedule), 16);
    schedule.on_protocol_known(host, Protocol::Shared, Some((1, ())));
    for (allowed, expected) in [(100, 40), (30, 30), (1, 1), (0, 1), (50, 40)] {
        schedule.on_max_streams(host, allowed);
        assert_eq!(most(&schedule), expected, "{allowed}");
        assert!(schedule.hosts[host.0].limit.now() <= expected);
    }
    schedule.on_protocol_known(host, Protocol::Exclusive, None);
    assert_eq!(most(&schedule), 16);
}

#[test]
fn lane_has_nothing_to_do_once_no_work_waits() {
    let mut schedule: Plain = begun(caps(4, 3), Arc::default(), Instant::now());
    for work in 0..3 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
    }
    let host = opened(&grants(&mut schedule)[0]).0;
    assert!(!schedule.has_idle("a"), "all of them are at work");
    schedule.next(host, RUN, &1, true, observed(true));
    assert!(schedule.has_idle("a") && !schedule.has_idle("b"));
    push(&mut schedule, "a", Protocol::Exclusive, 3);
    assert!(!schedule.has_idle("a"), "other work waits for it");
    // A lane that could be opened does not count.
    grants(&mut schedule);
    schedule.abandon(host, RUN);
    assert!(schedule.spare("a") > 0 && !schedule.has_idle("a"));
}

#[test]
fn a_host_has_no_more_in_flight_than_its_cap_and_hosts_take_turns() {
    let mut schedule: Plain = begun(caps(4, 3), Arc::default(), Instant::now());
    for work in 0..10 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
    }
    for work in 10..20 {
        push(&mut schedule, "b", Protocol::Exclusive, work);
    }
    let works: Vec<_> = grants(&mut schedule)
        .iter()
        .map(|grant| opened(grant).1)
        .collect();
    assert_eq!(works, [0, 10, 1, 11]);
}

#[test]
fn until_the_handshake_has_told_one_lane_connects_alone() {
    let mut schedule: Plain = begun(caps(8, 8), Arc::default(), Instant::now());
    for work in 0..4 {
        push(&mut schedule, "a", Protocol::Unknown, work);
    }
    let first = grants(&mut schedule);
    assert_eq!(first.len(), 1);
    let (host, _) = opened(&first[0]);
    schedule.on_protocol_known(host, Protocol::Shared, Some((1, ())));
    assert_eq!(grants(&mut schedule).len(), 3);
}

#[test]
fn when_the_one_that_connects_fails_another_may_try() {
    let mut schedule: Plain = begun(caps(8, 8), Arc::default(), Instant::now());
    push(&mut schedule, "a", Protocol::Unknown, 1);
    push(&mut schedule, "a", Protocol::Unknown, 2);
    let (host, _) = opened(&grants(&mut schedule)[0]);
    schedule.on_connect_failed(host);
    assert_eq!(grants(&mut schedule).len(), 1);
}

#[test]
fn after_a_lost_shared_connection_one_lane_makes_the_next() {
    let mut schedule: Plain = begun(caps(8, 8), Arc::default(), Instant::now());
    for work in 0..3 {
        push(&mut schedule, "a", Protocol::Unknown, work);
    }
    let (host, _) = opened(&grants(&mut schedule)[0]);
    schedule.on_protocol_known(host, Protocol::Shared, Some((1, ())));
    grants(&mut schedule);
    schedule.on_connection_lost(host, 1);
    assert_eq!(schedule.plan_connect(host), ConnectPlan::Connect);
    assert_eq!(schedule.plan_connect(host), ConnectPlan::Wait);
    schedule.on_protocol_known(host, Protocol::Shared, Some((2, ())));
    schedule.on_connection_lost(host, 1);
    assert_eq!(
        schedule.plan_connect(host),
        ConnectPlan::Reuse(()),
        "an old loss says nothing of the new connection"
    );
}

#[test]
fn a_lane_goes_on_until_its_turn_is_used_up_and_others_wait() {
    let mut schedule: Plain = begun(caps(1, 1), Arc::default(), Instant::now());
    push(&mut schedule, "a", Protocol::Exclusive, 1);
    push(&mut schedule, "a", Protocol::Exclusive, 2);
    push(&mut schedule, "a", Protocol::Exclusive, 3);
    let (host, _) = opened(&grants(&mut schedule)[0]);
    let lease = |work| {
        Next::Work(Lease {
            work,
            connects: false,
            patience: None,
        })
    };
    assert_eq!(
        schedule.next(host, RUN, &1, true, observed(true)),
        lease(2),
        "nobody else waits"
    );
    push(&mut schedule, "b", Protocol::Exclusive, 10);
    assert_eq!(
        schedule.next(host, RUN, &1, true, observed(true)),
        Next::Idle
    );
    assert_eq!(opened(&grants(&mut schedule)[0]).1, 10);
}

#[test]
fn what_was_put_aside_comes_when_it_is_due() {
    let mut schedule: Plain = begun(caps(1, 1), Arc::default(), Instant::now());
    let start = Instant::now();
    push_later(&mut schedule, "a", start + Duration::from_secs(2), 2);
    push_later(&mut schedule, "a", start + Duration::from_secs(1), 1);
    assert!(grants(&mut schedule).is_empty());
    assert_eq!(
        schedule.poll_timeout(),
        Some(start + Duration::from_secs(1))
    );
    schedule.handle_timeout(start + Duration::from_secs(1));
    assert_eq!(opened(&grants(&mut schedule)[0]).1, 1);
    assert_eq!(
        schedule.poll_timeout(),
        Some(start + Duration::from_secs(2))
    );
}

#[test]
fn a_host_that_is_closed_is_left_alone_until_then_and_others_go_on() {
    let mut schedule: Plain = begun(caps(4, 4), Arc::default(), Instant::now());
    let start = Instant::now();
    push(&mut schedule, "a", Protocol::Exclusive, 1);
    push(&mut schedule, "a", Protocol::Exclusive, 2);
    let (host, _) = opened(&schedule.poll_grant(Instant::now).unwrap());
    schedule.close(host, start + Duration::from_secs(3));
    schedule.close(host, start + Duration::from_secs(1));
    push(&mut schedule, "b", Protocol::Exclusive, 3);
    assert_eq!(opened(&grants(&mut schedule)[0]).1, 3);
    assert_eq!(
        schedule.next(host, RUN, &1, false, observed(false)),
        Next::Idle
    );
    schedule.handle_timeout(start + Duration::from_secs(2));
    assert!(grants(&mut schedule).is_empty(), "the later end counts");
    schedule.handle_timeout(start + Duration::from_secs(3));
    assert!(matches!(
        grants(&mut schedule)[..],
        [Grant::Resume {
            lease: Lease { work: 2, .. },
            ..
        }]
    ));
}

#[test]
fn what_waits_for_a_host_that_is_given_up_is_given_back() {
    let mut schedule: Plain = begun(caps(1, 1), Arc::default(), Instant::now());
    let start = Instant::now();
    for work in 1..4 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
    }
    push_later(&mut schedule, "a", start + Duration::from_hours(1), 4);
    push_later(&mut schedule, "b", start, 5);
    let (host, _) = opened(&grants(&mut schedule)[0]);
    assert_eq!(
        schedule.on_failure(host, start, &policy(false), 0.5),
        Some(vec![2, 3, 4])
    );
    assert_eq!(
        schedule.next(host, RUN, &1, false, observed(false)),
        Next::Idle
    );
    schedule.handle_timeout(start + Duration::from_secs(100));
    assert_eq!(opened(&grants(&mut schedule)[0]).1, 5);
}

#[test]
fn a_host_that_is_not_to_be_asked_too_often_is_left_alone_in_an_outage_too() {
    let mut schedule: Plain = begun(
        Caps {
            delay: Duration::from_millis(1),
            ..caps(2, 2)
        },
        Arc::default(),
        Instant::now(),
    );
    let start = Instant::now();
    for work in 0..2 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
    }
    let (host, _) = opened(&grants(&mut schedule)[0]);
    for _ in 0..20 {
        schedule.on_failure(host, start, &policy(true), 1.0);
    }
    let waits = |event: &ScheduleEvent| matches!(event, ScheduleEvent::HostWaits(..));
    assert!(schedule.poll_events().iter().any(waits));
    schedule.handle_timeout(start + Duration::from_millis(100));
    assert!(grants(&mut schedule).is_empty());
}

#[test]
fn long_pace_is_told_with_its_reason() {
    let second = Duration::from_secs(1);
    for (own, robots, told) in [
        (second, Duration::ZERO, Some((second, Pace::Delay))),
        (second, second * 2, Some((second * 2, Pace::CrawlDelay))),
        (second / 2, second, Some((second, Pace::CrawlDelay))),
        (second / 2, Duration::ZERO, None),
    ] {
        let start = Instant::now();
        let caps = Caps {
            delay: own,
            ..caps(2, 2)
        };
        let mut schedule: Plain = begun(caps, Arc::default(), start);
        push(&mut schedule, "a", Protocol::Exclusive, 1);
        schedule.keep_delay(schedule.by_key["a"], robots);
        push(&mut schedule, "a", Protocol::Exclusive, 2);
        assert!(schedule.poll_grant(|| start).is_some());
        let paced = |event| match event {
            ScheduleEvent::HostPaced(host, until, why) => Some((host, until - start, why)),
            _ => None,
        };
        let events: Vec<_> = schedule
            .poll_events()
            .into_iter()
            .filter_map(paced)
            .collect();
        let told: Option<(Arc<str>, _, _)> = told.map(|(wait, why)| ("a".into(), wait, why));
        assert_eq!(events, Vec::from_iter(told.clone()), "{own:?}, {robots:?}");
        // What comes last makes nobody wait, until there is more.
        let later = start + second * 3;
        schedule.handle_timeout(later);
        assert!(schedule.poll_grant(|| later).is_some());
        assert!(
            schedule
                .poll_events()
                .into_iter()
                .all(|event| paced(event).is_none())
        );
        push(&mut schedule, "a", Protocol::Exclusive, 3);
        let mut events = schedule.poll_events().into_iter().filter_map(paced);
        assert_eq!(events.next().is_some(), told.is_some());
        push(&mut schedule, "a", Protocol::Exclusive, 4);
        assert!(
            schedule
                .poll_events()
                .into_iter()
                .all(|event| paced(event).is_none())
        );
    }
}

#[test]
fn a_host_with_other_work_in_flight_may_be_answering_and_is_not_given_up() {
    let mut schedule: Plain = begun(caps(2, 2), Arc::default(), Instant::now());
    let start = Instant::now();
    for work in 1..4 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
    }
    let (host, _) = opened(&grants(&mut schedule)[0]);
    assert_eq!(schedule.on_failure(host, start, &policy(false), 0.5), None);
}

/// Returns a policy that gives a host up at its first failure, unless it is `patient`.
fn policy(patient: bool) -> RetryPolicy {
    RetryPolicy {
        max_time: Duration::from_mins(patient.into()),
        ..RetryPolicy::default()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Push(u8),
    /// At a host that has answered nothing so far, unless it has meanwhile.
    PushUnproven(u8),
    PushLater(u8, u8),
    Pass(u8),
    /// The n-th busy lane ends its work.
    End(usize, bool),
    /// The n-th busy lane has seen its host in trouble, and ends its work.
    Fail(usize),
    /// The n-th busy lane ends with its work.
    Abandon(usize),
    /// The n-th idle lane has waited long enough.
    Leave(usize),
    /// The n-th lane that opens a connection ahead has one.
    Connected(usize),
    /// It could not.
    GaveUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..5).prop_map(Step::Push),
        4 => (5u8..10).prop_map(Step::PushUnproven),
        1 => (0u8..5, 0u8..20).prop_map(|(host, wait)| Step::PushLater(host, wait)),
        1 => (0u8..20).prop_map(Step::Pass),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(lane, used)| Step::End(lane, used)),
        2 => any::<usize>().prop_map(Step::Fail),
        1 => any::<usize>().prop_map(Step::Abandon),
        1 => any::<usize>().prop_map(Step::Leave),
        3 => any::<usize>().prop_map(Step::Connected),
        1 => any::<usize>().prop_map(Step::GaveUp),
    ]
}

proptest! {
    #[test]
    fn caps_hold_at_every_instant_and_nothing_is_lost(
        jobs in 1usize..6,
        per_host in 1usize..4,
        start in 1usize..4,
        idle in 0usize..4,
        steps in proptest::collection::vec(step(), 0..200),
        patient in any::<bool>(),
        connects_ahead in any::<bool>(),
    ) {
        let mut schedule: Plain = begun(Caps { jobs, per_host, streams: per_host, start, idle, delay: Duration::ZERO }, Arc::default(), Instant::now());
        if connects_ahead {
            schedule = schedule.connecting_ahead();
        }
        let mut now = Instant::now();
        let (mut pushed, mut done, mut next_lane) = (0u32, 0u32, 0u32);
        let mut busy: Vec<(HostId, u32)> = Vec::new();
        let mut resting: HashMap<u32, HostId> = HashMap::new();
        let mut ahead: Vec<HostId> = Vec::new();
        let settle = |schedule: &mut Plain, busy: &mut Vec<(HostId, u32)>, resting: &mut HashMap<u32, HostId>, ahead: &mut Vec<HostId>, next_lane: &mut u32| {
            for grant in grants(schedule) {
                match grant {
                    Grant::Open { host, .. } => {
                        *next_lane += 1;
                        busy.push((host, *next_lane));
                    }
                    Grant::Resume { lane, .. } => busy.push((resting.remove(&lane).unwrap(), lane)),
                    Grant::Ahead { host, .. } => ahead.push(host),
                }
            }
        };
        for step in steps {
            match step {
                Step::Push(host) => {
                    push(&mut schedule, &host.to_string(), Protocol::Exclusive, pushed);
                    pushed += 1;
                }
                Step::PushUnproven(host) => {
                    push_unproven(&mut schedule, &host.to_string(), pushed);
                    pushed += 1;
                }
                Step::PushLater(host, wait) => {
                    let at = now + Duration::from_secs(wait.into());
                    push_later(&mut schedule, &host.to_string(), at, pushed);
                    pushed += 1;
                }
                Step::Pass(seconds) => {
                    now += Duration::from_secs(seconds.into());
                    schedule.handle_timeout(now);
                }
                Step::End(lane, used) if !busy.is_empty() => {
                    let at = lane % busy.len();
                    let (host, lane) = busy[at];
                    done += 1;
                    match schedule.next(host, RUN, &lane, used, observed(used)) {
                        Next::Work(_) => {}
                        Next::Idle => { busy.remove(at); resting.insert(lane, host); }
                        Next::Close => { busy.remove(at); }
                    }
                }
                Step::Fail(lane) if !busy.is_empty() => {
                    let at = lane % busy.len();
                    let (host, lane) = busy[at];
                    done += 1;
                    let waiting = schedule.on_failure(host, now, &policy(patient), 0.5);
                    done += u32::try_from(waiting.map_or(0, |waiting| waiting.len())).unwrap();
                    match schedule.next(host, RUN, &lane, false, observed(false)) {
                        Next::Work(_) => {}
                        Next::Idle => { busy.remove(at); resting.insert(lane, host); }
                        Next::Close => { busy.remove(at); }
                    }
                }
                Step::Abandon(lane) if !busy.is_empty() => {
                    let (host, _) = busy.remove(lane % busy.len());
                    done += 1;
                    schedule.abandon(host, RUN);
                }
                Step::Leave(lane) if !resting.is_empty() => {
                    let lane = *resting.keys().nth(lane % resting.len()).unwrap();
                    let host = resting.remove(&lane).unwrap();
                    prop_assert!(schedule.leave(host, &lane));
                }
                Step::Connected(lane) if !ahead.is_empty() => {
                    let host = ahead.remove(lane % ahead.len());
                    next_lane += 1;
                    if schedule.on_connected_ahead(host, &next_lane) {
                        resting.insert(next_lane, host);
                    }
                }
                Step::GaveUp(lane) if !ahead.is_empty() => {
                    let host = ahead.remove(lane % ahead.len());
                    schedule.on_connect_ahead_failed(host);
                }
                Step::End(..) | Step::Fail(_) | Step::Abandon(_) | Step::Leave(_)
                | Step::Connected(_) | Step::GaveUp(_) => {}
            }
            settle(&mut schedule, &mut busy, &mut resting, &mut ahead, &mut next_lane);
            prop_assert!(busy.len() <= jobs);
            prop_assert!(resting.len() <= idle);
            prop_assert!(ahead.is_empty() || connects_ahead);
            let mut lanes: HashMap<HostId, usize> = HashMap::new();
            for host in busy.iter().map(|(host, _)| host).chain(resting.values()).chain(&ahead) {
                *lanes.entry(*host).or_default() += 1;
            }
            prop_assert!(lanes.values().all(|&lanes| lanes <= per_host));
            let unproven = busy.iter().filter(|(host, _)| !schedule.hosts[host.0].is_proven);
            let unproven = unproven.count();
            prop_assert!(unproven == schedule.unproven && unproven <= (jobs / 2).max(1));
            // There is a slot only for those that nobody wants.
            prop_assert!(schedule.is_full() || !schedule.others_wait());
        }
        // Then everything is done, in the end, and every host is forgotten of which nothing bad is
        // known.
        schedule.handle_timeout(now + Duration::from_secs(100));
        settle(&mut schedule, &mut busy, &mut resting, &mut ahead, &mut next_lane);
        loop {
            if let Some(host) = ahead.pop() {
                schedule.on_connect_ahead_failed(host);
            } else if let Some((host, _)) = busy.pop() {
                schedule.abandon(host, RUN);
                done += 1;
            } else {
                break;
            }
            settle(&mut schedule, &mut busy, &mut resting, &mut ahead, &mut next_lane);
        }
        prop_assert_eq!(done, pushed);
        for (lane, host) in resting {
            prop_assert!(schedule.leave(host, &lane));
        }
        let rests = schedule.hosts.iter().all(|(_, host)| {
            host.lanes == 0 && host.queue.is_empty() && host.later == 0 && !host.breaker.is_healthy()
        });
        prop_assert!(rests);
        prop_assert!(schedule.by_key.len() == schedule.hosts.len() && !schedule.runs.are_due(true));
    }
}

#[test]
fn load_has_the_busiest_hosts_and_all_that_waits() {
    let now = Instant::now();
    let mut schedule: Plain = begun(caps(4, 3), Arc::default(), now);
    for work in 0..5 {
        push(&mut schedule, "a", Protocol::Exclusive, work);
    }
    push(&mut schedule, "b", Protocol::Exclusive, 9);
    push_later(&mut schedule, "c", now + Duration::from_secs(9), 10);
    grants(&mut schedule);
    // There is no slot left for this one.
    push(&mut schedule, "d", Protocol::Exclusive, 11);
    let load = schedule.load(3);
    assert_eq!((load.in_flight, load.queued, load.hosts), (4, 4, 4));
    let hosts: Vec<_> = load
        .busiest
        .iter()
        .map(|host| (&*host.origin, host.in_flight, host.queued))
        .collect();
    assert_eq!(hosts, [("a", 3, 2), ("b", 1, 0), ("d", 0, 1)]);
    assert_eq!(schedule.load(2).busiest, load.busiest[..2]);
    assert_eq!(schedule.load(0).busiest, []);
}
