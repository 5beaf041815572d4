//! A token in a file (RFC 6750), which may be replaced during a run.
//!
//! Network threads only copy the token. The file is looked at on other threads, at most once a
//! second, and when a server has refused the token.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::file;
use crate::error::Error;
use crate::sync::lock;

/// How often the file is looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// A file whose content is sent as `Authorization: Bearer`. When the file changes, its new content
/// is sent. A clone shares what was read. `Debug` shows the path alone.
///
/// ```no_run
/// use haulage::{BearerFile, RunOptions};
///
/// let mut options = RunOptions::new("downloads");
/// options.bearer = Some(BearerFile::open("token.txt")?);
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Clone)]
pub struct BearerFile(Arc<Inner>);

struct Inner {
    path: PathBuf,
    /// The file can be read more than once: it is no pipe.
    can_change: bool,
    state: Mutex<State>,
}

struct State {
    value: HeaderValue,
    version: Option<Version>,
    looked_at: Instant,
}

/// What tells one content of a file from another.
#[derive(PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl BearerFile {
    /// Reads a token from a file: its only line. Blocks.
    ///
    /// # Errors
    /// Of kind `input`, for a file that cannot be read, is empty, or holds something else.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let about = fs::metadata(&path).ok();
        let value = read(&path)?;
        Ok(Self(Arc::new(Inner {
            can_change: about.as_ref().is_some_and(Metadata::is_file),
            state: Mutex::new(State {
                value,
                version: about.as_ref().map(Version::of),
                looked_at: Instant::now(),
            }),
            path,
        })))
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns what is sent as `Authorization`, as it was when the file was last looked at.
    pub(crate) fn value(&self) -> HeaderValue {
        lock(&self.0.state).value.clone()
    }

    /// Returns whether the file is to be looked at again. Tells one of those who ask at once.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        if !self.0.can_change {
            return false;
        }
        let mut state = lock(&self.0.state);
        let is_due = now.saturating_duration_since(state.looked_at) >= LOOK;
        if is_due {
            state.looked_at = now;
        }
        is_due
    }

    /// Reads the file again if it has changed. Keeps the token if that fails, since a file that is
    /// being replaced may be missing or empty for a moment. Blocks.
    pub(crate) fn look(&self) {
        if !self.0.can_change {
            return;
        }
        let about = fs::metadata(&self.0.path).ok();
        // What is no file any more might block for ever.
        let about = about.filter(Metadata::is_file);
        let version = about.as_ref().map(Version::of);
        if version.is_none() || lock(&self.0.state).version == version {
            return;
        }
        if let Ok(value) = read(&self.0.path) {
            let mut state = lock(&self.0.state);
            state.value = value;
            state.version = version;
        }
    }
}

impl PartialEq for BearerFile {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for BearerFile {}

impl fmt::Debug for BearerFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("BearerFile")
            .field(&self.0.path)
            .finish()
    }
}

impl Version {
    fn of(about: &Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
            length: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
        }
    }
}

fn read(path: &Path) -> Result<HeaderValue, Error> {
    let text = file::read(path)?;
    let token = text.trim_ascii();
    if token.is_empty() {
        return Err(file::unusable(path, "is empty; it should hold a token"));
    }
    if !token.iter().all(u8::is_ascii_graphic) {
        let why = "is no token: it should be one line without blanks";
        return Err(file::unusable(path, why));
    }
    let value = HeaderValue::from_bytes(&[&b"Bearer "[..], token].concat());
    let mut value = value.map_err(|_| file::unusable(path, "is no token"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
    }

    #[test]
    fn file_that_changes_is_read_again_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "\none\r\n");
        let bearer = BearerFile::open(&path).unwrap();
        assert_eq!(bearer.value(), "Bearer one");
        write(&path, "another");
        assert_eq!(bearer.value(), "Bearer one", "before it is looked at");
        bearer.look();
        assert_eq!(bearer.value(), "Bearer another");
        for broken in ["", "two words"] {
            write(&path, broken);
            bearer.look();
            assert_eq!(bearer.value(), "Bearer another");
        }
        fs::remove_file(&path).unwrap();
        bearer.look();
        assert_eq!(bearer.value(), "Bearer another");
        write(&path, "third");
        bearer.look();
        assert_eq!(bearer.value(), "Bearer third");
    }

    #[test]
    fn pipe_in_place_of_the_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "one");
        let bearer = BearerFile::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        bearer.look();
        assert_eq!(bearer.value(), "Bearer one");
    }

    #[test]
    fn it_is_looked_at_once_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "t");
        let bearer = BearerFile::open(&path).unwrap();
        let now = Instant::now();
        assert!(!bearer.is_due(now));
        assert!(bearer.is_due(now + LOOK));
        assert!(!bearer.is_due(now + LOOK));
        assert!(bearer.is_due(now + LOOK * 2));
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (text, says) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("secret\nsecret", "one line"),
            ("s\u{e9}cret", "one line"),
        ] {
            write(&path, text);
            let error = BearerFile::open(&path).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("cret"), "{error}");
        }
        let missing = BearerFile::open(folder.path().join("missing")).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read "), "{missing}");
        write(&path, "secret");
        let shown = format!("{:?}", BearerFile::open(&path).unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
