//! The log that a client asks for: the options `log` and `log-level`.

use std::path::PathBuf;

use haulage::Error;
use tracing::Level;

use super::plan::outside;
use super::{Effective, Folders, value};

/// A file to which is written what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    /// Nothing of a higher one is written.
    pub(crate) level: Level,
}

impl Effective<'_> {
    /// Returns the log that is written; `None` for none.
    ///
    /// # Errors
    /// Of kind `refused`, if files may not be saved where it is.
    pub(crate) fn log(&self, folders: &Folders) -> Result<Option<Log>, Error> {
        let Some(given) = self.get("log").filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let path = folders.resolve(given).ok_or_else(|| outside(given))?;
        let level = self.get("log-level").and_then(value::level);
        Ok(Some(Log {
            path,
            level: level.unwrap_or(Level::INFO),
        }))
    }
}
