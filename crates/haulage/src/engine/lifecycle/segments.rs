//! Files in segments: when other lanes get segments of a file, and what follows when they end.

use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::engine::item::task::Task;
use crate::engine::item::{Item, Segments};
use crate::engine::run::Run;
use crate::engine::segments::download::{Next, SegmentedDownload, Start, seen};
use crate::engine::segments::sources::{Source, Sources};
use crate::error::{Error, ErrorKind};
use crate::fetch::origin;
use crate::fetch::redirect::check_scheme;
use crate::http_url::HttpUrl;
use crate::plan::ramp::{Connections, Ramp};
use crate::plan::segments::{self, Rules};
use crate::schedule::key;
use crate::sync::lock;
use crate::write::{Assembly, Segment};

/// A file is split if the rest takes at least this many seconds: for less, opening a connection
/// does not pay.
const PAYS_AFTER: f64 = 2.0;

/// What a lane has seen of the response to an item's own request.
#[derive(Clone, Copy)]
pub(crate) struct Observed {
    /// Segments may be requested from where it comes.
    pub(crate) may_be_split: bool,
    /// Its path loses packets; `None` if that is not known.
    pub(crate) is_lossy: Option<bool>,
    /// Nothing of it has come for a while.
    pub(crate) is_silent: bool,
}

impl Run {
    /// Looks at an item's own response while it goes on, and splits its file if segments are of
    /// use.
    pub(crate) fn watch(
        self: &Arc<Self>,
        item: &mut Item,
        first: &Segment,
        observed: Observed,
        ramp: &mut Option<Ramp>,
    ) {
        let may_be_split = observed.may_be_split;
        if let Some(segments) = &item.segments {
            return self.watch_segment(segments, first.speed());
        }
        let (Some(partial), Some(under_way)) = (&item.progress.partial, &item.under_way) else {
            return;
        };
        let max_segments = item.progress.max_segments.unwrap_or(self.options.split);
        let Some(current) = ramp
            .as_mut()
            .filter(|ramp| max_segments > 1 && (ramp.is_far() || !first.is_limited_locally()))
        else {
            return;
        };
        let now = clock::now();
        current.observe(seen(&under_way.transfer, partial, now, observed.is_lossy));
        let mut least = self.options.min_split_size;
        let is_rescue = observed.is_silent && self.is_rescued(item, first, may_be_split);
        if is_rescue || self.is_helped(item, first, may_be_split, current) {
            current.help();
            least = segments::least_of_idle(least);
        }
        let helps = current.connections() != Connections::One;
        let rules = Rules {
            least,
            pays_after: if helps {
                current.pays_again_after().as_secs_f64()
            } else {
                PAYS_AFTER
            },
            usual: first.speed(),
            most: segments::MAX_FIRST_BYTES,
            settles: current.settles(),
        };
        // Only a connection that is invited below claims its rest.
        first.set_silent(is_rescue);
        let max_segments = if is_rescue { 2 } else { max_segments };
        let many = may_be_split.then_some(max_segments);
        let joins_mirrors = item.joins_mirrors() && !is_rescue;
        let sources = (helps || joins_mirrors)
            .then(|| self.sources(item, partial, &rules, many, joins_mirrors))
            .flatten();
        let sources = sources.filter(|sources| helps || sources.are_several());
        let Some(sources) = sources else {
            first.set_silent(false);
            return current.postpone();
        };
        let Some(ramp) = ramp.take() else { return };
        let time_left = self.options.max_time.map(|most| item.time_left(most));
        let segments = SegmentedDownload::new(
            Arc::clone(partial),
            Arc::clone(&under_way.transfer),
            (item.request.url.clone(), item.request.credentials.clone()),
            time_left.map(|left| now + left),
            Start {
                sources,
                max_segments,
                speed: rules.usual,
                ramp,
                least,
                is_rescue,
            },
        );
        let segments = Arc::new(segments.sending(item.request.headers()));
        self.invite(&segments);
        item.segments = Some(segments);
    }

