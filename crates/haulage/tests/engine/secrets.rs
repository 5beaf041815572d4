//! Who learns which secret: each combination of logins, headers and cookies, of where a redirect
//! leads, and of how servers are reached. All runs of an engine share its connections.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use haulage::{
    CookieJar, Credentials, Engine, EngineOptions, Netrc, Proxies, Request, Resolve, Route,
    RunOptions, Verification,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use origin::{Body, Origin, Proxy, Script};

use crate::sandbox::{assert_done, block_on, rest};

/// Names of the server of the URLs as given, and of another one.
const HOME: &str = "home.test";
const OTHER: &str = "other.test";

/// Where a download goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Stays,
    WithinHome,
    ToOther,
    /// To the other server, and from there home again.
    ThereAndBack,
}

/// What one run is given.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is given or not, in all combinations"
)]
struct Given {
    /// Tells the secrets of one run from those of the others.
    id: usize,
    course: Course,
    in_row: bool,
    in_url: bool,
    user: bool,
    netrc: bool,
    header: bool,
    cookies: bool,
}

impl Given {
    /// Returns all combinations. An `Authorization` of the row replaces all other logins, so it is
    /// combined with all of them at once.
    fn all() -> Vec<Self> {
        use Course::{Stays, ThereAndBack, ToOther, WithinHome};
        let mut all = Vec::new();
        for course in [Stays, WithinHome, ToOther, ThereAndBack] {
            for logins in 0..9_u32 {
                for rest in 0..4_u32 {
                    let has = |bit: u32| logins & bit != 0 || logins == 8;
                    all.push(Self {
                        id: all.len(),
                        course,
                        in_row: logins == 8,
                        in_url: has(1),
                        user: has(2),
                        netrc: has(4),
                        header: rest & 1 != 0,
                        cookies: rest & 2 != 0,
                    });
                }
            }
        }
        all
    }

    fn secret(&self, kind: &str) -> String {
        format!("secret-{kind}-{}", self.id)
    }

    /// Returns the secrets that a request to a server must have, and may have no others.
    fn expected(&self, at_home: bool) -> BTreeSet<String> {
        let login = match (at_home, self) {
            (true, Self { in_row: true, .. }) => Some("row"),
            (true, Self { in_url: true, .. }) => Some("url"),
            (true, Self { user: true, .. }) => Some("user"),
            (true, Self { netrc: true, .. }) => Some("netrchome"),
            (false, Self { netrc: true, .. }) => Some("netrcother"),
            _ => None,
        };
        let header = (at_home && self.header).then_some("header");
        let cookie = match (self.cookies, at_home) {
            (false, _) => None,
            (true, true) => Some("cookiehome"),
            (true, false) => Some("cookieother"),
        };
        let all = login.into_iter().chain(header).chain(cookie);
        all.map(|kind| self.secret(kind)).collect()
    }

    fn options(&self, route: &Route, home: &Origin, other: &Origin) -> RunOptions {
        let mut options = RunOptions::in_memory();
        options.route = route.clone();
        options.retry.retries = 0;
        let pair = |kind| Credentials {
            user: "me".into(),
            password: self.secret(kind).into(),
        };
        options.credentials = self.user.then(|| pair("user"));
        options.netrc = self.netrc.then(|| {
            let entry = |host, kind| {
                let password = self.secret(kind);
                format!("machine {host} login me password {password}\n")
            };
            Netrc::parse(&(entry(HOME, "netrchome") + &entry(OTHER, "netrcother"))).unwrap()
        });
        if self.header {
            let value = HeaderValue::try_from(self.secret("header")).unwrap();
            options.headers.insert("x-api-key", value);
        }
        options.cookies = self.cookies.then(|| {
            let jar = CookieJar::new();
            for (name, origin, kind) in [(HOME, home, "cookiehome"), (OTHER, other, "cookieother")]
            {
                let cookie = format!("session={}; Path=/", self.secret(kind));
                jar.add(&url(origin, name, "/"), &cookie).unwrap();
            }
            jar
        });
        options
    }

    fn request(&self, home: &Origin) -> Request {
        let path = format!("/{:?}/{}", self.course, self.id);
        let mut given = url(home, HOME, &path);
        if self.in_url {
            let userinfo = format!("://me:{}@", self.secret("url"));
            given = given.replacen("://", &userinfo, 1);
        }
        let mut request = Request::new(&given).unwrap();
        if self.in_row {
            let value = HeaderValue::try_from(self.secret("row")).unwrap();
            request = request.header(AUTHORIZATION, value).unwrap();
        }
        request
    }
}

/// Returns the URL of a path at an origin, under this name.
fn url(origin: &Origin, name: &str, path: &str) -> String {
    origin.url(path).replacen(
        &origin.authority(),
        &format!("{name}:{}", origin.address().port()),
        1,
    )
}

