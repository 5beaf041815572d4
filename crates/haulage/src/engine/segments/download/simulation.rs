//! A file in segments, in virtual time: connections that are steady, slow, silent or refuse, die or
//! recover, and responses that are shorter than was requested. Everything but the connections is
//! real.
//!
//! A seed reproduces a simulation: `HAULAGE_SEED=17 cargo test simulated_segments`.

mod response;

use std::ops::Range;
use std::time::Duration;

use self::response::{Course, Response, Script};
use super::tests::{assembly_of, source};
use super::*;
use crate::clock;
use crate::error::ErrorKind;
use crate::plan::range_set::RangeSet;
use crate::simulation;
use crate::write::{Segment, SegmentSlot};

/// How many simulations there are.
const SEEDS: u64 = 1000;
/// Time between two looks at a response.
const LOOK: Duration = Duration::from_millis(25);
/// How long a connection may be silent.
const TIMEOUT: Duration = Duration::from_secs(10);
/// From this attempt on, the item's own response is steady.
const STEADY_FROM: u32 = 5;
/// No file takes longer.
const MAX_TIME: Duration = Duration::from_hours(1);
const ITEM: u32 = 7;

/// What a lane is at.
enum Lane {
    /// A segment that is queued at a source gets its lane at this time.
    Queued(usize, Instant),
    /// A claimed segment gets its response, or an error, at this time.
    Claimed(usize, SegmentClaim, Script, Instant),
    Receives(Response),
}

