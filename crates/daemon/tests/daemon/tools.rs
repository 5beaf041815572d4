//! What the daemon takes from the command, as simple as it can be: lists of text, and one option.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};

use haulage::source::{Decompressed, List, ListFormat, ListOptions, count_rows_of_file};
use haulage::{Engine, Error, ErrorKind, Event, RunOptions};
use haulage_daemon::{
    ListFile, LogLevel, MetricsText, OpenList, RecordedList, Refused, ResultsFormat, Tools,
};

/// Reads lists of text, whose only option is `retries`.
#[derive(Debug, Default)]
pub(crate) struct TextTools {
    /// The test meets each count of rows here, when it begins and before it ends.
    pub(crate) counts: Option<Arc<Barrier>>,
    /// Results have no end; here is how many clients get them now. `None` if they are as recorded.
    pub(crate) endless: Option<Arc<AtomicUsize>>,
}

impl Tools for TextTools {
    fn open(&self, list: &ListFile<'_>) -> Result<OpenList, Refused> {
        let mut options = RunOptions::new(list.folder);
        options.retry.base = std::time::Duration::ZERO;
        for (name, value) in list.options {
            match (name.as_str(), value) {
                ("retries", Some(number)) => {
                    options.retry.retries = number
                        .parse()
                        .map_err(|_| Refused("retries needs a number".to_owned()))?;
                }
                ("input-format", _) => {}
                _ => return Err(Refused(format!("there is no option {name:?}"))),
            }
        }
        let file = File::open(list.path).map_err(|error| Refused(error.to_string()))?;
        let read = ListOptions {
            format: Some(ListFormat::Text),
            ..ListOptions::default()
        };
        let name = list.path.to_string_lossy();
        let rows = List::new(Decompressed::new(file), &*name, &read);
        Ok(OpenList {
            options,
            rows: Box::new(rows.map_err(|error| Refused(error.to_string()))?),
            broken: mpsc::channel().1,
        })
    }

    fn count(&self, list: &ListFile<'_>) -> Option<u64> {
        for meeting in [&self.counts, &self.counts].into_iter().flatten() {
            meeting.wait();
        }
        let file = File::open(list.path).ok()?;
        count_rows_of_file(file, "", ListFormat::Text)
            .ok()
            .flatten()
    }

    fn write_results(
        &self,
        of: &RecordedList<'_>,
        format: ResultsFormat,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        if let Some(readers) = &self.endless {
            readers.fetch_add(1, Ordering::SeqCst);
            while out.write_all(&[b'x'; 4096]).is_ok() {}
            readers.fetch_sub(1, Ordering::SeqCst);
            return Ok(());
        }
        for outcome in haulage::results_of(of.folder, of.input)? {
            let outcome = outcome?;
            let (row, status) = (outcome.row, outcome.status.name());
            let written = match format {
                ResultsFormat::Jsonl => writeln!(out, r#"{{"row":{row},"status":"{status}"}}"#),
                ResultsFormat::Csv => writeln!(out, "{row},{status}"),
            };
            written.map_err(|error| Error::new(ErrorKind::Disk, error.to_string()))?;
        }
        Ok(())
    }

    fn report(&self, of: &RecordedList<'_>) -> Result<String, Error> {
        let rows = haulage::results_of(of.folder, of.input)?.count();
        Ok(format!("<p>{}: {rows}</p>", of.name))
    }

    fn explain(&self, kind: ErrorKind) -> &'static str {
        kind.name()
    }

    fn count_event(&self, _: &Event) {}

    fn write_log(&self, _: Option<(File, LogLevel)>) {}

    fn metrics(&self, engine: &Engine, _: &str) -> MetricsText {
        MetricsText {
            content_type: "text/plain",
            text: format!("hosts {}\n", engine.snapshot(0).hosts),
        }
    }
}
