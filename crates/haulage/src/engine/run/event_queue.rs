//! The queue of a run's events: all threads may send, and one receiver takes them.

use std::sync::{Mutex, OnceLock};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::event::Event;
use crate::sync::lock;

/// The events of a run; `None` comes last.
pub(crate) type EventReceiver = UnboundedReceiver<Option<Event>>;

/// The events of a run. Before there is a receiver, they take no more memory than needed: a paused
/// run has no events.
#[derive(Default)]
pub(crate) struct EventQueue {
    sender: OnceLock<UnboundedSender<Option<Event>>>,
    /// Events that were sent before there was a receiver.
    early: Mutex<Vec<Option<Event>>>,
}

impl EventQueue {
    /// Adds an event, or with `None` says that there will be no others. Returns `false` if nobody
    /// receives it any more.
    pub(crate) fn send(&self, event: Option<Event>) -> bool {
        if let Some(sender) = self.sender.get() {
            return sender.send(event).is_ok();
        }
        let mut early = lock(&self.early);
        if let Some(sender) = self.sender.get() {
            // A receiver was created meanwhile.
            return sender.send(event).is_ok();
        }
        early.push(event);
        true
    }

    /// Returns the receiver of all events. To be called once.
    pub(crate) fn receive(&self) -> EventReceiver {
        let (sender, receiver) = unbounded_channel();
        let mut early = lock(&self.early);
        for event in early.drain(..) {
            // The receiver exists, so this does not fail.
            let _ = sender.send(event);
        }
        let _ = self.sender.set(sender);
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_keep_their_order_whenever_somebody_begins_to_receive_them() {
        for begins in 0..=4 {
            let (queue, mut receiver) = (EventQueue::default(), None);
            for number in 0..4 {
                if number == begins {
                    receiver = Some(queue.receive());
                }
                assert!(queue.send(Some(Event::TooManyErrors(number))));
            }
            let mut receiver = receiver.unwrap_or_else(|| queue.receive());
            for number in 0..4 {
                let event = receiver.try_recv().unwrap();
                assert!(matches!(event, Some(Event::TooManyErrors(told)) if told == number));
            }
            drop(receiver);
            assert!(!queue.send(None));
        }
    }
}
