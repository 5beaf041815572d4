//! A response of a simulation: what its connection delivers, and when.

use std::time::{Duration, Instant};

use super::{LOOK, TIMEOUT};
use crate::plan::range_set::RangeSet;
use crate::write::SegmentSlot;

/// What a connection does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Script {
    /// It delivers this many bytes per second.
    Steady(f64),
    Refuses,
    /// No response comes.
    Mute,
    /// It delivers this many bytes, and then nothing.
    FallsSilent(u64),
    /// It is closed after this many bytes.
    Dies(u64),
    /// It is silent from this byte on, for this time.
    Recovers(u64, Duration),
    /// Its response ends this many bytes before the end that was requested.
    Short(u64),
}

/// A response that is being received.
pub(super) struct Response {
    pub(super) at: usize,
    pub(super) slot: SegmentSlot,
    pub(super) script: Script,
    /// Bytes per second.
    pub(super) rate: f64,
    /// Bytes that were sent to it.
    pub(super) sent: u64,
    /// Where its response ends.
    pub(super) end: u64,
    /// When the last byte came.
    pub(super) last: Instant,
    pub(super) is_own: bool,
}

/// How a response goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Course {
    GoesOn,
    /// It has delivered what it was to deliver, or others do.
    Ended,
    Failed,
}

impl Response {
    /// Receives what comes in this time. `written` are all bytes that were written.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates are not negative, and small enough"
    )]
    pub(super) fn receive(
        &mut self,
        written: &mut RangeSet,
        now: Instant,
        step: Duration,
    ) -> Course {
        let is_silent = match self.script {
            Script::FallsSilent(after) => self.sent >= after,
            Script::Recovers(after, time) => self.sent >= after && now < self.last + time,
            _ => false,
        };
        if is_silent {
            return if now >= self.last + TIMEOUT {
                Course::Failed
            } else {
                Course::GoesOn
            };
        }
        if let Script::Recovers(..) = self.script {
            // It is silent once.
            if now > self.last + LOOK {
                self.script = Script::Steady(self.rate);
            }
        }
        self.last = now;
        let segment = &self.slot.segment;
        let at = segment.start() + self.sent;
        let comes = (self.rate * step.as_secs_f64()) as u64;
        let comes = comes.max(1).min(self.end.saturating_sub(at));
        let comes = match self.script {
            Script::Dies(after) => comes.min(after.saturating_sub(self.sent)),
            Script::FallsSilent(after) | Script::Recovers(after, _) => {
                comes.min(after.saturating_sub(self.sent))
            }
            _ => comes,
        };
        let kept = self.slot.admit(at, comes);
        assert!(kept == 0 || at + kept <= segment.end(), "beyond its claim");
        let before = written.covered();
        written.add(at..at + kept);
        assert_eq!(written.covered(), before + kept, "a byte is written twice");
        segment.wrote(kept);
        self.sent += kept;
        match self.script {
            _ if kept < comes || segment.start() + self.sent >= self.end => Course::Ended,
            Script::Dies(after) if self.sent >= after => Course::Failed,
            _ => Course::GoesOn,
        }
    }
}
