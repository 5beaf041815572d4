//! What the daemon refuses.

use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use haulage_daemon::Access;
use origin::{Body, Origin, Script};
use serde_json::{Value, json};

use crate::client::{PATIENCE, Socket};
use crate::tools::TextTools;
use crate::{Daemon, Sandbox};

const ARIANG: &str = "https://ariang.example";

#[test]
fn foreign_hosts_and_origins_are_refused_everywhere() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.start();
    let client = &daemon.client;
    let body = client.body("aria2.getVersion", &json!([]));
    for (fields, status) in [
        (&["Host: evil.example:6800"][..], 421),
        (&["Origin: https://evil.example"], 403),
        (&["Origin: null"], 403),
        (&["Sec-Fetch-Site: cross-site"], 403),
        (&[], 200),
    ] {
        let response = client.request("POST /jsonrpc", fields, &body);
        assert_eq!(response.status, status, "{fields:?}");
        assert!(!response.head.contains("access-control"), "{fields:?}");
    }
    let preflight = client.request("OPTIONS /jsonrpc", &["Origin: https://evil.example"], "");
    assert_eq!(preflight.status, 403);
    assert_eq!(
        Socket::open(client, Some("https://evil.example")).err(),
        Some(403)
    );
    assert!(Socket::open(client, None).is_ok());
}

#[test]
fn allowed_origin_may_use_the_daemon() {
    let sandbox = Sandbox::new();
    let mut settings = sandbox.settings();
    settings.allowed_origins = vec![ARIANG.to_owned()];
    let daemon = Daemon::start(settings);
    let client = &daemon.client;
    let origin = format!("Origin: {ARIANG}");
    let body = client.body("aria2.getVersion", &json!([]));
    let response = client.request("POST /jsonrpc", &[&origin], &body);
    assert_eq!(response.status, 200);
    let allowed = format!("access-control-allow-origin: {ARIANG}");
    assert!(response.head.contains(&allowed), "{}", response.head);
    let fields = [&*origin, "Access-Control-Request-Headers: content-type"];
    let preflight = client.request("OPTIONS /jsonrpc", &fields, "");
    assert_eq!(preflight.status, 200);
    assert!(
        preflight
            .head
            .contains("access-control-allow-headers: content-type")
    );
    assert!(Socket::open(client, Some(ARIANG)).is_ok());
}

#[test]
fn wrong_secrets_are_refused_slowly() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.start();
    let mut wrong = daemon.client.clone();
    wrong.secret.pop();
    let begun = Instant::now();
    for _ in 0..5 {
        let body = wrong.body("aria2.getVersion", &json!([]));
        let response = wrong.request("POST /jsonrpc", &[], &body);
        assert_eq!(response.status, 400);
        assert!(response.body.contains("Unauthorized"));
    }
    assert!(begun.elapsed().as_millis() >= 500);
}

#[test]
fn others_can_read_nothing_of_the_state() {
    let sandbox = Sandbox::new();
    // A folder that was there before keeps its mode.
    std::fs::create_dir(sandbox.path("state")).unwrap();
    let _daemon = sandbox.start();
    for entry in std::fs::read_dir(sandbox.path("state")).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.file_name());
    }
}

#[test]
fn daemon_without_a_secret_is_for_this_machine_alone() {
    let sandbox = Sandbox::new();
    let with = |change: &dyn Fn(&mut haulage_daemon::Settings)| {
        let mut settings = sandbox.settings();
        settings.access = Access::Anybody;
        change(&mut settings);
        settings
    };
    let open = with(&|settings| settings.listen = "0.0.0.0:0".to_owned());
    let foreign = with(&|settings| settings.allowed_origins = vec![ARIANG.to_owned()]);
    for settings in [open, foreign] {
        assert!(haulage_daemon::run(settings, |_| {}, std::future::pending()).is_err());
    }
    let daemon = Daemon::start(with(&|_| {}));
    let call = r#"{"id":1,"method":"aria2.getVersion"}"#;
    assert_eq!(
        daemon.client.request("POST /jsonrpc", &[], call).status,
        200
    );
    let get = daemon
        .client
        .request("GET /jsonrpc?method=aria2.getVersion&id=1", &[], "");
    assert_eq!(get.status, 403);
}

#[test]
fn get_carries_a_call_and_jsonp_is_off() {
    let sandbox = Sandbox::new();
    let mut settings = sandbox.settings();
    settings.access = Access::Secret("s3".to_owned());
    let daemon = Daemon::start(settings);
    let get = |query: &str| {
        daemon
            .client
            .request(&format!("GET /jsonrpc?{query}"), &[], "")
    };
    let query = "method=aria2.getVersion&id=foo&params=WyJ0b2tlbjpzMyJd";
    let response = get(query);
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!((response.status, &body["id"]), (200, &json!("foo")));
    assert_eq!(body["result"]["version"], "1.36.0");
    assert!(response.head.contains("content-type: application/json-rpc"));
    assert_eq!(get(&format!("{query}&jsoncallback=cb")).status, 400);
    assert_eq!(get("").status, 400);
    assert_eq!(daemon.client.request("GET /other", &[], "").status, 404);
    assert_eq!(daemon.client.request("PUT /jsonrpc", &[], "").status, 405);
}

