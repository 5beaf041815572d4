//! Trusts the certificates in a file that the user has named: authorities, and servers' own
//! certificates.
//!
//! rustls trusts only authorities. It refuses a server whose certificate is one for authorities
//! (`CA:TRUE`), or of X.509 version 1; most self-signed certificates are of these kinds. Here a
//! server that presents exactly a certificate of the file is trusted, as with OpenSSL: a path that
//! consists of the trusted certificate alone needs no signature of an authority (RFC 5280 §6). Its
//! name, dates and purpose are checked, and that the server has its key.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, RootCertStore, SignatureScheme,
};
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

/// Trusts servers whose certificate is in a file, or is signed by an authority in it.
#[derive(Debug)]
pub(super) struct NamedCertificates {
    authorities: Arc<WebPkiServerVerifier>,
    named: Vec<Named>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl NamedCertificates {
    /// Creates a verifier that trusts these certificates.
    ///
    /// # Errors
    /// When none of the certificates can be read.
    pub(super) fn new(
        certificates: &[CertificateDer<'static>],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        let mut refusal = None;
        for certificate in certificates {
            refusal = roots.add(certificate.clone()).err().or(refusal);
        }
        // A bundle of many certificates may contain some of unknown kinds.
        if let Some(refusal) = refusal.filter(|_| roots.is_empty()) {
            return Err(refusal);
        }
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|cause| Error::General(cause.to_string()))?;
        Ok(Self {
            authorities,
            named: certificates.iter().filter_map(Named::of).collect(),
            algorithms: provider.signature_verification_algorithms,
        })
    }

    fn named(&self, presented: &CertificateDer<'_>) -> Option<&Named> {
        self.named.iter().find(|named| named.der == *presented)
    }

    /// Returns the key of a certificate of version 1, which webpki does not read.
    fn key_of_version_1(&self, cert: &CertificateDer<'_>) -> Option<&SubjectPublicKeyInfoDer<'_>> {
        self.named(cert)?.key_of_version_1.as_ref()
    }
}

impl ServerCertVerifier for NamedCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(named) = self.named(end_entity) else {
            return self.authorities.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
        };
        named.check_dates(now)?;
        named.check_purpose()?;
        named.check_name(server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.key_of_version_1(cert) {
            None => self.authorities.verify_tls12_signature(message, cert, dss),
            Some(key) => verify_tls12_signature_with_key(message, key, dss, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.key_of_version_1(cert) {
            None => self.authorities.verify_tls13_signature(message, cert, dss),
            Some(key) => verify_tls13_signature_with_raw_key(message, key, dss, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// A certificate in the file, and what is checked when a server presents it.
#[derive(Debug)]
struct Named {
    der: CertificateDer<'static>,
    not_before: UnixTime,
    not_after: UnixTime,
    is_for_servers: bool,
    names: Names,
    key_of_version_1: Option<SubjectPublicKeyInfoDer<'static>>,
}

/// Where a certificate has the name of its server.
#[derive(Debug)]
enum Names {
    /// In its subject alternative names (RFC 9525 §2).
    Alternative,
    /// In the common name of its subject, since it has no alternative names. This was usual before
    /// those existed (RFC 6125 §6.4.4), and the user has named this very certificate.
    Common(Option<String>),
}

impl Named {
    /// Returns `None` for one that cannot be read: no server is trusted for presenting it.
    fn of(der: &CertificateDer<'static>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let usage = certificate.extended_key_usage().ok()?;
        let usage = usage.map(|usage| usage.value);
        let names = if certificate.subject_alternative_name().ok()?.is_some() {
            Names::Alternative
        } else {
            let name = certificate.subject().iter_common_name().last();
            let name = name.and_then(|name| name.as_str().ok());
            Names::Common(name.map(str::to_owned))
        };
        let is_version_1 = certificate.version().0 == 0;
        let key = || SubjectPublicKeyInfoDer::from(certificate.public_key().raw.to_vec());
        Some(Self {
            not_before: unix_time(validity.not_before),
            not_after: unix_time(validity.not_after),
            is_for_servers: usage.is_none_or(|usage| usage.server_auth || usage.any),
            names,
            key_of_version_1: is_version_1.then(key),
            der: der.clone(),
        })
    }

    /// Checks that a certificate is valid at `time`: not before its first second, and not after its
    /// last one (RFC 5280 §4.1.2.5).
    fn check_dates(&self, time: UnixTime) -> Result<(), Error> {
        let (not_before, not_after) = (self.not_before, self.not_after);
        if time < not_before {
            return Err(CertificateError::NotValidYetContext { time, not_before }.into());
        }
        if time > not_after {
            return Err(CertificateError::ExpiredContext { time, not_after }.into());
        }
        Ok(())
    }

    fn check_purpose(&self) -> Result<(), Error> {
        if self.is_for_servers {
            Ok(())
        } else {
            Err(CertificateError::InvalidPurpose.into())
        }
    }

    fn check_name(&self, expected: &ServerName<'_>) -> Result<(), Error> {
        let name = match &self.names {
            Names::Alternative => {
                return verify_server_name(&ParsedCertificate::try_from(&self.der)?, expected);
            }
            Names::Common(name) => name.as_deref(),
        };
        let is_expected = name.is_some_and(|name| match expected {
            ServerName::DnsName(expected) => name.eq_ignore_ascii_case(expected.as_ref()),
            ServerName::IpAddress(expected) => name
                .parse()
                .is_ok_and(|name: IpAddr| name == IpAddr::from(*expected)),
            _ => false,
        });
        if is_expected {
            return Ok(());
        }
        let error = CertificateError::NotValidForNameContext {
            expected: expected.to_owned(),
            presented: name.iter().map(ToString::to_string).collect(),
        };
        Err(error.into())
    }
}

/// Returns the time since 1970; an earlier one becomes 1970.
fn unix_time(time: ASN1Time) -> UnixTime {
    let seconds = u64::try_from(time.timestamp()).unwrap_or(0);
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// Checks a signature with a bare key, which rustls has only for TLS 1.3. In TLS 1.2 a scheme
/// stands for several algorithms, and one of them fits the key.
fn verify_tls12_signature_with_key(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let unreadable = |_| Error::from(CertificateError::BadEncoding);
    let key = RawPublicKeyEntity::try_from(key).map_err(unreadable)?;
    let mut mapping = algorithms.mapping.iter();
    let (_, possible) = mapping
        .find(|(scheme, _)| *scheme == dss.scheme)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let is_valid = possible.iter().any(|algorithm| {
        key.verify_signature(*algorithm, message, dss.signature())
            .is_ok()
    });
    if is_valid {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(CertificateError::BadSignature.into())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
        KeyPair, date_time_ymd,
    };
    use rustls::crypto::ring;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::server::ServerConnection;
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::time_provider::TimeProvider;
    use rustls::version::{TLS12, TLS13};
    use rustls::{ClientConfig, ClientConnection, ServerConfig, SupportedProtocolVersion};

    use super::*;

    /// A certificate of version 1 for `localhost`, valid until 2126, as `openssl x509 -req
    /// -signkey` creates it.
    const VERSION_1: &str = "-----BEGIN CERTIFICATE-----
MIIBIzCBywIUUyo7e5eGgQJ4TaiM14IttDu6ttUwCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODE4NTEzOVoYDzIxMjYxMTA0MTg1MTM5
WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARTaFw0fK36RTRCDxOdkdjhYw2Yn8HmLM5P8GL67XxolEqWF/GCsoCliuJrXwlD
1mZJJEKJayUSSzUcfMNpNbZuMAoGCCqGSM49BAMCA0cAMEQCIDwnAFhSXW3ckAe+
etWpMt/kh7WRJt0NxXNoxINsN1chAiBkyI5jzTJOk0AzyMIjCMvBTLdRWMwhW/Cm
eri5fRMNOw==
-----END CERTIFICATE-----
";
    /// Its key, which protects nothing.
    const VERSION_1_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGZvNagEE2rIUEVQM
P9JNqHoMHraBVtQMx5Msjon+22mhRANCAARTaFw0fK36RTRCDxOdkdjhYw2Yn8Hm
LM5P8GL67XxolEqWF/GCsoCliuJrXwlD1mZJJEKJayUSSzUcfMNpNbZu
-----END PRIVATE KEY-----
";

    /// A time in 2035, in seconds since 1970.
    const NOW: u64 = 2_051_222_400;

    /// What a server presents, and its key.
    struct Identity {
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    }

    fn usual(names: &[&str]) -> CertificateParams {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2030, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        params
            .distinguished_name
            .push(DnType::CommonName, "common.example");
        params
    }

    fn self_signed(params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        Identity {
            certificate: params.self_signed(&key).unwrap().der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    fn version_1() -> Identity {
        Identity {
            certificate: CertificateDer::from_pem_slice(VERSION_1.as_bytes()).unwrap(),
            key: PrivateKeyDer::from_pem_slice(VERSION_1_KEY.as_bytes()).unwrap(),
        }
    }

    #[derive(Debug)]
    struct Always(u64);

    impl TimeProvider for Always {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
        }
    }

    /// Runs a TLS handshake between a server that presents `identity` and a client that trusts
    /// `named`. Returns the error of whichever side fails.
    fn shake_hands(
        identity: &Identity,
        named: &CertificateDer<'static>,
        host: &str,
        now: u64,
        version: &'static SupportedProtocolVersion,
    ) -> Result<(), Error> {
        let provider = Arc::new(ring::default_provider());
        let trusted = NamedCertificates::new(std::slice::from_ref(named), &provider).unwrap();
        let builder =
            ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(Always(now)));
        let client = builder
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trusted))
            .with_no_client_auth();
        let key = ring::sign::any_supported_type(&identity.key).unwrap();
        let shown = CertifiedKey::new(vec![identity.certificate.clone()], key);
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        let host = ServerName::try_from(host.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), host).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            while !bytes.is_empty() {
                server.read_tls(&mut &*std::mem::take(&mut bytes)).unwrap();
                server.process_new_packets()?;
            }
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            let mut unread = &bytes[..];
            while !unread.is_empty() {
                client.read_tls(&mut unread).unwrap();
                client.process_new_packets()?;
            }
        }
        Ok(())
    }

    fn certificate_error(result: Result<(), Error>) -> CertificateError {
        match result {
            Err(Error::InvalidCertificate(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn server_that_presents_a_named_certificate_is_trusted() {
        let mut only_common = usual(&[]);
        only_common
            .distinguished_name
            .push(DnType::CommonName, "LocalHost");
        let mut for_servers = usual(&["localhost"]);
        for_servers
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
        let mut no_authority = usual(&["localhost"]);
        no_authority.is_ca = IsCa::ExplicitNoCa;
        let identities = [
            self_signed(&usual(&["localhost"])),
            self_signed(&only_common),
            self_signed(&for_servers),
            self_signed(&no_authority),
            version_1(),
        ];
        for (at, identity) in identities.iter().enumerate() {
            for version in [&TLS13, &TLS12] {
                let result =
                    shake_hands(identity, &identity.certificate, "localhost", NOW, version);
                assert_eq!(result, Ok(()), "{at}");
            }
        }
    }

    #[test]
    fn named_certificate_of_another_name_or_time_is_refused() {
        let (early, late) = (1_893_400_000, 2_210_000_000);
        let with_name = self_signed(&usual(&["localhost", "127.0.0.1"]));
        let only_common = self_signed(&usual(&[]));
        for (identity, its_own) in [(&with_name, "127.0.0.1"), (&only_common, "common.example")] {
            let shake = |host, now| shake_hands(identity, &identity.certificate, host, now, &TLS13);
            assert_eq!(shake(its_own, NOW), Ok(()));
            for other in ["other.example", "127.0.0.2", "a.common.example"] {
                let why = certificate_error(shake(other, NOW));
                assert!(
                    matches!(why, CertificateError::NotValidForNameContext { .. }),
                    "{why:?}"
                );
            }
            let why = certificate_error(shake(its_own, early));
            assert!(matches!(why, CertificateError::NotValidYetContext { .. }));
            let why = certificate_error(shake(its_own, late));
            assert!(matches!(why, CertificateError::ExpiredContext { .. }));
        }
        // A certificate with alternative names is not matched by its common name.
        let why = shake_hands(
            &with_name,
            &with_name.certificate,
            "common.example",
            NOW,
            &TLS13,
        );
        assert!(why.is_err());
    }

    #[test]
    fn named_certificate_for_clients_is_refused() {
        let mut params = usual(&["localhost"]);
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ClientAuth);
        let identity = self_signed(&params);
        let result = shake_hands(&identity, &identity.certificate, "localhost", NOW, &TLS13);
        assert_eq!(certificate_error(result), CertificateError::InvalidPurpose);
    }

    #[test]
    fn other_certificate_than_the_named_one_is_refused() {
        let key = KeyPair::generate().unwrap();
        let sign = || Identity {
            certificate: usual(&["localhost"])
                .self_signed(&key)
                .unwrap()
                .der()
                .clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        };
        // Has the key and the name of the first one, but another serial number.
        let (one, other) = (sign(), sign());
        assert_ne!(one.certificate, other.certificate);
        let result = shake_hands(&one, &other.certificate, "localhost", NOW, &TLS13);
        assert!(result.is_err());
    }

    #[test]
    fn server_without_the_key_of_its_certificate_is_refused() {
        let thief = self_signed(&usual(&["localhost"]));
        for stolen in [self_signed(&usual(&["localhost"])), version_1()] {
            let named = stolen.certificate.clone();
            let identity = Identity {
                key: thief.key.clone_key(),
                ..stolen
            };
            for version in [&TLS13, &TLS12] {
                let result = shake_hands(&identity, &named, "localhost", NOW, version);
                assert!(result.is_err());
            }
        }
    }

    #[test]
    fn authority_in_the_file_vouches_for_others() {
        let key = KeyPair::generate().unwrap();
        let authority = usual(&[]).self_signed(&key).unwrap();
        let issuer = Issuer::new(usual(&[]), key);
        let mut params = usual(&["localhost"]);
        params.is_ca = IsCa::NoCa;
        let servers = KeyPair::generate().unwrap();
        let server = Identity {
            certificate: params.signed_by(&servers, &issuer).unwrap().der().clone(),
            key: PrivateKeyDer::try_from(servers.serialize_der()).unwrap(),
        };
        let shake = |host| shake_hands(&server, authority.der(), host, NOW, &TLS13);
        assert_eq!(shake("localhost"), Ok(()));
        assert!(shake("other.example").is_err());
        // The server's certificate itself is in the file, so it needs no authority.
        let result = shake_hands(&server, &server.certificate, "localhost", NOW, &TLS13);
        assert_eq!(result, Ok(()));
    }
}
