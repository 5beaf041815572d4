//! A run that is fed while it goes on, and one that is stopped.

use haulage::Event;
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, rest};

#[test]
fn a_run_stops_when_so_many_items_have_failed() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/held", Script::ok(Body::seeded(1, 10)).hold(&gate));
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(2);
    sandbox.options.max_errors = Some(3);
    let paths = ["/held", "/404", "/404b", "/404c", "/404d", "/404e"];
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(paths.map(|path| get(&origin.url(path))));
    run.close();
    let (mut failed, mut told) = (Vec::new(), None);
    block_on(async {
        while let Some(event) = events.next().await {
            match event {
                Event::Ended(outcome) => failed.push(kind(&outcome)),
                Event::TooManyErrors(failures) => told = Some(failures),
                _ => {}
            }
        }
    });
    assert_eq!(told, Some(3));
    // What was under way is stopped; what was not is not begun.
    assert_eq!(failed, ["http", "http", "http", "cancelled"]);
    assert_eq!(origin.tally().requests, 4);
}

#[test]
fn a_bad_row_counts_as_one_that_failed() {
    let origin = Origin::plain();
    let bad = haulage::source::Text::new(&b"nonsense\n"[..], "list");
    let mut sandbox = Sandbox::new();
    sandbox.options.max_errors = Some(1);
    let rows: Vec<_> = bad.chain([get(&origin.url("/a"))]).collect();
    let outcomes = sandbox.run(rows);
    assert_eq!(outcomes.len(), 1);
    assert_eq!(origin.tally().requests, 0);
}

#[test]
fn a_run_is_fed_while_it_goes_on() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::seeded(1, 1000)));
    let sandbox = Sandbox::new();
    let mut run = sandbox.start();
    let mut events = run.events();
    block_on(async {
        for number in 0..5 {
            run.feed([get(&origin.url(&format!("/{number}")))]);
            loop {
                if let Event::Ended(outcome) = events.next().await.unwrap() {
                    assert_done(&outcome);
                    assert_eq!(outcome.row, number);
                    break;
                }
            }
        }
        run.close();
        assert!(events.next().await.is_none());
    });
}

#[test]
fn what_is_in_flight_ends_as_cancelled_and_what_had_not_started_has_no_row() {
    let origin = Origin::plain();
    let (head, body) = (Gate::new(), Gate::new());
    origin.on("/done", Script::ok(Body::seeded(1, 10)));
    origin.on("/head", Script::ok(Body::seeded(1, 10)).hold(&head));
    origin.on(
        "/body",
        Script::ok(Body::seeded(1, 100_000)).hold_at(50_000, &body),
    );
    origin.under("/later/", |_| Script::ok(Body::empty()));
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 2;
    let mut run = sandbox.start();
    let mut events = run.events();
    let later: Vec<_> = (0..100)
        .map(|number| get(&origin.url(&format!("/later/{number}"))))
        .collect();
    run.feed(["/done", "/head", "/body"].map(|path| get(&origin.url(path))));
    run.feed(later);
    run.close();
    let outcomes = block_on(async {
        head.reached(1).await;
        body.reached(1).await;
        run.cancel();
        rest(&mut events).await
    });
    let mut ended: Vec<_> = outcomes
        .iter()
        .map(|outcome| (&*outcome.label, kind(outcome)))
        .collect();
    ended.sort_unstable();
    assert_eq!(
        ended,
        [
            ("body", "cancelled"),
            ("done", "none"),
            ("head", "cancelled")
        ]
    );
    assert_eq!(sandbox.names(), ["done"]);
    assert_eq!(origin.count("/later/0"), 0);
    // The next run finishes.
    head.open();
    body.open();
    let urls = ["/done", "/head", "/body"].map(|path| get(&origin.url(path)));
    assert!(
        sandbox
            .run(urls)
            .iter()
            .all(|outcome| outcome.error().is_none())
    );
}

#[test]
fn an_item_that_waits_for_its_repetition_is_cancelled_too() {
    let origin = Origin::plain();
    origin.on("/a", Script::status(503));
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.base = std::time::Duration::from_hours(1);
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a"))]);
    let outcomes = block_on(async {
        while !matches!(events.next().await.unwrap(), Event::Retrying { .. }) {}
        run.cancel();
        rest(&mut events).await
    });
    assert_eq!(outcomes.iter().map(kind).collect::<Vec<_>>(), ["cancelled"]);
}

#[test]
fn dropping_the_outcomes_stops_the_run() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::empty()).hold(&gate));
    let sandbox = Sandbox::new();
    let outcomes = haulage::download([get(&origin.url("/a"))], sandbox.options.clone()).unwrap();
    gate.wait_reached(1);
    drop(outcomes);
    origin.wait_until(|tally| tally.in_flight == 0);
}

#[test]
fn a_list_in_which_rows_come_again_and_again_is_stopped_too() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.under("/", {
        let gate = gate.clone();
        move |_| Script::ok(Body::empty()).hold(&gate)
    });
    let sandbox = Sandbox::new();
    let mut run = sandbox.start();
    let mut events = run.events();
    let base = origin.url("/");
    run.feed((0..2_000_000).map(move |number| get(&format!("{base}{}", number / 2))));
    let outcomes = block_on(async {
        gate.reached(4).await;
        run.cancel();
        rest(&mut events).await
    });
    assert!(outcomes.iter().all(|outcome| kind(outcome) == "cancelled"));
}

#[test]
fn rows_behind_a_cancelled_one_have_no_outcome() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::seeded(1, 10)).hold(&gate));
    let sandbox = Sandbox::new();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a")), get(&origin.url("/a"))]);
    run.close();
    let outcomes = block_on(async {
        gate.reached(1).await;
        while run.input_rows().is_none() {
            tokio::task::yield_now().await;
        }
        run.cancel();
        rest(&mut events).await
    });
    let ended: Vec<_> = outcomes.iter().map(|one| (one.row, kind(one))).collect();
    assert_eq!(ended, [(0, "cancelled")]);
    assert_eq!(run.input_rows(), Some(2));
}
