//! `haul results`, and lists that are run again.

use origin::{Body, Origin, Script};

use crate::Sandbox;

/// A list of three of which one is not there, and one is no URL, downloaded to `d`.
fn downloaded(origin: &Origin) -> Sandbox {
    origin.on("/a", Script::ok(Body::of("aaa")));
    origin.on("/no", Script::status(404));
    let sandbox = Sandbox::new();
    let list = format!(
        "{}\tout=x/a.bin\nnonsense\n{}\tlabel=gone\thttp://u:secret@127.0.0.1:1/m\n",
        origin.url("/a"),
        origin.url("/no"),
    );
    sandbox.write("list.txt", &list);
    let ran = sandbox.haul(&["-i", "list.txt", "-d", "d", "--retries", "0"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    sandbox
}

#[test]
fn what_became_of_each_item_can_be_asked_for_later() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    let ran = sandbox.haul(&["results", "d"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let rows: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ended: Vec<_> = rows
        .iter()
        .map(|row| (row["status"].as_str().unwrap(), row["line"].as_u64()))
        .collect();
    assert_eq!(
        ended,
        [("done", Some(1)), ("failed", Some(2)), ("failed", Some(3))]
    );
    assert_eq!(rows[0]["path"], "x/a.bin");
    assert_eq!(rows[0]["bytes"], 3);
    assert_eq!(rows[1]["error"]["kind"], "input");
    let ran = sandbox.haul(&["results", "d", "--status", "done", "--status", "skipped"]);
    assert_eq!(ran.stdout.lines().count(), 1);
}

#[test]
fn what_failed_is_a_list_that_can_be_run_by_itself() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    let arguments = ["results", "d", "--status", "failed", "--format", "text"];
    let ran = sandbox.haul(&arguments);
    let expected = format!(
        "nonsense\n{}\thttp://127.0.0.1:1/m\tlabel=gone\n",
        origin.url("/no")
    );
    assert_eq!(ran.stdout, expected);
    origin.on("/no", Script::ok(Body::of("now it is")));
    sandbox.write("failed.txt", &ran.stdout);
    let ran = sandbox.haul(&["-i", "failed.txt", "-d", "d", "--retry-failed", "all"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(sandbox.read("d/no"), "now it is");
}

#[test]
fn nothing_recorded_is_a_usage_error() {
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&["results", "."]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("nothing is recorded"), "{}", ran.stderr);
}

#[test]
fn one_file_from_one_url_leaves_no_state() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("aaa")));
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&[&origin.url("/a")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("."), ["a"]);
}

/// A way to damage a state, by its path.
type Damage = fn(&std::path::Path);

