//! A sample of a list, to try it.

use std::collections::BinaryHeap;
use std::vec;

use crate::request::Row;

/// Returns as many rows of a list, chosen at random with equal chances, with their numbers: for
/// [`Run::feed_numbered`](crate::Run::feed_numbered). The whole list is read when the first row is
/// asked for. The same list gives the same sample each time, so that a run of one can be resumed.
pub fn sample<I>(rows: I, size: usize) -> impl Iterator<Item = (u64, Row)>
where
    I: IntoIterator<Item = Row>,
{
    Sample {
        rows: Some((rows.into_iter(), size)),
        chosen: Vec::new().into_iter(),
    }
}

struct Sample<I> {
    /// What is still to be read; `None` once the rows have been chosen.
    rows: Option<(I, usize)>,
    chosen: vec::IntoIter<(u64, Row)>,
}

impl<I: Iterator<Item = Row>> Iterator for Sample<I> {
    type Item = (u64, Row);

    fn next(&mut self) -> Option<(u64, Row)> {
        if let Some((rows, size)) = self.rows.take() {
            self.chosen = chosen(rows, size).into_iter();
        }
        self.chosen.next()
    }
}

/// A row with a random key, by which rows are compared.
struct Candidate {
    key: u64,
    number: u64,
    row: Row,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.key, self.number).cmp(&(other.key, other.number))
    }
}

/// Returns the rows with the smallest random keys, in order.
fn chosen(rows: impl Iterator<Item = Row>, size: usize) -> Vec<(u64, Row)> {
    let mut random = fastrand::Rng::with_seed(0);
    let mut kept: BinaryHeap<Candidate> = BinaryHeap::new();
    for (number, row) in (0..).zip(rows) {
        let key = random.u64(..);
        if kept.len() == size {
            match kept.peek() {
                Some(largest) if key < largest.key => kept.pop(),
                Some(_) | None => continue,
            };
        }
        kept.push(Candidate { key, number, row });
    }
    let kept = kept.into_iter().map(|kept| (kept.number, kept.row));
    let mut kept: Vec<_> = kept.collect();
    kept.sort_unstable_by_key(|(number, _)| *number);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    fn numbers(rows: u64, size: usize) -> Vec<u64> {
        let list = (0..rows).map(|row| Ok(Request::new(&format!("http://h/{row}")).unwrap()));
        sample(list, size)
            .map(|(number, row)| {
                assert_eq!(row.unwrap().url(), format!("http://h/{number}"));
                number
            })
            .collect()
    }

    #[test]
    fn a_sample_is_in_order_and_the_same_each_time() {
        let chosen = numbers(10_000, 100);
        assert_eq!(chosen.len(), 100);
        assert!(chosen.is_sorted_by(|one, next| one < next));
        assert_eq!(chosen, numbers(10_000, 100));
        let mean = chosen.iter().sum::<u64>() / 100;
        assert!((4000..6000).contains(&mean), "{mean}");
        assert_eq!(numbers(3, 100), [0, 1, 2]);
        assert_eq!(numbers(3, 0), [0; 0]);
    }
}
