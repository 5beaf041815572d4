//! Several runs of one engine in one folder, at the same time.

use haulage::{
    Durability, Engine, EngineOptions, ErrorKind, Event, Existing, Request, Row, RowLocation,
    RowQuery, RunOptions, StateDir,
};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, named, rest};

const SIZE: u64 = 600_000;

fn engine() -> Engine {
    Engine::start(EngineOptions::default()).unwrap()
}

fn of_urls(sandbox: &Sandbox) -> RunOptions {
    let mut options = sandbox.options.clone();
    options.state_dir = StateDir::RemoveWhenDone;
    options
}

/// Rows of a list of this name.
fn listed(origin: &Origin, input: &str, count: u64) -> Vec<Row> {
    let row = |line| {
        let name = format!("{input}{line}");
        let request = Request::new(&origin.url(&format!("/{name}"))).unwrap();
        let input = input.into();
        Ok(request
            .named(&name)
            .unwrap()
            .read_at(RowLocation { input, line }))
    };
    (1..=count).map(row).collect()
}

fn files() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::entity(Body::of(request.path().to_owned()), "\"a\"")
    });
    origin
}

#[test]
fn runs_of_urls_share_a_folder_and_the_last_one_leaves_nothing_else() {
    let origin = files();
    let (sandbox, engine) = (Sandbox::new(), engine());
    let mut runs: Vec<_> = (0..4)
        .map(|run| {
            // Some files are asked for by all of them.
            let own = (0..50).map(|row| format!("/{run}-{row}"));
            let paths = own.chain((0..10).map(|row| format!("/all-{row}")));
            let rows: Vec<_> = paths.map(|path| get(&origin.url(&path))).collect();
            engine.run(of_urls(&sandbox), rows).unwrap()
        })
        .collect();
    for run in &mut runs {
        let outcomes = block_on(rest(&mut run.events()));
        assert_eq!(outcomes.len(), 60);
        for outcome in outcomes {
            assert!(outcome.error().is_none(), "{:?}", outcome.error());
            let path = outcome.path.unwrap();
            let asked = outcome.url.rsplit('/').next().unwrap();
            assert_eq!(sandbox.read(&path), format!("/{asked}").into_bytes());
        }
    }
    drop(runs);
    assert_eq!(sandbox.names().len(), 210);
    assert!(!sandbox.path(".haul").exists());
}

#[test]
fn lists_that_are_read_at_the_same_time_are_recorded_side_by_side() {
    let origin = files();
    let sandbox = Sandbox::new();
    {
        let engine = engine();
        let begun = ["a", "b"].map(|input| {
            let rows = listed(&origin, input, 300);
            engine.run(sandbox.options.clone(), rows).unwrap()
        });
        for mut run in begun {
            block_on(rest(&mut run.events()))
                .iter()
                .for_each(assert_done);
        }
    }
    assert_eq!(origin.tally().requests, 600);
    // Each by itself, and both together.
    for inputs in [&["a"][..], &["b"], &["b", "a"]] {
        let engine = engine();
        let begun: Vec<_> = inputs
            .iter()
            .map(|input| {
                let rows = listed(&origin, input, 300);
                engine.run(sandbox.options.clone(), rows).unwrap()
            })
            .collect();
        for mut run in begun {
            let outcomes = block_on(rest(&mut run.events()));
            assert_eq!(outcomes.len(), 300);
            assert!(
                outcomes
                    .iter()
                    .all(|outcome| outcome.status.name() == "skipped")
            );
        }
        assert_eq!(origin.tally().requests, 600, "{inputs:?}");
    }
}

#[test]
fn a_list_that_two_runs_read_at_the_same_time_is_known_to_the_next() {
    let origin = files();
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        let engine = engine();
        let begun = [1, 2].map(|_| {
            let rows = listed(&origin, "a", 300);
            engine.run(sandbox.options.clone(), rows).unwrap()
        });
        for mut run in begun {
            let outcomes = block_on(rest(&mut run.events()));
            assert_eq!(outcomes.len(), 300);
            assert!(outcomes.iter().all(|outcome| outcome.error().is_none()));
        }
    }
    let before = origin.tally().requests;
    let outcomes = sandbox.run(listed(&origin, "a", 300));
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.status.name() == "skipped")
    );
    assert_eq!(origin.tally().requests, before);
    assert_eq!(sandbox.names().len(), 300);
}

