//! The daemon's own API: what it refuses, and what it tells beside its runs.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use haulage_daemon::Access;
use origin::{Body, Gate, Origin, Script};
use serde_json::{Value, json};

use crate::client::{Client, PATIENCE};
use crate::described::{self, DOCUMENT};
use crate::{Daemon, Sandbox};

/// Returns a server of files that are there, below `/many/`.
pub(crate) fn origin() -> Origin {
    let origin = Origin::plain();
    origin.under("/many/", |_| Script::ok(Body::of("x")));
    origin.under("/gone/", |_| Script::status(404));
    origin
}

pub(crate) fn urls(origin: &Origin, folder: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    let url = |number| origin.url(&format!("/{folder}/{number}"));
    numbers.map(url).collect()
}

pub(crate) fn get(client: &Client, path: &str) -> Value {
    let (status, value) = client.api("GET", path, &Value::Null);
    assert_eq!(status, 200, "{path}: {value}");
    value
}

pub(crate) fn refused(client: &Client, method: &str, path: &str, body: &Value) -> (u16, String) {
    let (status, value) = client.api(method, path, body);
    let message = value["error"]["message"].as_str().unwrap_or_default();
    (status, message.to_owned())
}

#[test]
fn requests_that_cannot_be_used_say_why() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    let url = origin.url("/many/1");
    for (body, status, says) in [
        (json!({}), 422, "either urls or list"),
        (
            json!({"urls": [url], "list": "x"}),
            422,
            "either urls or list",
        ),
        (json!({"urls": []}), 422, "empty"),
        (json!({"urls": [url, "ftp://h/"]}), 422, "ftp://h/"),
        (
            json!({"urls": [format!("{url}\tout=../x")]}),
            422,
            "is no URL",
        ),
        (json!({"urls": [url], "dir": "../x"}), 422, "../x"),
        (json!({"urls": [url], "dir": "/etc"}), 422, "/etc"),
        (
            json!({"urls": [url], "dir": sandbox.path("state").to_str()}),
            422,
            "no folder",
        ),
        (
            json!({"urls": [url], "options": {"colour": "red"}}),
            422,
            "colour",
        ),
        (
            json!({"urls": [url], "options": {"retries": "many"}}),
            422,
            "retries",
        ),
        (
            json!({"urls": [url], "options": {"retries": null}}),
            422,
            "retries",
        ),
        (json!({"urls": [url], "format": "csv"}), 422, "format"),
        (json!({"urls": [url], "colour": "red"}), 422, "colour"),
        (json!({"urls": [url], "name": "a\nb"}), 422, "name"),
        (json!({"urls": url}), 422, "sequence"),
        (json!([]), 422, ""),
    ] {
        let refused = refused(client, "POST", "runs", &body);
        assert!(
            refused.0 == status && refused.1.contains(says),
            "{body}: {refused:?}"
        );
    }
    for (method, path, body, status) in [
        ("POST", "runs?name=x", json!({"urls": [url]}), 400),
        ("GET", "runs?colour=red", Value::Null, 400),
        ("GET", "runs?state=colourful", Value::Null, 400),
        ("GET", "runs?limit=x", Value::Null, 400),
        ("GET", "runs/zz", Value::Null, 404),
        ("GET", "runs/0000000000000001/items", Value::Null, 404),
        ("GET", "nothing", Value::Null, 404),
        ("PUT", "runs", Value::Null, 405),
        (
            "PATCH",
            "limits",
            json!({"max_concurrent_downloads": 0}),
            422,
        ),
        (
            "PATCH",
            "limits",
            json!({"max_concurrent_downloads": 70000}),
            422,
        ),
        ("PATCH", "limits", Value::Null, 400),
    ] {
        assert_eq!(
            refused(client, method, path, &body).0,
            status,
            "{method} {path} {body}"
        );
    }
    let broken = client.api_raw("POST", "runs", &["Content-Type: application/json"], "{");
    assert_eq!(broken.status, 400);
    let kept = std::fs::read_dir(sandbox.path("state/lists")).unwrap();
    assert_eq!(kept.count(), 0);
    assert_eq!(get(client, "runs")["total"], 0);
}

