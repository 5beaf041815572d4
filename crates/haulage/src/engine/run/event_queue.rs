//! The queue of a run's events: all threads may send, and one receiver takes them.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop;

use crate::event::Event;
use crate::sync::lock;

/// The events of a run; `None` comes last.
#[derive(Default)]
pub(crate) struct EventQueue(Mutex<State>);

#[derive(Default)]
struct State {
    events: VecDeque<Option<Event>>,
    /// Woken when an event is added; `None` unless the receiver waits.
    waiting: Option<Waker>,
    /// Nobody receives events any more.
    is_closed: bool,
}

/// The number of events for which an empty queue keeps its memory.
const KEPT: usize = 64;

impl EventQueue {
    /// Adds an event, or with `None` says that there will be no others. Returns `false` if nobody
    /// receives it any more.
    pub(crate) fn send(&self, event: Option<Event>) -> bool {
        let mut state = lock(&self.0);
        if state.is_closed {
            return false;
        }
        state.events.push_back(event);
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        true
    }

    /// Returns the next event, or waits for it. For one receiver.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        // A receiver that never waits lets others of its runtime have their turns.
        let turn = ready!(coop::poll_proceed(context));
        let mut state = lock(&self.0);
        let Some(event) = state.events.pop_front() else {
            let before = state.waiting.replace(context.waker().clone());
            drop(state);
            // This may drop a whole task, and with it whatever sends events.
            drop(before);
            return Poll::Pending;
        };
        turn.made_progress();
        if state.events.is_empty() {
            state.events.shrink_to(KEPT);
        }
        Poll::Ready(event)
    }

    /// Returns the next event, if there is one already; `None` also at the end of all events.
    pub(crate) fn take(&self) -> Option<Event> {
        let mut state = lock(&self.0);
        state.events.pop_front_if(|event| event.is_some()).flatten()
    }

    /// Notes that nobody receives events any more, and drops those that wait.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.0);
        let rest = std::mem::take(&mut *state);
        state.is_closed = true;
        drop(state);
        drop(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the event that is there; `None` if there is none.
    fn ready_event(queue: &EventQueue) -> Option<Event> {
        match queue.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    #[test]
    fn events_keep_their_order_and_wake_their_receiver() {
        let queue = EventQueue::default();
        let mut context = Context::from_waker(Waker::noop());
        assert!(queue.poll(&mut context).is_pending());
        for number in 0..4 {
            assert!(queue.send(Some(Event::TooManyErrors(number))));
        }
        assert!(lock(&queue.0).waiting.is_none());
        assert!(queue.send(None));
        for number in 0..4 {
            let event = match number {
                0 => queue.take(),
                _ => ready_event(&queue),
            };
            assert!(matches!(event, Some(Event::TooManyErrors(told)) if told == number));
        }
        assert!(queue.take().is_none());
        assert!(queue.poll(&mut context).is_ready());
        assert!(queue.poll(&mut context).is_pending());
        queue.close();
        assert!(!queue.send(None));
    }
}
