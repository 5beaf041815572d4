//! What one run has brought of a file the next goes on with, if it is as it was left. Rows 16, 62
//! and 63 of docs/faults.md.

use std::fs;

use haulage::Event;
use origin::{Body, Origin, RangeLie, Script};

use crate::entities::{BREAK, a, assert_is, b, broken, entity, listed, ranges};
use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, rest};

/// A destination in which a run has left a part of `/file`.
fn interrupted(origin: &Origin) -> Sandbox {
    origin.on("/file", broken(entity()));
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    let outcome = sandbox.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_eq!(kind(&outcome), "incomplete");
    assert!(sandbox.names().is_empty());
    sandbox
}

fn parts(sandbox: &Sandbox) -> Vec<std::path::PathBuf> {
    let parts = fs::read_dir(sandbox.path(".haul/part")).unwrap();
    parts.map(|part| part.unwrap().path()).collect()
}

#[test]
fn the_next_run_goes_on_where_one_stopped() {
    let origin = Origin::plain();
    let sandbox = interrupted(&origin);
    assert_eq!(parts(&sandbox).len(), 1);
    origin.on("/file", entity());
    let outcome = sandbox.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(ranges(&origin), ["", "bytes=1048576-"]);
    assert_eq!((outcome.attempts, outcome.resumed), (1, BREAK));
    assert!(parts(&sandbox).is_empty());
    // It is known as what the first response said that it is.
    let recorded = haulage::results(sandbox.path("")).unwrap();
    let etags: Vec<_> = recorded.map(|row| row.unwrap().etag).collect();
    assert_eq!(etags, [Some("\"a\"".into())]);
}

#[test]
fn a_url_alone_leaves_its_part_too() {
    let origin = Origin::plain();
    origin.on("/file", broken(entity()));
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    sandbox.options.state_dir = haulage::StateDir::RemoveWhenDone;
    assert_eq!(kind(&sandbox.fetch(&origin.url("/file"))), "incomplete");
    origin.on("/file", entity());
    let outcome = sandbox.fetch(&origin.url("/file"));
    assert_done(&outcome);
    assert_eq!(outcome.resumed, BREAK);
    assert_is(&sandbox, &a());
    assert!(!sandbox.path(".haul").exists());
}

#[test]
fn a_run_that_is_stopped_keeps_what_it_has() {
    let origin = Origin::plain();
    origin.on("/file", entity().stall_at(BREAK));
    let sandbox = Sandbox::new();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([listed(&origin.url("/file"))]);
    run.close();
    block_on(async {
        let Some(Event::Started(transfer)) = events.next().await else {
            panic!("it starts");
        };
        while transfer.received() < BREAK {
            tokio::task::yield_now().await;
        }
        run.cancel();
        let stopped = rest(&mut events).await.pop().unwrap();
        assert_eq!((stopped.kept, stopped.fetched), (BREAK, BREAK));
    });
    origin.on("/file", entity());
    let outcome = sandbox.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_done(&outcome);
    assert_eq!((outcome.resumed, outcome.from_earlier_runs), (BREAK, BREAK));
    assert_eq!(outcome.fetched, outcome.bytes - BREAK);
    assert_eq!(outcome.kept, 0);
    assert_is(&sandbox, &a());
    // What was recorded says the same.
    let recorded = haulage::results(sandbox.path("")).unwrap().next().unwrap();
    let recorded = recorded.unwrap();
    let counts = (recorded.known_resumed(), recorded.known_segments());
    assert_eq!(counts, (Some(BREAK), Some(1)));
}

#[test]
fn bytes_of_an_earlier_attempt_are_not_of_an_earlier_run() {
    let origin = Origin::plain();
    origin.on("/file", [broken(entity()), entity()]);
    let sandbox = Sandbox::new();
    let outcome = sandbox.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_done(&outcome);
    assert_eq!((outcome.resumed, outcome.from_earlier_runs), (BREAK, 0));
    assert_eq!(outcome.fetched, outcome.bytes);
}

#[test]
fn a_stopped_file_that_nothing_identifies_keeps_no_bytes() {
    let origin = Origin::plain();
    let nameless = Script::ok(Body::seeded(1, 1 << 21)).stall_at(BREAK);
    origin.on("/file", nameless);
    let sandbox = Sandbox::new();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/file"))]);
    run.close();
    block_on(async {
        let Some(Event::Started(transfer)) = events.next().await else {
            panic!("it starts");
        };
        while transfer.received() < BREAK {
            tokio::task::yield_now().await;
        }
        run.cancel();
        let stopped = rest(&mut events).await.pop().unwrap();
        assert_eq!((stopped.kept, stopped.fetched), (0, BREAK));
    });
}

#[test]
fn row_16_between_runs_a_file_may_change() {
    for lie in [None, Some(RangeLie::IgnoresIfRange)] {
        let origin = Origin::plain();
        let sandbox = interrupted(&origin);
        let mut entity = Script::entity(b(), "\"b\"");
        if let Some(lie) = lie {
            entity = entity.range_lie(lie);
        }
        origin.on("/file", entity);
        let outcome = sandbox.run([listed(&origin.url("/file"))]).pop().unwrap();
        assert_done(&outcome);
        assert_is(&sandbox, &b());
        assert!(outcome.restart_reason.unwrap().contains("has changed"));
        assert!(parts(&sandbox).is_empty());
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody else's files")]
fn row_62_a_part_that_is_not_as_it_was_left_is_not_used() {
    type Spoil = fn(&std::path::Path);
    let spoils: [Spoil; 4] = [
        |part| fs::remove_file(part).unwrap(),
        |part| fs::write(part, "short").unwrap(),
        |part| {
            let other = part.with_file_name("other");
            fs::rename(part, &other).unwrap();
            std::os::unix::fs::symlink(&other, part).unwrap();
        },
        // Somebody can write to it under another name.
        |part| fs::hard_link(part, part.with_file_name("../alias")).unwrap(),
    ];
    for spoil in spoils {
        let origin = Origin::plain();
        let sandbox = interrupted(&origin);
        spoil(&parts(&sandbox)[0]);
        origin.on("/file", entity());
        let outcome = sandbox.run([listed(&origin.url("/file"))]).pop().unwrap();
        assert_done(&outcome);
        assert_is(&sandbox, &a());
        assert_eq!(ranges(&origin), ["", ""]);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody else's files")]
fn row_62_a_part_that_nobody_has_recorded_is_removed() {
    let origin = Origin::plain();
    let sandbox = interrupted(&origin);
    for name in ["1", "7", "x"] {
        fs::write(sandbox.path(".haul/part").join(name), "someone's").unwrap();
    }
    origin.on("/file", entity());
    let outcome = sandbox.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_eq!((outcome.status.name(), outcome.resumed), ("done", BREAK));
    assert_is(&sandbox, &a());
    assert!(parts(&sandbox).is_empty());
}

#[test]
fn a_part_goes_when_nobody_asks_for_it_any_more() {
    let origin = Origin::plain();
    let sandbox = interrupted(&origin);
    origin.on("/other", Script::ok(Body::of("x")));
    sandbox.run([get(&origin.url("/other"))]);
    assert_eq!(parts(&sandbox).len(), 1, "the list may be run again");
    sandbox.run([listed(&origin.url("/other"))]);
    assert!(parts(&sandbox).is_empty());
}
