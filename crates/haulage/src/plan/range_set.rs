//! Range sets: which bytes of a file are on disk, and how they are recorded for a later run. Pure.

use std::ops::Range;

/// Maximum number of ranges that are recorded or read back. There are only dozens of segments, so a
/// record with more ranges is damaged.
const MAX_RANGES: usize = 4096;
/// The first byte of what [`RangeSet::encode`] returns, to tell this format from later ones.
const VERSION: u8 = 1;

/// Bytes of a file: half-open ranges that are in order, not empty, and neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeSet(Vec<Range<u64>>);

impl RangeSet {
    /// Adds a range of bytes. It may overlap those that were added before.
    pub(crate) fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // Ranges that overlap or touch the new one are merged with it.
        let first = self.0.partition_point(|held| held.end < range.start);
        let after = self.0.partition_point(|held| held.start <= range.end);
        let joined = match (self.0.get(first), after.checked_sub(1)) {
            (Some(one), Some(last)) if first <= last => {
                one.start.min(range.start)..self.0[last].end.max(range.end)
            }
            _ => range,
        };
        self.0.splice(first..after, [joined]);
    }

    /// Returns the bytes that are not in `others`.
    pub(crate) fn without(&self, others: &Self) -> Self {
        let mut left = Self::default();
        for held in self.iter() {
            for gap in others.gaps(held.end) {
                left.add(gap.start.max(held.start)..gap.end);
            }
        }
        left
    }

    /// Returns how many bytes are in the set.
    pub(crate) fn covered(&self) -> u64 {
        self.iter().map(|held| held.end - held.start).sum()
    }

    /// Returns the ranges, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().cloned()
    }

    /// Returns the ranges that are missing from a file of `total` bytes, in order.
    pub(crate) fn gaps(&self, total: u64) -> impl Iterator<Item = Range<u64>> {
        let starts = [0].into_iter().chain(self.0.iter().map(|held| held.end));
        let ends = self.0.iter().map(|held| held.start).chain([total]);
        starts
            .zip(ends)
            .map(move |(start, end)| start..end.min(total))
            .filter(|gap| !gap.is_empty())
    }

    pub(crate) fn first_gap(&self, total: u64) -> Option<Range<u64>> {
        self.gaps(total).next()
    }

    /// Returns how many bytes there are from the first byte of the file to the first gap.
    pub(crate) fn prefix(&self) -> u64 {
        self.0
            .first()
            .map_or(0, |held| if held.start == 0 { held.end } else { 0 })
    }

    /// Returns whether the set is exactly a file of `total` bytes: all of it, and nothing after its
    /// end.
    pub(crate) fn is_whole(&self, total: u64) -> bool {
        self.0.last().map_or(0, |held| held.end) == total && self.prefix() == total
    }

    /// Encodes the set: [`VERSION`], then for each range its distance from the previous one and its
    /// length. Ranges after the first [`MAX_RANGES`] are left out: it is safe to record fewer bytes
    /// than there are.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let mut at = 0;
        for held in self.iter().take(MAX_RANGES) {
            put(held.start - at, &mut bytes);
            put(held.end - held.start, &mut bytes);
            at = held.end;
        }
        bytes
    }

    /// Decodes what [`RangeSet::encode`] wrote; `None` for anything that it would not have written.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[VERSION])?;
        let mut ranges = Vec::new();
        let mut at = 0_u64;
        while !rest.is_empty() {
            let distance = take(&mut rest)?;
            let length = take(&mut rest)?;
            if ranges.len() == MAX_RANGES || length == 0 || distance == 0 && !ranges.is_empty() {
                return None;
            }
            let start = at.checked_add(distance)?;
            at = start.checked_add(length)?;
            ranges.push(start..at);
        }
        Some(Self(ranges))
    }
}

