//! Threads for calls that block: file operations and name look-ups. They never run on a network
//! thread.
//!
//! Tokio's own pool starts a thread whenever none is idle, which for many small jobs is a crowd
//! that fights over two cores. This one keeps to one thread as long as jobs get done, and adds
//! another only when nothing has moved for
//! [`STUCK`]: then a call hangs (a throttled disk, a dead mount), and the others must go on.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::sync::modelled::thread::{self, JoinHandle};
use crate::sync::modelled::{Condvar, Mutex, MutexGuard, lock};

/// How long nothing may move before another thread helps, as a rule.
const STUCK: Duration = Duration::from_millis(50);
/// How long a thread that has just worked naps before it looks for more. Meanwhile nobody wakes it,
/// since waking a thread costs about as much as writing a small file: under load it takes a whole
/// batch at each look. One that found nothing sleeps until it is woken, so a lone job never waits.
const NAP: Duration = Duration::from_micros(500);
/// How long a pool that is dropped waits for its jobs. One that still hangs then (a dead mount, a
/// pipe that nobody reads) would keep the process from ending.
const GRACE: Duration = Duration::from_secs(1);
/// A nap ends early when so many jobs have come.
const BATCH: usize = 64;

/// Something to be run, once for each time it is submitted.
pub(crate) trait Job: Send + Sync {
    fn run(self: Arc<Self>);
}

/// Threads that run jobs in the order of their submission. Dropping it runs what is queued, then
/// ends them, except those that hang.
pub(crate) struct BlockingPool {
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

struct Shared {
    name: &'static str,
    most_threads: usize,
    patience: Duration,
    state: Mutex<State>,
    work: Condvar,
    nap: Condvar,
    watch: Condvar,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<dyn Job>>,
    /// Jobs begun so far: when it stands still while the queue does not, something hangs.
    begun: u64,
    /// Threads that sleep until they are woken.
    asleep: usize,
    /// Threads that will look by themselves, soon.
    napping: usize,
    threads: Vec<JoinHandle<()>>,
    /// Those of them that have not ended.
    alive: usize,
    /// The watcher sleeps until somebody calls it.
    watcher_sleeps: bool,
    closing: bool,
}

impl BlockingPool {
    /// A pool with one thread now and at most `most_threads` when calls hang.
    pub(crate) fn new(name: &'static str, most_threads: usize) -> io::Result<Self> {
        Self::with_patience(name, most_threads, STUCK)
    }

    /// A pool in which another thread helps when nothing has moved for as long as `patience`.
    pub(crate) fn with_patience(
        name: &'static str,
        most_threads: usize,
        patience: Duration,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            name,
            most_threads,
            patience,
            state: Mutex::default(),
            work: Condvar::new(),
            nap: Condvar::new(),
            watch: Condvar::new(),
            ended: Condvar::new(),
        });
        shared.add_thread(&mut shared.lock())?;
        let watcher = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("{name}-watch"))
                .spawn(move || shared.watch_over())?
        };
        Ok(Self {
            shared,
            watcher: Some(watcher),
        })
    }

    /// Forgets what is queued, and does not wait for what is running: for calls that nobody needs
    /// any more.
    pub(crate) fn abandon(&mut self) {
        let mut state = self.shared.lock();
        state.queue.clear();
        state.threads.clear();
    }

    /// Queues a job.
    pub(crate) fn submit(&self, job: Arc<dyn Job>) {
        let mut state = self.shared.lock();
        state.queue.push_back(job);
        if state.napping > 0 {
            if state.queue.len() == BATCH {
                self.shared.nap.notify_one();
            }
        } else if state.asleep > 0 {
            self.shared.work.notify_one();
        } else if state.watcher_sleeps {
            state.watcher_sleeps = false;
            self.shared.watch.notify_one();
        }
    }

    /// Queues a function.
    pub(crate) fn call(&self, function: impl FnOnce() + Send + 'static) {
        self.submit(Arc::new(Call(Mutex::new(Some(function)))));
    }
}

impl Drop for BlockingPool {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
        self.shared.nap.notify_all();
        self.shared.watch.notify_all();
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
        let mut state = self.shared.lock();
        let threads = std::mem::take(&mut state.threads);
        // A job may hold the last handle of its own pool: a thread does not wait for itself.
        let own = |handle: &JoinHandle<()>| handle.thread().id() == thread::current().id();
        let rest = usize::from(threads.iter().any(own));
        let _ = self
            .shared
            .ended
            .wait_timeout_while(state, GRACE, |state| state.alive > rest);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn add_thread(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let shared = Arc::clone(self);
        let name = format!("{}-{}", self.name, state.threads.len());
        let handle = thread::Builder::new().name(name).spawn(move || {
            shared.work_through();
            shared.lock().alive -= 1;
            shared.ended.notify_all();
        })?;
        state.alive += 1;
        state.threads.push(handle);
        Ok(())
    }

    fn work_through(&self) {
        let mut state = self.lock();
        let mut has_worked = false;
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.begun += 1;
                // Whoever submitted the next one may have counted on this thread, and this job may
                // hang.
                if !state.queue.is_empty() && std::mem::take(&mut state.watcher_sleeps) {
                    self.watch.notify_one();
                }
                drop(state);
                job.run();
                has_worked = true;
                state = self.lock();
            } else if state.closing {
                return;
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
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.asleep -= 1;
            }
        }
    }

    /// Nothing has moved: somebody else goes on.
    fn help(self: &Arc<Self>, state: &mut State) {
        if state.asleep > 0 {
            self.work.notify_one();
        } else if state.threads.len() < self.most_threads {
            // Without another thread things go on as they are: there is no one to tell.
            let _ = self.add_thread(state);
        }
    }

    fn watch_over(self: &Arc<Self>) {
        let mut state = self.lock();
        // What had begun at the last look; none after a sleep, so that a job has its time before it
        // counts as stuck.
        let mut begun = None;
        while !state.closing {
            if state.queue.is_empty() {
                state.watcher_sleeps = true;
                state = self
                    .watch
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
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
        let pool = BlockingPool::new("test", 3).unwrap();
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
        let pool = BlockingPool::new("test", 3).unwrap();
        while pool.shared.lock().asleep == 0 {
            thread::yield_now();
        }
        let (release, released) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        {
            // Both are there before the thread wakes.
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
        let pool = BlockingPool::new("test", 3).unwrap();
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
    fn what_is_queued_when_it_ends_is_done() {
        let (tell, told) = mpsc::channel();
        let pool = BlockingPool::new("test", 1).unwrap();
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
