use std::collections::HashSet;
use std::time::SystemTime;

use super::super::record::{Counts, Ended, Failure, of_millis, to_millis};
use super::super::request_key::RequestKey;
use super::*;
use crate::error::ErrorKind;
use crate::outcome::Verified;
use crate::row_location::RowLocation;

const FILE: &str = "state.db";

fn location(input: &str, line: u64) -> RowLocation {
    RowLocation {
        input: input.into(),
        line,
    }
}

fn record(input: &str, row: u64, url: &str, ended: Ended) -> Record {
    Record {
        row,
        location: Some(location(input, row + 1)),
        key: RequestKey {
            hash: i64::try_from(url.len()).unwrap(),
            fields: Some("label=x".into()),
            recorded: None,
        },
        url: url.into(),
        final_url: Some("http://elsewhere/".into()),
        path: matches!(ended, Ended::Done).then(|| "a/b".into()),
        ended,
        note: None,
        bytes: 7,
        http_status: Some(200),
        attempts: 2,
        started: of_millis(to_millis(SystemTime::now())),
        duration: Duration::from_millis(12),
        etag: Some("\"e\"".into()),
        last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".into()),
        content_type: None,
        verified: Verified::Checksum,
        hashes: vec![
            "md5=25f9e794323b453885f5181f1b624d0b".parse().unwrap(),
            "crc32c=e3069283".parse().unwrap(),
        ],
        counts: Some(Counts {
            resumed: 3,
            segments: 2,
        }),
    }
}

fn failed_with(kind: ErrorKind) -> Ended {
    Ended::Failed(Failure {
        kind,
        message: "it failed".into(),
        transient: true,
        // The records here have had this response.
        status: (kind == ErrorKind::Http).then_some(200),
    })
}

fn store(folder: &tempfile::TempDir) -> Store {
    Store::open(
        &folder.path().join(FILE),
        Access::Write(Sharing::WithReaders),
    )
    .unwrap()
}

fn rows(store: &Store) -> Vec<String> {
    let records = store.records((i64::MIN, i64::MIN), 100).unwrap();
    records
        .iter()
        .map(|(list, record)| format!("{list} {} {}", record.row, record.url))
        .collect()
}

#[test]
fn what_one_row_has_and_the_next_has_not_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    let full = |row| record("l", row, "http://h/", failed_with(ErrorKind::Http));
    let bare = |row| Record {
        location: None,
        key: RequestKey {
            hash: 0,
            fields: None,
            recorded: None,
        },
        url: "".into(),
        final_url: None,
        http_status: None,
        etag: None,
        last_modified: None,
        hashes: Vec::new(),
        counts: None,
        ..record("l", row, "", Ended::Skipped)
    };
    let group = [
        full(0),
        full(1),
        bare(2),
        bare(3),
        full(4),
        bare(5),
        full(6),
    ];
    store.record(&group, &Progress::default()).unwrap();
    let mut found: Vec<_> = store.records((i64::MIN, i64::MIN), 100).unwrap();
    found.sort_by_key(|(_, record)| record.row);
    assert_eq!(found.len(), group.len());
    for ((_, found), given) in found.iter().zip(&group) {
        let shown = |one: &Record| {
            let texts = (&one.final_url, &one.etag, &one.last_modified);
            let rest = (one.row, &one.url, &one.ended, &one.path, one.http_status);
            format!("{rest:?} {texts:?} {:?} {:?}", one.key, one.hashes)
        };
        assert_eq!(shown(found), shown(given));
    }
}

#[test]
fn a_record_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for sharing in [
        Sharing::WithReaders,
        Sharing::Alone,
        Sharing::AloneWithoutLocks,
    ] {
        let path = folder.path().join(format!("{sharing:?}.db"));
        let mut store = Store::open(&path, Access::Write(sharing)).unwrap();
        let group = [
            record("l", 0, "http://h/", Ended::Done),
            record("l", 1, "http://h/1", failed_with(ErrorKind::Http)),
            record("l", 2, "http://h/22", Ended::Skipped),
        ];
        store.record(&group, &Progress::default()).unwrap();
        drop(store);
        let store = Store::open(&path, Access::Read).unwrap();
        let records = store.records((i64::MIN, i64::MIN), 100).unwrap();
        let records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
        assert_eq!(format!("{records:?}"), format!("{:?}", group));
    }
}

#[test]
fn a_list_that_changed_keeps_the_rows_before_and_the_others_until_all_were_looked_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    let urls = ["xxxxx", "xxxxxx", "xxxxxxx"];
    let group: Vec<_> = (0..)
        .zip(urls)
        .map(|(row, url)| record("l", row, url, Ended::Done))
        .collect();
    store.record(&group, &Progress::default()).unwrap();
    let list = store.list("l", Pass::GoOn).unwrap().unwrap();
    store.renew("l", list, 1).unwrap();
    let found = |store: &mut Store, key| store.find(key, "xxxxxxx", Pass::GoOn).unwrap();
    assert!(found(&mut store, 7).is_some_and(|known| known.is_elsewhere));
    assert!(found(&mut store, 8).is_none());
    assert!(store.is_scattered("l").unwrap());
    store
        .record(
            &[record("l", 1, "xxxxxxx", Ended::Done)],
            &Progress::default(),
        )
        .unwrap();
    store
        .tidy([("l", 1)].into_iter(), true, &HashSet::new())
        .unwrap();
    assert_eq!(rows(&store), ["2 0 xxxxx", "2 1 xxxxxxx"]);
    assert!(!store.is_scattered("l").unwrap());
}

