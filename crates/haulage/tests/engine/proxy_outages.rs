//! A proxy that does not work: it counts once, and not for each host behind it.

use std::collections::HashSet;
use std::time::Duration;

use haulage::{Durability, Event, Events, HostPattern, NoProxy, Outcome, Proxies, Row, Warning};
use origin::{Body, Origin, Proxy, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, kind, named, rest};

const HOSTS: usize = 2000;

fn file() -> Body {
    Body::seeded(3, 20_000)
}

fn serving() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(file()));
    origin
}

fn through(url: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.route.proxies = Proxies::all(haulage::Proxy::parse(url).unwrap());
    sandbox.options.retry.base = Duration::from_millis(20);
    sandbox
}

/// Rows of many hosts, whose names the proxy knows as those of this origin.
fn rows(proxy: &Proxy, origin: &Origin, count: usize) -> Vec<Row> {
    let (ip, port) = (origin.address().ip(), origin.address().port());
    let rows = (0..count).map(|nth| {
        let name = format!("h{nth}.test");
        proxy.know(&name, ip);
        named(&format!("http://{name}:{port}/"), &format!("{nth}"))
    });
    rows.collect()
}

/// What a run has told.
#[derive(Default)]
struct Told {
    outcomes: Vec<Outcome>,
    warnings: usize,
    proxy_waits: usize,
    host_waits: usize,
    retries: usize,
}

impl Told {
    /// Takes note of all that comes; calls `wait` each time that the proxy waits, and `end` with
    /// how many items have ended.
    async fn rest(
        mut self,
        events: &mut Events,
        mut wait: impl FnMut(usize, usize),
        mut end: impl FnMut(usize),
    ) -> Self {
        while let Some(event) = events.next().await {
            match event {
                Event::Ended(outcome) => {
                    self.outcomes.push(*outcome);
                    end(self.outcomes.len());
                }
                Event::ProxyWaits { .. } => {
                    self.proxy_waits += 1;
                    wait(self.proxy_waits, self.outcomes.len());
                }
                Event::HostWaits { .. } => self.host_waits += 1,
                Event::Retrying { .. } => self.retries += 1,
                Event::Warned(Warning::ProxyFails(_)) => self.warnings += 1,
                _ => {}
            }
        }
        self
    }
}

/// Runs these rows in a sandbox.
fn told(
    sandbox: &Sandbox,
    rows: Vec<Row>,
    wait: impl FnMut(usize, usize),
    end: impl FnMut(usize),
) -> Told {
    let engine = haulage::Engine::start(sandbox.engine.clone()).unwrap();
    let mut run = engine.run(sandbox.options.clone(), rows).unwrap();
    let mut events = run.events();
    block_on(Told::default().rest(&mut events, wait, end))
}

#[test]
fn dead_proxy_counts_once_for_all_hosts_until_it_works() {
    // It can be reached, but closes each connection before it is asked for a host.
    let (origin, proxy) = (serving(), Proxy::socks());
    proxy.hang_up(true);
    let sandbox = through(&proxy.url("socks5h", ""));
    let rows = rows(&proxy, &origin, HOSTS);
    let mut dead = 0;
    let revive = |waits: usize, ended: usize| {
        if waits == 5 {
            assert_eq!(ended, 0);
            dead = proxy.connections();
            proxy.hang_up(false);
        }
    };
    let told = told(&sandbox, rows, revive, |_| {});
    assert_eq!(told.outcomes.len(), HOSTS);
    for outcome in &told.outcomes {
        assert_done(outcome);
        assert_eq!(outcome.attempts, 1, "waiting for a proxy is no attempt");
    }
    // At most four find out together, one asks what the proxy speaks, and then each probe is one.
    assert!(dead <= 4 + 1 + 4, "{dead} connections");
    assert_eq!((told.warnings, told.host_waits, told.retries), (1, 0, 0));
}