#[expect(clippy::disallowed_methods, reason = "a test's own files")]
fn spoil(path: &std::path::Path, at: usize, bytes: &[u8]) {
    let mut state = std::fs::read(path).unwrap();
    state[at..at + bytes.len()].copy_from_slice(bytes);
    std::fs::write(path, state).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test's own files")]
const DAMAGES: [(&str, Damage); 10] = [
    ("no database", |path| {
        std::fs::write(
            path,
            "no database at all, and so long that it could be one ".repeat(100),
        )
        .unwrap();
    }),
    ("truncated within its first page", |path| {
        std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(1000)
            .unwrap();
    }),
    ("truncated after its first page", |path| {
        std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(4096)
            .unwrap();
    }),
    ("a malformed page", |path| {
        let length = std::fs::metadata(path).unwrap().len();
        for page in 1..length / 4096 {
            spoil(path, usize::try_from(page).unwrap() * 4096, &[0xff; 4096]);
        }
    }),
    ("another application's number", |path| {
        spoil(path, 68, &[0, 0, 0, 7]);
    }),
    ("a database that does not say whose it is", |path| {
        // Neither an application, nor a version of its tables.
        spoil(path, 60, &[0; 12]);
    }),
    ("a table that is not there", |path| {
        let text = std::fs::read(path).unwrap();
        let at = text
            .windows(10)
            .position(|word| word == b"tableitemi")
            .unwrap();
        spoil(path, at, b"tableatemi");
    }),
    ("a folder", |path| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    }),
    ("a pipe", |path| {
        std::fs::remove_file(path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    }),
    ("a folder for a log", |path| {
        let log = path.with_file_name("state.db-wal");
        // A program that has read the database may have left one.
        let _ = std::fs::remove_file(&log);
        std::fs::create_dir(log).unwrap();
    }),
];

#[test]
fn damaged_state_is_put_aside_and_the_run_goes_on() {
    let origin = Origin::plain();
    for (what, damage) in DAMAGES {
        let sandbox = downloaded(&origin);
        let state = sandbox.path().join("d/.haul/state.db");
        for nth in ["state.db.damaged", "state.db.damaged.1"] {
            damage(&state);
            let ran = sandbox.haul(&["-i", "list.txt", "-d", "d", "--retries", "0"]);
            // Two of three can never be downloaded.
            assert_eq!(ran.code, Some(1), "{what}: {}", ran.stderr);
            assert!(
                ran.stderr.contains("0 done, 1 skipped, 2 failed"),
                "{what}: {}",
                ran.stderr
            );
            assert_eq!(
                ran.stderr.matches("damaged").count(),
                2,
                "{what}: {}",
                ran.stderr
            );
            assert!(ran.stderr.contains(nth), "{what}: {}", ran.stderr);
            assert!(sandbox.has(&format!("d/.haul/{nth}")), "{what}");
            let ran = sandbox.haul(&["results", "d"]);
            assert_eq!(ran.stdout.lines().count(), 3, "{what}: {}", ran.stderr);
        }
    }
}

#[test]
fn damage_that_shows_only_later_does_not_end_the_run() {
    const ROWS: usize = 3000;
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let urls: Vec<String> = (0..ROWS)
        .map(|row| origin.url(&format!("/{row}")))
        .collect();
    let list = urls.join("\n") + "\n";
    sandbox.write("list.txt", &list);
    let ran = sandbox.haul(&["-i", "list.txt", "-d", "d", "--durability", "none"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let state = sandbox.path().join("d/.haul/state.db");
    let pages = std::fs::metadata(&state).unwrap().len() / 4096;
    // The rows of the second half, and none of the tables' roots.
    for page in pages / 2..pages {
        spoil(&state, usize::try_from(page).unwrap() * 4096, &[0xff; 4096]);
    }
    let asked = origin.log().len();
    // One more, so that something is to be recorded.
    sandbox.write("list.txt", &format!("{list}{}\n", origin.url("/more")));
    let again = [
        "-i",
        "list.txt",
        "-d",
        "d",
        "--durability",
        "none",
        "--exists",
        "skip",
    ];
    let ran = sandbox.haul(&again);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("1 done, 3000 skipped, 0 failed"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("state.db.damaged"), "{}", ran.stderr);
    assert_eq!(origin.log().len(), asked + 1);
    let ran = sandbox.haul(&["-i", "list.txt", "-d", "d"]);
    assert!(
        ran.stderr.contains("0 done, 3001 skipped"),
        "{}",
        ran.stderr
    );
}

#[test]
fn damaged_state_of_a_list_does_not_keep_a_url() {
    let origin = Origin::plain();
    for (what, damage) in DAMAGES {
        let sandbox = downloaded(&origin);
        damage(&sandbox.path().join("d/.haul/state.db"));
        origin.on("/b", Script::ok(Body::of("b")));
        let ran = sandbox.haul(&[&origin.url("/b"), "-d", "d"]);
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        assert_eq!(sandbox.read("d/b"), "b");
        let ran = sandbox.haul(&["-i", "list.txt", "-d", "d", "--retries", "0"]);
        assert!(
            ran.stderr.contains("1 skipped, 2 failed"),
            "{what}: {}",
            ran.stderr
        );
    }
}

#[test]
fn state_of_a_newer_version_is_left_alone() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    let state = sandbox.path().join("d/.haul/state.db");
    spoil(&state, 60, &[0, 0, 0, 99]);
    let before = std::fs::read(&state).unwrap();
    let ran = sandbox.haul(&["-i", "list.txt", "-d", "d"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("newer version"), "{}", ran.stderr);
    assert_eq!(std::fs::read(&state).unwrap(), before);
}

#[test]
fn results_of_a_damaged_state_say_what_to_do() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    let damaged = "no database at all, and so long that it could be one ".repeat(100);
    sandbox.write("d/.haul/state.db", &damaged);
    let ran = sandbox.haul(&["results", "d"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("move it away"), "{}", ran.stderr);
    assert_eq!(sandbox.read("d/.haul/state.db"), damaged);
}

#[test]
fn a_destination_behind_a_link_is_like_any_other() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    std::os::unix::fs::symlink("d", sandbox.path().join("link")).unwrap();
    let ran = sandbox.haul(&["results", "link"]);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stderr);
    let ran = sandbox.haul(&["-i", "list.txt", "-d", "link", "--retries", "0"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("0 done, 1 skipped, 2 failed"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_state_that_is_a_link_is_not_followed() {
    let origin = Origin::plain();
    let sandbox = downloaded(&origin);
    let database = sandbox.path().join("d/.haul/state.db");
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::rename(&database, sandbox.path().join("elsewhere.db")).unwrap();
    std::os::unix::fs::symlink("../../elsewhere.db", &database).unwrap();
    let ran = sandbox.haul(&["-i", "list.txt", "-d", "d"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
}

#[test]
fn a_url_that_is_done_leaves_what_is_recorded_of_a_list() {
    let origin = Origin::plain();
    let sandbox = Sandbox::new();
    origin.on("/a", Script::ok(Body::of("aaa")));
    origin.on("/b", Script::ok(Body::of("b")));
    sandbox.write("list.txt", &origin.url("/a"));
    sandbox.haul(&["-i", "list.txt", "-d", "d"]);
    let ran = sandbox.haul(&[&origin.url("/b"), "-d", "d"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = sandbox.haul(&["results", "d", "--format", "text"]);
    assert!(ran.stdout.contains(&origin.url("/a")), "{}", ran.stdout);
}
