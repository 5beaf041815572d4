//! Tests of the samples of a run.

use proptest::prelude::*;

use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn totals(bytes: u64) -> Totals {
    Totals {
        bytes,
        ended: bytes / 10,
        failed: bytes / 100,
    }
}

fn host(name: &str, in_flight: usize) -> HostSample {
    HostSample {
        host: name.into(),
        in_flight,
        limit: in_flight + 1,
    }
}

fn load(in_flight: usize) -> Load {
    Load {
        in_flight,
        limit: 32,
        hosts: vec![host("http://a.example:80", in_flight)],
    }
}

/// Adds a sample every 250 ms, in which 100 bytes have come, until there are `count`.
fn steady(most: usize, count: u64) -> Series {
    let mut series = Series::new(most);
    for nth in 1..=count {
        if series.is_due(millis(nth * 250)) {
            series.add(millis(nth * 250), totals(nth * 100), load(4));
        }
    }
    series
}

#[test]
fn sample_has_what_came_since_the_last_one() {
    let mut series = Series::new(10);
    assert!(!series.is_due(millis(200)));
    assert!(series.is_due(millis(250)));
    series.add(millis(250), totals(1000), load(2));
    series.add(millis(600), totals(1500), load(3));
    series.add(millis(600), totals(1600), load(3));
    let [first, second] = series.samples() else {
        panic!("{:?}", series.samples());
    };
    assert_eq!((first.bytes, first.ended, first.failed), (1000, 100, 10));
    assert_eq!(first.span, millis(250));
    assert_eq!((second.bytes, second.span), (500, millis(350)));
    assert_eq!((second.in_flight, second.hosts.len()), (3, 1));
}

#[test]
fn long_runs_have_fewer_samples_a_second() {
    let series = steady(8, 8);
    assert_eq!(series.samples().len(), 8);
    let series = steady(8, 10);
    assert_eq!(series.samples().len(), 5);
    let spans = series.samples().iter().map(|one| one.span.as_millis());
    assert_eq!(spans.collect::<Vec<_>>(), [500, 500, 500, 500, 250]);
    let series = steady(8, 1 << 12);
    assert!(series.samples().len() <= 8);
}

#[test]
fn interval_without_a_tick_was_idle() {
    let mut series = Series::new(10);
    series.add(millis(250), totals(100), load(4));
    series.add(millis(10_250), totals(200), load(5));
    let [_, idle, last] = series.samples() else {
        panic!("{:?}", series.samples());
    };
    assert_eq!((idle.in_flight, idle.bytes), (0, 0));
    assert_eq!(idle.span, millis(9750));
    assert_eq!((last.bytes, last.span), (100, millis(250)));
    // A tick that is a little late is none.
    let mut series = Series::new(10);
    series.add(millis(250), totals(100), load(4));
    series.add(millis(900), totals(200), load(5));
    assert_eq!(series.samples().len(), 2);
}

#[test]
fn samples_are_taken_once_and_again_after_a_merge() {
    let mut series = steady(4, 3);
    assert_eq!(series.take_new().samples.len(), 3);
    assert_eq!(series.take_new(), NewSamples::default());
    series.add(millis(1000), totals(1000), load(1));
    let new = series.take_new();
    assert_eq!((new.replaces, new.samples.len()), (false, 1));
    series.add(millis(1250), totals(1100), load(1));
    let new = series.take_new();
    assert!(new.replaces);
    assert_eq!(new.samples, series.samples());
}

#[test]
fn merged_hosts_are_the_busiest_of_both() {
    let mut first = vec![host("a", 3), host("b", 1)];
    first.extend((0..MAX_HOSTS).map(|nth| host(&format!("c{nth}"), 2)));
    let merged = busiest(first, vec![host("b", 9), host("a", 2)]);
    assert_eq!(merged.len(), MAX_HOSTS);
    assert_eq!((&*merged[0].host, merged[0].in_flight), ("b", 9));
    assert_eq!((&*merged[1].host, merged[1].in_flight), ("a", 3));
}

proptest! {
    #[test]
    fn merging_keeps_sums_order_and_bounds(
        waits in prop::collection::vec((1_u64..5000, 0_u64..100_000), 1..300),
        most in 2_usize..40,
    ) {
        let mut series = Series::new(most);
        let (mut now, mut seen) = (0, Totals::default());
        let mut recorded: Vec<Sample> = Vec::new();
        for (nth, (wait, bytes)) in waits.into_iter().enumerate() {
            now += wait;
            seen.bytes += bytes;
            seen.ended += bytes / 7;
            seen.failed += bytes / 70;
            series.add(millis(now), seen, load(nth % 5));
            prop_assert!(series.samples().len() <= most);
            if nth % 3 == 0 {
                let new = series.take_new();
                if new.replaces {
                    recorded.clear();
                }
                recorded.extend(new.samples);
                prop_assert_eq!(&recorded[..], series.samples());
            }
        }
        for samples in [series.samples().to_vec(), thin(series.samples().to_vec(), most / 2)] {
            prop_assert!(samples.len() <= most);
            let sum = |of: fn(&Sample) -> u64| samples.iter().map(of).sum::<u64>();
            prop_assert_eq!(sum(|one| one.bytes), seen.bytes);
            prop_assert_eq!(sum(|one| one.ended), seen.ended);
            prop_assert_eq!(sum(|one| one.failed), seen.failed);
            let spans: Duration = samples.iter().map(|one| one.span).sum();
            prop_assert_eq!(spans, millis(now));
            prop_assert!(samples.is_sorted_by(|a, b| a.at < b.at));
        }
    }
}