/// Appends a number in groups of seven bits, the lowest first. All bytes but the last have their
/// highest bit set (LEB128).
fn put(mut number: u64, bytes: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// Reads a number that [`put`] wrote, and removes it from `bytes`. Returns `None` if it is cut
/// short, too large, or longer than necessary.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        number |= bits.checked_mul(1 << shift)?;
        if byte & 0x80 == 0 {
            return (*byte != 0 || shift == 0).then_some(number);
        }
    }
    None
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "one range is meant")]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of(ranges: &[Range<u64>]) -> RangeSet {
        let mut set = RangeSet::default();
        for range in ranges {
            set.add(range.clone());
        }
        set
    }

    #[test]
    fn what_overlaps_or_touches_becomes_one() {
        for (ranges, set) in [
            (&[][..], &[][..]),
            (&[5..5], &[]),
            (&[0..1, 2..3], &[0..1, 2..3]),
            (&[2..3, 0..1, 1..2], &[0..3]),
            (&[0..9, 3..4], &[0..9]),
            (&[3..4, 6..7, 0..9], &[0..9]),
            (&[0..2, 4..6, 8..10, 1..9], &[0..10]),
            (&[4..6, 0..4], &[0..6]),
            (&[0..4, 4..6], &[0..6]),
            (&[0..u64::MAX, 7..8], &[0..u64::MAX]),
            (
                &[u64::MAX - 1..u64::MAX, 0..1],
                &[0..1, u64::MAX - 1..u64::MAX],
            ),
        ] {
            assert_eq!(of(ranges).0, set, "{ranges:?}");
        }
        #[expect(clippy::reversed_empty_ranges, reason = "it is no range at all")]
        let backwards = of(&[9..3]);
        assert_eq!(backwards, RangeSet::default());
    }

    #[test]
    fn a_file_is_whole_when_it_has_neither_too_little_nor_too_much() {
        assert!(RangeSet::default().is_whole(0));
        assert!(of(&[0..5]).is_whole(5));
        for (ranges, total) in [
            (&[][..], 5),
            (&[0..4], 5),
            (&[1..5], 5),
            (&[0..6], 5),
            (&[0..5, 7..9], 5),
            (&[0..5, 7..9], 9),
            (&[0..5], 0),
        ] {
            assert!(!of(ranges).is_whole(total), "{ranges:?} of {total}");
        }
    }

    #[test]
    fn gaps_end_where_the_file_does() {
        let set = of(&[2..4, 6..8, 20..30]);
        let gaps = |total| set.gaps(total).collect::<Vec<_>>();
        assert_eq!(gaps(10), [0..2, 4..6, 8..10]);
        assert_eq!(gaps(5), [0..2, 4..5]);
        assert_eq!(gaps(3), [0..2]);
        assert_eq!(gaps(0), []);
        assert_eq!(set.first_gap(10), Some(0..2));
        assert_eq!(of(&[0..10]).first_gap(10), None);
        assert_eq!(of(&[0..4]).first_gap(10), Some(4..10));
    }

    #[test]
    fn a_prefix_begins_at_the_first_byte() {
        assert_eq!(RangeSet::default().prefix(), 0);
        assert_eq!(of(&[1..5]).prefix(), 0);
        assert_eq!(of(&[0..5, 6..9]).prefix(), 5);
    }

    #[test]
    fn what_was_not_written_so_is_not_read() {
        const LARGEST: [u8; 10] = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        let record = |parts: &[&[u8]]| RangeSet::decode(&parts.concat());
        assert_eq!(record(&[&[1]]), Some(RangeSet::default()));
        assert_eq!(record(&[&[1, 0, 5, 1, 2]]), Some(of(&[0..5, 6..8])));
        assert_eq!(record(&[&[1, 0], &LARGEST]), Some(of(&[0..u64::MAX])));
        for (what, parts) in [
            ("nothing", &[&[][..]][..]),
            ("another version", &[&[2]]),
            ("half a range", &[&[1, 0]]),
            ("half a number", &[&[1, 0, 0x80]]),
            ("an empty range", &[&[1, 3, 0]]),
            ("ranges that touch", &[&[1, 0, 5, 0, 2]]),
            ("a number that is padded", &[&[1, 0, 0x85, 0]]),
            ("an end that is too far", &[&[1, 1], &LARGEST]),
            (
                "a number that is too large",
                &[&[1, 0], &LARGEST[..9], &[2]],
            ),
            (
                "a number that is too long",
                &[&[1, 0], &LARGEST[..9], &[0x81, 0]],
            ),
        ] {
            assert_eq!(record(parts), None, "{what}");
        }
    }

    #[test]
    fn a_record_is_bounded() {
        let mut many = RangeSet::default();
        for number in 0..=MAX_RANGES as u64 {
            many.add(2 * number..2 * number + 1);
        }
        let record = many.encode();
        many.0.pop();
        assert_eq!(RangeSet::decode(&record), Some(many));
        assert_eq!(RangeSet::decode(&[&record[..], &[1, 1]].concat()), None);
    }

    /// Returns a strategy for ranges of small numbers, so that ranges often overlap or touch.
    fn range() -> impl Strategy<Value = Range<u64>> {
        (0..40_u64, 0..12_u64).prop_map(|(start, length)| start..start + length)
    }

    proptest! {
        #[test]
        fn it_does_what_a_set_of_bytes_would(
            steps in proptest::collection::vec(range(), 0..40),
            total in 0..60_u64,
        ) {
            let (mut set, mut model) = (RangeSet::default(), BTreeSet::new());
            for range in steps {
                set.add(range.clone());
                model.extend(range);
                let listed: Vec<_> = set.iter().collect();
                prop_assert!(listed.iter().all(|held| held.start < held.end));
                prop_assert!(listed.is_sorted_by(|one, next| one.end < next.start));
                prop_assert!(listed.into_iter().flatten().eq(model.iter().copied()));
                prop_assert_eq!(set.covered(), model.len() as u64);
                let here = |byte: &u64| model.contains(byte);
                let missing = (0..total).filter(|byte| !here(byte));
                prop_assert!(set.gaps(total).flatten().eq(missing));
                prop_assert_eq!(set.prefix(), (0..100).take_while(here).count() as u64);
                let is_whole = model.iter().copied().eq(0..total);
                prop_assert_eq!(set.is_whole(total), is_whole);
                prop_assert_eq!(RangeSet::decode(&set.encode()), Some(set.clone()));
            }
        }

        #[test]
        fn large_ones_are_written_and_read_back(
            ranges in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..20),
        ) {
            let mut set = RangeSet::default();
            for (one, other) in ranges {
                set.add(one.min(other)..one.max(other));
                prop_assert_eq!(RangeSet::decode(&set.encode()), Some(set.clone()));
            }
        }

        #[test]
        fn of_any_bytes_only_what_was_written_is_read(
            mut bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0..4_u8, 0x7e..0x83_u8], 0..60),
            is_ours: bool,
        ) {
            if is_ours {
                bytes.insert(0, VERSION);
            }
            if let Some(set) = RangeSet::decode(&bytes) {
                prop_assert_eq!(set.encode(), bytes);
            }
        }
    }
}
