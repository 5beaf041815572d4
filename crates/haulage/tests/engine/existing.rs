//! What stands at a target already, and what each policy does about it. Nothing is ever written
//! through it.

use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::Path;
use std::process::Command;

use haulage::{Existing, Outcome};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, next_outcome, rest};

const PRECIOUS: &[u8] = b"precious";
const POLICIES: [Existing; 6] = [
    Existing::Auto,
    Existing::Skip,
    Existing::Refresh,
    Existing::Overwrite,
    Existing::Rename,
    Existing::Fail,
];

/// What stands at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    File,
    /// One file of two names.
    HardLink,
    LinkToFile,
    LinkToNothing,
    LinkToFolder,
    LinkToDevice,
    Folder,
    Pipe,
}

const ALL: [Stands; 8] = [
    Stands::File,
    Stands::HardLink,
    Stands::LinkToFile,
    Stands::LinkToNothing,
    Stands::LinkToFolder,
    Stands::LinkToDevice,
    Stands::Folder,
    Stands::Pipe,
];

impl Stands {
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    fn put(self, at: &Path, outside: &Path) {
        let file = outside.join("file");
        std::fs::write(&file, PRECIOUS).unwrap();
        std::fs::create_dir(outside.join("folder")).unwrap();
        match self {
            Self::File => std::fs::write(at, PRECIOUS).unwrap(),
            Self::HardLink => std::fs::hard_link(file, at).unwrap(),
            Self::LinkToFile => symlink(file, at).unwrap(),
            Self::LinkToNothing => symlink(outside.join("nothing"), at).unwrap(),
            Self::LinkToFolder => symlink(outside.join("folder"), at).unwrap(),
            Self::LinkToDevice => symlink("/dev/full", at).unwrap(),
            Self::Folder => std::fs::create_dir(at).unwrap(),
            Self::Pipe => assert!(Command::new("mkfifo").arg(at).status().unwrap().success()),
        }
    }

    /// Whether it still stands there as it did.
    fn stands(self, at: &Path) -> bool {
        let about = std::fs::symlink_metadata(at).unwrap();
        match self {
            Self::File | Self::HardLink => std::fs::read(at).unwrap() == PRECIOUS,
            Self::Folder => about.is_dir() && std::fs::read_dir(at).unwrap().count() == 0,
            Self::Pipe => about.file_type().is_fifo(),
            _ => about.is_symlink(),
        }
    }

    fn is_a_file(self) -> bool {
        matches!(self, Self::File | Self::HardLink | Self::LinkToFile)
    }
}

fn fetch(stands: Stands, policy: Existing, origin: &Origin) -> (Sandbox, Outcome, bool) {
    let outside = tempfile::tempdir().unwrap();
    let mut sandbox = Sandbox::new();
    sandbox.options.existing = policy;
    stands.put(&sandbox.path("a.gif"), outside.path());
    let outcome = sandbox.fetch(&origin.url("/a.gif"));
    let file = std::fs::read(outside.path().join("file")).unwrap();
    assert_eq!(file, PRECIOUS, "{stands:?} {policy:?}: written through");
    let folder = std::fs::read_dir(outside.path().join("folder")).unwrap();
    assert_eq!(folder.count(), 0, "{stands:?} {policy:?}: written through");
    assert!(!outside.path().join("nothing").exists());
    let untouched = stands.stands(&sandbox.path("a.gif"));
    (sandbox, outcome, untouched)
}

