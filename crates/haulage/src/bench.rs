//! What `benches/` measures of the pure stations, each as one function: no part of the interface.

use std::ops::Range;

use bytes::BytesMut;

use crate::fetch::http1::chunks::{Chunks, Piece};
use crate::fetch::http1::head;
use crate::options::Layout;
use crate::plan::accepted::Accepted;
use crate::plan::layout;
use crate::plan::pieces::Pieces;
use crate::plan::registry::{Claim, Names};
use crate::request::Request;
use crate::source::TextList;

/// How many rows a text list has that can be used.
#[must_use]
pub fn rows(list: &str) -> usize {
    TextList::new(list.as_bytes(), "bench").flatten().count()
}

/// How many of these requests get names of their own.
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

/// How many gaps a file of `total` bytes has left when these have come, in this order.
#[must_use]
pub fn pieces(ranges: &[Range<u64>], total: u64) -> usize {
    let mut pieces = Pieces::default();
    for range in ranges {
        pieces.add(range.clone());
    }
    let read_back = Pieces::decode(&pieces.encode()).unwrap_or_default();
    read_back.gaps(total).count()
}

/// Whether this is a whole head of HTTP/1.1.
#[must_use]
pub fn head(text: &[u8]) -> bool {
    head::take(&mut BytesMut::from(text), 0).is_ok_and(|head| head.is_some())
}

/// How many bytes a chunked body comes to, received at once.
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
