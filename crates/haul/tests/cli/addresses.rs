//! What `--public-only` and `--interface` say, and what they exclude.

use origin::{Body, Origin, Script};

use crate::Sandbox;

fn file() -> Origin {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("a")));
    origin
}

#[test]
fn address_that_is_not_public_is_refused_with_its_reason() {
    let origin = file();
    let port = origin.address().port();
    let sandbox = Sandbox::new();
    let name = format!("example.org:{port}:10.1.2.3");
    for (host, says) in [
        (
            "127.0.0.1",
            "127.0.0.1 is a loopback address (RFC 1122), refused by --public-only",
        ),
        (
            "0x7f.1",
            "127.0.0.1 is a loopback address (RFC 1122), refused by --public-only",
        ),
        (
            "example.org",
            "example.org resolves only to 10.1.2.3, a private address (RFC 1918), refused by --public-only",
        ),
    ] {
        let url = format!("http://{host}:{port}/a");
        let ran = sandbox.haul(&[
            "--public-only",
            "--resolve",
            &name,
            &url,
            "--results",
            "r.jsonl",
        ]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        let row = &sandbox.rows("r.jsonl")[0];
        assert_eq!(row["error"]["kind"], "refused");
        assert_eq!(row["attempts"], 1);
    }
    assert_eq!(origin.connections(), 0);
    assert_eq!(sandbox.haul(&[&origin.url("/a")]).code, Some(0));
}

#[test]
fn row_that_was_refused_is_tried_without_the_option() {
    let origin = file();
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", &origin.url("/a"));
    let ran = sandbox.haul(&["-i", "list.txt", "--public-only"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let ran = sandbox.haul(&["-i", "list.txt"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn interface_is_an_address_or_a_name_of_this_machine() {
    let origin = file();
    let sandbox = Sandbox::new();
    let url = origin.url("/a");
    // Only Linux has all of 127.0.0.0/8, and takes a name.
    let of_linux: &[_] = if cfg!(all(target_os = "linux", not(portable))) {
        &["127.0.0.3", "lo"]
    } else {
        &[]
    };
    for &from in ["127.0.0.1"].iter().chain(of_linux) {
        let ran = sandbox.haul(&["--interface", from, "--exists", "overwrite", &url]);
        assert_eq!(ran.code, Some(0), "{from}: {}", ran.stderr);
    }
    let ran = sandbox.haul(&["--interface", "127.0.0.1", "http://[::1]:9/a"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let says = "[::1]:9 has no IPv4 address, and no other is allowed (--interface 127.0.0.1)";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
}
