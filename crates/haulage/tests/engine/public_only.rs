//! With `public_only` nothing is sent to an address that is not public, however it is written.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use haulage::{Request, Resolve};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, block_on, get, kind, next_outcome};

/// Hosts of URLs that denote an address which is not public, or one that this machine gives the
/// name `localhost`.
#[rustfmt::skip]
const HOSTS: &[&str] = &[
    // Names.
    "localhost", "localhost.", "LOCALHOST", "lo%63alhost", "ｌｏｃａｌｈｏｓｔ", "user:password@localhost",
    // 127.0.0.1 with other numbers of parts, in decimal, octal and hexadecimal.
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "2130706433", "017700000001",
    "0177.0.0.1", "0177.1", "0x7f.1", "0x7f000001", "0x7F.0x0.0x0.0x1", "0x7f.0.0.1.", "127.0x0.00.1", "0000000177.0.0.01",
    // In characters that count as digits and dots.
    "１２７.０.０.１", "127。0。0。1", "127．0．0．1", "127｡1", "①②⑦.⓪.⓪.①", "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "𝟙𝟚𝟟.𝟘.𝟘.𝟙",
    // This host.
    "0", "0.0.0.0", "0x0", "00000", "0.1.2.3", "[::]", "[0:0:0:0:0:0:0:0]",
    // Private, link-local, metadata, shared and others.
    "10.0.0.1", "10.1", "167772161", "0xa.1", "012.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "0300.0250.1",
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "100.64.0.1", "100.100.100.200", "192.0.0.1",
    "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "4294967295",
    // IPv6.
    "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[fe80::1]", "[febf::1]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]",
    "[2001:db8::1]", "[3fff::1]", "[100::1]", "[5f00::1]", "[2001:2::1]", "[4000::1]",
    // An IPv4 address in an IPv6 address.
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::FFFF:10.0.0.1]", "[::ffff:0.0.0.0]", "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::7f00:1]", "[64:ff9b:1:a00:0:100::]", "[2002:7f00:1::]", "[2002:a00:1::1]", "[2002:c0a8:101::1]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[2001::f5ff:fffe]", "[2001:470:1:2:0:5efe:127.0.0.1]", "[2001:470:1:2:200:5efe:10.0.0.1]",
];

/// A port of this machine on which each connection counts, to whichever address.
struct Port {
    listener: TcpListener,
    number: u16,
}

impl Port {
    fn open() -> Self {
        // Of both families, where there is IPv6.
        let any: [SocketAddr; 2] = [(Ipv6Addr::UNSPECIFIED, 0).into(), ([0, 0, 0, 0], 0).into()];
        let listener = TcpListener::bind(&any[..]).unwrap();
        listener.set_nonblocking(true).unwrap();
        let number = listener.local_addr().unwrap().port();
        Self { listener, number }
    }

    /// Returns whether there has been a connection: the kernel makes them, and keeps them until
    /// they are accepted.
    fn has_connection(&self) -> bool {
        self.listener.accept().is_ok()
    }
}

fn public_only() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.route.public_only = true;
    // What is connected to says nothing.
    sandbox.options.retry.retries = 0;
    sandbox.options.timeout = Duration::from_secs(5);
    sandbox
}

/// Not every resolver knows that name.
fn know_localhost_with_a_dot(sandbox: &mut Sandbox, port: u16) {
    let localhost = vec![[127, 0, 0, 1].into()];
    let resolve = Resolve::new("localhost.", port, localhost).unwrap();
    sandbox.options.route.resolve.push(resolve);
}

