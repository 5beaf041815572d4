//! Rows: names, what is there already, identical rows, rows that cannot be read.

use haulage::source::{Pattern, Text};
use haulage::{
    Durability, Existing, Layout, Outcome, PlainHttp, Purpose, Request, RunOptions, StateDir,
};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, named, next_outcome, rest};

fn files() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |request| Script::ok(Body::of(request.target.clone())));
    origin
}

#[test]
fn rows_that_cannot_be_read_fail_alone_with_their_line() {
    let origin = files();
    let text = format!(
        "# a comment\n{}\nnonsense\n\nftp://host/x\n{}\tout=sub/b.bin\tlabel=二\n{}\tbogus\n{}",
        origin.url("/a"),
        origin.url("/b"),
        origin.url("/c"),
        origin.url("/d"),
    );
    let sandbox = Sandbox::new();
    let mut outcomes = sandbox.run(Text::new(std::io::Cursor::new(text), "list.txt"));
    outcomes.sort_by_key(|outcome| outcome.row);
    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            (
                outcome.row,
                outcome.location.as_ref().unwrap().line,
                kind(outcome),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, 2, "none"),
            (1, 3, "input"),
            (2, 5, "input"),
            (3, 6, "none"),
            (4, 7, "input"),
            (5, 8, "none")
        ]
    );
    assert_eq!(&*outcomes[3].label, "二");
    assert_eq!(sandbox.read("sub/b.bin"), b"/b");
    assert_eq!(sandbox.names(), ["a", "d", "sub"]);
}

#[test]
fn several_rows_of_one_name_are_all_kept_the_first_under_it() {
    let origin = files();
    let sandbox = Sandbox::new();
    let urls = ["/x/a.txt", "/y/a.txt", "/z/A.txt"].map(|path| get(&origin.url(path)));
    let outcomes = sandbox.run(urls);
    outcomes.iter().for_each(assert_done);
    assert_eq!(sandbox.read("a.txt"), b"/x/a.txt");
    assert_eq!(sandbox.names().len(), 3);
    for outcome in &outcomes {
        let name = outcome.path.clone().unwrap();
        assert!(
            outcome
                .url
                .ends_with(&String::from_utf8(sandbox.read(&name)).unwrap()),
            "{name}"
        );
    }
    // The same list gives the same names.
    let urls = ["/x/a.txt", "/y/a.txt", "/z/A.txt"].map(|path| get(&origin.url(path)));
    assert!(
        sandbox
            .run(urls)
            .iter()
            .all(|outcome| outcome.status.name() == "skipped")
    );
}

#[test]
fn each_layout_gives_the_same_names_on_every_run() {
    let origin = files();
    let rows = || ["/x/a.txt", "/y/a.txt", "/x", "/x/a.txt"].map(|path| get(&origin.url(path)));
    for (layout, ends) in [
        (Layout::Flat, ["done", "done", "done", "skipped"]),
        (Layout::Tree, ["done", "done", "done", "skipped"]),
        (Layout::Hashed, ["done", "done", "done", "skipped"]),
        (Layout::Row, ["done", "done", "done", "done"]),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.options.layout = layout;
        let told = |run: Vec<Outcome>| {
            let mut told: Vec<_> = run
                .into_iter()
                .map(|end| (end.row, end.status.name(), end.path.unwrap(), end.url))
                .collect();
            told.sort();
            told
        };
        let first = told(sandbox.run(rows()));
        assert_eq!(
            first.iter().map(|row| row.1).collect::<Vec<_>>(),
            ends,
            "{layout:?}"
        );
        for (_, _, path, url) in &first {
            assert!(
                url.ends_with(&String::from_utf8(sandbox.read(path)).unwrap()),
                "{path}"
            );
        }
        let again = told(sandbox.run(rows()));
        for (one, other) in first.iter().zip(&again) {
            assert_eq!((&one.2, "skipped"), (&other.2, other.1), "{layout:?}");
        }
    }
}

#[test]
fn a_list_that_has_changed_finds_its_files_again() {
    for layout in [Layout::Flat, Layout::Tree, Layout::Hashed] {
        let origin = files();
        let mut sandbox = Sandbox::new();
        sandbox.options.layout = layout;
        let run = |paths: &[&str]| {
            let rows: Vec<_> = paths.iter().map(|path| get(&origin.url(path))).collect();
            for outcome in sandbox.run(rows) {
                assert!(outcome.error().is_none(), "{layout:?}: {outcome:?}");
                let file = sandbox.read(outcome.path.as_deref().unwrap());
                let is_its_own = outcome.url.ends_with(std::str::from_utf8(&file).unwrap());
                assert!(is_its_own, "{layout:?}: {outcome:?}");
            }
        };
        run(&["/a", "/b", "/c"]);
        run(&["/new", "/c", "/a"]);
        let asked: Vec<_> = origin.log().into_iter().map(|asked| asked.path).collect();
        assert_eq!(asked.len(), 4, "{layout:?}: {asked:?}");
        assert_eq!(asked[3], "/new", "{layout:?}");
    }
}

