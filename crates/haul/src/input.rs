//! The sources of rows: the URLs of the command line, and lists.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};

use haulage::source::{self, Decompressed, List, ListFormat, Pattern};
use haulage::{BadRow, Checksum, Error, ErrorKind, Request, Row};

use crate::exit::Problem;
use crate::report::format;

/// The rows of a source.
pub(crate) type Rows = Box<dyn Iterator<Item = Row> + Send>;

/// A source of rows that has not been read yet.
pub(crate) struct Input {
    pub(crate) rows: Rows,
    pub(crate) count: Count,
}

/// The number of rows of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Count {
    /// This many rows.
    Known(u64),
    /// As many rows as this list has; they are not counted yet.
    File(PathBuf, ListFormat),
    /// Not known before the end of the source.
    Unknown,
}

/// All input of a run, in order.
pub(crate) struct Inputs {
    sources: Vec<Input>,
    /// If any input is a list, the run is recorded as one: it can be long, so its record is worth
    /// keeping.
    pub(crate) given_as: GivenAs,
    breaks: Sender<Error>,
    broken: Receiver<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenAs {
    Urls,
    List,
}

impl Inputs {
    pub(crate) fn new() -> Self {
        let (breaks, broken) = mpsc::channel();
        Self {
            sources: Vec::new(),
            given_as: GivenAs::Urls,
            breaks,
            broken,
        }
    }

    /// Adds the rows of a pattern, or of a plain URL; each of their files must have these
    /// checksums.
    pub(crate) fn add_pattern(&mut self, pattern: Pattern, checksums: &[Checksum]) {
        let count = pattern.len().map_or(Count::Unknown, Count::Known);
        let checksums = checksums.to_vec();
        let rows = pattern.into_iter().map(move |row| {
            let request = row?;
            let url = request.url().to_owned();
            let expecting =
                |request: Request, checksum: &Checksum| request.checksum(checksum.clone());
            let request = checksums.iter().try_fold(request, expecting);
            request.map_err(|error| BadRow {
                text: url,
                location: None,
                error,
            })
        });
        self.add(Input {
            rows: Box::new(rows),
            count,
        });
    }

    /// Adds a list, which is opened now and read later; `-` is standard input. Relative URLs and
    /// names in it are relative to `base`. If `format` is `None`, the name of the list decides, or
    /// else its first line. Fails if the file cannot be opened or is no list, or if `base` is
    /// invalid, or missing where the list needs it.
    pub(crate) fn add_list(
        &mut self,
        path: &Path,
        format: Option<ListFormat>,
        base: Option<&str>,
    ) -> Result<(), Problem> {
        self.given_as = GivenAs::List;
        let name = path.display().to_string();
        if name == "-" {
            let rows = self.rows_of(io::stdin(), name, format, base)?;
            self.add(Input {
                rows,
                count: Count::Unknown,
            });
            return Ok(());
        }
        let unusable = |cause: io::Error| {
            let problem = Problem::usage(format!("cannot read {name}: {}", format::io(&cause)));
            match cause.kind() {
                io::ErrorKind::NotFound if name.contains("://") => {
                    problem.hint("-i reads a list from a file; a URL stands alone, without -i")
                }
                io::ErrorKind::NotFound => {
                    problem.hint("check the name of the list; - is standard input")
                }
                _ => problem,
            }
        };
        let file = File::open(path).map_err(unusable)?;
        let about = file.metadata().map_err(unusable)?;
        if about.is_dir() {
            return Err(Problem::usage(format!(
                "cannot read {name}: it is a folder"
            )));
        }
        let format = format.or_else(|| ListFormat::of_name(&name));
        let (format, count) = if about.is_file() {
            // Checked first, so that a file that is no list is reported before anything is created.
            if let Some(why) = why_no_list_at(path) {
                return Err(Problem::usage(format!(
                    "cannot use {name} as a list: {why}"
                )));
            }
            let format = format.unwrap_or_else(|| format_of(path));
            (Some(format), Count::File(path.to_owned(), format))
        } else {
            (format, Count::Unknown)
        };
        let rows = self.rows_of(file, name, format, base)?;
        self.add(Input { rows, count });
        Ok(())
    }

