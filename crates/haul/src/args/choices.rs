//! What an option can be set to, where that is one of a few words; what documents each is its help.

use clap::ValueEnum;

/// How an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ended {
    /// Its file was fetched
    Done,
    /// Its file was there already
    Skipped,
    /// Its file was there already, and has not changed
    Unchanged,
    /// There is no file
    Failed,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// A JSON object a line
    Jsonl,
    /// A list: the URL and what its row said of it
    Text,
}

/// What the lines of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// What its name says (SHA256SUMS, MD5SUMS, x.iso.sha256 and the like), or else its first line
    Auto,
    /// URLs
    Text,
    /// Checksums and names
    Checksums,
}

/// How files are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// The last part of the URL's path: b.gif
    Flat,
    /// Folders as on the server, under one for the host
    Tree,
    /// A hash of the URL: ab/cd/abcd….gif, for very many files
    Hashed,
    /// The row's number: 000000042.gif
    Row,
}

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exists {
    /// Skip it if it is the same file (its checksum matches, or its size and time are those of the
    /// server's); finish it if it is a part of it; otherwise keep both, and give the new one
    /// another name: a~1b2c3d4e.gif
    Auto,
    /// Skip it, whatever is in it
    Skip,
    /// Ask the server whether it has changed, and replace it if so, once the new one is complete
    Refresh,
    /// Replace it, once the new one is complete
    Overwrite,
    /// Keep it, and give the new one another name: a.1.gif
    Rename,
    /// Keep it, and count the item as failed
    Fail,
}

/// What a power cut may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// No file is synced: one that was named lately may be incomplete then
    None,
    /// A file has its name once its bytes are on the disk, and is recorded once its name is; about once a second
    Batch,
    /// The same, and an item ends only once it is recorded
    Each,
}

/// Which failures of an earlier run are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RetryFailed {
    All,
    /// Those that may have passed: a silent host, a status 503, but not a 404
    Transient,
    /// They fail again, without a request
    None,
}

/// What is shown while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar on a terminal; elsewhere a status line every 15 s
    Auto,
    /// As auto
    Bar,
    /// A line as each item starts and ends
    Plain,
    /// Every event as JSON, one a line
    Json,
    /// Only failures, and a line at the end
    None,
}
