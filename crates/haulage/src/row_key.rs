//! By what a row is found in the records of earlier runs.

/// What a row asks for, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Stands for the row's URL as given, its name, its checksums, and how files are named: the
    /// first 8 bytes of a SHA-256.
    pub(crate) key: i64,
    /// What follows the URL in a text list, without secrets; `None` if nothing does.
    pub(crate) fields: Option<Box<str>>,
    /// Where the row is recorded as it is, apart from its hashes; `None` if something of it is new.
    pub(crate) recorded: Option<Recorded>,
}

/// Where a row is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) list: i64,
    pub(crate) row: u64,
}
