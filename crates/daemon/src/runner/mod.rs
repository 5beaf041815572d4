//! Runs downloads on the engine: a file is a run of one row, a list a run of all its rows.

mod rows;
mod speed;
mod task;
mod waits;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Instant;

use haulage::{Engine, Priority};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

pub(crate) use self::rows::{RowNow, RowStatus, View};
use self::task::{Shared, Task};
pub(crate) use self::waits::{HostWait, HostWaits};
use crate::file;
use crate::lists::Lists;
use crate::options::{Log, Plan};
use crate::queue::Gid;
use crate::service::{Finish, Live, PartialFile, Runner};
use crate::tools::Tools;

/// Is told the name of a download, the number of its run, and how that ended by itself.
type OnFinish = Arc<dyn Fn(Gid, u64, Finish) + Send + Sync>;

/// Runs downloads on one engine.
pub(crate) struct EngineRunner {
    shared: Arc<Shared>,
    runtime: Handle,
    on_finish: OnFinish,
    running: HashMap<Gid, Arc<Task>>,
    /// Runs that were stopped and may not be over yet.
    stopping: HashMap<Gid, CancellationToken>,
    next: u64,
}

impl EngineRunner {
    /// Returns a runner whose tasks are on this runtime, and whose lists are in this folder. When
    /// one has ended by itself, `on_finish` gets the name of its download, the number of the run,
    /// and how it ended.
    pub(crate) fn new(
        engine: Engine,
        tools: Arc<dyn Tools>,
        lists: Lists,
        runtime: Handle,
        on_finish: impl Fn(Gid, u64, Finish) + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                engine,
                tools,
                lists,
                waits: HostWaits::default(),
            }),
            runtime,
            on_finish: Arc::new(on_finish),
            running: HashMap::new(),
            stopping: HashMap::new(),
            next: 0,
        }
    }

    /// Returns the engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Returns the hosts to which nothing is sent for a while.
    pub(crate) fn waits(&self) -> &HostWaits {
        &self.shared.waits
    }

    /// Returns the rows of a list that is running: those that are active, and those that have ended
    /// last; `None` if it is not running.
    pub(crate) fn rows(&self, gid: Gid) -> Option<View> {
        self.running.get(&gid)?.rows()
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
        let task = Arc::new(Task::new(number));
        let before = self.stopping.remove(&gid);
        let replaced = self.running.insert(gid, Arc::clone(&task));
        debug_assert!(replaced.is_none());
        let (shared, on_finish) = (Arc::clone(&self.shared), Arc::clone(&self.on_finish));
        self.runtime.spawn(async move {
            if let Some(before) = before {
                before.cancelled().await;
            }
            let finish = task.run(&shared, gid, plan).await;
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

    fn set_priority(&mut self, gid: Gid, priority: Priority) {
        if let Some(task) = self.running.get(&gid) {
            task.set_priority(priority);
        }
    }

    fn limit_all(&mut self, rate: Option<NonZeroU64>) {
        self.shared.engine.limit_rate(rate);
    }

    fn write_log(&mut self, log: Option<&Log>) -> io::Result<()> {
        let open = |log: &Log| file::append_private(&log.path).map(|file| (file, log.level));
        self.shared.tools.write_log(log.map(open).transpose()?);
        Ok(())
    }

    fn live(&self, gid: Gid) -> Option<Live> {
        self.running.get(&gid).map(|task| task.live())
    }
}
