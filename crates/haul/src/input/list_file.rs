//! Opens a list in a file, and finds out whether it can be used.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use bytes::Bytes;
use haulage::source::{Columns, Decompressed, Detected, List, ListFormat, ListOptions};

use crate::exit::Problem;
use crate::report::format;

/// A list in a file.
pub(super) type FileList = List<Decompressed<File>>;

/// A list that has been opened.
pub(super) struct Opened<R: Read = File> {
    pub(super) list: List<Decompressed<R>>,
    /// The format; `None` if it is found out when the list is read, as that of a pipe is.
    pub(super) format: Option<ListFormat>,
    /// Which format was chosen, where neither the user nor the name of the list told it, or where
    /// it does not suit the options.
    pub(super) note: Option<String>,
}

/// Opens a list. Of a file the first bytes are read, so that one that cannot be used is reported
/// before anything is created.
///
/// # Errors
/// If the file cannot be opened or is no list, or if the options do not suit it.
pub(super) fn open(path: &Path, options: &ListOptions) -> Result<Opened, Problem> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|cause| unreadable(&name, &cause))?;
    let about = file.metadata().map_err(|cause| unreadable(&name, &cause))?;
    if !about.is_file() {
        return Ok(Opened {
            list: of_reader(file, &name, options)?,
            format: None,
            note: None,
        });
    }
    let (format, note) = choose(detect(path), &name, options)?;
    let options = ListOptions {
        format: Some(format),
        ..options.clone()
    };
    let list = of_file(file, format, &name, &options)?;
    Ok(Opened {
        list: prepared(list, &name)?,
        format: Some(format),
        note,
    })
}

/// Opens a list that is in memory. Its first bytes are read, as those of a file are.
///
/// # Errors
/// If it is no list, or if the options do not suit it.
pub(super) fn of_bytes(
    content: Bytes,
    name: &str,
    options: &ListOptions,
) -> Result<Opened<Cursor<Bytes>>, Problem> {
    let content = Cursor::new(content);
    let detected = ListFormat::of(name, Decompressed::new(content.clone()))
        .unwrap_or(Detected::Format(ListFormat::Text));
    let (format, note) = choose(detected, name, options)?;
    let options = ListOptions {
        format: Some(format),
        ..options.clone()
    };
    let list = of_reader(content, name, &options)?;
    Ok(Opened {
        list: prepared(list, name)?,
        format: Some(format),
        note,
    })
}

/// Returns the format of a list, by the options, its name or its content, and a note if only its
/// content tells it, or if columns are named that it does not have.
fn choose(
    detected: Detected,
    name: &str,
    options: &ListOptions,
) -> Result<(ListFormat, Option<String>), Problem> {
    let told = options.format;
    let format = match detected {
        Detected::NoList(why) if told.is_none_or(is_text) => return Err(unusable(name, why)),
        Detected::NoList(_) => told.unwrap_or(ListFormat::Text),
        Detected::Format(detected) => told.unwrap_or(detected),
    };
    let is_known = told.or_else(|| ListFormat::of_name(name)) == Some(format);
    let is_guess = !is_known && format != ListFormat::Text;
    let has_unused = told.is_none() && options.columns != Columns::default();
    let note = if is_guess {
        let format = format.name();
        Some(format!(
            "{name} is read as {format}, which its first bytes show"
        ))
    } else if has_unused && format == ListFormat::Text {
        Some(format!(
            "{name} is read as a list of URLs, one a line, which has no columns; if it is a table: --input-format csv"
        ))
    } else {
        None
    };
    Ok((format, note))
}

/// Returns a list whose first rows have been looked at.
fn prepared<R: Read>(mut list: List<R>, name: &str) -> Result<List<R>, Problem> {
    list.prepare();
    match list.take_error() {
        Some(why) => Err(unusable(name, &why.to_string())),
        None => Ok(list),
    }
}

/// Returns the list of a reader, which may be compressed.
///
/// # Errors
/// If the options do not suit it.
pub(super) fn of_reader<R: Read>(
    reader: R,
    name: &str,
    options: &ListOptions,
) -> Result<List<Decompressed<R>>, Problem> {
    let format = options.format.or_else(|| ListFormat::of_name(name));
    let needs_base = format == Some(ListFormat::Checksums) && options.base_url.is_none();
    if needs_base {
        return Err(
            Problem::usage(format!("{name} is a list of checksums and names")).hint(
                "--base-url URL says what the names are relative to; for a list of URLs: --input-format text",
            ),
        );
    }
    List::new(Decompressed::new(reader), name, options).map_err(|error| match options.base_url {
        Some(_) => Problem::usage(format!("--base-url: {error}")),
        None => unusable(name, &error.to_string()),
    })
}

fn of_file(
    file: File,
    format: ListFormat,
    name: &str,
    options: &ListOptions,
) -> Result<FileList, Problem> {
    match format {
        #[cfg(feature = "parquet")]
        ListFormat::Parquet => List::of_parquet(file, name, options)
            .map_err(|error| unusable(name, &error.to_string())),
        _ => of_reader(file, name, options),
    }
}

/// Returns the format of a list that is opened later; `None` if it cannot be told.
pub(crate) fn format_of(path: &Path, told: Option<ListFormat>) -> Option<ListFormat> {
    told.or_else(|| match detect(path) {
        Detected::Format(format) => Some(format),
        Detected::NoList(_) => None,
    })
}

/// Returns what the name of a list and its first bytes tell. A file that cannot be read counts as
/// text: the error is reported when the list is read.
fn detect(path: &Path) -> Detected {
    File::open(path)
        .and_then(|file| ListFormat::of(&path.to_string_lossy(), Decompressed::new(file)))
        .unwrap_or(Detected::Format(ListFormat::Text))
}

/// Returns whether lists of this format consist of lines of text.
fn is_text(format: ListFormat) -> bool {
    !matches!(format, ListFormat::Parquet | ListFormat::Arrow)
}

fn unreadable(name: &str, cause: &io::Error) -> Problem {
    let problem = Problem::usage(format!("cannot read {name}: {}", format::io(cause)));
    match cause.kind() {
        io::ErrorKind::NotFound if name.contains("://") => {
            problem.hint("a list can be a file, or a URL that begins with http:// or https://")
        }
        io::ErrorKind::NotFound => problem.hint("check the name of the list; - is standard input"),
        _ => problem,
    }
}

fn unusable(name: &str, why: &str) -> Problem {
    Problem::usage(format!("cannot use {name} as a list: {why}"))
}
