//! Threads for calls that block: file operations and name look-ups. These never run on a network
//! thread.
//!
//! Tokio's own pool starts a thread whenever none is idle: for many small jobs, too many threads
//! that compete for two cores. This pool keeps to one thread as long as jobs get done. It adds
//! another only when no job has begun for [`STUCK`]: then a call hangs (a throttled disk, a dead
//! mount), and the other jobs must not wait for it.
//!
//! Threads start when there is work, and end after [`IDLE`] without any.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

#[cfg(test)]
use crate::sync::by_hand::ByHand;
use crate::sync::modelled::thread::{self, JoinHandle};
use crate::sync::modelled::{Condvar, Mutex, MutexGuard, lock};

/// How long no job may begin before another thread helps, by default.
const STUCK: Duration = Duration::from_millis(50);
/// How long a thread that has just worked naps before it looks for more. It is not woken meanwhile,
/// since waking a thread costs about as much as writing a small file. So under load it takes a
/// batch at each look. A thread that found no work sleeps until it is woken, so that a lone job
/// does not wait.
const NAP: Duration = Duration::from_micros(500);
/// How long a thread without work waits before it ends.
const IDLE: Duration = Duration::from_secs(10);
/// How long dropping the pool waits for its jobs. A job that still hangs then (a dead mount, a pipe
/// without a reader) would keep the process from ending.
const GRACE: Duration = Duration::from_secs(1);
/// A nap ends early when this many jobs are queued.
const BATCH: usize = 64;

/// Work that is run once for each time that it is submitted.
pub(crate) trait Job: Send + Sync {
    fn run(self: Arc<Self>);
}

/// Threads that run jobs in the order of their submission. Dropping the pool runs the queued jobs,
/// then ends the threads, except those that hang.
pub(crate) struct BlockingPool {
    shared: Arc<Shared>,
    /// Runs the jobs instead of threads; `None` except in simulations.
    #[cfg(test)]
    by_hand: Option<Arc<ByHand>>,
}

struct Shared {
    name: &'static str,
    most_threads: usize,
    patience: Duration,
    idle: Duration,
    state: Mutex<State>,
    work: Condvar,
    nap: Condvar,
    watch: Condvar,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<dyn Job>>,
    /// Number of jobs begun so far. If it does not change while jobs are queued, a job hangs.
    begun: u64,
    /// Number of threads that sleep until they are woken.
    asleep: usize,
    /// Number of threads that nap: they look for work by themselves, soon.
    napping: usize,
    threads: Vec<JoinHandle<()>>,
    /// Number of `threads` that have not ended.
    alive: usize,
    /// The thread that checks whether jobs hang; `None` while there is no such thread.
    watcher: Option<JoinHandle<()>>,
    /// Whether the watcher sleeps until it is called.
    watcher_sleeps: bool,
    /// The thread that was the last to end for lack of work, and that has not been joined.
    idled: Option<JoinHandle<()>>,
    closing: bool,
}

impl BlockingPool {
    /// Returns a pool with no thread yet, and at most `most_threads` when calls hang.
    pub(crate) fn new(name: &'static str, most_threads: usize) -> Self {
        Self::with_patience(name, most_threads, STUCK)
    }

    /// Returns a pool in which another thread helps when nothing has moved for as long as
    /// `patience`.
    pub(crate) fn with_patience(
        name: &'static str,
        most_threads: usize,
        patience: Duration,
    ) -> Self {
        Self::with_times(name, most_threads, patience, IDLE)
    }

    fn with_times(
        name: &'static str,
        most_threads: usize,
        patience: Duration,
        idle: Duration,
    ) -> Self {
        Self {
            #[cfg(test)]
            by_hand: None,
            shared: Arc::new(Shared {
                name,
                most_threads,
                patience,
                idle,
                state: Mutex::default(),
                work: Condvar::new(),
                nap: Condvar::new(),
                watch: Condvar::new(),
                ended: Condvar::new(),
            }),
        }
    }

    /// Returns a pool without threads, whose jobs a simulation runs.
    #[cfg(test)]
    pub(crate) fn by_hand(hand: &Arc<ByHand>) -> Self {
        let mut pool = Self::new("simulated", 0);
        pool.by_hand = Some(Arc::clone(hand));
        pool
    }

    /// Forgets what is queued, and does not wait for what is running: for calls that nobody needs
    /// any more.
    pub(crate) fn abandon(&mut self) {
        let mut state = self.shared.lock();
        state.queue.clear();
        state.threads.clear();
    }