    pub(crate) fn add(&mut self, input: Input) {
        self.sources.push(input);
    }

    /// Returns the row counts of all sources, in order.
    pub(crate) fn counts(&self) -> Vec<Count> {
        self.sources
            .iter()
            .map(|input| input.count.clone())
            .collect()
    }

    /// Returns the rows, source by source, and a channel that receives an error for each list that
    /// breaks off while it is read.
    pub(crate) fn into_parts(self) -> (impl Iterator<Item = Rows>, Receiver<Error>) {
        (
            self.sources.into_iter().map(|input| input.rows),
            self.broken,
        )
    }

    fn rows_of<R: Read + Send + 'static>(
        &self,
        reader: R,
        name: String,
        format: Option<ListFormat>,
        base: Option<&str>,
    ) -> Result<Rows, Problem> {
        let list = List::new(Decompressed::new(reader), name.as_str(), format, base);
        let list = list.map_err(|error| match base {
            Some(_) => Problem::usage(format!("--base-url: {error}")),
            None => Problem::usage(format!("{name} is a list of checksums and names")).hint(
                "--base-url URL says what the names are relative to; for a list of URLs: --input-format text",
            ),
        })?;
        Ok(self.until_broken(list, name))
    }

    fn until_broken<R: Read + Send + 'static>(&self, mut list: List<R>, name: String) -> Rows {
        let breaks = self.breaks.clone();
        Box::new(std::iter::from_fn(move || {
            let row = list.next();
            if row.is_none()
                && let Some(cause) = list.take_error()
            {
                let message = format!("cannot read all of {name}: {}", format::io(&cause));
                // After the end of the run, there is no receiver.
                let _ = breaks.send(Error::new(ErrorKind::Input, message).caused_by(cause));
            }
            row
        }))
    }
}

/// Returns why a file cannot be a list, judged by its first bytes; `None` if it may be one. A file
/// that cannot be read also gives `None`: the error is reported when the list is read.
fn why_no_list_at(path: &Path) -> Option<&'static str> {
    let file = File::open(path).ok()?;
    source::why_no_list(Decompressed::new(file)).ok().flatten()
}

/// Returns the format of a list, judged by its first line. A file that cannot be read counts as
/// text: the error is reported when the list is read.
fn format_of(path: &Path) -> ListFormat {
    File::open(path)
        .and_then(|file| ListFormat::of_content(Decompressed::new(file)))
        .unwrap_or(ListFormat::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that returns one row and then fails.
    struct Torn(bool);

    impl Read for Torn {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let line = b"http://a.example/1\n";
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("the disk went away"));
            }
            buffer[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }

    #[test]
    fn a_list_that_breaks_off_is_told_of_and_what_was_read_stands() {
        let mut inputs = Inputs::new();
        let list = List::new(Torn(false), "torn", None, None).unwrap();
        let rows = inputs.until_broken(list, "torn".to_owned());
        inputs.add(Input {
            rows,
            count: Count::Unknown,
        });
        let (sources, broken) = inputs.into_parts();
        assert_eq!(sources.flatten().flatten().count(), 1);
        let error = broken.try_recv().unwrap();
        assert!(error.to_string().contains("torn"), "{error}");
    }

    #[test]
    fn a_list_that_cannot_be_opened_is_a_usage_error() {
        let mut inputs = Inputs::new();
        let problem = inputs
            .add_list(Path::new("/nowhere/list.txt"), None, None)
            .unwrap_err();
        assert!(problem.message.contains("/nowhere/list.txt"), "{problem}");
        let problem = inputs.add_list(Path::new("/"), None, None).unwrap_err();
        assert!(problem.message.contains("folder"), "{problem}");
    }
}
