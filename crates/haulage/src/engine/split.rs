//! A file that several lanes fetch at once: who is at it, and what becomes of its item when they
//! are done.
//!
//! It begins as one request. While that goes on, idle lanes of its host, and of its mirrors' hosts
//! under an expected digest, take shares of what it has left (see
//! [`plan::segments`](crate::plan::segments)), as work items of those hosts' queues. Whoever ends
//! makes room for another share; whoever ends last gives the item on. What a share meets is never
//! the item's failure: what it was to bring is free again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::core::Core;
use super::item::Item;
use super::sources::{Source, Sources};
use super::work::{To, Work};
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::event::Transfer;
use crate::fetch::origin;
use crate::fetch::redirect::check_scheme;
use crate::http_url::HttpUrl;
use crate::plan::ramp::{Connections, Ramp, Seen};
use crate::plan::segments::{CRAWLS, Rules};
use crate::sync::lock;
use crate::write::{Assembly, Share, Stretch};

/// Seconds that a remainder must take for others to begin with it: below, a connection is not worth
/// its making.
const PAYS_AFTER: f64 = 2.0;
/// The same once they are at it: a connection is there.
const PAYS_AGAIN_AFTER: f64 = 0.05;
/// Bytes: what is smaller is not shared any more.
const LEAST_AGAIN: u64 = 2 << 20;
/// Most bytes of a share before any has come to its end: its connection may be new, and slow.
const FIRST_SHARE: u64 = 4 << 20;
/// Seconds that a share takes at most.
const LONGEST_SHARE: f64 = 2.0;

/// A file that several lanes fetch at once.
pub(super) struct Split {
    pub(super) kept: Arc<Assembly>,
    given: HttpUrl,
    credentials: Option<Credentials>,
    pub(super) transfer: Arc<Transfer>,
    /// When the item's time is over.
    pub(super) deadline: Option<Instant>,
    /// Bytes: what is smaller is not split.
    least: u64,
    /// Requests for shares.
    pub(super) requests: AtomicU32,
    state: Mutex<State>,
}

struct State {
    /// The item, once its own response has ended before the others.
    item: Option<Box<Item>>,
    /// Why it has, if it did not end well.
    failure: Option<Error>,
    /// Where shares are asked for, and how many.
    sources: Sources,
    /// How many may ever be at it at once.
    most: usize,
    /// Bytes per second of the fastest lane so far.
    usual: f64,
    ramp: Ramp,
}

impl State {
    /// How many may be at it at once, for now.
    fn allowed(&self) -> usize {
        // Mirrors are there to be used.
        if self.sources.are_several() {
            return self.most;
        }
        match self.ramp.connections() {
            Connections::One => self.most.min(1),
            Connections::Two => self.most.min(2),
            Connections::All => self.most,
        }
    }
}

/// What follows when somebody is done.
enum Next {
    /// All of it is here.
    Whole(Box<Item>),
    /// Nobody is at it any more, and some of it is missing: the item goes on alone.
    Alone(Box<Item>, Option<Error>),
    /// Another one may take a share.
    Share,
    Nothing,
}

impl Split {
    /// Where its shares are asked for at one of its sources.
    pub(super) fn to<'a>(&'a self, source: &'a Source) -> To<'a> {
        To {
            given: &self.given,
            credentials: self.credentials.as_ref(),
            hop: source.hop.as_ref(),
        }
    }

    pub(super) fn source(&self, at: usize) -> Arc<Source> {
        self.lock().sources.get(at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "speeds are not negative, and what is too large counts as the largest"
    )]
    fn rules(&self, state: &State) -> Rules {
        let lanes = state.allowed().max(1) as u64;
        let left = left(&self.kept);
        let least = self.least.min(LEAST_AGAIN);
        let most = if self.kept.finished() == 0 {
            FIRST_SHARE.min(left / lanes)
        } else {
            let for_long = (state.usual * LONGEST_SHARE) as u64;
            for_long.min(left / (2 * lanes))
        };
        Rules {
            least,
            most: most.max(least),
            pays_after: PAYS_AGAIN_AFTER,
            usual: state.usual,
            settles: state.ramp.settles(),
        }
    }

    /// A share that waited has its lane: what it is to bring, if there is still something.
    pub(super) fn take_share(&self, at: usize) -> Option<Share> {
        let mut state = self.lock();
        if state.sources.active() >= state.allowed() || !state.sources.may_begin(at) {
            return None;
        }
        let nth = state.sources.get(at).nth;
        let share = self.kept.share(&self.rules(&state), nth)?;
        state.sources.begin(at);
        Some(share)
    }

    /// Somebody brings so much.
    pub(super) fn is_brought_at(&self, speed: f64) {
        let mut state = self.lock();
        state.usual = state.usual.max(speed);
    }

    /// One of the sources has led elsewhere.
    pub(super) fn led_to(&self, at: usize, source: Source) {
        self.lock().sources.replace(at, source);
    }