#[test]
fn rows_after_the_last_one_go_and_other_lists_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    for input in ["a", "b"] {
        let group: Vec<_> = (0..3)
            .map(|row| record(input, row, "u", Ended::Done))
            .collect();
        store.record(&group, &Progress::default()).unwrap();
    }
    store
        .tidy([("a", 0)].into_iter(), false, &HashSet::new())
        .unwrap();
    assert_eq!(rows(&store), ["1 0 u", "2 0 u", "2 1 u", "2 2 u"]);
}

#[test]
fn what_a_finished_run_has_done_counts_for_nothing_in_a_new_pass() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    store
        .record(&[record("l", 0, "u", Ended::Done)], &Progress::default())
        .unwrap();
    let first = store.list("l", Pass::Anew).unwrap();
    assert_eq!(first, Some(1));
    store
        .tidy([("l", 0)].into_iter(), true, &HashSet::new())
        .unwrap();
    assert_eq!(store.list("l", Pass::GoOn).unwrap(), Some(1));
    assert_eq!(store.list("l", Pass::Anew).unwrap(), Some(2));
    assert!(store.find(1, "u", Pass::Anew).unwrap().is_none());
    assert!(store.find(1, "u", Pass::GoOn).unwrap().is_some());
}

#[test]
fn another_rows_file_is_told_from_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    store
        .record(&[record("l", 0, "u", Ended::Done)], &Progress::default())
        .unwrap();
    assert!(store.belongs_to_other_row("a/b", Some(1), "v").unwrap());
    assert!(!store.belongs_to_other_row("a/b", Some(1), "u").unwrap());
    assert!(!store.belongs_to_other_row("a/c", Some(1), "v").unwrap());
    assert!(store.belongs_to_other_row("a/b", Some(2), "u").unwrap());
    assert!(!store.belongs_to_other_row("a/b", None, "u").unwrap());
    assert!(store.belongs_to_other_row("a/b", None, "v").unwrap());
    // A file that was taken by its name alone may belong to any row.
    for (verified, is_known) in [(Verified::Nothing, false), (Verified::Length, true)] {
        let taken = Record {
            verified,
            path: Some("a/b".into()),
            ..record("l", 0, "u", Ended::Skipped)
        };
        store.record(&[taken], &Progress::default()).unwrap();
        let belongs_to_other_row = store.belongs_to_other_row("a/b", None, "v").unwrap();
        assert_eq!(belongs_to_other_row, is_known);
    }
}

#[test]
fn what_is_not_ours_or_newer_or_broken_is_not_opened_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let message = || {
        let opened = Store::open(&path, Access::Write(Sharing::WithReaders));
        opened.err().unwrap().into_error(&path).to_string()
    };
    let journal_mode = |database: &Connection| {
        let mode = database.pragma_query_value(None, "journal_mode", |row| row.get(0));
        let mode: String = mode.unwrap();
        mode
    };
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA application_id = 7; PRAGMA user_version = 1; CREATE TABLE t (x)")
        .unwrap();
    assert!(message().contains("another program's"), "{}", message());
    // Most programs set no application ID.
    other
        .execute_batch("PRAGMA application_id = 0; PRAGMA user_version = 0")
        .unwrap();
    assert!(message().contains("another program's"), "{}", message());
    assert_eq!(journal_mode(&other), "delete", "it is left as it was");
    other
        .execute_batch("PRAGMA application_id = 1751217516; PRAGMA user_version = 99")
        .unwrap();
    assert!(message().contains("newer"), "{}", message());
    drop(other);
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(
        &path,
        "no database at all, but long enough to be taken for one",
    )
    .unwrap();
    assert!(message().contains("damaged"), "{}", message());
}

#[test]
fn rows_of_an_older_schema_have_no_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    {
        let mut store = store(&folder);
        let group = [record("l", 0, "u", Ended::Done)];
        store.record(&group, &Progress::default()).unwrap();
    }
    let read = || {
        let store = Store::open(&path, Access::Read).unwrap();
        let records = store.records((i64::MIN, i64::MIN), 100).unwrap();
        records[0].1.counts
    };
    let counts = Counts {
        resumed: 3,
        segments: 2,
    };
    assert_eq!(read(), Some(counts));
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "ALTER TABLE item DROP COLUMN resumed; ALTER TABLE item DROP COLUMN segments; \
             DROP TABLE run; DROP TABLE sample; DROP TABLE sample_host; PRAGMA user_version = 2",
        )
        .unwrap();
    assert_eq!(read(), None);
    // The next run that writes adds the columns, and leaves the row unchanged.
    drop(store(&folder));
    assert_eq!(read(), None);
}
