//! Cookies of the command line: a file that is read before a run, those of `-b`, and a file that is
//! written after it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process;

use haulage::{CookieJar, RunOptions};
use http::header::COOKIE;

use crate::args::Download;
use crate::exit::Problem;
use crate::option_file::{self, MAX_LARGE};
use crate::report::format;
use crate::values::header_value;

/// Lines of a cookie file that are told one by one when they are skipped.
const MAX_TOLD: usize = 3;

/// Gives a run its cookies. Each of the options lets all of its requests share them. Returns what
/// is to be said about lines of a file that were skipped.
pub(crate) fn give(options: &mut RunOptions, download: &Download) -> Result<Vec<String>, Problem> {
    let mut notes = Vec::new();
    options.cookies = match &download.load_cookies {
        Some(path) => Some(load(path, &mut notes)?),
        None if download.save_cookies.is_some() || !download.cookies.is_empty() => {
            Some(CookieJar::new())
        }
        None => None,
    };
    for text in &download.cookies {
        if !text.contains('=') {
            // The value is not shown, unless it is a file: it may be a secret.
            let file = if Path::new(text).is_file() {
                text
            } else {
                "FILE"
            };
            return Err(
                Problem::usage("--cookie takes NAME=VALUE, and what was given has no =")
                    .hint(format!("to read a cookie file: --load-cookies {file}")),
            );
        }
        let value = header_value(text).map_err(|why| Problem::usage(format!("-b: {why}")))?;
        options.headers.append(COOKIE, value);
    }
    Ok(notes)
}

/// Returns what to say when a file has no cookie that can be sent; `None` if it has one.
pub(crate) fn note(options: &RunOptions, download: &Download) -> Option<String> {
    let path = download.load_cookies.as_ref()?;
    let is_empty = options.cookies.as_ref().is_none_or(CookieJar::is_empty);
    is_empty.then(|| {
        format!(
            "there are no cookies in {}, or all of them have expired",
            path.display()
        )
    })
}

fn load(path: &Path, notes: &mut Vec<String>) -> Result<CookieJar, Problem> {
    const OPTION: &str = "--load-cookies";
    let text = option_file::read(OPTION, path, MAX_LARGE)?;
    let shown = path.display();
    let mut skipped = 0;
    let jar = CookieJar::parse_netscape_with(&text, |why| {
        skipped += 1;
        if skipped <= MAX_TOLD {
            notes.push(format!("skipped in {shown}: {why}"));
        }
    });
    match skipped.saturating_sub(MAX_TOLD) {
        0 => {}
        1 => notes.push(format!(
            "skipped in {shown}: one more line that is no cookie"
        )),
        more => notes.push(format!(
            "skipped in {shown}: {more} more lines that are no cookies"
        )),
    }
    jar.map_err(|why| {
        Problem::usage(format!(
            "{OPTION}: cannot use the cookies in {shown}: {why}"
        ))
    })
}

/// Where the cookies of a run are written when it is over.
pub struct CookieFile {
    path: PathBuf,
    /// What is there, if it is no file but a pipe or another device.
    device: Option<File>,
    jar: CookieJar,
}

impl CookieFile {
    /// Returns the file that was asked for, after a look at its folder: so what cannot be written
    /// shows before the run. `None` if none was asked for. Blocks for a pipe until it is read.
    pub(crate) fn of(options: &RunOptions, download: &Download) -> Result<Option<Self>, Problem> {
        let path = download.save_cookies.as_ref().filter(|_| !download.dry_run);
        let (Some(path), Some(jar)) = (path, &options.cookies) else {
            return Ok(None);
        };
        let mut file = Self {
            path: path.clone(),
            device: None,
            jar: jar.clone(),
        };
        if path.is_dir() {
            return Err(file.cannot_write("it is a folder"));
        }
        if !folder_of(path).is_dir() {
            return Err(file.cannot_write("its folder does not exist"));
        }
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            let device = open(path, OpenOptions::new().write(true));
            let device = device.map_err(|cause| file.cannot_write(&format::io(&cause)))?;
            file.device = Some(device);
        }
        Ok(Some(file))
    }

    /// Writes the file anew, so that only its owner can read it. A program that reads it meanwhile
    /// gets the old file or the new one, complete.
    ///
    /// # Errors
    /// When it cannot be written. Then the old one is still there.
    pub fn save(&self) -> Result<(), Problem> {
        let text = self.jar.to_netscape();
        // What a link leads to is replaced, not the link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let written = match &self.device {
            Some(device) => write(device, &text),
            None => replace(&path, &text),
        };
        written.map_err(|cause| {
            let mut problem = self.cannot_write(&format::io(&cause));
            problem.exit = Problem::destination("").exit;
            problem
        })
    }

    fn cannot_write(&self, why: &str) -> Problem {
        let shown = self.path.display();
        Problem::usage(format!("cannot write the cookies to {shown}: {why}"))
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file of the user's own, which is none of the downloads"
)]
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = folder_of(path).join(format!(".{name}.{}.new", process::id()));
    let written = open(&new, OpenOptions::new().write(true).create_new(true))
        .and_then(|file| write(&file, text))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file of the user's own, which is none of the downloads"
)]
fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    how.mode(0o600).open(path)
}

fn write(mut file: &File, text: &[u8]) -> io::Result<()> {
    file.write_all(text)?;
    match file.sync_all() {
        // A device, or a file system that has no such call.
        Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}
