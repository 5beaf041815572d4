//! Identifies a row in the records of earlier runs.

/// What a row asks for, in the form that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestKey {
    /// The first 8 bytes of a SHA-256 of the row's URL as given, its name, its checksums, and how
    /// files are named.
    pub(crate) hash: i64,
    /// The fields after the URL in a text list, without secrets; `None` if there are none.
    pub(crate) fields: Option<Box<str>>,
    /// Where the row is recorded unchanged, apart from its hashes; `None` if something of it is
    /// new.
    pub(crate) recorded: Option<RecordLocation>,
}

/// Where a row is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordLocation {
    pub(crate) list: i64,
    pub(crate) row: u64,
}