#[test]
fn proxy_that_dies_halfway_and_comes_back_loses_nothing() {
    let (origin, proxy) = (serving(), Proxy::http());
    let mut sandbox = through(&proxy.url("http", ""));
    // Otherwise all may have been requested before the first outcomes come, after a flush.
    sandbox.options.durability = Durability::None;
    let rows = rows(&proxy, &origin, HOSTS);
    let wait = |waits: usize, _: usize| {
        if waits == 3 {
            proxy.listen();
        }
    };
    let end = |ended: usize| {
        if ended == HOSTS / 2 {
            proxy.stop_listening();
        }
    };
    let told = told(&sandbox, rows, wait, end);
    for outcome in &told.outcomes {
        assert_done(outcome);
        // One may have been broken, and none fails because of the outage.
        assert!(outcome.attempts <= 2, "{}", outcome.attempts);
    }
    let rows: HashSet<_> = told.outcomes.iter().map(|outcome| outcome.row).collect();
    assert_eq!(rows.len(), HOSTS);
    assert_eq!((told.warnings, told.proxy_waits), (1, 3));
}

#[test]
fn rows_fail_together_when_a_dead_proxy_is_given_up() {
    let (origin, proxy) = (serving(), Proxy::socks());
    proxy.hang_up(true);
    let mut sandbox = through(&proxy.url("socks5h", ""));
    sandbox.options.retry.max_time = Duration::from_millis(300);
    let rows = rows(&proxy, &origin, HOSTS);
    let told = told(&sandbox, rows, |_, _| {}, |_| {});
    assert_eq!(told.outcomes.len(), HOSTS);
    let authority = proxy.authority();
    for outcome in &told.outcomes {
        let error = outcome.error().unwrap();
        let says = error.to_string();
        assert!(
            says.starts_with(&format!("proxy {authority} closed the connection")),
            "{says}"
        );
        assert!(
            says.contains("the proxy has been in trouble for 0.3 s"),
            "{says}"
        );
        assert!(error.is_transient(), "the next run tries it again");
    }
    assert!(proxy.connections() < 40, "{}", proxy.connections());
}

#[test]
fn next_run_tries_what_a_dead_proxy_has_failed() {
    let (origin, proxy) = (serving(), Proxy::http());
    proxy.stop_listening();
    let mut sandbox = through(&proxy.url("http", ""));
    sandbox.options.retry.max_time = Duration::from_millis(200);
    for outcome in sandbox.run(rows(&proxy, &origin, 20)) {
        assert_eq!(kind(&outcome), "connect");
    }
    proxy.listen();
    for outcome in sandbox.run(rows(&proxy, &origin, 20)) {
        assert_done(&outcome);
    }
}

#[test]
fn rows_of_other_routes_do_not_wait_for_a_dead_proxy() {
    let (origin, dead, other) = (serving(), Proxy::socks(), Proxy::http());
    dead.hang_up(true);
    let mut sandbox = through(&dead.url("socks5h", ""));
    sandbox.engine.jobs = 2;
    let direct = "127.0.0.0/8";
    sandbox.options.route.proxies.bypass = NoProxy::parse(direct);
    let pattern: HostPattern = format!("*.other.test:{}", origin.address().port())
        .parse()
        .unwrap();
    let parsed = haulage::Proxy::parse(&other.url("http", "")).unwrap();
    sandbox.options.route.proxies.hosts = vec![(pattern, Some(parsed))];
    let port = origin.address().port();
    let mut all = rows(&dead, &origin, 50);
    for nth in 0..10 {
        let name = format!("h{nth}.other.test");
        other.know(&name, origin.address().ip());
        all.push(named(&format!("http://{name}:{port}/"), &format!("o{nth}")));
        all.push(named(&origin.url(&format!("/{nth}")), &format!("d{nth}")));
    }
    // The proxy comes back only when all others are there.
    let told = told(
        &sandbox,
        all,
        |_, _| {},
        |ended| {
            if ended == 20 {
                dead.hang_up(false);
            }
        },
    );
    assert_eq!(told.outcomes.len(), 70);
    told.outcomes.iter().for_each(assert_done);
    let first = &told.outcomes[..20];
    assert!(first.iter().all(|outcome| outcome.row >= 50));
}

#[test]
fn robots_txt_waits_for_a_dead_proxy_too() {
    let (origin, proxy) = (serving(), Proxy::http());
    proxy.stop_listening();
    let mut sandbox = through(&proxy.url("http", ""));
    sandbox.options.robots = true;
    let wait = |waits: usize, _: usize| {
        if waits == 2 {
            proxy.listen();
        }
    };
    let told = told(&sandbox, rows(&proxy, &origin, 10), wait, |_| {});
    assert_eq!(told.outcomes.len(), 10);
    told.outcomes.iter().for_each(assert_done);
}

