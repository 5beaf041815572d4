//! Whom to trust, what to show for ourselves, and how to say so to rustls.

mod advice;
mod identity;
mod load;
mod named;
mod pem;
mod pinned;
mod roots;

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};

pub(super) use self::advice::{alert_about_identity, failed};
use self::named::NamedCertificates;
use self::pinned::Pinned;
use crate::error::{Error, ErrorKind};
use crate::options::{HttpVersion, PemFile, Roots, TlsOptions, TlsVersion, Verification};

/// What the versions of HTTP are called in the handshake (ALPN, RFC 9113 §3.1 and RFC 7301 §6).
pub(super) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Creates the TLS settings of a run, with the sessions that its connections resume. It reads
/// files, so it must not run on a network thread.
///
/// # Errors
/// Of kind `input`, for a file of certificates or a key that cannot be used.
pub(super) fn client_config(
    options: &TlsOptions,
    http: HttpVersion,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(options)?)
        .map_err(no_setup)?
        .dangerous()
        .with_custom_certificate_verifier(verifier(options, &provider)?);
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let identity = SingleCertAndKey::from(identity::read(identity, &provider)?);
            builder.with_client_cert_resolver(Arc::new(identity))
        }
    };
    let protocols: &[&[u8]] = match http {
        HttpVersion::Negotiated => &[HTTP2, HTTP1],
        HttpVersion::Http1 => &[HTTP1],
        HttpVersion::Http2PriorKnowledge => &[HTTP2],
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Reads the files of certificates and keys into the options, and checks that they can be used. The
/// system's certificates are read when they are needed. Not for a network thread.
///
/// # Errors
/// Of kind `input`, when they cannot, or when no version of TLS is left.
pub(crate) fn read_and_check(options: &mut TlsOptions) -> Result<(), Error> {
    if *options == TlsOptions::default() {
        return Ok(());
    }
    versions(options)?;
    load::load(options)?;
    let reads_roots = matches!(options.roots, Roots::File(_) | Roots::Files(_));
    if reads_roots || options.identity.is_some() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        if reads_roots {
            verifier(options, &provider)?;
        }
        if let Some(identity) = &options.identity {
            identity::read(identity, &provider)?;
        }
    }
    Ok(())
}

/// Returns the versions that are spoken.
fn versions(options: &TlsOptions) -> Result<Vec<&'static SupportedProtocolVersion>, Error> {
    let is_allowed = |version: TlsVersion| {
        options.min_version.is_none_or(|least| version >= least)
            && options.max_version.is_none_or(|most| version <= most)
    };
    let all = [(TlsVersion::Tls13, &TLS13), (TlsVersion::Tls12, &TLS12)];
    let allowed = all.into_iter().filter(|(version, _)| is_allowed(*version));
    let allowed: Vec<_> = allowed.map(|(_, version)| version).collect();
    if allowed.is_empty() {
        let what = "no version of TLS is both old and new enough; leave out one of the limits";
        return Err(Error::new(ErrorKind::Input, what));
    }
    Ok(allowed)
}

/// Returns what decides whether a server is the one in the URL.
fn verifier(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let verifier: Arc<dyn ServerCertVerifier> = match (options.verification, &options.roots) {
        (Verification::Insecure, _) => Arc::new(Anybody(Arc::clone(provider))),
        (Verification::Full, Roots::System) => {
            let roots = Arc::new(roots::of_system());
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
                .build()
                .map_err(no_setup)?
        }
        (Verification::Full, Roots::File(file)) => named_in(std::slice::from_ref(file), provider)?,
        (Verification::Full, Roots::Files(files) | Roots::SystemFiles(files)) => {
            named_in(files, provider)?
        }
    };
    if options.pinned_keys.is_empty() {
        return Ok(verifier);
    }
    Ok(Arc::new(Pinned {
        keys: options.pinned_keys.clone(),
        others: verifier,
    }))
}

/// Returns what trusts the certificates in these files and folders.
fn named_in(
    files: &[PemFile],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<NamedCertificates>, Error> {
    let certificates = roots::in_files(files)?;
    match NamedCertificates::new(&certificates, provider) {
        Ok(named) => Ok(Arc::new(named)),
        Err(cause) => {
            let path = files.first().map_or(Path::new(""), PemFile::path);
            Err(roots::cannot_use(path, &cause.to_string()).caused_by(cause))
        }
    }
}

fn no_setup(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Tls, "TLS cannot be set up").caused_by(cause)
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
