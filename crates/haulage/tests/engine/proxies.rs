//! Requests through proxies: what a proxy is asked, what it and the server behind it learn, and
//! what is said when it fails.

use std::collections::HashSet;
use std::time::Duration;

use haulage::{Credentials, HttpVersion, NoProxy, PlainHttp, Proxies, Resolve};
use origin::{Body, Origin, Passed, Proxy, Reaction, Script};

use crate::sandbox::{Sandbox, assert_done, kind, named};

/// A sandbox whose requests go through a proxy, each item tried once.
fn through(proxy: &Proxy, scheme: &str, login: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    let url = proxy.url(scheme, login);
    sandbox.options.route.proxies = Proxies::all(haulage::Proxy::parse(&url).unwrap());
    sandbox.options.retry.retries = 0;
    sandbox
}

fn file() -> Body {
    Body::seeded(3, 200_000)
}

fn serving(origin: Origin) -> Origin {
    origin.under("/", |_| Script::ok(file()));
    origin
}

fn message(sandbox: &Sandbox, url: &str) -> (String, bool) {
    let outcome = sandbox.fetch(url);
    let error = outcome.error().unwrap();
    (error.to_string(), error.is_transient())
}

/// Which schemes go with which proxy, and whether the proxy looks names up.
const SOCKS: [(&str, bool); 4] = [
    ("socks4", false),
    ("socks4a", true),
    ("socks5", false),
    ("socks5h", true),
];

#[test]
fn http_is_requested_with_the_whole_url() {
    let (origin, proxy) = (serving(Origin::plain()), Proxy::http());
    let sandbox = through(&proxy, "http", "me:p%40ss");
    let url = origin.url("/a%20b?c=d");
    let rows = [named(&url, "a"), named(&origin.url("/"), "b")];
    for outcome in sandbox.run(rows) {
        assert_done(&outcome);
    }
    assert!(sandbox.read("a") == file().bytes());
    let log = proxy.log();
    let targets: HashSet<_> = log
        .iter()
        .map(|passed| (passed.how, &*passed.target))
        .collect();
    let root = origin.url("/");
    assert_eq!(targets, HashSet::from([("GET", &*url), ("GET", &*root)]));
    for passed in log {
        let head = passed.head.to_ascii_lowercase();
        assert!(head.contains(&format!("\r\nhost: {}", origin.authority())));
        // "me:p@ss"
        assert!(
            passed
                .head
                .contains("proxy-authorization: Basic bWU6cEBzcw==")
        );
    }
    for asked in origin.log() {
        assert!(!asked.headers.contains_key("proxy-authorization"));
    }
}

#[test]
fn https_goes_through_a_tunnel_over_both_versions() {
    for version in [HttpVersion::Negotiated, HttpVersion::Http1] {
        let (origin, proxy) = (serving(Origin::tls()), Proxy::http());
        let mut sandbox = through(&proxy, "http", "");
        sandbox.trust(&origin);
        sandbox.options.route.http = version;
        sandbox.options.credentials = Some(Credentials {
            user: "row".into(),
            password: "secret".into(),
        });
        assert_done(&sandbox.fetch(&origin.url("/a")));
        assert!(sandbox.read("a") == file().bytes());
        let asked = &origin.log()[0];
        let spoken = match version {
            HttpVersion::Http1 => http::Version::HTTP_11,
            _ => http::Version::HTTP_2,
        };
        assert_eq!(asked.version, spoken);
        assert!(asked.headers.contains_key("authorization"));
        let head = proxy.log()[0].head.clone();
        let names: Vec<_> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["host", "user-agent"], "{head}");
        assert!(head.starts_with(&format!("CONNECT {} HTTP/1.1", origin.authority())));
    }
}

#[test]
fn http2_without_tls_goes_through_a_tunnel() {
    let origin = Origin::builder().http2_only().start().unwrap();
    let (origin, proxy) = (serving(origin), Proxy::http());
    let mut sandbox = through(&proxy, "http", "");
    sandbox.options.route.http = HttpVersion::Http2PriorKnowledge;
    assert_done(&sandbox.fetch(&origin.url("/a")));
    assert_eq!(proxy.log()[0].how, "CONNECT");
}

