//! A part on a disk that hangs, fails, or accepts few bytes at a time.

use std::sync::mpsc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use proptest::prelude::*;

use super::super::commit::Saved;
use super::super::content::Expected;
use super::super::fake::{FakeDisk, GoesOn, HANGS, Operation};
use super::super::hash::Hashes;
use super::super::syncs::Syncs;
use super::super::writer::{BATCH, Writer};
use super::*;
use crate::error::ErrorKind;
use crate::options::{Durability, Existing};
use crate::plan::coding::{Coding, Layer, Level};
use crate::plan::name::{RelativeName, TargetName};

const NO_SPACE: i32 = 28;
const IO_ERROR: i32 = 5;

fn writer(disk: &FakeDisk) -> Writer {
    let pool = BlockingPool::new("test-disk", 4);
    let storage = Storage::of(Arc::new(disk.clone()));
    let syncs = Arc::new(Syncs::new(Arc::clone(&storage)));
    Writer::new(
        storage,
        syncs,
        Arc::new(pool),
        Arc::new(super::super::Strictest::new(Durability::None)),
        &super::super::DiskBudget::default(),
    )
}

/// Returns how to save a part as the file `a`, and the receiver of the result.
fn saving(promised: Option<u64>) -> (Saving, mpsc::Receiver<Result<Saved, Error>>) {
    let (tell, told) = mpsc::channel();
    let name = RelativeName::from_user("a").unwrap();
    let saving = Saving {
        size: None,
        target: TargetName::portable(&name, "http://host/a"),
        given: "http://host/a".into(),
        existing: Existing::Skip,
        promised,
        modified: None,
        repairs: None,
        done: Box::new(move |result| tell.send(result).unwrap()),
    };
    (saving, told)
}

/// Writes these chunks and commits them. Returns the length of the file.
fn save(disk: &FakeDisk, chunks: &[Vec<u8>], promised: Option<u64>) -> Result<u64, Error> {
    let writer = writer(disk);
    let (saving, told) = saving(promised);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut part = writer.part(None);
        for chunk in chunks {
            part.write(Bytes::from(chunk.clone())).await?;
        }
        part.commit(saving).await;
        Ok::<(), Error>(())
    })?;
    told.recv().unwrap().map(|saved| saved.length)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn bytes_arrive_whole_and_in_order_however_they_are_cut(
        lengths in proptest::collection::vec(0usize..400_000, 0..12),
        at_most in prop_oneof![Just(usize::MAX), 1usize..300_000],
    ) {
        let at_most = at_most.max(997);
        let mut next = 0u32;
        let chunks: Vec<Vec<u8>> = lengths
            .iter()
            .map(|&length| {
                (0..length)
                    .map(|_| { next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); (next >> 24) as u8 })
                    .collect()
            })
            .collect();
        let whole: Vec<u8> = chunks.concat();
        let disk = FakeDisk::default();
        disk.write_at_most(at_most);
        let saved = save(&disk, &chunks, Some(whole.len() as u64)).unwrap();
        prop_assert_eq!(saved, whole.len() as u64);
        prop_assert!(disk.file("a").unwrap() == whole);
    }
}

#[test]
fn an_empty_body_is_an_empty_file() {
    let disk = FakeDisk::default();
    assert_eq!(save(&disk, &[], Some(0)).unwrap(), 0);
    assert_eq!(disk.file("a"), Some(Vec::new()));
}

#[test]
fn what_is_shorter_or_longer_than_promised_gets_no_name() {
    for promised in [4, 6] {
        let disk = FakeDisk::default();
        let error = save(&disk, &[vec![7; 5]], Some(promised)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incomplete);
        assert_eq!((disk.file("a"), disk.parts()), (None, 0));
    }
}

#[test]
fn of_a_coding_that_was_cut_short_the_framing_is_told() {
    let body = zstd::encode_all(&[7; 1000][..], 3).unwrap();
    for (promised, kind) in [
        (Some(body.len() as u64), ErrorKind::Incomplete),
        (None, ErrorKind::Decode),
    ] {
        let disk = FakeDisk::default();
        let writer = writer(&disk);
        let (saving, told) = saving(promised);
        let content = Content::asked(
            &[Layer {
                coding: Coding::Zstd,
                level: Level::Content,
            }],
            None,
            Hashes::default(),
            Expected::default(),
        )
        .unwrap();
        let mut part = writer.part(content);
        let cut = Bytes::copy_from_slice(&body[..body.len() - 1]);
        part.write(cut).now_or_never().unwrap().unwrap();
        part.commit(saving).now_or_never().unwrap();
        assert_eq!(told.recv().unwrap().unwrap_err().kind(), kind);
        assert_eq!((disk.file("a"), disk.parts()), (None, 0));
    }
}

#[test]
fn a_failure_of_any_operation_is_told_and_leaves_nothing() {
    for operation in [
        Operation::Create,
        Operation::Write,
        Operation::Close,
        Operation::Commit,
    ] {
        // A small body meets the error when it is committed, a large one while it is written.
        for length in [5, 3 << 20] {
            let disk = FakeDisk::default();
            disk.fail(operation, IO_ERROR);
            let chunks = vec![vec![7; 64 << 10]; length.max(64 << 10) >> 16];
            let error = save(&disk, &chunks, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disk, "{operation:?}");
            assert!(error.to_string().contains("Input/output error"), "{error}");
            assert_eq!(disk.file("a"), None, "{operation:?}");
        }
    }
}

#[test]
fn no_room_says_what_to_do() {
    let disk = FakeDisk::default();
    disk.fail(Operation::Close, NO_SPACE);
    let error = save(&disk, &[vec![7; 5]], None).unwrap_err();
    assert!(
        error.ends_the_run() && error.to_string().contains("make room"),
        "{error}"
    );
}

#[test]
fn a_disk_that_hangs_holds_the_network_back_within_a_bound() {
    let disk = FakeDisk::default();
    let writer = writer(&disk);
    let _in_the_end = GoesOn(disk.clone());
    let mut part = writer.part(None);
    let mut first = HANGS.to_vec();
    first.resize(BATCH, 0);
    let mut accepted = 0;
    let mut chunk = Bytes::from(first);
    loop {
        let length = chunk.len();
        match part.write(chunk).now_or_never() {
            Some(result) => result.unwrap(),
            None => break,
        }
        accepted += length;
        assert!(
            accepted <= 2 * PART_BUDGET,
            "{accepted} bytes wait for a disk that hangs"
        );
        chunk = Bytes::from(vec![1; 64 << 10]);
    }
    // Another part does not wait for it.
    let mut other = writer.part(None);
    other
        .write(Bytes::from_static(&[2; 1000]))
        .now_or_never()
        .unwrap()
        .unwrap();
    let (saving, told) = saving(Some(1000));
    other.commit(saving).now_or_never().unwrap();
    assert_eq!(told.recv().unwrap().unwrap().length, 1000);
    disk.go_on();
}

#[test]
fn a_part_that_is_given_up_is_removed() {
    let disk = FakeDisk::default();
    let writer = writer(&disk);
    let mut part = writer.part(None);
    part.write(Bytes::from(vec![1; BATCH]))
        .now_or_never()
        .unwrap()
        .unwrap();
    drop(part);
    disk.wait_until_one_is_removed();
    assert_eq!(disk.parts(), 0);
}
