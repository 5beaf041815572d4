//! Finds what earlier runs have recorded of a row: at its own place in its list, and where that has
//! another row now, by what it asks for.

use std::collections::VecDeque;

use super::known::Known;
use super::store::{Access, Pass, Store};

/// Rows read at once.
const CHUNK: usize = 1024;

/// How far each list has been looked up.
pub(super) struct Lookup {
    pass: Pass,
    /// Where nothing can be written, rows are looked up at their own place alone.
    reads_only: bool,
    /// By input: there are few.
    cursors: Vec<(Box<str>, Cursor)>,
}

#[derive(Default)]
struct Cursor {
    /// The list as it was recorded, until it has another row at some place.
    list: Option<i64>,
    opened: bool,
    /// Rows that are not at their place may be elsewhere: the list has changed, in this run or in
    /// one that did not end.
    searches: bool,
    ahead: VecDeque<Known>,
    /// Nothing comes after what is ahead.
    exhausted: bool,
    /// The last row that it has.
    last: u64,
    /// The last row of other runs that go through it at the same time, as it is recorded.
    last_of_others: u64,
}

impl Lookup {
    pub(super) fn new(pass: Pass, access: Access) -> Self {
        Self {
            pass,
            reads_only: access == Access::Read,
            cursors: Vec::new(),
        }
    }

    fn cursor(&mut self, input: &str) -> &mut Cursor {
        let known = self.cursors.iter().position(|(known, _)| **known == *input);
        let at = known.unwrap_or_else(|| {
            self.cursors.push((input.into(), Cursor::default()));
            self.cursors.len() - 1
        });
        &mut self.cursors[at].1
    }

    /// Notes a row of which nothing can be known.
    pub(super) fn pass_by(&mut self, input: &str, row: (u64, u64)) {
        self.cursor(input).pass(row);
    }

    /// What is known of the next row of an input, of a run that has this added to the numbers of
    /// its rows.
    pub(super) fn recall(
        &mut self,
        store: &mut Store,
        input: &str,
        (first, row): (u64, u64),
        ask: i64,
        url: &str,
    ) -> rusqlite::Result<Option<Known>> {
        let (pass, reads_only) = (self.pass, self.reads_only);
        if reads_only && pass == Pass::Anew {
            return Ok(None);
        }
        let cursor = self.cursor(input);
        cursor.pass((first, row));
        if first > 0 {
            // Another run began before it, and may be going through the same list.
            return if reads_only {
                Ok(None)
            } else {
                store.find(ask, url, pass)
            };
        }
        if !std::mem::replace(&mut cursor.opened, true) {
            cursor.list = store.list(input, pass)?;
            // A list without a past may be one that had another name.
            cursor.searches = cursor.list.is_none() || store.is_scattered(input)?;
        }
        if let Some(known) = cursor.at(row, store)? {
            if known.ask == ask && *known.url == *url {
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
        store.find(ask, url, pass)
    }

    /// The last row of each input.
    pub(super) fn lasts(&self) -> impl Iterator<Item = (&str, u64)> {
        let cursors = self.cursors.iter();
        cursors.map(|(input, cursor)| (&**input, cursor.last.max(cursor.last_of_others)))
    }
}

impl Cursor {
    fn pass(&mut self, (first, row): (u64, u64)) {
        if first == 0 {
            self.last = row;
        } else {
            self.last_of_others = self.last_of_others.max(first + row);
        }
    }

    /// What was recorded at a row's own place.
    fn at(&mut self, row: u64, store: &Store) -> rusqlite::Result<Option<Known>> {
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