#[test]
fn scheme_decides_who_looks_names_up() {
    let (origin, proxy) = (serving(Origin::plain()), Proxy::socks());
    let port = origin.address().port();
    let loopback = origin.address().ip();
    // A name that only the proxy knows, and one that only we know.
    proxy.know("theirs.test", loopback);
    for (scheme, is_remote) in SOCKS {
        let before = proxy.log().len();
        let mut sandbox = through(&proxy, scheme, "");
        let ours = Resolve::new("ours.test", port, vec![loopback]).unwrap();
        sandbox.options.route.resolve = vec![ours];
        let (name, target) = if is_remote {
            ("theirs.test", "theirs.test")
        } else {
            ("ours.test", "127.0.0.1")
        };
        assert_done(&sandbox.fetch(&format!("http://{name}:{port}/{scheme}")));
        let passed = &proxy.log()[before];
        assert_eq!(passed.target, format!("{target}:{port}"), "{scheme}");
        assert_eq!(passed.how, scheme[..6].to_ascii_uppercase());
    }
    let proxy = Proxy::http();
    proxy.know("theirs.test", loopback);
    let sandbox = through(&proxy, "http", "");
    assert_done(&sandbox.fetch(&format!("http://theirs.test:{port}/http")));
}

#[test]
fn socks_carries_https_and_http2() {
    let (origin, proxy) = (serving(Origin::tls()), Proxy::socks());
    for (scheme, _) in SOCKS {
        let mut sandbox = through(&proxy, scheme, "");
        sandbox.trust(&origin);
        assert_done(&sandbox.fetch(&origin.url(&format!("/{scheme}"))));
    }
    for asked in origin.log() {
        assert_eq!(asked.version, http::Version::HTTP_2);
    }
}

#[test]
fn login_is_sent_to_the_proxy_and_to_it_alone() {
    let (plain, tls) = (serving(Origin::plain()), serving(Origin::tls()));
    for (proxy, schemes) in [
        (Proxy::http(), &["http"][..]),
        (Proxy::https(), &["https"]),
        (Proxy::socks(), &["socks4", "socks4a", "socks5", "socks5h"]),
    ] {
        proxy.ask_for_login("me", "hush");
        for scheme in schemes {
            let url = proxy.url(scheme, "me:hush");
            // Its certificate is for this name.
            let url = url.replace("https://me:hush@127.0.0.1", "https://me:hush@localhost");
            let mut sandbox = Sandbox::new();
            sandbox.trust(&tls);
            let roots = sandbox.options.route.tls.roots.clone();
            sandbox.options.route.proxies = Proxies::all(haulage::Proxy::parse(&url).unwrap());
            sandbox.options.route.proxy_tls.roots = roots;
            for origin in [&plain, &tls] {
                let outcome = sandbox.fetch(&origin.url(&format!("/{scheme}")));
                assert_done(&outcome);
            }
        }
        if schemes[0] == "socks4" {
            let login = |passed: &Passed| passed.login.clone().unwrap();
            let logins: HashSet<_> = proxy.log().iter().map(login).collect();
            let expected = ["", "hush"].map(|password| ("me".to_owned(), password.to_owned()));
            assert_eq!(logins, HashSet::from(expected));
        }
    }
    for asked in plain.log().iter().chain(&tls.log()) {
        let all = format!("{:?}", asked.headers);
        assert!(
            !all.contains("hush") && !all.contains("bWU6aHVzaA"),
            "{all}"
        );
    }
}