#[test]
fn bodies_that_are_too_large_are_not_read() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.start();
    let client = &daemon.client;
    let secret = &client.secret;
    for (content_type, length) in [("application/json", 9 << 20), ("text/plain", 65 << 20)] {
        let request = format!(
            "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        assert_eq!(client.raw(request.as_bytes()).status, 413, "{content_type}");
    }
    // Nor is one of unknown length.
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    let mut request = format!(
        "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    for _ in 0..65 {
        request.push_str(&chunk);
    }
    assert_eq!(client.raw(request.as_bytes()).status, 413);
    let kept = std::fs::read_dir(sandbox.path("state/lists")).unwrap();
    assert_eq!(kept.count(), 0);
    // A client without the secret is not listened to.
    let request =
        "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n";
    assert_eq!(client.raw(request.as_bytes()).status, 401);
}

#[test]
fn secret_is_needed_for_everything_but_the_health() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.start();
    let mut wrong = daemon.client.clone();
    wrong.secret.pop();
    let begun = Instant::now();
    for (template, operations) in DOCUMENT["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method = method.to_ascii_uppercase();
            let path = template.replace("{id}", "0000000000000001");
            let secret = format!("Authorization: Bearer {}", wrong.secret);
            let response = wrong.request(&format!("{method} {path}"), &[&secret], "");
            let status = if path == "/healthz" { 200 } else { 401 };
            assert_eq!(response.status, status, "{method} {path}");
            if status == 401 {
                assert!(response.head.contains("www-authenticate: bearer"));
            }
        }
    }
    assert!(begun.elapsed().as_millis() >= 1000);
    let client = &daemon.client;
    for field in [
        "Host: evil.example",
        "Origin: https://evil.example",
        "Sec-Fetch-Site: cross-site",
    ] {
        let secret = format!("Authorization: Bearer {}", client.secret);
        for path in ["/api/v1/status", "/metrics", "/healthz"] {
            let response = client.request(&format!("GET {path}"), &[&secret, field], "");
            assert!([403, 421].contains(&response.status), "{path} {field}");
        }
    }
}

#[test]
fn forms_change_nothing_where_there_is_no_secret() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let mut settings = sandbox.settings();
    settings.access = Access::Anybody;
    let daemon = Daemon::start(settings);
    let client = &daemon.client;
    let list = origin.url("/many/1");
    let send = |fields: &[&str]| {
        let response = client.request("POST /api/v1/runs", fields, &list);
        described::check_response("POST", "/api/v1/runs", &response);
        response.status
    };
    assert_eq!(send(&["Content-Type: text/plain"]), 403);
    assert_eq!(send(&[]), 403);
    assert_eq!(send(&["Content-Type: text/plain", "X-Haul: 1"]), 201);
    assert_eq!(client.request("GET /api/v1/runs", &[], "").status, 200);
    assert_eq!(
        client.request("POST /api/v1/runs/purge", &[], "").status,
        403
    );
}

#[test]
fn allowed_page_may_send_every_method() {
    let sandbox = Sandbox::new();
    let mut settings = sandbox.settings();
    settings.allowed_origins = vec!["https://page.example".to_owned()];
    let daemon = Daemon::start(settings);
    let preflight = daemon.client.request(
        "OPTIONS /api/v1/runs/1",
        &[
            "Origin: https://page.example",
            "Access-Control-Request-Headers: authorization",
        ],
        "",
    );
    assert_eq!(preflight.status, 200);
    let methods = "access-control-allow-methods: get, post, patch, delete, options";
    assert!(preflight.head.contains(methods), "{}", preflight.head);
    assert!(
        preflight
            .head
            .contains("access-control-allow-headers: authorization")
    );
}

