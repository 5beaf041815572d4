//! The URLs that segments of one file are requested from: the one of the item's own response, and,
//! where a checksum would detect a mixture, the item's other URLs, too. Pure.

use std::sync::Arc;

use crate::fetch::request_target::Hop;
use crate::http_url::HttpUrl;

/// One of an item's URLs, as segments are requested from it.
#[derive(Debug)]
pub(crate) struct Source {
    /// Which one it is: 0 is the URL as given.
    pub(crate) nth: usize,
    /// The URL as it stands in the list.
    pub(crate) listed: HttpUrl,
    /// A mirror, or the target of redirects; `None` for the URL as given.
    pub(crate) hop: Option<Hop>,
    /// How many redirects it has followed.
    pub(crate) hops: u32,
}

/// All sources of one file. The first is that of the item's own response, which counts as one of
/// its active segments.
#[derive(Debug)]
pub(crate) struct Sources(Vec<SourceLoad>);

#[derive(Debug)]
struct SourceLoad {
    source: Arc<Source>,
    /// How many lanes are receiving from there.
    active: usize,
    /// How many segments wait for a lane of its host.
    queued: usize,
    /// The most active and queued segments together.
    most: usize,
}

impl Sources {
    /// Creates the sources of a file. `first`, from which the item's own response comes, may have
    /// as many segments at once as given; the others may have any number, and have none so far.
    pub(crate) fn new(first: (Source, usize), others: impl IntoIterator<Item = Source>) -> Self {
        let load = |(source, most)| SourceLoad {
            source: Arc::new(source),
            active: 0,
            queued: 0,
            most,
        };
        let others = others.into_iter().map(|source| (source, usize::MAX));
        let mut loads: Vec<_> = [first].into_iter().chain(others).map(load).collect();
        loads[0].active = 1;
        Self(loads)
    }

    /// Returns how many lanes are receiving from any source.
    pub(crate) fn active(&self) -> usize {
        self.0.iter().map(|load| load.active).sum()
    }

    /// Returns how many segments are being received or wait for a lane.
    pub(crate) fn busy(&self) -> usize {
        self.0.iter().map(SourceLoad::busy).sum()
    }

    /// Returns whether segments may be requested from more than one source.
    pub(crate) fn are_several(&self) -> bool {
        self.0.iter().filter(|load| load.most > 0).count() > 1
    }

    pub(crate) fn get(&self, at: usize) -> Arc<Source> {
        Arc::clone(&self.0[at].source)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter().map(|load| &*load.source)
    }

    /// Returns the index of the source with the least to do that may have more segments and has
    /// idle lanes; `None` if there is none. `idle` is the number of idle lanes of each source.
    pub(crate) fn idlest(&self, idle: &[usize]) -> Option<usize> {
        let loads = self.0.iter().zip(idle).enumerate();
        let (at, _) = loads
            .filter(|(_, (load, idle))| **idle > 0 && load.has_room())
            .min_by_key(|(_, (load, _))| load.busy())?;
        Some(at)
    }

    /// Queues a segment at the [`idlest`](Self::idlest) source, takes one of its idle lanes, and
    /// returns the source's index; `None` if no source can take one.
    pub(crate) fn queue(&mut self, idle: &mut [usize]) -> Option<usize> {
        let at = self.idlest(idle)?;
        idle[at] -= 1;
        self.0[at].queued += 1;
        Some(at)
    }

    /// Queues another segment at a source where one has just ended. Returns whether there was room
    /// for it.
    pub(crate) fn queue_again(&mut self, at: usize) -> bool {
        let has_room = self.0[at].has_room();
        self.0[at].queued += usize::from(has_room);
        has_room
    }

    /// Returns whether a segment that is queued at a source may begin.
    pub(crate) fn may_begin(&self, at: usize) -> bool {
        self.0[at].active < self.0[at].most
    }

    /// Notes that a queued segment has begun.
    pub(crate) fn begin(&mut self, at: usize) {
        self.0[at].queued -= 1;
        self.0[at].active += 1;
    }

    /// Notes that a segment has ended, or, if not `was_active`, was taken from the queue without
    /// having begun.
    pub(crate) fn end(&mut self, at: usize, was_active: bool) {
        let load = &mut self.0[at];
        if was_active {
            load.active -= 1;
        } else {
            load.queued -= 1;
        }
    }

    /// Lowers the limit of a source that has refused one of its active segments to the number of
    /// the others. The source of the item's own response keeps at least one.
    pub(crate) fn refuse(&mut self, at: usize) {
        let least = usize::from(at == 0);
        let load = &mut self.0[at];
        load.most = load.most.min(load.active.saturating_sub(1)).max(least);
    }

    /// Replaces a source that has redirected elsewhere.
    pub(crate) fn replace(&mut self, at: usize, source: Source) {
        self.0[at].source = Arc::new(source);
    }

    /// Returns how many segments all sources may have at once.
    pub(crate) fn most(&self) -> usize {
        let most = self.0.iter().map(|load| load.most);
        most.fold(0, usize::saturating_add)
    }
}

impl SourceLoad {
    fn busy(&self) -> usize {
        self.active + self.queued
    }

    fn has_room(&self) -> bool {
        self.busy() < self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(nth: usize) -> Source {
        Source {
            nth,
            listed: HttpUrl::of("http://host.example/a"),
            hop: None,
            hops: 0,
        }
    }

    #[test]
    fn shares_go_to_whoever_has_least_to_do_and_has_idle_lanes() {
        let mut sources = Sources::new((source(0), 4), [source(1), source(2)]);
        let mut idle = [3, 1, 9];
        let queued: Vec<_> = (0..9).map_while(|_| sources.queue(&mut idle)).collect();
        // The first has its own response; the second has one idle lane.
        assert_eq!(queued, [1, 2, 0, 2, 0, 2, 0, 2, 2]);
        assert_eq!((sources.active(), sources.busy(), idle), (1, 10, [0, 0, 4]));
    }

    #[test]
    fn whoever_refuses_gets_no_more_than_it_has_without_that_one() {
        let mut sources = Sources::new((source(0), 4), [source(1)]);
        let mut idle = [9, 9];
        for at in [1, 0, 1] {
            assert_eq!(sources.queue(&mut idle), Some(at));
            sources.begin(at);
        }
        sources.refuse(1);
        sources.end(1, true);
        assert!(!sources.queue_again(1));
        sources.refuse(0);
        sources.refuse(0);
        assert_eq!(
            sources.most(),
            2,
            "one each: the first has its own response"
        );
        sources.end(1, true);
        assert!(sources.may_begin(1) && sources.queue_again(1));
        sources.end(1, false);
        sources.begin_and_refuse(1);
        assert_eq!(sources.queue(&mut idle), None);
    }

    impl Sources {
        fn begin_and_refuse(&mut self, at: usize) {
            assert!(self.queue_again(at));
            self.begin(at);
            self.refuse(at);
            self.end(at, true);
        }
    }
}
