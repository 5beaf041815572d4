//! The results: one row for each item, written when it ends.

#[cfg(feature = "parquet")]
pub(crate) mod columns;
mod csv;
#[cfg(feature = "parquet")]
mod partial;
mod target;

use std::fs::File;
use std::io::{self, Write};
use std::mem;

use haulage::{Algorithm, Event, Outcome};

pub(crate) use self::csv::Csv;
#[cfg(feature = "parquet")]
use self::partial::Partial;
use self::target::{cannot_write, create};
use crate::exit::Problem;
use crate::input::CarriedTypes;
use crate::report::format;
use crate::report::plan;
use crate::report::row::{CarriedNames, ResultRow, write_line};
use crate::values::{ResultsFormat, ResultsTarget};

/// What is written for an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A row with everything that is known about the item.
    Rows,
    /// A line of a list that can be read again: the item's URL and name. Nothing for an item that
    /// would not be downloaded.
    Plan,
}

/// The sources of a run, as far as their columns are carried to its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sources {
    /// They have no columns.
    #[default]
    WithoutColumns,
    /// One table with a header: all rows have the same columns.
    OneTable,
    /// Each row may have columns of its own.
    Any,
}

/// What results a run has.
#[derive(Debug, Default)]
pub(crate) struct ResultsPlan {
    pub(crate) targets: Vec<(ResultsTarget, Form)>,
    /// The hashes that all of its files have.
    pub(crate) hashes: Vec<Algorithm>,
    pub(crate) sources: Sources,
    /// The types of carried columns, as far as lists tell them.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only tables have types")
    )]
    pub(crate) types: CarriedTypes,
}

/// Most carried columns of a table. Those beyond it go into the column `carried`.
const MAX_CARRIED: usize = 1000;
/// Rows that are written together are passed on in pieces of about this many bytes.
const PIECE: usize = 256 << 10;

/// The targets of the rows, and the rows that are not written yet.
pub(crate) struct Results {
    sinks: Vec<Sink>,
    names: CarriedNames,
    /// The row that is being written, as JSON.
    line: String,
}

/// Why no more rows can be written to a target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The reader of standard output has closed it.
    ReaderClosed,
    /// The target cannot be written to, for this reason.
    Unwritable(Problem),
}

/// Work that is left at the end of a run, and that may take its time.
pub(crate) type Closing = Box<dyn FnOnce() -> Result<(), Problem> + Send>;

impl Results {
    /// Opens the targets without touching what a former run left there: until
    /// [`begin`](Opened::begin), this run may yet turn out to be none.
    pub(crate) fn open(plan: &ResultsPlan) -> Result<Opened, Problem> {
        let targets = plan.targets.iter();
        let sinks = targets.map(|(target, form)| OpenedSink::open(target, *form, plan));
        sinks.collect::<Result<_, _>>().map(Opened)
    }

    /// Takes note of an event. Returns which targets are lost.
    pub(crate) fn event(&mut self, event: &Event) -> Vec<Lost> {
        if let Event::Ended(outcome) = event
            && !self.sinks.is_empty()
        {
            return self.ended(outcome);
        }
        Vec::new()
    }

    fn ended(&mut self, outcome: &Outcome) -> Vec<Lost> {
        let row = ResultRow::new(outcome, &mut self.names);
        let line = &mut self.line;
        line.clear();
        let mut is_full = false;
        for sink in &mut self.sinks {
            let out = &mut sink.gathered;
            match &mut sink.writer {
                Writer::Plan => plan::write_line(outcome, out),
                Writer::Csv(csv) => csv.row(&row, out),
                Writer::Lines(after) => {
                    if line.is_empty() {
                        write_line(&row, line);
                    }
                    out.push_str(line);
                    after.row(&row);
                }
            }
            is_full |= sink.gathered.len() >= PIECE;
        }
        if is_full { self.write() } else { Vec::new() }
    }

    /// Writes what has gathered. Returns which targets are lost.
    pub(crate) fn flush(&mut self) -> Vec<Lost> {
        for sink in &mut self.sinks {
            if let Writer::Csv(csv) = &mut sink.writer {
                csv.flush(&mut sink.gathered);
            }
        }
        self.write()
    }

    /// Writes the end. Returns which targets are lost, and what is left to do.
    pub(crate) fn finish(mut self) -> (Vec<Lost>, Vec<Closing>) {
        for sink in &mut self.sinks {
            if let Writer::Csv(csv) = &mut sink.writer {
                csv.finish(&mut sink.gathered);
            }
        }
        let lost = self.write();
        let closings = self.sinks.into_iter().filter_map(Sink::into_closing);
        (lost, closings.collect())
    }

    fn write(&mut self) -> Vec<Lost> {
        let mut lost = Vec::new();
        self.sinks.retain_mut(|sink| match sink.write() {
            Ok(()) => true,
            Err(cause) => {
                lost.push(sink.lost(&cause));
                false
            }
        });
        lost
    }
}

/// A target, and what has gathered for it.
struct Sink {
    target: ResultsTarget,
    writer: Writer,
    out: Box<dyn Write>,
    gathered: String,
}

/// What becomes of a row.
enum Writer {
    Lines(After),
    Plan,
    Csv(Csv),
}

/// What becomes of lines of JSON at the end.
enum After {
    Nothing,
    #[cfg(feature = "parquet")]
    Table(Box<Partial>),
}

impl After {
    #[cfg_attr(
        not(feature = "parquet"),
        expect(unused_variables, clippy::unused_self, reason = "only tables need it")
    )]
    fn row(&mut self, row: &ResultRow<'_>) {
        #[cfg(feature = "parquet")]
        if let Self::Table(partial) = self {
            partial.row(row);
        }
    }
}

