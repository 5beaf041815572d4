//! Cookies: set and sent on the way of one item, and shared by a run.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use haulage::{CookieJar, Request, Resolve, Row};
use http::HeaderValue;
use http::header::COOKIE;
use origin::{Body, LoggedRequest, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get, kind};

/// The `Cookie` of a request, which has one line at most.
fn cookie(asked: &LoggedRequest) -> Option<String> {
    let mut lines = asked.headers.get_all(COOKIE).iter();
    let line = lines.next().map(|line| line.to_str().unwrap().to_owned());
    assert!(lines.next().is_none(), "{:?}", asked.headers);
    line
}

/// The `Cookie` of each request for a path, in order.
fn cookies(origin: &Origin, path: &str) -> Vec<Option<String>> {
    let log = origin.log();
    let asked = log.iter().filter(|asked| asked.path == path);
    asked.map(cookie).collect()
}

fn file() -> Script {
    Script::ok(Body::seeded(1, 1000))
}

/// A sandbox in which these names are those of an origin.
fn named(sandbox: &mut Sandbox, origin: &Origin, names: &[&str]) {
    for name in names {
        let addresses: Vec<IpAddr> = vec![origin.address().ip()];
        let resolve = Resolve::new(name, origin.address().port(), addresses).unwrap();
        sandbox.options.route.resolve.push(resolve);
    }
}

/// The URL of a path at an origin without TLS, under another name.
fn at(origin: &Origin, name: &str, path: &str) -> String {
    format!("http://{name}:{}{path}", origin.address().port())
}

#[test]
fn cookie_of_a_redirect_is_sent_on_later_hops() {
    for origin in [Origin::plain(), Origin::tls()] {
        origin.on(
            "/a",
            Script::redirect(302, "/b")
                .header("set-cookie", "first=1; Path=/")
                .header("set-cookie", "elsewhere=1; Path=/x"),
        );
        origin.on(
            "/b",
            Script::redirect(302, "/c").header("set-cookie", "second=2"),
        );
        origin.on("/c", file());
        let sandbox = Sandbox::trusting(&origin);
        assert_done(&sandbox.fetch(&origin.url("/a")));
        assert_eq!(cookies(&origin, "/a"), [None]);
        assert_eq!(cookies(&origin, "/b"), [Some("first=1".into())]);
        assert_eq!(cookies(&origin, "/c"), [Some("first=1; second=2".into())]);
    }
}

#[test]
fn cookie_of_one_item_is_not_sent_for_another() {
    let origin = Origin::plain();
    origin.on(
        "/a",
        Script::redirect(302, "/b").header("set-cookie", "a=1; Path=/"),
    );
    origin.on("/b", file().header("set-cookie", "b=2; Path=/"));
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 1;
    for outcome in sandbox.run([get(&origin.url("/a")), get(&origin.url("/b"))]) {
        assert_done(&outcome);
    }
    let mut sent = cookies(&origin, "/b");
    sent.sort();
    assert_eq!(sent, [None, Some("a=1".into())]);
}

#[test]
fn cookie_of_a_redirect_stays_on_its_site() {
    let origin = Origin::plain();
    let mut sandbox = Sandbox::new();
    let names = ["data.one.example", "login.one.example", "two.example"];
    named(&mut sandbox, &origin, &names);
    origin.on(
        "/a",
        Script::redirect(302, &at(&origin, "login.one.example", "/b"))
            .header("set-cookie", "host=1")
            .header("set-cookie", "site=2; Domain=one.example")
            .header("set-cookie", "suffix=3; Domain=example"),
    );
    origin.on(
        "/b",
        Script::redirect(302, &at(&origin, "two.example", "/c")),
    );
    origin.on(
        "/c",
        Script::redirect(302, &at(&origin, "data.one.example", "/d")),
    );
    origin.on("/d", file());
    assert_done(&sandbox.fetch(&at(&origin, "data.one.example", "/a")));
    assert_eq!(cookies(&origin, "/b"), [Some("site=2".into())]);
    assert_eq!(cookies(&origin, "/c"), [None]);
    assert_eq!(cookies(&origin, "/d"), [Some("host=1; site=2".into())]);
}

#[test]
fn secure_cookie_is_not_sent_over_plain_http() {
    let (secure, plain) = (Origin::tls(), Origin::plain());
    let mut sandbox = Sandbox::trusting(&secure);
    sandbox.options.plain_http = haulage::PlainHttp::Anywhere;
    // The certificate is for this name.
    named(&mut sandbox, &plain, &["localhost"]);
    named(&mut sandbox, &secure, &["localhost"]);
    let secure_url = |path: &str| format!("https://localhost:{}{path}", secure.address().port());
    secure.on(
        "/a",
        Script::redirect(302, &at(&plain, "localhost", "/b"))
            .header("set-cookie", "any=1; Path=/")
            .header("set-cookie", "safe=2; Path=/; Secure"),
    );
    plain.on("/b", Script::redirect(302, &secure_url("/c")));
    secure.on("/c", file());
    assert_done(&sandbox.fetch(&secure_url("/a")));
    assert_eq!(cookies(&plain, "/b"), [Some("any=1".into())]);
    assert_eq!(cookies(&secure, "/c"), [Some("any=1; safe=2".into())]);
}

