//! What every storage has to do: one list of tests, which runs on each of them.

use std::io::{self, IoSlice, Read as _};
use std::path::Path;
use std::sync::Arc;

use super::destination::{Lookup, PathKind, Replace};
use super::directory::Directory;
use super::fake::FakeDisk;
use super::output::Stream;
use super::preview::Preview;
use super::storage::Storage;
use crate::options::{Output, RunOptions, StateDir};
use crate::plan::existing::Likeness;
use crate::plan::name::{RelativeName, TargetName};

fn target(name: &str) -> TargetName {
    TargetName::portable(&RelativeName::from_user(name).unwrap(), "http://host/x")
}

/// Writes a part, from its first byte on.
fn write(storage: &Storage, part: u64, bytes: &[u8]) {
    let mut file = storage.scratch.create(part).unwrap();
    assert_eq!(file.write(&[IoSlice::new(bytes)]).unwrap(), bytes.len());
    file.close().unwrap();
}

fn commit(storage: &Storage, part: u64, name: &str, replace: Replace) -> io::Result<()> {
    storage.destination.commit(part, &target(name), replace)
}

/// Returns the bytes of a part.
fn part(storage: &Storage, part: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let kept = storage.kept().unwrap();
    kept.read(part)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the bytes of a file.
fn file(lookup: &dyn Lookup, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    lookup.read(&target(name))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
    result
        .err()
        .map_or(io::ErrorKind::Other, |error| error.kind())
}

/// Returns the length of the file at a name, if one is there.
fn length(lookup: &dyn Lookup, name: &str) -> Option<u64> {
    match lookup.stat(&target(name)).unwrap() {
        PathKind::File { length, .. } => Some(length),
        _ => None,
    }
}

/// Parts that can be opened again.
mod kept {
    use super::*;

    pub(super) fn part_has_what_was_written(storage: &Storage) {
        write(storage, 1, b"one");
        let mut whole = storage.scratch.create_whole(2).unwrap();
        let slices = [IoSlice::new(b"tw"), IoSlice::new(b""), IoSlice::new(b"o")];
        assert_eq!(whole.write(&slices).unwrap(), 3);
        whole.close().unwrap();
        assert_eq!(part(storage, 1).unwrap(), b"one");
        write(storage, 3, b"");
        assert_eq!(part(storage, 3).unwrap(), b"");
    }

    pub(super) fn part_is_written_from_any_byte_on(storage: &Storage) {
        write(storage, 1, b"0123");
        let kept = storage.kept().unwrap();
        let mut late = kept.open(1, 8).unwrap();
        let mut early = kept.open(1, 2).unwrap();
        late.write(&[IoSlice::new(b"89")]).unwrap();
        early.write(&[IoSlice::new(b"23")]).unwrap();
        early.write(&[IoSlice::new(b"4567")]).unwrap();
        late.close().unwrap();
        early.close().unwrap();
        assert_eq!(part(storage, 1).unwrap(), b"0123456789");
    }

    pub(super) fn removed_part_is_not_found(storage: &Storage) {
        write(storage, 1, b"one");
        storage.scratch.remove(1).unwrap();
        let kept = storage.kept().unwrap();
        let not_found = io::ErrorKind::NotFound;
        assert_eq!(kind(storage.scratch.remove(1)), not_found);
        assert_eq!(kind(kept.read(1)), not_found);
        assert_eq!(kind(kept.open(1, 0)), not_found);
        assert_eq!(kind(kept.sync(1)), not_found);
        assert_eq!(kind(commit(storage, 1, "a", Replace::Never)), not_found);
        write(storage, 1, b"another");
        assert_eq!(part(storage, 1).unwrap(), b"another");
    }

    pub(super) fn parts_are_synced(storage: &Storage) {
        write(storage, 1, b"one");
        storage.kept().unwrap().sync(1).unwrap();
        storage.destination.sync().unwrap();
        commit(storage, 1, "a", Replace::Never).unwrap();
        storage.destination.sync().unwrap();
    }
}

/// Files that are found again under their names.
mod named {
    use super::*;

    pub(super) fn committed_part_is_a_file_and_no_part(storage: &Storage) {
        write(storage, 1, b"one");
        assert_eq!(length(&*storage.lookup, "a/b"), None);
        commit(storage, 1, "a/b", Replace::Never).unwrap();
        assert_eq!(length(&*storage.lookup, "a/b"), Some(3));
        assert_eq!(file(&*storage.lookup, "a/b").unwrap(), b"one");
        assert_eq!(kind(part(storage, 1)), io::ErrorKind::NotFound);
    }

    pub(super) fn part_made_at_once_is_a_file(storage: &Storage) {
        let mut whole = storage.scratch.create_whole(1).unwrap();
        whole.write(&[IoSlice::new(b"one")]).unwrap();
        whole.close().unwrap();
        commit(storage, 1, "a", Replace::Never).unwrap();
        assert_eq!(file(&*storage.lookup, "a").unwrap(), b"one");
    }

    pub(super) fn taken_name_is_refused_and_the_part_stays(storage: &Storage) {
        write(storage, 1, b"one");
        write(storage, 2, b"two");
        commit(storage, 1, "a", Replace::Never).unwrap();
        let refused = commit(storage, 2, "a", Replace::Never);
        assert_eq!(kind(refused), io::ErrorKind::AlreadyExists);
        assert_eq!(file(&*storage.lookup, "a").unwrap(), b"one");
        commit(storage, 2, "b", Replace::Never).unwrap();
        assert_eq!(file(&*storage.lookup, "b").unwrap(), b"two");
    }

    pub(super) fn file_is_replaced_where_that_is_asked_for(storage: &Storage) {
        write(storage, 1, b"one");
        write(storage, 2, b"second");
        commit(storage, 1, "a", Replace::Files).unwrap();
        commit(storage, 2, "a", Replace::Files).unwrap();
        assert_eq!(file(&*storage.lookup, "a").unwrap(), b"second");
    }

    pub(super) fn part_is_compared_with_a_file(storage: &Storage) {
        let cases: [(&[u8], Likeness); 4] = [
            (b"whole file", Likeness::Equal),
            (b"whole file and more", Likeness::Prefix),
            (b"whole fill", Likeness::Different),
            (b"whole", Likeness::Different),
        ];
        write(storage, 1, b"whole file");
        commit(storage, 1, "a", Replace::Never).unwrap();
        for (number, (bytes, likeness)) in (2..).zip(cases) {
            write(storage, number, bytes);
            let compared = storage.destination.compare(number, &target("a")).unwrap();
            assert_eq!((compared.likeness, compared.is_link), (likeness, false));
        }
        let nothing = storage.destination.compare(2, &target("b"));
        assert_eq!(kind(nothing), io::ErrorKind::NotFound);
    }

    pub(super) fn only_the_file_that_was_compared_is_replaced(storage: &Storage) {
        for (number, bytes) in [
            (1, &b"one"[..]),
            (2, b"one and two"),
            (3, b"something else"),
        ] {
            write(storage, number, bytes);
        }
        let name = target("a");
        commit(storage, 1, "a", Replace::Never).unwrap();
        let seen = storage.destination.compare(2, &name).unwrap().seen;
        commit(storage, 3, "a", Replace::Files).unwrap();
        assert!(!storage.destination.replace(2, &name, seen).unwrap());
        assert_eq!(file(&*storage.lookup, "a").unwrap(), b"something else");
        let seen = storage.destination.compare(2, &name).unwrap().seen;
        assert!(storage.destination.replace(2, &name, seen).unwrap());
        assert_eq!(file(&*storage.lookup, "a").unwrap(), b"one and two");
    }
}

/// Parts that later runs find.
mod lasting {
    use super::*;

    pub(super) fn recorded_parts_are_adopted_and_others_go(storage: &Storage) {
        for number in 1..=4 {
            write(storage, number, b"0123");
        }
        let lasting = storage.lasting().unwrap();
        let mut adopted = lasting.adopt(&[(2, 4), (3, 5), (9, 1)]).unwrap();
        adopted.sort_unstable();
        assert_eq!(adopted, [2], "one is too short, and one is gone");
        assert_eq!(part(storage, 2).unwrap(), b"0123");
        for number in [1, 3, 4] {
            assert_eq!(kind(part(storage, number)), io::ErrorKind::NotFound);
        }
        assert!(storage.first_part() > 2);
        write(storage, storage.first_part(), b"new");
    }
}

/// Destinations without names.
mod nameless {
    use super::*;

    pub(super) fn nothing_stands_at_any_name(storage: &Storage) {
        write(storage, 1, b"one");
        commit(storage, 1, "a", Replace::Never).unwrap();
        assert_eq!(length(&*storage.lookup, "a"), None);
        assert_eq!(kind(file(&*storage.lookup, "a")), io::ErrorKind::NotFound);
        let compared = storage.destination.compare(1, &target("a"));
        assert_eq!(kind(compared), io::ErrorKind::NotFound);
        assert!(storage.lasting().is_none());
    }
}

/// Runs tests on a storage of each kind, each on a new one.
macro_rules! contract {
    ($kind:ident, $new:expr, $($group:ident: $($test:ident),+;)+) => {
        mod $kind {
            use super::*;
            $($(
                #[test]
                fn $test() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$group::$test(&$new(folder.path()));
                }
            )+)+
        }
    };
}