/// Returns the secrets in the headers of a request.
fn secrets(headers: &HeaderMap) -> BTreeSet<String> {
    let values = headers.values().map(|value| value.to_str().unwrap());
    values.flat_map(in_text).collect()
}

/// Returns the secrets in a text, those within Basic logins too.
fn in_text(text: &str) -> Vec<String> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && !"-+/=".contains(char));
    let decoded = words
        .clone()
        .filter_map(|word| BASE64_STANDARD.decode(word).ok());
    let decoded = decoded.filter_map(|bytes| String::from_utf8(bytes).ok());
    let words = words.map(str::to_owned).chain(decoded);
    let secret = |word: String| word.find("secret-").map(|at| word[at..].to_owned());
    words.filter_map(secret).collect()
}

/// Starts the two servers, which redirect as the paths say.
fn servers(start: fn() -> Origin) -> (Origin, Origin) {
    let (home, other) = (start(), start());
    let id = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let file = || Script::ok(Body::of("x"));
    home.under("/Stays/", move |_| file());
    home.under("/end/", move |_| file());
    other.under("/end/", move |_| file());
    home.under("/WithinHome/", move |request| {
        Script::redirect(302, &format!("/end/{}", id(request.path())))
    });
    let there = url(&other, OTHER, "");
    home.under("/ToOther/", {
        let there = there.clone();
        move |request| Script::redirect(302, &format!("{there}/end/{}", id(request.path())))
    });
    home.under("/ThereAndBack/", move |request| {
        Script::redirect(302, &format!("{there}/back/{}", id(request.path())))
    });
    let back = url(&home, HOME, "");
    other.under("/back/", move |request| {
        Script::redirect(302, &format!("{back}/end/{}", id(request.path())))
    });
    (home, other)
}

/// How servers are reached.
#[derive(Debug, Clone, Copy)]
enum Way {
    Direct,
    Http,
    Socks,
}

/// Runs all combinations in one engine. Returns how many.
fn check(start: fn() -> Origin, way: Way) -> usize {
    let (home, other) = servers(start);
    let mut route = Route::default();
    route.tls.verification = Verification::Insecure;
    let ip: IpAddr = home.address().ip();
    for (name, origin) in [(HOME, &home), (OTHER, &other)] {
        let resolve = Resolve::new(name, origin.address().port(), vec![ip]).unwrap();
        route.resolve.push(resolve);
    }
    let proxy = match way {
        Way::Direct => None,
        Way::Http => Some((Proxy::http(), "http")),
        Way::Socks => Some((Proxy::socks(), "socks5h")),
    };
    if let Some((proxy, scheme)) = &proxy {
        proxy.ask_for_login("me", "secret-proxy");
        proxy.know(HOME, ip);
        proxy.know(OTHER, ip);
        let url = proxy.url(scheme, "me:secret-proxy");
        route.proxies = Proxies::all(haulage::Proxy::parse(&url).unwrap());
    }
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let all = Given::all();
    for given in &all {
        let options = given.options(&route, &home, &other);
        let mut run = engine.run(options, [Ok(given.request(&home))]).unwrap();
        let mut events = run.events();
        for outcome in block_on(rest(&mut events)) {
            assert_done(&outcome);
        }
    }
    for (origin, at_home) in [(&home, true), (&other, false)] {
        for asked in origin.log() {
            let id: usize = asked.path.rsplit('/').next().unwrap().parse().unwrap();
            let (found, expected) = (secrets(&asked.headers), all[id].expected(at_home));
            assert_eq!(found, expected, "{way:?} {} {:?}", asked.path, all[id]);
        }
    }
    // One, two, two and three for the four courses.
    assert_eq!(home.log().len() + other.log().len(), 2 * all.len());
    // Else nothing is shown of connections that several identities use.
    let connections = match &proxy {
        Some((proxy, _)) => proxy.connections(),
        None => usize::try_from(home.connections() + other.connections()).unwrap(),
    };
    assert!(connections * 4 < all.len(), "{way:?}: {connections}");
    if let Some((proxy, _)) = &proxy {
        for passed in proxy.log() {
            let mut found: BTreeSet<_> = in_text(&passed.head).into_iter().collect();
            let login = passed.login.as_ref();
            found.extend(login.map(|(_, password)| password.clone()));
            assert!(found.remove("secret-proxy"), "{passed:?}");
            if passed.how != "GET" {
                assert!(found.is_empty(), "{found:?}");
            }
        }
    }
    all.len()
}

#[test]
fn secrets_reach_their_servers_and_no_others() {
    let mut combinations = 0;
    for start in [Origin::plain as fn() -> Origin, Origin::tls] {
        for way in [Way::Direct, Way::Http, Way::Socks] {
            combinations += check(start, way);
        }
    }
    assert_eq!(combinations, 864);
}
