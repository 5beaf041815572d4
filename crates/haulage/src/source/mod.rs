//! Where rows come from: command-line patterns and lists, each a lazy iterator.
//!
//! A source is any `Iterator<Item = Row>`. It yields one item per row of the input, in input order.
//! A row that cannot be used is a [`BadRow`](crate::BadRow), and does not end the source. Rows are
//! read or made on demand, so a list may be of any length, or a pipe that is still being written
//! to.

mod armour;
mod base;
mod binary;
mod cells;
mod checksums;
mod csv;
mod decompressed;
mod format;
mod hints;
mod jsonl;
mod lines;
mod list;
mod list_name;
mod options;
mod pattern;
pub(crate) mod prefix;
mod text;

pub use checksums::ChecksumList;
pub use csv::CsvList;
pub use decompressed::Decompressed;
pub use format::{Detected, ListFormat};
pub use jsonl::JsonLines;
pub use list::{List, count_rows};
pub use options::{Columns, ListOptions};
pub use pattern::{Expansion, Pattern};
pub use text::TextList;