#[test]
fn wrong_or_missing_login_is_told_for_good() {
    let (plain, tls) = (serving(Origin::plain()), serving(Origin::tls()));
    for (proxy, schemes) in [
        (Proxy::http(), &["http"][..]),
        (Proxy::socks(), &["socks4a", "socks5", "socks5h"]),
    ] {
        proxy.ask_for_login("me", "right");
        for scheme in schemes {
            for login in ["", "you:hush"] {
                for origin in [&plain, &tls] {
                    let sandbox = through(&proxy, scheme, login);
                    let (says, is_transient) = message(&sandbox, &origin.url("/a"));
                    let what = format!("{scheme} {login}: {says}");
                    assert!(
                        says.contains(&format!("proxy {}", proxy.authority())),
                        "{what}"
                    );
                    assert!(says.contains("--proxy-user"), "{what}");
                    assert!(!says.contains("hush"), "{what}");
                    assert!(!is_transient, "{what}");
                }
            }
        }
    }
    assert_eq!(plain.log().len() + tls.log().len(), 0);
}

#[test]
fn refused_login_is_not_tried_with_each_row() {
    // A plain response with 407 may be of the server, so it says nothing of other rows.
    for (origin, most) in [(Origin::plain(), 200), (Origin::tls(), 16)] {
        let (origin, proxy) = (serving(origin), Proxy::http());
        proxy.ask_for_login("me", "right");
        let sandbox = through(&proxy, "http", "me:wrong");
        let url = origin.url("/");
        let rows: Vec<_> = (0..200).map(|row| named(&url, &format!("{row}"))).collect();
        let outcomes = sandbox.run(rows);
        assert!(outcomes.iter().all(|outcome| kind(outcome) == "connect"));
        assert!(proxy.log().len() <= most, "{}", proxy.log().len());
    }
}

#[test]
fn refusals_of_an_http_proxy_are_told_as_its_own() {
    let (origin, proxy) = (serving(Origin::tls()), Proxy::http());
    let authority = origin.authority();
    let refused = format!(
        "proxy {} refused CONNECT to {authority}: ",
        proxy.authority()
    );
    for (reaction, says, transient) in [
        (
            Reaction::Refuse(407),
            format!("{refused}407 Proxy Authentication Required; give --proxy-user"),
            false,
        ),
        (
            Reaction::Refuse(403),
            format!("{refused}403 Forbidden; "),
            false,
        ),
        (
            Reaction::Refuse(502),
            format!("{refused}502 Bad Gateway; "),
            true,
        ),
        (Reaction::Refuse(503), format!("{refused}503 "), true),
        (Reaction::Refuse(504), format!("{refused}504 "), true),
        (
            Reaction::Close,
            format!(
                "proxy {} closed the connection when it was asked for CONNECT to {authority}",
                proxy.authority()
            ),
            true,
        ),
        (
            Reaction::Nonsense,
            format!("the answer of proxy {} cannot be read", proxy.authority()),
            false,
        ),
        (
            Reaction::OpenAndClose,
            format!("it was connected to through proxy {}", proxy.authority()),
            true,
        ),
    ] {
        proxy.react([reaction]);
        let mut sandbox = through(&proxy, "http", "");
        sandbox.trust(&origin);
        let outcome = sandbox.fetch(&origin.url("/a"));
        let error = outcome.error().unwrap();
        assert_eq!(kind(&outcome), "connect", "{error}");
        assert!(error.to_string().contains(&says), "{error}");
        assert_eq!(error.is_transient(), transient, "{error}");
    }
    assert_eq!(origin.log().len(), 0);
}

