//! Limits on what is asked at once and in a second.

use origin::{Body, Gate, Limit, Origin, Script};

use crate::client::Client;

#[test]
fn who_comes_beyond_the_limit_is_refused() {
    let origin = Origin::plain();
    let gate = Gate::new();
    // Silent behind its last byte, when it is no longer in flight.
    let held = Script::ok(Body::of("abc")).hold(&gate).stall_at(3);
    origin.on("/slow/a", [held, Script::ok(Body::of("def"))]);
    let busy = Script::status(429).header("retry-after", "1");
    origin.limit("/slow/", Limit::at_once(1, busy));

    let mut first = Client::of(&origin);
    first.send("GET", "/slow/a");
    gate.wait_reached(1);
    let mut second = Client::of(&origin);
    let answer = second.get("/slow/a");
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(second.get("/elsewhere").status(), 404);

    gate.open();
    first.head();
    assert_eq!(first.read(3), b"abc");
    // The one that was refused has not used up what was to come.
    assert_eq!(second.get("/slow/a").status(), 200);
    assert_eq!(second.read(3), b"def");
    assert_eq!(origin.count("/slow/a"), 3);
}

#[test]
fn so_many_a_second() {
    let origin = Origin::plain();
    origin.limit("/", Limit::per_second(0, Script::status(503)));
    assert_eq!(Client::of(&origin).get("/bytes/1").status(), 503);
}