    /// A mirror that is much slower than the others only delays what it takes.
    pub(super) fn drop_if_slow(&self, at: usize, speed: f64) {
        let mut state = self.lock();
        if at > 0 && speed * CRAWLS < state.usual {
            state.sources.refuse(at);
        }
    }

    /// The disk takes no more, whoever brings it: that is the item's failure.
    fn fail(&self, error: Error) {
        let mut state = self.lock();
        state.most = 0;
        state.failure = Some(error);
    }

    /// Looks at how the file comes: decides whether others are of use.
    fn look(&self) {
        let mut state = self.lock();
        let before = state.ramp.connections();
        state.ramp.observe(seen(&self.transfer, left(&self.kept)));
        let is_refuted = before != Connections::One && state.allowed() == 1;
        if is_refuted {
            self.kept.stop_unbegun();
        }
    }

    /// Somebody is done; with the item, if it was the one that had it.
    fn leave(
        &self,
        at: usize,
        item: Option<Box<Item>>,
        failure: Option<Error>,
        was_active: bool,
    ) -> Next {
        let mut state = self.lock();
        state.sources.end(at, was_active);
        if item.is_some() {
            state.item = item;
            state.failure = failure.or(state.failure.take());
        }
        // Nobody is to write to it when it gets its name.
        if self.kept.is_whole() && self.kept.is_settled() {
            return state.item.take().map_or(Next::Nothing, Next::Whole);
        }
        if state.sources.busy() == 0 {
            let failure = state.failure.take();
            return match state.item.take() {
                Some(item) => Next::Alone(item, failure),
                None => Next::Nothing,
            };
        }
        let has_room = was_active && state.sources.busy() < state.allowed();
        if has_room && self.kept.is_shareable(&self.rules(&state)) && state.sources.queue_again(at)
        {
            return Next::Share;
        }
        Next::Nothing
    }
}

impl Core {
    /// An item's own response goes on: whether others are to take shares of it, or are of use. From
    /// where it comes they do only if it `may_be_split` there.
    pub(super) fn watch(
        &self,
        item: &mut Item,
        first: &Stretch,
        may_be_split: bool,
        ramp: &mut Option<Ramp>,
    ) {
        if let Some(split) = &item.brought.split {
            return self.watch_share(split, first.speed());
        }
        let (Some(kept), Some(under_way)) = (&item.brought.kept, &item.under_way) else {
            return;
        };
        let most = item.brought.most_shares.unwrap_or(self.options.split);
        let Some(current) = ramp
            .as_mut()
            .filter(|_| most > 1 && !first.is_held_up_here())
        else {
            return;
        };
        current.observe(seen(&under_way.transfer, left(kept)));
        let helps = current.connections() != Connections::One;
        let rules = Rules {
            least: self.options.min_split_size,
            pays_after: if helps { PAYS_AGAIN_AFTER } else { PAYS_AFTER },
            usual: first.speed(),
            most: FIRST_SHARE,
            settles: current.settles(),
        };
        let sources = (helps || item.joins_mirrors())
            .then(|| self.sources(item, kept, &rules, may_be_split.then_some(most)))
            .flatten();
        let sources = sources.filter(|sources| helps || sources.are_several());
        let Some(sources) = sources else {
            return current.postpone();
        };
        let Some(ramp) = ramp.take() else { return };
        let time_left = self.options.max_time.map(|most| item.time_left(most));
        let split = Arc::new(Split {
            kept: Arc::clone(kept),
            given: item.request.url.clone(),
            credentials: item.request.credentials.clone(),
            transfer: Arc::clone(&under_way.transfer),
            deadline: time_left.map(|left| Instant::now() + left),
            least: self.options.min_split_size,
            requests: AtomicU32::new(0),
            state: Mutex::new(State {
                item: None,
                failure: None,
                sources,
                most,
                usual: rules.usual,
                ramp,
            }),
        });
        self.invite(&split);
        item.brought.split = Some(split);
    }

