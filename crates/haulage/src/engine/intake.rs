//! Rows come in: each gets its number and its name, and is queued unless its file is there already.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use super::core::Core;
use super::existing::FileInfo;
use super::naming::Admitted;
use super::outcome;
use super::window::Entry;
use crate::error::ErrorKind;
use crate::outcome::{Outcome, Renamed, Status};
use crate::plan::name::TargetName;
use crate::plan::registry::Settled;
use crate::request::{BadRow, Request, Row};
use crate::state::Ask;

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
            loop {
                match core.ledger.enter(|| core.dispatcher.has_room()) {
                    Entry::Open => break,
                    Entry::MakeRoom => core.spill_rows(),
                    Entry::Closed => return,
                }
            }
            let number = core.ledger.number();
            match row {
                Ok(request) => core.admit(number, request),
                Err(bad) => core.refuse(number, bad),
            }
        }
    }
    core.ledger.input_read();
    core.dispatcher.input_ended();
    core.follow(core.ledger.input_ended());
}

impl Core {
    /// A row that is no request fails alone.
    fn refuse(&self, row: u64, bad: BadRow) {
        let mut ask = self.state.is_some().then(|| Ask::of_bad_row(&bad.text));
        match self
            .ledger
            .recall(row, bad.place.as_ref(), ask.as_ref(), &bad.text)
        {
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
            ..outcome::of_row(row, bad.text.into(), SystemTime::now())
        }));
    }

    /// A request gets its name, and goes to its host's queue if there is something to fetch.
    fn admit(self: &Arc<Self>, row: u64, mut request: Request) {
        if self.state.is_some() {
            request.ask = Some(Ask::of(&request, self.options.layout, self.options.naming));
        }
        let (place, ask) = (request.place.as_ref(), request.ask.as_ref());
        let known = match self.ledger.recall(row, place, ask, request.url()) {
            Ok(known) => known,
            Err(error) => {
                self.stop(error);
                return self.forget();
            }
        };
        let accepted = || self.accepted_names();
        if self.naming.is_named_later(&request) {
            // Its name will be made on a network thread, where nothing may block.
            accepted();
        }
        let wanted = self.naming.wanted(row, &request, &accepted);
        let (request, target, key) = match self.naming.admit(row, request, wanted.clone()) {
            Admitted::Fresh(request, target, key) => (request, target, key),
            Admitted::Follows => return,
            Admitted::EndsAs(request, place, settled) => {
                return self.end_as_earlier(row, request, place, settled);
            }
        };
        let renamed = (target != wanted).then_some(Renamed::AnotherRow);
        match known {
            Some(known) => self.go_on(row, request, target, key, renamed, known),
            None => self.fetch_apart(row, request, target, key, renamed),
        }
    }

    /// Ends a row as an identical one has ended before, whose file is at `place`.
    fn end_as_earlier(
        self: &Arc<Self>,
        row: u64,
        request: Request,
        place: TargetName,
        settled: Settled,
    ) {
        match settled {
            // The first one had not started, so this one has not either.
            Settled::Failed(ErrorKind::Cancelled) if self.stopping.is_cancelled() => self.forget(),
            Settled::Failed(_) => {
                self.end_as_same(row, &request, &place, settled, FileInfo::of(0));
            }
            Settled::Done | Settled::Pending => self.end_as_done(row, request, place),
        }
    }
}
