//! Certificates that do not fit: for good, and never a reason to go on without.

use std::time::Duration;

use haulage::Verification;
use origin::{Body, Certificate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, kind};
use crate::wild::Wild;

fn origin(certificate: Certificate) -> Origin {
    let origin = Origin::builder().tls().certificate(certificate);
    let origin = origin.start().unwrap();
    origin.on("/a", Script::ok(Body::seeded(1, 10)));
    origin
}

#[test]
fn a_certificate_that_does_not_fit_is_refused_and_it_is_said_why() {
    for (certificate, says) in [
        (Certificate::Expired, "expired"),
        (Certificate::NotYetValid, "not valid yet"),
        (Certificate::OtherHost, "another name"),
        (Certificate::SelfSigned, "not signed by a trusted authority"),
        (Certificate::SelfSignedAuthority, "--cacert"),
    ] {
        let origin = origin(certificate);
        let mut sandbox = Sandbox::trusting(&origin);
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!(
            (kind(&outcome), outcome.attempts),
            ("tls", 1),
            "{certificate:?}"
        );
        let error = outcome.error().unwrap();
        assert!(!error.is_transient());
        assert!(error.to_string().contains(says), "{error}");
        assert!(std::error::Error::source(error).is_some());
        assert_eq!(origin.count("/a"), 0, "nothing was asked");
        sandbox.options.route.tls.verification = Verification::Insecure;
        assert_done(&sandbox.fetch(&origin.url("/a")));
    }
    let good = origin(Certificate::Good);
    assert_done(&Sandbox::trusting(&good).fetch(&good.url("/a")));
}

#[test]
fn certificate_that_is_named_itself_is_trusted() {
    for certificate in [Certificate::SelfSigned, Certificate::SelfSignedAuthority] {
        let (server, other) = (origin(certificate), origin(certificate));
        let mut sandbox = Sandbox::new();
        sandbox.options.retry.retries = 0;
        sandbox.trust_itself(&other);
        assert_eq!(kind(&sandbox.fetch(&server.url("/a"))), "tls");
        sandbox.trust_itself(&server);
        assert_done(&sandbox.fetch(&server.url("/a")));
    }
}

#[test]
fn named_certificate_that_is_expired_or_for_another_host_is_refused() {
    for (certificate, says) in [
        (Certificate::Expired, "expired"),
        (Certificate::NotYetValid, "not valid yet"),
        (Certificate::OtherHost, "another name, other.example"),
    ] {
        let server = origin(certificate);
        let mut sandbox = Sandbox::new();
        sandbox.trust_itself(&server);
        let outcome = sandbox.fetch(&server.url("/a"));
        let error = outcome.error().unwrap();
        assert_eq!((kind(&outcome), outcome.attempts), ("tls", 1));
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// The message of a failure, at the first attempt.
fn message(url: &str) -> (&'static str, String) {
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    let outcome = sandbox.fetch(url);
    let error = outcome.error().unwrap();
    assert!(!error.to_string().contains("insecure"), "{error}");
    (kind(&outcome), error.to_string())
}

#[test]
fn https_at_a_plain_server_suggests_http() {
    let answers: [&[u8]; 3] = [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"<!DOCTYPE html><p>Bad request version",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ];
    for answer in answers {
        let server = Wild::saying(answer);
        let (kind, message) = message(&server.url("https"));
        assert_eq!(kind, "tls");
        // An attacker on the path could answer like this to make users give up TLS.
        assert!(!message.contains("http://"), "{message}");
        assert!(
            message.contains("does not speak TLS") && message.contains("perhaps plain HTTP"),
            "{message}"
        );
    }
    let (_, message) = message(&Wild::saying(b"").url("https"));
    assert!(message.contains("TLS on this port"), "{message}");
}

#[test]
fn server_that_is_silent_in_the_handshake_is_said_to_be() {
    let server = Wild::serving(|stream| stream);
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    sandbox.options.connect_timeout = Duration::from_secs(1);
    let outcome = sandbox.fetch(&server.url("https"));
    let error = outcome.error().unwrap().to_string();
    assert_eq!(kind(&outcome), "timeout");
    assert!(error.contains("did not end the TLS handshake"), "{error}");
}

#[test]
fn http_at_a_server_with_tls_suggests_https() {
    let nginx = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 61\r\nConnection: close\r\n\r\n\
        <center>The plain HTTP request was sent to HTTPS port</center>";
    let go = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let answers: [(&[u8], &str); 5] = [
        (b"\x15\x03\x01\x00\x02\x02\x46", "protocol"),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "protocol"),
        (nginx, "http"),
        (go, "http"),
        (b"", "reset"),
    ];
    for (answer, expected) in answers {
        let (kind, message) = message(&Wild::saying(answer).url("http"));
        assert_eq!(kind, expected, "{message}");
        assert!(message.contains("write https:// in the URL"), "{message}");
    }
    let tls = origin(Certificate::Good);
    let (_, message) = message(&tls.url("/a").replace("https://", "http://"));
    assert!(message.contains("https://"), "{message}");
    let plain = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let (_, message) = self::message(&Wild::saying(plain).url("http"));
    assert!(!message.contains("https://"), "{message}");
}

#[test]
fn alert_of_an_old_server_says_what_haul_offers() {
    for (alert, says) in [(40, "no cipher in common"), (70, "TLS 1.2 or 1.3")] {
        let server = Wild::saying(&[0x15, 3, 3, 0, 2, 2, alert]);
        let (kind, message) = message(&server.url("https"));
        assert_eq!(kind, "tls");
        assert!(message.contains(says), "{message}");
    }
}
