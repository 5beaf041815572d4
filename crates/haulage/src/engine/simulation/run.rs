//! A run of a simulation: its rows, what it has told, and what it should have told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::servers::{FIRST_PORT, Kind, RowId, Servers, file, is_redirected};
use crate::clock;
use crate::engine::{Engine, RunHandle};
use crate::error::ErrorKind;
use crate::event::Event;
use crate::options::RunOptions;
use crate::outcome::Outcome;
use crate::request::Request;
use crate::sync::lock;
use crate::write::Storage;
use crate::write::fake::FakeDisk;

/// A run of a simulation.
pub(super) struct SimulatedRun {
    pub(super) number: usize,
    pub(super) handle: RunHandle,
    disk: FakeDisk,
    /// What is requested by each row.
    pub(super) rows: Vec<Wanted>,
    pub(super) paused: Option<Instant>,
    pub(super) is_cancelled: bool,
    pub(super) removed: BTreeMap<u64, Instant>,
    pub(super) seen: Arc<Seen>,
}

/// What a row requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    host: usize,
    /// The number of the first row that requests this.
    first: u64,
}

/// What a run has told.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) outcomes: Mutex<Vec<(Instant, Outcome)>>,
    is_over: AtomicBool,
}

impl SimulatedRun {
    /// Starts a run, and receives what it tells.
    pub(super) fn start(engine: &Engine, number: usize, options: RunOptions) -> Self {
        let disk = FakeDisk::default();
        let storage = Storage::of(Arc::new(disk.clone()));
        let mut handle = engine.open_on(options, storage, None).unwrap();
        let (seen, mut events) = (Arc::new(Seen::default()), handle.events());
        let told = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::Ended(outcome) = event {
                    lock(&told.outcomes).push((clock::now(), *outcome));
                }
            }
            told.is_over.store(true, Ordering::Relaxed);
        });
        Self {
            number,
            handle,
            disk,
            rows: Vec::new(),
            paused: None,
            is_cancelled: false,
            removed: BTreeMap::new(),
            seen,
        }
    }

    /// Feeds more rows. Each is of a server below `hosts`; some are identical to earlier ones.
    pub(super) fn feed(&mut self, rows: usize, hosts: usize, random: &mut fastrand::Rng) {
        let new = (self.rows.len()..self.rows.len() + rows).map(|row| {
            let own = Wanted {
                host: random.usize(0..hosts),
                first: row as u64,
            };
            let wanted = match random.u8(0..12) {
                0 if row > 0 => self.rows[random.usize(0..row)],
                _ => own,
            };
            self.rows.push(wanted);
            wanted
        });
        let new: Vec<_> = new.collect();
        let run = self.number;
        let request = move |Wanted { host, first }| {
            let port = usize::from(FIRST_PORT) + host;
            let request = Request::new(&format!("http://10.0.0.1:{port}/{run}/{first}"));
            Ok(request.unwrap().named(&first.to_string()).unwrap())
        };
        self.handle.feed(new.into_iter().map(request));
    }

    pub(super) fn ended(&self) -> usize {
        lock(&self.seen.outcomes).len()
    }

    pub(super) fn is_over(&self) -> bool {
        self.seen.is_over.load(Ordering::Relaxed)
    }

    /// Asserts that each row has the outcome that it should have.
    pub(super) fn check_outcomes(&self, servers: &Servers) {
        let outcomes = lock(&self.seen.outcomes);
        let mut by_row = BTreeMap::new();
        for (at, outcome) in &*outcomes {
            let before = by_row.insert(outcome.row, (*at, outcome));
            assert!(before.is_none(), "{} has two outcomes", outcome.row);
        }
        let all_ended = by_row.len() == self.rows.len();
        assert!(all_ended || self.is_cancelled, "rows have no outcome");
        for (row, (at, outcome)) in by_row {
            self.check_outcome(servers, (self.number, row), at, outcome);
        }
    }

    fn check_outcome(&self, servers: &Servers, row: RowId, at: Instant, outcome: &Outcome) {
        let wanted = self.rows[usize::try_from(row.1).unwrap()];
        let right = file((row.0, wanted.first));
        let status = outcome.status.name();
        if matches!(status, "done" | "skipped") {
            let stored = self.disk.file(&wanted.first.to_string());
            assert!(stored.as_deref() == right, "{row:?} has another file");
        }
        if wanted.first != row.1 {
            // It ends as the first one does, or because it is removed.
            assert_ne!(status, "done", "{row:?}");
            return;
        }
        let error = outcome.error();
        let is_cancelled = error.is_some_and(|error| error.kind() == ErrorKind::Cancelled);
        if let Some(removed) = self.removed.get(&row.1) {
            // It may have been complete, or have ended, before it was removed.
            let was_complete = servers.delivered(row).is_some_and(|then| then <= *removed);
            let may_differ = at <= *removed || was_complete;
            assert!(is_cancelled || may_differ, "{row:?} ended as {status}");
        } else if is_cancelled {
            assert!(self.is_cancelled, "{row:?} is cancelled");
        } else if right.is_none() {
            assert_eq!(status, "failed", "{row:?} has no file");
        } else if servers.kind(wanted.host) == Kind::Fast && !is_redirected(row.1) {
            assert_eq!(status, "done", "{row:?}: {error:?}");
        }
    }
}
