use std::fs;
use std::io::IoSlice;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use super::super::super::commit::{Saving, name_after_comparing};
use super::super::super::content::Expected;
use super::super::super::destination::{Destination as _, Lookup as _, Replace};
use super::super::super::scratch::Scratch as _;
use super::super::super::storage::Storage;
use super::super::super::verify::{Arrived, Verified, verify};
use super::super::Directory;
use super::*;
use crate::error::{Error, ErrorKind};
use crate::options::{Durability, Existing, RunOptions};
use crate::plan::name::{RelativeName, TargetName};

fn target(name: &str) -> TargetName {
    TargetName::portable(&RelativeName::from_user(name).unwrap(), "http://host/x")
}

fn open(path: &Path) -> Arc<Directory> {
    let mut options = RunOptions::new(path);
    options.durability = Durability::None;
    options.min_free = Some(0);
    Arc::new(Directory::open(path, &options).unwrap().0)
}

/// Makes a part of these bytes, with a name among the parts or without one.
fn part(directory: &Directory, number: u64, bytes: &[u8], is_whole: bool) {
    let mut file = if is_whole {
        directory.create_whole(number).unwrap()
    } else {
        directory.create(number).unwrap()
    };
    assert_eq!(file.write(&[IoSlice::new(bytes)]).unwrap(), bytes.len());
    file.close().unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn put(at: &Path, bytes: &[u8]) {
    fs::write(at, bytes).unwrap();
}

fn parts_left(folder: &Path) -> usize {
    fs::read_dir(folder.join(".haul/part")).unwrap().count()
}

#[test]
fn a_part_is_compared_to_the_last_byte() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    let long = vec![7; 3 * BUFFER];
    let with_other_end = [&long[..3 * BUFFER - 1], b"x"].concat();
    for (number, (ours, theirs, expected)) in (0..).zip([
        (&b"hello"[..], &b"hello"[..], Likeness::Equal),
        (b"hello", b"hel", Likeness::Prefix),
        (b"hello", b"", Likeness::Prefix),
        (b"", b"", Likeness::Equal),
        (b"", b"hello", Likeness::Different),
        (b"hel", b"hello", Likeness::Different),
        (b"hello", b"help", Likeness::Different),
        (&long, &long, Likeness::Equal),
        (&long, &long[..BUFFER], Likeness::Prefix),
        (&long, &long[..=BUFFER], Likeness::Prefix),
        (&long[..BUFFER], &long, Likeness::Different),
        (&long, &with_other_end, Likeness::Different),
    ]) {
        for (number, is_whole) in [(2 * number, false), (2 * number + 1, true)] {
            part(&directory, number, ours, is_whole);
            put(&folder.path().join("a"), theirs);
            let compared = directory.compare(number, &target("a")).unwrap();
            assert_eq!(compared.likeness, expected, "{}", theirs.len());
            assert!(!compared.is_link);
            directory.remove(number).unwrap();
        }
    }
    assert_eq!(parts_left(folder.path()), 0);
}

#[test]
fn what_is_no_file_is_told_from_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    part(&directory, 1, b"hello", false);
    fs::create_dir(folder.path().join("folder")).unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    symlink("folder", folder.path().join("to-folder")).unwrap();
    symlink("/dev/full", folder.path().join("device")).unwrap();
    let kind = |name| directory.compare(1, &target(name)).unwrap_err().kind();
    assert_eq!(kind("gone"), io::ErrorKind::NotFound);
    for name in ["folder", "dangling", "to-folder", "device"] {
        assert_eq!(kind(name), io::ErrorKind::AlreadyExists, "{name}");
    }
    put(&folder.path().join("file"), b"hel");
    symlink("file", folder.path().join("link")).unwrap();
    let compared = directory.compare(1, &target("link")).unwrap();
    assert_eq!(
        (compared.likeness, compared.is_link),
        (Likeness::Prefix, true)
    );
}

#[test]
fn a_part_takes_the_place_of_what_it_was_compared_with() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    for (number, is_whole) in [(1, false), (2, true)] {
        put(&folder.path().join("a"), b"hel");
        part(&directory, number, b"hello", is_whole);
        let compared = directory.compare(number, &target("a")).unwrap();
        assert!(
            directory
                .replace(number, &target("a"), compared.seen)
                .unwrap()
        );
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"hello");
        assert_eq!(parts_left(folder.path()), 0);
    }
}

