//! Where a row was read.

use std::sync::Arc;

/// Where a row was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLocation {
    /// The list's name: a path, or `-`.
    pub input: Arc<str>,
    /// The line, from 1.
    pub line: u64,
}
