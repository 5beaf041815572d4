//! Where rows come from: command-line patterns and lists, each a lazy iterator.
//!
//! A source is any `Iterator<Item = Row>`. It yields one item per row of the input, in input order.
//! A row that cannot be used is a [`BadRow`](crate::BadRow), and does not end the source. Rows are
//! read or made on demand, so a list may be of any length, or a pipe that is still being written
//! to.

mod aria2;
mod armour;
#[cfg(feature = "parquet")]
mod arrow;
mod base;
#[cfg(feature = "parquet")]
mod batch;
mod binary;
mod cells;
mod checksums;
mod csv;
#[cfg(feature = "parquet")]
mod decoding;
mod decompressed;
mod detect;
mod ending;
mod format;
mod hints;
mod jsonl;
mod lines;
mod list;
mod list_name;
mod metalink;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod pattern;
pub(crate) mod prefix;
mod sample;
mod shard;
mod sitemap;
mod text;
mod xml;
#[cfg(feature = "parquet")]
mod zones;

pub use aria2::Aria2;
#[cfg(feature = "parquet")]
pub use arrow::Arrow;
#[cfg(all(feature = "parquet", any(test, feature = "fuzzing")))]
pub(crate) use arrow::arrow_messages;
pub use cells::RESULT_COLUMNS;
pub use checksums::Checksums;
pub use csv::Csv;
#[cfg(feature = "parquet")]
pub use decoding::list_being_decoded;
pub use decompressed::Decompressed;
pub use detect::Detected;
pub use format::ListFormat;
pub use jsonl::Jsonl;
pub use list::{List, count_rows, count_rows_of_file};
pub use metalink::Metalink;
pub use options::{Columns, ListOptions};
#[cfg(feature = "parquet")]
pub use parquet::Parquet;
pub use pattern::{Expansion, Pattern};
pub use sample::sample;
pub use shard::Shard;
pub use sitemap::{Fetch, Sitemap};
pub use text::Text;
#[cfg(feature = "parquet")]
#[doc(hidden)]
pub use zones::{in_utc, with_zones};
