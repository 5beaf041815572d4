//! The commands that talk to a daemon.

use std::time::Instant;

use origin::{Body, Gate, Origin, Script};
use serde_json::Value;

use crate::serve::{kill, serve};
use crate::{PATIENCE, Ran, Sandbox};

const SIZE: u64 = 3 << 20;

/// Runs a command for the daemon of this folder.
fn asked(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    let (command, rest) = arguments.split_first().unwrap();
    let mut all = vec![*command, "--state", "state"];
    all.extend(rest);
    sandbox.haul(&all)
}

/// Runs a command that succeeds, and returns what it prints.
#[track_caller]
fn told(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let ran = asked(sandbox, arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
    ran.stdout.trim_end().to_owned()
}

fn run(sandbox: &Sandbox, id: &str) -> Value {
    serde_json::from_str(&told(sandbox, &["status", id, "--json"])).unwrap()
}

#[track_caller]
fn wait(sandbox: &Sandbox, id: &str, has: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let run = run(sandbox, id);
        if has(&run) {
            return run;
        }
        assert!(Instant::now() < deadline, "{run}");
    }
}

#[test]
fn commands_add_runs_and_control_them() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.under("/many/", |_| Script::ok(Body::of("x")));
    let (mut daemon, _) = serve(&sandbox, &[], None);
    assert_eq!(told(&sandbox, &["status"]), "no runs");
    let pattern = origin.url("/many/[1-3]");
    let id = told(
        &sandbox,
        &["add", &pattern, "--name", "three", "-d", "files/sub"],
    );
    let run = wait(&sandbox, &id, |run| run["state"] == "done");
    assert_eq!(
        (&run["name"], &run["items"]["done"]),
        (&"three".into(), &3.into())
    );
    assert_eq!(sandbox.names("files/sub"), [".haul", "1", "2", "3"]);
    let rows = format!(
        "url,name\n{},a\n{},b\nnonsense,c\n",
        origin.url("/many/7"),
        origin.url("/many/8")
    );
    sandbox.write("table.csv", &rows);
    let list = told(&sandbox, &["add", "-i", "table.csv", "--paused"]);
    assert_eq!(wait(&sandbox, &list, |_| true)["state"], "paused");
    let table = told(&sandbox, &["status"]);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("id"), "{table}");
    assert!(
        lines[1].starts_with(&list) && lines[1].contains("paused"),
        "{table}"
    );
    assert!(
        lines[2].contains("3/3") && lines[2].ends_with("three"),
        "{table}"
    );
    // The beginning of an ID is enough.
    told(&sandbox, &["resume", &list[..15]]);
    let run = wait(&sandbox, &list, |run| run["state"] == "failed");
    assert_eq!(
        (&run["items"]["done"], &run["items"]["failed"]),
        (&2.into(), &1.into())
    );
    assert_eq!(sandbox.read("files/b"), "x");
    let about = told(&sandbox, &["status", &list]);
    assert!(about.contains("failed   nonsense: "), "{about}");
    let waiting = told(&sandbox, &["add", &origin.url("/many/9"), "--paused"]);
    let all = told(&sandbox, &["status", "--json"]);
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all["runs"].as_array().unwrap().len(), 3);
    assert_eq!(all["status"]["runs"]["paused"], 1);
    told(&sandbox, &["remove", &list, &id]);
    told(&sandbox, &["pause", "--all"]);
    told(&sandbox, &["remove", "--all"]);
    assert_eq!(told(&sandbox, &["status"]), "no runs");
    let gone = asked(&sandbox, &["status", &waiting]);
    assert!(gone.code == Some(2) && gone.stderr.contains("there is no run"));
    kill(&mut daemon);
}

