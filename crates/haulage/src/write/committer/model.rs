//! The committer under other schedules of its threads: each part is reported once.

use std::sync::Arc;

use shuttle::sync::mpsc;

use super::super::fake::FakeDisk;
use super::super::scratch::Scratch as _;
use super::super::verify::{Arrived, verify};
use super::*;
use crate::options::Existing;
use crate::sync::modelled::check;

/// Returns what is to be saved; `tell` gets a message when it is.
fn saving(name: &str, tell: mpsc::Sender<()>) -> (Verified, Saving) {
    let verified = verify(Arrived::default(), None, &super::super::Expected::default());
    let saving = Saving {
        size: None,
        target: TargetName::of_safe(name.to_owned()),
        given: "http://h/".into(),
        existing: Existing::Auto,
        promised: None,
        modified: None,
        repairs: None,
        done: Box::new(move |saved| {
            saved.unwrap();
            tell.send(()).unwrap();
        }),
    };
    (verified.unwrap(), saving)
}

fn committer(durability: Durability, idle: Duration) -> (FakeDisk, Arc<Committer>) {
    let disk = FakeDisk::default();
    let shared = Storage::of(Arc::new(disk.clone()));
    let pool = BlockingPool::with_patience("model", 2, Duration::from_millis(1));
    let syncs = Arc::new(Syncs::new(Arc::clone(&shared)));
    let committer = Committer::with_idle(
        shared,
        syncs,
        Arc::new(pool),
        Arc::new(Strictest::new(durability)),
        idle,
    );
    (disk, Arc::new(committer))
}

#[test]
fn parts_of_several_threads_are_named_once() {
    for durability in [Durability::Batch, Durability::Each] {
        check(move || {
            let (disk, committer) = committer(durability, IDLE);
            let (tell, told) = mpsc::channel();
            for part in 0..3 {
                disk.create(part).unwrap().close().unwrap();
            }
            let others: Vec<_> = (0..2)
                .map(|part| {
                    let (committer, tell) = (Arc::clone(&committer), tell.clone());
                    thread::spawn(move || {
                        let (verified, saving) = saving(&part.to_string(), tell);
                        committer.add(part, verified, saving);
                        committer.set_quiet(part == 0);
                    })
                })
                .collect();
            let (verified, saving) = saving("last", tell);
            committer.add(2, verified, saving);
            drop(committer);
            // No part is reported twice: the channel closes after the third.
            assert_eq!(told.iter().count(), 3);
            for other in others {
                other.join().unwrap();
            }
            assert_eq!(disk.files().len(), 3);
        });
    }
}

#[test]
fn part_that_is_added_while_another_is_synced_is_not_forgotten() {
    // The second time, the committer's thread may end at any moment.
    for idle in [IDLE, Duration::from_millis(1)] {
        check(move || name_one_after_another(idle));
    }
}

fn name_one_after_another(idle: Duration) {
    let (disk, committer) = committer(Durability::Batch, idle);
    for part in 0..3 {
        disk.create(part).unwrap().close().unwrap();
        let (tell, told) = mpsc::channel();
        let (verified, saving) = saving(&part.to_string(), tell);
        committer.add(part, verified, saving);
        // Added as soon as the last one is reported; the thread may not be waiting yet.
        told.recv().unwrap();
    }
}
