//! Tests of what a report says of items.

use std::time::Duration;

use haulage::Error;

use super::*;

fn outcome(row: u64, url: &str, status: Status) -> Outcome {
    let mut outcome = Outcome::new(row, url, status);
    outcome.attempts = 1;
    outcome.duration = Duration::from_millis(row);
    outcome
}

fn failed(row: u64, url: &str, kind: ErrorKind) -> Outcome {
    outcome(row, url, Status::Failed(Error::new(kind, "it failed")))
}

#[test]
fn items_are_counted_by_status_kind_and_host() {
    let mut items = Aggregate::default();
    let mut done = outcome(1, "http://a.example/1", Status::Done);
    done.bytes = 1000;
    done.attempts = 3;
    items.add(&done);
    items.add(&outcome(2, "http://a.example/2", Status::Skipped));
    items.add(&outcome(3, "http://b.example/", Status::Unchanged));
    items.add(&failed(4, "http://b.example/4", ErrorKind::Http));
    items.add(&failed(5, "nonsense", ErrorKind::Input));
    let counts = [
        items.rows,
        items.done,
        items.skipped,
        items.unchanged,
        items.failed,
    ];
    assert_eq!(counts, [5, 1, 1, 1, 2]);
    assert_eq!((items.size, items.retries), (1000, 2));
    let kinds: Vec<_> = items
        .kinds
        .iter()
        .map(|(name, kind)| (*name, kind.1))
        .collect();
    assert_eq!(kinds, [("http", 1), ("input", 1)]);
    let hosts: Vec<_> = items
        .hosts
        .largest(2)
        .iter()
        .map(|(host, count)| ((*host).to_owned(), count.rows, count.failed))
        .collect();
    let host = |name: &str, rows, failed| (name.to_owned(), rows, failed);
    assert_eq!(
        hosts,
        [
            host("http://a.example", 2, 0),
            host("http://b.example", 2, 1)
        ]
    );
    let groups = items.errors.largest(9);
    assert_eq!((groups[0].0, groups[0].1), ("http", "http://b.example"));
    assert_eq!(&*groups[0].2.url, "http://b.example/4");
    assert_eq!(groups[1].1, NO_HOST);
}

#[test]
fn slowest_items_come_first_and_are_few() {
    let mut items = Aggregate::default();
    for row in 0..1000 {
        let row = row * 7 % 1000;
        items.add(&outcome(row, &format!("http://a/{row}"), Status::Done));
    }
    let slowest = items.slowest.items();
    assert_eq!(slowest.len(), 20);
    assert_eq!(&*slowest[0].url, "http://a/999");
    assert_eq!(&*slowest[19].url, "http://a/980");
}

#[test]
fn hosts_and_groups_are_bounded() {
    let mut items = Aggregate::default();
    for row in 0..12_000 {
        items.add(&failed(
            row,
            &format!("http://h{row}.example/"),
            ErrorKind::Dns,
        ));
    }
    assert_eq!(items.hosts.count(), 10_000);
    assert_eq!(items.hosts.others().rows, 2000);
    assert_eq!(items.errors.count(), 2001);
    let groups = items.errors.largest(1);
    assert_eq!((groups[0].1, groups[0].2.count), ("(other hosts)", 10_000));
}

#[test]
fn period_is_that_of_all_items() {
    let mut items = Aggregate::default();
    let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    for (row, start) in [(5000, 20), (1000, 10), (2000, 30)] {
        let mut one = outcome(row, "http://a/", Status::Done);
        one.started = at(start);
        items.add(&one);
    }
    assert_eq!(items.period, Some((at(10), at(32))));
}
