//! An item: a row while the engine works on it, and its progress.

pub(crate) mod attempt;
pub(crate) mod existing;
pub(crate) mod host_unavailable;
pub(crate) mod named_row;
pub(crate) mod outcome;
pub(crate) mod progress;
pub(crate) mod range_request;
pub(crate) mod robots_query;
pub(crate) mod task;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::HeaderMap;

use self::progress::Progress;
use crate::clock;
use crate::engine::segments::download::SegmentedDownload;
use crate::event::Transfer;
use crate::fetch::request_target::{Hop, RequestTarget};
use crate::http_url::HttpUrl;
use crate::outcome::Renamed;
use crate::plan::conditional::Stored;
use crate::plan::mirrors::{self, Mirrors};
use crate::plan::name::TargetName;
use crate::plan::registry::Key;
use crate::request::Request;
use crate::schedule::retry::{Kept, RetryState};

/// A row while the engine works on it. It moves through the queues of hosts.
pub(crate) struct Item {
    pub(crate) row: u64,
    pub(crate) request: Request,
    pub(crate) target: TargetName,
    pub(crate) keys: Keys,
    /// Which of its URLs is requested.
    pub(crate) mirrors: Mirrors,
    /// Its failures since it last made progress.
    pub(crate) retries: RetryState,
    /// A mirror, or the target of a redirect, that is requested next; `None` for the URL as given.
    pub(crate) hop: Option<Box<Hop>>,
    pub(crate) hops: u32,
    pub(crate) attempts: u32,
    /// Whether its next request begins an attempt; the hops of a redirect belong to the attempt of
    /// the first request.
    pub(crate) begins_attempt: bool,
    /// How often one of its requests was resent at once, since a connection was unusable.
    pub(crate) resends: u32,
    pub(crate) http_status: Option<u16>,
    /// What is known of the existing file at its name: its requests are conditional on that.
    pub(crate) stored: Stored,
    /// What exists at its name, if that matters for its response.
    pub(crate) at_name: AtName,
    /// Why its file has another name than was requested; `None` if it has not.
    pub(crate) renamed: Option<Renamed>,
    /// What has been received of its file.
    pub(crate) progress: Progress,
    /// Its segments, if other lanes fetch its file too; `None` while it is not split.
    pub(crate) segments: Option<Segments>,
    /// Whether its file has not matched its checksum or digest: only once is it restarted for that.
    pub(crate) has_mismatched: bool,
    /// Whether it has returned to the URL where its redirects began, which had got cookies.
    pub(crate) has_gone_home: bool,
    /// `None` until its first request.
    pub(crate) under_way: Option<UnderWay>,
}

/// The segments in which lanes fetch an item's file.
pub(crate) type Segments = Arc<SegmentedDownload<Box<Item>>>;

/// What exists at an item's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtName {
    /// Nothing, or something that its response is not compared with.
    Nothing,
    /// A file of which nothing is known: it is compared with the head of the response.
    Unknown,
    /// A file that turned out to be another one: the item's own is fetched, whatever its server
    /// says next.
    Compared,
}

/// The names that an item has claimed.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    pub(crate) own: Key,
    /// The name that its server gave; `None` if it gave none.
    pub(crate) by_server: Option<Key>,
}

/// An item whose first request has been sent.
#[derive(Clone)]
pub(crate) struct UnderWay {
    pub(crate) transfer: Arc<Transfer>,
    pub(crate) at: SystemTime,
    pub(crate) clock: Instant,
}

impl Item {
    pub(crate) fn new(row: u64, request: Request, target: TargetName, key: Key) -> Box<Self> {
        Box::new(Self {
            row,
            request,
            target,
            keys: Keys {
                own: key,
                by_server: None,
            },
            mirrors: Mirrors::default(),
            retries: RetryState::default(),
            hop: None,
            hops: 0,
            attempts: 0,
            begins_attempt: true,
            resends: 0,
            http_status: None,
            stored: Stored::default(),
            at_name: AtName::Nothing,
            renamed: None,
            progress: Progress::default(),
            segments: None,
            has_mismatched: false,
            has_gone_home: false,
            under_way: None,
        })
    }

