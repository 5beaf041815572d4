//! `public_only` where one address of loopback is public and the others are not: redirects from one
//! to another, and names whose address changes (DNS rebinding).

use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};

use origin::{Body, Origin, Script};

use super::*;
use crate::fetch::addresses::public::{self, NotPublic};
use crate::fetch::dns::Resolver;
use crate::outcome::Outcome;
use crate::request::Request;

/// Where the origin is: the one public address of these tests.
const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
/// Another address of loopback.
const PRIVATE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

fn check(address: IpAddr) -> Result<(), NotPublic> {
    if address == PUBLIC {
        Ok(())
    } else {
        public::check(address)
    }
}

/// A server at the private address, which nothing is to connect to.
struct Private(TcpListener);

impl Private {
    fn new() -> Self {
        Self::at(0).unwrap()
    }

    /// Returns `None` if another test has this port.
    fn at(port: u16) -> Option<Self> {
        let listener = TcpListener::bind((PRIVATE, port)).ok()?;
        listener.set_nonblocking(true).unwrap();
        Some(Self(listener))
    }

    /// Starts one on the port of an origin at the public address.
    fn beside_an_origin() -> (Self, Origin) {
        loop {
            let origin = Origin::plain();
            if let Some(private) = Self::at(origin.address().port()) {
                return (private, origin);
            }
        }
    }

    /// Starts one on a port on which nothing listens at the public address. What is returned keeps
    /// it so.
    fn beside_nothing() -> (Self, tokio::net::TcpSocket) {
        loop {
            let (private, taken) = (Self::new(), tokio::net::TcpSocket::new_v4().unwrap());
            if taken.bind((PUBLIC, private.port()).into()).is_ok() {
                return (private, taken);
            }
        }
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    #[track_caller]
    fn assert_untouched(&self) {
        // A connection would wait here until it is accepted.
        assert!(self.0.accept().is_err(), "it was connected to");
    }
}

/// An engine with its own name resolution.
struct Client {
    engine: Engine,
    resolver: Arc<Resolver>,
    options: RunOptions,
    _folder: tempfile::TempDir,
}

impl Client {
    fn new(
        names: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static,
        change: impl FnOnce(&mut EngineOptions),
    ) -> Self {
        let mut engine = EngineOptions::default();
        change(&mut engine);
        let folder = tempfile::tempdir().unwrap();
        let mut options = RunOptions::new(folder.path());
        options.retry.retries = 0;
        options.route.public_only = true;
        let (engine, resolver) = (
            Engine::start(engine).unwrap(),
            Arc::new(Resolver::of(names)),
        );
        let routes = &engine.0.services.routes;
        routes.change(&options.route, |connector| {
            connector.in_network(&resolver, check)
        });
        Self {
            engine,
            resolver,
            options,
            _folder: folder,
        }
    }

    fn fetch(&self, request: Request) -> Outcome {
        let run = self.engine.run(self.options.clone(), [Ok(request)]);
        let mut outcomes = Outcomes::of(run.unwrap());
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(outcomes.next())
            .unwrap()
    }

    fn get(&self, url: &str) -> Outcome {
        self.fetch(Request::new(url).unwrap())
    }
}

fn no_names(_: &str) -> Vec<IpAddr> {
    Vec::new()
}

#[track_caller]
fn assert_done(outcome: &Outcome) {
    let error = outcome.error().map(ToString::to_string);
    assert_eq!((outcome.status.name(), error), ("done", None));
}

#[track_caller]
fn assert_refused(outcome: &Outcome) {
    let error = outcome.error().unwrap();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("--public-only"), "{error}");
}

#[test]
fn redirect_to_an_address_that_is_not_public_is_refused() {
    let (origin, private) = (Origin::plain(), Private::new());
    let client = Client::new(|_| vec![PRIVATE], |_| {});
    let port = private.port();
    for (nth, to) in [
        "http://127.0.0.2",
        "//127.0.0.2",
        "http://0x7f.2",
        "http://2130706434",
        "http://[::ffff:127.0.0.2]",
        "http://name.example",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{nth}");
        origin.on(&path, Script::redirect(302, &format!("{to}:{port}/x")));
        assert_refused(&client.get(&origin.url(&path)));
        assert_eq!(origin.count(&path), 1);
    }
    private.assert_untouched();
}

#[test]
fn robots_txt_that_leads_to_such_an_address_is_not_read() {
    let (origin, private) = (Origin::plain(), Private::new());
    let to = format!("http://127.0.0.2:{}/robots.txt", private.port());
    origin.on("/robots.txt", Script::redirect(302, &to));
    origin.on("/a", Script::ok(Body::of("a")));
    let mut client = Client::new(no_names, |_| {});
    client.options.robots = true;
    assert_refused(&client.get(&origin.url("/a")));
    private.assert_untouched();
}

#[test]
fn mirror_at_such_an_address_brings_no_segment() {
    let (origin, private) = (Origin::plain(), Private::new());
    let body = Body::seeded(1, 4 << 20);
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&body.bytes()));
    // So slow that the rest is split.
    let script = Script::entity(body, "\"one\"").drip(128 << 10, Duration::from_millis(130));
    origin.on("/a", script);
    let mut client = Client::new(no_names, |options| options.per_host = Some(1));
    client.options.min_split_size = 2 << 20;
    let mirror = format!("http://127.0.0.2:{}/a", private.port());
    let request = Request::new(&origin.url("/a")).unwrap();
    let request = request.mirror(&mirror).unwrap();
    let request = request.checksum(sum.parse().unwrap()).unwrap();
    assert_done(&client.fetch(request));
    private.assert_untouched();
}

#[test]
fn name_is_looked_up_once_for_check_and_connection() {
    let looked_up = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&looked_up);
    // Public at first, and private ever after.
    let names = move |_: &str| match counter.fetch_add(1, Ordering::Relaxed) {
        0 => vec![PUBLIC],
        _ => vec![PRIVATE],
    };
    let client = Client::new(names, |_| {});
    let (private, origin) = Private::beside_an_origin();
    origin.under("/", |_| {
        Script::ok(Body::of("a")).header("Connection", "close")
    });
    let port = origin.address().port();
    let url = |path: &str| format!("http://a.example:{port}/{path}");
    for path in ["a", "b", "c"] {
        assert_done(&client.get(&url(path)));
    }
    assert_eq!(looked_up.load(Ordering::Relaxed), 1);
    client.resolver.forget();
    assert_refused(&client.get(&url("d")));
    assert_eq!(looked_up.load(Ordering::Relaxed), 2);
    private.assert_untouched();
}

#[test]
fn of_several_addresses_only_public_ones_are_tried() {
    let (private, origin) = Private::beside_an_origin();
    origin.on("/a", Script::ok(Body::of("a")));
    let port = origin.address().port();
    let client = Client::new(|_| vec![PRIVATE, PUBLIC], |_| {});
    assert_done(&client.get(&format!("http://a.example:{port}/a")));
    private.assert_untouched();
}

#[test]
fn address_that_is_not_public_does_not_stand_in_for_a_dead_one() {
    let (private, _taken) = Private::beside_nothing();
    let client = Client::new(|_| vec![PUBLIC, PRIVATE], |_| {});
    let outcome = client.get(&format!("http://a.example:{}/a", private.port()));
    assert_eq!(outcome.error().unwrap().kind(), ErrorKind::Connect);
    private.assert_untouched();
}
