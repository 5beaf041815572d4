//! Bodies: each byte is a function of a seed and its offset, so that any size needs no memory and
//! any part can be checked alone.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

/// The content of a response.
#[derive(Clone, Debug)]
pub struct Body {
    source: Source,
    len: u64,
}

#[derive(Clone)]
enum Source {
    /// The seed, and the offset of the first byte.
    Seeded(u64, u64),
    Given(Bytes),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seeded(_, offset) => write!(f, "Seeded from {offset}"),
            // A failing test prints it, so it is kept short.
            Self::Given(bytes) if bytes.len() <= 64 => write!(f, "{bytes:?}"),
            Self::Given(bytes) => write!(f, "{:?}…", bytes.slice(..64)),
        }
    }
}

impl Body {
    /// Creates a body of `len` bytes that look random and depend only on `seed`.
    #[must_use]
    pub fn seeded(seed: u64, len: u64) -> Self {
        Self {
            source: Source::Seeded(scatter(seed), 0),
            len,
        }
    }

    /// Creates a body of exactly these bytes.
    #[must_use]
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            len: bytes.len() as u64,
            source: Source::Given(bytes),
        }
    }

    /// Creates an empty body.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(Bytes::new())
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether the body has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns all bytes of the body, which must fit into memory.
    ///
    /// # Panics
    ///
    /// When the body is larger than the address space.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; index(self.len)];
        self.fill(0, &mut bytes);
        bytes
    }

    /// Copies the bytes from `offset` on into `out`.
    ///
    /// # Panics
    ///
    /// When the body ends before `out` is full.
    pub fn fill(&self, offset: u64, out: &mut [u8]) {
        let end = offset.checked_add(out.len() as u64);
        assert!(
            end.is_some_and(|end| end <= self.len),
            "{} bytes from {offset} of a body of {}",
            out.len(),
            self.len
        );
        match &self.source {
            Source::Seeded(seed, start) => fill(*seed, start + offset, out),
            Source::Given(bytes) => out.copy_from_slice(&bytes[index(offset)..][..out.len()]),
        }
    }

    /// Returns whether the body contains `bytes` at `offset`: for bodies too large for
    /// [`bytes`](Self::bytes).
    #[must_use]
    pub fn matches(&self, offset: u64, bytes: &[u8]) -> bool {
        let mut expected = [0; 4096];
        let fits = offset
            .checked_add(bytes.len() as u64)
            .is_some_and(|end| end <= self.len);
        fits && bytes.chunks(expected.len()).zip(0..).all(|(part, nth)| {
            let expected = &mut expected[..part.len()];
            self.fill(offset + nth * 4096, expected);
            expected == part
        })
    }

    /// Returns a range of the body as a body of its own.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let source = match &self.source {
            Source::Seeded(seed, start) => Source::Seeded(*seed, start + range.start),
            Source::Given(_) => Source::Given(self.part(range.clone())),
        };
        Self {
            source,
            len: range.end - range.start,
        }
    }

    /// Returns the bytes of a range of the body. Bytes that were given are shared, not copied.
    pub(crate) fn part(&self, range: Range<u64>) -> Bytes {
        match &self.source {
            Source::Given(bytes) => bytes.slice(index(range.start)..index(range.end)),
            Source::Seeded(..) => {
                let mut part = vec![0; index(range.end - range.start)];
                self.fill(range.start, &mut part);
                part.into()
            }
        }
    }
}

fn fill(seed: u64, offset: u64, out: &mut [u8]) {
    let mut nth = offset / 8;
    let skipped = index(offset % 8);
    let mut rest = out;
    if skipped > 0 {
        let (first, after) = rest.split_at_mut(rest.len().min(8 - skipped));
        first.copy_from_slice(&word(seed, nth)[skipped..][..first.len()]);
        rest = after;
        nth += 1;
    }
    let (words, last) = rest.as_chunks_mut::<8>();
    for out in words {
        *out = word(seed, nth);
        nth += 1;
    }
    last.copy_from_slice(&word(seed, nth)[..last.len()]);
}

/// Returns the word number `nth`, by wyrand, which takes one multiplication per word. Its state is
/// computed from the number instead of being stepped, so that any word can be had without those
/// before it.
#[inline]
fn word(seed: u64, nth: u64) -> [u8; 8] {
    let state = seed.wrapping_add(nth.wrapping_mul(0xa076_1d64_78bd_642f));
    let (low, high) = state.carrying_mul(state ^ 0xe703_7ed1_a0b4_28db, 0);
    (low ^ high).to_le_bytes()
}

/// Scatters a seed, by the last steps of splitmix64, so that the bodies of neighbouring seeds have
/// nothing in common.
fn scatter(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

#[expect(
    clippy::expect_used,
    reason = "what is indexed is in memory, or shall be"
)]
fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("more than the address space")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_access_equals_sequential() {
        let body = Body::seeded(7, 1003);
        let all = body.bytes();
        for start in 0..40 {
            for len in 0..40 {
                let mut part = vec![0; len];
                body.fill(start as u64, &mut part);
                assert_eq!(part, all[start..start + len], "{len} bytes from {start}");
            }
        }
        assert!(body.matches(0, &all));
        assert!(body.matches(500, &all[500..]));
        assert!(!body.matches(499, &all[500..]));
        assert!(!body.matches(501, &all[500..]), "past the end");
        assert_eq!(body.part(3..77), all[3..77]);
        let slice = body.slice(13..1000).slice(7..90);
        assert_eq!(slice.bytes(), all[20..103]);
    }

    #[test]
    fn a_huge_one_costs_nothing() {
        let body = Body::seeded(7, u64::MAX);
        let mut last = [0; 20];
        body.fill(u64::MAX - 20, &mut last);
        assert_ne!(last, [0; 20]);
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(Body::seeded(1, 64).bytes(), Body::seeded(2, 64).bytes());
        assert_eq!(Body::seeded(1, 64).bytes(), Body::seeded(1, 64).bytes());
        // A shorter one is the beginning of a longer one.
        assert_eq!(
            Body::seeded(1, 64).bytes()[..50],
            Body::seeded(1, 50).bytes()
        );
    }

    #[test]
    fn given_bytes() {
        let body = Body::of("hello, world");
        assert_eq!(body.len(), 12);
        assert_eq!(body.bytes(), b"hello, world");
        assert_eq!(body.part(7..12), "world");
        assert_eq!(body.slice(3..12).slice(4..9).bytes(), b"world");
        assert!(Body::empty().is_empty());
    }
}
