//! Certificates: one authority for the whole process, and one certificate it issues for each
//! origin.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, version};
use tokio_rustls::TlsAcceptor;

/// Returns the certificate (PEM) of the authority that all origins of this process are verified
/// with.
pub(crate) fn ca_pem() -> &'static str {
    &authority().pem
}

/// The certificate that an origin presents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// A valid one, issued by the authority.
    #[default]
    Good,
    /// One that has expired.
    Expired,
    /// One that is not valid yet.
    NotYetValid,
    /// One for another host.
    OtherHost,
    /// One that is signed only by itself.
    SelfSigned,
    /// One that is signed only by itself and is for authorities, too, as `openssl req -x509`
    /// creates it.
    SelfSignedAuthority,
}

/// What an origin accepts from clients.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Accepts {
    /// Only clients with a certificate of the authority.
    pub(crate) known_clients_only: bool,
    /// Only TLS 1.2, no newer version.
    pub(crate) tls12_only: bool,
}

/// Creates a certificate for a client, signed by the authority that all origins of this process
/// share. Returns it and its private key (PKCS#8), both in PEM.
///
/// # Panics
///
/// When they cannot be made, which depends on nothing from outside.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "nothing in it depends on anything from outside"
)]
pub fn client_pem() -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "client");
    params
        .extended_key_usages
        .push(ExtendedKeyUsagePurpose::ClientAuth);
    let certificate = params.signed_by(&key, &authority().issuer);
    (
        certificate.expect("a certificate").pem(),
        key.serialize_pem(),
    )
}

/// What an origin presents: its TLS settings, and the certificate in PEM.
pub(crate) struct Presented {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) pem: String,
}

/// Creates the certificate of an origin, valid for `localhost`, the usual loopback addresses and
/// `ip` (unless `certificate` wants another), and the TLS settings, which offer `protocols`.
#[expect(
    clippy::expect_used,
    reason = "nothing in it depends on anything from outside"
)]
pub(crate) fn presented(
    ip: IpAddr,
    certificate: Certificate,
    accepts: Accepts,
    protocols: &[&[u8]],
) -> Presented {
    let key = KeyPair::generate().expect("a key");
    let names = match certificate {
        Certificate::OtherHost => vec!["other.example".to_owned()],
        _ => ["localhost", "127.0.0.1", "::1", &ip.to_string()]
            .map(str::to_owned)
            .into(),
    };
    let mut params = CertificateParams::new(names).expect("the names of an origin");
    match certificate {
        Certificate::Expired => params.not_after = date_time_ymd(2000, 1, 1),
        Certificate::NotYetValid => params.not_before = date_time_ymd(3000, 1, 1),
        Certificate::SelfSignedAuthority => {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        Certificate::Good | Certificate::OtherHost | Certificate::SelfSigned => {}
    }
    params.distinguished_name.push(DnType::CommonName, "origin");
    params
        .extended_key_usages
        .push(ExtendedKeyUsagePurpose::ServerAuth);
    params.use_authority_key_identifier_extension = true;
    let certificate = match certificate {
        Certificate::SelfSigned | Certificate::SelfSignedAuthority => params.self_signed(&key),
        _ => params.signed_by(&key, &authority().issuer),
    };
    let certificate = certificate.expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("the key just made");

    // Named explicitly, so that it does not depend on the provider that the process has chosen.
    let provider = Arc::new(ring::default_provider());
    let versions: &[_] = if accepts.tls12_only {
        &[&version::TLS12]
    } else {
        rustls::ALL_VERSIONS
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .expect("versions of TLS that the provider knows");
    let builder = if accepts.known_clients_only {
        let mut roots = RootCertStore::empty();
        roots
            .add(authority().issuer.der().clone())
            .expect("an authority");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate that goes with its key");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Presented {
        acceptor: Arc::new(config).into(),
        pem: certificate.pem(),
    }
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: String,
}

/// Returns the authority of this process, created at the first call. It is separate from the
/// certificates of origins, because rustls accepts no authority's certificate as a server's.
#[expect(
    clippy::expect_used,
    reason = "nothing in it depends on anything from outside"
)]
fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "origin's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let pem = issuer.pem();
        Authority { issuer, pem }
    })
}
