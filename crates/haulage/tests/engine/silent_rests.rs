//! A response that falls silent before its end: a connection that is open and idle brings the rest.

use haulage::Outcome;
use origin::{Body, Gate, Origin, Script};

use crate::entities::{header, ranges};
use crate::sandbox::{Sandbox, assert_done, get};

const LENGTH: u64 = 200 << 10;
/// Where the first response falls silent.
const SILENT: u64 = 150 << 10;

fn body() -> Body {
    Body::seeded(7, LENGTH)
}

/// An origin whose `/file` falls silent where it is asked for as a whole, until a gate opens that
/// is given to what answers to a Range; beside it is a small file that leaves an idle connection.
fn silent(rest: impl Fn(&Gate) -> Script + Send + Sync + 'static) -> Origin {
    let (origin, silence, asked) = (Origin::plain(), Gate::new(), Gate::new());
    let waits = asked.clone();
    origin.under("/small", move |_| {
        Script::ok(Body::of("small")).hold(&waits)
    });
    origin.under("/file", move |request| {
        // Each has a connection of its own.
        asked.open();
        if request.headers.contains_key("range") {
            rest(&silence)
        } else {
            Script::entity(body(), "\"a\"").hold_at(SILENT, &silence)
        }
    });
    origin
}

fn run(sandbox: &Sandbox, origin: &Origin) -> Vec<Outcome> {
    let paths = ["/small", "/file"];
    sandbox.run(paths.map(|path| get(&origin.url(path))))
}

#[test]
fn idle_connection_brings_the_rest_of_a_silent_response() {
    let origin = silent(|_| Script::entity(body(), "\"a\""));
    let sandbox = Sandbox::new();
    let outcomes = run(&sandbox, &origin);
    outcomes.iter().for_each(assert_done);
    assert!(sandbox.read("file") == body().bytes());
    let rest = format!("bytes={SILENT}-{}", LENGTH - 1);
    assert_eq!(ranges(&origin).last(), Some(&rest));
    let log = origin.log();
    let of_rest = log.last().unwrap();
    assert_eq!(header(of_rest, "if-match"), "\"a\"");
    let small = log.iter().find(|asked| asked.path == "/small").unwrap();
    assert_eq!(of_rest.connection, small.connection, "it was idle");
}

#[test]
fn rest_that_others_do_not_deliver_comes_from_the_response_itself() {
    let other = || Script::entity(Body::seeded(8, LENGTH), "\"b\"");
    let answers = [
        || Script::status(503),
        || Script::ok(Body::of("the server knows no ranges")),
        other,
    ];
    for answer in answers {
        let origin = silent(move |silence| {
            silence.open();
            answer()
        });
        let sandbox = Sandbox::new();
        run(&sandbox, &origin).iter().for_each(assert_done);
        assert!(sandbox.read("file") == body().bytes());
        assert_eq!(ranges(&origin).len(), 3, "it was requested once more");
    }
}