#[test]
fn each_policy_does_what_it_says_whatever_stands_there() {
    for policy in POLICIES {
        for stands in ALL {
            let origin = Origin::plain();
            origin.on("/a.gif", Script::ok(Body::of("new")));
            let (sandbox, outcome, untouched) = fetch(stands, policy, &origin);
            let case = format!("{policy:?} {stands:?}");
            let path = outcome.path.as_deref();
            match policy {
                Existing::Auto if stands.is_a_file() => {
                    assert_done(&outcome);
                    let path = path.unwrap();
                    assert!(path.starts_with("a~"), "{case}: {path}");
                    assert_eq!(sandbox.read(path), b"new", "{case}");
                }
                Existing::Skip if stands.is_a_file() => {
                    assert_eq!((outcome.status.name(), path), ("skipped", Some("a.gif")));
                    assert_eq!(outcome.bytes, PRECIOUS.len() as u64, "{case}");
                }
                Existing::Refresh | Existing::Overwrite
                    if !matches!(stands, Stands::Folder | Stands::Pipe) =>
                {
                    assert_done(&outcome);
                    assert_eq!(path, Some("a.gif"), "{case}");
                    assert_eq!(sandbox.read("a.gif"), b"new", "{case}");
                    let about = std::fs::symlink_metadata(sandbox.path("a.gif")).unwrap();
                    assert!(about.is_file(), "{case}");
                    continue;
                }
                Existing::Rename => {
                    assert_done(&outcome);
                    assert_eq!(path, Some("a.1.gif"), "{case}");
                    assert_eq!(sandbox.read("a.1.gif"), b"new", "{case}");
                }
                _ => {
                    assert_eq!(kind(&outcome), "exists", "{case}");
                    assert!(origin.log().is_empty(), "{case}: something was asked");
                }
            }
            assert!(untouched, "{case}");
        }
    }
}

#[test]
fn a_copy_gets_the_first_free_number() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("new")));
    let mut sandbox = Sandbox::new();
    sandbox.options.existing = Existing::Rename;
    for name in ["a.gif", "a.1.gif", "a.3.gif"] {
        sandbox.write(name, "old");
    }
    for copy in ["a.2.gif", "a.4.gif"] {
        let outcome = sandbox.fetch(&origin.url("/a.gif"));
        assert_eq!(outcome.path.as_deref(), Some(copy));
        assert_eq!(sandbox.read(copy), b"new");
    }
    let outcome = sandbox.fetch(&origin.url("/b.gif"));
    assert_eq!(outcome.path.as_deref(), Some("b.gif"));
}

#[test]
fn a_row_that_asks_for_the_same_later_has_the_name_of_the_copy() {
    let origin = Origin::plain();
    origin.on("/a.gif", Script::ok(Body::of("new one")));
    let mut sandbox = Sandbox::new();
    sandbox.options.existing = Existing::Rename;
    sandbox.write("a.gif", "old");
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a.gif"))]);
    let first = block_on(next_outcome(&mut events));
    run.feed([get(&origin.url("/a.gif"))]);
    run.close();
    let again = block_on(rest(&mut events)).pop().unwrap();
    assert_eq!(first.path.as_deref(), Some("a.1.gif"));
    assert_eq!(
        (again.status.name(), again.path.as_deref(), again.bytes),
        ("skipped", Some("a.1.gif"), 7)
    );
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    for policy in [Existing::Skip, Existing::Fail, Existing::Rename] {
        let origin = Origin::plain();
        let gate = Gate::new();
        origin.on("/a.gif", Script::ok(Body::of("new")).hold(&gate));
        let mut sandbox = Sandbox::new();
        sandbox.options.existing = policy;
        let mut run = sandbox.start();
        let mut events = run.events();
        // An identical row has the path of the first.
        run.feed([get(&origin.url("/a.gif")), get(&origin.url("/a.gif"))]);
        run.close();
        gate.wait_reached(1);
        sandbox.write("a.gif", "old");
        gate.open();
        let outcomes = block_on(rest(&mut events));
        assert_eq!(sandbox.read("a.gif"), b"old");
        if policy == Existing::Rename {
            for outcome in &outcomes {
                assert_eq!(outcome.path.as_deref(), Some("a.1.gif"));
            }
        } else {
            assert_eq!(kind(&outcomes[0]), "exists", "{policy:?}");
            assert_eq!(sandbox.names(), ["a.gif"]);
        }
    }
}

#[test]
fn a_file_or_a_link_in_the_place_of_a_folder_is_in_the_way_whatever_the_policy() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("new")));
    let outside = tempfile::tempdir().unwrap();
    for policy in POLICIES {
        let mut sandbox = Sandbox::new();
        sandbox.options.existing = policy;
        sandbox.write("file", "old");
        symlink(outside.path(), sandbox.path("link")).unwrap();
        for name in ["file/a", "link/a"] {
            let row = crate::sandbox::named(&origin.url("/a"), name);
            let outcome = sandbox.run([row]).pop().unwrap();
            assert_eq!(kind(&outcome), "exists", "{policy:?} {name}");
            let message = outcome.error().unwrap().to_string();
            assert!(message.contains("move it away"), "{message}");
        }
        assert_eq!(sandbox.read("file"), b"old");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}
