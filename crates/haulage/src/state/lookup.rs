//! Finds what earlier runs have recorded of a row: at its own place in its list or, if another row
//! is there now, by what it requests.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::prior_record::PriorRecord;
use super::record::Record;
use super::store::{Access, Pass, Store};

/// Number of rows that are read at once.
const CHUNK: usize = 1024;

/// Row numbers that each reader of a list may use. If several runs read a list while its folder is
/// open, each has its own range of numbers.
const ROWS: u64 = 1 << 32;

/// How far each list has been looked up, by all runs that use the folder.
pub(super) struct Lookup {
    /// What counts for a run that has not set its own.
    pass: Pass,
    /// Nothing can be written, so rows are looked up only at their own place.
    reads_only: bool,
    cursors: Vec<(Box<str>, Cursor)>,
    /// The index of each input's cursor.
    places: HashMap<Box<str>, usize>,
    /// The index of the cursor that was used last.
    latest: usize,
    runs: BTreeMap<u64, OfRun>,
    /// A run other than the first has looked up a row.
    is_shared: bool,
}

/// What is known of a run.
#[derive(Clone, Copy)]
struct OfRun {
    pass: Pass,
    input_read: bool,
    complete: bool,
}

#[derive(Default)]
struct Cursor {
    /// The list as it was recorded; `None` from the first row on that differs, or if there is none.
    list: Option<i64>,
    opened: bool,
    /// Rows may be recorded at other places than their own: the list has changed, in this run or in
    /// one that was interrupted.
    searches: bool,
    ahead: VecDeque<PriorRecord>,
    /// No recorded rows follow those in `ahead`.
    exhausted: bool,
    /// The number of the last row of the list, as it is recorded.
    last: u64,
    /// The runs that read the list, and what is added to the numbers of their rows.
    readers: BTreeMap<u64, u64>,
    /// The run that was the last to read, and what is added to the numbers of its rows.
    latest: Option<(u64, u64)>,
}

/// Returns the run that a row belongs to, by the number that it has before it is recorded, and the
/// number of the row in its run.
fn split(row: u64) -> (u64, u64) {
    (row & !(ROWS - 1), row & (ROWS - 1))
}

impl Lookup {
    pub(super) fn new(pass: Pass, access: Access) -> Self {
        Self {
            pass,
            reads_only: access == Access::Read,
            cursors: Vec::new(),
            places: HashMap::new(),
            latest: 0,
            runs: BTreeMap::new(),
            is_shared: false,
        }
    }

    fn cursor(&mut self, input: &str) -> &mut Cursor {
        // Most rows are of the same input as the row before.
        let latest = self.cursors.get(self.latest);
        if latest.is_none_or(|(of, _)| **of != *input) {
            self.latest = self.places.get(input).copied().unwrap_or_else(|| {
                self.places.insert(input.into(), self.cursors.len());
                self.cursors.push((input.into(), Cursor::default()));
                self.cursors.len() - 1
            });
        }
        &mut self.cursors[self.latest].1
    }

    /// Notes that a run begins, and whether what earlier runs have done counts for it.
    pub(super) fn begins(&mut self, run: u64, pass: Pass) {
        self.runs.insert(run, OfRun::new(pass));
    }

    /// Notes a row of which nothing can be known, given its run and its number there.
    pub(super) fn pass_by(&mut self, input: &str, (run, row): (u64, u64)) {
        self.is_shared |= run > 0;
        self.cursor(input).pass(run, row);
    }

