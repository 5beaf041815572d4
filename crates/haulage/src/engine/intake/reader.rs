//! Reads rows: each gets a number and a name, and is queued unless its file exists already. When
//! rows of slow hosts leave no room for others, they are spilled to the disk. They return when
//! their host is requested again or given up.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use crate::engine::item::existing::FileInfo;
use crate::engine::item::named_row::NamedRow;
use crate::engine::item::{Item, Keys};
use crate::engine::run::Run;
use crate::engine::run::backlog::Entry;
use crate::engine::run::naming::Admitted;
use crate::engine::run::readers::Read;
use crate::engine::run::sources::{NextSource, Source};
use crate::engine::run::work::Work;
use crate::error::{Error, ErrorKind};
use crate::outcome::{Outcome, Renamed, Status};
use crate::plan::name::TargetName;
use crate::plan::registry::{Key, Settled};
use crate::request::{BadRow, Request};
use crate::state::{RequestKey, Waiting};

/// How many rows of each host stay in memory: it may respond again at any moment.
const KEEP: usize = 64;

impl Read for Run {
    /// Reads what the run is still to read, until there is nothing more or no room for it.
    fn read(self: Arc<Self>) {
        loop {
            match self.sources.next() {
                NextSource::Read(source) => {
                    if !read_source(&self, source) {
                        return;
                    }
                }
                NextSource::Wait => return,
                NextSource::End => {
                    self.ledger.input_read();
                    self.services.dispatcher.input_ended(self.id);
                    return self.follow(self.ledger.input_ended());
                }
            }
        }
    }
}

/// Reads a source. Returns whether the thread is to go on with the next one.
fn read_source(run: &Arc<Run>, mut source: Box<Source>) -> bool {
    while let Some(row) = source.next() {
        loop {
            let slots_are_free = || run.services.dispatcher.has_room(run.id);
            match run.ledger.enter(slots_are_free, || run.control.is_paused()) {
                Entry::Open => break,
                Entry::MakeRoom => run.spill_rows(),
                Entry::Later => {
                    source.put_back(row);
                    run.sources.put_back(source);
                    if !run.control.is_paused() {
                        run.runs.stall(Arc::clone(run));
                    }
                    return false;
                }
                Entry::Closed => {
                    run.sources.stop();
                    return false;
                }
            }
        }
        let number = run.ledger.number(row.number);
        match row.row {
            Ok(request) => run.admit(number, request),
            Err(bad) => run.refuse(number, bad),
        }
    }
    true
}

impl Run {
    /// Reads on, if there is something to read: on a thread of its own, for as long as there is
    /// room for rows.
    pub(crate) fn read_on(self: &Arc<Self>) {
        if self.control.is_paused() || !self.sources.begin() {
            return;
        }
        if let Err(cause) = self.runs.readers.submit(Arc::clone(self)) {
            let what = format!("no thread could be started that reads the list: {cause}");
            self.stop(Error::new(ErrorKind::Disk, what).caused_by(cause));
        }
    }

    /// Returns whether rows may be read that had no room before.
    pub(crate) fn may_read_on(&self) -> bool {
        let slots_are_free = || self.services.dispatcher.has_room(self.id);
        self.ledger.may_enter(slots_are_free)
    }

    /// Ends a row that could not be parsed as failed. The other rows are not affected.
    fn refuse(self: &Arc<Self>, row: u64, bad: BadRow) {
        let mut key = self
            .state
            .is_some()
            .then(|| RequestKey::of_bad_row(&bad.text));
        match self
            .ledger
            .recall(row, bad.location.as_ref(), key.as_ref(), &bad.text)
        {
            // Nothing is recorded again, unless the record is at another row's place.
            Ok(Some(known)) => key = known.unchanged_record(key),
            Ok(None) => {}
            Err(error) => {
                self.stop(error);
                return self.forget();
            }
        }
        self.end(Box::new(Outcome {
            request_key: key,
            location: bad.location,
            status: Status::Failed(bad.error),
            ..Outcome::of_row(row, bad.text.into(), SystemTime::now())
        }));
    }

