//! Which errors mean that a database is damaged, so that no other try will read it.

use std::path::Path;

use rusqlite::ErrorCode;

/// What sqlite3 says of a statement that does not fit the tables there are (`SQLITE_ERROR`).
const NO_SUCH_TABLE: i32 = 1;

/// Whether a statement failed since the database holds what no haul writes.
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

/// Whether a database could not be opened since something else than a file stands where it or its log should. What is a link is not ours to
/// move.
pub(super) fn is_obstructed(error: &rusqlite::Error, path: &Path) -> bool {
    let is_obstacle = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        Path::new(&name)
            .symlink_metadata()
            .is_ok_and(|found| !found.is_file() && !found.is_symlink())
    };
    error.sqlite_error_code() == Some(ErrorCode::CannotOpen)
        && ["", "-wal", "-shm"].into_iter().any(is_obstacle)
}
