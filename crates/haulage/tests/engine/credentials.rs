//! Logins: which server gets which, and how a server is responded to that asks for Digest. Rows 37
//! and 38 of docs/faults.md.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use haulage::{BearerFile, Credentials, Netrc, Outcome, Request};
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};
use md5::{Digest as _, Md5};
use origin::{Body, LoggedRequest, Origin, Script};
use sha2::Sha256;

use crate::sandbox::{Sandbox, assert_done, get, kind};

const BASIC: &str = "Basic realm=\"x\"";

fn pair(user: &str, password: &str) -> Credentials {
    Credentials {
        user: user.into(),
        password: password.into(),
    }
}

/// The port of an origin tells it from others; netrc files know hosts alone.
fn with_host(url: &str, host: &str) -> String {
    url.replace("127.0.0.1", host)
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?;
    Some(value.to_str().unwrap())
}

fn sent(origin: &Origin) -> Vec<Option<String>> {
    let log = origin.log();
    let sent = log.iter().map(|asked| authorization(&asked.headers));
    sent.map(|value| value.map(str::to_owned)).collect()
}

fn message(outcome: &Outcome) -> String {
    outcome.error().unwrap().to_string()
}

/// A server that serves `/` to those who log in with this `Authorization`.
fn behind(expected: &'static str, challenge: &'static str) -> Origin {
    let origin = Origin::plain();
    origin.under("/", move |request| {
        if authorization(&request.headers) == Some(expected) {
            Script::ok(Body::of("file"))
        } else {
            Script::status(401).header("www-authenticate", challenge)
        }
    });
    origin
}

#[test]
fn login_that_is_not_utf8_is_sent_as_it_is() {
    // The user "jürgen" and the password "é" in Latin-1.
    let origin = behind("Basic avxyZ2VuOuk=", BASIC);
    let url = origin.url("/a").replace("://", "://j%FCrgen:%E9@");
    assert_done(&Sandbox::new().fetch(&url));
    let mut sandbox = Sandbox::new();
    let netrc = b"machine \xFF login x\nmachine 127.0.0.1 login j\xFCrgen password \xE9\n";
    sandbox.options.netrc = Some(Netrc::parse(netrc).unwrap());
    assert_done(&sandbox.fetch(&origin.url("/a")));
}

#[test]
fn netrc_logs_in_at_each_host_by_its_name() {
    let first = behind("Basic YTox", BASIC);
    let second = behind("Basic Yjoy", BASIC);
    first.on(
        "/to",
        Script::redirect(302, &with_host(&second.url("/b"), "localhost")),
    );
    let mut sandbox = Sandbox::new();
    let netrc = "machine localhost login b password 2 machine 127.0.0.1 login a password 1";
    sandbox.options.netrc = Some(Netrc::parse(netrc).unwrap());
    assert_done(&sandbox.fetch(&first.url("/a")));
    assert_done(&sandbox.fetch(&first.url("/to")));
    assert_eq!(
        sent(&first),
        [Some("Basic YTox".into()), Some("Basic YTox".into())]
    );
    assert_eq!(sent(&second), [Some("Basic Yjoy".into())]);
}

#[test]
fn netrc_entry_and_default_of_one_host_reach_no_other() {
    let (first, second) = (Origin::plain(), Origin::plain());
    second.under("/", |_| Script::ok(Body::of("file")));
    first.on(
        "/to",
        Script::redirect(302, &with_host(&second.url("/b"), "localhost")),
    );
    for netrc in [
        "machine 127.0.0.1 login a password secret",
        "default login a password secret",
        // curl CVE-2024-11053: an entry without a password.
        "machine 127.0.0.1 login a password secret machine localhost",
        "machine 127.0.0.1 login a password secret machine localhost login b",
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.options.netrc = Some(Netrc::parse(netrc).unwrap());
        assert_done(&sandbox.fetch(&first.url("/to")));
        assert!(sent(&first).pop().unwrap().is_some(), "{netrc}");
        let elsewhere = sent(&second).pop().unwrap();
        let expected = netrc.ends_with("login b").then(|| "Basic Yjo=".to_owned());
        assert_eq!(elsewhere, expected, "{netrc}");
    }
}

