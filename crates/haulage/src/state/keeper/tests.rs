//! What is recorded of parts that are being written.

use super::super::store::Access;
use super::*;
use crate::outcome::Verified;
use crate::plan::head::Entity;
use crate::plan::range_set::RangeSet;
use crate::plan::resume::Identity;
use crate::plan::validator::Validator;
use crate::state::request_key::RequestKey;
use crate::write::fake::{Done, FakeDisk};
use crate::write::scratch::{LastingParts as _, Scratch as _};
use crate::write::{Assembly, Owner};
use std::io;

const ENDING: Ending = Ending {
    complete: false,
    everything_is_there: false,
};

fn assembly(number: u64) -> Assembly {
    let identity = Identity {
        url: "http://h/a".into(),
        validator: Validator::from_text("\"a\""),
        total: 10 << 20,
        is_checked: false,
    };
    let entity = Entity {
        length: Some(identity.total),
        framing: Verified::Length,
        digest: Some("crc32c=00000001".parse().unwrap()),
        etag: Some("\"a\"".into()),
        last_modified: None,
        content_type: Some("text/plain".into()),
    };
    let owner = Owner {
        input: "list".into(),
        request_hash: 7,
        url: "http://h/a".into(),
    };
    Assembly::new(number, identity, entity, Some(owner))
}

fn state(database: &std::path::Path, disk: &FakeDisk) -> State {
    let options = RunOptions::new("not used");
    State::open(
        StatePlace::alone(database.to_owned()),
        &options,
        Storage::of(Arc::new(disk.clone())),
    )
    .unwrap()
}

#[test]
fn what_is_written_while_the_disk_syncs_is_not_recorded_yet() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("state.db");
    let disk = FakeDisk::default();
    let state = state(&database, &disk);
    let assembly = Arc::new(assembly(3));
    state.assemblies().add(&assembly);
    let segment = assembly.begin(0..10 << 20, 0);
    segment.wrote(2 << 20);
    disk.while_syncing(move || segment.wrote(1 << 20));
    state.record(&mut [], Duration::ZERO).unwrap();
    let store = Store::open(&database, Access::Read).unwrap();
    let recorded = store.unfinished().unwrap().pop().unwrap();
    assert_eq!(recorded.end(), 2 << 20);
    // The record has all that is needed to resume the part.
    let back = recorded.into_assembly(false);
    assert_eq!((back.number, &back.identity), (3, &assembly.identity));
    assert_eq!(
        (&back.entity, &back.owner),
        (&assembly.entity, &assembly.owner)
    );
}

#[test]
fn a_part_that_is_none_any_more_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("state.db");
    let disk = FakeDisk::default();
    let state = state(&database, &disk);
    let recorded = || {
        let store = Store::open(&database, Access::Read).unwrap();
        store.parts().unwrap()
    };
    let parts: Vec<_> = [3, 5].map(|number| Arc::new(assembly(number))).into();
    for part in &parts {
        part.begin(0..10 << 20, 0).wrote(1 << 20);
        state.assemblies().add(part);
    }
    state.record(&mut [], Duration::ZERO).unwrap();
    assert_eq!(recorded(), [3, 5]);
    state.assemblies().forget(&parts[0]);
    state.record(&mut [], Duration::ZERO).unwrap();
    assert_eq!(recorded(), [5]);
    // A part that is too small to be worth recording.
    let small = Arc::new(assembly(6));
    small.begin(0..10 << 20, 0).wrote(1000);
    state.assemblies().add(&small);
    state.close(ENDING).unwrap();
    assert_eq!(recorded(), [5]);
}

#[test]
fn the_next_run_takes_up_what_is_there_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("state.db");
    let disk = FakeDisk::default();
    let first = state(&database, &disk);
    for number in [3, 5] {
        let part = Arc::new(assembly(number));
        part.begin(0..10 << 20, 0).wrote(1 << 20);
        first.assemblies().add(&part);
    }
    first.close(ENDING).unwrap();
    // Only one of the two parts has a file.
    let mut file = disk.create(3).unwrap();
    file.write(&[io::IoSlice::new(&vec![0; 1 << 20])]).unwrap();
    drop(file);
    let second = state(&database, &disk);
    let key = |hash| RequestKey {
        hash,
        fields: None,
        recorded: None,
    };
    assert!(
        second
            .take_up(&key(8), &Arc::default(), "http://h/a", false)
            .is_none()
    );
    assert!(
        second
            .take_up(&key(7), &Arc::default(), "http://h/b", false)
            .is_none()
    );
    let part = second
        .take_up(&key(7), &Arc::default(), "http://h/a", true)
        .unwrap();
    let mut here = RangeSet::default();
    here.add(0..1 << 20);
    assert_eq!((part.number, part.range_set()), (3, here));
    assert!(part.identity.is_checked);
    assert!(
        second
            .take_up(&key(7), &Arc::default(), "http://h/a", true)
            .is_none()
    );
    assert_eq!(disk.first(), 6);
}

#[test]
fn after_a_sync_that_failed_nothing_more_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("state.db");
    let disk = FakeDisk::default();
    let state = state(&database, &disk);
    let part = Arc::new(assembly(3));
    part.begin(0..10 << 20, 0).wrote(1 << 20);
    state.assemblies().add(&part);
    disk.fail_after(0, 5);
    // The disk would report success the second time.
    for _ in 0..2 {
        let error = state.record(&mut [], Duration::ZERO).unwrap_err();
        assert!(error.ends_the_run(), "{error}");
    }
    assert!(!database.exists());
}

#[test]
fn what_is_gone_on_with_was_synced_though_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FakeDisk::default();
    let mut options = RunOptions::new("not used");
    options.durability = Durability::None;
    let database = folder.path().join("state.db");
    let state = State::open(
        StatePlace::alone(database),
        &options,
        Storage::of(Arc::new(disk.clone())),
    )
    .unwrap();
    let part = Arc::new(assembly(3));
    drop(part.open(&Storage::of(Arc::new(disk.clone())), 0).unwrap());
    part.begin(0..10 << 20, 0).wrote(1 << 20);
    state.assemblies().add(&part);
    // A part that has got its final name since then is not synced.
    let named = Arc::new(assembly(4));
    named.begin(0..10 << 20, 0).wrote(1 << 20);
    state.assemblies().add(&named);
    state.record(&mut [], Duration::ZERO).unwrap();
    assert_eq!(disk.log(), [Done::SyncedPart(3)]);
}