    /// Returns where its next request goes, and on whose behalf.
    pub(crate) fn request_target(&self) -> RequestTarget<'_> {
        RequestTarget {
            given: &self.request.url,
            credentials: self.request.credentials.as_ref(),
            headers: self.request.headers(),
            hop: self.hop.as_deref(),
        }
    }

    /// Returns the URL of its next request.
    pub(crate) fn url(&self) -> &HttpUrl {
        self.hop
            .as_deref()
            .map_or(&self.request.url, |hop| &hop.url)
    }

    /// Moves to the next URL to ask, since the current one has failed; `may_pass` tells whether
    /// that failure is transient. Begins at one of the item's own URLs, since a redirect may have
    /// been meant for that one time only.
    pub(crate) fn next_source(&mut self, may_pass: bool) -> mirrors::NextUrl {
        let next = self.mirrors.failed(self.sources(), may_pass);
        self.begin_at_source();
        self.begins_attempt = true;
        next
    }

    /// Makes its nth URL the one that is asked from now on; 0 is the URL as given.
    pub(crate) fn go_to_source(&mut self, nth: usize) {
        self.mirrors.go_to(nth);
        self.begin_at_source();
    }

    /// Goes back to the URL from which redirects have led it away. That happens at most once.
    pub(crate) fn go_home(&mut self) {
        self.has_gone_home = true;
        self.begin_at_source();
    }

    /// Returns the URL from which redirects have led it away.
    pub(crate) fn home(&self) -> &HttpUrl {
        self.source(self.mirrors.at())
    }

    fn begin_at_source(&mut self) {
        self.hop = self.mirror(self.mirrors.at()).map(Box::new);
        self.hops = 0;
    }

    /// Returns whether bytes from different URLs may be joined: the item has mirrors and a
    /// checksum, which would detect a mixture, and no mixture has been detected so far.
    pub(crate) fn joins_mirrors(&self) -> bool {
        let is_checked = self.request.is_checked();
        is_checked
            && !self.request.mirrors.is_empty()
            && self.progress.untrusted_sources.is_empty()
            && self.progress.damaging_sources.is_empty()
    }

    /// Returns the conditions of its next request. Each hop of a redirect gets them, since the last
    /// one answers for the file; a mirror does not: its tags and times are its own, and say nothing
    /// of a file that came from elsewhere.
    pub(crate) fn conditions(&self) -> HeaderMap {
        if self.mirrors.at() == 0 {
            self.stored.conditions()
        } else {
            HeaderMap::new()
        }
    }

    /// Makes it fetch its file whatever stands at its name, beginning at its own URL: what is there
    /// was found to be another file than its server has said.
    pub(crate) fn ignore_existing(&mut self) {
        self.stored = Stored::default();
        self.at_name = AtName::Compared;
        self.hop = None;
        self.hops = 0;
    }

    /// Returns how many URLs it has: its own one and its mirrors.
    pub(crate) fn sources(&self) -> usize {
        1 + self.request.mirrors.len()
    }

    /// Returns its nth URL as a hop from its own one; `None` for its own one, which is number 0.
    pub(crate) fn mirror(&self, nth: usize) -> Option<Hop> {
        let nth = nth.checked_sub(1)?;
        Some(self.request.mirrors[nth].clone().into())
    }

    /// Returns its nth URL as listed, before any redirect.
    pub(crate) fn source(&self, nth: usize) -> &HttpUrl {
        match nth.checked_sub(1) {
            None => &self.request.url,
            Some(nth) => &self.request.mirrors[nth].0,
        }
    }

    /// Returns whether nothing has happened to it so far, and nothing is known of its file.
    pub(crate) fn is_new(&self) -> bool {
        let is_known = self.stored.etag.is_some() || self.stored.modified.is_some();
        let has_begun = self.under_way.is_some() || self.hop.is_some() || self.retries.has_failed();
        let meets_file = self.at_name != AtName::Nothing;
        !has_begun && !is_known && !meets_file && self.progress.partial.is_none()
    }

    /// Returns what its next attempt can resume from. `None` when that begins with the first byte:
    /// nothing is kept, or the server has refused ranges.
    fn kept(&self) -> Option<Kept> {
        let kept = self.progress.partial.as_ref();
        let kept = kept.filter(|_| !self.progress.ignores_partial)?;
        Some(Kept {
            part: kept.number,
            bytes: kept.range_set().covered(),
            total: kept.identity.total,
        })
    }

    /// Returns whether its present attempt has made progress.
    pub(crate) fn is_progressing(&self) -> bool {
        self.retries.is_progress(self.kept())
    }

    /// Notes that its present attempt has failed.
    pub(crate) fn attempt_failed(&mut self, now: Instant) {
        let began = self.under_way.as_ref();
        let began = began.map_or(now, |under_way| under_way.clock);
        let kept = self.kept();
        self.retries.attempt_failed(now, began, kept);
    }

    /// Returns how long it has been under way; zero before its first request.
    pub(crate) fn elapsed(&self) -> Duration {
        let under_way = self.under_way.as_ref();
        under_way.map_or(Duration::ZERO, |under_way| clock::elapsed(under_way.clock))
    }

    /// Returns how much is left of `most`, the time that it may take from its first request on.
    pub(crate) fn time_left(&self, most: Duration) -> Duration {
        most.saturating_sub(self.elapsed())
    }

    /// Returns the label that is shown for it.
    pub(crate) fn label(&self) -> Arc<str> {
        match &self.under_way {
            Some(under_way) => Arc::clone(&under_way.transfer.label),
            None => label(&self.request, &self.target),
        }
    }
}

/// Returns the label that is shown for a request: that of its row, else the name of its file.
pub(crate) fn label(request: &Request, target: &TargetName) -> Arc<str> {
    match &request.label {
        Some(label) => Arc::clone(label),
        None if target.folder().is_none() => target.to_shared(),
        None => target.file().into(),
    }
}