#[test]
fn page_is_for_links_and_in_no_frame() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.start();
    let get = |path: &str, fields: &[&str]| daemon.client.request(path, fields, "");
    let page = get("GET /", &[]);
    assert_eq!(page.status, 200);
    assert!(page.body.starts_with("<!doctype html>"));
    for field in [
        "content-type: text/html; charset=utf-8",
        "frame-ancestors 'none'",
        "script-src 'self';",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(page.head.contains(field), "{field}: {}", page.head);
    }
    let link = [
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
    ];
    assert_eq!(get("GET /", &link).status, 200);
    for path in ["/jsonrpc?method=aria2.getVersion", "/api/v1/status"] {
        assert_eq!(get(&format!("GET {path}"), &link).status, 403, "{path}");
    }
    let frame = [link[0], link[1], "Sec-Fetch-Dest: iframe"];
    let script = [link[0], "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"];
    assert_eq!(get("GET /", &frame).status, 403);
    assert_eq!(get("GET /page/js/main.js", &script).status, 403);
    assert_eq!(get("GET /", &["Host: evil.example:6800"]).status, 421);
    assert_eq!(get("GET http://evil.example/", &[]).status, 421);
    assert_eq!(get("GET /page/access.json", &[]).body, "{\"secret\":true}");
}

#[test]
fn large_requests_are_not_read() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.start();
    let client = &daemon.client;
    let long = client
        .raw(b"POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n");
    assert_eq!(long.status, 413);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(client.request("POST /jsonrpc", &[], &deep).status, 500);
    let batch = format!("[{}{{}}]", "{},".repeat(100_000));
    assert_eq!(client.request("POST /jsonrpc", &[], &batch).status, 400);
    let field = format!("X: {}", "x".repeat(100_000));
    let refused = client.request("POST /jsonrpc", &[&field], "{}").status;
    // 0 is a connection that was reset with the rest of the head unread.
    assert!([0, 400].contains(&refused), "{refused}");
    let mut socket = Socket::open(client, None).unwrap();
    socket.send("x".repeat(3 << 20));
    assert_eq!(socket.next(), None);
    assert_eq!(client.call("aria2.tellActive", &json!([])), json!([]));
}

#[test]
fn pings_are_not_taken_while_their_answers_wait() {
    const FRAME: &[u8] = &[0x89, 0x80, 0, 0, 0, 0];
    let sandbox = Sandbox::new();
    let daemon = sandbox.start();
    let mut stream = TcpStream::connect(&daemon.client.authority).unwrap();
    let head = "GET /jsonrpc HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let pings = FRAME.repeat(10_000);
    // More than the buffers of the system hold.
    let is_taken = (0..2_000).all(|_| stream.write_all(&pings).is_ok());
    assert!(!is_taken);
}

#[test]
fn files_stay_in_the_folders_that_are_allowed() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.on("/a", Script::ok(Body::of("x")));
    let (other, foreign) = (sandbox.path("other"), sandbox.path("foreign"));
    for folder in [&other, &foreign] {
        std::fs::create_dir(folder).unwrap();
    }
    let mut settings = sandbox.settings();
    settings.allowed_dirs = vec![other.clone()];
    let daemon = Daemon::start(settings);
    let client = &daemon.client;
    symlink(&foreign, sandbox.path("files/link")).unwrap();
    let foreign_text = foreign.to_str().unwrap();
    for options in [
        json!({"dir": "/etc"}),
        json!({"dir": foreign_text}),
        json!({"dir": "../foreign"}),
        json!({"dir": "link"}),
        json!({"out": "../../x"}),
        json!({"out": "/etc/x"}),
        json!({"load-cookies": "/etc/passwd"}),
    ] {
        let params = json!([[origin.url("/a")], options]);
        let body = client.body("aria2.addUri", &params);
        let response = client.request("POST /jsonrpc", &[], &body);
        assert_eq!(response.status, 400, "{options}");
        assert!(
            response.body.contains("We encountered a problem"),
            "{options}"
        );
    }
    let through = client.add(&origin.url("/a"), &json!({"out": "link/a"}));
    client.wait_for(&through, "error");
    let allowed = client.add(&origin.url("/a"), &json!({"dir": other.to_str().unwrap()}));
    client.wait_for(&allowed, "complete");
    assert!(other.join("a").exists());
    // A folder that becomes a link while its download waits.
    let later = json!({"dir": "later", "pause": "true"});
    let later = client.add(&origin.url("/a"), &later);
    symlink(&foreign, sandbox.path("files/later")).unwrap();
    client.call("aria2.unpause", &json!([later]));
    client.wait_for(&later, "error");
    assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 0);
}

#[test]
fn clients_that_do_not_read_hold_few_threads() {
    let (origin, sandbox, readers) = (Origin::plain(), Sandbox::new(), Arc::default());
    origin.on("/a", Script::ok(Body::of("x")));
    let mut settings = sandbox.settings();
    settings.tools = Arc::new(TextTools {
        endless: Some(Arc::clone(&readers)),
        ..TextTools::default()
    });
    let daemon = Daemon::start(settings);
    let client = &daemon.client;
    let id = client.add_run(&json!({"urls": [origin.url("/a")]}));
    client.wait_for_run(&id, "done");
    let request = format!(
        "GET /api/v1/runs/{id}/results HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: Bearer {}\r\n\r\n",
        client.secret
    );
    let stalled: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(&client.authority).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    let wait = |number: usize| {
        let deadline = Instant::now() + PATIENCE;
        while readers.load(Ordering::SeqCst) != number {
            assert!(Instant::now() < deadline, "{readers:?}");
            std::thread::yield_now();
        }
    };
    wait(8);
    for _ in 0..20 {
        let (status, items) = client.api("GET", &format!("runs/{id}/items"), &Value::Null);
        assert_eq!((status, &items["total"]), (200, &json!(1)));
    }
    assert_eq!(readers.load(Ordering::SeqCst), 8);
    drop(stalled);
    wait(0);
}