    /// Returns whether idle connections download half of the rest of a response, if that rest is
    /// too small to open a connection for. The last files of a list need this: when the other
    /// connections become idle, the remaining ones take over their share of the link only slowly.
    fn is_helped(&self, item: &Item, first: &Segment, may_be_split: bool, ramp: &Ramp) -> bool {
        let left = first.left();
        let is_small = left < self.options.min_split_size;
        let helps = may_be_split && is_small && ramp.pays_to_help(left, first.speed());
        helps && self.has_idle_connection(item)
    }

    /// Returns whether an idle connection downloads the rest of a silent response: if it is small.
    /// Where the last packets of a response are lost, TCP sends them again only after 200 ms or
    /// more.
    fn is_rescued(&self, item: &Item, first: &Segment, may_be_split: bool) -> bool {
        let most = segments::least_of_idle(self.options.min_split_size).min(segments::MAX_SILENT);
        let is_small = first.left() < most;
        may_be_split && is_small && self.has_idle_connection(item)
    }

    /// Returns whether a connection to the host of an item is open and has nothing to do.
    fn has_idle_connection(&self, item: &Item) -> bool {
        let key = key::of(self.connector.route(), origin::key(item.url()));
        self.services.dispatcher.has_idle_connection(&key)
    }

    /// Returns where segments of an item's file may be requested, `many` at once of them where its
    /// own response comes from; `None` if no lane is idle there, or these `rules` leave nothing to
    /// split. Mirrors are among them if the item `joins_mirrors`.
    fn sources(
        self: &Arc<Self>,
        item: &Item,
        partial: &Assembly,
        rules: &Rules,
        many: Option<usize>,
        joins_mirrors: bool,
    ) -> Option<Sources> {
        if !partial.can_claim(rules) {
            return None;
        }
        let unsplit = lock(&self.services.unsplit);
        let takes_some = |url: &HttpUrl| !unsplit.contains(origin::key(url));
        let many = many.filter(|_| partial.identity.validator.is_some() && takes_some(item.url()));
        let first = Source {
            nth: item.mirrors.at(),
            listed: item.source(item.mirrors.at()).clone(),
            hop: item.hop.as_deref().cloned(),
            hops: item.hops,
        };
        let others = item.mirrors.others(item.sources());
        let others = others.filter(|nth| {
            let url = item.source(*nth);
            joins_mirrors
                && takes_some(url)
                && self.is_allowed(url)
                && check_scheme(url, self.options.plain_http).is_ok()
        });
        let others = others.map(|nth| Source {
            nth,
            listed: item.source(nth).clone(),
            hop: item.mirror(nth),
            hops: 0,
        });
        let sources = Sources::new((first, many.unwrap_or(1)), others);
        let idle = self.idle(&item.request.url, &sources);
        sources.idlest(&idle).is_some().then_some(sources)
    }

    /// Returns how many lanes that nothing else waits for are idle at each of the sources.
    fn idle(self: &Arc<Self>, given: &HttpUrl, sources: &Sources) -> Vec<usize> {
        let hosts = sources.iter().map(|source| {
            let hop = source.hop.as_ref().map(|hop| &hop.url);
            key::of(self.connector.route(), origin::key(hop.unwrap_or(given)))
        });
        self.services.dispatcher.idle_lanes(hosts)
    }

    /// Looks at how a segment comes: at this speed, in bytes per second.
    pub(crate) fn watch_segment(self: &Arc<Self>, segments: &Segments, speed: f64) {
        segments.record_speed(speed);
        segments.observe(clock::now());
        self.invite(segments);
    }

    /// Queues as many more segments as may be requested now, and as there are idle lanes for.
    fn invite(self: &Arc<Self>, segments: &Segments) {
        for at in segments.invite(|given, sources| self.idle(given, sources)) {
            self.queue_segment(segments, at);
        }
    }