#[test]
fn what_a_cancelled_run_has_left_is_resumed_by_another_one_beside_it() {
    let (origin, gate, slow) = (Origin::plain(), Gate::new(), Gate::new());
    let (held, long) = (gate.clone(), slow.clone());
    origin.under("/half", move |request| {
        let script = Script::entity(Body::seeded(1, SIZE), "\"a\"");
        if request.headers.contains_key("range") {
            script
        } else {
            script.hold_at(SIZE / 2, &held)
        }
    });
    origin.under("/long", move |_| Script::ok(Body::of("a")).hold(&long));
    let (sandbox, engine) = (Sandbox::new(), engine());
    let rows = [named(&origin.url("/long"), "long")];
    let mut other = engine.run(of_urls(&sandbox), rows).unwrap();
    let half = || [named(&origin.url("/half"), "half")];
    let mut first = engine.run(of_urls(&sandbox), half()).unwrap();
    let mut events = first.events();
    block_on(async {
        let transfer = loop {
            if let Some(Event::Started(transfer)) = events.next().await {
                break transfer;
            }
        };
        while transfer.received() < SIZE / 2 {
            tokio::task::yield_now().await;
        }
    });
    first.cancel();
    let outcomes = block_on(rest(&mut events));
    assert_eq!(kind(&outcomes[0]), "cancelled");
    assert!(outcomes[0].kept > 0);
    // The folder is still in use, so nothing of it was closed.
    let mut second = engine.run(of_urls(&sandbox), half()).unwrap();
    let outcomes = block_on(rest(&mut second.events()));
    assert_done(&outcomes[0]);
    assert!(outcomes[0].resumed > 0, "it began anew");
    slow.open();
    block_on(rest(&mut other.events()))
        .iter()
        .for_each(assert_done);
    assert_eq!(sandbox.read("half").len() as u64, SIZE);
}

#[test]
fn list_of_a_cancelled_run_keeps_the_rows_it_has_not_read() {
    let origin = files();
    let sandbox = Sandbox::new();
    for input in ["a", "b"] {
        sandbox.run(listed(&origin, input, 100));
    }
    assert_eq!(origin.tally().requests, 200);
    {
        let engine = engine();
        let mut cancelled = engine.open(sandbox.options.clone()).unwrap();
        let mut events = cancelled.events();
        cancelled.feed(listed(&origin, "b", 10));
        let mut ended = 0;
        block_on(async {
            while ended < 10 {
                ended += usize::from(matches!(events.next().await, Some(Event::Ended(_))));
            }
        });
        let rows = listed(&origin, "a", 100);
        let mut complete = engine.run(sandbox.options.clone(), rows).unwrap();
        block_on(rest(&mut complete.events()));
        cancelled.cancel();
        block_on(rest(&mut events));
    }
    for input in ["a", "b"] {
        sandbox.run(listed(&origin, input, 100));
    }
    assert_eq!(origin.tally().requests, 200);
}

#[test]
fn lists_read_at_the_same_time_keep_their_row_numbers() {
    let origin = files();
    let sandbox = Sandbox::new();
    {
        let engine = engine();
        let begun = ["a", "b", "c"].map(|input| {
            let rows = listed(&origin, input, 20);
            engine.run(sandbox.options.clone(), rows).unwrap()
        });
        for mut run in begun {
            block_on(rest(&mut run.events()));
        }
    }
    let rows = haulage::results(sandbox.path("")).unwrap();
    let mut rows: Vec<_> = rows.map(|outcome| outcome.unwrap().row).collect();
    rows.sort_unstable();
    let each = (0..20).flat_map(|row| [row; 3]);
    assert_eq!(rows, each.collect::<Vec<_>>());
}