    /// Queues a job. Where no thread can be started, it is run here.
    pub(crate) fn submit(&self, job: Arc<dyn Job>) {
        #[cfg(test)]
        if let Some(hand) = &self.by_hand {
            return hand.add(move || job.run());
        }
        let mut state = self.shared.lock();
        if state.alive == 0 {
            if self.shared.add_thread(&mut state).is_err() {
                drop(state);
                return job.run();
            }
            return state.queue.push_back(job);
        }
        state.queue.push_back(job);
        if state.napping > 0 {
            if state.queue.len() == BATCH {
                self.shared.nap.notify_one();
            }
        } else if state.asleep > 0 {
            self.shared.work.notify_one();
        } else {
            self.shared.call_watcher(&mut state);
        }
    }

    /// Queues a function.
    pub(crate) fn call(&self, function: impl FnOnce() + Send + 'static) {
        self.submit(Arc::new(Call(Mutex::new(Some(function)))));
    }
}

impl Drop for BlockingPool {
    fn drop(&mut self) {
        let shared = &self.shared;
        let mut state = shared.lock();
        state.closing = true;
        let watcher = state.watcher.take();
        let idled = state.idled.take();
        drop(state);
        shared.work.notify_all();
        shared.nap.notify_all();
        shared.watch.notify_all();
        join(watcher);
        join(idled);
        let mut state = shared.lock();
        let mut threads = std::mem::take(&mut state.threads);
        // A job may hold the last handle of its own pool: its thread cannot wait for itself.
        let own = threads.iter().position(is_own);
        let rest = usize::from(own.is_some());
        let waited = shared
            .ended
            .wait_timeout_while(state, GRACE, |state| state.alive > rest);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let all_have_ended = state.alive <= rest;
        drop(state);
        if let Some(own) = own {
            threads.swap_remove(own);
        }
        if all_have_ended {
            for thread in threads {
                let _ = thread.join();
            }
        }
    }
}

/// Returns whether the handle is that of the calling thread.
fn is_own(handle: &JoinHandle<()>) -> bool {
    handle.thread().id() == thread::current().id()
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn add_thread(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let shared = Arc::clone(self);
        let name = format!("{}-{}", self.name, state.alive);
        let handle = thread::Builder::new().name(name).spawn(move || {
            let before = shared.work_through();
            shared.ended.notify_all();
            join(before);
        })?;
        state.alive += 1;
        state.threads.push(handle);
        Ok(())
    }

    /// Wakes the watcher, or starts one. If it cannot be started, the pool works without: nobody
    /// could be told.
    fn call_watcher(self: &Arc<Self>, state: &mut State) {
        if std::mem::take(&mut state.watcher_sleeps) {
            self.watch.notify_one();
        } else if state.watcher.is_none() && !state.closing {
            let shared = Arc::clone(self);
            let watcher = thread::Builder::new().name(format!("{}-watch", self.name));
            state.watcher = watcher.spawn(move || join(shared.watch_over())).ok();
        }
    }

    /// Runs jobs until there have been none for a while. Returns the thread that had ended so
    /// before this one, if there was one and it has not been joined.
    fn work_through(self: &Arc<Self>) -> Option<JoinHandle<()>> {
        let mut state = self.lock();
        let mut has_worked = false;
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.begun += 1;
                // This job may hang, and the submitter of the next one may have relied on this
                // thread.
                if !state.queue.is_empty() {
                    self.call_watcher(&mut state);
                }
                drop(state);
                job.run();
                has_worked = true;
                state = self.lock();
            } else if state.closing {
                state.alive -= 1;
                return None;
            } else if std::mem::take(&mut has_worked) && state.napping == 0 {
                state.napping += 1;
                state = self
                    .nap
                    .wait_timeout(state, NAP)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
                state.napping -= 1;
            } else {
                state.asleep += 1;
                let waited = self.work.wait_timeout(state, self.idle);
                let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                state = woken;
                state.asleep -= 1;
                // In one step, under the lock: a submitter sees that there is a thread, or starts
                // one.
                if timeout.timed_out() && state.queue.is_empty() && !state.closing {
                    state.alive -= 1;
                    return state.idle_out();
                }
            }
        }
    }

    /// Lets another thread work on the queue, since no job has made progress: wakes one that
    /// sleeps, or starts one.
    fn help(self: &Arc<Self>, state: &mut State) {
        if state.asleep > 0 {
            self.work.notify_one();
        } else if state.alive < self.most_threads {
            // If no thread can be started, the pool works without it: there is no caller to tell.
            let _ = self.add_thread(state);
        }
    }

    /// Looks whether jobs hang, until there have been none for a while. Returns what
    /// [`work_through`](Self::work_through) does.
    fn watch_over(self: &Arc<Self>) -> Option<JoinHandle<()>> {
        let mut state = self.lock();
        // The value of `begun` at the last look; `None` after a sleep, so that a job has its full
        // time before it counts as stuck.
        let mut begun = None;
        while !state.closing {
            if state.queue.is_empty() {
                state.watcher_sleeps = true;
                let waited = self.watch.wait_timeout(state, self.idle);
                let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                state = woken;
                // The watcher was not called, or `watcher_sleeps` would be false.
                if timeout.timed_out() && state.watcher_sleeps && !state.closing {
                    state.watcher_sleeps = false;
                    let own = state.watcher.take();
                    return own.and_then(|own| state.idled.replace(own));
                }
                begun = None;
            } else {
                if begun == Some(state.begun) {
                    self.help(&mut state);
                }
                begun = Some(state.begun);
                state = self
                    .watch
                    .wait_timeout(state, self.patience)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
        }
        None
    }
}