    /// Gives a request its name, and queues it for its host if there is something to fetch.
    fn admit(self: &Arc<Self>, row: u64, mut request: Request) {
        if self.state.is_some() {
            request.key = Some(RequestKey::of(
                &request,
                self.options.layout,
                self.options.file_names,
            ));
        }
        if self.control.is_removed(row) {
            return self.end_unread_removed(row, &request);
        }
        let (location, key) = (request.location.as_ref(), request.key.as_ref());
        let known = match self.ledger.recall(row, location, key, request.url()) {
            Ok(known) => known,
            Err(error) => {
                self.stop(error);
                return self.forget();
            }
        };
        let accepted = || {
            self.naming
                .accepted(|| self.parts.storage.lookup.accepted_names())
        };
        if self.naming.is_named_later(&request) {
            // The name is made later on a network thread, where nothing may block.
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
        let named = NamedRow {
            row,
            request,
            target,
            key,
            renamed,
        };
        named.examine(self, known);
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

    /// Spills rows that wait for hosts from which nothing is requested now.
    pub(crate) fn spill_rows(self: &Arc<Self>) {
        let starts_thread = || {
            let run = Arc::clone(self);
            let thread = thread::Builder::new().name("haulage-aside".into());
            thread.spawn(move || run.refill()).is_ok()
        };
        let take_rows = || self.take_rows();
        let stay = self
            .spill
            .add(starts_thread, take_rows, |rows| self.ledger.spilled(rows));
        for waiting in stay {
            self.queue(item(waiting));
        }
    }

    /// Takes the rows that may be spilled from the queues of such hosts.
    fn take_rows(self: &Arc<Self>) -> Vec<(Arc<str>, Vec<Waiting>)> {
        let may_go = |work: &Work| {
            let is_written = |item: &Item| item.is_new() && Waiting::may_be_written(&item.request);
            work.task.item().is_some_and(is_written)
        };
        let dispatcher = &self.services.dispatcher;
        let taken = dispatcher.take_back(self.id, KEEP, may_go).into_iter();
        let rows = |works: Vec<Work>| {
            let items = works.into_iter().filter_map(|work| work.task.into_item());
            items.map(|item| waiting(*item)).collect()
        };
        taken.map(|(host, works)| (host, rows(works))).collect()
    }

    /// Brings rows back as their hosts may be requested again, until none are left.
    fn refill(self: &Arc<Self>) {
        loop {
            let were_restored = self.restore_some();
            if !self.spill.wait(were_restored) {
                return;
            }
        }
    }

    /// Brings back some rows of each host that has few in memory; returns whether there were any.
    fn restore_some(self: &Arc<Self>) -> bool {
        let mut were_restored = false;
        for host in self.hosts_below_watermark() {
            if !self.ledger.has_room() {
                break;
            }
            let restored = match self.spill.restore(&host) {
                Ok(restored) => restored,
                Err(cause) => {
                    let what = "rows that waited in the folder for temporary files cannot be read";
                    let message = format!("{what}: {cause}; run the same command again");
                    self.stop(Error::new(ErrorKind::Disk, message).caused_by(cause));
                    return false;
                }
            };
            self.ledger.restored(restored.rows.len());
            were_restored |= !restored.rows.is_empty();
            for item in restored.rows.into_iter().map(item) {
                match &restored.unavailable {
                    Some(why) => self.failed_with_host(item, why),
                    None => self.queue(item),
                }
            }
        }
        were_restored
    }

    /// Returns the hosts whose rows may come back.
    fn hosts_below_watermark(self: &Arc<Self>) -> Vec<Arc<str>> {
        let hosts = self.spill.hosts();
        let keys = hosts.iter().map(|(host, _)| &**host);
        let are_below = self.services.dispatcher.below_watermark(keys, KEEP);
        let hosts = hosts.into_iter().zip(are_below);
        hosts
            .filter(|((_, is_given_up), is_below)| *is_given_up || *is_below)
            .map(|((host, _), _)| host)
            .collect()
    }

    /// Forgets the rows on the disk without a word, since the run is being stopped.
    pub(crate) fn discard_spill(self: &Arc<Self>) {
        let (total, keys): (usize, Vec<Key>) = self.spill.close();
        for own in keys {
            let keys = Keys {
                own,
                by_server: None,
            };
            let followers = self
                .naming
                .release(keys, Settled::Failed(ErrorKind::Cancelled));
            for _ in followers {
                self.forget();
            }
        }
        self.ledger.restored(total);
        for _ in 0..total {
            self.forget();
        }
    }
}

fn waiting(item: Item) -> Waiting {
    Waiting {
        row: item.row,
        request: item.request,
        target: item.target,
        key: item.keys.own,
    }
}

fn item(waiting: Waiting) -> Box<Item> {
    Item::new(waiting.row, waiting.request, waiting.target, waiting.key)
}
