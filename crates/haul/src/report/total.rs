//! The number of items in all, when it is known.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use haulage::source::ListFormat;

use crate::input::{self, Count};

/// The number of items in the whole input. Lists are counted on a thread of their own, once the
/// total is first asked for.
#[derive(Debug, Clone)]
pub(crate) struct Total {
    is_one_url: bool,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    counted: Condvar,
}

#[derive(Debug)]
enum State {
    /// The total was not asked for yet.
    Uncounted(Vec<Count>),
    Counting,
    /// `None` where the total cannot be known.
    Counted(Option<u64>),
}

impl Total {
    /// Creates the total of these counts. Lists are not counted yet.
    pub(crate) fn of(counts: Vec<Count>) -> Self {
        Self {
            is_one_url: counts == [Count::Known(1)],
            shared: Arc::new(Shared {
                state: Mutex::new(State::Uncounted(counts)),
                counted: Condvar::new(),
            }),
        }
    }

    /// Returns whether the input is a single URL on the command line, and no list.
    pub(crate) fn is_one_url(&self) -> bool {
        self.is_one_url
    }

    /// Returns the number of items; `None` while lists are being counted, and if it cannot be
    /// known.
    pub(crate) fn get(&self) -> Option<u64> {
        self.within(Duration::ZERO)
    }

    /// Returns the same as [`get`](Self::get), but first waits up to `most` for lists to be
    /// counted.
    pub(crate) fn within(&self, most: Duration) -> Option<u64> {
        let mut state = self.shared.lock();
        if let State::Uncounted(counts) = &mut *state {
            let counts = std::mem::take(counts);
            *state = self.shared.start(counts);
        }
        let is_counting = |state: &mut State| matches!(state, State::Counting);
        let waited = self
            .shared
            .counted
            .wait_timeout_while(state, most, is_counting);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Counted(sum) => *sum,
            State::Uncounted(_) | State::Counting => None,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the total if no list has to be read; otherwise starts a thread that counts the
    /// lists.
    fn start(self: &Arc<Self>, counts: Vec<Count>) -> State {
        if counts.iter().any(is_unknown) {
            return State::Counted(None);
        }
        if counts.iter().all(|count| matches!(count, Count::Known(_))) {
            return State::Counted(sum(&counts));
        }
        let shared = Arc::clone(self);
        let counting = move || {
            let sum = sum(&counts);
            *shared.lock() = State::Counted(sum);
            shared.counted.notify_all();
        };
        // If no thread can be started, the total stays unknown.
        match thread::Builder::new()
            .name("count".to_owned())
            .spawn(counting)
        {
            Ok(_) => State::Counting,
            Err(_) => State::Counted(None),
        }
    }
}

fn is_unknown(count: &Count) -> bool {
    match count {
        Count::Unknown => true,
        Count::AtMost(_, counts) => counts.iter().any(is_unknown),
        Count::Known(_) | Count::Files(..) => false,
    }
}

/// Returns the sum, for which lists are read; `None` if a count is unknown or a list cannot be
/// counted.
fn sum(counts: &[Count]) -> Option<u64> {
    counts.iter().try_fold(0_u64, |sum, count| match count {
        Count::Known(rows) => Some(sum.saturating_add(*rows)),
        Count::Files(paths, format) => paths.iter().try_fold(sum, |sum, path| {
            let format = input::format_of(path, *format)?;
            Some(sum.saturating_add(rows_of(path, format).ok()??))
        }),
        Count::AtMost(most, counts) => {
            let counted = self::sum(counts)?.min(*most);
            Some(sum.saturating_add(counted))
        }
        Count::Unknown => None,
    })
}

fn rows_of(path: &Path, format: ListFormat) -> io::Result<Option<u64>> {
    let name = path.to_string_lossy();
    haulage::source::count_rows_of_file(File::open(path)?, &name, format)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test takes.
    const LONG: Duration = Duration::from_mins(1);

    fn total(counts: &[Count]) -> Option<u64> {
        Total::of(counts.to_vec()).within(LONG)
    }

    #[test]
    fn the_total_is_the_sum_of_what_is_known() {
        let list = Count::Files(vec!["/nowhere".into()], Some(ListFormat::Text));
        assert_eq!(total(&[Count::Known(2), Count::Known(3)]), Some(5));
        assert_eq!(total(&[Count::Known(2), Count::Unknown]), None);
        assert_eq!(total(&[Count::Known(1), list]), None);
    }

    #[test]
    fn lists_are_counted() {
        let list = tempfile::NamedTempFile::new().unwrap();
        io::Write::write_all(&mut list.as_file(), b"http://a/1\n\n# no\nhttp://a/2\n").unwrap();
        let list = Count::Files(vec![list.path().to_owned()], Some(ListFormat::Text));
        assert_eq!(total(&[Count::Known(1), list]), Some(3));
    }

    #[test]
    fn a_list_of_one_is_not_one_url() {
        let list = Count::Files(vec!["/nowhere".into()], Some(ListFormat::Text));
        assert!(Total::of(vec![Count::Known(1)]).is_one_url());
        assert!(!Total::of(vec![Count::Known(2)]).is_one_url());
        assert!(!Total::of(vec![list]).is_one_url());
    }
}
