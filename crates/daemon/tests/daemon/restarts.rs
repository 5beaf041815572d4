//! What is left when a daemon ends.

use haulage_daemon::TlsFiles;
use origin::{Body, Gate, Origin, Script};
use serde_json::json;

use crate::client::Socket;
use crate::{Daemon, Sandbox, write};

const SIZE: u64 = 3 << 20;

#[test]
fn queue_and_partial_files_survive_a_restart() {
    let (origin, sandbox, gate) = (Origin::plain(), Sandbox::new(), Gate::new());
    let file = || Body::seeded(7, SIZE);
    let entity = || Script::entity(file(), "\"a\"");
    origin.on("/a", [entity().hold_at(SIZE / 2, &gate), entity()]);
    origin.under("/many/", |_| Script::ok(Body::of("x")));
    let daemon = sandbox.start();
    let client = &daemon.client;
    let one = json!({"max-concurrent-downloads": "1"});
    client.call("aria2.changeGlobalOption", &json!([one]));
    let first = client.add(&origin.url("/a"), &json!({"split": "1"}));
    let paused = json!({"pause": "true", "out": "named"});
    let gids: Vec<_> = (0..3)
        .map(|number| client.add(&origin.url(&format!("/many/{number}")), &paused))
        .collect();
    client.call("aria2.changePosition", &json!([gids[2], 0, "POS_SET"]));
    client.wait(&first, |status| {
        status["completedLength"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= SIZE / 2
    });
    drop(daemon);
    gate.open();
    let daemon = sandbox.start();
    let client = &daemon.client;
    client.wait_for(&first, "complete");
    assert!(sandbox.read("a") == file().bytes());
    let ranges: Vec<_> = origin
        .log()
        .iter()
        .map(|request| request.headers.contains_key("range"))
        .collect();
    assert_eq!(ranges, [false, true]);
    let waiting = client.gids("aria2.tellWaiting", &json!([0, 9]));
    assert_eq!(waiting, [&*gids[2], &*gids[0], &*gids[1]]);
    let options = client.call("aria2.getOption", &json!([gids[0]]));
    assert_eq!(options["out"], "named");
    let options = client.call("aria2.getGlobalOption", &json!([]));
    assert_eq!(options["max-concurrent-downloads"], "1");
    drop(daemon);
    let daemon = sandbox.start();
    assert_eq!(
        daemon.client.gids("aria2.tellStopped", &json!([0, 9])),
        [first]
    );
}

#[test]
fn shutdown_is_answered_and_ends_the_daemon() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.start();
    let mut socket = Socket::open(&daemon.client, None).unwrap();
    assert_eq!(daemon.client.call("aria2.shutdown", &json!([])), "OK");
    assert_eq!(socket.next(), None);
    daemon.wait();
}

#[test]
fn second_daemon_with_the_same_state_does_not_start() {
    let sandbox = Sandbox::new();
    let _first = sandbox.start();
    let second = haulage_daemon::run(sandbox.settings(), |_| {}, std::future::pending());
    assert!(second.unwrap_err().to_string().contains("another daemon"));
}

#[test]
fn certificate_serves_tls_alone() {
    let (origin, sandbox) = (Origin::tls(), Sandbox::new());
    let mut settings = sandbox.settings();
    // A key of its own would do as well; this shows that a wrong one is found out.
    write(&sandbox.path("cert.pem"), origin.certificate_pem());
    write(&sandbox.path("key.pem"), "no key");
    settings.tls = Some(TlsFiles {
        certificate: sandbox.path("cert.pem"),
        key: sandbox.path("key.pem"),
    });
    assert!(haulage_daemon::run(settings, |_| {}, std::future::pending()).is_err());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&sandbox.path("cert.pem"), &made.cert.pem());
    write(&sandbox.path("key.pem"), &made.signing_key.serialize_pem());
    let mut settings = sandbox.settings();
    settings.tls = Some(TlsFiles {
        certificate: sandbox.path("cert.pem"),
        key: sandbox.path("key.pem"),
    });
    let daemon = Daemon::start(settings);
    let plain = daemon
        .client
        .raw(b"GET /jsonrpc HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(plain.status, 0);
    let url = format!(
        "https://{}/jsonrpc?method=system.listMethods&id=1",
        daemon.client.authority
    );
    let mut options = haulage::RunOptions::in_memory();
    options.route.tls.verification = haulage::Verification::Insecure;
    let request = haulage::Request::new(&url).unwrap();
    let mut outcomes = haulage::download([Ok(request)], options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let outcome = runtime.block_on(outcomes.next()).unwrap();
    let content = outcome.content.unwrap();
    assert!(String::from_utf8_lossy(&content).contains("aria2.addUri"));
}

#[test]
fn what_cannot_be_recorded_is_refused_whole() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.under("/", |_| Script::ok(Body::of("x")));
    drop(sandbox.start());
    let database = sandbox.path("state/serve.db");
    let database = rusqlite::Connection::open(database).unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON download WHEN new.content LIKE '%refused%'
        BEGIN SELECT RAISE(FAIL, 'the disk is full'); END";
    database.execute_batch(full).unwrap();
    drop(database);
    let daemon = sandbox.start();
    let client = &daemon.client;
    let run = |name: &str| json!({"urls": [origin.url("/a")], "name": name});
    let (status, error) = client.api("POST", "runs", &run("refused"));
    assert_eq!((status, &error["error"]["kind"]), (500, &json!("internal")));
    let params = json!([[origin.url("/refused")], {"pause": "true"}]);
    let body = client.body("aria2.addUri", &params);
    assert_eq!(client.request("POST /jsonrpc", &[], &body).status, 400);
    let runs = |client: &crate::client::Client| client.api("GET", "runs", &json!(null)).1;
    assert_eq!(runs(client)["total"], 0);
    let id = client.add_run(&run("taken"));
    client.wait_for_run(&id, "done");
    let kept = std::fs::read_dir(sandbox.path("state/lists")).unwrap();
    assert_eq!(kept.count(), 1);
    drop(daemon);
    let daemon = sandbox.start();
    let runs = runs(&daemon.client);
    assert_eq!(
        (&runs["total"], &runs["runs"][0]["id"]),
        (&json!(1), &json!(id))
    );
}
