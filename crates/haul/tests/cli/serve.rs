//! `haul serve`, from its start to its end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};

use origin::{Body, Origin, Script};

use crate::{PATIENCE, Sandbox};

/// Starts a daemon, and returns it with its first line.
pub(crate) fn serve(
    sandbox: &Sandbox,
    options: &[&str],
    notify: Option<&std::path::Path>,
) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haul"));
    command
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "-d",
            "files",
            "--state",
            "state",
        ])
        .args(options)
        .current_dir(sandbox.folder.path())
        .stderr(Stdio::piped());
    if let Some(path) = notify {
        command.env("NOTIFY_SOCKET", path);
    }
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    (child, line)
}

/// Ends a daemon, and waits until it has ended.
pub(crate) fn kill(daemon: &mut Child) {
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

fn post(authority: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /jsonrpc HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn daemon_downloads_and_ends_at_sigterm() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.on("/a", Script::ok(Body::of("hello")));
    let socket = sandbox.folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut daemon, line) = serve(&sandbox, &[], Some(&socket));
    assert!(
        line.starts_with("haul listens at http://127.0.0.1:"),
        "{line}"
    );
    assert!(line.contains("/jsonrpc; its page is http://127.0.0.1:"));
    assert!(
        line.ends_with("its secret is in state/rpc-secret\n"),
        "{line}"
    );
    let mut state = [0; 64];
    let length = systemd.recv(&mut state).unwrap();
    assert_eq!(&state[..length], b"READY=1");
    let authority = line.split('/').nth(2).unwrap();
    let secret = std::fs::read_to_string(sandbox.folder.path().join("state/rpc-secret")).unwrap();
    let secret = secret.trim();
    let url = origin.url("/a");
    let call = format!(
        r#"{{"id":1,"method":"aria2.addUri","params":["token:{secret}",["{url}"],{{"gid":"00000000000000aa"}}]}}"#
    );
    assert!(post(authority, &call).contains("00000000000000aa"));
    let asked = format!(
        r#"{{"id":1,"method":"aria2.tellStatus","params":["token:{secret}","aa00",["status"]]}}"#
    )
    .replace("aa00", "00000000000000aa");
    let deadline = std::time::Instant::now() + PATIENCE;
    while !post(authority, &asked).contains("complete") {
        assert!(std::time::Instant::now() < deadline);
    }
    let file = sandbox.folder.path().join("files/a");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "hello");
    let id = rustix::process::Pid::from_child(&daemon);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    let length = systemd.recv(&mut state).unwrap();
    assert_eq!(&state[..length], b"STOPPING=1");
}

