//! Certificates that do not fit: for good, and never a reason to go on without.

use haulage::Verification;
use origin::{Body, Certificate, Origin, Script};

use crate::bench::{Bench, assert_done, kind};

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
        (Certificate::SelfSigned, "nobody whom we trust"),
    ] {
        let origin = origin(certificate);
        let mut bench = Bench::trusting(&origin);
        let outcome = bench.fetch(&origin.url("/a"));
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
        bench.options.tls.verification = Verification::Insecure;
        assert_done(&bench.fetch(&origin.url("/a")));
    }
    let good = origin(Certificate::Good);
    assert_done(&Bench::trusting(&good).fetch(&good.url("/a")));
}