#[test]
fn nearest_login_to_the_row_wins() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("file")));
    let mut sandbox = Sandbox::new();
    let netrc = "machine 127.0.0.1 login n password 4 machine 127.0.0.1 login u password 5";
    sandbox.options.netrc = Some(Netrc::parse(netrc).unwrap());
    let own = HeaderValue::from_static("Bearer row");
    let url = origin.url("/a").replace("http://", "http://x:2@");
    let row = Request::new(&url)
        .unwrap()
        .header(AUTHORIZATION, own)
        .unwrap();
    sandbox.options.credentials = Some(pair("u", "3"));
    assert_eq!(sandbox.run([Ok(row), get(&format!("{url}?b"))]).len(), 2);
    let other = origin.url("/b");
    sandbox.fetch(&other);
    sandbox.options.credentials = Some(pair("u", ""));
    sandbox.fetch(&origin.url("/c"));
    sandbox.options.credentials = None;
    sandbox.fetch(&origin.url("/d"));
    let mut log = origin.log();
    log.sort_by_key(|asked| asked.at);
    let sent: Vec<_> = log
        .iter()
        .map(|asked| authorization(&asked.headers).unwrap())
        .collect();
    assert!(
        sent[..2].contains(&"Bearer row") && sent.contains(&"Basic eDoy"),
        "{sent:?}"
    );
    assert_eq!(
        sent[sent.len() - 3..],
        ["Basic dToz", "Basic dTo1", "Basic bjo0"]
    );
}

#[test]
fn refusal_names_what_helps_or_which_login_was_refused() {
    let origin = behind("nothing", BASIC);
    let mut sandbox = Sandbox::new();
    let says = |sandbox: &Sandbox, says: &str| {
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!((kind(&outcome), outcome.attempts), ("http", 1));
        let message = message(&outcome);
        assert!(message.contains("401 Unauthorized; "), "{message}");
        assert!(
            message.contains(says) && !message.contains("secret"),
            "{message}"
        );
    };
    says(
        &sandbox,
        "give a user and a password with -u USER or --netrc",
    );
    sandbox.options.netrc = Some(Netrc::parse("default login me password secret").unwrap());
    says(
        &sandbox,
        "refused the user and password that the netrc file has for 127.0.0.1",
    );
    sandbox.options.credentials = Some(pair("me", "secret"));
    says(&sandbox, "refused the user and password given with -u");
    sandbox
        .options
        .headers
        .insert(AUTHORIZATION, HeaderValue::from_static("Basic secret"));
    says(&sandbox, "refused the Authorization header");
    let url = origin.url("/a").replace("http://", "http://me:secret@");
    let outcome = sandbox.fetch(&url);
    assert!(
        message(&outcome).ends_with("the user and password of the URL"),
        "{outcome:?}"
    );
}

#[test]
fn netrc_without_what_a_server_asks_for_is_named() {
    let origin = behind("nothing", BASIC);
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        &folder,
        "netrc",
        "machine other.example login me password secret",
    );
    let mut sandbox = Sandbox::new();
    sandbox.options.netrc = Some(Netrc::read(&path).unwrap());
    let (shown, url) = (path.display(), origin.url("/a"));
    let says = |sandbox: &Sandbox, url: &str| message(&sandbox.fetch(url));
    assert!(
        says(&sandbox, &url).ends_with(&format!(
            "no entry for 127.0.0.1 in {shown}: add one, or give -u USER"
        )),
        "{}",
        says(&sandbox, &url)
    );
    let no_password =
        format!("no password was sent: {shown} has no entry of this user for 127.0.0.1");
    let in_url = says(&sandbox, &url.replace("http://", "http://me@"));
    assert!(in_url.ends_with(&no_password), "{in_url}");
    sandbox.options.credentials = Some(pair("me", ""));
    assert!(says(&sandbox, &url).ends_with(&no_password));
}

#[test]
fn user_with_a_colon_is_refused_with_its_source() {
    let origin = Origin::plain();
    let mut sandbox = Sandbox::new();
    let netrc = Netrc::parse("machine 127.0.0.1 login a:b password secret").unwrap();
    sandbox.options.netrc = Some(netrc.with_path("/home/me/.netrc"));
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(kind(&outcome), "input");
    let says = message(&outcome);
    assert!(
        says.contains("the user for 127.0.0.1 in /home/me/.netrc has a colon"),
        "{says}"
    );
    let url = origin.url("/a").replace("http://", "http://a%3Ab:secret@");
    let says = message(&sandbox.fetch(&url));
    assert!(says.contains("the user in the URL has a colon"), "{says}");
    assert!(origin.log().is_empty());
}