#[test]
fn refusals_of_a_socks_proxy_are_told_as_its_own() {
    let (origin, proxy) = (serving(Origin::plain()), Proxy::socks());
    let authority = origin.authority();
    for (scheme, reaction, says, transient) in [
        (
            "socks5h",
            Reaction::Refuse(2),
            "its rules do not allow it",
            false,
        ),
        ("socks5h", Reaction::Refuse(4), "cannot be found", true),
        ("socks5", Reaction::Refuse(5), "the server refused", true),
        (
            "socks5",
            Reaction::Refuse(8),
            "addresses of this kind",
            false,
        ),
        ("socks5", Reaction::Close, "closed the connection", true),
        ("socks5", Reaction::Nonsense, "no answer of SOCKS 5", false),
        ("socks4", Reaction::Refuse(91), "rejected", true),
        ("socks4a", Reaction::Nonsense, "speaks HTTP", false),
        ("socks4a", Reaction::Close, "closed the connection", true),
    ] {
        proxy.react([reaction]);
        let sandbox = through(&proxy, scheme, "");
        let outcome = sandbox.fetch(&origin.url("/a"));
        let error = outcome.error().unwrap();
        assert_eq!(kind(&outcome), "connect", "{scheme}: {error}");
        let message = error.to_string();
        assert!(message.contains(says), "{scheme}: {message}");
        assert!(message.contains(&format!("proxy {}", proxy.authority())));
        let names_server = message.contains(&authority);
        assert!(names_server || reaction == Reaction::Nonsense, "{message}");
        assert_eq!(error.is_transient(), transient, "{message}");
    }
}

#[test]
fn silent_proxy_is_given_up_after_the_connect_timeout() {
    for (proxy, scheme, origin) in [
        (Proxy::http(), "http", serving(Origin::tls())),
        (Proxy::socks(), "socks5h", serving(Origin::plain())),
    ] {
        proxy.react([Reaction::Silent]);
        let mut sandbox = through(&proxy, scheme, "");
        sandbox.options.connect_timeout = Duration::from_millis(100);
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!(kind(&outcome), "timeout");
        let says = outcome.error().unwrap().to_string();
        let expected = format!(
            "proxy {} did not answer within 0.1 s (--connect-timeout)",
            proxy.authority()
        );
        assert!(says.starts_with(&expected), "{says}");
    }
}

#[test]
fn proxy_that_is_not_there_is_named() {
    let origin = serving(Origin::plain());
    let gone = Proxy::http();
    let (http, socks) = (through(&gone, "http", ""), through(&gone, "socks5", ""));
    let authority = gone.authority();
    drop(gone);
    for sandbox in [http, socks] {
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!(kind(&outcome), "connect");
        let says = outcome.error().unwrap().to_string();
        assert!(
            says.starts_with(&format!("proxy {authority} refused the connection")),
            "{says}"
        );
    }
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    let proxy = haulage::Proxy::parse("http://nowhere.invalid:1").unwrap();
    sandbox.options.route.proxies = Proxies::all(proxy);
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(kind(&outcome), "dns");
    let says = outcome.error().unwrap().to_string();
    assert!(says.starts_with("proxy nowhere.invalid:1: "), "{says}");
}

#[test]
fn transient_refusal_is_tried_again() {
    let (origin, proxy) = (serving(Origin::tls()), Proxy::http());
    proxy.react([Reaction::Refuse(503), Reaction::Close, Reaction::Serve]);
    let mut sandbox = through(&proxy, "http", "");
    sandbox.trust(&origin);
    sandbox.options.retry.retries = 5;
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert_eq!(outcome.attempts, 3);
}

#[test]
fn https_proxy_carries_http_and_https() {
    let proxy = Proxy::https();
    // Large enough for a thread of its own, where that can be.
    let large = Body::seeded(5, 33 << 20);
    for origin in [Origin::plain(), Origin::tls(), Origin::tls_http1()] {
        let body = large.clone();
        origin.under("/", move |_| Script::ok(body.clone()));
        let mut sandbox = Sandbox::trusting(&origin);
        let port = proxy.authority().split_once(':').unwrap().1.to_owned();
        let url = format!("https://localhost:{port}");
        sandbox.options.route.proxies = Proxies::all(haulage::Proxy::parse(&url).unwrap());
        sandbox.options.retry.retries = 0;
        // The certificates for servers do not count for the proxy.
        let (says, _) = message(&sandbox, &origin.url("/a"));
        assert!(
            says.starts_with("the certificate of proxy localhost:"),
            "{says}"
        );
        assert!(says.contains("--proxy-cacert"), "{says}");
        sandbox.options.route.proxy_tls.roots = sandbox.options.route.tls.roots.clone();
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_done(&outcome);
        assert!(sandbox.read("a") == large.bytes());
    }
}

