//! Hosts that have not responded so far.

use super::*;

/// Returns a schedule with these numbers of silent hosts and of rows for each, and nothing else, in
/// a run with `jobs` jobs.
fn silent(jobs: usize, hosts: u32, rows: u32) -> Plain {
    let caps = Caps {
        start: 4,
        ..caps(jobs, 16)
    };
    let mut schedule: Plain = begun(caps, Arc::default(), Instant::now());
    for host in 0..hosts {
        for row in 0..rows {
            push_unproven(&mut schedule, &format!("silent {host}"), 1000 * host + row);
        }
    }
    schedule
}

#[test]
fn unproven_hosts_get_half_of_the_slots_however_many_they_are() {
    for jobs in 1..=64 {
        let mut schedule = silent(jobs, 100, 3);
        assert_eq!(grants(&mut schedule).len(), (jobs / 2).max(1), "-j {jobs}");
    }
}

#[test]
fn new_hosts_wait_once_unproven_ones_have_all_their_slots() {
    let mut schedule = silent(4, 0, 0);
    for (host, waits) in [("a", false), ("b", false), ("c", true), ("d", true)] {
        assert_eq!(schedule.makes_new_hosts_wait(), waits, "{host}");
        push_unproven(&mut schedule, host, 0);
        grants(&mut schedule);
    }
    assert_eq!(schedule.hosts(), 4);
}

#[test]
fn the_only_host_of_a_run_gets_all_slots() {
    let mut schedule = silent(4, 1, 9);
    assert_eq!(grants(&mut schedule).len(), 2, "another may come");
    schedule.on_input_ended(RUN);
    assert_eq!(grants(&mut schedule).len(), 2);
    let mut schedule = silent(4, 2, 9);
    schedule.on_input_ended(RUN);
    assert_eq!(grants(&mut schedule).len(), 2, "there is another");
}

#[test]
fn a_host_that_answers_makes_room_for_another_unproven_one() {
    let mut schedule = silent(4, 3, 1);
    let lanes: Vec<_> = grants(&mut schedule).iter().map(opened).collect();
    assert_eq!(lanes.len(), 2);
    let answered = Observation {
        is_open: true,
        latency: Some(Duration::ZERO),
        ..observed(true)
    };
    schedule.next(lanes[0].0, RUN, &1, false, answered);
    assert_eq!(opened(&grants(&mut schedule)[0]).1, 2000);
}

#[test]
fn new_hosts_that_answer_get_more_slots_until_one_has_more_work() {
    let mut schedule = silent(8, 100, 1);
    let answered = Observation {
        is_open: true,
        latency: Some(Duration::ZERO),
        ..observed(true)
    };
    let mut lanes: Vec<_> = grants(&mut schedule).iter().map(opened).collect();
    assert_eq!(lanes.len(), 4);
    for _ in 0..20 {
        schedule.next(lanes.remove(0).0, RUN, &1, false, answered);
        lanes.extend(grants(&mut schedule).iter().map(opened));
    }
    assert_eq!(lanes.len(), 8);
    // From then on they do not respond.
    for _ in 0..5 {
        schedule.handle_timeout(Instant::now());
    }
    let waited = Duration::from_secs(1);
    assert!(
        lanes
            .iter()
            .all(|(host, _)| schedule.gives_way(*host, waited, Instant::now()))
    );
    for (host, _) in &lanes {
        schedule.next(*host, RUN, &1, false, observed(false));
    }
    assert_eq!(grants(&mut schedule).len(), 4);
    let mut schedule = silent(8, 100, 1);
    schedule.proofs = 20;
    push(&mut schedule, "proven", Protocol::Exclusive, 1);
    schedule.close(schedule.by_key["proven"], Instant::now());
    assert_eq!(schedule.most_unproven(), 4);
}

#[test]
fn a_first_body_that_is_coming_proves_its_host() {
    let mut schedule = silent(4, 3, 1);
    let lanes: Vec<_> = grants(&mut schedule).iter().map(opened).collect();
    schedule.hosts[lanes[0].0.0].meter.add(1);
    schedule.handle_timeout(Instant::now());
    assert_eq!(opened(&grants(&mut schedule)[0]).1, 2000);
}

