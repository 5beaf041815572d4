//! The events of a run, as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::run::Run;
use crate::event::Event;

/// The events of a run, in order: a stream that ends when the run is over.
///
/// The engine's look-ahead bounds how many events wait in it. Works on any runtime.
pub struct Events {
    run: Arc<Run>,
    over: bool,
}

impl Events {
    pub(super) fn new(run: Arc<Run>) -> Self {
        Self { run, over: false }
    }

    /// Returns the next event; `None` when the run is over.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Waits for at least one event and adds those that are ready to `buffer`. Returns how many
    /// were added; 0 when the run is over.
    pub async fn next_many(&mut self, buffer: &mut Vec<Event>) -> usize {
        let Some(first) = self.next().await else {
            return 0;
        };
        buffer.push(first);
        let mut more = 1;
        let mut ended = 0;
        while let Some(mut event) = self.run.ledger.events.take() {
            if let Event::Ended(outcome) = &mut event {
                outcome.reservation = None;
                ended += 1;
            }
            buffer.push(event);
            more += 1;
        }
        self.run.ledger.received(ended);
        more
    }

    /// Waits until the run is over. After that no event is added to those that wait here. For
    /// callers that take the events later, many at once.
    pub async fn over(&self) {
        self.run.over.cancelled().await;
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.over {
            return Poll::Ready(None);
        }
        let mut event = ready!(self.run.ledger.events.poll(context));
        match &mut event {
            None => self.over = true,
            Some(Event::Ended(outcome)) => {
                // The caller owns its bytes now.
                outcome.reservation = None;
                self.run.ledger.received(1);
            }
            Some(_) => {}
        }
        Poll::Ready(event)
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll(context)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.run.ledger.events.close();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Events")
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