#[test]
fn segments_and_resume_work_through_proxies() {
    let large = Body::seeded(7, 8 << 20);
    for (proxy, scheme) in [(Proxy::http(), "http"), (Proxy::socks(), "socks5h")] {
        for origin in [Origin::plain(), Origin::tls_http1()] {
            let body = large.clone();
            let broken = Script::entity(body.clone(), "\"e\"").close_at(3 << 20);
            origin.on("/file", [broken, Script::entity(body, "\"e\"")]);
            let mut sandbox = through(&proxy, scheme, "");
            if origin.url("").starts_with("https") {
                sandbox.trust(&origin);
            }
            sandbox.options.retry.retries = 2;
            sandbox.options.min_split_size = 256 << 10;
            sandbox.options.split = 8;
            let outcome = sandbox.fetch(&origin.url("/file"));
            assert_done(&outcome);
            assert!(sandbox.read("file") == large.bytes());
            let ranges = origin
                .log()
                .iter()
                .filter(|asked| asked.headers.contains_key("range"))
                .count();
            assert!(ranges > 0, "nothing was resumed");
        }
    }
}

#[test]
fn robots_are_asked_for_through_the_proxy() {
    let (origin, proxy) = (serving(Origin::plain()), Proxy::http());
    origin.on(
        "/robots.txt",
        Script::ok(Body::of("User-agent: *\nDisallow: /no")),
    );
    let mut sandbox = through(&proxy, "http", "");
    sandbox.options.robots = true;
    let rows = [
        named(&origin.url("/a"), "a"),
        named(&origin.url("/no"), "no"),
    ];
    let outcomes = sandbox.run(rows);
    assert_done(&outcomes[0]);
    assert_eq!(kind(&outcomes[1]), "refused");
    let asked: Vec<_> = proxy
        .log()
        .into_iter()
        .map(|passed| passed.target)
        .collect();
    assert_eq!(asked, [origin.url("/robots.txt"), origin.url("/a")]);
}

#[test]
fn redirect_between_http_and_https_stays_on_the_proxy() {
    let (plain, tls, proxy) = (Origin::plain(), Origin::tls(), Proxy::http());
    plain.on("/up", Script::redirect(302, &tls.url("/a")));
    tls.on("/down", Script::redirect(302, &plain.url("/a")));
    tls.on("/a", Script::ok(file()));
    plain.on("/a", Script::ok(file()));
    let mut sandbox = through(&proxy, "http", "me:hush");
    sandbox.trust(&tls);
    sandbox.options.plain_http = PlainHttp::Anywhere;
    assert_done(&sandbox.fetch(&plain.url("/up")));
    assert_done(&sandbox.fetch(&tls.url("/down")));
    let how: Vec<_> = proxy.log().iter().map(|passed| passed.how).collect();
    assert_eq!(how, ["GET", "CONNECT", "CONNECT", "GET"]);
    for asked in plain.log().iter().chain(&tls.log()) {
        assert!(!asked.headers.contains_key("proxy-authorization"));
    }
}

#[test]
fn bypassed_hosts_are_connected_to_directly() {
    let (origin, proxy) = (serving(Origin::plain()), Proxy::http());
    let mut sandbox = through(&proxy, "http", "");
    for (list, through) in [("127.0.0.0/8", 0), ("*", 0), ("example.org", 1)] {
        sandbox.options.route.proxies.bypass = NoProxy::parse(list);
        let name = format!("/{}", list.replace('/', "-").replace('*', "all"));
        assert_done(&sandbox.fetch(&origin.url(&name)));
        assert_eq!(proxy.log().len(), through, "{list}");
    }
}

#[test]
fn one_scheme_may_have_a_proxy_and_the_other_none() {
    let (plain, tls, proxy) = (
        serving(Origin::plain()),
        serving(Origin::tls()),
        Proxy::http(),
    );
    let mut sandbox = through(&proxy, "http", "");
    sandbox.trust(&tls);
    sandbox.options.route.proxies.http = None;
    assert_done(&sandbox.fetch(&plain.url("/a")));
    assert_eq!(proxy.log().len(), 0);
    assert_done(&sandbox.fetch(&tls.url("/b")));
    assert_eq!(proxy.log().len(), 1);
}