#[test]
fn a_request_gives_way_only_where_somebody_wants_its_slot() {
    let wait = Duration::from_secs(1);
    let mut schedule = silent(4, 2, 1);
    let lanes: Vec<_> = grants(&mut schedule).iter().map(opened).collect();
    assert!(
        !schedule.gives_way(lanes[0].0, wait, Instant::now()),
        "nobody waits"
    );
    push_unproven(&mut schedule, "silent 0", 1);
    assert!(
        !schedule.gives_way(lanes[0].0, wait, Instant::now()),
        "only its own host does"
    );
    assert!(schedule.gives_way(lanes[1].0, wait, Instant::now()));
    // One slot is shared by time.
    let mut schedule = silent(1, 1, 1);
    let lane = opened(&grants(&mut schedule)[0]).0;
    push(&mut schedule, "proven", Protocol::Exclusive, 1);
    assert!(schedule.gives_way(lane, wait, Instant::now()));
}

/// A simulation, second by second, of silent hosts and one that responds at once.
struct Course {
    schedule: Plain,
    now: Instant,
    second: u64,
    good: HostId,
    /// Requests to silent hosts, each with the second since when it waits.
    waiting: Vec<(HostId, u32, Duration, u64)>,
    /// The second of each good row.
    ended: Vec<u64>,
}

impl Course {
    fn new(schedule: Plain) -> Self {
        Self {
            good: schedule.by_key["good"],
            schedule,
            now: Instant::now(),
            second: 0,
            waiting: Vec::new(),
            ended: Vec::new(),
        }
    }

    fn passes(&mut self) {
        self.schedule.handle_timeout(self.now);
        self.give_slots();
        for (host, work, patience, since) in std::mem::take(&mut self.waiting) {
            let is_over = self.second - since >= patience.as_secs();
            if is_over && self.schedule.gives_way(host, patience, self.now) {
                self.schedule.put_back(host, RUN, work);
                let silent = Observation {
                    is_open: true,
                    now: self.now,
                    ..observed(false)
                };
                assert_eq!(
                    self.schedule.next(host, RUN, &0, false, silent),
                    Next::Close
                );
                self.give_slots();
            } else {
                self.waiting.push((host, work, patience, since));
            }
        }
        self.second += 1;
        self.now += Duration::from_secs(1);
    }

    fn give_slots(&mut self) {
        while let Some(grant) = self.schedule.poll_grant(|| self.now) {
            match grant {
                Grant::Open { host, lease, .. } if host != self.good => {
                    let patience = lease.patience.unwrap();
                    self.waiting.push((host, lease.work, patience, self.second));
                }
                _ => self.answer(),
            }
            assert!(self.schedule.unproven <= (self.schedule.global_limit.most() / 2).max(1));
        }
    }

    /// Answers all work of the good host, as long as it has more.
    fn answer(&mut self) {
        let answered = Observation {
            is_open: true,
            is_ok: true,
            latency: Some(Duration::from_millis(1)),
            now: self.now,
        };
        loop {
            self.ended.push(self.second);
            let next = self.schedule.next(self.good, RUN, &0, false, answered);
            if !matches!(next, Next::Work(_)) {
                return;
            }
        }
    }
}

#[test]
fn silent_hosts_ahead_of_good_rows_delay_them_by_seconds() {
    for (jobs, hosts, rows, seconds) in [
        (64, 16, 10, 1),
        (64, 64, 1, 2),
        (64, 64, 50, 2),
        (64, 320, 10, 11),
        (8, 64, 10, 17),
        (1, 4, 10, 9),
    ] {
        let mut schedule = silent(jobs, hosts, rows);
        for row in 0..2000 {
            push_unproven(&mut schedule, "good", 1_000_000 + row);
        }
        let mut course = Course::new(schedule);
        while course.second <= seconds + 1 {
            course.passes();
        }
        let first = course.ended.first();
        let what = format!("-j {jobs}, {hosts} hosts of {rows} rows: {first:?}");
        assert!(first.is_some_and(|first| *first <= seconds), "{what}");
        assert_eq!(course.ended.len(), 2000, "{what}");
    }
}
