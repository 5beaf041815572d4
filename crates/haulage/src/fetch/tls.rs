//! Whom to trust, and how to say so to rustls.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};

use crate::error::{Error, ErrorKind, plain_io};
use crate::options::{HttpVersion, Roots, TlsOptions, Verification};

/// What the versions of HTTP are called in the handshake (ALPN, RFC 9113 §3.1 and RFC 7301 §6).
pub(super) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The TLS settings of a run. Reads files: not for a network thread.
///
/// # Errors
/// Of kind `input`, for a file of certificates that cannot be used.
pub(super) fn client_config(
    options: &TlsOptions,
    http: HttpVersion,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::new(ErrorKind::Tls, "TLS cannot be set up").caused_by(cause))?;
    let builder = match options.verification {
        Verification::Insecure => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        Verification::Full => builder.with_root_certificates(roots(&options.roots)?),
    };
    let mut config = builder.with_no_client_auth();
    let protocols: &[&[u8]] = match http {
        HttpVersion::Negotiated => &[HTTP2, HTTP1],
        HttpVersion::Http1 => &[HTTP1],
        HttpVersion::Http2PriorKnowledge => &[HTTP2],
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Whether a file of roots can be used; the system's are looked at when they are needed.
pub(crate) fn check(options: &TlsOptions) -> Result<(), Error> {
    match &options.roots {
        Roots::System => Ok(()),
        Roots::File(_) => roots(&options.roots).map(drop),
    }
}

fn roots(roots: &Roots) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
        Roots::File(path) => {
            let unusable = |why: &str| {
                let shown = path.display();
                Error::new(
                    ErrorKind::Input,
                    format!("cannot use the certificates in {shown}: {why}"),
                )
            };
            let text = std::fs::read(path)
                .map_err(|cause| unusable(&plain_io(&cause)).caused_by(cause))?;
            let certificates = CertificateDer::pem_slice_iter(&text);
            for certificate in certificates {
                let certificate =
                    certificate.map_err(|cause| unusable(&cause.to_string()).caused_by(cause))?;
                store
                    .add(certificate)
                    .map_err(|cause| unusable(&cause.to_string()).caused_by(cause))?;
            }
            if store.is_empty() {
                return Err(unusable("there is none in it; a PEM file is needed"));
            }
        }
    }
    Ok(store)
}

/// What a failed handshake means. A certificate that does not fit is permanent, and never a reason to go on without.
pub(super) fn failed(host: &str, error: io::Error) -> Error {
    let Some(cause) = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>())
    else {
        return Error::new(
            ErrorKind::Connect,
            format!("{host} broke off the TLS handshake: {error}"),
        )
        .caused_by(error);
    };
    let message = match cause {
        rustls::Error::InvalidCertificate(why) => {
            format!(
                "the certificate of {host} cannot be trusted: {}",
                distrust(why)
            )
        }
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            format!(
                "{host} does not speak the version of HTTP that was asked for; leave out --http1.1 and --http2-prior-knowledge"
            )
        }
        other => format!("no TLS connection with {host}: {other}"),
    };
    Error::new(ErrorKind::Tls, message).caused_by(error)
}

/// Why a certificate is not trusted, and what to do, for people.
fn distrust(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            "nobody whom we trust has signed it; if it is your own authority's, name its file with --cacert".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired; tell whoever runs the server".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name; check the URL".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; check this machine's clock".into()
        }
        other => other.to_string(),
    }
}

/// `--insecure`: any certificate will do. The handshake's signatures are still checked, so that a broken server shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
