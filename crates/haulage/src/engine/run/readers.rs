//! The threads that read lists: one for each list that is being read.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

#[cfg(test)]
use crate::sync::by_hand::ByHand;
use crate::sync::lock;

/// How long an idle thread waits for another list: to start a thread costs more than to read a
/// short list.
const IDLE: Duration = Duration::from_secs(1);

/// Something that a thread reads, and that may block it.
pub(crate) trait Read: Send + Sync + 'static {
    /// Reads until there is nothing more, or no room for it.
    fn read(self: Arc<Self>);
}

/// Threads that read.
pub(crate) struct Readers<R> {
    /// Reads instead of threads; `None` except in simulations.
    #[cfg(test)]
    by_hand: Option<Arc<ByHand>>,
    state: Mutex<State<R>>,
    /// Notified when there is something to read, or when the threads are to end.
    work: Condvar,
    /// Notified when a thread has ended.
    ended: Condvar,
}

struct State<R> {
    waiting: VecDeque<Arc<R>>,
    threads: usize,
    /// How many of the threads wait for something to read.
    idle: usize,
    is_closed: bool,
}

impl<R> Default for Readers<R> {
    fn default() -> Self {
        Self {
            #[cfg(test)]
            by_hand: None,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                threads: 0,
                idle: 0,
                is_closed: false,
            }),
            work: Condvar::new(),
            ended: Condvar::new(),
        }
    }
}

impl<R: Read> Readers<R> {
    /// Returns readers without threads, for which a simulation reads.
    #[cfg(test)]
    pub(crate) fn by_hand(hand: &Arc<ByHand>) -> Self {
        Self {
            by_hand: Some(Arc::clone(hand)),
            ..Self::default()
        }
    }

    /// Reads something, on a thread that is idle or on a new one: none waits for another, which may
    /// be held up by its source.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn submit(self: &Arc<Self>, what: Arc<R>) -> io::Result<()> {
        #[cfg(test)]
        if let Some(hand) = &self.by_hand {
            hand.add(move || what.read());
            return Ok(());
        }
        let mut state = lock(&self.state);
        state.waiting.push_back(what);
        if state.idle >= state.waiting.len() {
            self.work.notify_one();
            return Ok(());
        }
        state.threads += 1;
        let readers = Arc::clone(self);
        let thread = thread::Builder::new().name("haulage-intake".into());
        if let Err(cause) = thread.spawn(move || readers.work_through()) {
            state.threads -= 1;
            state.waiting.pop_back();
            return Err(cause);
        }
        Ok(())
    }

    /// Ends the threads, and waits for that, but no longer than this: a source may hold one up.
    pub(crate) fn close(&self, most: Duration) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.waiting.clear();
        self.work.notify_all();
        let ended = self
            .ended
            .wait_timeout_while(state, most, |state| state.threads > 0);
        drop(ended.unwrap_or_else(PoisonError::into_inner));
    }

    fn work_through(&self) {
        while let Some(what) = self.next() {
            what.read();
        }
        lock(&self.state).threads -= 1;
        self.ended.notify_all();
    }

    /// Returns what is read next; `None` when nothing has come for a while.
    fn next(&self) -> Option<Arc<R>> {
        let mut state = lock(&self.state);
        state.idle += 1;
        let (mut state, _) = self
            .work
            .wait_timeout_while(state, IDLE, |state| {
                state.waiting.is_empty() && !state.is_closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        state.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Tells its number, and waits at a barrier if it has one.
    struct Told(u32, Sender<u32>, Option<Arc<std::sync::Barrier>>);

    impl Read for Told {
        fn read(self: Arc<Self>) {
            self.1.send(self.0).unwrap();
            if let Some(barrier) = &self.2 {
                barrier.wait();
            }
        }
    }

    #[test]
    fn none_waits_for_another_and_all_threads_end() {
        let (tell, told) = channel();
        let (readers, barrier) = (
            Arc::new(Readers::default()),
            Arc::new(std::sync::Barrier::new(5)),
        );
        for number in 0..4 {
            let what = Told(number, tell.clone(), Some(Arc::clone(&barrier)));
            readers.submit(Arc::new(what)).unwrap();
        }
        let mut begun: Vec<_> = told.iter().take(4).collect();
        begun.sort_unstable();
        assert_eq!(begun, [0, 1, 2, 3]);
        barrier.wait();
        for number in 4..50 {
            let what = Told(number, tell.clone(), None);
            readers.submit(Arc::new(what)).unwrap();
            assert_eq!(told.recv().unwrap(), number);
        }
        readers.close(Duration::from_mins(1));
        assert_eq!(lock(&readers.state).threads, 0);
    }
}
