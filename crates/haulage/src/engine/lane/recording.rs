//! When a request for an item gets a record, and when that is told: only for those who asked for
//! it.

use std::sync::Arc;
use std::time::Instant;

use tracing::Level;

use super::Attempt as Work;
use super::link::Link;
use super::record::{Purpose, Record};
use crate::attempt::{Attempt, HttpProtocol};
use crate::clock;
use crate::engine::item::{Item, Segments};
use crate::engine::run::Run;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::fetch::origin::Origin;
use crate::http_url::HttpUrl;
use crate::trace::ATTEMPT;

impl Work<'_> {
    /// Begins the record of a request for an item, if there is to be one.
    pub(crate) fn record_item(&mut self, item: &Item) {
        let Some(ready_at) = self.ready_at else {
            return;
        };
        let purpose = Purpose {
            row: item.row,
            label: item.label(),
            number: item.attempts,
            is_segment: false,
        };
        self.begin_record(purpose, item.url(), ready_at);
    }

    /// Begins the record of a request for a segment, if there is to be one.
    pub(crate) fn record_segment(&mut self, segments: &Segments, number: u32, url: &HttpUrl) {
        let Some(ready_at) = self.ready_at else {
            return;
        };
        let purpose = Purpose {
            row: segments.transfer.row,
            label: Arc::clone(&segments.transfer.label),
            number,
            is_segment: true,
        };
        self.begin_record(purpose, url, ready_at);
    }

    fn begin_record(&mut self, purpose: Purpose, url: &HttpUrl, ready_at: Instant) {
        let now = clock::now();
        let queue = Some(now.saturating_duration_since(ready_at));
        let proxy = self.link.connector.proxy_of(&Origin::of(url));
        let proxy = proxy.map(|proxy| proxy.to_string().into());
        let record = Record::new(purpose, url, proxy, queue, now);
        self.link.record = Some(Box::new(record));
    }

    /// Tells of the request that has ended, in this way, if it has a record.
    pub(crate) fn tell_record(&mut self, error: Option<&Error>) {
        self.link.tell_record(self.run, error);
    }

    /// Tells of the request that was stopped, if it has a record.
    pub(crate) fn tell_stopped(&mut self) {
        if self.link.record.is_some() {
            let stopped = Error::new(ErrorKind::Cancelled, "the request was stopped");
            self.tell_record(Some(&stopped));
        }
    }
}

impl Link {
    /// Tells of the request that has ended, in this way, if it has a record.
    pub(crate) fn tell_record(&mut self, run: &Run, error: Option<&Error>) {
        if let Some(record) = self.record.take() {
            tell(run, record.end(error, self.received, clock::now()));
        }
    }

    /// Tells of a request that is sent again at once, if it has a record, and begins that of the
    /// next one.
    pub(crate) fn tell_resent(&mut self, run: &Run, error: Option<&Error>) {
        let Some(record) = self.record.take() else {
            return;
        };
        let now = clock::now();
        self.record = Some(Box::new(record.next(now)));
        tell(run, record.end(error, 0, now));
    }
}

impl Run {
    /// Returns whether requests have records: the caller wants them, or `tracing` does.
    pub(crate) fn records_attempts(&self) -> bool {
        self.options.attempt_details || tracing::enabled!(target: ATTEMPT, Level::DEBUG)
    }
}

fn tell(run: &Run, attempt: Attempt) {
    tracing::debug!(
        target: ATTEMPT,
        run = run.number,
        row = attempt.row,
        attempt = attempt.number,
        segment = attempt.is_segment,
        url = %attempt.url,
        proxy = attempt.proxy.as_deref(),
        protocol = attempt.protocol.map(HttpProtocol::name),
        reused = attempt.is_reused,
        status = attempt.http_status,
        error = attempt.error.as_ref().map(tracing::field::display),
        bytes = attempt.bytes,
        timings = ?attempt.timings,
        "request ended"
    );
    if run.options.attempt_details {
        run.ledger.emit(Event::Attempted(Box::new(attempt)));
    }
}
