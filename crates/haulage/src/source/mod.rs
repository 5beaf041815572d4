//! Where rows come from: command-line patterns and lists, each a lazy iterator.
//!
//! A source is any `Iterator<Item = Row>`. It yields one item per row of the input, in input order.
//! A row that cannot be used is a [`BadRow`](crate::BadRow), and does not end the source. Rows are
//! read or made on demand, so a list may be of any length, or a pipe that is still being written
//! to.

mod armour;
mod base;
mod binary;
mod checksums;
mod decompressed;
mod hints;
mod lines;
mod list;
mod list_name;
mod pattern;
pub(crate) mod prefix;
mod text;

pub use binary::why_no_list;
pub use checksums::ChecksumList;
pub use decompressed::Decompressed;
pub use list::{List, ListFormat, count_rows};
pub use pattern::{Expansion, Pattern};
pub use text::TextList;
