//! A file in segments, with random steps: no bytes are lost or delivered twice, and the item is
//! returned exactly once.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;
use crate::outcome::Verified;
use crate::plan::head::Entity;
use crate::plan::resume::Identity;
use crate::write::Segment;

const TOTAL: u64 = 1000;
const ITEM: u32 = 7;

/// A random step. A number selects one of the segments that it can apply to.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// This number of lanes is idle at each source.
    Invite(usize),
    /// A queued segment gets its lane.
    Claim(usize),
    /// A claimed segment gets its response.
    Answer(usize),
    /// A claimed segment is refused.
    Refuse(usize),
    /// A response delivers bytes.
    Bring(usize, u64),
    /// A response ends.
    End(usize),
    /// The item's own response delivers bytes.
    BringOwn(u64),
    /// The item's own response ends, well or not.
    Park(bool),
    /// The disk takes no more.
    Fail,
    /// A source redirects.
    Redirect(usize),
    /// This many milliseconds pass, and then the download is observed.
    Observe(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4_usize).prop_map(Step::Invite),
        6 => (0..8_usize).prop_map(Step::Claim),
        6 => (0..8_usize).prop_map(Step::Answer),
        2 => (0..8_usize).prop_map(Step::Refuse),
        6 => (0..8_usize, 1..300_u64).prop_map(|(nth, bytes)| Step::Bring(nth, bytes)),
        3 => (0..8_usize).prop_map(Step::End),
        2 => (1..300_u64).prop_map(Step::BringOwn),
        1 => any::<bool>().prop_map(Step::Park),
        1 => Just(Step::Fail),
        1 => (0..3_usize).prop_map(Step::Redirect),
        3 => (0..2000_u64).prop_map(Step::Observe),
    ]
}

pub(super) fn source(nth: usize) -> Source {
    Source {
        nth,
        listed: HttpUrl::of("http://host.example/a"),
        hop: None,
        hops: 0,
    }
}

/// Returns a part of a file of this length.
pub(super) fn assembly_of(total: u64) -> Arc<Assembly> {
    let identity = Identity {
        url: "http://host.example/a".into(),
        validator: None,
        total,
        is_checked: true,
    };
    let entity = Entity {
        length: Some(total),
        framing: Verified::Length,
        digest: None,
        etag: None,
        last_modified: None,
        content_type: None,
    };
    Arc::new(Assembly::new(1, identity, entity, None))
}

/// The lanes of a file in segments.
struct Model {
    download: SegmentedDownload<u32>,
    now: Instant,
    sources: usize,
    /// The item's own response, until it ends.
    own: Option<Arc<Segment>>,
    /// The source of each segment that waits for a lane.
    queued: Vec<usize>,
    claimed: Vec<(usize, SegmentClaim)>,
    running: Vec<(usize, Arc<Segment>)>,
    /// Bytes that were written, by any response.
    written: u64,
    /// The items that were returned.
    ended: Vec<u32>,
}

