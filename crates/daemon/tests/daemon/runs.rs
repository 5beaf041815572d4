//! Runs over the daemon's own API: lists, their items, their order and their limits.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use origin::{Body, Gate, Script};
use serde_json::{Value, json};

use crate::api::{get, origin, refused, urls};
use crate::client::{Client, PATIENCE};
use crate::tools::TextTools;
use crate::{Daemon, Sandbox};

const SIZE: u64 = 3 << 20;

#[test]
fn list_is_one_run_whose_rows_are_told() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    let mut rows = urls(&origin, "many", 0..5);
    rows.extend(urls(&origin, "gone", 0..2));
    let id = client.add_run(&json!({"urls": rows, "name": "mine", "dir": "sub"}));
    let run = client.wait_for_run(&id, "failed");
    let counts = json!({"total": 7, "done": 5, "skipped": 0, "failed": 2, "active": 0});
    assert_eq!((&run["items"], &run["bytes"]), (&counts, &json!(5)));
    assert_eq!(run["error"]["message"], "2 of 7 rows have failed");
    assert_eq!(sandbox.read("sub/4"), b"x");
    let failed = get(client, &format!("runs/{id}/items?status=failed"));
    assert_eq!(failed["total"], 2);
    assert_eq!(failed["items"][0]["error"]["kind"], "http");
    let found = get(client, &format!("runs/{id}/items?search=many/3"));
    assert_eq!(
        (&found["total"], &found["items"][0]["path"]),
        (&json!(1), &json!("3"))
    );
    let page = get(client, &format!("runs/{id}/items?offset=5&limit=1"));
    assert_eq!(
        (&page["total"], &page["items"][0]["row"]),
        (&json!(7), &json!(1))
    );
    // Clients of aria2 do not see it.
    let stat = client.call("aria2.getGlobalStat", &json!([]));
    assert_eq!(
        (&stat["numStopped"], &stat["numActive"]),
        (&json!("0"), &json!("0"))
    );
    assert_eq!(client.call("aria2.tellStopped", &json!([0, 9])), json!([]));
    client.call("aria2.purgeDownloadResult", &json!([]));
    assert_eq!(get(client, "runs?state=failed&search=MINE")["total"], 1);
}

#[test]
fn failed_rows_are_tried_again() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    origin.on("/late", [Script::status(404), Script::ok(Body::of("y"))]);
    let mut rows = urls(&origin, "many", 0..3);
    rows.push(origin.url("/late"));
    let id = client.add_run(&json!({"urls": rows}));
    client.wait_for_run(&id, "failed");
    let before = origin.log().len();
    let (status, _) = client.api("POST", &format!("runs/{id}/retry"), &Value::Null);
    assert_eq!(status, 200);
    let run = client.wait_for_run(&id, "done");
    assert_eq!(
        (run["items"]["done"].clone(), run["error"].clone()),
        (json!(4), Value::Null)
    );
    assert_eq!(origin.log().len(), before + 1);
    let again = refused(client, "POST", &format!("runs/{id}/retry"), &Value::Null);
    assert_eq!(again, (409, "the run has not failed".to_owned()));
}

