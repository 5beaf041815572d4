//! The outcomes of a run, as a stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::events::Events;
use super::handle::RunHandle;
use crate::event::Event;
use crate::outcome::Outcome;

/// The outcomes of a run, as its items end.
#[derive(Debug)]
pub struct Outcomes {
    events: Events,
    /// Stops the run when it is dropped.
    _run: RunHandle,
}

impl Outcomes {
    /// Returns the outcomes of a run that nobody else steers: it lives as long as they do.
    pub(crate) fn of(mut run: RunHandle) -> Self {
        Self {
            events: run.events(),
            _run: run,
        }
    }

    /// Returns the next outcome; `None` when the run is over.
    pub async fn next(&mut self) -> Option<Outcome> {
        loop {
            if let Event::Ended(outcome) = self.events.next().await? {
                return Some(*outcome);
            }
        }
    }
}

impl Stream for Outcomes {
    type Item = Outcome;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let events = &mut self.get_mut().events;
        loop {
            match ready!(events.poll(context)) {
                Some(Event::Ended(outcome)) => return Poll::Ready(Some(*outcome)),
                Some(_) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}
