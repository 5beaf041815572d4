//! The methods, with the answers that aria2 1.36 gives to the same calls.

use serde_json::{Value, json};

use super::*;
use crate::queue::Gid;
use crate::service::fake::{FakeRunner, service};
use crate::service::{Finish, Live};
use haulage::ErrorKind;

const AA: &str = "00000000000000aa";

struct Desk {
    service: Service<FakeRunner>,
    secret: Secret,
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            service: service(folder.path()),
            secret: Secret::new(Some("s3")),
            folder,
        }
    }

    /// Returns the folder of its downloads, as it is in a status.
    fn dir(&self) -> String {
        let path = self.folder.path().canonicalize().unwrap();
        path.display().to_string()
    }

    fn send(&mut self, body: &Value) -> (u16, Value) {
        let answer = answer_value(&mut self.service, &self.secret, body.clone());
        (answer.status, answer.body)
    }

    /// Calls a method with the token; returns the result, or the message of its error.
    fn call(&mut self, method: &str, params: &Value) -> Value {
        let mut all = vec![json!("token:s3")];
        all.extend(params.as_array().unwrap().iter().cloned());
        let (status, body) = self.send(&json!({"id": 1, "method": method, "params": all}));
        if let Some(error) = body.get("error") {
            assert_eq!((status, &error["code"]), (400, &json!(1)));
            return error["message"].clone();
        }
        assert_eq!(status, 200);
        body["result"].clone()
    }

    fn add(&mut self, gid: &str, options: Value) {
        let mut options = options;
        options["gid"] = gid.into();
        let added = self.call(
            "aria2.addUri",
            &json!([[format!("http://h/{gid}")], options]),
        );
        assert_eq!(added, gid);
    }

    /// Adds two that are active and some that wait: 01 and 02, then 03 to 06.
    fn fill(&mut self) {
        for number in 1..7 {
            self.add(&format!("{number:016x}"), json!({}));
        }
    }

    fn waiting(&mut self) -> Vec<u64> {
        let queued = self.service.queue.queued();
        queued.map(|download| download.gid.number()).collect()
    }

    fn notices(&mut self) -> Vec<(What, u64)> {
        let notices = self.service.take_notices().into_iter();
        notices
            .map(|notice| (notice.what, notice.gid.number()))
            .collect()
    }
}

fn gid(number: u64) -> Gid {
    Gid::new(number).unwrap()
}

