//! What clients do with downloads.

use std::time::Duration;

use origin::{Body, Gate, Origin, Proxy, Script};
use serde_json::json;

use crate::client::Socket;
use crate::{Sandbox, write};

const SIZE: u64 = 3 << 20;

fn file() -> Body {
    Body::seeded(7, SIZE)
}

/// A file whose first response waits in its middle.
fn held(origin: &Origin, path: &str, gate: &Gate) {
    let entity = || Script::entity(file(), "\"a\"");
    origin.on(path, [entity().hold_at(SIZE / 2, gate), entity()]);
}

fn is_half_here(status: &serde_json::Value) -> bool {
    let completed = status["completedLength"].as_str().unwrap();
    completed.parse::<u64>().unwrap() >= SIZE / 2
}

#[test]
fn download_is_told_and_its_file_is_right() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.on("/a.bin", Script::ok(file()));
    let daemon = sandbox.start();
    let mut socket = Socket::open(&daemon.client, None).unwrap();
    let params = json!([[origin.url("/a.bin")], {"gid": "00000000000000aa"}]);
    socket.send(daemon.client.body("aria2.addUri", &params));
    let mut messages: Vec<_> = (0..3).map(|_| socket.next().unwrap()).collect();
    messages.sort_by_key(ToString::to_string);
    let methods: Vec<_> = messages.iter().map(|message| &message["method"]).collect();
    let complete = json!("aria2.onDownloadComplete");
    assert_eq!(
        methods,
        [&json!(null), &complete, &json!("aria2.onDownloadStart")]
    );
    assert_eq!(messages[0]["result"], "00000000000000aa");
    assert_eq!(messages[1]["params"], json!([{"gid": "00000000000000aa"}]));
    let status = daemon.client.status("00000000000000aa");
    assert_eq!(status["status"], "complete");
    assert_eq!(status["totalLength"], SIZE.to_string());
    assert!(
        status["files"][0]["path"]
            .as_str()
            .unwrap()
            .ends_with("/files/a.bin")
    );
    assert!(sandbox.read("a.bin") == file().bytes());
}

#[test]
fn paused_download_is_resumed_where_it_was() {
    let (origin, sandbox, gate) = (Origin::plain(), Sandbox::new(), Gate::new());
    held(&origin, "/a", &gate);
    let daemon = sandbox.start();
    let client = &daemon.client;
    let gid = client.add(&origin.url("/a"), &json!({"split": "1"}));
    let status = client.wait(&gid, is_half_here);
    assert_eq!(
        (&status["connections"], &status["status"]),
        (&json!("1"), &json!("active"))
    );
    client.call("aria2.pause", &json!([gid]));
    let status = client.status(&gid);
    assert_eq!(status["status"], "paused");
    assert!(is_half_here(&status));
    client.call("aria2.unpause", &json!([gid]));
    client.wait_for(&gid, "complete");
    assert!(sandbox.read("a") == file().bytes());
    let ranges: Vec<_> = origin
        .log()
        .iter()
        .map(|request| request.headers.get("range").cloned())
        .collect();
    assert!(ranges[0].is_none() && ranges[1].is_some(), "{ranges:?}");
    gate.open();
}

#[test]
fn options_changed_during_a_download_count_at_once() {
    let (origin, sandbox, gate) = (Origin::plain(), Sandbox::new(), Gate::new());
    held(&origin, "/a", &gate);
    let daemon = sandbox.start();
    let client = &daemon.client;
    let gid = client.add(&origin.url("/a"), &json!({"split": "1"}));
    client.wait(&gid, is_half_here);
    client.call(
        "aria2.changeOption",
        &json!([gid, {"max-download-limit": "100M"}]),
    );
    assert_eq!(client.status(&gid)["status"], "active");
    client.call(
        "aria2.changeOption",
        &json!([gid, {"header": ["X-Test: 1"], "out": "sub/b"}]),
    );
    client.wait_for(&gid, "complete");
    assert!(sandbox.read("sub/b") == file().bytes());
    let last = origin.log().pop().unwrap();
    assert_eq!(last.headers.get("x-test").unwrap(), "1");
    gate.open();
}

#[test]
fn removed_download_frees_its_slot_and_leaves_no_file() {
    let (origin, sandbox, gate) = (Origin::plain(), Sandbox::new(), Gate::new());
    held(&origin, "/a", &gate);
    origin.on("/b", Script::ok(file()));
    let daemon = sandbox.start();
    let client = &daemon.client;
    let one = json!({"max-concurrent-downloads": "1"});
    client.call("aria2.changeGlobalOption", &json!([one]));
    let first = client.add(&origin.url("/a"), &json!({"split": "1"}));
    let second = client.add(&origin.url("/b"), &json!({}));
    client.wait(&first, is_half_here);
    assert_eq!(client.status(&second)["status"], "waiting");
    client.call("aria2.remove", &json!([first]));
    client.wait_for(&second, "complete");
    let status = client.status(&first);
    assert_eq!(
        (&status["status"], &status["errorCode"]),
        (&json!("removed"), &json!("31"))
    );
    gate.open();
    drop(daemon);
    let names: Vec<_> = std::fs::read_dir(sandbox.path("files")).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn queue_runs_in_the_order_that_clients_give_it() {
    let (origin, sandbox, gate) = (Origin::plain(), Sandbox::new(), Gate::new());
    origin.under("/many/", |_| Script::ok(Body::of("x")));
    origin.on("/first", Script::ok(Body::of("x")).hold(&gate));
    let daemon = sandbox.start();
    let client = &daemon.client;
    let one = json!({"max-concurrent-downloads": "1"});
    client.call("aria2.changeGlobalOption", &json!([one]));
    let first = client.add(&origin.url("/first"), &json!({}));
    let url = |name: &str| origin.url(&format!("/many/{name}"));
    let gids: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| client.add(&url(name), &json!({})))
        .collect();
    let moved = client.call("aria2.changePosition", &json!([gids[2], 0, "POS_SET"]));
    assert_eq!(moved, 0);
    gate.open();
    for gid in gids.iter().chain([&first]) {
        client.wait_for(gid, "complete");
    }
    let paths: Vec<_> = origin
        .log()
        .iter()
        .map(|request| request.path.clone())
        .collect();
    assert_eq!(paths, ["/first", "/many/c", "/many/a", "/many/b"]);
}

