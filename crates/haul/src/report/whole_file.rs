//! Files that are replaced as a whole: who reads one gets what was there before, or the new
//! content.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Checks that a file can be replaced, as far as that can be told before.
///
/// # Errors
/// If it is a folder, or no file can be made beside it.
#[expect(
    clippy::disallowed_methods,
    reason = "such a file is about the run, not a part that becomes a file"
)]
pub(crate) fn check(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let temporary = temporary(path);
    fs::File::create(&temporary)?;
    fs::remove_file(temporary)
}

/// Replaces a file, or makes it. Keeps the permissions of one that was there.
///
/// # Errors
/// When it cannot be written, or renamed.
#[expect(
    clippy::disallowed_methods,
    reason = "such a file is about the run, not a part that becomes a file"
)]
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let temporary = temporary(path);
    let written = fs::write(&temporary, text)
        .and_then(|()| match fs::metadata(path) {
            Ok(before) => fs::set_permissions(&temporary, before.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It may not be there at all.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Returns the name of the file that is written before it gets its name. Runs at the same time have
/// names of their own.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_replaced_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("haul.prom");
        check(&path).unwrap();
        assert!(!path.exists());
        for text in ["a 1\n", "a 2\n"] {
            replace(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = folder.path().join("no/haul.prom");
        assert!(check(&missing).is_err() && replace(&missing, "a 1\n").is_err());
        // A folder cannot be replaced by a file.
        let taken = folder.path().join("b.prom");
        fs::create_dir(&taken).unwrap();
        assert!(check(&taken).is_err() && replace(&taken, "a 1\n").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