/// Waits for the end of a thread that has nothing left to do, if there is one.
fn join(ended: Option<JoinHandle<()>>) {
    if let Some(ended) = ended {
        let _ = ended.join();
    }
}

impl State {
    /// Ends a thread for want of work: it is the one to be joined. Returns the one before it.
    fn idle_out(&mut self) -> Option<JoinHandle<()>> {
        let own = self.threads.iter().position(is_own)?;
        self.idled.replace(self.threads.swap_remove(own))
    }
}

struct Call<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send> Job for Call<F> {
    fn run(self: Arc<Self>) {
        let function = lock(&self.0).take();
        if let Some(function) = function {
            function();
        }
    }
}

#[cfg(test)]
#[cfg(feature = "model")]
mod model;
#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_job_that_hangs_holds_up_no_other() {
        let pool = BlockingPool::new("test", 3);
        let (release, released) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        pool.call(move || {
            let _ = released.recv();
        });
        pool.call(move || tell.send("went on").unwrap());
        assert_eq!(told.recv().unwrap(), "went on");
        drop(release);
    }

    #[test]
    fn jobs_that_count_on_one_thread_that_then_hangs_are_done_by_another() {
        let pool = BlockingPool::new("test", 3);
        pool.call(|| {});
        while pool.shared.lock().asleep == 0 {
            thread::yield_now();
        }
        let (release, released) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        {
            // Both jobs are queued before the thread wakes.
            let mut state = pool.shared.lock();
            let hang = move || {
                let _ = released.recv();
            };
            state
                .queue
                .push_back(Arc::new(Call(Mutex::new(Some(hang)))));
            let go_on = move || tell.send("went on").unwrap();
            state
                .queue
                .push_back(Arc::new(Call(Mutex::new(Some(go_on)))));
            pool.shared.work.notify_one();
        }
        assert_eq!(told.recv().unwrap(), "went on");
        drop(release);
    }

    #[test]
    fn a_job_that_hangs_does_not_keep_the_pool_from_ending() {
        let pool = BlockingPool::new("test", 3);
        let (release, released) = mpsc::channel::<()>();
        let (hang, hangs) = mpsc::channel();
        pool.call(move || {
            hang.send(()).unwrap();
            let _ = released.recv();
        });
        hangs.recv().unwrap();
        drop(pool);
        drop(release);
    }

    #[test]
    fn threads_start_with_the_first_job_and_end_without_any() {
        let pool = BlockingPool::with_times("test", 3, STUCK, Duration::from_millis(1));
        for _ in 0..3 {
            assert_eq!(pool.shared.lock().alive, 0);
            let (tell, told) = mpsc::channel();
            // The second job waits for the first, so the watcher is called.
            let (release, released) = mpsc::channel::<()>();
            pool.call(move || released.recv().unwrap());
            pool.call(move || tell.send(()).unwrap());
            release.send(()).unwrap();
            told.recv().unwrap();
            let has_ended = |state: &State| state.alive == 0 && state.watcher.is_none();
            while !has_ended(&pool.shared.lock()) {
                thread::yield_now();
            }
        }
        assert!(pool.shared.lock().threads.is_empty());
    }

    #[test]
    fn what_is_queued_when_it_ends_is_done() {
        let (tell, told) = mpsc::channel();
        let pool = BlockingPool::new("test", 1);
        for number in 0..100 {
            let tell = tell.clone();
            pool.call(move || tell.send(number).unwrap());
        }
        drop((pool, tell));
        assert_eq!(
            told.iter().collect::<Vec<_>>(),
            (0..100).collect::<Vec<_>>()
        );
    }
}