#[test]
fn failure_has_its_code_and_what_clients_show() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.on("/gone", Script::status(404));
    origin.on("/wrong", Script::ok(file()));
    origin.on("/busy", Script::status(504));
    // 1,000 bytes per second.
    origin.on(
        "/slow",
        Script::ok(file()).drip(10, Duration::from_millis(10)),
    );
    let daemon = sandbox.start();
    write(&sandbox.path("files/taken"), "x");
    let client = &daemon.client;
    let gone = client.add(&origin.url("/gone"), &json!({}));
    let checksum = format!("sha-256={}", "a".repeat(64));
    let options = json!({"checksum": checksum, "max-tries": "1"});
    let wrong = client.add(&origin.url("/wrong"), &options);
    let busy = client.add(&origin.url("/busy"), &json!({"max-tries": "1"}));
    let options = json!({"lowest-speed-limit": "50K", "timeout": "2", "max-tries": "1"});
    let slow = client.add(&origin.url("/slow"), &options);
    let no_folder = client.add(&origin.url("/wrong"), &json!({"dir": "taken"}));
    for (gid, code) in [
        (gone, "3"),
        (slow, "5"),
        (no_folder, "18"),
        (busy, "29"),
        (wrong, "32"),
    ] {
        let status = client.wait_for(&gid, "error");
        assert_eq!(status["errorCode"], code, "{status}");
        assert_ne!(status["errorMessage"], "");
    }
}

#[test]
fn mirror_takes_over_when_the_first_url_fails() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.on("/a", Script::status(404));
    origin.on("/b", Script::ok(file()));
    let daemon = sandbox.start();
    let uris = [origin.url("/a"), origin.url("/b")];
    let gid = daemon
        .client
        .call("aria2.addUri", &json!([uris, {"out": "c"}]));
    daemon.client.wait_for(gid.as_str().unwrap(), "complete");
    assert!(sandbox.read("c") == file().bytes());
}

#[test]
fn damaged_pieces_of_a_metalinks_file_are_fetched_again() {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};
    const PIECE: usize = 1 << 20;
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let mut damaged = file().bytes();
    damaged[PIECE + 5] ^= 1;
    origin.on("/damaged", Script::ok(Body::of(damaged)).ranges());
    origin.on("/right", Script::ok(file()).ranges());
    let (urls, bytes) = (
        ["/damaged", "/right"].map(|path| origin.url(path)),
        file().bytes(),
    );
    let hashes = bytes.chunks(PIECE).map(|piece| {
        let digest = Sha256::digest(piece);
        let hex: Vec<_> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("<hash>{}</hash>", hex.concat())
    });
    let text = format!(
        r#"<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="m.bin"><size>{SIZE}</size>
        <pieces length="{PIECE}" type="sha-256">{}</pieces>
        <url priority="1">{}</url><url priority="2">{}</url></file></metalink>"#,
        hashes.collect::<String>(),
        urls[0],
        urls[1],
    );
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let daemon = sandbox.start();
    let options = json!({"pause": "true", "split": "1"});
    let added = daemon
        .client
        .call("aria2.addMetalink", &json!([encoded, options]));
    // What is recorded has them, too.
    drop(daemon);
    let daemon = sandbox.start();
    let gid = added[0].as_str().unwrap();
    daemon.client.call("aria2.unpause", &json!([gid]));
    daemon.client.wait_for(gid, "complete");
    assert!(sandbox.read("m.bin") == bytes);
    let log = origin.log();
    let asked = log
        .iter()
        .map(|request| (&*request.path, request.headers.get("range").is_some()));
    assert_eq!(
        asked.collect::<Vec<_>>(),
        [("/damaged", false), ("/right", true)]
    );
}

#[test]
fn http_proxy_is_used_with_its_login() {
    let (origin, sandbox, proxy) = (Origin::plain(), Sandbox::new(), Proxy::http());
    origin.on("/a", Script::ok(file()));
    proxy.ask_for_login("me", "hush");
    let daemon = sandbox.start();
    let options = json!({
        "all-proxy": "http://127.0.0.1:1",
        "http-proxy": proxy.authority(),
        "http-proxy-user": "me",
        "http-proxy-passwd": "hush",
    });
    let gid = daemon.client.add(&origin.url("/a"), &options);
    daemon.client.wait_for(&gid, "complete");
    assert!(sandbox.read("a") == file().bytes());
    assert_eq!(proxy.log().len(), 1);
}
