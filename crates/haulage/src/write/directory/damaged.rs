//! Renames a damaged database, so that a new one can take its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::workspace::DATABASE;

/// Added to the name of a damaged database.
const DAMAGED: &str = "damaged";
/// The most damaged databases that are kept: after that, the last one is replaced.
const MAX_DAMAGED: u32 = 99;

/// Renames a database, and what belongs to it, to the first free of `NAME.damaged`,
/// `NAME.damaged.1`, and so on. Returns the new path.
pub(crate) fn rename_damaged(database: &Path) -> io::Result<PathBuf> {
    let named = |number: u32| match number {
        0 => with_suffix(database, &format!(".{DAMAGED}")),
        number => with_suffix(database, &format!(".{DAMAGED}.{number}")),
    };
    let is_free = |path: &Path| {
        DATABASE
            .iter()
            .all(|suffix| with_suffix(path, suffix).symlink_metadata().is_err())
    };
    let mut numbers = (0..MAX_DAMAGED).map(named);
    let new = numbers
        .find(|path| is_free(path))
        .unwrap_or_else(|| named(MAX_DAMAGED));
    fs::rename(database, &new)?;
    for suffix in &DATABASE[1..] {
        match fs::rename(with_suffix(database, suffix), with_suffix(&new, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(new)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_database_gets_first_free_name() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("state.db");
        for (number, name) in ["state.db.damaged", "state.db.damaged.1"]
            .iter()
            .enumerate()
        {
            fs::write(&database, number.to_string()).unwrap();
            fs::write(with_suffix(&database, "-wal"), "log").unwrap();
            let new = rename_damaged(&database).unwrap();
            assert_eq!(new, folder.path().join(name));
            assert_eq!(fs::read_to_string(&new).unwrap(), number.to_string());
            assert!(with_suffix(&new, "-wal").is_file());
            assert!(!database.exists() && !with_suffix(&database, "-wal").exists());
        }
    }
}
