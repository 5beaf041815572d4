//! What is said about failures at the end of a run, and by `haul explain`.

use std::path::Path;

use haulage::ErrorKind;
use origin::{Origin, Script};

use crate::Sandbox;

#[test]
fn failures_are_grouped_before_the_closing_line() {
    let (one, other) = (Origin::plain(), Origin::plain());
    other.on("/busy", Script::status(503));
    let sandbox = Sandbox::new();
    let missing = (0..20).map(|nth| one.url(&format!("/{nth}\n")));
    let list: String = missing.chain([other.url("/busy\n")]).collect();
    sandbox.write("list.txt", &format!("{list}nonsense\n"));
    let arguments = ["-i", "list.txt", "--retries", "0", "--retry-failed", "all"];
    let ran = sandbox.haul(&arguments);
    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let [.., groups, more, closing] = &lines[..] else {
        panic!("{lines:?}");
    };
    let (one, other) = (one.authority(), other.authority());
    let expected = format!("22 failed: 20 × 404 on {one}, 1 × 503 on {other}, 1 × input");
    assert_eq!(*groups, expected);
    assert_eq!(*more, "haul explain 404 says more");
    assert!(
        closing.starts_with("0 done, 0 skipped, 22 failed"),
        "{closing}"
    );
    // What an earlier run has recorded counts in the same way.
    let again = sandbox.haul(&arguments[..4]);
    assert!(again.stderr.contains(&expected), "{}", again.stderr);
    let quiet = sandbox.haul(&[&arguments[..], &["-q"]].concat());
    assert_eq!(quiet.stderr.lines().count(), 22, "{}", quiet.stderr);
}

#[test]
fn explain_lists_the_kinds_in_one_line_each() {
    let ran = Sandbox::new().haul(&["explain"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for kind in ErrorKind::ALL {
        let lines = ran.stdout.lines();
        let of_kind = lines.filter(|line| line.split(' ').next() == Some(kind.name()));
        assert_eq!(of_kind.count(), 1, "{kind}: {}", ran.stdout);
    }
}

#[test]
fn explain_prints_what_to_do_about_a_kind_or_a_status() {
    let sandbox = Sandbox::new();
    for kind in ErrorKind::ALL {
        let ran = sandbox.haul(&["explain", kind.name()]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{kind}");
        let heading = format!("{kind}\n\n");
        assert!(ran.stdout.starts_with(&heading), "{}", ran.stdout);
        assert!(ran.stdout.lines().count() > 4, "{}", ran.stdout);
    }
    let ran = sandbox.haul(&["explain", "429"]);
    assert!(ran.stdout.starts_with("429 Too Many Requests\n\n"));
    assert!(ran.stdout.contains("--per-host 1"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("451"), "{}", ran.stdout);
}

#[test]
fn explain_suggests_a_kind_for_an_unknown_one() {
    let sandbox = Sandbox::new();
    for (topic, says) in [
        ("timeouts", "'timeout'"),
        ("checksums", "'checksum'"),
        ("nonsense", "possible values"),
        ("418", "haul explain http"),
        ("999", "possible values"),
    ] {
        let ran = sandbox.haul(&["explain", topic]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{topic}");
        assert!(ran.stderr.contains(says), "{topic}: {}", ran.stderr);
    }
}

/// Adds the text of all Rust files below a folder, as it is without line breaks in strings.
fn add_sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn messages_that_are_explained_are_messages_of_haul() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(repository.join("docs/errors.md")).unwrap();
    let mut sources = String::new();
    add_sources(&repository.join("crates/haulage/src"), &mut sources);
    // Those of the system.
    sources.push_str("No space left on device, Permission denied");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let is_status = |heading: &&str| heading.starts_with(|first: char| first.is_ascii_digit());
    let (statuses, messages): (Vec<_>, Vec<_>) = headings.partition(is_status);
    assert!(messages.len() + statuses.len() >= 20);
    for message in messages {
        let mut parts = message.split('…').map(str::trim);
        let unknown = parts.find(|part| !sources.contains(part));
        assert_eq!(unknown, None, "{message}");
    }
}