fn directory(path: &Path) -> Arc<Storage> {
    let mut options = RunOptions::new(path);
    options.state_dir = StateDir::Keep;
    options.min_free = Some(0);
    Storage::of(Arc::new(Directory::open(path, &options).unwrap().0))
}

fn fake(_: &Path) -> Arc<Storage> {
    Storage::of(Arc::new(FakeDisk::default()))
}

fn memory(_: &Path) -> Arc<Storage> {
    Storage::memory(1 << 20)
}

fn stream(_: &Path) -> Arc<Storage> {
    Storage::of(Arc::new(Stream::new(Output::new(io::sink()))))
}

contract! { on_a_directory, directory,
    kept: part_has_what_was_written, part_is_written_from_any_byte_on, removed_part_is_not_found,
        parts_are_synced;
    named: committed_part_is_a_file_and_no_part, part_made_at_once_is_a_file,
        taken_name_is_refused_and_the_part_stays, file_is_replaced_where_that_is_asked_for,
        part_is_compared_with_a_file, only_the_file_that_was_compared_is_replaced;
    lasting: recorded_parts_are_adopted_and_others_go;
}
contract! { on_the_fake, fake,
    kept: part_has_what_was_written, part_is_written_from_any_byte_on, removed_part_is_not_found,
        parts_are_synced;
    named: committed_part_is_a_file_and_no_part, part_made_at_once_is_a_file,
        taken_name_is_refused_and_the_part_stays, file_is_replaced_where_that_is_asked_for,
        part_is_compared_with_a_file, only_the_file_that_was_compared_is_replaced;
    lasting: recorded_parts_are_adopted_and_others_go;
}
contract! { on_memory, memory,
    kept: part_has_what_was_written, part_is_written_from_any_byte_on, removed_part_is_not_found,
        parts_are_synced;
    nameless: nothing_stands_at_any_name;
}
contract! { on_a_stream, stream,
    nameless: nothing_stands_at_any_name;
}

