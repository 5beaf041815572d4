//! A runner that downloads nothing.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;

use haulage::{Priority, RunOptions};

use super::{Live, PartialFile, Runner, Service};
use crate::options::{Folders, Log, Options, Plan};
use crate::queue::{Gid, Queue};

/// Notes what it is told.
#[derive(Debug, Default)]
pub(crate) struct FakeRunner {
    pub(crate) running: BTreeMap<Gid, Live>,
    pub(crate) told: Vec<String>,
}

impl Runner for FakeRunner {
    fn start(&mut self, gid: Gid, _: Plan) {
        self.running.insert(gid, Live::default());
        self.told.push(format!("start {gid}"));
    }

    fn stop(&mut self, gid: Gid, partial_file: PartialFile) {
        self.running.remove(&gid);
        self.told.push(format!("stop {gid} {partial_file:?}"));
    }

    fn limit(&mut self, gid: Gid, rate: Option<NonZeroU64>) {
        self.told.push(format!("limit {gid} {rate:?}"));
    }

    fn set_priority(&mut self, gid: Gid, priority: Priority) {
        self.told.push(format!("priority {gid} {priority:?}"));
    }

    fn limit_all(&mut self, rate: Option<NonZeroU64>) {
        self.told.push(format!("limit all {rate:?}"));
    }

    fn write_log(&mut self, log: Option<&Log>) -> io::Result<()> {
        let shown = log.map(|log| (log.path.file_name().unwrap_or_default(), log.level));
        self.told.push(format!("log {shown:?}"));
        Ok(())
    }

    fn live(&self, gid: Gid) -> Option<Live> {
        self.running.get(&gid).cloned()
    }
}

/// Returns a service without downloads, of which two may be active at once.
pub(crate) fn service(folder: &std::path::Path) -> Service<FakeRunner> {
    let mut global = Options::default();
    global.set("max-concurrent-downloads", "2").unwrap();
    Service::new(
        Queue::default(),
        global,
        Folders::new(folder, &[]).unwrap(),
        RunOptions::new(folder),
        FakeRunner::default(),
        fastrand::Rng::with_seed(7),
        || std::time::SystemTime::UNIX_EPOCH,
    )
}
