//! Random scripts with any combination of misbehaviours; the same seed gives the same script.

use std::time::Duration;

use fastrand::Rng;
use h2::Reason;

use crate::body::Body;
use crate::script::{Frames, Framing, RangeLie, Script};

const ETAG: &str = "\"chaos\"";
const MISBEHAVIOURS: [fn(Script, &mut Rng) -> Script; 11] = [
    wait,
    drip,
    stall,
    end,
    end,
    lie_about_length,
    lie_about_ranges,
    flood,
    flood_frames,
    refuse,
    reuse,
];

impl Script {
    /// Returns a script that sends this body with up to three misbehaviours drawn by lot. The body
    /// always has the same `ETag`, and ranges are supported.
    ///
    /// It never deceives a client that follows HTTP: what looks like a whole response of HTTP/1.1
    /// has the bytes of the body, and what does not may be continued by a later response. It waits
    /// for 50 ms at most, but may also stall until the client leaves; floods come to an end.
    /// `Debug` shows what was drawn.
    #[must_use]
    pub fn random(seed: u64, body: Body) -> Self {
        let mut dice = Rng::with_seed(seed);
        let mut script = Self::entity(body, ETAG);
        script.framing = match dice.u8(..4) {
            0 => Framing::Chunked,
            1 => Framing::Close,
            _ => Framing::Length,
        };
        for _ in 0..dice.u8(..4) {
            let misbehave = MISBEHAVIOURS[dice.usize(..MISBEHAVIOURS.len())];
            script = misbehave(script, &mut dice);
        }
        script
    }
}

fn wait(script: Script, dice: &mut Rng) -> Script {
    let time = Duration::from_millis(dice.u64(1..=50));
    if dice.bool() {
        script.delay(time)
    } else {
        let offset = offset(&script, dice);
        script.delay_at(offset, time)
    }
}

/// Sends the head in drops of 50 bytes, or the body in at most ten drops.
fn drip(script: Script, dice: &mut Rng) -> Script {
    let time = Duration::from_millis(dice.u64(1..=5));
    if dice.bool() {
        script.drip_head(50, time)
    } else {
        let bytes = script.body.len() / 10 + 1;
        script.drip(bytes, time)
    }
}

fn stall(script: Script, dice: &mut Rng) -> Script {
    match dice.u8(..4) {
        0 => script.stall(),
        1 => script.stall_head_at(within_head(dice)),
        _ => {
            let offset = offset(&script, dice);
            script.stall_at(offset)
        }
    }
}

fn end(script: Script, dice: &mut Rng) -> Script {
    let offset = offset(&script, dice);
    match dice.u8(..12) {
        0 => script.close(),
        1 => script.reset(),
        2 => script.goaway(),
        3 => script.abandon(reason(dice)),
        4 => script.close_head_at(within_head(dice)),
        5 => script.truncate_head_at(within_head(dice)),
        6 => script.reset_head_at(within_head(dice)),
        7 => script.goaway_at(offset),
        8 => script.reset_stream_at(offset, reason(dice)),
        // The others look like the normal end of a body that ends with the connection.
        _ if script.framing == Framing::Close => script.reset_at(offset),
        9 => script.abandon_at(offset, reason(dice)),
        10 => script.truncate_at(offset),
        _ => script.close_at(offset),
    }
}

/// Sends a false, repeated or invalid length, or bytes that do not belong to the body. The length
/// is never too small: a client could not know.
fn lie_about_length(script: Script, dice: &mut Rng) -> Script {
    let length = script.body.len();
    let said = |script: Script, length: &str| script.header("content-length", length);
    match (script.framing, dice.u8(..5)) {
        // The length exceeds the body by more than the bytes that may follow it.
        (_, 0) => said(script, &(length + dice.u64(100..1000)).to_string()),
        (_, 1) => said(said(script, &length.to_string()), &(length + 1).to_string()),
        (_, 2) => said(said(script, &length.to_string()), &length.to_string()),
        (Framing::Length, 3) => script.raw_at(u64::MAX, "HTTP/1.1 200 OK\r\n\r\n"),
        (Framing::Chunked, 3) => script.raw_at(dice.u64(..=length), "zz\r\n"),
        _ => said(script, "-1"),
    }
}

fn lie_about_ranges(script: Script, dice: &mut Rng) -> Script {
    script.range_lie(RangeLie::ALL[dice.usize(..RangeLie::ALL.len())])
}

fn flood(script: Script, dice: &mut Rng) -> Script {
    match dice.u8(..4) {
        0 => script.flood_headers(dice.u64(1..500)),
        1 => script.flood_header(dice.u64(1..300_000)),
        2 => script.early([100, 102, 103][dice.usize(..3)], dice.u64(1..300)),
        _ => script.flood_trailers(dice.u64(1..500)),
    }
}

fn flood_frames(script: Script, dice: &mut Rng) -> Script {
    let number = dice.u64(1..2000);
    match dice.u8(..5) {
        0 => script.flood(Frames::Settings, number),
        1 => script.flood(Frames::Continuation, number),
        2 => script.flood(Frames::Ping, number),
        _ => {
            let offset = offset(&script, dice);
            script.flood_at(offset, Frames::Data, number)
        }
    }
}

/// Responds with another status, in some cases with `Retry-After`, or with bytes that are no
/// response at all, or changes nothing.
fn refuse(script: Script, dice: &mut Rng) -> Script {
    let status = |status| {
        Script::status(status)
            .etag(ETAG)
            .body(Body::of("refused\n"))
    };
    match dice.u8(..7) {
        0 => status(500),
        1 => status(429).header("retry-after", "0"),
        2 => status(503).header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
        3 => status(503).header("retry-after", "99999999999999999999"),
        4 => Script::raw("HTTP/1.1 2x0 OK\r\n\r\n").close_at(u64::MAX),
        5 => Script::raw("\r\n\0\0\0\0garbage\r\n\r\n").close_at(u64::MAX),
        _ => script,
    }
}

fn reuse(script: Script, dice: &mut Rng) -> Script {
    if dice.bool() {
        script.close_on_reuse()
    } else {
        script.reset_on_reuse()
    }
}

/// Draws an offset: the beginning of the body, its end, or any in between.
fn offset(script: &Script, dice: &mut Rng) -> u64 {
    let length = script.body.len();
    match dice.u8(..6) {
        0 => 0,
        1 => length,
        _ => dice.u64(..=length),
    }
}

/// Draws an offset within the head: below 30, since the shortest head is longer.
fn within_head(dice: &mut Rng) -> u64 {
    dice.u64(1..30)
}

fn reason(dice: &mut Rng) -> Reason {
    let reasons = [
        Reason::INTERNAL_ERROR,
        Reason::REFUSED_STREAM,
        Reason::CANCEL,
        Reason::ENHANCE_YOUR_CALM,
    ];
    reasons[dice.usize(..reasons.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_draws_the_same() {
        let drawn = |seed| format!("{:?}", Script::random(seed, Body::seeded(1, 1000)));
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn some_deliver_and_some_do_not() {
        let deliver =
            (0..1000).filter(|&seed| Script::random(seed, Body::seeded(1, 1000)).may_deliver());
        let deliver = deliver.count();
        assert!((200..800).contains(&deliver), "{deliver} of 1000");
    }
}
