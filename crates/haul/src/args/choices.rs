//! The options whose value is one of a few words. The comment of each word is its help text.

use clap::ValueEnum;

/// How an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ended {
    /// The file was downloaded
    Done,
    /// The file existed already
    Skipped,
    /// The file existed already, and the server says that it has not changed
    Unchanged,
    /// There is no file
    Failed,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// One JSON object per line, with the fields of --results
    Jsonl,
    /// A table with a header, with the fields of --results
    Csv,
    /// A Parquet file, for a file or a pipe
    #[cfg(feature = "parquet")]
    Parquet,
    /// An Arrow IPC file, for a file or a pipe
    #[cfg(feature = "parquet")]
    Arrow,
    /// A list that -i reads: the URL and its fields
    Text,
    /// Columns for people
    Table,
}

/// What a list is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// By the name of the list (such as SHA256SUMS or urls.csv.gz), or by its first bytes
    Auto,
    /// One URL per line, with fields after it
    Text,
    /// Checksums and names
    Checksums,
    /// A list of aria2c: options below each URL, on indented lines
    Aria2,
    /// A table with a header: CSV, TSV, or with another delimiter
    Csv,
    /// One JSON object per line
    Jsonl,
    /// A table in a Parquet file
    Parquet,
    /// A table in Arrow's IPC format: a stream, or a file
    Arrow,
    /// Files with mirrors and checksums in XML: Metalink 4 (.meta4) or 3 (.metalink)
    Metalink,
    /// URLs of a site in XML (sitemaps.org), or an index of such lists
    Sitemap,
}

/// How files are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// Last part of the URL's path: b.gif
    Flat,
    /// Folders as on the server, below one for the host: host/a/b.gif
    Tree,
    /// Hash of the URL: ab/cd/abcd….gif, for millions of files
    Hashed,
    /// Number of the row: 000000042.gif
    Row,
}

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exists {
    /// Skip it if it is the same file (its checksum matches, or its size and time are the
    /// server's); replace it if it is the beginning of the new file; otherwise keep both, and save
    /// the new one under another name: a~1b2c3d4e.gif
    Auto,
    /// Skip it without a request, whatever is in it
    Skip,
    /// Ask the server whether it has changed, and replace it if so, once the new one is complete
    Refresh,
    /// Replace it, once the new one is complete
    Overwrite,
    /// Keep it, and save the new one under another name: a.1.gif
    Rename,
    /// Keep it, and count the item as failed
    Fail,
}

/// How much a power cut may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// Never: after a power cut, recent files may be incomplete
    None,
    /// About once a second: a file gets its name only when it is on the disk
    Batch,
    /// Each file before it is reported
    Each,
}

/// Which failures of an earlier run are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RetryFailed {
    /// All of them
    All,
    /// Those that may work now: after a timeout or a status 503, but not after a 404
    Transient,
    /// None: they fail again, without a request
    None,
}

/// What is shown during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar on a terminal; elsewhere a status line every 15 s
    Auto,
    /// As auto
    Bar,
    /// As auto, and a line for each file when it is there
    Files,
    /// A line when an item starts and when it ends
    Plain,
    /// Events as JSON, one per line
    Json,
    /// Only failures, and a summary at the end
    None,
}

/// The newest version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsMax {
    /// TLS 1.2
    #[value(name = "1.2")]
    Tls12,
    /// TLS 1.3, the newest there is
    #[value(name = "1.3", alias = "default")]
    Tls13,
}
