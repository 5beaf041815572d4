//! The sources of rows: the URLs of the command line, and lists.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};

use haulage::source::{Decompressed, Detected, List, ListFormat, ListOptions, Pattern};
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
    /// What was decided about the lists, for the user to know.
    pub(crate) notes: Vec<String>,
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
            notes: Vec::new(),
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
            request.map_err(|error| BadRow::new(&url, error))
        });
        self.add(Input {
            rows: Box::new(rows),
            count,
        });
    }

    /// Adds a list, which is opened now and read later; `-` is standard input. Fails if the file
    /// cannot be opened or is no list, or if the options do not suit it.
    pub(crate) fn add_list(&mut self, path: &Path, options: &ListOptions) -> Result<(), Problem> {
        self.given_as = GivenAs::List;
        let name = path.display().to_string();
        if name == "-" {
            let list = list_of(io::stdin(), &name, options)?;
            let rows = self.until_broken(list, name);
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
        if !about.is_file() {
            let list = list_of(file, &name, options)?;
            let rows = self.until_broken(list, name);
            self.add(Input {
                rows,
                count: Count::Unknown,
            });
            return Ok(());
        }
        // Checked first, so that a file that is no list is reported before anything is created.
        let by_name = options.format.or_else(|| ListFormat::of_name(&name));
        let format = match detect(path) {
            Detected::NoList(why) => return Err(unusable_as_list(&name, why)),
            Detected::Format(by_content) => by_name.unwrap_or(by_content),
        };
        if by_name.is_none() && format != ListFormat::Text {
            let format = format.name();
            self.notes.push(format!(
                "{name} is read as {format}, which its first bytes show"
            ));
        }
        let options = ListOptions {
            format: Some(format),
            ..options.clone()
        };
        let mut list = list_of(file, &name, &options)?;
        list.prepare();
        if let Some(why) = list.take_error() {
            return Err(unusable_as_list(&name, &why.to_string()));
        }
        let rows = self.until_broken(list, name);
        self.add(Input {
            rows,
            count: Count::File(path.to_owned(), format),
        });
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

/// Returns the list of a reader, which may be compressed.
fn list_of<R: Read>(
    reader: R,
    name: &str,
    options: &ListOptions,
) -> Result<List<Decompressed<R>>, Problem> {
    List::new(Decompressed::new(reader), name, options).map_err(|error| match options.base_url {
        Some(_) => Problem::usage(format!("--base-url: {error}")),
        None => Problem::usage(format!("{name} is a list of checksums and names")).hint(
            "--base-url URL says what the names are relative to; for a list of URLs: --input-format text",
        ),
    })
}

fn unusable_as_list(name: &str, why: &str) -> Problem {
    Problem::usage(format!("cannot use {name} as a list: {why}"))
}

/// Returns what the first bytes of a list tell. A file that cannot be read counts as text: the
/// error is reported when the list is read.
fn detect(path: &Path) -> Detected {
    File::open(path)
        .and_then(|file| ListFormat::of_content(Decompressed::new(file)))
        .unwrap_or(Detected::Format(ListFormat::Text))
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
        let list = List::new(
            Decompressed::new(Torn(false)),
            "torn",
            &ListOptions::default(),
        )
        .unwrap();
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
            .add_list(Path::new("/nowhere/list.txt"), &ListOptions::default())
            .unwrap_err();
        assert!(problem.message.contains("/nowhere/list.txt"), "{problem}");
        let problem = inputs
            .add_list(Path::new("/"), &ListOptions::default())
            .unwrap_err();
        assert!(problem.message.contains("folder"), "{problem}");
    }
}