#[test]
fn no_packet_goes_to_an_address_that_is_not_public() {
    assert!(HOSTS.len() >= 60);
    let port = Port::open();
    let mut sandbox = public_only();
    know_localhost_with_a_dot(&mut sandbox, port.number);
    // Paths of their own keep equal hosts from being one row.
    let rows = HOSTS.iter().enumerate().map(|(nth, host)| {
        let url = format!("http://{host}:{}/{nth}", port.number);
        get(&url)
    });
    let outcomes = sandbox.run(rows.collect::<Vec<_>>());
    assert_eq!(outcomes.len(), HOSTS.len());
    for (outcome, host) in outcomes.iter().zip(HOSTS) {
        let error = outcome.error().unwrap();
        assert_eq!(error.kind().name(), "refused", "{host}: {error}");
        assert!(!error.is_transient(), "{host}");
        let message = error.to_string();
        assert!(message.ends_with("refused by --public-only"), "{message}");
        assert!(message.contains("(RFC "), "{message}");
    }
    assert!(!port.has_connection());
}

#[test]
fn https_and_http2_are_refused_as_plain_http_is() {
    for scheme in ["http", "https"] {
        for http in [
            haulage::HttpVersion::Negotiated,
            haulage::HttpVersion::Http1,
            haulage::HttpVersion::Http2PriorKnowledge,
        ] {
            let port = Port::open();
            let mut sandbox = public_only();
            sandbox.options.route.http = http;
            let outcome = sandbox.fetch(&format!("{scheme}://127.1:{}/a", port.number));
            assert_eq!(kind(&outcome), "refused", "{scheme} {http:?}");
            assert!(!port.has_connection());
        }
    }
}

#[test]
fn same_notations_reach_a_server_without_the_option() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("a")));
    let port = origin.address().port();
    for host in [
        "localhost.",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "①②⑦.⓪.⓪.①",
        "0",
        "[::ffff:127.0.0.1]",
    ] {
        let url = format!("http://{host}:{port}/a");
        for (mut sandbox, expected) in [(Sandbox::new(), "none"), (public_only(), "refused")] {
            know_localhost_with_a_dot(&mut sandbox, port);
            assert_eq!(kind(&sandbox.fetch(&url)), expected, "{host}");
        }
    }
}

#[test]
fn address_that_was_given_for_a_name_is_checked_too() {
    let port = Port::open();
    let mut sandbox = public_only();
    for addresses in [
        &["127.0.0.1"][..],
        &["::1", "127.0.0.1", "::ffff:127.0.0.1"],
    ] {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let resolve = Resolve::new("a.invalid", port.number, addresses).unwrap();
        sandbox.options.route.resolve = vec![resolve];
        let outcome = sandbox.fetch(&format!("http://a.invalid:{}/a", port.number));
        assert_eq!(kind(&outcome), "refused");
        let message = outcome.error().unwrap().to_string();
        assert!(
            message.starts_with("a.invalid resolves only to "),
            "{message}"
        );
    }
    assert!(!port.has_connection());
}

#[test]
fn mirror_and_robots_txt_are_refused_too() {
    let port = Port::open();
    let mut sandbox = public_only();
    let url = |host: &str| format!("http://{host}:{}/a", port.number);
    let request = Request::new(&url("127.0.0.2")).unwrap();
    let request = request.mirror(&url("127.0.0.1")).unwrap();
    let outcome = sandbox.run([Ok(request)]).pop().unwrap();
    assert_eq!(kind(&outcome), "refused");
    sandbox.options.robots = true;
    let outcome = sandbox.fetch(&url("127.0.0.1"));
    assert_eq!(kind(&outcome), "refused");
    assert!(!port.has_connection());
}

#[test]
fn connection_of_another_run_is_not_used() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("a")));
    let (open, closed) = (Sandbox::new(), public_only());
    let engine = haulage::Engine::start(open.engine.clone()).unwrap();
    for (sandbox, expected) in [(&open, "none"), (&closed, "refused"), (&open, "none")] {
        let run = engine.run(sandbox.options.clone(), [get(&origin.url("/a"))]);
        let mut run = run.unwrap();
        let mut events = run.events();
        let outcome = block_on(next_outcome(&mut events));
        assert_eq!(kind(&outcome), expected);
    }
    // The first and the last run share one.
    assert_eq!(origin.connections(), 1);
}