#[test]
fn protocol_errors_have_aria2s_codes_and_status() {
    let mut desk = Desk::new();
    let mut raw = |body: &str| {
        let answer = answer(&mut desk.service, &desk.secret, body.as_bytes());
        (answer.status, answer.body)
    };
    let failure = |id: Value, code: i64, message: &str| json!({"id": id, "jsonrpc": "2.0", "error": {"code": code, "message": message}});
    let parse = failure(json!(null), -32700, "Parse error.");
    let invalid = |id| failure(id, -32600, "Invalid Request.");
    for body in ["{", "", "\"", "nul", "5", "null", "{} x"] {
        assert_eq!(raw(body), (500, parse.clone()), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(raw(&deep), (500, parse));
    assert_eq!(raw("{}"), (400, invalid(json!(null))));
    assert_eq!(raw("\"x\""), (400, invalid(json!(null))));
    assert_eq!(raw(r#"{"id":1,"method":5}"#), (400, invalid(json!(1))));
    assert_eq!(
        raw(r#"{"method":"system.listMethods"}"#),
        (400, invalid(json!(null)))
    );
    let params = r#"{"id":1,"method":"system.listMethods","params":{}}"#;
    assert_eq!(
        raw(params),
        (500, failure(json!(1), -32602, "Invalid params."))
    );
    for (body, empty) in [("[]", json!([])), ("[1,2]", json!([]))] {
        assert_eq!(raw(body), (200, empty));
    }
    let many = format!("[{}]", vec!["{}"; MAX_CALLS + 1].join(","));
    assert_eq!(raw(&many).0, 400);
    let id = raw(r#"{"jsonrpc":"1.0","id":{"a":[1]},"method":"system.listMethods"}"#).1;
    assert_eq!(id["id"], json!({"a": [1]}));
    assert_eq!(id["result"].as_array().unwrap().len(), 36);
}

#[test]
fn calls_need_the_token() {
    let mut desk = Desk::new();
    let call = |params: Value| json!({"id": 1, "method": "aria2.getVersion", "params": params});
    for params in [
        json!([]),
        json!(["token:"]),
        json!(["token:s"]),
        json!(["token:s33"]),
        json!(["s3"]),
    ] {
        let (status, body) = desk.send(&call(params));
        assert_eq!(
            (status, &body["error"]["message"]),
            (400, &json!("Unauthorized"))
        );
    }
    let nope = json!({"id": 1, "method": "nope", "params": []});
    assert_eq!(desk.send(&nope).1["error"]["message"], "Unauthorized");
    assert_eq!(desk.call("nope", &json!([])), "No such method: nope");
    assert_eq!(
        desk.call("aria2.getVersion", &json!([]))["version"],
        "1.36.0"
    );
    let batch = json!([
        call(json!([])),
        call(json!(["token:s3"])),
        call(json!(["token:x"])),
        call(json!(["token:s3"]))
    ]);
    let answer = answer_value(&mut desk.service, &desk.secret, batch);
    assert!(answer.refused);
    let has_result = answer
        .body
        .as_array()
        .unwrap()
        .iter()
        .map(|body| body.get("result").is_some());
    // One request is one guess.
    assert!(has_result.eq([false, true, false, false]));
    desk.secret = Secret::new(None);
    assert_eq!(desk.send(&call(json!([]))).0, 200);
}

#[test]
fn multicall_has_a_list_or_an_error_for_each_call() {
    let mut desk = Desk::new();
    let calls = json!([
        {"methodName": "aria2.getSessionInfo", "params": ["token:s3"]},
        {"methodName": "aria2.tellStatus", "params": ["token:s3", "ffffffffffffffff"]},
        {"methodName": "nope", "params": []},
        {"x": 1},
        5,
        {"methodName": "system.multicall", "params": [[]]},
        {"methodName": "system.listNotifications"}
    ]);
    let session = desk.service.session().to_owned();
    assert_eq!(session.len(), 40);
    let (_, body) = desk.send(&json!({"id": 1, "method": "system.multicall", "params": [calls]}));
    let error = |message: &str| json!({"code": 1, "message": message});
    let expected = json!([
        [{"sessionId": session}],
        error("GID ffffffffffffffff is not found"),
        error("Unauthorized"),
        error("Missing methodName."),
        error("system.multicall expected struct."),
        error("Recursive system.multicall forbidden."),
    ]);
    let results = body["result"].as_array().unwrap();
    assert_eq!(results[..6], expected.as_array().unwrap()[..]);
    assert_eq!(results[6][0][0], "aria2.onDownloadStart");
    let message = |desk: &mut Desk, params: Value| desk.call("system.multicall", &params);
    assert_eq!(
        message(&mut desk, json!([])),
        "The parameter at 0 is required but missing."
    );
    assert_eq!(
        message(&mut desk, json!([5])),
        "The parameter at 0 has wrong type."
    );
}

#[test]
fn parameters_that_are_wrong_fail_as_with_aria2() {
    let mut desk = Desk::new();
    desk.add(AA, json!({}));
    let missing = |at| format!("The parameter at {at} is required but missing.");
    let wrong = |at| format!("The parameter at {at} has wrong type.");
    let option = |name| format!("We encountered a problem while processing the option '--{name}'.");
    for (method, params, message) in [
        ("addUri", json!([[]]), "URI is not provided.".to_owned()),
        ("addUri", json!([]), missing(0)),
        ("addUri", json!(["x"]), wrong(0)),
        ("addUri", json!([["nope"]]), "No URI to download.".to_owned()),
        ("addUri", json!([["ftp://h/"]]), "No URI to download.".to_owned()),
        ("addUri", json!([[5]]), "URI is not provided.".to_owned()),
        ("addUri", json!([["http://h/"], {"split": "zzz"}]), option("split")),
        ("addUri", json!([["http://h/"], {"out": "../x"}]), option("out")),
        ("addUri", json!([["http://h/"], {"dir": "/etc"}]), option("dir")),
        ("addUri", json!([["http://h/"], {"dir": ".."}]), option("dir")),
        ("addUri", json!([["http://h/"], {"load-cookies": "/etc/passwd"}]), option("load-cookies")),
        ("changeGlobalOption", json!([{"save-session": "/etc/x"}]), option("save-session")),
        ("changeGlobalOption", json!([{"log": "/etc/x"}]), option("log")),
        ("changeGlobalOption", json!([{"log": ".haul/x"}]), option("log")),
        ("changeGlobalOption", json!([{"log": "-"}]), option("log")),
        ("changeGlobalOption", json!([{"log-level": "loud"}]), option("log-level")),
        ("addUri", json!([["http://h/"], "x"]), wrong(1)),
        ("addUri", json!([["http://h/"], {}, "x"]), wrong(2)),
        ("addUri", json!([["http://h/"], {"gid": AA}]), "No URI to download.".to_owned()),
        ("addUri", json!([["http://h/"], {"gid": "zz"}]), "No URI to download.".to_owned()),
        ("tellStatus", json!([]), missing(0)),
        ("tellStatus", json!([5]), wrong(0)),
        ("tellStatus", json!([AA, "x"]), wrong(1)),
        ("tellStatus", json!(["xyz"]), "Invalid GID xyz".to_owned()),
        ("tellStatus", json!([""]), "Invalid GID ".to_owned()),
        ("tellStatus", json!(["aa"]), "GID aa is not found".to_owned()),
        ("tellWaiting", json!([]), missing(0)),
        ("tellWaiting", json!(["0", 1]), wrong(0)),
        ("tellWaiting", json!([0, -1]), "The integer parameter at 1 has invalid value: the value must be greater than or equal to 0.".to_owned()),
        ("changePosition", json!([AA, 0, "POS_SET"]), format!("GID#{AA} not found in the waiting queue.")),
        ("changePosition", json!([AA, 0, "XX"]), "Illegal argument.".to_owned()),
        ("changePosition", json!([AA, "0", "POS_SET"]), wrong(1)),
        ("changeUri", json!([AA, 2, [], []]), "fileIndex is out of range".to_owned()),
        ("changeUri", json!([AA, 0, [], []]), "The integer parameter at 1 has invalid value: the value must be greater than or equal to 1.".to_owned()),
        ("changeUri", json!(["aabbccddeeff0011", 1, [], []]), "GID aabbccddeeff0011 is not found".to_owned()),
        ("changeOption", json!([AA]), missing(1)),
        ("changeOption", json!([AA, {"split": "x"}]), option("split")),
        ("changeGlobalOption", json!([{"max-concurrent-downloads": "0"}]), option("max-concurrent-downloads")),
        ("unpause", json!([AA]), format!("GID#{AA} cannot be unpaused now")),
        ("removeDownloadResult", json!([AA]), format!("Could not remove download result of GID#{AA}")),
        ("saveSession", json!([]), "Filename is not given.".to_owned()),
        ("addTorrent", json!(["AAAA"]), "Bencode decoding failed".to_owned()),
        ("addTorrent", json!([]), missing(0)),
        ("addMetalink", json!(["AAAA"]), "Could not parse Metalink XML document.".to_owned()),
        ("addMetalink", json!([]), missing(0)),
    ] {
        let got = desk.call(&format!("aria2.{method}"), &params);
        assert_eq!(got, message, "{method} {params}");
    }
    assert_eq!(desk.service.queue.counts(), [1, 0, 0]);
}

#[test]
fn status_has_aria2s_keys_and_values() {
    let mut desk = Desk::new();
    let options = json!({"gid": AA, "out": "b/a.bin"});
    desk.call(
        "aria2.addUri",
        &json!([["http://h/a", "http://h/b"], options]),
    );
    let live = Live {
        total: Some(300_000),
        completed: 0,
        speed: 11_345,
        connections: 1,
        name: Some("a.bin".to_owned()),
        redirected: None,
        rows: None,
    };
    desk.service.runner.running.insert(gid(0xaa), live);
    let dir = desk.dir();
    let uris = json!([{"status": "used", "uri": "http://h/a"}, {"status": "waiting", "uri": "http://h/b"}]);
    let mut file = json!({"completedLength": "0", "index": "1", "length": "300000", "path": format!("{dir}/b/a.bin"), "selected": "true", "uris": uris});
    let mut status = json!({
        "bitfield": "00", "completedLength": "0", "connections": "1", "dir": dir,
        "downloadSpeed": "11345", "files": [file], "gid": AA, "numPieces": "1",
        "pieceLength": "1048576", "status": "active", "totalLength": "300000",
        "uploadLength": "0", "uploadSpeed": "0"
    });
    assert_eq!(desk.call("aria2.tellStatus", &json!([AA])), status);
    assert_eq!(desk.call("aria2.tellStatus", &json!(["00"])), status);
    assert_eq!(desk.call("aria2.tellActive", &json!([])), json!([status]));
    assert_eq!(
        desk.call(
            "aria2.tellStatus",
            &json!([AA, ["gid", "status", "nosuch"]])
        ),
        json!({"gid": AA, "status": "active"})
    );
    assert_eq!(desk.call("aria2.getUris", &json!([AA])), uris);
    assert_eq!(desk.call("aria2.getFiles", &json!([AA])), json!([file]));
    assert_eq!(desk.call("aria2.getPeers", &json!([AA])), json!([]));
    assert_eq!(
        desk.call("aria2.getServers", &json!([AA])),
        json!([{"index": "1", "servers": [{"currentUri": "http://h/a", "downloadSpeed": "11345", "uri": "http://h/a"}]}])
    );
    let finish = Finish::Complete {
        name: "b/a.bin".to_owned(),
        bytes: 300_000,
    };
    desk.service.runner.running.clear();
    desk.service.finish(gid(0xaa), finish);
    file["completedLength"] = "300000".into();
    for (key, value) in [
        ("bitfield", json!("80")),
        ("completedLength", json!("300000")),
        ("connections", json!("0")),
        ("downloadSpeed", json!("0")),
        ("status", json!("complete")),
        ("errorCode", json!("0")),
        ("errorMessage", json!("")),
        ("files", json!([file])),
    ] {
        status[key] = value;
    }
    assert_eq!(desk.call("aria2.tellStatus", &json!([AA])), status);
    for (method, message) in [
        (
            "getUris",
            "No URI data is available for GID#00000000000000aa",
        ),
        ("getServers", "No active download for GID#00000000000000aa"),
        ("pause", "GID#00000000000000aa cannot be paused now"),
        (
            "remove",
            "Active Download not found for GID#00000000000000aa",
        ),
    ] {
        assert_eq!(desk.call(&format!("aria2.{method}"), &json!([AA])), message);
    }
    let changed = desk.call("aria2.changeOption", &json!([AA, {}]));
    assert_eq!(changed, "Cannot change option for GID#00000000000000aa");
    let stat = desk.call("aria2.getGlobalStat", &json!([]));
    let expected = json!({"downloadSpeed": "0", "numActive": "0", "numStopped": "1", "numStoppedTotal": "1", "numWaiting": "0", "uploadSpeed": "0"});
    assert_eq!(stat, expected);
    assert_eq!(desk.call("aria2.removeDownloadResult", &json!([AA])), "OK");
    assert_eq!(
        desk.call("aria2.getGlobalStat", &json!([]))["numStoppedTotal"],
        "1"
    );
}

#[test]
fn waiting_download_has_aria2s_status() {
    let mut desk = Desk::new();
    desk.fill();
    let dir = desk.dir();
    let third = format!("{:016x}", 3);
    let uris = json!([{"status": "waiting", "uri": format!("http://h/{third}")}]);
    let status = json!({
        "completedLength": "0", "connections": "0", "dir": dir, "downloadSpeed": "0",
        "files": [{"completedLength": "0", "index": "1", "length": "0", "path": "", "selected": "true", "uris": uris}],
        "gid": third, "numPieces": "0", "pieceLength": "1048576", "status": "waiting",
        "totalLength": "0", "uploadLength": "0", "uploadSpeed": "0"
    });
    assert_eq!(
        desk.call("aria2.tellWaiting", &json!([0, 1])),
        json!([status])
    );
}

#[test]
fn pages_go_backwards_from_the_end() {
    let mut desk = Desk::new();
    desk.fill();
    let mut page = |params: Value| -> Vec<u64> {
        let page = desk.call("aria2.tellWaiting", &params);
        let gids = page
            .as_array()
            .unwrap()
            .iter()
            .map(|status| status["gid"].as_str().unwrap());
        gids.map(|gid| u64::from_str_radix(gid, 16).unwrap())
            .collect()
    };
    assert_eq!(page(json!([0, 10, ["gid"]])), [3, 4, 5, 6]);
    assert_eq!(page(json!([1, 2])), [4, 5]);
    assert_eq!(page(json!([-1, 3])), [6, 5, 4]);
    assert_eq!(page(json!([-2, 10])), [5, 4, 3]);
    assert!(page(json!([100, 1])).is_empty());
    assert!(page(json!([-5, 1])).is_empty());
    assert!(page(json!([0, 0])).is_empty());
}

#[test]
fn positions_are_aria2s() {
    let mut desk = Desk::new();
    desk.fill();
    let six = format!("{:016x}", 6);
    for (offset, whence, position, order) in [
        (0, "POS_SET", 0, [6, 3, 4, 5]),
        (1, "POS_CUR", 1, [3, 6, 4, 5]),
        (-1, "POS_END", 2, [3, 4, 6, 5]),
        (100, "POS_SET", 3, [3, 4, 5, 6]),
        (-100, "POS_SET", 0, [6, 3, 4, 5]),
    ] {
        let moved = desk.call("aria2.changePosition", &json!([six, offset, whence]));
        assert_eq!((moved, desk.waiting()), (json!(position), order.to_vec()));
    }
    desk.call("aria2.addUri", &json!([["http://h/"], {"gid": AA}, 1]));
    assert_eq!(desk.waiting(), [6, 0xaa, 3, 4, 5]);
}

#[test]
fn pause_frees_a_slot_and_keeps_the_place() {
    let mut desk = Desk::new();
    desk.fill();
    desk.notices();
    let [one, three] = [1, 3].map(|number| format!("{number:016x}"));
    desk.service.runner.told.clear();
    assert_eq!(desk.call("aria2.pause", &json!([one])), one);
    assert_eq!(
        desk.service.runner.told,
        [format!("stop {one} Keep"), format!("start {three}")]
    );
    assert_eq!(desk.notices(), [(What::Pause, 1), (What::Start, 3)]);
    assert_eq!(desk.waiting(), [1, 4, 5, 6]);
    let again = desk.call("aria2.pause", &json!([one]));
    assert_eq!(again, format!("GID#{one} cannot be paused now"));
    assert_eq!(desk.call("aria2.unpause", &json!([one])), one);
    desk.call("aria2.pauseAll", &json!([]));
    assert_eq!(desk.service.queue.counts(), [0, 6, 0]);
    desk.notices();
    desk.call("aria2.unpauseAll", &json!([]));
    assert_eq!(desk.notices(), [(What::Start, 3), (What::Start, 2)]);
    desk.call(
        "aria2.changeGlobalOption",
        &json!([{"max-concurrent-downloads": "3"}]),
    );
    assert_eq!(desk.notices(), [(What::Start, 1)]);
}

#[test]
fn removed_download_is_remembered_if_it_was_active() {
    let mut desk = Desk::new();
    desk.fill();
    let [one, four] = [1, 4].map(|number| format!("{number:016x}"));
    desk.notices();
    assert_eq!(desk.call("aria2.remove", &json!([one])), one);
    let keys = json!([one, ["status", "errorCode"]]);
    let status = desk.call("aria2.tellStatus", &keys);
    assert_eq!(status, json!({"status": "removed", "errorCode": "31"}));
    assert_eq!(desk.notices(), [(What::Stop, 1), (What::Start, 3)]);
    assert_eq!(desk.call("aria2.forceRemove", &json!([four])), four);
    let gone = desk.call("aria2.tellStatus", &json!([four]));
    assert_eq!(gone, format!("GID {four} is not found"));
    assert_eq!(desk.call("aria2.purgeDownloadResult", &json!([])), "OK");
    assert_eq!(desk.call("aria2.tellStopped", &json!([0, 9])), json!([]));
}

#[test]
fn failure_has_aria2s_code_and_the_next_one_starts() {
    let mut desk = Desk::new();
    desk.fill();
    desk.notices();
    let failed = Finish::Failed {
        kind: ErrorKind::Http,
        code: 3,
        message: "not found".to_owned(),
    };
    desk.service.finish(gid(1), failed);
    assert_eq!(desk.notices(), [(What::Error, 1), (What::Start, 3)]);
    let stopped = desk.call(
        "aria2.tellStopped",
        &json!([-1, 1, ["errorCode", "errorMessage", "status"]]),
    );
    assert_eq!(
        stopped,
        json!([{"errorCode": "3", "errorMessage": "not found", "status": "error"}])
    );
    desk.call(
        "aria2.changeGlobalOption",
        &json!([{"max-download-result": "0"}]),
    );
    assert_eq!(desk.service.queue.counts(), [2, 3, 0]);
}

#[test]
fn options_are_returned_and_changed() {
    let mut desk = Desk::new();
    let options = json!({"split": "2", "max-download-limit": "100K", "foo": "bar", "header": ["A: b", "C: d"], "bt-max-peers": "7", "rpc-secure": "true"});
    desk.add(AA, options);
    let all = desk.call("aria2.getOption", &json!([AA]));
    for (name, value) in [
        ("split", "2"),
        ("max-download-limit", "102400"),
        ("header", "A: b\nC: d"),
        ("bt-max-peers", "7"),
        ("allow-overwrite", "false"),
    ] {
        assert_eq!(all[name], value, "{name}");
    }
    for name in ["foo", "gid", "max-concurrent-downloads"] {
        assert_eq!(all.get(name), None, "{name}");
    }
    desk.service.runner.told.clear();
    assert_eq!(
        desk.call(
            "aria2.changeOption",
            &json!([AA, {"max-download-limit": "0"}])
        ),
        "OK"
    );
    assert_eq!(desk.service.runner.told, [format!("limit {AA} None")]);
    desk.service.runner.told.clear();
    desk.call(
        "aria2.changeOption",
        &json!([AA, {"split": "3", "bt-max-peers": "8"}]),
    );
    assert_eq!(
        desk.service.runner.told,
        [format!("stop {AA} Keep"), format!("start {AA}")]
    );
    desk.service.runner.told.clear();
    desk.call(
        "aria2.changeOption",
        &json!([AA, {"split": "3", "bt-max-peers": "9"}]),
    );
    assert!(desk.service.runner.told.is_empty());
    desk.call(
        "aria2.changeGlobalOption",
        &json!([{"max-overall-download-limit": "1M", "dir": "sub", "nope": "1"}]),
    );
    assert_eq!(desk.service.runner.told, ["limit all Some(1048576)"]);
    let all = desk.call("aria2.getGlobalOption", &json!([]));
    assert_eq!(all["max-overall-download-limit"], "1048576");
    assert!(all["dir"].as_str().unwrap().ends_with("/sub"));
    assert_eq!(all.get("nope"), None);
}

#[test]
fn uris_are_changed_as_with_aria2() {
    let mut desk = Desk::new();
    desk.call(
        "aria2.addUri",
        &json!([["http://h/a", "http://h/b"], {"gid": AA}]),
    );
    let uris = |desk: &mut Desk| -> Vec<String> {
        let uris = desk.call("aria2.getUris", &json!([AA]));
        let uris = uris.as_array().unwrap().iter();
        uris.map(|uri| uri["uri"].as_str().unwrap().replace("http://h/", ""))
            .collect()
    };
    let params = json!([AA, 1, ["http://h/b"], ["http://h/c", "http://h/d"]]);
    assert_eq!(desk.call("aria2.changeUri", &params), json!([1, 2]));
    assert_eq!(uris(&mut desk), ["a", "c", "d"]);
    let params = json!([AA, 1, [], ["http://h/e", "nope"], 0]);
    assert_eq!(desk.call("aria2.changeUri", &params), json!([0, 1]));
    assert_eq!(uris(&mut desk), ["a", "e", "c", "d"]);
}

#[test]
fn metalink_adds_its_files() {
    use base64::Engine as _;
    let mut desk = Desk::new();
    let text = r#"<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="m.bin"><size>300000</size>
        <hash type="sha-256">aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</hash>
        <url>http://h/m</url><url>http://i/m</url></file><file name="n.bin"><url>http://h/n</url></file></metalink>"#;
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let added = desk.call("aria2.addMetalink", &json!([encoded, {"pause": "true"}]));
    assert_eq!(added.as_array().unwrap().len(), 2);
    let status = desk.call("aria2.tellStatus", &json!([added[0]]));
    assert_eq!(
        (&status["status"], &status["totalLength"]),
        (&json!("paused"), &json!("300000"))
    );
    let file = &status["files"][0];
    assert!(file["path"].as_str().unwrap().ends_with("/m.bin"));
    assert_eq!(file["uris"].as_array().unwrap().len(), 2);
    let options = desk.call("aria2.getOption", &json!([added[0]]));
    assert!(
        options["checksum"]
            .as_str()
            .unwrap()
            .starts_with("sha256=aa")
    );
}

#[test]
fn metalink_with_a_bad_name_adds_none_of_its_files() {
    use base64::Engine as _;
    let mut desk = Desk::new();
    let text = r#"<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="m.bin"><url>http://h/m</url></file>
        <file name=".haul/n.bin"><url>http://h/n</url></file></metalink>"#;
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let answer = desk.call("aria2.addMetalink", &json!([encoded]));
    assert!(answer.as_str().unwrap().contains("--out"), "{answer}");
    let waiting = desk.call("aria2.tellWaiting", &json!([0, 10]));
    let active = desk.call("aria2.tellActive", &json!([]));
    assert_eq!((waiting, active), (json!([]), json!([])));
}

#[test]
fn log_goes_where_clients_say_and_files_may_go() {
    let mut desk = Desk::new();
    desk.service.runner.told.clear();
    for (options, told) in [
        (json!({"log-level": "warn"}), "log None"),
        (
            json!({"log": "a.log"}),
            "log Some((\"a.log\", Level(Warn)))",
        ),
        (
            json!({"log-level": "debug"}),
            "log Some((\"a.log\", Level(Debug)))",
        ),
        (json!({"log": ""}), "log None"),
    ] {
        desk.call("aria2.changeGlobalOption", &json!([options]));
        assert_eq!(desk.service.runner.told, [told]);
        desk.service.runner.told.clear();
    }
    desk.call(
        "aria2.changeGlobalOption",
        &json!([{"max-download-result": "7"}]),
    );
    assert!(desk.service.runner.told.is_empty());
}

#[test]
fn session_is_saved_as_an_input_file() {
    let mut desk = Desk::new();
    desk.add(AA, json!({"out": "a", "header": ["A: b", "C: d"]}));
    desk.call(
        "aria2.addUri",
        &json!([["http://h/1", "http://h/2"], {"gid": "00000000000000bb", "pause": "true"}]),
    );
    desk.call(
        "aria2.changeGlobalOption",
        &json!([{"save-session": "session"}]),
    );
    assert_eq!(desk.call("aria2.saveSession", &json!([])), "OK");
    let text = std::fs::read_to_string(desk.folder.path().join("session")).unwrap();
    let expected = "http://h/00000000000000aa\n gid=00000000000000aa\n header=A: b\n header=C: d\n out=a\n\
                    http://h/1\thttp://h/2\n gid=00000000000000bb\n pause=true\n";
    assert_eq!(text, expected);
}

#[test]
fn shutdown_is_answered_and_starts_nothing_more() {
    let mut desk = Desk::new();
    assert_eq!(desk.call("aria2.shutdown", &json!([])), "OK");
    assert!(desk.service.is_ending());
    desk.add(AA, json!({}));
    assert_eq!(desk.service.queue.counts(), [0, 1, 0]);
}

#[test]
fn notification_is_that_of_aria2() {
    let notice = Notice {
        what: What::Complete,
        gid: gid(0xaa),
    };
    let expected =
        json!({"jsonrpc": "2.0", "method": "aria2.onDownloadComplete", "params": [{"gid": AA}]});
    assert_eq!(notification(notice), expected);
}
