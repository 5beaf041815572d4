//! Targets for range sets.

use crate::plan::range_set::RangeSet;

/// Length in bytes of the file that the ranges are of.
const TOTAL: u64 = 96;

/// Adds and removes ranges, which two bytes each tell, and compares with a set that has a bit for
/// each byte; and reads the input as a record of set.
pub fn range_set(data: &[u8]) {
    if let Some(set) = RangeSet::decode(data) {
        assert_eq!(set.encode(), data);
        check_shape(&set);
    }
    let mut sets = [(RangeSet::default(), 0_u128), (RangeSet::default(), 0)];
    for step in data.chunks_exact(2) {
        let start = u64::from(step[0] & 0x7f).min(TOTAL);
        let end = (start + u64::from(step[1] & 0x1f)).min(TOTAL);
        let (set, bits) = &mut sets[usize::from(step[0] >> 7)];
        set.add(start..end);
        *bits |= bits_of(start, end);
        compare(set, *bits, u64::from(step[1] & 0x7f));
    }
    let [(one, one_bits), (other, other_bits)] = &sets;
    let left = one.without(other);
    assert_eq!(bits(&left), one_bits & !other_bits);
    check_shape(&left);
}

fn bits_of(start: u64, end: u64) -> u128 {
    let below = |end: u64| (1_u128 << end) - 1;
    below(end) & !below(start)
}

fn bits(set: &RangeSet) -> u128 {
    let all = set.iter().map(|range| bits_of(range.start, range.end));
    all.fold(0, |all, range| all | range)
}

fn compare(set: &RangeSet, expected: u128, total: u64) {
    check_shape(set);
    assert_eq!(bits(set), expected);
    assert_eq!(set.covered(), u64::from(expected.count_ones()));
    assert_eq!(set.prefix(), u64::from(expected.trailing_ones()));
    let missing = set.gaps(total).map(|gap| bits_of(gap.start, gap.end));
    let missing = missing.fold(0, |all, gap| all | gap);
    assert_eq!(missing, bits_of(0, total) & !expected);
    assert_eq!(set.is_whole(total), expected == bits_of(0, total));
    assert_eq!(RangeSet::decode(&set.encode()).as_ref(), Some(set));
}

/// Checks that ranges are in order, not empty, and do not touch.
fn check_shape(set: &RangeSet) {
    let all: Vec<_> = set.iter().collect();
    assert!(all.iter().all(|range| range.start < range.end));
    assert!(all.is_sorted_by(|one, next| one.end < next.start));
}