#[test]
fn robots_txt_of_one_route_does_not_wait_for_another_one() {
    let (origin, proxy) = (serving(), Proxy::http());
    proxy.stop_listening();
    let mut sandbox = through(&proxy.url("http", ""));
    sandbox.options.robots = true;
    let engine = haulage::Engine::start(sandbox.engine.clone()).unwrap();
    let row = || [named(&origin.url("/a"), "a")];
    let mut stuck = engine.run(sandbox.options.clone(), row()).unwrap();
    let mut events = stuck.events();
    let other = Sandbox::new();
    let mut options = other.options.clone();
    options.robots = true;
    block_on(async {
        // Its robots.txt has been asked for, and waits.
        while !matches!(events.next().await.unwrap(), Event::ProxyWaits { .. }) {}
        let mut direct = engine.run(options, row()).unwrap();
        let outcomes = rest(&mut direct.events()).await;
        assert_eq!(outcomes.len(), 1);
        assert_done(&outcomes[0]);
        assert_eq!(origin.count("/robots.txt"), 1);
        // And a refusal holds for its own route.
        let mut options = Sandbox::new().options;
        options.robots = true;
        options.route.public_only = true;
        let mut refused = engine.run(options, row()).unwrap();
        let outcomes = rest(&mut refused.events()).await;
        assert_eq!(kind(&outcomes[0]), "refused");
    });
}

#[test]
fn mirror_on_another_route_is_used_while_a_proxy_is_dead() {
    let (origin, proxy) = (serving(), Proxy::http());
    proxy.stop_listening();
    let mut sandbox = through(&proxy.url("http", ""));
    sandbox.options.route.proxies.bypass = NoProxy::parse("127.0.0.1");
    let request = haulage::Request::new("http://elsewhere.test/a").unwrap();
    let request = request.named("a").unwrap();
    let row = request.mirror(&origin.url("/a")).unwrap();
    let outcome = sandbox.run([Ok(row)]).pop().unwrap();
    assert_done(&outcome);
}

#[test]
fn refused_login_fails_all_hosts_after_a_few_requests() {
    for (proxy, scheme) in [(Proxy::http(), "http"), (Proxy::socks(), "socks5h")] {
        let origin = serving();
        proxy.ask_for_login("me", "right");
        let sandbox = through(&proxy.url(scheme, "me:wrong"));
        let told = told(&sandbox, rows(&proxy, &origin, HOSTS), |_, _| {}, |_| {});
        assert_eq!(told.outcomes.len(), HOSTS);
        for outcome in &told.outcomes {
            let says = outcome.error().unwrap().to_string();
            assert!(says.contains("--proxy-user"), "{says}");
            assert_eq!(outcome.attempts, 1);
        }
        // Those that were under way at once, and one that asks about no server.
        let most = sandbox.engine.jobs + 1;
        assert!(proxy.connections() <= most, "{}", proxy.connections());
        assert_eq!(told.proxy_waits, 0);
    }
}

#[test]
fn proxy_that_speaks_something_else_fails_all_hosts_at_once() {
    for (proxy, scheme, advice) in [
        (Proxy::socks(), "http", "write socks5h://"),
        (Proxy::http(), "socks5h", "write http://"),
        (Proxy::http(), "socks4a", "write http://"),
    ] {
        let origin = serving();
        let mut sandbox = through(&proxy.url(scheme, ""));
        // Some wait for more of what they take for a request.
        sandbox.options.connect_timeout = Duration::from_millis(200);
        let told = told(&sandbox, rows(&proxy, &origin, HOSTS), |_, _| {}, |_| {});
        assert_eq!(told.outcomes.len(), HOSTS);
        let advised = told.outcomes.iter().filter(|outcome| {
            let says = outcome.error().unwrap().to_string();
            says.contains(advice)
        });
        assert_eq!(advised.count(), HOSTS, "{scheme}");
        assert!(proxy.connections() <= 40, "{}", proxy.connections());
    }
}