#[test]
fn what_has_changed_since_it_was_compared_stays() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    let at = folder.path().join("a");
    put(&at, b"hel");
    part(&directory, 1, b"hello", false);
    let seen = directory.compare(1, &target("a")).unwrap().seen;
    let changes: [&dyn Fn(); 3] = [
        &|| put(&at, b"help"),
        &|| {
            fs::remove_file(&at).unwrap();
            put(&at, b"hel");
        },
        &|| fs::remove_file(&at).unwrap(),
    ];
    for change in changes {
        change();
        let before = fs::read(&at).ok();
        assert!(!directory.replace(1, &target("a"), seen).unwrap());
        assert_eq!(fs::read(&at).ok(), before);
        assert_eq!(parts_left(folder.path()), 1, "the part is there still");
    }
    directory.commit(1, &target("a"), Replace::Never).unwrap();
    assert_eq!(fs::read(&at).unwrap(), b"hello");
}

#[test]
fn each_marker_is_found_beside_its_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    fs::create_dir(folder.path().join("x")).unwrap();
    for marker in MARKERS {
        for name in ["a", "x/a.bin"] {
            assert_eq!(directory.marker(&target(name)), None);
            let beside = folder.path().join(format!("{name}{marker}"));
            put(&beside, b"");
            assert_eq!(directory.marker(&target(name)), Some(marker));
            assert_eq!(directory.marker(&target("b")), None);
            fs::remove_file(&beside).unwrap();
        }
    }
    // Safari's marker is a folder.
    fs::create_dir(folder.path().join("a.download")).unwrap();
    assert_eq!(directory.marker(&target("a")), Some(".download"));
}

fn verified(bytes: &[u8]) -> Verified {
    let arrived = Arrived {
        right: None,
        received: bytes.len() as u64,
        length: bytes.len() as u64,
        hashes: Vec::new(),
    };
    verify(arrived, None, &Expected::default()).unwrap()
}

/// Names a part of these bytes, which came from this URL, as `name`; returns the name that it got.
fn save(
    directory: &Arc<Directory>,
    number: u64,
    name: &str,
    given: &str,
    bytes: &[u8],
) -> Result<TargetName, Error> {
    part(directory, number, bytes, number.is_multiple_of(2));
    let saving = Saving {
        size: None,
        target: target(name),
        given: given.into(),
        existing: Existing::Auto,
        promised: None,
        modified: None,
        repairs: None,
        done: Box::new(|_| {}),
    };
    let storage = Storage::of(Arc::clone(directory));
    let named = name_after_comparing(&storage, number, &verified(bytes), &saving)?;
    Ok(named.unwrap_or(saving.target))
}

#[test]
fn a_name_that_two_files_have_taken_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    put(&folder.path().join("a"), b"another");
    let distinct = save(&directory, 1, "a", "http://h/a", b"hello").unwrap();
    assert_eq!(distinct, target("a").distinct("http://h/a"));
    // A file with the same bytes exists already, so it keeps its name.
    let again = save(&directory, 2, "a", "http://h/a", b"hello").unwrap();
    assert_eq!(again, distinct);
    let error = save(&directory, 3, "a", "http://h/a", b"help").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"another");
    assert_eq!(
        fs::read(folder.path().join(distinct.as_str())).unwrap(),
        b"hello"
    );
    // A name that contains the digits of its URL already has no other distinct name.
    let error = save(&directory, 4, distinct.as_str(), "http://h/a", b"help").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
}

#[test]
fn files_that_want_one_name_at_once_are_all_right() {
    const NAMES: u64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let directory = Arc::new(open(folder.path()));
    let threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            let directory = Arc::clone(&directory);
            thread::spawn(move || {
                (0..NAMES)
                    .map(|row| {
                        // Two threads download the same files, the others files of their own; some
                        // are prefixes of others.
                        let source = thread.max(1);
                        let bytes = vec![b'x'; usize::try_from(row * source + 1).unwrap()];
                        let given = format!("http://h/{source}/{row}");
                        let number = row * 4 + thread;
                        let saved = save(&directory, number, &row.to_string(), &given, &bytes);
                        (saved, bytes)
                    })
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let all: Vec<_> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(all.len(), 4 * 40);
    for (saved, bytes) in all {
        let there = fs::read(folder.path().join(saved.unwrap().as_str())).unwrap();
        // A longer file that begins with it may have replaced it since.
        assert!(there.starts_with(&bytes));
    }
    assert_eq!(parts_left(folder.path()), 0);
}
