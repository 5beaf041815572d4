//! The results: one row for each item, written when it ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use haulage::Event;

use crate::exit::Problem;
use crate::report::format;
use crate::report::plan;
use crate::report::row::{ResultRow, write_line};
use crate::values::ResultsTarget;

/// What is written for an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A row of JSON with everything that is known about the item.
    Rows,
    /// A line of a list that can be read again: the item's URL and name. Nothing for an item that
    /// would not be downloaded.
    Plan,
}

/// The target of the rows, and the rows that are not written yet.
pub(crate) struct Results {
    target: ResultsTarget,
    form: Form,
    out: Box<dyn Write>,
    gathered: String,
}

/// Why no more rows can be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The reader of standard output has closed it.
    ReaderClosed,
    /// The target cannot be written to, for this reason.
    Unwritable(Problem),
}

/// Rows that are written together are passed on in pieces of about this many bytes.
const PIECE: usize = 256 << 10;

impl Results {
    /// Opens the target without touching what a former run left there: until
    /// [`begin`](Opened::begin), this run may yet turn out to be none.
    pub(crate) fn open((target, form): (ResultsTarget, Form)) -> Result<Opened, Problem> {
        let file = match &target {
            ResultsTarget::Output => None,
            ResultsTarget::File(path) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the results are a log that grows, not a part that becomes a file"
                )]
                let file = OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(path);
                Some(file.map_err(|cause| {
                    Problem::usage(format!(
                        "cannot write the results to {}: {}",
                        path.display(),
                        format::io(&cause)
                    ))
                })?)
            }
        };
        Ok(Opened { target, form, file })
    }

    /// Takes note of an event.
    pub(crate) fn event(&mut self, event: &Event) -> Result<(), Lost> {
        if let Event::Ended(outcome) = event {
            match self.form {
                Form::Rows => write_line(&ResultRow::from(&**outcome), &mut self.gathered),
                Form::Plan => plan::write_line(outcome, &mut self.gathered),
            }
            if self.gathered.len() >= PIECE {
                return self.flush();
            }
        }
        Ok(())
    }

    /// Writes what has gathered.
    pub(crate) fn flush(&mut self) -> Result<(), Lost> {
        let written = self
            .out
            .write_all(self.gathered.as_bytes())
            .and_then(|()| self.out.flush());
        self.gathered.clear();
        written.map_err(|cause| self.lost(&cause))
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
            ResultsTarget::File(path) => Lost::Unwritable(Problem::destination(format!(
                "cannot write the results to {}: {}",
                path.display(),
                format::io(cause)
            ))),
        }
    }
}

/// A target that was opened for writing.
pub(crate) struct Opened {
    target: ResultsTarget,
    form: Form,
    file: Option<File>,
}

impl Opened {
    /// Replaces what a former run left there.
    pub(crate) fn begin(self) -> Result<Results, Problem> {
        let out: Box<dyn Write> = match self.file {
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
        Ok(Results {
            form: self.form,
            target: self.target,
            out,
            gathered: String::new(),
        })
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test makes the files that it looks at"
)]
mod tests {
    use super::*;

    #[test]
    fn former_results_stay_until_the_run_begins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, "a former run\n").unwrap();
        let opened = Results::open((ResultsTarget::File(path.clone()), Form::Rows)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a former run\n");
        opened.begin().unwrap().flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_usage_error() {
        let target = ResultsTarget::File("/nowhere/a.jsonl".into());
        let Err(problem) = Results::open((target, Form::Rows)) else {
            panic!("it was opened");
        };
        assert!(problem.message.contains("/nowhere/a.jsonl"), "{problem}");
    }

    #[test]
    fn a_full_device_ends_the_run() {
        let mut results = Results {
            form: Form::Rows,
            target: ResultsTarget::File("/dev/full".into()),
            out: Box::new(OpenOptions::new().write(true).open("/dev/full").unwrap()),
            gathered: "{}\n".to_owned(),
        };
        assert!(matches!(results.flush(), Err(Lost::Unwritable(_))));
    }
}