#[test]
fn item_that_is_active_again_is_listed_once() {
    let (origin, sandbox, gate) = (origin(), Sandbox::new(), Gate::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    let late = Script::ok(Body::of("y")).hold_at(0, &gate);
    origin.on("/late", [Script::status(404), late]);
    let mut rows = urls(&origin, "many", 0..3);
    rows.insert(1, origin.url("/late"));
    let id = client.add_run(&json!({"urls": rows}));
    client.wait_for_run(&id, "failed");
    client.api("POST", &format!("runs/{id}/retry"), &Value::Null);
    let items = |query: &str| get(client, &format!("runs/{id}/items?{query}"));
    let deadline = Instant::now() + PATIENCE;
    while items("status=active")["total"] != 1 {
        assert!(Instant::now() < deadline);
    }
    let listed = |query: &str| {
        let items = items(query);
        let rows = items["items"].as_array().unwrap().iter();
        let rows: Vec<_> = rows.map(|item| item["row"].as_u64().unwrap()).collect();
        (items["total"].clone(), rows)
    };
    assert_eq!(listed(""), (json!(4), vec![1, 3, 2, 0]));
    assert_eq!(listed("offset=2&limit=1"), (json!(4), vec![2]));
    assert_eq!(listed("status=failed"), (json!(0), vec![]));
    gate.open();
    client.wait_for_run(&id, "done");
    assert_eq!(listed(""), (json!(4), vec![3, 2, 1, 0]));
}

#[test]
fn run_of_one_url_fails_as_its_item_does() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    let id = client.add_run(&json!({"urls": [origin.url("/gone/1")]}));
    let run = client.wait_for_run(&id, "failed");
    let items = get(client, &format!("runs/{id}/items"));
    let of_item = &items["items"][0]["error"];
    assert_eq!(run["error"]["kind"], "http");
    assert_eq!(run["error"]["message"], of_item["message"]);
}

#[test]
fn urls_are_taken_as_they_are() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    let url = origin.url("/many/{a,b}[1-3]");
    let id = client.add_run(&json!({"urls": [url]}));
    let run = client.wait_for_run(&id, "done");
    assert_eq!(run["items"]["total"], 1);
    assert_eq!(origin.log().len(), 1);
    assert_eq!(sandbox.read("{a,b}[1-3]"), b"x");
}