impl Model {
    fn new(mirrors: usize, max_segments: usize) -> Self {
        let (assembly, now) = (assembly_of(TOTAL), Instant::now());
        let own = assembly.begin(0..TOTAL, 0);
        let start = Start {
            sources: Sources::new((source(0), max_segments), (1..=mirrors).map(source)),
            max_segments,
            speed: 1.0,
            ramp: Ramp::new(Duration::from_millis(1), now, 0).eager(),
            least: 10,
            is_rescue: false,
        };
        let transfer = Arc::new(Transfer::new(0, "a".into(), "a".into()));
        let given = (HttpUrl::of("http://host.example/a"), None);
        Self {
            download: SegmentedDownload::new(assembly, transfer, given, None, start),
            now,
            sources: 1 + mirrors,
            own: Some(own),
            queued: Vec::new(),
            claimed: Vec::new(),
            running: Vec::new(),
            written: 0,
            ended: Vec::new(),
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Invite(idle) => {
                let idle = vec![idle; self.sources];
                let invited = self.download.invite(|_, _| idle);
                self.queued.extend(invited);
            }
            Step::Claim(nth) if nth < self.queued.len() => {
                let at = self.queued.swap_remove(nth);
                if let Some(claim) = self.download.claim(at) {
                    self.claimed.push((at, claim));
                } else {
                    let next = self.download.abandon(at);
                    self.follow(at, &next);
                }
            }
            Step::Answer(nth) if nth < self.claimed.len() => {
                let (at, claim) = self.claimed.swap_remove(nth);
                match claim.into_segment() {
                    Some(segment) => self.running.push((at, segment)),
                    None => self.end(at),
                }
            }
            Step::Refuse(nth) if nth < self.claimed.len() => {
                let (at, claim) = self.claimed.swap_remove(nth);
                drop(claim);
                self.download.refuse(at);
                self.end(at);
            }
            Step::Bring(nth, bytes) if nth < self.running.len() => {
                let segment = Arc::clone(&self.running[nth].1);
                self.write(&segment, bytes);
            }
            Step::End(nth) if nth < self.running.len() => {
                let (at, segment) = self.running.swap_remove(nth);
                self.download.partial.end(&segment);
                self.end(at);
            }
            Step::BringOwn(bytes) => {
                if let Some(own) = self.own.clone() {
                    self.write(&own, bytes);
                }
            }
            Step::Park(is_well) => {
                if let Some(own) = self.own.take() {
                    self.download.partial.end(&own);
                    let failure = (!is_well).then(|| Error::new(ErrorKind::Reset, "it broke off"));
                    let next = self.download.park(ITEM, failure);
                    self.follow(0, &next);
                }
            }
            Step::Fail => self
                .download
                .fail(Error::new(ErrorKind::Disk, "it is full")),
            Step::Redirect(at) if at < self.sources => self.download.redirect(at, source(at)),
            Step::Observe(millis) => {
                self.now += Duration::from_millis(millis);
                self.download.observe(self.now);
            }
            _ => {}
        }
    }

    fn write(&mut self, segment: &Segment, bytes: u64) {
        let bytes = bytes.min(segment.left());
        segment.wrote(bytes);
        self.download.transfer.add(bytes);
        self.written += bytes;
    }

    fn end(&mut self, at: usize) {
        let next = self.download.end(at);
        self.follow(at, &next);
    }

    fn follow(&mut self, at: usize, next: &Next<u32>) {
        match next {
            Next::Whole(item) => {
                assert!(self.download.partial.is_whole());
                assert!(self.own.is_none() && self.running.is_empty());
                self.ended.push(*item);
            }
            Next::Alone(item, _) => {
                assert!(self.own.is_none() && self.running.is_empty());
                assert!(self.claimed.is_empty() && self.queued.is_empty());
                self.ended.push(*item);
            }
            Next::Segment => self.queued.push(at),
            Next::Nothing => {}
        }
    }

    /// Checks what holds after every step.
    fn check(&self) {
        assert!(self.ended.len() <= 1, "the item came out twice");
        let covered = self.download.partial.range_set().covered();
        assert_eq!(covered, self.written, "bytes were brought twice");
    }

    /// Lets all lanes end, without any new one.
    fn finish(&mut self) {
        while !(self.queued.is_empty() && self.claimed.is_empty() && self.running.is_empty()) {
            while let Some(at) = self.queued.pop() {
                let next = self.download.abandon(at);
                self.follow(at, &next);
            }
            self.apply(Step::Refuse(0));
            self.apply(Step::Bring(0, TOTAL));
            self.apply(Step::End(0));
            self.check();
        }
        self.apply(Step::Park(true));
    }
}

proptest! {
    #[test]
    fn item_comes_out_once_and_no_byte_is_brought_twice(
        mirrors in 0..3_usize,
        max_segments in 1..6_usize,
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut model = Model::new(mirrors, max_segments);
        for step in steps {
            model.apply(step);
            model.check();
        }
        model.finish();
        model.check();
        prop_assert_eq!(&model.ended, &[ITEM], "the item is lost");
        // Bytes that were not delivered are free again.
        let partial = &model.download.partial;
        prop_assert_eq!(partial.claimed().covered(), partial.range_set().covered());
        prop_assert!(partial.is_settled());
    }
}
