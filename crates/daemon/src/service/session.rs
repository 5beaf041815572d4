//! The file of what is left to do, which `aria2c -i` and `haul -i` read.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::{Runner, Service};
use crate::queue::{Download, State};

impl<R: Runner> Service<R> {
    /// Returns the file that the session is saved to; `None` if none was given.
    pub(crate) fn session_file(&self) -> Option<PathBuf> {
        let path = self
            .global
            .get("save-session")
            .filter(|path| !path.is_empty())?;
        self.folders.resolve(path)
    }

    /// Returns the files that are left to do, in the format of aria2's input files: those that
    /// failed, those that are active, and the queue.
    pub(crate) fn saved_session(&self) -> String {
        let failed = self
            .queue
            .stopped()
            .filter(|download| download.state == State::Error);
        let mut text = String::new();
        for download in failed.chain(self.queue.active()).chain(self.queue.queued()) {
            if !download.is_list() {
                write_entry(&mut text, download);
            }
        }
        text
    }
}

fn write_entry(text: &mut String, download: &Download) {
    let mut line = |begin: &str, value: &str| {
        // Writing to memory does not fail.
        let _ = writeln!(text, "{begin}{value}");
    };
    line("", &download.uris.join("\t"));
    line(" gid=", &download.gid.to_string());
    if download.state == State::Paused {
        line(" pause=", "true");
    }
    for (name, value) in download.options.iter() {
        for value in value.lines() {
            line(&format!(" {name}="), value);
        }
    }
}