#[test]
fn uploaded_list_is_read_by_its_format() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    let list = format!("{}\tout=named\nnonsense\n", origin.url("/many/1"));
    let fields = ["Content-Type: text/plain"];
    let added = client.api_raw("POST", "runs?name=a+list&priority=2", &fields, &list);
    assert_eq!(added.status, 201);
    let run: Value = serde_json::from_str(&added.body).unwrap();
    let id = run["id"].as_str().unwrap();
    assert!(added.head.contains(&format!("location: /api/v1/runs/{id}")));
    let run = client.wait_for_run(id, "failed");
    assert_eq!(
        (&run["name"], &run["priority"]),
        (&json!("a list"), &json!(2))
    );
    assert_eq!(
        (&run["items"]["done"], &run["items"]["failed"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(sandbox.read("named"), b"x");
    let items = get(client, &format!("runs/{id}/items?status=failed"));
    assert_eq!(
        (
            &items["items"][0]["line"],
            &items["items"][0]["error"]["kind"]
        ),
        (&json!(2), &json!("input"))
    );
    for (body, says) in [("", "empty"), ("# nothing\n\n", "empty")] {
        let refused = client.api_raw("POST", "runs", &fields, body);
        assert_eq!(refused.status, 422, "{body:?}");
        assert!(refused.body.contains(says), "{}", refused.body);
    }
    let kept = std::fs::read_dir(sandbox.path("state/lists")).unwrap();
    assert_eq!(kept.count(), 1);
}

#[test]
fn upload_that_is_given_up_leaves_no_file() {
    let (sandbox, counts) = (Sandbox::new(), Arc::new(Barrier::new(2)));
    let mut settings = sandbox.settings();
    settings.tools = Arc::new(TextTools {
        counts: Some(Arc::clone(&counts)),
        ..TextTools::default()
    });
    let daemon = Daemon::start(settings);
    let client = &daemon.client;
    let request = format!(
        "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: text/plain\r\nContent-Length: 9\r\n\r\nhttp://h/",
        client.secret
    );
    let mut stream = TcpStream::connect(&client.authority).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    counts.wait();
    let is_kept = || {
        std::fs::read_dir(sandbox.path("state/lists"))
            .unwrap()
            .count()
            > 0
    };
    assert!(is_kept());
    drop(stream);
    let deadline = Instant::now() + PATIENCE;
    while is_kept() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    counts.wait();
    assert!(!is_kept());
    assert_eq!(get(client, "runs")["total"], 0);
}

#[test]
fn lists_wait_their_turn_in_the_order_of_priorities() {
    let (origin, sandbox, gate) = (origin(), Sandbox::new(), Gate::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    origin.on("/slow", [Script::ok(Body::of("z")).hold_at(0, &gate)]);
    client.api("PATCH", "limits", &json!({"max_concurrent_downloads": 1}));
    let first = client.add_run(&json!({"urls": [origin.url("/slow")]}));
    let add = |name: &str, priority: i32| {
        let urls = urls(&origin, "many", 0..1);
        client.add_run(&json!({"urls": urls, "name": name, "priority": priority}))
    };
    let (low, normal, high) = (add("low", -1), add("normal", 0), add("high", 1));
    let file = client.add(&origin.url("/many/2"), &json!({}));
    let queue = || {
        let runs = get(client, "runs?state=waiting,paused")["runs"].clone();
        let runs = runs.as_array().unwrap().iter();
        let ids = runs.enumerate().map(|(position, run)| {
            assert_eq!(run["position"], position);
            run["id"].as_str().unwrap().to_owned()
        });
        ids.collect::<Vec<_>>()
    };
    assert_eq!(queue(), [&*high, &normal, &file, &low]);
    let change = |id: &str, change: Value| {
        let (status, run) = client.api("PATCH", &format!("runs/{id}"), &change);
        assert_eq!(status, 200, "{run}");
    };
    change(&low, json!({"priority": 5}));
    assert_eq!(queue(), [&*low, &high, &normal, &file]);
    change(&file, json!({"position": 0, "limit_rate": 1000}));
    assert_eq!(queue(), [&*file, &low, &high, &normal]);
    assert_eq!(client.gids("aria2.tellWaiting", &json!([0, 9])), [&*file]);
    let moved = refused(
        client,
        "PATCH",
        &format!("runs/{first}"),
        &json!({"position": 0}),
    );
    assert_eq!(moved.0, 409);
    let pause = |id: &str, action: &str| {
        let (status, run) = client.api("POST", &format!("runs/{id}/{action}"), &Value::Null);
        (status, run["state"].clone())
    };
    assert_eq!(pause(&high, "pause"), (200, json!("paused")));
    assert_eq!(pause(&high, "pause").0, 409);
    let (status, _) = client.api("DELETE", &format!("runs/{normal}"), &Value::Null);
    assert_eq!(status, 204);
    assert_eq!(queue(), [&*file, &low, &high]);
    gate.open();
    client.wait_for_run(&low, "done");
    client.wait_for_run(&file, "done");
    assert_eq!(pause(&high, "resume").0, 200);
    client.wait_for_run(&high, "done");
    assert_eq!(pause(&high, "resume").0, 409);
}

#[test]
fn limits_of_one_run_are_changed_while_it_is_active() {
    let (origin, sandbox, gate) = (origin(), Sandbox::new(), Gate::new());
    let held = gate.clone();
    origin.under("/held/", move |_| {
        Script::ok(Body::of("z")).hold_at(0, &held)
    });
    let daemon = sandbox.start();
    let client = &daemon.client;
    let id = client.add_run(&json!({"urls": urls(&origin, "held", 0..2)}));
    let active = |number: u64| client.wait_until_run(&id, |run| run["items"]["active"] == number);
    let run = active(2);
    assert_eq!(
        (&run["limit_rate"], &run["connections"]),
        (&json!(0), &json!(0))
    );
    let change = |id: &str, change: Value| {
        let (status, run) = client.api("PATCH", &format!("runs/{id}"), &change);
        assert_eq!(status, 200, "{run}");
        json!([run["limit_rate"], run["connections"], run["priority"]])
    };
    let limits = json!({"limit_rate": 5_000_000, "connections": 1, "priority": 1});
    assert_eq!(change(&id, limits), json!([5_000_000, 1, 1]));
    active(1);
    let impossible = json!({"position": 0, "limit_rate": 7, "priority": 5});
    let (status, _) = client.api("PATCH", &format!("runs/{id}"), &impossible);
    assert_eq!(status, 409, "an active run has no position");
    assert_eq!(change(&id, json!({})), json!([5_000_000, 1, 1]));
    assert_eq!(change(&id, json!({"limit_rate": 0})), json!([0, 1, 1]));
    let options = json!({"pause": "true", "max-connection-per-server": "1"});
    let file = client.add(&origin.url("/held/9"), &options);
    let split = |given: u16| {
        assert_eq!(change(&file, json!({"connections": given}))[1], given);
        let options = client.call("aria2.getOption", &json!([file]));
        json!([options["split"], options["max-connection-per-server"]])
    };
    assert_eq!(split(3), json!(["3", "3"]));
    assert_eq!(split(0), json!(["4", "3"]));
    gate.open();
    client.wait_for_run(&id, "done");
}

#[test]
fn list_is_resumed_where_it_was_after_a_pause_and_a_restart() {
    let (origin, sandbox, gate) = (origin(), Sandbox::new(), Gate::new());
    let file = || Body::seeded(7, SIZE);
    let entity = || Script::entity(file(), "\"a\"");
    origin.on("/a", [entity().hold_at(SIZE / 2, &gate), entity()]);
    let daemon = sandbox.start();
    let mut rows = urls(&origin, "many", 0..3);
    rows.push(origin.url("/a"));
    rows.extend(urls(&origin, "gone", 0..1));
    let id = daemon
        .client
        .add_run(&json!({"urls": rows, "name": "kept", "options": {"retries": "1"}}));
    let wait_for = |client: &Client, enough: &dyn Fn(&Value) -> bool| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let run = get(client, &format!("runs/{id}"));
            if enough(&run) {
                return run;
            }
            assert!(Instant::now() < deadline, "{run}");
        }
    };
    let is_half = |run: &Value| {
        run["items"]["done"] == 3
            && run["items"]["failed"] == 1
            && run["bytes"].as_u64() >= Some(SIZE / 2)
    };
    wait_for(&daemon.client, &is_half);
    let active = get(
        &daemon.client,
        &format!("runs/{id}/items?status=active,waiting"),
    );
    assert_eq!(
        (&active["total"], &active["items"][0]["path"]),
        (&json!(1), &json!("a"))
    );
    let (status, run) = daemon
        .client
        .api("POST", &format!("runs/{id}/pause"), &Value::Null);
    assert_eq!((status, &run["state"]), (200, &json!("paused")));
    drop(daemon);
    gate.open();
    let daemon = sandbox.start();
    assert_eq!(
        get(&daemon.client, &format!("runs/{id}"))["state"],
        "paused"
    );
    let (status, _) = daemon
        .client
        .api("POST", &format!("runs/{id}/resume"), &Value::Null);
    assert_eq!(status, 200);
    let run = daemon.client.wait_for_run(&id, "failed");
    let counts = json!({"total": 5, "done": 4, "skipped": 0, "failed": 1, "active": 0});
    assert_eq!((&run["items"], &run["name"]), (&counts, &json!("kept")));
    assert_eq!(run["bytes"], SIZE + 3);
    assert!(sandbox.read("a") == file().bytes());
    let ranges = origin.log();
    let ranges = ranges.iter().filter(|request| request.path == "/a");
    let ranges: Vec<_> = ranges
        .map(|request| request.headers.contains_key("range"))
        .collect();
    assert_eq!(ranges, [false, true]);
    assert_eq!(origin.count("/many/0"), 1);
    let items = get(&daemon.client, &format!("runs/{id}/items"));
    assert_eq!(items["total"], 5);
    // What ended before the restart is known from the record.
    drop(daemon);
    let daemon = sandbox.start();
    let items = get(
        &daemon.client,
        &format!("runs/{id}/items?status=done&search=MANY&limit=2"),
    );
    assert_eq!(
        (&items["total"], &items["items"][0]["row"]),
        (&json!(3), &json!(2))
    );
}

#[test]
fn results_and_report_are_there_when_a_list_is_over() {
    let (origin, sandbox, gate) = (origin(), Sandbox::new(), Gate::new());
    let daemon = sandbox.start();
    let client = &daemon.client;
    origin.on("/slow", [Script::ok(Body::of("z")).hold_at(0, &gate)]);
    let id = client.add_run(&json!({"urls": [origin.url("/slow")], "name": "mine"}));
    // Another list in the same folder has results of its own.
    let other = client.add_run(&json!({"urls": urls(&origin, "many", 0..2)}));
    client.wait_for_run(&other, "done");
    for what in ["results", "report"] {
        let early = refused(client, "GET", &format!("runs/{id}/{what}"), &Value::Null);
        assert_eq!(early, (409, "the run is not over".to_owned()));
    }
    gate.open();
    client.wait_for_run(&id, "done");
    let download = |path: &str| client.api_raw("GET", path, &[], "");
    let results = download(&format!("runs/{id}/results"));
    assert_eq!(results.body, "{\"row\":0,\"status\":\"done\"}\n");
    let disposition = format!("content-disposition: attachment; filename=\"haul-{id}.jsonl\"");
    assert!(results.head.contains(&disposition), "{}", results.head);
    let results = download(&format!("runs/{other}/results?format=csv"));
    assert_eq!(results.body, "0,done\n1,done\n");
    let report = download(&format!("runs/{id}/report"));
    assert_eq!(report.body, "<p>mine: 1</p>");
    assert!(report.head.contains("content-security-policy: sandbox"));
    assert!(report.head.contains("content-length: 14"));
    let file = client.add(&origin.url("/many/7"), &json!({}));
    let none = refused(client, "GET", &format!("runs/{file}/results"), &Value::Null);
    assert_eq!(none.0, 409);
    let (status, _) = client.api("DELETE", &format!("runs/{id}"), &Value::Null);
    assert_eq!(status, 409);
    let (status, _) = client.api("DELETE", &format!("runs/{id}?purge=true"), &Value::Null);
    assert_eq!(status, 204);
    assert_eq!(
        refused(client, "GET", &format!("runs/{id}"), &Value::Null).0,
        404
    );
    let kept = std::fs::read_dir(sandbox.path("state/lists")).unwrap();
    assert_eq!(kept.count(), 1);
}

#[test]
fn removed_list_leaves_no_partial_file() {
    let (origin, sandbox, gate) = (origin(), Sandbox::new(), Gate::new());
    origin.on(
        "/a",
        [Script::entity(Body::seeded(7, SIZE), "\"a\"").hold_at(SIZE / 2, &gate)],
    );
    let daemon = sandbox.start();
    let client = &daemon.client;
    let id = client.add_run(&json!({"urls": [origin.url("/a")]}));
    loop {
        let run = get(client, &format!("runs/{id}"));
        if run["bytes"].as_u64() >= Some(SIZE / 2) {
            break;
        }
    }
    let (status, _) = client.api("DELETE", &format!("runs/{id}"), &Value::Null);
    assert_eq!(status, 204);
    assert_eq!(get(client, &format!("runs/{id}"))["state"], "removed");
    drop(daemon);
    let parts = sandbox.path("files/.haul/part");
    let parts = std::fs::read_dir(parts).into_iter().flatten();
    let parts: Vec<_> = parts.map(|part| part.unwrap().path()).collect();
    assert!(parts.is_empty(), "{parts:?}");
    assert!(!sandbox.path("files/a").exists());
}
