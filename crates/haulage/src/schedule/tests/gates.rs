//! Gates, which several hosts are reached through.

use super::*;

/// Hosts behind a gate that lets this many through.
fn behind_gate(most: usize, hosts: &[&str]) -> Plain {
    let mut schedule: Plain = begun(caps(16, 4), Arc::default(), Instant::now());
    for (nth, name) in hosts.iter().enumerate() {
        for work in 0..4 {
            let work = u32::try_from(10 * nth).unwrap() + work;
            push(&mut schedule, name, Protocol::Exclusive, work);
        }
        let id = schedule.host(name, Protocol::Exclusive, Instant::now);
        schedule.pass_gate(id, "gate", most);
    }
    schedule
}

#[test]
fn no_more_than_allowed_is_in_flight_through_a_gate() {
    let mut schedule = behind_gate(3, &["a", "b"]);
    push(&mut schedule, "direct", Protocol::Exclusive, 99);
    let mut busy: Vec<_> = grants(&mut schedule).iter().map(opened).collect();
    assert_eq!(busy.len(), 4, "three, and what needs no gate");
    busy.retain(|(_, work)| *work != 99);
    let mut done = Vec::new();
    while let Some((host, work)) = busy.pop() {
        done.push(work);
        schedule.abandon(host, RUN);
        busy.extend(grants(&mut schedule).iter().map(opened));
        assert!(busy.len() <= 3, "{busy:?}");
        assert!(busy.len() == 3 || done.len() + busy.len() == 8, "{busy:?}");
    }
    done.sort_unstable();
    assert_eq!(done, [0, 1, 2, 3, 10, 11, 12, 13]);
}

#[test]
fn lane_behind_a_full_gate_gives_its_place_away_after_its_turn() {
    let mut schedule = behind_gate(1, &["a", "b"]);
    let first = grants(&mut schedule);
    assert_eq!(first.len(), 1);
    let (host, _) = opened(&first[0]);
    assert!(matches!(
        schedule.next(host, RUN, &1, false, observed(true)),
        Next::Work(_)
    ));
    assert_eq!(
        schedule.next(host, RUN, &1, true, observed(true)),
        Next::Idle
    );
    let second = grants(&mut schedule);
    assert_eq!(second.len(), 1);
    assert_ne!(opened(&second[0]).0, host);
}