impl Sink {
    fn write(&mut self) -> io::Result<()> {
        let gathered = mem::take(&mut self.gathered);
        self.out.write_all(gathered.as_bytes())?;
        self.out.flush()?;
        self.gathered = gathered;
        self.gathered.clear();
        Ok(())
    }

    fn lost(&self, cause: &io::Error) -> Lost {
        match &self.target {
            ResultsTarget::Output if cause.kind() == io::ErrorKind::BrokenPipe => {
                Lost::ReaderClosed
            }
            ResultsTarget::Output => Lost::Unwritable(Problem::destination(format!(
                "cannot write the results to standard output: {}",
                format::io(cause)
            ))),
            ResultsTarget::File(path, _) => {
                Lost::Unwritable(Problem::destination(cannot_write(path, cause)))
            }
        }
    }

    fn into_closing(self) -> Option<Closing> {
        match self.writer {
            #[cfg(feature = "parquet")]
            Writer::Lines(After::Table(partial)) => Some(Box::new(move || partial.close())),
            _ => None,
        }
    }
}

/// Targets that were opened for writing.
pub(crate) struct Opened(Vec<OpenedSink>);

struct OpenedSink {
    target: ResultsTarget,
    writer: Writer,
    /// `None` for standard output.
    file: Option<File>,
}

impl OpenedSink {
    fn open(target: &ResultsTarget, form: Form, plan: &ResultsPlan) -> Result<Self, Problem> {
        let format = match target {
            _ if form == Form::Plan => None,
            ResultsTarget::Output => Some(ResultsFormat::Jsonl),
            ResultsTarget::File(_, format) => Some(*format),
        };
        let file = |path| create(path).map(Some);
        let (writer, file) = match (target, format) {
            #[cfg(feature = "parquet")]
            (ResultsTarget::File(path, _), Some(ResultsFormat::Columns(format))) => {
                let (partial, file) = Partial::open(path, format, plan.types.clone())?;
                (Writer::Lines(After::Table(Box::new(partial))), Some(file))
            }
            (ResultsTarget::File(path, _), Some(ResultsFormat::Csv { delimiter })) => {
                let csv = Csv::new(delimiter, plan.sources, &plan.hashes);
                (Writer::Csv(csv), file(path)?)
            }
            (ResultsTarget::File(path, _), _) => (Writer::Lines(After::Nothing), file(path)?),
            (ResultsTarget::Output, None) => (Writer::Plan, None),
            (ResultsTarget::Output, Some(_)) => (Writer::Lines(After::Nothing), None),
        };
        Ok(Self {
            target: target.clone(),
            writer,
            file,
        })
    }

    fn begin(mut self) -> Result<Sink, Problem> {
        #[cfg(feature = "parquet")]
        if let Writer::Lines(After::Table(partial)) = &mut self.writer {
            partial.begin();
        }
        let out: Box<dyn Write> = match self.file.take() {
            None => Box::new(io::stdout()),
            Some(file) => {
                // A pipe or a device has no old content to remove.
                if file.metadata().is_ok_and(|about| about.is_file()) {
                    file.set_len(0).map_err(|cause| {
                        Problem::destination(format!(
                            "cannot replace the results of the last run: {}",
                            format::io(&cause)
                        ))
                    })?;
                }
                Box::new(file)
            }
        };
        Ok(Sink {
            target: self.target,
            writer: self.writer,
            out,
            gathered: String::new(),
        })
    }
}

impl Opened {
    /// Replaces what a former run left there.
    pub(crate) fn begin(self) -> Result<Results, Problem> {
        let sinks = self.0.into_iter().map(OpenedSink::begin);
        Ok(Results {
            sinks: sinks.collect::<Result<_, _>>()?,
            names: CarriedNames::default(),
            line: String::new(),
        })
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test makes the files that it looks at"
)]
mod tests {
    use std::path::Path;

    use haulage::{Error, ErrorKind, Status};

    use super::*;

    /// Returns the outcome of a row that is no URL.
    pub(super) fn outcome() -> Outcome {
        let error = Error::new(ErrorKind::Input, "no URL");
        Outcome::new(0, "nonsense", Status::Failed(error))
    }

    fn plan_for(path: &Path) -> ResultsPlan {
        let target = path.to_str().unwrap().parse().unwrap();
        ResultsPlan {
            targets: vec![(target, Form::Rows)],
            ..ResultsPlan::default()
        }
    }

    #[test]
    fn former_results_stay_until_the_run_begins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, "a former run\n").unwrap();
        let opened = Results::open(&plan_for(&path)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a former run\n");
        assert!(opened.begin().unwrap().flush().is_empty());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_usage_error() {
        for name in ["/nowhere/a.jsonl", "/nowhere/a.csv", "/nowhere/a.arrow"] {
            let Err(problem) = Results::open(&plan_for(Path::new(name))) else {
                panic!("it was opened");
            };
            assert!(problem.message.contains(name), "{problem}");
        }
    }

    #[test]
    fn a_full_device_ends_the_run_and_leaves_other_targets() {
        let folder = tempfile::tempdir().unwrap();
        let full = folder.path().join("full.jsonl");
        std::os::unix::fs::symlink("/dev/full", &full).unwrap();
        let mut plan = plan_for(&full);
        let good = plan_for(&folder.path().join("good.csv"));
        plan.targets.extend(good.targets);
        let mut results = Results::open(&plan).unwrap().begin().unwrap();
        for sink in &mut results.sinks {
            sink.gathered.push_str("{}\n");
        }
        assert!(matches!(results.flush()[..], [Lost::Unwritable(_)]));
        assert_eq!(results.sinks.len(), 1);
        assert!(results.flush().is_empty());
        let (lost, closings) = results.finish();
        assert!(lost.is_empty() && closings.is_empty());
    }
}
