//! How many bytes a run will have received at its end, estimated from the lengths known so far.

/// The lengths of some files.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lengths {
    files: u64,
    sum: u64,
}

/// What is known of the rows of a run at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Bytes received from the network.
    pub(crate) received: u64,
    /// Lengths of the files that were fetched, and of those under way that told theirs.
    pub(crate) lengths: Lengths,
    /// Bytes that are missing of files under way that told their lengths.
    pub(crate) missing: u64,
    /// Number of rows of which no length is known: not started, or under way without one.
    pub(crate) others: u64,
    /// Bytes that have arrived of these rows.
    pub(crate) of_others: u64,
}

/// How many bytes there will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) bytes: u64,
    /// Whether all lengths are known.
    pub(crate) is_exact: bool,
}

/// From this number of files, the mean of all can be estimated. In a shorter list, half of them
/// will do.
const ENOUGH: u64 = 10;

impl Lengths {
    /// Adds a file of this length. The sum saturates, since a server may claim any length.
    pub(crate) fn add(&mut self, length: u64) {
        self.files += 1;
        self.sum = self.sum.saturating_add(length);
    }

    /// Returns whether the mean says something about `others` more files.
    fn are_enough_for(&self, others: u64) -> bool {
        self.files >= ENOUGH || self.files >= others.max(1)
    }

    /// Returns the length of this many files, if they are like those whose length is known.
    fn of(&self, files: u64) -> u64 {
        let sum = u128::from(self.sum) * u128::from(files) / u128::from(self.files.max(1));
        u64::try_from(sum).unwrap_or(u64::MAX)
    }
}

/// Returns how many bytes a run will have received at its end; `None` while too little is known,
/// and when nothing is missing.
pub(crate) fn expected(known: &Known) -> Option<Expected> {
    if !known.lengths.are_enough_for(known.others) {
        return None;
    }
    let others = known.lengths.of(known.others);
    let missing = known
        .missing
        .saturating_add(others.saturating_sub(known.of_others));
    (missing > 0).then(|| Expected {
        bytes: known.received.saturating_add(missing),
        is_exact: known.others == 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(all: &[u64]) -> Lengths {
        let mut lengths = Lengths::default();
        for &length in all {
            lengths.add(length);
        }
        lengths
    }

    fn known(lengths: Lengths) -> Known {
        Known {
            received: 0,
            lengths,
            missing: 0,
            others: 0,
            of_others: 0,
        }
    }

    #[test]
    fn total_is_exact_once_all_lengths_are_known() {
        let known = Known {
            received: 70,
            missing: 30,
            ..known(lengths(&[50, 50]))
        };
        let bytes = 100;
        let is_exact = true;
        assert_eq!(expected(&known), Some(Expected { bytes, is_exact }));
    }

    #[test]
    fn other_files_count_as_the_mean_of_known_ones() {
        let known = Known {
            received: 70,
            missing: 30,
            others: 4,
            of_others: 10,
            ..known(lengths(&[10, 20, 30, 40]))
        };
        // Four of 25, without the 10 that are there.
        let bytes = 70 + 30 + 90;
        let is_exact = false;
        assert_eq!(expected(&known), Some(Expected { bytes, is_exact }));
    }

    #[test]
    fn few_lengths_say_nothing_about_many_files() {
        let nine = lengths(&[1000; 9]);
        let ten = lengths(&[1000; 10]);
        let of = |lengths, others| {
            expected(&Known {
                others,
                ..known(lengths)
            })
        };
        assert_eq!(of(nine, 9).map(|expected| expected.bytes), Some(9000));
        assert_eq!(of(nine, 10), None);
        let many = of(ten, 1_000_000).map(|expected| expected.bytes);
        assert_eq!(many, Some(1_000_000_000));
        assert_eq!(of(Lengths::default(), 0), None);
    }

    #[test]
    fn nothing_is_expected_once_nothing_is_missing() {
        let known = Known {
            received: 70,
            ..known(lengths(&[70]))
        };
        assert_eq!(expected(&known), None);
    }

    #[test]
    fn claimed_lengths_of_any_size_are_no_overflow() {
        let known = Known {
            received: u64::MAX,
            missing: u64::MAX,
            others: u64::MAX,
            ..known(lengths(&[u64::MAX; 12]))
        };
        assert_eq!(
            expected(&known).map(|expected| expected.bytes),
            Some(u64::MAX)
        );
    }
}
