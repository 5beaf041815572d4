//! The sources of rows: the URLs of the command line, and lists.

mod list_file;
mod paths;
mod types;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};

use haulage::source::{self, List, ListFormat, ListOptions, Pattern, Shard};
use haulage::{BadRow, Checksum, Error, ErrorKind, Request, Row};

pub(crate) use self::list_file::format_of;
use self::paths::Named;
pub(crate) use self::types::CarriedTypes;
use crate::exit::Problem;
use crate::list_fetcher::{self, ListFetcher};
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
    /// As many rows as these lists have, all in this format if it is known; they are not counted
    /// yet.
    Files(Vec<PathBuf>, Option<ListFormat>),
    /// As many rows as these, and no more than this many.
    AtMost(u64, Vec<Count>),
    /// Not known before the end of the source.
    Unknown,
}

/// Which rows are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// Those of the hosts of one part.
    pub(crate) shard: Option<Shard>,
    /// The first ones.
    pub(crate) head: Option<usize>,
    /// Some of all, chosen at random.
    pub(crate) sample: Option<usize>,
}

/// All input of a run, in order.
pub(crate) struct Inputs {
    sources: Vec<Input>,
    /// If any input is a list, the run is recorded as one: it can be long, so its record is worth
    /// keeping.
    pub(crate) given_as: GivenAs,
    pub(crate) excerpt: Excerpt,
    /// What was decided about the lists, for the user to know.
    pub(crate) notes: Vec<String>,
    /// Fetches lists that are elsewhere.
    pub(crate) fetcher: ListFetcher,
    /// The URLs of lists that are to be fetched, each with the number of its source.
    unfetched: Vec<(usize, String)>,
    reports: Reports,
    told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenAs {
    Urls,
    List,
}

impl Inputs {
    pub(crate) fn new() -> Self {
        let fetcher = ListFetcher::default();
        let (reports, told) = Reports::new(fetcher.clone());
        Self {
            sources: Vec::new(),
            given_as: GivenAs::Urls,
            excerpt: Excerpt::default(),
            notes: Vec::new(),
            fetcher,
            unfetched: Vec::new(),
            reports,
            told,
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

    /// Adds the list at a path, which is opened now and read later; `-` is standard input. The path
    /// may also be a folder, or a pattern such as `*.csv`: their files are read one after another.
    ///
    /// # Errors
    /// If the file cannot be opened or is no list, or if the options do not suit it.
    pub(crate) fn add_list(&mut self, path: &Path, options: &ListOptions) -> Result<(), Problem> {
        self.given_as = GivenAs::List;
        if let Some(url) = list_fetcher::url_of(path) {
            self.unfetched.push((self.sources.len(), url.to_owned()));
            self.add(Input {
                rows: Box::new(std::iter::empty()),
                count: Count::Unknown,
            });
            return Ok(());
        }
        if path.as_os_str() == "-" {
            let list = list_file::of_reader(io::stdin(), "-", options)?;
            let rows = self.reports.watch(list, "-".to_owned());
            self.add(Input {
                rows,
                count: Count::Unknown,
            });
            return Ok(());
        }
        let name = path.display().to_string();
        let files = match paths::named(path) {
            Ok(Named::One) => return self.add_file(path, options),
            Ok(Named::Many(files)) => files,
            Err(cause) => {
                let why = format::io(&cause);
                return Err(Problem::usage(format!("cannot read {name}: {why}")));
            }
        };
        if files.is_empty() {
            return Err(Problem::usage(format!("{name} names no file"))
                .hint("of a folder, all files are lists but those that begin with . or _"));
        }
        // The first one is tried now: if it cannot be used, neither can the others, as a rule.
        self.notes.extend(list_file::open(&files[0], options)?.note);
        self.add(Input {
            count: Count::Files(files.clone(), options.format),
            rows: Box::new(Files {
                paths: files.into_iter(),
                rows: None,
                options: options.clone(),
                reports: self.reports.clone(),
            }),
        });
        Ok(())
    }

    fn add_file(&mut self, path: &Path, options: &ListOptions) -> Result<(), Problem> {
        let opened = list_file::open(path, options)?;
        self.notes.extend(opened.note);
        let count = match opened.format {
            Some(format) => Count::Files(vec![path.to_owned()], Some(format)),
            None => Count::Unknown,
        };
        let rows = self.reports.watch(opened.list, path.display().to_string());
        self.add(Input { rows, count });
        Ok(())
    }

    /// Returns whether lists are to be fetched before they can be read.
    pub(crate) fn are_elsewhere(&self) -> bool {
        !self.unfetched.is_empty()
    }

    /// Fetches the lists that are elsewhere. Their URLs are what they are relative to, unless the
    /// options say something else.
    ///
    /// # Errors
    /// If one cannot be fetched, or is no list, or if the options do not suit it.
    pub(crate) fn fetch_lists(&mut self, options: &ListOptions) -> Result<(), Problem> {
        for (nth, url) in std::mem::take(&mut self.unfetched) {
            let request = Request::new(&url)?;
            let name = request.url().to_owned();
            let content = self.fetcher.fetch(request).map_err(|unfetched| {
                let error = unfetched.error;
                let problem = Problem::usage(format!("cannot fetch the list {name}: {error}"));
                if unfetched.is_too_large {
                    problem.hint("download it first, and give the file with -i")
                } else {
                    problem
                }
            })?;
            let mut options = options.clone();
            options.base_url.get_or_insert(url);
            let opened = list_file::of_bytes(content.clone(), &name, &options)?;
            self.notes.extend(opened.note);
            let count = count_of(&content, opened.format);
            let rows = self.reports.watch(opened.list, name);
            self.sources[nth] = Input { rows, count };
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, input: Input) {
        self.sources.push(input);
    }

    /// Returns the row counts of all sources, in order.
    pub(crate) fn counts(&self) -> Vec<Count> {
        let counts = self.sources.iter();
        counts.map(|input| input.count.clone()).collect()
    }

    /// Returns the counts of the rows that are taken.
    pub(crate) fn taken(&self) -> Vec<Count> {
        let excerpt = self.excerpt;
        match excerpt.head.or(excerpt.sample) {
            _ if excerpt.shard.is_some() => vec![Count::Unknown],
            Some(most) => vec![Count::AtMost(most as u64, self.counts())],
            None => self.counts(),
        }
    }

    /// Returns the types of carried columns, which the lists tell while they are read.
    pub(crate) fn carried_types(&self) -> CarriedTypes {
        self.reports.types.clone()
    }

    /// Gives the rows to a run, and says that there are no others. Returns what the lists tell of
    /// while they are read.
    pub(crate) fn feed(self, run: &haulage::Run) -> Told {
        let is_whole = self.excerpt == Excerpt::default();
        let Excerpt {
            shard,
            head,
            sample,
        } = self.excerpt;
        let (sources, told) = self.into_parts();
        if is_whole {
            for rows in sources {
                run.feed(rows);
            }
        } else {
            let sources: Vec<_> = sources.collect();
            let rows = sources.into_iter().flatten();
            let mut rows: Box<dyn Iterator<Item = (u64, Row)> + Send> = match sample {
                Some(size) => Box::new(source::sample(rows, size)),
                None => Box::new((0..).zip(rows).take(head.unwrap_or(usize::MAX))),
            };
            if let Some(shard) = shard {
                rows = Box::new(shard.of(rows));
            }
            run.feed_numbered(rows);
        }
        run.close();
        told
    }

    /// Returns where notes may be added to those of the lists.
    pub(crate) fn told_by(&self) -> Sender<String> {
        self.reports.notes.clone()
    }

    /// Returns the rows, source by source, and what the lists tell of while they are read.
    pub(crate) fn into_parts(self) -> (impl Iterator<Item = Rows>, Told) {
        (self.sources.into_iter().map(|input| input.rows), self.told)
    }
}

/// What lists tell of while they are read.
pub(crate) struct Told {
    /// For each list that breaks off, why.
    pub(crate) broken: Receiver<Error>,
    /// Sentences for the user to know.
    pub(crate) notes: Receiver<String>,
}

/// Where lists tell of what happens while they are read. After the end of the run, nobody listens.
#[derive(Clone)]
struct Reports {
    fetcher: ListFetcher,
    types: CarriedTypes,
    breaks: Sender<Error>,
    notes: Sender<String>,
}

impl Reports {
    fn new(fetcher: ListFetcher) -> (Self, Told) {
        let (breaks, broken) = mpsc::channel();
        let (sender, notes) = mpsc::channel();
        let reports = Self {
            fetcher,
            types: CarriedTypes::default(),
            breaks,
            notes: sender,
        };
        (reports, Told { broken, notes })
    }

    /// Returns the rows of a list, and of further lists that it names. Tells if it breaks off, and
    /// of what its rows have that is not used.
    fn watch<R: Read + Send + 'static>(&self, list: List<R>, name: String) -> Rows {
        let mut list = list.fetching_with(self.fetcher.of_parts());
        let reports = self.clone();
        let mut rows: u64 = 0;
        Box::new(std::iter::from_fn(move || {
            let row = list.next();
            if rows == 0
                && let Some(format) = list.guessed().filter(|format| *format != ListFormat::Text)
            {
                let format = format.name();
                reports.note(format!(
                    "{name} is read as {format}, which its first bytes show"
                ));
            }
            if rows == 0 {
                reports.types.note(&list);
            }
            rows += u64::from(row.is_some());
            for note in list.take_notes() {
                reports.note(note);
            }
            if row.is_none()
                && let Some(cause) = list.take_error()
            {
                reports.broke(&name, rows > 0, cause);
            }
            row
        }))
    }

    fn note(&self, note: String) {
        let _ = self.notes.send(note);
    }

    fn broke(&self, name: &str, has_rows: bool, cause: io::Error) {
        let why = format::io(&cause);
        let message = if has_rows {
            format!("cannot read all of {name}: {why}; the rows before that are processed")
        } else {
            format!("cannot read {name}: {why}")
        };
        let error = Error::new(ErrorKind::Input, message).caused_by(cause);
        let _ = self.breaks.send(error);
    }
}

/// The rows of several files, each of which is opened when the one before has ended. One that
/// cannot be used is reported, and stops no other.
struct Files {
    paths: std::vec::IntoIter<PathBuf>,
    rows: Option<Rows>,
    options: ListOptions,
    reports: Reports,
}

impl Iterator for Files {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            if let Some(row) = self.rows.as_mut().and_then(Iterator::next) {
                return Some(row);
            }
            let path = self.paths.next()?;
            self.rows = match list_file::open(&path, &self.options) {
                Ok(opened) => {
                    let name = path.display().to_string();
                    Some(self.reports.watch(opened.list, name))
                }
                Err(problem) => {
                    let error = Error::new(ErrorKind::Input, problem.message);
                    let _ = self.reports.breaks.send(error);
                    None
                }
            };
        }
    }
}

/// Returns how many rows a list in memory has, unless it is large.
fn count_of(content: &[u8], format: Option<ListFormat>) -> Count {
    const LARGE: usize = 8 << 20;
    let counted = format.filter(|_| content.len() <= LARGE);
    match counted.map(|format| source::count_rows(content, format)) {
        Some(Ok(Some(rows))) => Count::Known(rows),
        Some(Ok(None) | Err(_)) | None => Count::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use haulage::source::Decompressed;

    use super::*;

    /// A reader that returns these bytes and then fails.
    struct Torn(&'static [u8]);

    impl Read for Torn {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("the disk went away"));
            }
            self.0.read(buffer)
        }
    }

    #[test]
    fn a_list_that_breaks_off_is_told_of_and_what_was_read_stands() {
        let mut inputs = Inputs::new();
        let list = List::new(
            Decompressed::new(Torn(b"http://a.example/1\n")),
            "torn",
            &ListOptions::default(),
        )
        .unwrap();
        let rows = inputs.reports.watch(list, "torn".to_owned());
        inputs.add(Input {
            rows,
            count: Count::Unknown,
        });
        let (sources, told) = inputs.into_parts();
        assert_eq!(sources.flatten().flatten().count(), 1);
        let error = told.broken.try_recv().unwrap();
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
            .add_list(Path::new("/dev/null/x"), &ListOptions::default())
            .unwrap_err();
        assert!(problem.message.contains("cannot"), "{problem}");
    }
}
