//! The queue beside a simple model: two lists.

use proptest::prelude::*;

use super::*;
use crate::options::Options;

fn gid(number: u64) -> Gid {
    Gid::new(number).unwrap()
}

fn download(number: u64) -> Download {
    Download::new(
        gid(number),
        vec!["http://h/".to_owned()],
        Options::default(),
    )
}

fn numbers<'a>(downloads: impl Iterator<Item = &'a Download>) -> Vec<u64> {
    downloads.map(|download| download.gid.number()).collect()
}

fn ended(code: u8) -> Ending {
    Ending {
        code,
        message: String::new(),
        kind: String::new(),
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Add {
        paused: bool,
        position: Option<usize>,
    },
    Start,
    Pause(usize),
    Unpause(usize),
    Stop(usize),
    Remove(usize),
    Forget(usize),
    Keep(usize),
    Move(usize, i64, u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<bool>(), prop::option::of(0..12_usize))
            .prop_map(|(paused, position)| Step::Add { paused, position }),
        2 => Just(Step::Start),
        2 => (0..20_usize).prop_map(Step::Pause),
        2 => (0..20_usize).prop_map(Step::Unpause),
        1 => (0..20_usize).prop_map(Step::Stop),
        1 => (0..20_usize).prop_map(Step::Remove),
        1 => (0..20_usize).prop_map(Step::Forget),
        1 => (0..5_usize).prop_map(Step::Keep),
        4 => (0..20_usize, -9..9_i64, 0..3_u8).prop_map(|(who, by, from)| Step::Move(who, by, from)),
        1 => Just(Step::Restart),
    ]
}

/// What the queue should be: three lists.
#[derive(Debug, Default)]
struct Model {
    queued: Vec<(u64, bool)>,
    active: Vec<u64>,
    stopped: Vec<u64>,
    recorded: BTreeMap<Gid, Download>,
    total: u64,
}

impl Model {
    fn any(&self, who: usize) -> Option<u64> {
        let queued = self.queued.iter().map(|(number, _)| *number);
        let all: Vec<_> = queued
            .chain(self.active.clone())
            .chain(self.stopped.clone())
            .collect();
        all.get(who % all.len().max(1)).copied()
    }

    fn is_queued(&self, number: u64) -> Option<usize> {
        self.queued.iter().position(|(queued, _)| *queued == number)
    }

    fn take(&mut self, step: Step, next: u64, queue: &mut Queue) {
        match step {
            Step::Add { paused, position } => {
                let at = position.unwrap_or(usize::MAX).min(self.queued.len());
                self.queued.insert(at, (next, paused));
                let mut added = download(next);
                added.state = if paused {
                    State::Paused
                } else {
                    State::Waiting
                };
                queue.add(added, position);
            }
            Step::Start => {
                let first = self.queued.iter().position(|(_, paused)| !paused);
                let first = first.map(|at| self.queued.remove(at).0);
                self.active.extend(first);
                assert_eq!(queue.start_next().map(Gid::number), first);
            }
            Step::Pause(who) => {
                let Some(number) = self.any(who) else { return };
                let at = self.is_queued(number).filter(|at| !self.queued[*at].1);
                let was = match (at, self.active.iter().position(|active| *active == number)) {
                    (Some(at), _) => {
                        self.queued[at].1 = true;
                        Some(State::Waiting)
                    }
                    (None, Some(at)) => {
                        self.queued.insert(0, (self.active.remove(at), true));
                        Some(State::Active)
                    }
                    (None, None) => None,
                };
                assert_eq!(queue.pause(gid(number)), was);
            }
            Step::Unpause(who) => {
                let Some(number) = self.any(who) else { return };
                let at = self.is_queued(number).filter(|at| self.queued[*at].1);
                if let Some(at) = at {
                    self.queued[at].1 = false;
                }
                assert_eq!(queue.unpause(gid(number)), at.is_some());
            }
            Step::Stop(who) => {
                if self.active.is_empty() {
                    return;
                }
                let number = self.active.remove(who % self.active.len());
                self.stopped.push(number);
                self.total += 1;
                queue.stop(gid(number), State::Complete, ended(0));
            }
            Step::Remove(who) => {
                let Some(number) = self.any(who) else { return };
                let at = self.is_queued(number);
                at.map(|at| self.queued.remove(at));
                assert_eq!(queue.remove_queued(gid(number)), at.is_some());
            }
            Step::Forget(who) => {
                let Some(number) = self.any(who) else { return };
                let at = self.stopped.iter().position(|stopped| *stopped == number);
                at.map(|at| self.stopped.remove(at));
                assert_eq!(queue.forget(gid(number)), at.is_some());
            }
            Step::Keep(most) => {
                self.stopped
                    .drain(..self.stopped.len().saturating_sub(most));
                queue.forget_all_but(most);
            }
            Step::Move(who, by, from) => {
                let Some(number) = self.any(who) else { return };
                let Some(at) = self.is_queued(number) else {
                    assert_eq!(queue.reposition(gid(number), by, Whence::Start), None);
                    return;
                };
                let last = i64::try_from(self.queued.len()).unwrap() - 1;
                let (base, whence) = match from {
                    0 => (0, Whence::Start),
                    1 => (i64::try_from(at).unwrap(), Whence::Current),
                    _ => (last, Whence::End),
                };
                let to = usize::try_from((base + by).clamp(0, last)).unwrap();
                let moved = self.queued.remove(at);
                self.queued.insert(to, moved);
                assert_eq!(queue.reposition(gid(number), by, whence), Some(to));
            }
            Step::Restart => {
                let recorded = self.recorded.values().cloned();
                *queue = Queue::restored(recorded, self.total);
                let were_active: Vec<_> = self
                    .active
                    .drain(..)
                    .map(|number| (number, false))
                    .collect();
                self.queued.splice(0..0, were_active);
            }
        }
    }
}

