//! All parts that another response can resume. What is recorded of parts is taken from here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use super::assembly::{Assembly, Recorder};

use crate::sync::lock;

/// The parts of a run that can be resumed, by their numbers.
#[derive(Default)]
pub(crate) struct Assemblies {
    parts: Mutex<BTreeMap<u64, Arc<Assembly>>>,
    recorder: OnceLock<Recorder>,
}

impl Assemblies {
    /// Sets what is called each time that a response begins to deliver bytes of a part.
    pub(crate) fn set_recorder(&self, tell: impl Fn() + Send + Sync + 'static) {
        let _ = self.recorder.set(Arc::new(tell));
    }

    pub(crate) fn add(&self, assembly: &Arc<Assembly>) {
        if let Some(recorder) = self.recorder.get() {
            assembly.set_recorder(recorder);
        }
        self.lock().insert(assembly.number, Arc::clone(assembly));
    }

    /// Forgets a part that has become a file, or is no longer of use.
    pub(crate) fn forget(&self, assembly: &Assembly) {
        self.lock().remove(&assembly.number);
    }

    /// Returns all of them, in the order of their numbers.
    pub(crate) fn all(&self) -> Vec<Arc<Assembly>> {
        self.lock().values().cloned().collect()
    }

    /// Waits at the end of the run until all bytes that were handed over are written, but no longer
    /// than `most`: the disk may hang.
    pub(crate) fn wait_until_idle(&self, most: Duration) {
        let until = Instant::now() + most;
        for assembly in self.all() {
            assembly.wait_until_idle(until.saturating_duration_since(Instant::now()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Assembly>>> {
        lock(&self.parts)
    }
}