    /// Queues a segment at one of its sources, where it has been counted.
    fn queue_segment(self: &Arc<Self>, segments: &Segments, at: usize) {
        self.push(Task::Segment(Arc::clone(segments), at), Duration::ZERO);
    }

    /// Gives up a segment that waited.
    pub(crate) fn drop_segment(self: &Arc<Self>, segments: &Segments, at: usize) {
        match segments.abandon(at) {
            Next::Alone(item, failure) => self.go_on_alone(segments, item, failure),
            // Usually the lane with the last bytes saves the file; else the item's next attempt
            // does.
            Next::Whole(item) => self.go_on_alone(segments, item, None),
            Next::Segment | Next::Nothing => {}
        }
    }

    /// Ends an item's own response while others bring the rest; with its failure, if any.
    pub(crate) async fn park(
        self: &Arc<Self>,
        segments: &Segments,
        item: Box<Item>,
        failure: Option<Error>,
    ) {
        let next = segments.park(item, failure);
        self.go_on_split(segments, 0, next, false).await;
    }

    /// Ends a segment that a lane has brought, or has not, from one of the sources; `is_open` says
    /// whether its connection takes another request.
    pub(crate) async fn end_segment(
        self: &Arc<Self>,
        segments: &Segments,
        at: usize,
        is_open: bool,
    ) {
        let next = segments.end(at);
        self.go_on_split(segments, at, next, is_open).await;
    }

    async fn go_on_split(
        self: &Arc<Self>,
        segments: &Segments,
        at: usize,
        next: Next<Box<Item>>,
        is_open: bool,
    ) {
        match next {
            Next::Whole(mut item) => {
                join(segments, &mut item);
                self.save_kept(item).await;
            }
            Next::Alone(item, failure) => self.go_on_alone(segments, item, failure),
            // Its own lane asks for its next work at once, and takes the segment: its connection is
            // warm, unlike one that would be opened for the segment.
            Next::Segment if is_open => self.push_quietly(Task::Segment(Arc::clone(segments), at)),
            Next::Segment => self.queue_segment(segments, at),
            Next::Nothing => {}
        }
    }

    fn go_on_alone(
        self: &Arc<Self>,
        segments: &Segments,
        mut item: Box<Item>,
        failure: Option<Error>,
    ) {
        join(segments, &mut item);
        match failure {
            Some(failure) => self.failed(item, failure),
            None => self.go_on_with(item),
        }
    }

    /// Ends the segment of a lane that was interrupted.
    pub(crate) async fn segment_interrupted(self: &Arc<Self>, segments: &Segments, at: usize) {
        match segments.end(at) {
            Next::Whole(mut item) | Next::Alone(mut item, _) => {
                join(segments, &mut item);
                self.interrupted(item).await;
            }
            Next::Segment => self.drop_segment(segments, at),
            Next::Nothing => {}
        }
    }

    /// Records why a segment cannot be had from one of the sources.
    pub(crate) fn segment_failed(self: &Arc<Self>, segments: &Segments, at: usize, why: Error) {
        if why.kind() == ErrorKind::Disk && !why.lacks_descriptors() {
            return segments.fail(why);
        }
        segments.refuse(at);
        let is_only = at == 0 && !segments.is_rescue() && segments.partial.contributors() <= 1;
        if is_only && why.kind() != ErrorKind::Timeout {
            // The host refuses a second connection, or ranges: it gets no more segment requests.
            let source = segments.source(at);
            let key = origin::key(segments.request_target(&source).url());
            lock(&self.services.unsplit).insert(key.into());
        }
    }
}

/// Gives an item what it has got from the segments of its file.
fn join(segments: &Segments, item: &mut Item) {
    item.segments = None;
    item.attempts += segments.requests();
    item.progress.max_segments = Some(segments.max_segments());
}
