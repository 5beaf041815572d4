//! Where rows come from: command-line patterns and lists, each a lazy iterator.
//!
//! A source is any `Iterator<Item = Row>`. It yields one item per row of the input, in input order, and a row that cannot
//! be used is a [`BadRow`](crate::BadRow) rather than the end. Nothing is read or made before it is asked for,
//! so that a list may be of any length, and a pipe that is still being written.

mod pattern;
mod text;

pub use pattern::{Expansion, Pattern};
pub use text::{TextList, count_rows};

use crate::request::without_userinfo;

/// Most characters of a row that are shown of it.
const SHOWN: usize = 200;

/// What may be shown of a URL, or of what stands in its place: no userinfo, and no more than fits in a message.
fn shown(url: &str) -> String {
    let mut shown = without_userinfo(url);
    if let Some((end, _)) = shown.char_indices().nth(SHOWN - 1)
        && shown[end..].chars().nth(1).is_some()
    {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}