#[test]
fn next_run_with_a_login_tries_again_what_was_refused() {
    let origin = behind("Basic bWU6c2VjcmV0", BASIC);
    let mut sandbox = Sandbox::new();
    assert_eq!(kind(&sandbox.fetch(&origin.url("/a"))), "http");
    sandbox.options.credentials = Some(pair("me", "secret"));
    assert_done(&sandbox.fetch(&origin.url("/a")));
}

#[test]
fn redirect_to_a_host_without_a_login_says_so() {
    let (first, second) = (Origin::plain(), behind("nothing", BASIC));
    first.on(
        "/a",
        Script::redirect(302, &with_host(&second.url("/b"), "localhost")),
    );
    let mut sandbox = Sandbox::new();
    sandbox.options.credentials = Some(pair("me", "secret"));
    let outcome = sandbox.fetch(&first.url("/a"));
    let says = message(&outcome);
    assert!(
        says.contains("localhost needs a login of its own"),
        "{says}"
    );
    sandbox.options.netrc = Some(Netrc::default());
    let says = message(&sandbox.fetch(&first.url("/a")));
    assert!(
        says.contains("no entry for localhost in the netrc file"),
        "{says}"
    );
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn write_token(folder: &tempfile::TempDir, token: &str) -> PathBuf {
    write(folder, "token", token)
}

#[test]
fn token_stays_with_its_origin() {
    let (first, second) = (behind("Bearer t0ken", "Bearer"), Origin::plain());
    second.under("/", |_| Script::ok(Body::of("file")));
    first.on("/to", Script::redirect(302, &second.url("/b")));
    let folder = tempfile::tempdir().unwrap();
    let path = write_token(&folder, "t0ken\n");
    let mut sandbox = Sandbox::new();
    sandbox.options.bearer = Some(BearerFile::open(path).unwrap());
    assert_done(&sandbox.fetch(&first.url("/a")));
    assert_done(&sandbox.fetch(&first.url("/to")));
    assert_eq!(sent(&second), [None]);
}

#[test]
fn token_that_was_replaced_is_read_again_after_a_refusal() {
    let origin = Origin::plain();
    let valid = Arc::new(Mutex::new("Bearer one"));
    let expected = Arc::clone(&valid);
    origin.under("/", move |request| {
        if authorization(&request.headers) == Some(*expected.lock().unwrap()) {
            Script::ok(Body::of("file"))
        } else {
            Script::status(401).header("www-authenticate", "Bearer")
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = write_token(&folder, "one");
    let mut sandbox = Sandbox::new();
    sandbox.options.bearer = Some(BearerFile::open(&path).unwrap());
    assert_done(&sandbox.fetch(&origin.url("/a")));
    *valid.lock().unwrap() = "Bearer another";
    write_token(&folder, "another");
    let outcome = sandbox.fetch(&origin.url("/b"));
    assert_done(&outcome);
    assert_eq!(outcome.attempts, 1);
    *valid.lock().unwrap() = "Bearer third";
    let outcome = sandbox.fetch(&origin.url("/c"));
    let says = message(&outcome);
    let shown = path.display().to_string();
    assert!(
        says.ends_with(&format!("it refused the token in {shown}")),
        "{says}"
    );
    assert_eq!(origin.count("/c"), 1);
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    digits.collect()
}

/// A server that checks Digest, with one user. It computes everything by itself.
struct DigestServer {
    algorithm: &'static str,
    /// Requests that one nonce is good for.
    uses: u64,
    nonces: AtomicU64,
}

impl DigestServer {
    fn hash(&self, text: &str) -> String {
        if self.algorithm.starts_with("SHA-256") {
            hex(&Sha256::digest(text))
        } else {
            hex(&Md5::digest(text))
        }
    }

    fn challenge(&self, stale: bool) -> Script {
        let nonce = self.nonces.fetch_add(1, Ordering::Relaxed);
        let challenge = format!(
            "Digest realm=\"a \\\"realm\\\"\", qop=\"auth\", algorithm={}, nonce=\"nonce-{nonce}\", \
             opaque=\"o\", stale={stale}",
            self.algorithm
        );
        Script::status(401)
            .header("www-authenticate", "NTLM")
            .header("www-authenticate", &challenge)
            .body(Body::of("who are you?"))
    }

    fn answer(&self, request: &origin::Request, file: Script) -> Script {
        let Some(value) = authorization(&request.headers) else {
            return self.challenge(false);
        };
        let Some(parameters) = value.strip_prefix("Digest ") else {
            return self.challenge(false);
        };
        let get = |name: &str| {
            let mut all = parameters.split(", ");
            let found = all.find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_default().trim_matches('"').to_owned()
        };
        assert_eq!(get("uri"), request.target);
        assert_eq!((get("qop"), get("opaque")), ("auth".into(), "o".into()));
        let mut secret = self.hash("me:a \"realm\":secret");
        if self.algorithm.ends_with("-sess") {
            secret = self.hash(&format!("{secret}:{}:{}", get("nonce"), get("cnonce")));
        }
        let asked = self.hash(&format!("GET:{}", request.target));
        let response = self.hash(&format!(
            "{secret}:{}:{}:{}:auth:{asked}",
            get("nonce"),
            get("nc"),
            get("cnonce")
        ));
        let count = u64::from_str_radix(&get("nc"), 16).unwrap();
        if response != get("response") || get("username") != "me" {
            self.challenge(false)
        } else if count > self.uses {
            self.challenge(true)
        } else {
            file
        }
    }
}

/// An origin that asks for Digest, and how many challenges it has sent.
fn digest(origin: Origin, algorithm: &'static str, uses: u64) -> (Origin, Arc<DigestServer>) {
    let server = Arc::new(DigestServer {
        algorithm,
        uses,
        nonces: AtomicU64::new(0),
    });
    let checks = Arc::clone(&server);
    origin.under("/", move |request| {
        let file = Script::entity(Body::seeded(7, 3_000), "\"a\"");
        checks.answer(request, file)
    });
    (origin, server)
}

fn refusals(server: &DigestServer) -> u64 {
    server.nonces.load(Ordering::Relaxed)
}

#[test]
fn digest_logs_in_once_for_many_files() {
    for (origin, algorithm) in [
        (Origin::plain(), "MD5"),
        (Origin::plain(), "MD5-sess"),
        (Origin::tls(), "SHA-256"),
        (Origin::tls(), "SHA-256-sess"),
    ] {
        let (origin, server) = digest(origin, algorithm, u64::MAX);
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.options.credentials = Some(pair("me", "secret"));
        sandbox.options.jobs = Some(1);
        let rows: Vec<_> = (0..100)
            .map(|row| get(&origin.url(&format!("/{row}?q"))))
            .collect();
        for outcome in sandbox.run(rows) {
            assert_done(&outcome);
            assert_eq!(outcome.attempts, 1);
        }
        assert_eq!(refusals(&server), 1, "{algorithm}");
    }
}

#[test]
fn digest_logs_in_at_a_server_that_closes_after_a_refusal() {
    let (origin, server) = digest(Origin::plain(), "MD5", u64::MAX);
    let checks = Arc::clone(&server);
    origin.under("/closes/", move |request| {
        let answer = checks.answer(request, Script::ok(Body::of("file")));
        if answer.may_deliver() {
            answer
        } else {
            answer.header("connection", "close")
        }
    });
    let mut sandbox = Sandbox::new();
    sandbox.options.credentials = Some(pair("me", "secret"));
    let outcome = sandbox.fetch(&origin.url("/closes/a"));
    assert_done(&outcome);
    assert_eq!((outcome.attempts, refusals(&server)), (1, 1));
    assert_eq!(origin.tally().connections, 2);
}

#[test]
fn digest_of_several_lanes_costs_one_refusal() {
    for tls in [false, true] {
        let origin = if tls { Origin::tls() } else { Origin::plain() };
        let (origin, server) = digest(origin, "MD5", u64::MAX);
        let mut sandbox = Sandbox::trusting(&origin);
        let netrc = "machine 127.0.0.1 login me password secret \
                     machine localhost login me password secret";
        sandbox.options.netrc = Some(Netrc::parse(netrc).unwrap());
        let rows: Vec<_> = (0..200)
            .map(|row| get(&origin.url(&format!("/{row}"))))
            .collect();
        sandbox.run(rows).iter().for_each(assert_done);
        assert_eq!(refusals(&server), 1, "tls: {tls}");
    }
}

#[test]
fn nonces_that_expire_in_many_lanes_cost_one_refusal_each() {
    let (origin, server) = digest(Origin::plain(), "MD5", 50);
    let mut sandbox = Sandbox::new();
    sandbox.options.credentials = Some(pair("me", "secret"));
    let rows: Vec<_> = (0..500)
        .map(|row| get(&origin.url(&format!("/{row}"))))
        .collect();
    for outcome in sandbox.run(rows) {
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 1);
    }
    // At most one for each request that was under way when its nonce expired.
    let most = 1 + 10 * origin.tally().peak_connections as u64;
    let refused = refusals(&server);
    assert!(refused <= most, "{refused} of {most}");
}

#[test]
fn stale_nonce_is_replaced_without_an_attempt() {
    let (origin, server) = digest(Origin::plain(), "SHA-256", 10);
    let mut sandbox = Sandbox::new();
    sandbox.options.credentials = Some(pair("me", "secret"));
    sandbox.options.jobs = Some(1);
    let rows: Vec<_> = (0..100)
        .map(|row| get(&origin.url(&format!("/{row}"))))
        .collect();
    for outcome in sandbox.run(rows) {
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 1);
    }
    assert_eq!(refusals(&server), 10);
}

#[test]
fn wrong_password_is_refused_after_one_response() {
    let (origin, _) = digest(Origin::plain(), "MD5", u64::MAX);
    let url = origin.url("").replace("http://", "http://me:wrong@");
    let mut sandbox = Sandbox::new();
    sandbox.options.jobs = Some(1);
    let rows: Vec<_> = (0..5).map(|row| get(&format!("{url}/{row}"))).collect();
    for outcome in sandbox.run(rows) {
        assert_eq!((kind(&outcome), outcome.attempts), ("http", 1));
        let says = message(&outcome);
        assert!(
            says.ends_with("it refused the user and password of the URL"),
            "{says}"
        );
    }
    // Basic, then Digest; from then on each response is the only one.
    assert_eq!(origin.log().len(), 2 + 4);
}

#[test]
fn server_that_calls_each_nonce_stale_is_given_up() {
    let (origin, server) = digest(Origin::plain(), "MD5", 0);
    let mut sandbox = Sandbox::new();
    sandbox.options.credentials = Some(pair("me", "secret"));
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!((kind(&outcome), outcome.attempts), ("http", 1));
    let says = message(&outcome);
    assert!(says.contains("nonces had expired"), "{says}");
    assert_eq!(refusals(&server), 5);
}

#[test]
fn digest_logs_in_for_the_rest_of_a_file_and_after_a_redirect() {
    let (origin, _) = digest(Origin::plain(), "MD5", u64::MAX);
    let server = DigestServer {
        algorithm: "MD5",
        uses: u64::MAX,
        nonces: AtomicU64::new(1000),
    };
    let body = Body::seeded(3, 300_000);
    let file = body.clone();
    let broken = AtomicU64::new(0);
    origin.under("/broken", move |request| {
        let script = Script::entity(file.clone(), "\"b\"");
        let answer = server.answer(request, script.clone());
        let is_first = answer.may_deliver() && broken.fetch_add(1, Ordering::Relaxed) == 0;
        if is_first {
            script.reset_at(100_000)
        } else {
            answer
        }
    });
    let first = Origin::plain();
    first.on("/to", Script::redirect(302, &origin.url("/broken")));
    let mut sandbox = Sandbox::new();
    sandbox.options.netrc =
        Some(Netrc::parse("machine 127.0.0.1 login me password secret").unwrap());
    let outcome = sandbox.fetch(&first.url("/to"));
    assert_done(&outcome);
    assert_eq!((outcome.attempts, outcome.resumed > 0), (2, true));
    assert!(sandbox.read("to") == body.bytes());
}

#[test]
fn robots_txt_is_read_with_the_login_of_a_netrc() {
    let (origin, server) = digest(Origin::plain(), "MD5", u64::MAX);
    let checks = Arc::clone(&server);
    origin.under("/robots.txt", move |request| {
        let rules = Script::ok(Body::of("User-agent: *\nDisallow: /no"));
        checks.answer(request, rules)
    });
    let mut sandbox = Sandbox::new();
    sandbox.options.netrc =
        Some(Netrc::parse("machine 127.0.0.1 login me password secret").unwrap());
    sandbox.options.robots = true;
    let outcomes = sandbox.run([get(&origin.url("/yes")), get(&origin.url("/no"))]);
    assert_done(&outcomes[0]);
    assert_eq!(kind(&outcomes[1]), "refused");
}

#[test]
fn nothing_is_sent_where_nothing_was_given() {
    let origin = behind("nothing", BASIC);
    let outcome = Sandbox::new().fetch(&origin.url("/a"));
    assert_eq!(kind(&outcome), "http");
    let bare = |asked: &LoggedRequest| {
        !asked.headers.contains_key(AUTHORIZATION) && !asked.headers.contains_key(COOKIE)
    };
    assert!(origin.log().iter().all(bare));
    assert_eq!(origin.log().len(), 1);
}
