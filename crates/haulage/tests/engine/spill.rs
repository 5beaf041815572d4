//! However many rows of a host that does not answer come first, those of others do not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use haulage::{Events, Outcome, Row};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, next_outcome, rest};
use crate::wild::Closed;

/// More than are ever kept in memory.
const MANY: usize = 15_000;
const FEW: usize = 50;

fn file() -> Script {
    Script::ok(Body::seeded(1, 10))
}

/// Rows of one host after which there are those of another one.
fn rows(bad: &str, good: &Origin) -> Vec<Row> {
    good.under("/", |_| file());
    let bad = (0..MANY).map(|number| get(&format!("{bad}/{number}")));
    let good = (0..FEW).map(|number| get(&good.url(&format!("/good{number}"))));
    bad.chain(good).collect()
}

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.base = Duration::from_millis(500);
    sandbox.options.retry.retries = 50;
    // Longer than it takes to read all rows, however slow this machine is.
    sandbox.options.retry.max_time = Duration::from_hours(1);
    sandbox
}

/// Waits until the rows of the other host are done.
async fn good(events: &mut Events) -> Vec<Outcome> {
    let (mut outcomes, mut done) = (Vec::new(), 0);
    while done < FEW {
        let outcome = next_outcome(events).await;
        done += usize::from(outcome.label.starts_with("good"));
        outcomes.push(outcome);
    }
    outcomes
}

#[test]
fn those_behind_a_dead_host_come_first_and_when_the_run_is_stopped_its_rows_have_not_started() {
    let (dead, other) = (Closed::new(), Origin::plain());
    let sandbox = sandbox();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(rows(&dead.url(), &other));
    run.close();
    let before = block_on(good(&mut events));
    assert_eq!(before.len(), FEW, "no other has ended before them");
    before.iter().for_each(assert_done);
    run.cancel();
    // Those that had started, and no others.
    let after = block_on(rest(&mut events));
    assert!(after.len() < 100, "{}", after.len());
    assert!(after.iter().all(|outcome| kind(outcome) == "cancelled"));
}

#[test]
fn all_rows_of_a_host_that_stays_dead_fail_with_it() {
    let (dead, other) = (Closed::new(), Origin::plain());
    let mut sandbox = sandbox();
    sandbox.options.retry.max_time = Duration::from_secs(3);
    let outcomes = sandbox.run(rows(&dead.url(), &other));
    assert_eq!(outcomes.len(), MANY + FEW);
    let mut numbers: Vec<_> = outcomes.iter().map(|outcome| outcome.row).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), MANY + FEW, "each row has one outcome");
    let failed = outcomes.iter().filter(|outcome| kind(outcome) == "connect");
    let told = |outcome: &&Outcome| {
        let message = outcome.error().unwrap().to_string();
        message.contains("--retry-max-time")
    };
    assert!(failed.filter(told).count() > MANY - 100);
}

#[test]
fn the_rows_of_a_host_that_answers_again_come_as_they_are_named() {
    let (sick, other) = (Origin::plain(), Origin::plain());
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    sick.under("/", move |_| {
        if well.load(Ordering::Acquire) {
            file()
        } else {
            Script::status(503)
        }
    });
    let sandbox = sandbox();
    let mut run = sandbox.start();
    let mut events = run.events();
    let mut all = rows(&sick.url(""), &other);
    // One that asks for the same as a row that waits on the disk.
    all.push(get(&sick.url(&format!("/{}", MANY - 1))));
    run.feed(all);
    run.close();
    let mut outcomes = block_on(good(&mut events));
    is_well.store(true, Ordering::Release);
    outcomes.extend(block_on(rest(&mut events)));
    assert_eq!(outcomes.len(), MANY + FEW + 1);
    let (same, others): (Vec<_>, Vec<_>) = outcomes
        .iter()
        .partition(|outcome| outcome.row == (MANY + FEW) as u64);
    others.into_iter().for_each(assert_done);
    assert_eq!(same[0].status.name(), "skipped");
    assert_eq!(sandbox.names().len(), MANY + FEW);
    let asked = sick.tally().requests;
    assert!(asked < MANY as u64 + 200, "{asked}");
}