struct Simulation {
    random: fastrand::Rng,
    partial: Arc<Assembly>,
    total: u64,
    sources: usize,
    max_segments: usize,
    round_trip: Duration,
    download: SegmentedDownload<u32>,
    lanes: Vec<Lane>,
    /// The bytes that were written.
    written: RangeSet,
    attempt: u32,
    /// How often the item was handed back in the present attempt.
    handed_back: u32,
    is_over: bool,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let total = random.u64(1 << 16..4 << 20);
        let (sources, max_segments) = (random.usize(1..4), random.usize(1..9));
        let round_trip = Duration::from_millis([1, 20, 100, 300][random.usize(0..4)]);
        let partial = assembly_of(total);
        let ramp = ramp(&mut random, round_trip);
        Self {
            download: download(&partial, sources, max_segments, ramp),
            random,
            partial,
            total,
            sources,
            max_segments,
            round_trip,
            lanes: Vec::new(),
            written: RangeSet::default(),
            attempt: 0,
            handed_back: 0,
            is_over: false,
        }
    }

    async fn run(mut self) {
        let start = clock::now();
        self.begin_own();
        while !(self.is_over && self.lanes.is_empty()) {
            let step = if self.is_any_due() { LOOK } else { 10 * LOOK };
            tokio::time::advance(step).await;
            assert!(clock::elapsed(start) < MAX_TIME, "{}", self.report());
            for lane in 0..self.lanes.len() {
                self.step(lane, step);
                self.check();
            }
            self.start_next_attempt();
        }
        assert!(self.partial.is_whole() && self.partial.is_settled());
        assert_eq!(self.written.covered(), self.total);
    }

    /// Returns whether something happens within the next look, as far as is known.
    fn is_any_due(&self) -> bool {
        let soon = clock::now() + 10 * LOOK;
        self.lanes.iter().any(|lane| match lane {
            Lane::Queued(_, due) | Lane::Claimed(_, _, _, due) => *due < soon,
            Lane::Receives(response) => response.last + LOOK >= clock::now(),
        })
    }

    fn report(&self) -> String {
        let missing: Vec<_> = self.partial.range_set().gaps(self.total).collect();
        format!("attempt {}, missing {missing:?}", self.attempt)
    }

    fn script(&mut self) -> Script {
        let part = self.random.u64(0..self.total);
        match self.random.u8(0..12) {
            0 => Script::Refuses,
            1 => Script::Mute,
            2 => Script::FallsSilent(part / 4),
            3 => Script::Dies(part / 4),
            4 => {
                let silent = Duration::from_millis(self.random.u64(0..20_000));
                Script::Recovers(part / 4, silent)
            }
            5 => Script::Short(part / 8),
            6 => Script::Steady(self.random.f64() * 1e5 + 4e4),
            _ => Script::Steady(self.random.f64() * 4e6 + 1e5),
        }
    }

    /// Begins the item's own response, for the first bytes that are missing.
    fn begin_own(&mut self) {
        let missing = self.partial.range_set().first_gap(self.total);
        let Some(range) = missing else {
            self.is_over = true;
            return;
        };
        self.attempt += 1;
        self.handed_back = 0;
        let script = match self.script() {
            // The item has no response then: it is not split.
            _ if self.attempt >= STEADY_FROM => Script::Steady(1e6),
            Script::Refuses | Script::Mute => Script::Steady(4e4),
            script => script,
        };
        let segment = self.partial.begin(range, 0);
        let response = self.response(0, segment, script, true);
        self.lanes.push(Lane::Receives(response));
    }

    fn response(
        &mut self,
        at: usize,
        segment: Arc<Segment>,
        script: Script,
        is_own: bool,
    ) -> Response {
        let rate = match script {
            Script::Steady(rate) => rate,
            _ => self.random.f64() * 2e6 + 1e5,
        };
        Response {
            at,
            script,
            rate,
            sent: 0,
            end: segment.end(),
            last: clock::now(),
            is_own,
            slot: SegmentSlot {
                assembly: Arc::clone(&self.partial),
                segment,
            },
        }
    }

    /// Lets a lane do what it does in this time.
    fn step(&mut self, lane: usize, step: Duration) {
        let now = clock::now();
        match &mut self.lanes[lane] {
            Lane::Queued(at, due) if now >= *due => {
                let at = *at;
                self.claim(lane, at);
            }
            Lane::Claimed(_, _, _, due) if now >= *due => self.answer(lane),
            Lane::Receives(response) => {
                let before = response.sent;
                let course = response.receive(&mut self.written, now, step);
                self.download.transfer.add(response.sent - before);
                match course {
                    Course::GoesOn => self.look(lane),
                    Course::Ended | Course::Failed => self.end(lane, course),
                }
            }
            Lane::Queued(..) | Lane::Claimed(..) => {}
        }
    }

    /// Gives a queued segment its lane, as `engine/lane/segment.rs` does.
    fn claim(&mut self, lane: usize, at: usize) {
        let is_worth_it = self.random.bool() || self.download.pays_to_connect();
        let claim = is_worth_it.then(|| self.download.claim(at)).flatten();
        let Some(claim) = claim else {
            let next = self.download.abandon(at);
            return self.leave(lane, at, &next);
        };
        let state = self.download.lock();
        assert!(state.sources.active() <= state.allowed(), "too many");
        drop(state);
        let script = self.script();
        let wait = if script == Script::Mute {
            TIMEOUT
        } else {
            self.round_trip * self.random.u32(1..4)
        };
        self.lanes[lane] = Lane::Claimed(at, claim, script, clock::now() + wait);
    }

    fn answer(&mut self, lane: usize) {
        let idle = Lane::Queued(0, clock::now());
        let Lane::Claimed(at, claim, script, _) = std::mem::replace(&mut self.lanes[lane], idle)
        else {
            unreachable!("only a claimed segment has an answer");
        };
        let range = claim.range();
        match script {
            Script::Refuses | Script::Mute => {
                drop(claim);
                self.download.refuse(at);
                let next = self.download.end(at);
                return self.leave(lane, at, &next);
            }
            Script::Short(less) => claim.limit_to(range.end.saturating_sub(less).max(range.start)),
            _ => {}
        }
        if let Some(segment) = claim.into_segment() {
            let response = self.response(at, segment, script, false);
            self.lanes[lane] = Lane::Receives(response);
        } else {
            let next = self.download.end(at);
            self.leave(lane, at, &next);
        }
    }

    /// Looks at a response that goes on, as `engine/lane/monitor.rs` does.
    fn look(&mut self, lane: usize) {
        let Lane::Receives(response) = &self.lanes[lane] else {
            return;
        };
        self.download.record_speed(response.slot.segment.speed());
        self.download.observe(clock::now());
        if response.is_own {
            let is_quiet = clock::elapsed(response.last) > 4 * LOOK;
            let segment = &response.slot.segment;
            segment.set_silent(is_quiet && (segment.is_silent() || self.random.bool()));
        }
        let idle = (0..self.sources).map(|_| self.random.usize(0..4)).collect();
        let is_taken_over = !response.slot.is_needed();
        for at in self.download.invite(|_, _| idle) {
            let due = clock::now() + Duration::from_millis(self.random.u64(0..100));
            self.lanes.push(Lane::Queued(at, due));
        }
        if is_taken_over {
            self.end(lane, Course::Ended);
        }
    }

    /// Ends a response.
    fn end(&mut self, lane: usize, course: Course) {
        let Lane::Receives(response) = &self.lanes[lane] else {
            return;
        };
        let (at, is_own, segment) = (response.at, response.is_own, &response.slot.segment);
        self.partial.end(segment);
        if is_own {
            let error = || Error::new(ErrorKind::Reset, "it broke off");
            let failure = (course == Course::Failed).then(error);
            let next = self.download.park(ITEM, failure);
            return self.leave(lane, at, &next);
        }
        if segment.end() < response.end {
            self.download.drop_if_slow(at, segment.speed());
        }
        if course == Course::Failed {
            self.download.refuse(at);
        }
        let next = self.download.end(at);
        self.leave(lane, at, &next);
    }

    /// Does what follows the end of a lane's segment. The lane is idle then, and waits to be
    /// removed.
    fn leave(&mut self, lane: usize, at: usize, next: &Next<u32>) {
        let _ = self.lanes.remove(lane);
        // Keeps the numbers of those that are still to be stepped.
        self.lanes.insert(lane, Lane::Queued(usize::MAX, far()));
        match next {
            Next::Whole(item) => {
                assert_eq!(*item, ITEM);
                assert!(self.partial.is_whole() && self.partial.is_settled());
                self.handed_back += 1;
                self.is_over = true;
            }
            Next::Alone(item, _) => {
                assert_eq!(*item, ITEM);
                assert_eq!(self.download.lock().sources.busy(), 0);
                self.handed_back += 1;
            }
            Next::Segment => {
                let due = clock::now() + Duration::from_millis(self.random.u64(0..100));
                self.lanes[lane] = Lane::Queued(at, due);
            }
            Next::Nothing => {}
        }
    }

    /// Begins another attempt if the item is alone and bytes are missing.
    fn start_next_attempt(&mut self) {
        self.lanes
            .retain(|lane| !matches!(lane, Lane::Queued(usize::MAX, _)));
        if self.handed_back == 0 || self.is_over {
            return;
        }
        self.max_segments = self.download.max_segments().max(1);
        let ramp = ramp(&mut self.random, self.round_trip);
        self.download = download(&self.partial, self.sources, self.max_segments, ramp);
        self.begin_own();
    }

    /// Asserts what holds after every step.
    fn check(&self) {
        assert!(self.handed_back <= 1, "the item was handed back twice");
        let is_own = |lane: &Lane| matches!(lane, Lane::Receives(response) if response.is_own);
        let receiving = self.lanes.iter().any(is_own);
        let parked = self.download.lock().item.is_some();
        let places = [receiving, parked, self.handed_back > 0];
        let places = places.iter().filter(|is_there| **is_there).count();
        assert_eq!(places, 1, "the item is in one place");
        let covered = self.partial.range_set().covered();
        assert_eq!(covered, self.written.covered(), "written unclaimed");
        let mut claimed = self.written.clone();
        for range in self.lanes.iter().filter_map(claimed_by) {
            let before = claimed.covered();
            claimed.add(range.clone());
            let overlaps = claimed.covered() < before + (range.end - range.start);
            assert!(!overlaps, "{range:?} is claimed twice, or written");
        }
        let active = self.lanes.iter().filter(|lane| match lane {
            Lane::Queued(..) => false,
            Lane::Claimed(..) | Lane::Receives(_) => true,
        });
        let queued = self
            .lanes
            .iter()
            .filter(|lane| matches!(lane, Lane::Queued(at, _) if *at < usize::MAX));
        let state = self.download.lock();
        assert_eq!(state.sources.active(), active.count());
        assert_eq!(
            state.sources.busy() - state.sources.active(),
            queued.count()
        );
    }
}