#[test]
fn refusal_of_one_host_leaves_others_alone() {
    let (good, proxy) = (serving(Origin::tls()), Proxy::http());
    let mut sandbox = through(&proxy, "http", "");
    sandbox.trust(&good);
    sandbox.options.retry.retries = 5;
    // The proxy cannot resolve it, so that it answers 503 until no retry is left.
    let rows = [
        named("https://nowhere.invalid/a", "bad"),
        named(&good.url("/a"), "good"),
    ];
    let outcomes = sandbox.run(rows);
    assert_eq!((kind(&outcomes[0]), outcomes[0].attempts), ("connect", 6));
    assert_done(&outcomes[1]);
    assert_eq!(outcomes[1].attempts, 1);
}

#[test]
fn server_that_answers_407_fails_its_own_row_alone() {
    let (hostile, origin) = (Origin::plain(), serving(Origin::plain()));
    hostile.under("/", |_| Script::status(407));
    let proxy = Proxy::http();
    let mut sandbox = through(&proxy, "http", "me:secret");
    sandbox.engine.jobs = 1;
    let rows = [
        named(&hostile.url("/a"), "a"),
        named(&origin.url("/b"), "b"),
        named(&origin.url("/c"), "c"),
    ];
    let outcomes = sandbox.run(rows);
    assert!(outcomes[0].error().is_some());
    assert_done(&outcomes[1]);
    assert_done(&outcomes[2]);
}

#[test]
fn response_that_may_be_of_the_proxy_says_so() {
    let (origin, proxy) = (Origin::plain(), Proxy::http());
    origin.on("/403", Script::status(403));
    origin.on("/404", Script::status(404));
    let sandbox = through(&proxy, "http", "");
    let hint = format!("the response may be that of proxy {}", proxy.authority());
    origin.on("/500", Script::status(500));
    for path in ["/403", "/500"] {
        let (says, _) = message(&sandbox, &origin.url(path));
        assert!(says.contains(&hint), "{says}");
    }
    let (says, _) = message(&sandbox, &origin.url("/404"));
    assert!(!says.contains("proxy"), "{says}");
    proxy.react([Reaction::Close]);
    let (says, is_transient) = message(&sandbox, &origin.url("/1"));
    assert!(says.contains("it was sent to proxy"), "{says}");
    assert!(is_transient);
    proxy.react([Reaction::Nonsense]);
    let (says, _) = message(&sandbox, &origin.url("/2"));
    assert!(says.contains("the answer of proxy"), "{says}");
}

#[test]
fn tls_on_the_port_of_an_http_proxy_is_told() {
    let (origin, proxy) = (serving(Origin::plain()), Proxy::https());
    let sandbox = through(&proxy, "http", "");
    let (says, _) = message(&sandbox, &origin.url("/a"));
    assert!(says.contains("write https:// before its name"), "{says}");
}

#[test]
fn requests_through_one_proxy_are_limited_together() {
    let (one, other, proxy) = (Origin::plain(), Origin::plain(), Proxy::http());
    for origin in [&one, &other] {
        origin.under("/", |_| Script::ok(file()).delay(Duration::from_millis(5)));
    }
    let mut sandbox = through(&proxy, "http", "");
    sandbox.engine.per_proxy = Some(3);
    let rows: Vec<_> = (0..60)
        .flat_map(|row| {
            [("a", &one), ("b", &other)].map(|(name, origin)| (row, name, origin.url("/")))
        })
        .map(|(row, name, url)| named(&url, &format!("{name}{row}")))
        .collect();
    for outcome in sandbox.run(rows) {
        assert_done(&outcome);
    }
    assert_eq!(proxy.log().len(), 120);
    assert!(proxy.peak_in_flight() <= 3, "{}", proxy.peak_in_flight());
}
