//! The pure functions that `benches/` measures. Not part of the API.

use std::ops::Range;

use bytes::BytesMut;

use crate::fetch::http1::chunks::{Chunks, Piece};
use crate::fetch::http1::head;
use crate::options::Layout;
use crate::plan::accepted::Accepted;
use crate::plan::layout;
use crate::plan::range_set::RangeSet;
use crate::plan::registry::{Claim, Names};
use crate::request::Request;
use crate::source::Text;

/// Returns how many usable rows a text list has.
#[must_use]
pub fn rows(list: &str) -> usize {
    Text::new(list.as_bytes(), "bench").flatten().count()
}

/// Returns how many of these requests get a name that no earlier one has.
#[must_use]
pub fn names(layout: Layout, requests: &[Request]) -> usize {
    let mut names = Names::default();
    let claimed = requests.iter().zip(0..).map(|(request, row)| {
        let given = request.url();
        let name = layout::name(layout, &request.url, given, row, &Accepted::nothing);
        names.claim(name, given, &[])
    });
    claimed
        .filter(|claim| matches!(claim, Claim::Mine { .. }))
        .count()
}

/// Returns how many gaps remain in a file of `total` bytes after these ranges were received, in
/// this order.
#[must_use]
pub fn range_set(ranges: &[Range<u64>], total: u64) -> usize {
    let mut set = RangeSet::default();
    for range in ranges {
        set.add(range.clone());
    }
    let read_back = RangeSet::decode(&set.encode()).unwrap_or_default();
    read_back.gaps(total).count()
}

/// Returns whether this is a complete HTTP/1.1 head.
#[must_use]
pub fn head(text: &[u8]) -> bool {
    head::take(&mut BytesMut::from(text), 0).is_ok_and(|head| head.is_some())
}

/// Returns the length in bytes of what a chunked body decodes to, when all of it is received at
/// once.
#[must_use]
pub fn chunks(body: &[u8]) -> usize {
    let mut buffer = BytesMut::from(body);
    let mut chunks = Chunks::default();
    let mut bytes = 0;
    while let Ok(Piece::Bytes(piece)) = chunks.next(&mut buffer) {
        bytes += piece.len();
    }
    bytes
}
