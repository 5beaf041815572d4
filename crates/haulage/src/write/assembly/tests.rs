//! Several responses deliver bytes of one part, and their ranges meet.

use std::time::Duration;

use proptest::prelude::*;

use super::super::slot::SegmentSlot;
use super::*;
use crate::outcome::Verified;

const TOTAL: u64 = 1000;
const RULES: Rules = Rules {
    least: 10,
    pays_after: 0.0,
    usual: 1.0,
    most: u64::MAX,
    settles: Duration::from_secs(1),
};

fn assembly() -> Arc<Assembly> {
    let identity = Identity {
        url: "http://h/a".into(),
        validator: None,
        total: TOTAL,
        is_checked: false,
    };
    let entity = Entity {
        length: Some(TOTAL),
        framing: Verified::Length,
        digest: None,
        etag: None,
        last_modified: None,
        content_type: None,
    };
    Arc::new(Assembly::new(1, identity, entity, None))
}

/// A response that delivers bytes of a part.
struct Response {
    slot: SegmentSlot,
    /// The offset of its next byte in the file.
    next: u64,
    /// The number of bytes that were kept.
    kept: u64,
}

impl Response {
    fn new(assembly: &Arc<Assembly>, segment: Arc<Segment>) -> Self {
        Self {
            next: segment.start(),
            kept: 0,
            slot: SegmentSlot {
                assembly: Arc::clone(assembly),
                segment,
            },
        }
    }

    /// Creates the first response, which is to deliver the whole file.
    fn whole(assembly: &Arc<Assembly>) -> Self {
        Self::new(assembly, assembly.begin(0..TOTAL, 0))
    }

    /// Delivers the next `bytes` bytes, and returns how many were kept. Asserts that those belong
    /// where they are written.
    fn brings(&mut self, bytes: u64) -> u64 {
        let bytes = bytes.min(TOTAL - self.next);
        let at = self.slot.segment.start() + self.kept;
        let takes = self.slot.admit(at, bytes);
        assert!(takes == 0 || at == self.next, "byte {} at {at}", self.next);
        self.slot.segment.wrote(takes);
        self.kept += takes;
        self.next += bytes;
        takes
    }
}

#[test]
fn what_waits_for_the_disk_is_not_requested_again() {
    let assembly = assembly();
    let first = assembly.begin(0..TOTAL, 0);
    first.received(400);
    assert_eq!(assembly.claim(&RULES, 0).unwrap().range(), 700..TOTAL);
    // It is so slow that all it has not brought is taken over.
    let rules = Rules {
        least: TOTAL,
        usual: f64::MAX,
        settles: Duration::ZERO,
        ..RULES
    };
    let claim = assembly.claim(&rules, 0).unwrap();
    assert_eq!((claim.range(), first.end()), (400..TOTAL, 400));
    let slot = SegmentSlot {
        assembly: Arc::clone(&assembly),
        segment: Arc::clone(&first),
    };
    assert!(!slot.try_extend(), "what is left belongs to the other one");
    first.wrote(400);
    assert_eq!(first.left(), 0);
}

fn claim(assembly: &Arc<Assembly>) -> SegmentClaim {
    assembly.claim(&RULES, 0).unwrap()
}

#[test]
fn what_is_asked_for_but_not_answered_is_taken_back() {
    let assembly = assembly();
    let mut first = Response::whole(&assembly);
    let (second, third) = (claim(&assembly), claim(&assembly));
    assert_eq!((second.range(), third.range()), (500..750, 750..1000));
    assert_eq!(first.brings(500), 500);
    assert_eq!(first.slot.segment.left(), 0);
    assert!(first.slot.try_extend());
    assert_eq!(first.brings(500), 500);
    assert!(assembly.is_whole());
    // Their responses come too late.
    assert!(second.into_segment().is_none());
    assert!(third.into_segment().is_none());
}

#[test]
fn what_is_answered_is_not() {
    let assembly = assembly();
    let mut first = Response::whole(&assembly);
    let (second, third) = (claim(&assembly), claim(&assembly));
    let mut second = Response::new(&assembly, second.into_segment().unwrap());
    assert_eq!(first.brings(600), 500);
    assert!(!first.slot.try_extend());
    drop(third);
    assert_eq!(second.brings(500), 500);
    assert!(assembly.is_whole());
}

