//! Rows come in: each gets its number and its name, and is queued unless its file is there already.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use super::core::Core;
use super::ended::unstarted;
use super::present::Found;
use super::window::Entry;
use crate::error::ErrorKind;
use crate::options::{Layout, Naming, Purpose};
use crate::outcome::{Outcome, Renamed, Status};
use crate::plan::layout;
use crate::plan::name::TargetName;
use crate::plan::registry::{Claim, Names, Settled};
use crate::request::{BadRow, Request, Row};
use crate::state::Ask;
use crate::sync::lock;

/// Something to be read.
pub(super) enum Source {
    Rows(Box<dyn Iterator<Item = Row> + Send>),
    /// Nothing more comes.
    End,
}

/// Reads sources, one after another, until there are no more or the run is being stopped.
pub(super) fn read_all(core: &Arc<Core>, sources: &Receiver<Source>) {
    while let Ok(Source::Rows(rows)) = sources.recv() {
        for row in rows {
            if let Some(state) = &core.state {
                state.wait_for_room();
            }
            loop {
                match core.window.enter(|| core.schedule().has_room()) {
                    Entry::Open => break,
                    Entry::MakeRoom => core.make_room(),
                    Entry::Closed => return,
                }
            }
            let number = core.next_row.fetch_add(1, Ordering::Relaxed);
            match row {
                Ok(request) => core.admit(number, request),
                Err(bad) => core.refuse(number, bad),
            }
        }
    }
    if let Some(state) = &core.state {
        state.input_ended();
    }
    // It ends once.
    let _ = core.input_rows.set(core.next_row.load(Ordering::Relaxed));
    let mut schedule = core.schedule();
    schedule.has_all();
    core.hand_out(schedule);
    if core.window.input_ended() {
        core.wrap_up();
    }
}

impl Core {
    /// A row that is no request fails alone.
    fn refuse(&self, row: u64, bad: BadRow) {
        let mut ask = self.state.is_some().then(|| Ask::of_bad_row(&bad.text));
        match self.recall(row, bad.place.as_ref(), ask.as_ref(), &bad.text) {
            // It is recorded as it is.
            Ok(Some(known)) => ask = known.as_recorded(ask),
            Ok(None) => {}
            Err(error) => {
                self.stop(error);
                return self.forget();
            }
        }
        self.end(Box::new(Outcome {
            ask,
            place: bad.place,
            status: Status::Failed(bad.error),
            ..unstarted(row, bad.text.into(), SystemTime::now())
        }));
    }

    /// A request gets its name, and goes to its host's queue if there is something to fetch.
    fn admit(self: &Arc<Self>, row: u64, mut request: Request) {
        if self.state.is_some() {
            request.ask = Some(Ask::of(&request, self.options.layout, self.options.naming));
        }
        let (place, ask) = (request.place.as_ref(), request.ask.as_ref());
        let known = match self.recall(row, place, ask, request.url()) {
            Ok(known) => known,
            Err(error) => {
                self.stop(error);
                return self.forget();
            }
        };
        let accepted = || self.accepted_names();
        if self.is_named_later(&request) {
            // Its name will be made on a network thread, where nothing may block.
            accepted();
        }
        let wanted = match &request.name {
            Some(name) => TargetName::of_user(name, request.url(), &accepted),
            None => layout::name(
                self.options.layout,
                &request.url,
                request.url(),
                row,
                &accepted,
            ),
        };
        let (target, key) = {
            let mut names = lock(&self.names);
            match self.claim_of(&mut names, wanted.clone(), row, &request) {
                Claim::Mine { name, key } => (name, key),
                // Under which name the first one's file was saved its server has to say once more.
                Claim::Same {
                    name,
                    key,
                    state: Settled::Done,
                } if self.is_named_later(&request) && self.options.purpose == Purpose::Download => {
                    (name, key)
                }
                Claim::Same { name, key, state } => {
                    if state == Settled::Pending {
                        lock(&self.followers)
                            .entry(key)
                            .or_default()
                            .push((row, request));
                    } else if state == Settled::Failed(ErrorKind::Cancelled)
                        && self.stopping.is_cancelled()
                    {
                        // The first one had not started, so this one has not either.
                        drop(names);
                        self.forget();
                    } else {
                        let place = names.place(key).cloned();
                        drop(names);
                        match state {
                            Settled::Failed(_) => {
                                self.end_as_same(row, &request, &name, state, Found::of(0));
                            }
                            _ => self.end_as_done(row, request, place.unwrap_or(name)),
                        }
                    }
                    return;
                }
            }
        };
        let renamed = (target != wanted).then_some(Renamed::AnotherRow);
        match known {
            Some(known) => self.go_on(row, request, target, key, renamed, known),
            None => self.fetch_apart(row, request, target, key, renamed),
        }
    }

    /// Claims a row's name; where no other row can have it, that is not even noted.
    fn claim_of(
        &self,
        names: &mut Names,
        wanted: TargetName,
        row: u64,
        request: &Request,
    ) -> Claim {
        let (given, checksums) = (request.url(), &request.checksums);
        match (self.options.layout, &request.name) {
            (Layout::Row, Some(_)) => names.claim_beside_numbered(wanted, row, given, checksums),
            (Layout::Row, None) if self.options.naming == Naming::ByUrl => {
                names.claim_numbered(wanted, given, checksums)
            }
            _ => names.claim(wanted, given, checksums),
        }
    }
}