#[test]
fn what_cannot_be_done_says_why() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let none = "error: no daemon is running\nhint: start it with haul serve\n";
    assert_eq!(asked(&sandbox, &["status"]).stderr, none);
    let (mut daemon, line) = serve(&sandbox, &[], None);
    let server = line.split(['/', ';']).nth(2).unwrap();
    let server = format!("http://{server}");
    sandbox.write("wrong", "nothing\n");
    sandbox.write("empty", "");
    sandbox.write_bytes("binary", &[0, 159, 146, 150, 0, 0, 1]);
    let url = origin.url("/a");
    for (arguments, why) in [
        (
            &["status", "--secret-file", "wrong"][..],
            "does not take this secret",
        ),
        (&["status", "--secret-file", "empty"], "has no secret in it"),
        (&["status", "--secret-file", "missing"], "No such file"),
        (&["status", "--at", "127.0.0.1:1"], "no address of a daemon"),
        (
            &["status", "--at", &origin.url("/x")],
            "no address of a daemon",
        ),
        (&["status", "--at", &origin.url("")], "no daemon of haul"),
        (&["add"], "required"),
        (&["add", "-i", "missing"], "cannot read missing"),
        (&["add", "-i", "empty"], "the list is empty"),
        (&["add", "-i", "binary"], "cannot use binary as a list"),
        (&["add", "-d", "/etc", &url], "--allow-dir"),
        (&["add", "nonsense"], "nonsense"),
        (&["add", "http://h/[1-9999999]"], "-i"),
        (&["pause", "zz"], "there is no run"),
        (&["resume"], "required"),
    ] {
        let ran = asked(&sandbox, arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{arguments:?}: {}", ran.stderr);
    }
    assert!(!sandbox.has("files/a"));
    let elsewhere = [
        "status",
        "--state",
        "other",
        "--at",
        &server,
        "--secret-file",
        "state/rpc-secret",
    ];
    assert_eq!(sandbox.haul(&elsewhere).stdout, "no runs\n");
    // The secret of a daemon is sent to no other address.
    origin.on("/api/v1/runs", Script::status(200));
    let ran = asked(
        &sandbox,
        &["status", "--at", origin.url("").trim_end_matches('/')],
    );
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let sent = origin.log();
    let sent = sent.last().unwrap();
    assert!(!sent.headers.contains_key("authorization"), "{sent:?}");
    let secret = std::fs::read_to_string(sandbox.path().join("state/rpc-secret")).unwrap();
    let given = ["--rpc-secret", secret.trim()];
    let elsewhere = [&elsewhere[..5], &given].concat();
    assert_eq!(sandbox.haul(&elsewhere).stdout, "no runs\n");
    kill(&mut daemon);
    // A daemon that was killed leaves its address behind.
    assert!(sandbox.has("state/daemon.json"));
    assert_eq!(asked(&sandbox, &["status"]).stderr, none);
}

#[test]
fn list_goes_on_after_its_daemon_was_killed() {
    let (origin, sandbox, gate) = (Origin::plain(), Sandbox::new(), Gate::new());
    let file = || Body::seeded(7, SIZE);
    let entity = || Script::entity(file(), "\"a\"");
    origin.on("/a", [entity().hold_at(SIZE / 2, &gate), entity()]);
    origin.under("/many/", |_| Script::ok(Body::of("x")));
    let (mut daemon, _) = serve(&sandbox, &["--no-secret"], None);
    let rows = (1..=20).map(|number| origin.url(&format!("/many/{number}")));
    let rows: Vec<_> = rows.chain([origin.url("/a")]).collect();
    sandbox.write("list.txt", &rows.join("\n"));
    let id = told(&sandbox, &["add", "-i", "list.txt"]);
    let waits = told(&sandbox, &["add", &origin.url("/many/99"), "--paused"]);
    wait(&sandbox, &id, |run| {
        run["items"]["done"] == 20 && run["bytes"].as_u64() >= Some(SIZE / 2)
    });
    kill(&mut daemon);
    gate.open();
    let (mut daemon, _) = serve(&sandbox, &["--no-secret"], None);
    let run = wait(&sandbox, &id, |run| run["state"] == "done");
    assert_eq!(
        (&run["items"]["total"], &run["name"]),
        (&21.into(), &"list.txt".into())
    );
    // Rows that were not recorded yet are there already.
    let over = ["done", "skipped"].map(|name| run["items"][name].as_u64().unwrap());
    assert_eq!(over[0] + over[1], 21);
    assert_eq!(wait(&sandbox, &waits, |_| true)["state"], "paused");
    let saved = std::fs::read(sandbox.path().join("files/a")).unwrap();
    assert!(saved == file().bytes());
    assert_eq!(sandbox.names("files").len(), 22);
    kill(&mut daemon);
}

#[test]
fn daemon_with_a_certificate_is_asked_over_tls() {
    let sandbox = Sandbox::new();
    let made = rcgen::generate_simple_self_signed(["nas.example".to_owned()]).unwrap();
    sandbox.write("cert.pem", &made.cert.pem());
    sandbox.write("key.pem", &made.signing_key.serialize_pem());
    let options = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let (mut daemon, line) = serve(&sandbox, &options, None);
    assert!(line.contains("https://"), "{line}");
    assert_eq!(told(&sandbox, &["status"]), "no runs");
    // Another certificate is not trusted.
    let other = rcgen::generate_simple_self_signed(["nas.example".to_owned()]).unwrap();
    sandbox.write("cert.pem", &other.cert.pem());
    let ran = asked(&sandbox, &["status"]);
    assert!(
        ran.code == Some(3) && ran.stderr.contains("certificate"),
        "{}",
        ran.stderr
    );
    let server = format!("https://{}", line.split('/').nth(2).unwrap());
    let ran = sandbox.haul(&["status", "--state", "other", "--at", &server]);
    assert!(ran.stderr.contains("--state DIR"), "{}", ran.stderr);
    kill(&mut daemon);
}
