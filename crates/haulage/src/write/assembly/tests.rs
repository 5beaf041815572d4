//! Several responses deliver bytes of one part, and their ranges meet.

use std::time::Duration;

use proptest::prelude::*;

use super::super::place::Place;
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
    place: Place,
    /// The offset of its next byte in the file.
    next: u64,
    /// The number of bytes that were kept.
    kept: u64,
}

impl Response {
    fn new(assembly: &Arc<Assembly>, stretch: Arc<Stretch>) -> Self {
        Self {
            next: stretch.start(),
            kept: 0,
            place: Place {
                assembly: Arc::clone(assembly),
                stretch,
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
        let at = self.place.stretch.start() + self.kept;
        let takes = self.place.takes(at, bytes);
        assert!(takes == 0 || at == self.next, "byte {} at {at}", self.next);
        self.place.stretch.wrote(takes);
        self.kept += takes;
        self.next += bytes;
        takes
    }
}

fn share(assembly: &Arc<Assembly>) -> Share {
    assembly.share(&RULES, 0).unwrap()
}

#[test]
fn what_is_asked_for_but_not_answered_is_taken_back() {
    let assembly = assembly();
    let mut first = Response::whole(&assembly);
    let (second, third) = (share(&assembly), share(&assembly));
    assert_eq!((second.range(), third.range()), (500..750, 750..1000));
    assert_eq!(first.brings(500), 500);
    assert_eq!(first.place.stretch.left(), 0);
    assert!(first.place.takes_more());
    assert_eq!(first.brings(500), 500);
    assert!(assembly.is_whole());
    // Their responses come too late.
    assert!(second.take().is_none());
    assert!(third.take().is_none());
}

#[test]
fn what_is_answered_is_not() {
    let assembly = assembly();
    let mut first = Response::whole(&assembly);
    let (second, third) = (share(&assembly), share(&assembly));
    let mut second = Response::new(&assembly, second.take().unwrap());
    assert_eq!(first.brings(600), 500);
    assert!(!first.place.takes_more());
    drop(third);
    assert_eq!(second.brings(500), 500);
    assert!(assembly.is_whole());
}

#[test]
fn nobody_goes_on_after_bytes_that_it_has_dropped() {
    let assembly = assembly();
    let mut first = Response::whole(&assembly);
    let second = share(&assembly).take().unwrap();
    assert_eq!(first.brings(600), 500);
    // The other response delivers nothing. Its bytes are free again, but the first response has
    // already dropped some of them.
    assembly.end(&second);
    assembly.give_back(&second);
    assert_eq!(first.brings(400), 0);
    assert_eq!(share(&assembly).range(), 500..1000);
}

#[test]
fn what_crawls_does_not_take_back_what_is_taken_from_it() {
    let assembly = assembly();
    let mut first = Response::whole(&assembly);
    first.brings(100);
    first.place.stretch.stop_at(100);
    let rest = Arc::new(Stretch::new(100..TOTAL, 1).that_takes_over());
    assembly.lock().stretches.push(Arc::clone(&rest));
    assert!(!first.place.takes_more());
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
                Event::Ask => asked.extend(assembly.share(&RULES, 0)),
                Event::Answer(nth) if nth < asked.len() => {
                    let stretch = asked.swap_remove(nth).take();
                    responses.extend(stretch.map(|one| Response::new(&assembly, one)));
                }
                Event::Refuse(nth) if nth < asked.len() => drop(asked.swap_remove(nth)),
                Event::Bring(nth, bytes) if nth < responses.len() => {
                    responses[nth].brings(bytes);
                }
                Event::End(nth) if nth < responses.len() => {
                    assembly.end(&responses.swap_remove(nth).place.stretch);
                }
                _ => {}
            }
        }
        asked.clear();
        for response in responses {
            assembly.end(&response.place.stretch);
        }
        while let Some(share) = assembly.share(&RULES, 0) {
            let mut last = Response::new(&assembly, share.take().unwrap());
            last.brings(TOTAL);
            assembly.end(&last.place.stretch);
        }
        prop_assert!(assembly.is_whole());
    }
}