/// Returns the bytes that a lane has claimed, and that are still to come.
fn claimed_by(lane: &Lane) -> Option<Range<u64>> {
    let range = match lane {
        Lane::Queued(..) => return None,
        Lane::Claimed(_, claim, _, _) => claim.range(),
        Lane::Receives(response) => {
            let segment = &response.slot.segment;
            segment.written().end..segment.end()
        }
    };
    (range.start < range.end).then_some(range)
}

fn far() -> Instant {
    clock::now() + 2 * MAX_TIME
}

fn ramp(random: &mut fastrand::Rng, round_trip: Duration) -> Ramp {
    let ramp = Ramp::new(round_trip, clock::now(), 0);
    match random.u8(0..3) {
        0 => ramp.eager(),
        1 => ramp.over(round_trip),
        _ => ramp,
    }
}

fn download(
    partial: &Arc<Assembly>,
    sources: usize,
    max_segments: usize,
    ramp: Ramp,
) -> SegmentedDownload<u32> {
    let start = Start {
        sources: Sources::new((source(0), max_segments), (1..sources).map(source)),
        max_segments,
        speed: 1e6,
        ramp,
        least: 64 << 10,
        is_rescue: false,
    };
    let transfer = Arc::new(Transfer::new(0, "a".into(), "a".into()));
    let given = (HttpUrl::of("http://host.example/a"), None);
    SegmentedDownload::new(Arc::clone(partial), transfer, given, None, start)
}

#[test]
fn simulated_segments_bring_each_byte_once() {
    simulation::for_each_seed(
        SEEDS,
        |seed| async move { Simulation::new(seed).run().await },
    );
}