#[test]
fn events_tell_what_happens_until_the_daemon_ends() {
    let (origin, sandbox, gate) = (origin(), Sandbox::new(), Gate::new());
    origin.on("/slow", [Script::ok(Body::of("z")).hold_at(0, &gate)]);
    let daemon = sandbox.start();
    let client = &daemon.client;
    let stream = TcpStream::connect(&client.authority).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        client.secret
    );
    (&stream).write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "content-type: text/event-stream"));
    let mut event = None;
    let mut next = || loop {
        let line = lines.next()?;
        if let Some(name) = line.strip_prefix("event: ") {
            event = Some(name.to_owned());
        } else if let Some(data) = line.strip_prefix("data: ") {
            let data: Value = serde_json::from_str(data).unwrap();
            return Some((event.take().unwrap(), data));
        }
    };
    let (name, status) = next().unwrap();
    assert_eq!(name, "status");
    described::check("Status", &status);
    let id = client.add_run(&json!({"urls": [origin.url("/slow")], "paused": true}));
    let mut wait = |wanted: &dyn Fn(&str, &Value) -> bool| {
        let mut seen = BTreeSet::new();
        loop {
            let (name, data) = next().expect("the events have ended");
            match &*name {
                "status" => described::check("Status", &data),
                "run" => described::check("Run", &data),
                "hosts" => described::check("Hosts", &data),
                _ => {}
            }
            seen.insert(name.clone());
            if wanted(&name, &data) {
                return seen;
            }
        }
    };
    let is = |state: &'static str| {
        let id = id.clone();
        move |name: &str, data: &Value| name == "run" && data["id"] == *id && data["state"] == state
    };
    wait(&is("paused"));
    client.api("POST", &format!("runs/{id}/resume"), &Value::Null);
    wait(&is("active"));
    let has_host = |name: &str, data: &Value| name == "hosts" && data["hosts"][0]["active"] == 1;
    wait(&has_host);
    gate.open();
    wait(&is("done"));
    client.api("POST", "runs/purge", &Value::Null);
    wait(&|name, data| name == "removed" && data["id"] == *id);
    drop(daemon);
    while next().is_some() {}
}

#[test]
fn metrics_health_and_description_are_served() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.start();
    let client = &daemon.client;
    let secret = format!("Authorization: Bearer {}", client.secret);
    for (path, says) in [
        ("/metrics", "hosts 0"),
        ("/healthz", "ok"),
        ("/api/v1/openapi.json", "\"openapi\": \"3.1.0\""),
    ] {
        let response = client.request(&format!("GET {path}"), &[&secret], "");
        assert_eq!(response.status, 200, "{path}");
        assert!(response.body.contains(says), "{path}");
        described::check_response("GET", path, &response);
        assert_eq!(
            client
                .request(&format!("POST {path}"), &[&secret], "")
                .status,
            405
        );
    }
    assert_eq!(get(client, "hosts"), json!({"hosts": []}));
}

#[test]
fn host_that_asks_to_wait_is_told() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    let busy = Script::status(503).header("retry-after", "60");
    origin.on("/busy", [busy]);
    client.add_run(&json!({"urls": [origin.url("/busy")]}));
    let deadline = Instant::now() + PATIENCE;
    let host = loop {
        let hosts = get(client, "hosts")["hosts"].clone();
        if hosts[0]["state"] == "waits" {
            break hosts[0].clone();
        }
        assert!(Instant::now() < deadline);
    };
    assert_eq!(host["reason"], "503, Retry-After");
    assert!(host["until"].is_string());
}

#[test]
fn hosts_that_wait_for_a_slot_are_listed() {
    let (busy, queued) = (Origin::plain(), Origin::plain());
    let (sandbox, gate) = (Sandbox::new(), Gate::new());
    busy.on("/a", Script::ok(Body::of("x")).hold_at(0, &gate));
    queued.on("/b", Script::ok(Body::of("y")));
    let mut settings = sandbox.settings();
    settings.engine.jobs = 1;
    let daemon = Daemon::start(settings);
    let client = &daemon.client;
    let first = client.add_run(&json!({"urls": [busy.url("/a")]}));
    gate.wait_reached(1);
    let second = client.add_run(&json!({"urls": [queued.url("/b")]}));
    let deadline = Instant::now() + PATIENCE;
    let hosts = loop {
        let hosts = get(client, "hosts")["hosts"].clone();
        if hosts.as_array().unwrap().len() == 2 {
            break hosts;
        }
        assert!(Instant::now() < deadline, "{hosts}");
    };
    let of = |host: &Value| [&host["active"], &host["waiting"]].map(Value::as_u64);
    assert_eq!(of(&hosts[0]), [Some(1), Some(0)]);
    assert_eq!(hosts[1]["host"], queued.url("").trim_end_matches('/'));
    assert_eq!(of(&hosts[1]), [Some(0), Some(1)]);
    gate.open();
    for id in [first, second] {
        client.wait_for_run(&id, "done");
    }
}