#[test]
fn preview_finds_what_a_directory_has_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let storage = directory(folder.path());
    write(&storage, 1, b"one");
    commit(&storage, 1, "a/b", Replace::Never).unwrap();
    let preview = Preview::of(folder.path()).unwrap();
    for lookup in [&*storage.lookup, &preview as &dyn Lookup] {
        assert_eq!(length(lookup, "a/b"), Some(3));
        assert_eq!(file(lookup, "a/b").unwrap(), b"one");
        assert_eq!(lookup.marker(&target("a/b")), None);
    }
    write(&storage, 2, b"");
    commit(&storage, 2, "a/b.aria2", Replace::Never).unwrap();
    for lookup in [&*storage.lookup, &preview as &dyn Lookup] {
        assert_eq!(lookup.marker(&target("a/b")), Some(".aria2"));
    }
    let missing = folder.path().join("missing");
    let preview = Preview::of(&missing).unwrap();
    assert!(preview.was_empty());
    assert_eq!(length(&preview, "a"), None);
    assert!(!missing.exists());
}

#[test]
fn bytes_of_a_file_in_memory_are_handed_over_once() {
    let storage = Storage::memory(1 << 20);
    write(&storage, 1, b"one");
    assert!(storage.destination.hand_over(1).is_none(), "not complete");
    commit(&storage, 1, "a", Replace::Never).unwrap();
    let (bytes, _) = storage.destination.hand_over(1).unwrap();
    assert_eq!(bytes, &b"one"[..]);
    assert!(storage.destination.hand_over(1).is_none());
}
