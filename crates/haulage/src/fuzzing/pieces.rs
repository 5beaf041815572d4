//! Targets for range sets.

use crate::plan::pieces::Pieces;

/// Length in bytes of the file that the ranges are of.
const TOTAL: u64 = 96;

/// Adds and removes ranges, which two bytes each tell, and compares with a set that has a bit for
/// each byte; and reads the input as a record of pieces.
pub fn pieces(data: &[u8]) {
    if let Some(pieces) = Pieces::decode(data) {
        assert_eq!(pieces.encode(), data);
        check_shape(&pieces);
    }
    let mut sets = [(Pieces::default(), 0_u128), (Pieces::default(), 0)];
    for step in data.chunks_exact(2) {
        let start = u64::from(step[0] & 0x7f).min(TOTAL);
        let end = (start + u64::from(step[1] & 0x1f)).min(TOTAL);
        let (pieces, bits) = &mut sets[usize::from(step[0] >> 7)];
        pieces.add(start..end);
        *bits |= bits_of(start, end);
        compare(pieces, *bits, u64::from(step[1] & 0x7f));
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

fn bits(pieces: &Pieces) -> u128 {
    let all = pieces.iter().map(|piece| bits_of(piece.start, piece.end));
    all.fold(0, |all, piece| all | piece)
}

fn compare(pieces: &Pieces, expected: u128, total: u64) {
    check_shape(pieces);
    assert_eq!(bits(pieces), expected);
    assert_eq!(pieces.covered(), u64::from(expected.count_ones()));
    assert_eq!(pieces.prefix(), u64::from(expected.trailing_ones()));
    let missing = pieces.gaps(total).map(|gap| bits_of(gap.start, gap.end));
    let missing = missing.fold(0, |all, gap| all | gap);
    assert_eq!(missing, bits_of(0, total) & !expected);
    assert_eq!(pieces.is_whole(total), expected == bits_of(0, total));
    assert_eq!(Pieces::decode(&pieces.encode()).as_ref(), Some(pieces));
}

/// Checks that ranges are in order, not empty, and do not touch.
fn check_shape(pieces: &Pieces) {
    let all: Vec<_> = pieces.iter().collect();
    assert!(all.iter().all(|piece| piece.start < piece.end));
    assert!(all.is_sorted_by(|one, next| one.end < next.start));
}
