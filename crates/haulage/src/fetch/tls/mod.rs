//! Whom to trust, and how to say so to rustls.

mod advice;
mod named;

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

pub(super) use self::advice::failed;
use self::named::NamedCertificates;
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
        Verification::Full => match &options.roots {
            Roots::System => builder.with_root_certificates(system_roots()),
            Roots::File(path) => {
                let trusted = NamedCertificates::new(&certificates_in(path)?, &provider);
                let trusted = trusted
                    .map_err(|cause| cannot_use(path, &cause.to_string()).caused_by(cause))?;
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(trusted))
            }
        },
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

/// Checks that a file of certificates can be used. The system's are read when they are needed.
///
/// # Errors
/// Of kind `input`, when it cannot.
pub(crate) fn check(options: &TlsOptions) -> Result<(), Error> {
    match &options.roots {
        Roots::System => Ok(()),
        Roots::File(_) => client_config(options, HttpVersion::Negotiated).map(drop),
    }
}

fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = std::fs::read(path).map_err(|cause| {
        let why = plain_io(&cause);
        cannot_use(path, &why).caused_by(cause)
    })?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|cause| cannot_use(path, why_no_pem(&cause)).caused_by(cause))?;
    if certificates.is_empty() {
        return Err(cannot_use(
            path,
            "there is none in it; a PEM file is needed",
        ));
    }
    Ok(certificates)
}

/// Returns why a file of certificates cannot be read.
fn why_no_pem(cause: &pem::Error) -> &'static str {
    match cause {
        pem::Error::MissingSectionEnd { .. } => {
            "it ends within a certificate; copy the whole file again"
        }
        _ => "it is not a valid PEM file; copy it again, or convert it with openssl x509",
    }
}

fn cannot_use(path: &Path, why: &str) -> Error {
    let shown = path.display();
    Error::new(
        ErrorKind::Input,
        format!("cannot use the certificates in {shown}: {why}"),
    )
}

/// `--insecure`: any certificate will do. The handshake's signatures are still checked, so that a
/// broken server shows.
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