#[test]
fn header_given_by_hand_joins_the_cookies_at_its_own_origin() {
    let (origin, elsewhere) = (Origin::plain(), Origin::plain());
    let mut sandbox = Sandbox::new();
    for value in ["user=1", "more=2; again=3"] {
        let value = HeaderValue::from_static(value);
        sandbox.options.headers.append(COOKIE, value);
    }
    origin.on(
        "/a",
        Script::redirect(302, "/b").header("set-cookie", "set=4; Path=/"),
    );
    origin.on("/b", Script::redirect(302, &elsewhere.url("/c")));
    // Cookies do not know of ports: the one that was set goes there, the user's do not.
    elsewhere.on("/c", file());
    assert_done(&sandbox.fetch(&origin.url("/a")));
    assert_eq!(
        cookies(&origin, "/a"),
        [Some("user=1; more=2; again=3".into())]
    );
    let both = "set=4; user=1; more=2; again=3";
    assert_eq!(cookies(&origin, "/b"), [Some(both.into())]);
    assert_eq!(cookies(&elsewhere, "/c"), [Some("set=4".into())]);
}

#[test]
fn jar_of_a_run_is_sent_and_learns_from_every_response() {
    let origin = Origin::plain();
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 1;
    let jar = CookieJar::new();
    jar.add(&origin.url("/"), "given=1; Path=/").unwrap();
    sandbox.options.cookies = Some(jar.clone());
    let setting = |script: Script, cookie: &str| script.header("set-cookie", cookie);
    origin.on("/a", setting(file(), "of_file=2; Path=/"));
    origin.on("/b", setting(Script::status(404), "of_error=3; Path=/"));
    origin.on("/c", setting(file(), "given=; Path=/; Max-Age=0"));
    origin.on("/d", file());
    let rows = ["/a", "/b", "/c", "/d"].map(|path| get(&origin.url(path)));
    let kinds: Vec<_> = sandbox.run(rows).iter().map(kind).collect();
    assert_eq!(kinds, ["none", "http", "none", "none"]);
    let mut sent: Vec<_> = origin.log().iter().filter_map(cookie).collect();
    sent.sort_by_key(String::len);
    assert_eq!(sent[0], "given=1");
    assert_eq!(jar.len(), 2);
    // They are those of the next run, too.
    sandbox.options.existing = haulage::Existing::Overwrite;
    assert_done(&sandbox.fetch(&origin.url("/d")));
    let last = cookies(&origin, "/d").pop().unwrap().unwrap();
    let mut pairs: Vec<_> = last.split("; ").collect();
    pairs.sort_unstable();
    assert_eq!(pairs, ["of_error=3", "of_file=2"]);
}

#[test]
fn cookies_of_a_run_are_sent_for_segments_and_robots_too() {
    let origin = Origin::plain();
    let mut sandbox = Sandbox::new();
    sandbox.options.min_split_size = 256 << 10;
    sandbox.options.split = 8;
    sandbox.options.robots = true;
    let jar = CookieJar::new();
    jar.add(&origin.url("/"), "given=1; Path=/").unwrap();
    sandbox.options.cookies = Some(jar);
    let body = Body::seeded(1, 8 << 20);
    let slow = std::time::Duration::from_millis(20);
    origin.on(
        "/large",
        Script::entity(body, "\"one\"").drip(64 << 10, slow),
    );
    origin.on("/robots.txt", Script::status(404));
    let outcome = sandbox.fetch(&origin.url("/large"));
    assert_done(&outcome);
    assert!(outcome.segments > 1, "{}", outcome.segments);
    for asked in origin.log() {
        assert_eq!(cookie(&asked).as_deref(), Some("given=1"), "{}", asked.path);
    }
}

#[test]
fn segments_send_what_the_redirects_of_their_file_have_set() {
    let origin = Origin::plain();
    let mut sandbox = Sandbox::new();
    sandbox.options.min_split_size = 256 << 10;
    sandbox.options.split = 8;
    origin.on(
        "/a",
        Script::redirect(302, "/large").header("set-cookie", "a=1"),
    );
    let body = Body::seeded(1, 8 << 20);
    let slow = std::time::Duration::from_millis(20);
    origin.on(
        "/large",
        Script::entity(body, "\"one\"").drip(64 << 10, slow),
    );
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert!(outcome.segments > 1, "{}", outcome.segments);
    let sent = cookies(&origin, "/large");
    assert!(
        sent.iter().all(|line| line.as_deref() == Some("a=1")),
        "{sent:?}"
    );
}

/// An archive whose files need a session, and the host where one logs in for it, as NASA's
/// Earthdata has them: the archive leads to the login host, which asks for Basic, sets a cookie of
/// its own and leads back with a code; for that the archive sets its cookie, and leads to the file.
struct Archive {
    origin: Origin,
    logins: Arc<AtomicU64>,
}

