//! How many items there will be, once that is known.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;

use haulage::source::ListFormat;

use crate::input::Count;

/// The number of items in all of the input. Lists are counted on the side, so it may come late or never.
#[derive(Debug, Clone, Default)]
pub(crate) struct Total(Arc<OnceLock<u64>>);

impl Total {
    /// The sum of these, as soon as all are known.
    pub(crate) fn of(counts: Vec<Count>) -> Self {
        let total = Self::default();
        if counts.contains(&Count::Unknown) {
            return total;
        }
        if counts.iter().all(|count| matches!(count, Count::Known(_))) {
            total.count(&counts);
            return total;
        }
        let counting = total.clone();
        // Without a thread to spare, the bar shows how many are done, and not of how many.
        let _ = thread::Builder::new()
            .name("count".to_owned())
            .spawn(move || counting.count(&counts));
        total
    }

    pub(crate) fn get(&self) -> Option<u64> {
        self.0.get().copied()
    }

    fn count(&self, counts: &[Count]) {
        let sum = counts.iter().try_fold(0_u64, |sum, count| match count {
            Count::Known(rows) => Some(sum.saturating_add(*rows)),
            Count::File(path, format) => Some(sum.saturating_add(rows_of(path, *format).ok()??)),
            Count::Unknown => None,
        });
        if let Some(sum) = sum {
            let _ = self.0.set(sum);
        }
    }
}

fn rows_of(path: &Path, format: ListFormat) -> io::Result<Option<u64>> {
    haulage::source::count_rows(File::open(path)?, format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_what_is_known() {
        assert_eq!(
            Total::of(vec![Count::Known(2), Count::Known(3)]).get(),
            Some(5)
        );
        assert_eq!(Total::of(vec![Count::Known(2), Count::Unknown]).get(), None);
        let total = Total::default();
        total.count(&[
            Count::Known(1),
            Count::File("/nowhere".into(), ListFormat::Text),
        ]);
        assert_eq!(total.get(), None);
    }

    #[test]
    fn lists_are_counted() {
        let list = tempfile::NamedTempFile::new().unwrap();
        io::Write::write_all(&mut list.as_file(), b"http://a/1\n\n# no\nhttp://a/2\n").unwrap();
        let total = Total::default();
        total.count(&[
            Count::Known(1),
            Count::File(list.path().to_owned(), ListFormat::Text),
        ]);
        assert_eq!(total.get(), Some(3));
    }
}
