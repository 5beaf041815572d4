//! Cookies of the command line: a file that is read before a run, those of `-b`, and a file that is
//! written after it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process;

use haulage::{CookieJar, RunOptions};
use http::header::COOKIE;

use crate::args::Download;
use crate::exit::Problem;
use crate::report::format;
use crate::values::header_value;

/// Gives a run its cookies. Each of the options lets all of its requests share them.
pub(crate) fn give(options: &mut RunOptions, download: &Download) -> Result<(), Problem> {
    options.cookies = match &download.load_cookies {
        Some(path) => Some(load(path)?),
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
                Problem::usage("-b takes NAME=VALUE, and what was given has no =")
                    .hint(format!("to read a cookie file: --load-cookies {file}")),
            );
        }
        let value = header_value(text).map_err(|why| Problem::usage(format!("-b: {why}")))?;
        options.headers.append(COOKIE, value);
    }
    Ok(())
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

fn load(path: &Path) -> Result<CookieJar, Problem> {
    let shown = path.display();
    let text = fs::read(path).map_err(|cause| {
        let why = format::io(&cause);
        Problem::usage(format!("cannot read the cookies in {shown}: {why}"))
    })?;
    CookieJar::parse_netscape(&text)
        .map_err(|why| Problem::usage(format!("cannot use the cookies in {shown}: {why}")))
}

/// Where the cookies of a run are written when it is over.
pub(crate) struct CookieFile {
    path: PathBuf,
    jar: CookieJar,
}

impl CookieFile {
    /// Returns the file that was asked for, after a look at its folder: so what cannot be written
    /// shows before the run. `None` if none was asked for.
    pub(crate) fn of(options: &RunOptions, download: &Download) -> Result<Option<Self>, Problem> {
        let path = download.save_cookies.as_ref().filter(|_| !download.dry_run);
        let (Some(path), Some(jar)) = (path, &options.cookies) else {
            return Ok(None);
        };
        let file = Self {
            path: path.clone(),
            jar: jar.clone(),
        };
        if path.is_dir() {
            return Err(file.cannot_write("it is a folder"));
        }
        if !folder_of(path).is_dir() {
            return Err(file.cannot_write("its folder does not exist"));
        }
        Ok(Some(file))
    }

    /// Writes the file anew, so that only its owner can read it. Whoever reads it meanwhile finds
    /// the old one or the new one, complete.
    ///
    /// # Errors
    /// When it cannot be written. Then the old one is still there.
    pub(crate) fn save(&self) -> Result<(), Problem> {
        let text = self.jar.to_netscape();
        // What a link leads to is replaced, not the link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let is_device = fs::metadata(&path).is_ok_and(|found| !found.is_file());
        let written = if is_device {
            write(&path, &text, OpenOptions::new().write(true))
        } else {
            replace(&path, &text)
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
    let written = write(&new, text, OpenOptions::new().write(true).create_new(true))
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
fn write(path: &Path, text: &[u8], how: &mut OpenOptions) -> io::Result<()> {
    let mut file = how.mode(0o600).open(path)?;
    file.write_all(text)?;
    match file.sync_all() {
        // A device, or a file system that has no such call.
        Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}