#[test]
fn log_of_a_client_has_what_happens_also_after_a_restart() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.on("/a", Script::ok(Body::of("hello")));
    origin.on("/gone", Script::status(404));
    let call = |authority: &str, method: &str, params: &str| {
        let body =
            format!(r#"{{"id":1,"method":"aria2.{method}","params":["token:s3",{params}]}}"#);
        post(authority, &body)
    };
    let ends = |authority: &str, gid: &str, state: &str| {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !call(authority, "tellStatus", &format!(r#""{gid}",["status"]"#)).contains(state) {
            assert!(std::time::Instant::now() < deadline);
        }
    };
    let log = || std::fs::read_to_string(sandbox.folder.path().join("files/d.log")).unwrap();
    let add = |path: &str, gid: &str| format!(r#"["{}"],{{"gid":"{gid}"}}"#, origin.url(path));
    let (first, second) = ("00000000000000aa", "00000000000000bb");
    let (mut daemon, line) = serve(&sandbox, &["--rpc-secret", "s3"], None);
    let authority = line.split('/').nth(2).unwrap();
    let given = r#"{"log":"d.log","log-level":"error"}"#;
    assert!(call(authority, "changeGlobalOption", given).contains("OK"));
    call(authority, "addUri", &add("/a", first));
    ends(authority, first, "complete");
    assert_eq!(log(), "");
    call(authority, "changeGlobalOption", r#"{"log-level":"notice"}"#);
    kill(&mut daemon);
    let (mut daemon, line) = serve(&sandbox, &["--rpc-secret", "s3"], None);
    let authority = line.split('/').nth(2).unwrap();
    call(authority, "addUri", &add("/gone", second));
    ends(authority, second, "error");
    let text = log();
    let [begins, failed] = text.lines().collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    assert!(
        begins.contains("INFO haulage::daemon: download begins"),
        "{begins}"
    );
    assert!(
        failed.contains("ERROR haulage::daemon: download has failed"),
        "{failed}"
    );
    assert!(failed.contains(second) && failed.contains("code=3") && failed.contains("404"));
    assert!(call(authority, "changeGlobalOption", r#"{"log":""}"#).contains("OK"));
    call(authority, "removeDownloadResult", &format!(r#""{second}""#));
    call(authority, "addUri", &add("/gone", second));
    ends(authority, second, "error");
    assert_eq!(log(), text);
    kill(&mut daemon);
}

#[test]
fn daemon_that_would_be_open_to_others_does_not_start() {
    let sandbox = Sandbox::new();
    for (options, why) in [
        (
            &["--no-secret", "--listen", "0.0.0.0:0"][..],
            "this machine",
        ),
        (
            &["--no-secret", "--allow-origin", "https://a.example"],
            "secret",
        ),
        (&["--allow-origin", "*"], "origin"),
        (&["--tls-cert", "a", "--tls-key", "b"], "a cannot be used"),
        (&["--listen", "nowhere"], "address"),
        (&["--state", "files/state"], "is not apart from"),
        (&["--allow-dir", "."], "is not apart from"),
    ] {
        let mut all = vec!["serve", "-d", "files"];
        if !options.contains(&"--state") {
            all.extend(["--state", "state"]);
        }
        all.extend(options.iter().copied());
        let ran = sandbox.haul(&all);
        assert_eq!(ran.code, Some(2), "{options:?}");
        assert!(ran.stderr.contains(why), "{options:?}: {}", ran.stderr);
    }
}

#[test]
fn options_of_downloads_are_defaults_of_the_daemon() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.on("/a", Script::ok(Body::of("hello")));
    // `results` is for downloads of the command, and does not count here.
    sandbox.write(
        "c.toml",
        "split = 8\nresults = [\"r.csv\"]\nuser-agent = \"test/1\"\nretries = 9\n",
    );
    let options = [
        "--config",
        "c.toml",
        "--no-secret",
        "--retries",
        "2",
        "--limit-rate",
        "50M",
    ];
    let (mut daemon, line) = serve(&sandbox, &options, None);
    let authority = line.split('/').nth(2).unwrap();
    let given = post(authority, r#"{"id":1,"method":"aria2.getGlobalOption"}"#);
    assert!(given.contains(r#""split":"8""#), "{given}");
    assert!(given.contains(r#""max-tries":"3""#), "{given}");
    let limit = r#""max-overall-download-limit":"52428800""#;
    assert!(given.contains(limit), "{given}");
    let url = origin.url("/a");
    post(
        authority,
        &format!(r#"{{"id":1,"method":"aria2.addUri","params":[["{url}"]]}}"#),
    );
    let deadline = std::time::Instant::now() + PATIENCE;
    while !sandbox.folder.path().join("files/a").exists() {
        assert!(std::time::Instant::now() < deadline);
    }
    assert_eq!(origin.log()[0].headers["user-agent"], "test/1");
    kill(&mut daemon);
}

#[test]
fn options_of_one_run_are_refused_by_the_daemon() {
    let sandbox = Sandbox::new();
    for options in [
        &["-i", "x.txt"][..],
        &["--results", "r.csv"],
        &["http://h/"],
    ] {
        let ran = sandbox.haul(&[&["serve", "--state", "state"], options].concat());
        assert_eq!(ran.code, Some(2), "{options:?}");
        let whys = ["there is no option", "unexpected argument"];
        let is_told = whys.iter().any(|why| ran.stderr.contains(why));
        assert!(is_told, "{options:?}: {}", ran.stderr);
    }
}

#[test]
fn killed_daemon_loses_and_doubles_nothing() {
    const FILES: usize = 40;
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let body = |number: usize| Body::seeded(number as u64, 300_000);
    origin.under("/many/", move |request| {
        let number = request.path().trim_start_matches("/many/").parse().unwrap();
        Script::entity(body(number), &format!("\"{number}\""))
    });
    let calls = (0..FILES).map(|number| {
        let url = origin.url(&format!("/many/{number}"));
        let gid = number + 1;
        format!(
            r#"{{"id":1,"method":"aria2.addUri","params":["token:s3",["{url}"],{{"gid":"{gid:016x}"}}]}}"#
        )
    });
    let calls = format!("[{}]", calls.collect::<Vec<_>>().join(","));
    let options = ["--rpc-secret", "s3", "--max-concurrent-downloads", "2"];
    let mut begun = serve(&sandbox, &options, None);
    let authority = |line: &str| line.split('/').nth(2).unwrap().to_owned();
    post(&authority(&begun.1), &calls);
    let stat = r#"{"id":1,"method":"aria2.getGlobalStat","params":["token:s3"]}"#;
    // Each daemon is killed when it has completed some more.
    for wanted in (5..=FILES).step_by(5) {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let stat = post(&authority(&begun.1), stat);
            let number = |key: &str| -> usize {
                let at = stat.find(key).unwrap() + key.len() + 3;
                let digits = stat[at..].split('"').next().unwrap();
                digits.parse().unwrap()
            };
            let all = number("numActive") + number("numWaiting") + number("numStopped");
            assert_eq!(all, FILES);
            if number("numStopped") >= wanted {
                break;
            }
            assert!(std::time::Instant::now() < deadline);
        }
        kill(&mut begun.0);
        begun = serve(&sandbox, &options, None);
    }
    kill(&mut begun.0);
    let folder = sandbox.folder.path().join("files");
    let names = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name != ".haul").count(), FILES);
    for number in 0..FILES {
        let file = std::fs::read(folder.join(number.to_string())).unwrap();
        assert!(file == body(number).bytes(), "{number}");
    }
}