#[test]
fn nobody_goes_on_after_bytes_that_it_has_dropped() {
    let assembly = assembly();
    let mut first = Response::whole(&assembly);
    let second = claim(&assembly).into_segment().unwrap();
    assert_eq!(first.brings(600), 500);
    // The other response delivers nothing. Its bytes are free again, but the first response has
    // already dropped some of them.
    assembly.end(&second);
    assembly.release(&second);
    assert_eq!(first.brings(400), 0);
    assert_eq!(claim(&assembly).range(), 500..1000);
}

#[test]
fn what_crawls_does_not_take_back_what_is_taken_from_it() {
    let assembly = assembly();
    let mut first = Response::whole(&assembly);
    first.brings(100);
    first.slot.segment.stop_at(100);
    let rest = Arc::new(Segment::new(100..TOTAL, 1).taking_over());
    assembly.lock().segments.push(Arc::clone(&rest));
    assert!(!first.slot.try_extend());
    assert_eq!(first.brings(100), 0);
}

#[derive(Debug, Clone)]
enum Event {
    /// A segment is requested.
    Ask,
    /// The nth segment that has no response gets one.
    Answer(usize),
    /// Its request fails.
    Refuse(usize),
    /// The nth response delivers this many bytes.
    Bring(usize, u64),
    /// The nth response has ended, or broken off.
    End(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Ask),
        2 => (0..4_usize).prop_map(Event::Answer),
        1 => (0..4_usize).prop_map(Event::Refuse),
        6 => (0..4_usize, 1..200_u64).prop_map(|(nth, bytes)| Event::Bring(nth, bytes)),
        1 => (0..4_usize).prop_map(Event::End),
    ]
}

proptest! {
    /// Checks that each kept byte is in its place, and that all bytes are there in the end,
    /// whatever happens in whichever order.
    #[test]
    fn every_byte_is_in_its_place(events in proptest::collection::vec(event(), 0..200)) {
        let assembly = assembly();
        let (mut asked, mut responses) = (Vec::new(), vec![Response::whole(&assembly)]);
        for event in events {
            match event {
                Event::Ask => asked.extend(assembly.claim(&RULES, 0)),
                Event::Answer(nth) if nth < asked.len() => {
                    let segment = asked.swap_remove(nth).into_segment();
                    responses.extend(segment.map(|one| Response::new(&assembly, one)));
                }
                Event::Refuse(nth) if nth < asked.len() => drop(asked.swap_remove(nth)),
                Event::Bring(nth, bytes) if nth < responses.len() => {
                    responses[nth].brings(bytes);
                }
                Event::End(nth) if nth < responses.len() => {
                    assembly.end(&responses.swap_remove(nth).slot.segment);
                }
                _ => {}
            }
        }
        asked.clear();
        for response in responses {
            assembly.end(&response.slot.segment);
        }
        while let Some(claim) = assembly.claim(&RULES, 0) {
            let mut last = Response::new(&assembly, claim.into_segment().unwrap());
            last.brings(TOTAL);
            assembly.end(&last.slot.segment);
        }
        prop_assert!(assembly.is_whole());
    }
}

#[test]
fn of_right_pieces_the_bytes_are_kept_and_who_brought_others_is_told() {
    let assembly = assembly();
    for (range, source) in [(0..500, 0), (500..800, 1), (800..TOTAL, 2)] {
        let length = range.end - range.start;
        let segment = assembly.begin(range, source);
        segment.wrote(length);
        assembly.end(&segment);
    }
    let mut right = RangeSet::default();
    right.add(0..600);
    right.add(800..TOTAL);
    assert_eq!(assembly.keep_ranges(&right), [1]);
    assert_eq!(assembly.range_set(), right);
    let sources = assembly.sources();
    assert_eq!(sources, [(0, 500), (2, 200), (1, 100)]);
    assert!(assembly.keep_ranges(&right).is_empty());
}
