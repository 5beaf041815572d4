//! How a list ends: at its end, or with an error.

use std::io;

use crate::request::Row;

/// Whether a list has ended, and the error that ended it.
#[derive(Debug, Default)]
pub(super) struct Ending {
    has_ended: bool,
    error: Option<io::Error>,
}

impl Ending {
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns the row that was read. The list has ended if there is none.
    pub(super) fn pass(&mut self, read: io::Result<Option<Row>>) -> Option<Row> {
        self.has_ended = !matches!(read, Ok(Some(_)));
        read.unwrap_or_else(|error| {
            self.error = Some(error);
            None
        })
    }

    /// Takes the error that ended the list early; `None` if there was none.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}