const ARCHIVE: &str = "archive.data.example";
const LOGIN: &str = "urs.login.example";

impl Archive {
    fn new() -> Self {
        let origin = Origin::plain();
        let logins = Arc::new(AtomicU64::new(0));
        let port = origin.address().port();
        let sends = |request: &origin::Request, pair: &str| {
            let line = request.headers.get(COOKIE);
            let line = line.map_or("", |line| line.to_str().unwrap());
            line.split("; ").any(|known| known == pair)
        };
        origin.under("/file/", move |request| {
            if sends(request, "session=good") {
                return file();
            }
            let back = request.path();
            Script::redirect(
                302,
                &format!("http://me:secret@{LOGIN}:{port}/authorize?back={back}"),
            )
        });
        let counter = Arc::clone(&logins);
        origin.under("/authorize", move |request| {
            let back = request.query("back").unwrap();
            // "me:secret"
            let is_me = request.headers.get("authorization");
            let is_me = is_me.is_some_and(|value| value == "Basic bWU6c2VjcmV0");
            if !is_me && !sends(request, "user=me") {
                return Script::status(401).header("www-authenticate", "Basic realm=\"x\"");
            }
            counter.fetch_add(1, Ordering::Relaxed);
            let to = format!("http://{ARCHIVE}:{port}/code?code=7&back={back}");
            Script::redirect(302, &to).header("set-cookie", "user=me; Path=/; HttpOnly")
        });
        origin.under("/code", move |request| {
            assert_eq!(request.query("code").unwrap(), "7");
            let back = request.query("back").unwrap();
            let to = format!("http://{ARCHIVE}:{port}{back}");
            Script::redirect(302, &to)
                .header("set-cookie", "session=good; Path=/; Max-Age=3600; HttpOnly")
        });
        Self { origin, logins }
    }

    fn sandbox(&self) -> Sandbox {
        let mut sandbox = Sandbox::new();
        named(&mut sandbox, &self.origin, &[ARCHIVE, LOGIN]);
        sandbox
    }

    fn rows(&self, count: usize) -> Vec<Row> {
        let url = |number| at(&self.origin, ARCHIVE, &format!("/file/{number}"));
        (0..count)
            .map(|number| Ok(Request::new(&url(number)).unwrap()))
            .collect()
    }

    fn logins(&self) -> u64 {
        self.logins.load(Ordering::Relaxed)
    }

    /// No cookie has gone to the other host, and the credentials to no other.
    fn check_log(&self) {
        for asked in self.origin.log() {
            let host = asked.headers["host"].to_str().unwrap();
            let line = cookie(&asked).unwrap_or_default();
            let is_login = host.starts_with(LOGIN);
            assert_eq!(
                asked.headers.contains_key("authorization"),
                is_login,
                "{host}"
            );
            let foreign = if is_login { "session=" } else { "user=" };
            assert!(!line.contains(foreign), "{host}: {line}");
        }
    }
}

#[test]
fn login_with_a_jar_is_needed_once_for_a_run() {
    let archive = Archive::new();
    let mut sandbox = archive.sandbox();
    sandbox.options.cookies = Some(CookieJar::new());
    for outcome in sandbox.run(archive.rows(500)) {
        assert_done(&outcome);
    }
    // Those that were under way when the first login came back.
    assert!(archive.logins() <= 32, "{} logins", archive.logins());
    archive.check_log();
    // The next run needs none.
    let before = archive.logins();
    sandbox.options.existing = haulage::Existing::Overwrite;
    for outcome in sandbox.run(archive.rows(20)) {
        assert_done(&outcome);
    }
    assert_eq!(archive.logins(), before);
}

#[test]
fn item_whose_url_gets_ever_new_cookies_still_ends() {
    let origin = Origin::plain();
    // Each response has a cookie of another name.
    origin.under("/", |request| {
        let cookie = format!("c{}{}=1; Path=/", request.path().len(), request.nth);
        let script = match request.path().strip_prefix("/from/") {
            Some(name) => Script::redirect(302, &format!("/to/{name}")),
            None => file(),
        };
        script.header("set-cookie", &cookie)
    });
    let mut sandbox = Sandbox::new();
    sandbox.options.cookies = Some(CookieJar::new());
    sandbox.options.max_redirects = 1;
    let rows: Vec<_> = (0..40)
        .map(|row| get(&origin.url(&format!("/from/{row}"))))
        .collect();
    for outcome in sandbox.run(rows) {
        assert_done(&outcome);
    }
    let log = origin.log();
    let asked = log.iter().filter(|asked| asked.path.starts_with("/from/"));
    assert!(asked.count() <= 80);
}

#[test]
fn login_without_a_jar_is_needed_once_for_each_file() {
    let archive = Archive::new();
    let sandbox = archive.sandbox();
    for outcome in sandbox.run(archive.rows(20)) {
        assert_done(&outcome);
    }
    assert_eq!(archive.logins(), 20);
    archive.check_log();
}