#[test]
fn where_names_come_from_whole_urls_rows_of_one_name_may_change_places() {
    for layout in [Layout::Tree, Layout::Hashed] {
        let origin = files();
        let mut sandbox = Sandbox::new();
        sandbox.options.layout = layout;
        for paths in [["/x/a", "/y/a"], ["/y/a", "/x/a"]] {
            for outcome in sandbox.run(paths.map(|path| get(&origin.url(path)))) {
                let file = sandbox.read(outcome.path.as_deref().unwrap());
                let is_its_own = outcome.url.ends_with(std::str::from_utf8(&file).unwrap());
                assert!(is_its_own, "{layout:?}: {outcome:?}");
            }
        }
        assert_eq!(origin.tally().requests, 2, "{layout:?}");
    }
}

#[test]
fn hostile_urls_become_plain_files_below_the_destination() {
    let origin = files();
    let long = format!("/{}.gif", "x".repeat(300));
    let deep = format!("{}/a", "/d".repeat(3_000));
    let paths = [
        "/%2e%2e%2f%2e%2e%2fetc",
        "/..%5Ca",
        "/%2Fetc%2Fpasswd",
        "/C:a",
        "/a%00b",
        "/%1B%5B2J",
        "/a%E2%80%AEb",
        "/CON",
        "/a%20.",
        "/.haul",
        "/.haul/lock",
        "/a%FF",
        "/a/b",
        "/a",
        "/A",
        "/%C3%A4",
        "/a%CC%88",
        &long,
        &deep,
    ];
    for layout in [Layout::Flat, Layout::Tree, Layout::Hashed, Layout::Row] {
        let mut sandbox = Sandbox::new();
        sandbox.options.layout = layout;
        let outcomes = sandbox.run(paths.map(|path| get(&origin.url(path))));
        let mut files = Vec::new();
        for outcome in &outcomes {
            assert_done(outcome);
            let path = outcome.path.clone().unwrap();
            assert!(
                !path.starts_with('/') && !path.starts_with(".haul"),
                "{path}"
            );
            assert!(
                path.split('/')
                    .all(|part| !matches!(part, "" | "." | "..") && part.len() <= 255),
                "{path}"
            );
            assert!(
                sandbox.path(&path).symlink_metadata().unwrap().is_file(),
                "{path}"
            );
            files.push(path.to_lowercase());
        }
        files.sort();
        files.dedup();
        assert_eq!(
            files.len(),
            paths.len(),
            "{layout:?}: two rows have one file"
        );
    }
}

#[test]
fn in_a_tree_a_file_and_a_folder_of_one_name_are_both_kept() {
    let origin = files();
    for paths in [["/a", "/a/b"], ["/a/b", "/a"]] {
        let mut sandbox = Sandbox::new();
        sandbox.options.layout = Layout::Tree;
        let outcomes = sandbox.run(paths.map(|path| get(&origin.url(path))));
        outcomes.iter().for_each(assert_done);
        let first = outcomes.iter().find(|outcome| outcome.row == 0).unwrap();
        let path = first.path.as_deref().unwrap();
        assert!(
            path.ends_with(paths[0]),
            "the first row keeps its name: {path}"
        );
    }
}

#[test]
fn an_identical_row_is_not_fetched_twice_and_ends_as_the_first_did() {
    let origin = files();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::seeded(1, 10)).hold(&gate));
    origin.on("/gone", Script::status(404));
    let sandbox = Sandbox::new();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(["/a", "/a", "/gone"].map(|path| get(&origin.url(path))));
    gate.wait_reached(1);
    gate.open();
    run.feed([get(&origin.url("/a"))]);
    run.feed([get(&origin.url("/gone"))]);
    run.close();
    let mut outcomes = block_on(rest(&mut events));
    outcomes.sort_by_key(|outcome| outcome.row);
    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome.status.name(), outcome.path.as_deref()))
        .collect();
    let (a, failed) = (Some("a"), ("failed", None));
    assert_eq!(
        told,
        [("done", a), ("skipped", a), failed, ("skipped", a), failed]
    );
    assert_eq!(kind(&outcomes[4]), "http");
    assert_eq!((origin.count("/a"), origin.count("/gone")), (1, 1));
}

#[test]
fn what_is_there_is_taken_as_it_is_or_replaced() {
    let origin = files();
    let mut sandbox = Sandbox::new();
    sandbox.options.existing = Existing::Skip;
    sandbox.write("a", "/a?1");
    let skipped = sandbox.fetch(&origin.url("/a?2"));
    assert_eq!(
        (
            skipped.status.name(),
            skipped.bytes,
            skipped.path.as_deref()
        ),
        ("skipped", 4, Some("a"))
    );
    assert_eq!(skipped.attempts, 0);
    assert_eq!(sandbox.read("a"), b"/a?1");
    sandbox.options.existing = Existing::Overwrite;
    assert_done(&sandbox.fetch(&origin.url("/a?2")));
    assert_eq!(sandbox.read("a"), b"/a?2");
}

