//! Why a database cannot be used: which errors mean that it is damaged, so that a retry cannot
//! help, and the messages of the others.

use std::path::Path;

use rusqlite::ErrorCode;

use super::schema::Unfit;
use crate::error::{Error, ErrorKind};

/// The code of `SQLite` for a statement that does not match the existing tables (`SQLITE_ERROR`).
const NO_SUCH_TABLE: i32 = 1;

/// Returns whether a statement failed because the database contains what no haul writes.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..)
        | Error::SqlInputError { .. } => true,
        Error::SqliteFailure(failure, _) => {
            matches!(
                failure.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
            ) || failure.extended_code == NO_SUCH_TABLE
        }
        _ => false,
    }
}

/// Returns whether something other than a file, such as a folder or a pipe, is in the place of a
/// database or its log. A link does not count: it is not ours to move.
pub(super) fn is_obstructed(path: &Path) -> bool {
    let is_obstacle = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        Path::new(&name)
            .symlink_metadata()
            .is_ok_and(|found| !found.is_file() && !found.is_symlink())
    };
    ["", "-wal", "-shm"].into_iter().any(is_obstacle)
}

/// Returns the error of a failed statement. `what` says what was attempted, in words that can
/// precede a colon.
pub(super) fn failed(what: &str, cause: rusqlite::Error) -> Error {
    let advice = match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "; make room and run the same command again",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "; somebody else has it open: close that and run the same command again"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "; it is damaged: move it away, and files that are there are taken as they are"
        }
        _ => "",
    };
    Error::new(ErrorKind::Disk, format!("{what}: {cause}{advice}")).caused_by(cause)
}

impl Unfit {
    /// Returns whether the database at this path is, in its present state, not one that any haul
    /// has written.
    pub(super) fn is_damage(&self, path: &Path) -> bool {
        match self {
            Self::Foreign => true,
            Self::Newer => false,
            Self::Broken(error) => is_damage(error) || is_obstructed(path),
        }
    }

    pub(super) fn into_error(self, path: &Path) -> Error {
        let path = path.display();
        let disk = |why: &str| Error::new(ErrorKind::Disk, format!("{path} {why}"));
        match self {
            Self::Foreign => disk("is another program's database; move it away"),
            Self::Newer => disk(
                "was written by a newer version of haul; update haul, or choose another folder (--dir)",
            ),
            Self::Broken(cause) => failed(&format!("cannot use {path}"), cause),
        }
    }
}