#[test]
fn recorded_rows_of_one_list_are_found_page_by_page() {
    let origin = files();
    let sandbox = Sandbox::new();
    let nothing = haulage::query_rows(sandbox.path(""), &RowQuery::default());
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::Input);
    sandbox.run(listed(&origin, "a", 30));
    sandbox.run(listed(&origin, "b", 5));
    let numbers = |outcomes: Vec<haulage::Outcome>| {
        let numbers = outcomes.iter().map(|outcome| outcome.row);
        numbers.collect::<Vec<_>>()
    };
    for (input, rows) in [("a", 30), ("b", 5), ("c", 0)] {
        let all = haulage::results_of(sandbox.path(""), input).unwrap();
        let all = all.collect::<Result<_, _>>().unwrap();
        assert_eq!(numbers(all), (0..rows).collect::<Vec<_>>(), "{input}");
    }
    let query_except = |except: &[u64], statuses: &[&'static str], text: &str| {
        let query = RowQuery {
            input: "a".to_owned(),
            statuses: statuses.to_vec(),
            text: text.to_owned(),
            except: except.to_vec(),
            skip: 1,
            take: 3,
        };
        let found = haulage::query_rows(sandbox.path(""), &query).unwrap();
        (found.total, numbers(found.outcomes))
    };
    let query = |statuses: &[&'static str], text: &str| query_except(&[], statuses, text);
    assert_eq!(query(&[], ""), (30, vec![28, 27, 26]));
    let some = query_except(&[29, 27, 99], &["done"], "http");
    assert_eq!(some, (28, vec![26, 25, 24]));
    assert_eq!(query(&["failed", "done"], ""), (30, vec![28, 27, 26]));
    assert_eq!(query(&["failed"], ""), (0, vec![]));
    assert_eq!(query(&[], "HTTP://"), (30, vec![28, 27, 26]));
    assert_eq!(query(&[], "%"), (0, vec![]));
}

#[test]
fn run_that_has_ended_is_known_while_others_keep_the_folder_open() {
    let (origin, gate) = (files(), Gate::new());
    let held = gate.clone();
    origin.under("/long", move |_| Script::ok(Body::of("a")).hold(&held));
    let (sandbox, engine) = (Sandbox::new(), engine());
    let rows = [named(&origin.url("/long"), "long")];
    let mut long = engine.run(sandbox.options.clone(), rows).unwrap();
    for round in 0..2 {
        let rows = listed(&origin, "a", 50);
        let mut run = engine.run(sandbox.options.clone(), rows).unwrap();
        let outcomes = block_on(rest(&mut run.events()));
        let is_skipped = |outcome: &haulage::Outcome| outcome.status.name() == "skipped";
        let skipped = outcomes
            .iter()
            .filter(|outcome| is_skipped(outcome))
            .count();
        assert_eq!(skipped, 50 * round);
        // What has ended is recorded, whatever becomes of the process now.
        let recorded = haulage::results(sandbox.path("")).unwrap();
        assert!(recorded.count() >= 50);
    }
    gate.open();
    block_on(rest(&mut long.events()));
    assert_eq!(origin.tally().requests, 51);
}

#[test]
fn runs_of_lists_share_a_folder_whatever_their_options_are() {
    let (origin, gate) = (files(), Gate::new());
    let held = gate.clone();
    origin.under("/long", move |_| Script::ok(Body::of("a")).hold(&held));
    let (sandbox, engine) = (Sandbox::new(), engine());
    let rows = [named(&origin.url("/long"), "long")];
    let mut options = sandbox.options.clone();
    options.durability = Durability::None;
    options.min_free = Some(0);
    let mut long = engine.run(options, rows).unwrap();
    let mut options = sandbox.options.clone();
    options.durability = Durability::Each;
    options.existing = Existing::Overwrite;
    for _ in 0..2 {
        let rows = listed(&origin, "a", 50);
        let mut run = engine.run(options.clone(), rows).unwrap();
        let mut events = run.events();
        let mut ended = 0;
        block_on(async {
            while let Some(event) = events.next().await {
                let Event::Ended(outcome) = event else {
                    continue;
                };
                assert_done(&outcome);
                ended += 1;
                // Recorded by now, as only `Each` promises.
                let recorded = haulage::results(sandbox.path("")).unwrap();
                assert!(recorded.count() >= ended);
            }
        });
        assert_eq!(ended, 50);
    }
    // More than there is.
    options.min_free = Some(u64::MAX / 4);
    let refused = engine.run(options, listed(&origin, "b", 1));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Disk);
    gate.open();
    block_on(rest(&mut long.events()));
}
