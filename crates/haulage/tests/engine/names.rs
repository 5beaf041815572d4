//! What stands in a name beyond what every system takes: it stays where the destination accepts it.

use haulage::{FileNames, Layout, Purpose};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get, named};

/// Paths of URLs, and the names that Linux's own file systems accept for them.
const AWKWARD: [(&str, &str); 5] = [
    ("/2020-01-01T00:00:00Z.nc", "2020-01-01T00:00:00Z.nc"),
    ("/a%3Fb%3Cc%3Ed%7Ce%22f%2Ag", "a?b<c>d|e\"f*g"),
    ("/x%5Cy", "x\\y"),
    ("/dot.", "dot."),
    ("/space%20", "space "),
];

fn files() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::ok(Body::of(request.path().to_owned()))
    });
    origin
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort();
    names
}

#[test]
fn names_keep_what_the_file_system_accepts() {
    let origin = files();
    let sandbox = Sandbox::new();
    let rows = || AWKWARD.map(|(path, _)| get(&origin.url(path)));
    sandbox.run(rows()).iter().for_each(assert_done);
    let expected = sorted(AWKWARD.map(|(_, name)| name.to_owned()));
    assert_eq!(sandbox.names(), expected);
    let workspace = std::fs::read_dir(sandbox.path(".haul")).unwrap();
    let left = workspace.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.starts_with("names")));
    // The next run finds them.
    let requests = origin.tally().requests;
    let again = sandbox.run(rows());
    assert!(
        again
            .iter()
            .all(|outcome| outcome.status.name() == "skipped"),
        "{again:?}"
    );
    assert_eq!(origin.tally().requests, requests);
    assert_eq!(sandbox.names(), expected);
}

#[test]
fn names_by_hand_by_layout_and_by_server_keep_it_too() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("a")));
    origin.on("/d:e/f", Script::ok(Body::of("f")));
    let disposition = "attachment; filename=\"12:30.txt\"";
    origin.on(
        "/s",
        Script::ok(Body::of("s")).header("Content-Disposition", disposition),
    );
    let mut sandbox = Sandbox::new();
    let by_hand = sandbox.run([named(&origin.url("/a"), "x:1/y|2")]);
    assert_eq!(by_hand[0].path.as_deref(), Some("x:1/y|2"));
    sandbox.options.layout = Layout::Tree;
    let in_tree = sandbox.fetch(&origin.url("/d:e/f"));
    assert!(
        in_tree.path.as_deref().unwrap().ends_with("/d:e/f"),
        "{in_tree:?}"
    );
    sandbox.options.layout = Layout::Flat;
    sandbox.options.file_names = FileNames::FromServer;
    let by_server = sandbox.fetch(&origin.url("/s"));
    assert_eq!(by_server.path.as_deref(), Some("12:30.txt"));
}

#[test]
fn portable_names_are_safe_for_every_system() {
    let origin = files();
    let mut sandbox = Sandbox::new();
    sandbox.options.portable_names = true;
    let outcomes = sandbox.run(AWKWARD.map(|(path, _)| get(&origin.url(path))));
    outcomes.iter().for_each(assert_done);
    let special = |character| "\\<>:\"|?*".contains(character);
    for name in sandbox.names() {
        assert!(
            !name.contains(special) && !name.ends_with([' ', '.']),
            "{name}"
        );
        assert!(name.contains('~'), "{name}");
    }
}

#[test]
fn reserved_names_are_changed_on_every_file_system() {
    let origin = files();
    let sandbox = Sandbox::new();
    for (path, stem) in [
        ("/CON", "_CON~"),
        ("/nul.txt", "_nul~"),
        ("/COM1.x", "_COM1~"),
    ] {
        let outcome = sandbox.fetch(&origin.url(path));
        assert_done(&outcome);
        let path = outcome.path.as_deref().unwrap();
        assert!(path.starts_with(stem), "{path}");
    }
}

#[test]
fn a_plan_shows_the_names_and_makes_nothing() {
    let origin = files();
    let mut sandbox = Sandbox::new();
    sandbox.options.purpose = Purpose::Plan;
    let planned = sandbox.run(AWKWARD.map(|(path, _)| get(&origin.url(path))));
    let paths = planned
        .iter()
        .map(|outcome| outcome.path.as_deref().unwrap().to_owned());
    assert_eq!(
        sorted(paths),
        sorted(AWKWARD.map(|(_, name)| name.to_owned()))
    );
    assert!(sandbox.names().is_empty() && !sandbox.path(".haul").exists());
}
