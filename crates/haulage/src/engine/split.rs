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
use std::time::{Duration, Instant};

use super::core::Core;
use super::item::Item;
use super::lock;
use super::sources::{Source, Sources};
use super::work::{To, Work};
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::event::Transfer;
use crate::fetch::origin;
use crate::fetch::redirect::check_scheme;
use crate::http_url::HttpUrl;
use crate::plan::segments::{CRAWLS, Rules};
use crate::write::{Assembly, Share, Stretch};

/// Seconds that a remainder must take for others to begin with it: below, a connection is not worth
/// its making.
const PAYS_AFTER: f64 = 2.0;
/// The same once they are at it: a connection is there.
const PAYS_AGAIN_AFTER: f64 = 0.05;
/// How long the shares have to show that they are of use.
const TRIAL: Duration = Duration::from_secs(2);
/// They are, where all together bring so many times what the first response brought alone.
const GAIN: f64 = 1.1;

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
    /// How many may be at it at once.
    most: usize,
    /// Bytes per second of the fastest lane so far.
    usual: f64,
    trial: Trial,
}

/// Whether the others are of use: that is tried out once.
enum Trial {
    /// They are at it since then, when so many bytes were here; the first response brought so many
    /// bytes per second alone.
    Together {
        since: Instant,
        covered: u64,
        alone: f64,
    },
    /// They did not bring more, so the first response goes on alone since then; all together
    /// brought so many bytes per second. What it brought alone before may have been what servers
    /// give to begin with.
    Alone {
        since: Instant,
        together: f64,
    },
    Over,
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

    fn rules(&self, state: &State) -> Rules {
        Rules {
            least: self.least,
            pays_after: PAYS_AGAIN_AFTER,
            usual: state.usual,
        }
    }

    /// A share that waited has its lane: what it is to bring, if there is still something.
    pub(super) fn take_share(&self, at: usize) -> Option<Share> {
        let mut state = self.lock();
        if state.sources.active() >= state.most || !state.sources.may_begin(at) {
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

    /// Whether the others have been of use to what the `first` response brings; `most` of them may
    /// be at it if they are. If not, what they have not brought is free again, and the first goes
    /// on alone.
    fn try_out(&self, first: &Stretch, most: usize) {
        let mut state = self.lock();
        match state.trial {
            Trial::Together {
                since,
                covered,
                alone,
            } if since.elapsed() >= TRIAL => {
                let brought = self.kept.pieces().covered().saturating_sub(covered);
                let together = brought as f64 / since.elapsed().as_secs_f64();
                state.trial = Trial::Over;
                if together < alone * GAIN {
                    state.most = 1;
                    self.kept.stop_all_but(first);
                    let since = Instant::now();
                    state.trial = Trial::Alone { since, together };
                }
            }
            Trial::Alone { since, together } if since.elapsed() >= TRIAL => {
                state.trial = Trial::Over;
                if first.speed() * GAIN < together {
                    state.most = most;
                }
            }
            Trial::Together { .. } | Trial::Alone { .. } | Trial::Over => {}
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
        let has_room = was_active && state.sources.busy() < state.most;
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
    pub(super) fn watch(&self, item: &mut Item, first: &Stretch, may_be_split: bool) {
        let most = item.brought.most_shares.unwrap_or(self.options.split);
        if let Some(split) = &item.brought.split {
            split.is_brought_at(first.speed());
            split.try_out(first, most);
            return self.invite(split);
        }
        let (Some(kept), Some(under_way)) = (&item.brought.kept, &item.under_way) else {
            return;
        };
        let alone = first.speed();
        let rules = Rules {
            least: self.options.min_split_size,
            pays_after: PAYS_AFTER,
            usual: alone,
        };
        if most <= 1 || first.is_held_up_here() || !kept.is_shareable(&rules) {
            return;
        }
        let Some(sources) = self.sources(item, kept, may_be_split.then_some(most)) else {
            return;
        };
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
                usual: alone,
                trial: Trial::Together {
                    since: Instant::now(),
                    covered: kept.pieces().covered(),
                    alone,
                },
            }),
        });
        self.invite(&split);
        item.brought.split = Some(split);
    }

    /// Where shares of an item's file may be asked for, so `many` at once of them where its own
    /// response comes from; `None` if that is nowhere with an idle lane.
    fn sources(&self, item: &Item, kept: &Assembly, many: Option<usize>) -> Option<Sources> {
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
        self.invite(split);
    }

    /// Lets as many more take shares as there may be, and as there are idle lanes for at its
    /// sources.
    fn invite(&self, split: &Arc<Split>) {
        let mut more = Vec::new();
        {
            let mut state = split.lock();
            let room = state.most.saturating_sub(state.sources.busy());
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

/// What an item has got from the shares of its file.
fn join(split: &Split, item: &mut Item) {
    item.brought.split = None;
    item.attempts += split.requests.load(Ordering::Relaxed);
    let state = split.lock();
    item.brought.most_shares = Some(state.most.min(state.sources.most()));
}
