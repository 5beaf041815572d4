//! Folders in which an older version has recorded a list, or a newer one.

use origin::{Body, Origin, Script};
use rusqlite::Connection;

use crate::Sandbox;

/// What each version adds to a state: that of version N is made by the first N. They are texts as
/// these versions of haul made them, and must never be changed.
const VERSIONS: [&str; 5] = [
    include_str!("upgrades/v1.sql"),
    include_str!("upgrades/v2.sql"),
    include_str!("upgrades/v3.sql"),
    include_str!("upgrades/v4.sql"),
    include_str!("upgrades/v5.sql"),
];
const STATE: &str = "d/.haul/state.db";

/// The file that the recorded run had not completed.
fn left() -> Body {
    Body::seeded(9, 600_000)
}

/// Returns a folder as a run of this version left it when it was killed.
fn recorded_by(version: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "list.txt",
        "http://data.example/done\nhttp://data.example/missing\nhttp://data.example/left\n",
    );
    sandbox.make("d/.haul/part");
    sandbox.write("d/done", "hello");
    if version >= 2 {
        sandbox.write_bytes("d/.haul/part/7", &left().bytes()[..400_000]);
    }
    let state = Connection::open(sandbox.path().join(STATE)).unwrap();
    let wal = state.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0));
    assert_eq!(wal, Ok("wal".to_owned()));
    for change in &VERSIONS[..version] {
        state.execute_batch(change).unwrap();
    }
    sandbox
}

fn version(sandbox: &Sandbox) -> usize {
    let state = Connection::open(sandbox.path().join(STATE)).unwrap();
    let version = state.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    usize::try_from(version.unwrap()).unwrap()
}

fn bytes(sandbox: &Sandbox, name: &str) -> Vec<u8> {
    std::fs::read(sandbox.path().join(name)).unwrap()
}

#[test]
fn list_of_an_older_version_goes_on_where_it_was() {
    for from in 1..=VERSIONS.len() {
        // The URLs are the same each time, so the origin is the proxy through which they are.
        let origin = Origin::plain();
        let whole = Script::ok(left()).etag("\"left\"").ranges();
        origin.on("/left", whole);
        let sandbox = recorded_by(from);
        let proxy = format!("http://{}", origin.authority());
        let arguments = ["-i", "list.txt", "-d", "d", "--proxy", &proxy];
        let ran = sandbox.haul(&arguments);
        assert_eq!(ran.code, Some(1), "from version {from}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("1 done, 1 skipped, 1 failed"),
            "{}",
            ran.stderr
        );
        let log = origin.log();
        let requested: Vec<&str> = log.iter().map(|request| &*request.path).collect();
        assert_eq!(requested, ["/left"], "from version {from}");
        let range = log[0]
            .headers
            .get("range")
            .map(|value| value.to_str().unwrap());
        let expected = (from >= 2).then_some("bytes=400000-");
        assert_eq!(range, expected, "from version {from}");
        assert!(bytes(&sandbox, "d/left") == left().bytes());
        assert_eq!(
            version(&sandbox),
            VERSIONS.len(),
            "a schema with a new version needs a file in tests/cli/upgrades"
        );
        let rows = sandbox.haul(&["results", "d", "--format", "jsonl"]).stdout;
        assert_eq!(rows.lines().count(), 3, "from version {from}: {rows}");
    }
}

#[test]
fn results_and_reports_of_older_versions_leave_the_state_alone() {
    for from in 1..=VERSIONS.len() {
        let sandbox = recorded_by(from);
        let before = bytes(&sandbox, STATE);
        let ran = sandbox.haul(&["results", "d", "--format", "jsonl"]);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), ""),
            "version {from}"
        );
        let rows: Vec<serde_json::Value> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(rows[0]["status"], "done");
        let resumed = if from >= 3 {
            serde_json::json!(2)
        } else {
            serde_json::Value::Null
        };
        assert_eq!(rows[0]["resumed"], resumed, "version {from}");
        assert_eq!(rows[1]["error"]["kind"], "http");
        assert_eq!(rows.len(), 2);
        let ran = sandbox.haul(&["report", "d", "-o", "page.html"]);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), ""),
            "version {from}"
        );
        assert!(sandbox.read("page.html").contains("data.example"));
        assert!(
            bytes(&sandbox, STATE) == before,
            "version {from} was changed"
        );
        assert_eq!(version(&sandbox), from);
    }
}

#[test]
fn state_of_a_newer_version_says_so_and_what_to_do() {
    let sandbox = recorded_by(VERSIONS.len());
    let newer = u32::try_from(VERSIONS.len()).unwrap() + 1;
    let state = Connection::open(sandbox.path().join(STATE)).unwrap();
    state.pragma_update(None, "user_version", newer).unwrap();
    drop(state);
    let before = bytes(&sandbox, STATE);
    for arguments in [
        &["-i", "list.txt", "-d", "d"][..],
        &["results", "d"],
        &["report", "d", "-o", "page.html"],
    ] {
        let ran = sandbox.haul(arguments);
        assert_eq!(ran.code, Some(3), "{arguments:?}: {}", ran.stderr);
        for part in [
            "d/.haul/state.db",
            "a newer version of haul",
            "update haul",
            "folder",
        ] {
            assert!(ran.stderr.contains(part), "{arguments:?}: {}", ran.stderr);
        }
        assert!(bytes(&sandbox, STATE) == before);
        assert_eq!(sandbox.read("d/done"), "hello");
    }
}