    /// Where shares of an item's file may be asked for, so `many` at once of them where its own
    /// response comes from; `None` if that is nowhere with an idle lane, or
    /// these `rules` leave nothing to share.
    fn sources(
        &self,
        item: &Item,
        kept: &Assembly,
        rules: &Rules,
        many: Option<usize>,
    ) -> Option<Sources> {
        if !kept.is_shareable(rules) {
            return None;
        }
        let unsplit = lock(&self.unsplit);
        let takes_some = |url: &HttpUrl| !unsplit.contains(origin::key(url));
        let many = many.filter(|_| kept.identity.validator.is_some() && takes_some(item.url()));
        let first = Source {
            nth: item.mirrors.at(),
            listed: item.source(item.mirrors.at()).clone(),
            hop: item.hop.as_deref().cloned(),
            hops: item.hops,
        };
        let others = item.mirrors.others(item.sources());
        let others = others.filter(|nth| {
            let url = item.source(*nth);
            item.joins_mirrors()
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

    /// How many lanes nobody else waits for, at each of the sources.
    fn idle(&self, given: &HttpUrl, sources: &Sources) -> Vec<usize> {
        let schedule = self.schedule();
        let url = |source: &Source| {
            let hop = source.hop.as_ref().map(|(url, _)| url);
            schedule.spare(origin::key(hop.unwrap_or(given)))
        };
        sources.iter().map(url).collect()
    }

    /// Somebody brings a share of a file, at this speed.
    pub(super) fn watch_share(&self, split: &Arc<Split>, speed: f64) {
        split.is_brought_at(speed);
        split.look();
        self.invite(split);
    }

    /// Lets as many more take shares as there may be, and as there are idle lanes for at its
    /// sources.
    fn invite(&self, split: &Arc<Split>) {
        let mut more = Vec::new();
        {
            let mut state = split.lock();
            let room = state.allowed().saturating_sub(state.sources.busy());
            if room == 0 || !split.kept.is_shareable(&split.rules(&state)) {
                return;
            }
            let mut idle = self.idle(&split.given, &state.sources);
            more.extend((0..room).map_while(|_| state.sources.queue(&mut idle)));
        }
        for at in more {
            self.queue_share(split, at);
        }
    }

    /// Queues a share at one of its sources, where it has been counted.
    fn queue_share(&self, split: &Arc<Split>, at: usize) {
        let source = split.source(at);
        let mut schedule = self.schedule();
        if self.stopping.is_cancelled() {
            drop(schedule);
            return self.drop_share(split, at);
        }
        let host = self.host_of(&mut schedule, split.to(&source).url());
        schedule.push(host, Work::Share(Arc::clone(split), at));
        self.hand_out(schedule);
    }

    /// A share that waited is not taken.
    pub(super) fn drop_share(&self, split: &Arc<Split>, at: usize) {
        match split.leave(at, None, None, false) {
            Next::Alone(item, failure) => self.go_on_alone(split, item, failure),
            // Whoever brought the last of it has seen to that, and nothing was made room for.
            Next::Whole(item) => self.go_on_alone(split, item, None),
            Next::Share | Next::Nothing => {}
        }
    }

    /// An item's own response is done; with why, if not well.
    pub(super) async fn leave_with(
        self: &Arc<Self>,
        split: &Arc<Split>,
        item: Box<Item>,
        failure: Option<Error>,
    ) {
        let next = split.leave(0, Some(item), failure, true);
        self.go_on_split(split, 0, next).await;
    }

    /// A lane that brought a share from one of the sources is done.
    pub(super) async fn leave(self: &Arc<Self>, split: &Arc<Split>, at: usize) {
        let next = split.leave(at, None, None, true);
        self.go_on_split(split, at, next).await;
    }

    async fn go_on_split(self: &Arc<Self>, split: &Arc<Split>, at: usize, next: Next) {
        match next {
            Next::Whole(mut item) => {
                join(split, &mut item);
                self.save_kept(item).await;
            }
            Next::Alone(item, failure) => self.go_on_alone(split, item, failure),
            Next::Share => self.queue_share(split, at),
            Next::Nothing => {}
        }
    }

    fn go_on_alone(&self, split: &Split, mut item: Box<Item>, failure: Option<Error>) {
        join(split, &mut item);
        match failure {
            Some(failure) => self.failed(item, failure),
            None => self.go_on_with(item),
        }
    }

    /// A lane of the run that is being stopped had a share.
    pub(super) fn leave_stopped(&self, split: &Arc<Split>, at: usize) {
        match split.leave(at, None, None, true) {
            Next::Whole(item) | Next::Alone(item, _) => self.cancelled(item),
            Next::Share => self.drop_share(split, at),
            Next::Nothing => {}
        }
    }

    /// Why a share of an item cannot be had from one of its sources.
    pub(super) fn no_share(&self, split: &Split, at: usize, why: Error) {
        if why.kind() == ErrorKind::Disk && !why.lacks_descriptors() {
            return split.fail(why);
        }
        split.lock().sources.refuse(at);
        if at == 0 && split.kept.brought_by() <= 1 && why.kind() != ErrorKind::Timeout {
            // It does not want more than one connection, or has no parts: it is not asked again.
            let source = split.source(at);
            let key = origin::key(split.to(&source).url());
            lock(&self.unsplit).insert(key.into());
        }
    }
}

/// Bytes of the file that have not been written.
fn left(kept: &Assembly) -> u64 {
    let covered = kept.pieces().covered();
    kept.identity.total.saturating_sub(covered)
}

/// How a file comes, as of now.
fn seen(transfer: &Transfer, left: u64) -> Seen {
    Seen {
        at: Instant::now(),
        bytes: transfer.fetched(),
        left,
    }
}

/// What an item has got from the shares of its file.
fn join(split: &Split, item: &mut Item) {
    item.brought.split = None;
    item.attempts += split.requests.load(Ordering::Relaxed);
    let state = split.lock();
    item.brought.most_shares = Some(state.most.min(state.sources.most()));
}