    /// Returns what is known of the next row of an input, given its run and its number there.
    pub(super) fn recall(
        &mut self,
        store: &mut Store,
        input: &str,
        (run, row): (u64, u64),
        request_hash: i64,
        url: &str,
    ) -> rusqlite::Result<Option<PriorRecord>> {
        let (pass, reads_only) = (self.run(run).pass, self.reads_only);
        if reads_only && pass == Pass::Anew {
            return Ok(None);
        }
        self.is_shared |= run > 0;
        let cursor = self.cursor(input);
        if cursor.pass(run, row) > 0 {
            // Another run reads the list at its own places, or has done so. If everything is to be
            // done again, what that run has done does not count.
            return if reads_only || pass == Pass::Anew {
                Ok(None)
            } else {
                store.find(request_hash, url, pass)
            };
        }
        if !std::mem::replace(&mut cursor.opened, true) {
            cursor.list = store.list(input, pass)?;
            // A list of which nothing is recorded may have had another name.
            cursor.searches = cursor.list.is_none() || store.is_scattered(input)?;
        }
        if let Some(known) = cursor.at(row, store)? {
            if known.request_hash == request_hash && *known.url == *url {
                return Ok(Some(known));
            }
            if let Some(list) = cursor.list.take()
                && !reads_only
            {
                store.renew(input, list, row)?;
            }
            cursor.searches = true;
        }
        if !cursor.searches || reads_only {
            return Ok(None);
        }
        store.find(request_hash, url, pass)
    }

    /// Gives records the numbers under which their rows are recorded. Until then a number also
    /// names the run.
    pub(super) fn number(&mut self, group: &mut [Record]) {
        if !self.is_shared {
            return;
        }
        for record in group {
            let (run, row) = split(record.row);
            let input = record.location.as_ref().map_or("", |place| &place.input);
            record.row = self.cursor(input).first_row(run) + row;
        }
    }

    /// Notes that all rows of a run have been looked up.
    pub(super) fn input_read(&mut self, run: u64) {
        self.run_mut(run).input_read = true;
    }

    /// Notes that a run has come to its end, and was not stopped.
    pub(super) fn completed(&mut self, run: u64) {
        self.run_mut(run).complete = true;
    }

    /// Returns the last row of each input that all its readers have read to the end: with
    /// `complete`, of those inputs whose readers have all completed their runs, else of the others.
    pub(super) fn lasts(&self, complete: bool) -> impl Iterator<Item = (&str, u64)> {
        let cursors = self.cursors.iter().filter(move |(_, cursor)| {
            let ends = || cursor.readers.keys().map(|run| self.run(*run));
            let is_complete = ends().all(|end| end.complete);
            ends().all(|end| end.input_read) && is_complete == complete
        });
        cursors.map(|(input, cursor)| (&**input, cursor.last))
    }

    fn run(&self, run: u64) -> OfRun {
        let known = self.runs.get(&run).copied();
        known.unwrap_or_else(|| OfRun::new(self.pass))
    }

    fn run_mut(&mut self, run: u64) -> &mut OfRun {
        let new = OfRun::new(self.pass);
        self.runs.entry(run).or_insert(new)
    }
}

impl OfRun {
    fn new(pass: Pass) -> Self {
        Self {
            pass,
            input_read: false,
            complete: false,
        }
    }
}

impl Cursor {
    /// Returns what is added to the numbers of a run's rows: nothing for the first reader.
    fn first_row(&mut self, run: u64) -> u64 {
        if let Some((latest, first_row)) = self.latest
            && latest == run
        {
            return first_row;
        }
        let next = self.readers.len() as u64 * ROWS;
        let first_row = *self.readers.entry(run).or_insert(next);
        self.latest = Some((run, first_row));
        first_row
    }

    /// Notes a row, and returns what is added to its number.
    fn pass(&mut self, run: u64, row: u64) -> u64 {
        let first_row = self.first_row(run);
        self.last = self.last.max(first_row + row);
        first_row
    }

    /// Returns what was recorded at a row's own place in its list; `None` if nothing was.
    fn at(&mut self, row: u64, store: &Store) -> rusqlite::Result<Option<PriorRecord>> {
        let Some(list) = self.list else {
            return Ok(None);
        };
        loop {
            while let Some(known) = self.ahead.pop_front() {
                let at = known.recorded.map_or(0, |recorded| recorded.row);
                if at == row {
                    return Ok(Some(known));
                }
                if at > row {
                    self.ahead.push_front(known);
                    return Ok(None);
                }
            }
            if self.exhausted {
                return Ok(None);
            }
            self.ahead = store.known(list, row, CHUNK)?.into();
            self.exhausted = self.ahead.len() < CHUNK;
        }
    }
}