#[test]
fn a_folder_at_the_target_is_an_error_of_that_row() {
    let origin = files();
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("a")).unwrap();
    let outcomes = sandbox.run(["/a", "/b"].map(|path| get(&origin.url(path))));
    assert_eq!(
        outcomes.iter().map(kind).collect::<Vec<_>>(),
        ["exists", "none"]
    );
}

#[test]
fn nothing_is_named_into_the_workspace() {
    let origin = files();
    let sandbox = Sandbox::new();
    let rows = [
        named(&origin.url("/a"), ".haul/lock"),
        // Another run may have this folder as its destination.
        named(&origin.url("/a"), "sub/.haul/lock"),
        get(&origin.url("/.haul")),
    ];
    for outcome in sandbox.run(rows) {
        assert_done(&outcome);
        assert!(!outcome.path.unwrap().split('/').any(|part| part == ".haul"));
    }
}

#[test]
fn a_plan_asks_for_nothing_and_makes_nothing() {
    let origin = files();
    let mut sandbox = Sandbox::new();
    assert_done(&sandbox.fetch(&origin.url("/there")));
    let asked = origin.tally().requests;
    sandbox.options.purpose = Purpose::Plan;
    sandbox.write("unknown", "of another tool");
    let rows = ["/there", "/new", "/new", "/unknown"].map(|path| get(&origin.url(path)));
    let mut outcomes = sandbox.run(rows);
    outcomes.sort_by_key(|outcome| outcome.row);
    let ended: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome.status.name(), outcome.path.as_deref()))
        .collect();
    assert_eq!(
        ended,
        [
            ("skipped", Some("there")),
            ("planned", Some("new")),
            ("skipped", Some("new")),
            ("planned", Some("unknown")),
        ]
    );
    assert_eq!(origin.tally().requests, asked);
    assert_eq!(sandbox.names(), ["there", "unknown"]);
    let nowhere = sandbox.path("nowhere");
    let mut options = RunOptions::new(&nowhere);
    options.purpose = Purpose::Plan;
    let mut outcomes = haulage::download([get(&origin.url("/new"))], options).unwrap();
    block_on(async { while outcomes.next().await.is_some() {} });
    assert!(!nowhere.exists());
}

#[test]
fn a_plan_refuses_what_a_real_run_would() {
    let mut sandbox = Sandbox::new();
    sandbox.options.purpose = Purpose::Plan;
    sandbox.options.plain_http = PlainHttp::Never;
    let mirrored = Request::new("http://a.invalid/b").unwrap();
    let mirrored = mirrored.mirror("https://a.invalid/b").unwrap();
    let outcomes = sandbox.run([get("http://a.invalid/a"), Ok(mirrored)]);
    let kinds: Vec<_> = outcomes.iter().map(kind).collect();
    assert_eq!(kinds, ["refused", "none"]);
}

#[test]
fn a_pattern_names_its_files() {
    let origin = files();
    let sandbox = Sandbox::new();
    let pattern = Pattern::parse(&origin.url("/{<cc>cn,in}/{<cc>}-[1-2].gif")).unwrap();
    assert_eq!(pattern.len(), Some(4));
    sandbox
        .run(pattern.output("#<cc>/#2.gif").unwrap())
        .iter()
        .for_each(assert_done);
    assert_eq!(sandbox.read("in/2.gif"), b"/in/in-2.gif");
    assert_eq!(sandbox.names(), ["cn", "in"]);
}

#[test]
fn a_long_list_is_read_no_further_than_the_outcomes_are() {
    let origin = files();
    let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (counter, base) = (std::sync::Arc::clone(&read), origin.url("/"));
    let rows = (0..20_000).map(move |number| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        get(&format!("{base}{number}"))
    });
    let mut sandbox = Sandbox::new();
    // With slots to spare it would look for other hosts farther down.
    (sandbox.engine.jobs, sandbox.engine.per_host) = (4, Some(4));
    // So it would while files wait for a flush, which takes long where each is flushed by itself.
    sandbox.options.durability = Durability::None;
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(rows);
    block_on(async {
        for received in 0..5_000 {
            assert_done(&next_outcome(&mut events).await);
            let ahead = read.load(std::sync::atomic::Ordering::Relaxed) - received;
            assert!(ahead < 5_000, "{ahead} rows were read ahead");
        }
    });
}

#[test]
fn a_second_run_is_kept_out_and_a_workspace_that_nobody_needs_goes() {
    let sandbox = Sandbox::new();
    let run = sandbox.start();
    let error = sandbox.try_start().unwrap_err();
    assert_eq!(error.kind().name(), "disk");
    drop(run);
    let origin = files();
    let folder = sandbox.path("new");
    let mut options = RunOptions::new(&folder);
    options.state_dir = StateDir::RemoveWhenDone;
    let mut outcomes = haulage::download([get(&origin.url("/a"))], options).unwrap();
    block_on(async { while outcomes.next().await.is_some() {} });
    let names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["a"]);
}
