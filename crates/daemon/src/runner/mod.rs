//! Runs downloads on the engine: each is a run of one row.

mod speed;
mod task;

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Instant;

use haulage::Engine;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::task::Task;
use crate::options::Plan;
use crate::queue::Gid;
use crate::service::{Finish, Live, PartialFile, Runner};

/// Is told the name of a download, the number of its run, and how that ended by itself.
type OnFinish = Arc<dyn Fn(Gid, u64, Finish) + Send + Sync>;

/// Runs downloads on one engine.
pub(crate) struct EngineRunner {
    engine: Engine,
    runtime: Handle,
    on_finish: OnFinish,
    running: HashMap<Gid, Arc<Task>>,
    /// Runs that were stopped and may not be over yet.
    stopping: HashMap<Gid, CancellationToken>,
    next: u64,
}

impl EngineRunner {
    /// Returns a runner whose tasks are on this runtime. When one has ended by itself, `on_finish`
    /// gets the name of its download, the number of the run, and how it ended.
    pub(crate) fn new(
        engine: Engine,
        runtime: Handle,
        on_finish: impl Fn(Gid, u64, Finish) + Send + Sync + 'static,
    ) -> Self {
        Self {
            engine,
            runtime,
            on_finish: Arc::new(on_finish),
            running: HashMap::new(),
            stopping: HashMap::new(),
            next: 0,
        }
    }

    /// Returns whether the run of this number is that of a download.
    pub(crate) fn is_current(&self, gid: Gid, number: u64) -> bool {
        self.running
            .get(&gid)
            .is_some_and(|task| task.number == number)
    }

    /// Forgets a run that is over.
    pub(crate) fn forget(&mut self, gid: Gid, number: u64) {
        if self.is_current(gid, number) {
            self.running.remove(&gid);
        }
    }

    /// Measures how fast all are.
    pub(crate) fn measure(&self, now: Instant) {
        for task in self.running.values() {
            task.measure(now);
        }
    }

    /// Returns what is cancelled when the runs that were stopped are over.
    pub(crate) fn ends(&self) -> Vec<CancellationToken> {
        self.stopping.values().cloned().collect()
    }
}

impl fmt::Debug for EngineRunner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EngineRunner")
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl Runner for EngineRunner {
    fn start(&mut self, gid: Gid, plan: Plan) {
        let number = self.next;
        self.next += 1;
        let task = Arc::new(Task::new(number, plan.options.limit_rate));
        let before = self.stopping.remove(&gid);
        let replaced = self.running.insert(gid, Arc::clone(&task));
        debug_assert!(replaced.is_none());
        let (engine, on_finish) = (self.engine.clone(), Arc::clone(&self.on_finish));
        self.runtime.spawn(async move {
            if let Some(before) = before {
                before.cancelled().await;
            }
            let finish = task.run(engine, plan).await;
            task.over.cancel();
            if let Some(finish) = finish {
                on_finish(gid, number, finish);
            }
        });
    }

    fn stop(&mut self, gid: Gid, partial_file: PartialFile) {
        if let Some(task) = self.running.remove(&gid) {
            task.stop(partial_file);
            self.stopping.retain(|_, over| !over.is_cancelled());
            self.stopping.insert(gid, task.over.clone());
        }
    }

    fn limit(&mut self, gid: Gid, rate: Option<NonZeroU64>) {
        if let Some(task) = self.running.get(&gid) {
            task.limit(rate);
        }
    }

    fn limit_all(&mut self, rate: Option<NonZeroU64>) {
        self.engine.limit_rate(rate);
    }

    fn live(&self, gid: Gid) -> Option<Live> {
        self.running.get(&gid).map(|task| task.live())
    }
}
