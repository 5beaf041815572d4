//! A daemon without its network, in a folder of a test.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::SystemTime;

use haulage::{Engine, EngineOptions, Error, ErrorKind, Event, RunOptions};
use tokio::runtime::Handle;

use super::{About, Hub, Parts};
use crate::lists::Lists;
use crate::options::Folders;
use crate::recorder::Recorder;
use crate::rpc::Secret;
use crate::store::{Recorded, Store};
use crate::tools::{
    ListFile, LogLevel, MetricsText, OpenList, RecordedList, Refused, ResultsFormat, Tools,
};

/// The secret that its clients need.
pub(crate) const SECRET: &str = "right";

/// Reads and writes nothing.
#[derive(Debug)]
struct NoTools;

impl Tools for NoTools {
    fn open(&self, _: &ListFile<'_>) -> Result<OpenList, Refused> {
        Ok(OpenList {
            options: RunOptions::new(""),
            rows: Box::new(std::iter::empty()),
            broken: mpsc::channel().1,
        })
    }

    fn count(&self, _: &ListFile<'_>) -> Option<u64> {
        None
    }

    fn write_results(
        &self,
        _: &RecordedList<'_>,
        _: ResultsFormat,
        _: &mut dyn Write,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn report(&self, _: &RecordedList<'_>) -> Result<String, Error> {
        Ok(String::new())
    }

    fn explain(&self, kind: ErrorKind) -> &'static str {
        kind.name()
    }

    fn count_event(&self, _: &Event) {}

    fn write_log(&self, _: Option<(File, LogLevel)>) {}

    fn metrics(&self, _: &Engine, _: &str) -> MetricsText {
        MetricsText {
            content_type: "text/plain",
            text: String::new(),
        }
    }
}

/// Returns a daemon that knows of no download. It may be unable to record any.
pub(crate) fn hub(folder: &Path, refuse_writes: bool) -> Arc<Hub> {
    let store = Store::open(&folder.join("serve.db")).unwrap();
    store.refuse_writes(refuse_writes);
    hub_with(folder, Recorder::start(store, lists(folder)).unwrap())
}

/// Returns a daemon that knows of no download, with this recorder.
pub(crate) fn hub_with(folder: &Path, recorder: Recorder) -> Arc<Hub> {
    Hub::new(Parts {
        engine: Engine::start(EngineOptions::default()).unwrap(),
        tools: Arc::new(NoTools),
        base: RunOptions::new(folder),
        folders: Folders::new(folder, &[]).unwrap(),
        recorder,
        lists: lists(folder),
        earlier: Recorded::default(),
        secret: Secret::new(Some(SECRET)),
        about: About {
            started: SystemTime::UNIX_EPOCH,
            per_host: None,
        },
        runtime: Handle::current(),
    })
}

fn lists(folder: &Path) -> Lists {
    Lists::in_folder(&folder.join("lists")).unwrap()
}
