//! Runs the targets on `fuzz/corpus`, and on inputs derived from it.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

use super::TARGETS;

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let files = fs::read_dir(folder.join(target)).unwrap();
    let mut inputs: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn targets_pass_on_their_corpora() {
    for (name, target) in TARGETS {
        for (path, input) in corpus(name) {
            eprintln!("{}", path.display());
            target(&input);
        }
    }
}

#[test]
fn each_target_has_a_program_and_a_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(!corpus(name).is_empty(), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let program = fuzz.join(format!("fuzz_targets/{name}.rs"));
        let program = fs::read_to_string(program).unwrap();
        assert!(
            program.contains(&format!("fuzzing::{name}(data)")),
            "{name}"
        );
    }
    let folders = fs::read_dir(fuzz.join("corpus")).unwrap().count();
    assert_eq!(folders, TARGETS.len(), "a corpus without a target");
}

/// A change of an input.
#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index, Index),
    Repeat(Index, Index),
    /// Replaces the end by one from another input of the corpus.
    Splice(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), at()).prop_map(|(one, other)| Change::Cut(one, other)),
        (at(), at()).prop_map(|(one, other)| Change::Repeat(one, other)),
        (at(), at()).prop_map(|(at, from)| Change::Splice(at, from)),
    ]
}

fn changed(input: &mut Vec<u8>, change: &Change, other: &[u8]) {
    let range = |one: &Index, other: &Index, length: usize| {
        let (one, other) = (one.index(length + 1), other.index(length + 1));
        one.min(other)..one.max(other)
    };
    let length = input.len();
    match change {
        Change::Byte(at, byte) if length > 0 => input[at.index(length)] = *byte,
        Change::Byte(..) => {}
        Change::Insert(at, bytes) => {
            let at = at.index(length + 1);
            input.splice(at..at, bytes.iter().copied());
        }
        Change::Cut(one, other) => drop(input.drain(range(one, other, length))),
        Change::Repeat(one, other) => {
            let range = range(one, other, length);
            let end = range.end;
            let again = input[range].to_vec();
            input.splice(end..end, again);
        }
        Change::Splice(at, from) => {
            input.truncate(at.index(length + 1));
            input.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
    }
    input.truncate(1 << 12);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn targets_pass_on_inputs_near_their_corpora(
        chosen: [Index; 2],
        changes in prop::collection::vec(change(), 0..6),
    ) {
        for (name, target) in TARGETS {
            let corpus = corpus(name);
            let mut input = corpus[chosen[0].index(corpus.len())].1.clone();
            let other = &corpus[chosen[1].index(corpus.len())].1;
            for change in &changes {
                changed(&mut input, change, other);
            }
            let outcome = std::panic::catch_unwind(|| target(&input));
            prop_assert!(outcome.is_ok(), "{} {:?}", name, String::from_utf8_lossy(&input));
        }
    }
}
