//! The file of metrics, for the textfile collector of the Prometheus node exporter.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{PathBufValueParser, TypedValueParser};

/// The name of a file that the textfile collector reads: it ends in `.prom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromFile(pub(crate) PathBuf);

impl PromFile {
    /// Returns what parses it, for clap.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        PathBufValueParser::new().try_map(Self::of)
    }

    fn of(path: PathBuf) -> Result<Self, String> {
        let has_name = path.extension().is_some_and(|ending| ending == "prom");
        if has_name {
            Ok(Self(path))
        } else {
            Err("the name must end in .prom, or the node exporter does not read it".to_owned())
        }
    }
}

impl FromStr for PromFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::of(text.into())
    }
}

/// Replaces a file as a whole: who reads it gets what was there before, or the new text.
///
/// # Errors
/// When it cannot be written, or renamed.
#[expect(
    clippy::disallowed_methods,
    reason = "the metrics are no file of the destination"
)]
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Runs at the same time have names of their own. The collector reads only what ends in .prom.
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It may not be there at all.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_ends_in_prom() {
        assert!("a/haul.prom".parse::<PromFile>().is_ok());
        for text in ["haul.txt", "haul", ".prom", "prom", "haul.prom.gz", ""] {
            assert!(text.parse::<PromFile>().is_err(), "{text}");
        }
    }

    #[test]
    fn file_is_replaced_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("haul.prom");
        for text in ["a 1\n", "a 2\n"] {
            replace(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("no/haul.prom"), "a 1\n").is_err());
        // A folder cannot be replaced by a file.
        let taken = folder.path().join("b.prom");
        fs::create_dir(&taken).unwrap();
        assert!(replace(&taken, "a 1\n").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