proptest! {
    #[test]
    fn queue_is_what_its_model_is(steps in prop::collection::vec(step(), 0..80)) {
        let (mut model, mut queue) = (Model::default(), Queue::default());
        for (next, step) in (1..).zip(steps) {
            model.take(step, next, &mut queue);
            let batch = queue.take_changes();
            for gone in batch.gone {
                model.recorded.remove(&gone);
            }
            model.recorded.extend(batch.changed);
            let queued: Vec<_> = model.queued.iter().map(|(number, _)| *number).collect();
            prop_assert_eq!(numbers(queue.queued()), queued);
            prop_assert_eq!(numbers(queue.active()), model.active.clone());
            prop_assert_eq!(numbers(queue.stopped()), model.stopped.clone());
            prop_assert_eq!(queue.stopped_total(), model.total);
            let paused = queue.queued().map(|download| download.state == State::Paused);
            let expected = model.queued.iter().map(|(_, paused)| *paused);
            prop_assert!(paused.eq(expected));
            prop_assert_eq!(&queue.downloads, &model.recorded);
        }
    }
}

#[test]
fn ranks_are_renewed_when_there_is_no_gap_left() {
    let mut queue = Queue::default();
    queue.add(download(1), None);
    queue.add(download(2), None);
    for number in 3..60 {
        queue.add(download(number), Some(1));
    }
    let mut expected: Vec<_> = (3..60).rev().collect();
    expected.insert(0, 1);
    expected.push(2);
    assert_eq!(numbers(queue.queued()), expected);
    assert_eq!(queue.start_next(), Some(gid(1)));
    assert_eq!(queue.start_next(), Some(gid(59)));
}

#[test]
fn downloads_of_one_rank_are_all_restored() {
    let recorded = [
        (1, State::Waiting),
        (2, State::Waiting),
        (3, State::Paused),
        (4, State::Active),
        (5, State::Active),
        (6, State::Complete),
        (7, State::Error),
    ];
    let recorded = recorded.map(|(number, state)| {
        let mut download = download(number);
        download.state = state;
        download
    });
    let mut queue = Queue::restored(recorded, 0);
    assert_eq!(numbers(queue.queued()), [4, 5, 1, 2, 3]);
    assert_eq!(numbers(queue.stopped()), [6, 7]);
    // What has got another rank is recorded.
    let changed = queue.take_changes().changed;
    let changed: Vec<_> = changed.keys().map(|gid| gid.number()).collect();
    assert_eq!(changed, [2, 3, 4, 5, 7]);
    let started: Vec<_> = std::iter::from_fn(|| queue.start_next()).collect();
    assert_eq!(started, [4, 5, 1, 2].map(gid));
}

#[test]
fn what_came_later_counts_in_a_batch() {
    let mut queue = Queue::default();
    queue.add(download(1), None);
    queue.add(download(2), None);
    let mut batch = queue.take_changes();
    queue.pause(gid(1));
    queue.remove_queued(gid(2));
    batch.absorb(queue.take_changes());
    queue.add(download(2), None);
    batch.absorb(queue.take_changes());
    assert_eq!(batch.changed, queue.downloads);
    assert_eq!(batch.gone, BTreeSet::from([gid(2)]));
}

#[test]
fn prefix_finds_the_one_download_that_has_it() {
    let mut queue = Queue::default();
    queue.add(download(0x1200_0000_0000_0001), None);
    queue.add(download(0x1300_0000_0000_0001), None);
    assert_eq!(queue.find("12"), Ok(gid(0x1200_0000_0000_0001)));
    assert_eq!(queue.find("1"), Err(NoSuchGid::Ambiguous));
    assert_eq!(queue.find("2"), Err(NoSuchGid::Unknown));
    assert_eq!(queue.find("x"), Err(NoSuchGid::Invalid));
}
