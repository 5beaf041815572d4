//! How values are distributed: counts between bounds for a chart, and quantiles.

/// Intervals into which each power of two is divided for quantiles.
const PARTS: u64 = 16;
/// Values below this are counted exactly.
const EXACT: u64 = PARTS;

/// Counts of values.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// The upper bounds of all intervals but the last one.
    bounds: &'static [u64],
    counts: Vec<u64>,
    /// For quantiles: 16 intervals for each power of two.
    fine: Vec<u64>,
    all: u64,
    most: u64,
}

impl Histogram {
    /// Returns an empty one with these bounds, which rise.
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            fine: Vec::new(),
            all: 0,
            most: 0,
        }
    }

    pub(super) fn add(&mut self, value: u64) {
        self.add_many(value, 1);
    }

    /// Adds a value that occurs `count` times.
    pub(super) fn add_many(&mut self, value: u64, count: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place] += count;
        let place = fine_place(value);
        if self.fine.len() <= place {
            self.fine.resize(place + 1, 0);
        }
        self.fine[place] += count;
        self.all += count;
        self.most = self.most.max(value);
    }

    /// Returns how many values there are.
    pub(crate) fn count(&self) -> u64 {
        self.all
    }

    /// Returns the greatest value; 0 if there is none.
    pub(crate) fn most(&self) -> u64 {
        self.most
    }

    /// Returns the intervals from the first to the last that has values: the upper bound of each,
    /// which is `None` for the last one of all, and how many values it has.
    pub(crate) fn intervals(&self) -> Vec<(Option<u64>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let all: Vec<_> = bounds.zip(self.counts.iter().copied()).collect();
        let used = |(_, count): &(Option<u64>, u64)| *count > 0;
        let first = all.iter().position(used).unwrap_or(0);
        let end = all.iter().rposition(used).map_or(first, |last| last + 1);
        all[first..end].to_vec()
    }

    /// Returns a value that `share` of all values do not exceed, from 0 to 1, at most a sixteenth
    /// too large; 0 if there are no values.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let mut seen = 0;
        for (place, count) in self.fine.iter().enumerate() {
            seen += count;
            if *count > 0 && seen as f64 >= share * self.all as f64 {
                return fine_end(place as u64).min(self.most);
            }
        }
        self.most
    }
}

/// Returns the fine interval of a value.
fn fine_place(value: u64) -> usize {
    if value < EXACT {
        return usize::try_from(value).unwrap_or_default();
    }
    let power = u64::from(value.ilog2());
    // The four bits after the first one.
    let part = (value >> (power - 4)) - PARTS;
    usize::try_from((power - 4) * PARTS + part + EXACT).unwrap_or_default()
}

/// Returns the last value of a fine interval.
fn fine_end(place: u64) -> u64 {
    if place < EXACT {
        return place;
    }
    let (power, part) = ((place - EXACT) / PARTS, (place - EXACT) % PARTS);
    let end = (u128::from(part + PARTS + 1) << power) - 1;
    u64::try_from(end).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_go_from_the_first_value_to_the_last() {
        let mut histogram = Histogram::new(&[0, 10, 100, 1000, 10_000]);
        assert_eq!(histogram.intervals(), []);
        for value in [10, 11, 100, 5000] {
            histogram.add(value);
        }
        assert_eq!(
            histogram.intervals(),
            [
                (Some(10), 1),
                (Some(100), 2),
                (Some(1000), 0),
                (Some(10_000), 1)
            ]
        );
        histogram.add(u64::MAX);
        assert_eq!(histogram.intervals().last(), Some(&(None, 1)));
        assert_eq!((histogram.count(), histogram.most()), (5, u64::MAX));
    }

    #[test]
    fn quantiles_of_a_thousand_values() {
        let mut histogram = Histogram::new(&[1]);
        assert_eq!(histogram.quantile(0.5), 0);
        (1..=1000).for_each(|value| histogram.add(value));
        let near = |share, exact: u64| {
            let found = histogram.quantile(share);
            assert!((exact..=exact + exact / 16).contains(&found), "{found}");
        };
        near(0.5, 500);
        near(0.9, 900);
        assert_eq!(histogram.quantile(1.0), 1000);
        assert_eq!(histogram.quantile(0.0), 1);
    }

    proptest! {
        #[test]
        fn fine_interval_of_a_value_holds_it(value: u64) {
            let place = fine_place(value);
            let end = fine_end(place as u64);
            prop_assert!(value <= end && end - value <= value / 16);
            prop_assert_eq!(fine_place(end), place);
        }
    }
}
