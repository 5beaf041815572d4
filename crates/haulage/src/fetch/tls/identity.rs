//! The certificate by which servers know us, and its private key: read, and checked against each
//! other.

use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::sign::CertifiedKey;

use super::{pem, roots};
use crate::error::{Error, ErrorKind, plain_io};
use crate::options::Identity;

/// Reads a certificate and its key. Not for a network thread.
///
/// # Errors
/// Of kind `input`, when one of them cannot be used, or they do not belong together.
pub(super) fn read(identity: &Identity, provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
    let file = identity.key.as_ref().unwrap_or(&identity.certificate);
    let (path, text) = (file.path(), pem::content(file));
    // First, since what OpenSSL used to write is no PEM file to others.
    if text.as_ref().is_ok_and(|text| is_encrypted(text)) {
        let shown = path.display();
        let why = format!(
            "it is encrypted, and haul does not ask for passphrases; write it without one: \
             openssl pkey -in {shown} -out new.key, and keep that to yourself (chmod 600)"
        );
        return Err(cannot_use(path, &why));
    }
    let chain = roots::in_file(&identity.certificate)?;
    let text = text.map_err(|cause| {
        let why = plain_io(&cause);
        cannot_use(path, &why).caused_by(cause)
    })?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|cause| {
        let why = match (&cause, &identity.key) {
            (PemError::NoItemsFound, None) => {
                "there is none in the file of the certificate; name its file with --key"
            }
            (PemError::NoItemsFound, Some(_)) => {
                "there is none in it; a PEM file is needed (openssl pkey converts other files)"
            }
            _ => "it is not a valid PEM file; copy it again",
        };
        cannot_use(path, why).caused_by(cause)
    })?;
    CertifiedKey::from_der(chain, key, provider).map_err(|cause| match cause {
        rustls::Error::InconsistentKeys(_) => Error::new(
            ErrorKind::Input,
            format!(
                "the private key in {} is not that of the first certificate in {}; name the files that belong together",
                path.display(),
                identity.certificate.path().display()
            ),
        )
        .caused_by(cause),
        rustls::Error::InvalidCertificate(_) => {
            roots::cannot_use(identity.certificate.path(), "the first one cannot be read").caused_by(cause)
        }
        _ => cannot_use(
            path,
            "it is of no kind that haul can use (RSA of 2048 to 4096 bits, ECDSA P-256 or P-384, Ed25519)",
        )
        .caused_by(cause),
    })
}

/// Returns whether a private key is encrypted, as PKCS#8 or as OpenSSL does it (RFC 1421).
fn is_encrypted(text: &[u8]) -> bool {
    let has = |what: &[u8]| text.windows(what.len()).any(|part| part == what);
    has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED")
}

pub(super) fn cannot_use(path: &Path, why: &str) -> Error {
    let shown = path.display();
    Error::new(
        ErrorKind::Input,
        format!("cannot use the private key in {shown}: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Returns the path of a test file, which contains a certificate and its key. The keys were
    /// made by `openssl genrsa -traditional`, `ecparam` and `genpkey`, the certificates by
    /// `req -x509`.
    fn file(name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fetch/tls/testdata");
        folder.join(format!("{name}.pem"))
    }

    fn try_read(certificate: &str, key: Option<&str>) -> Result<CertifiedKey, String> {
        let identity = Identity::new(file(certificate), key.map(|key| file(key).into()));
        let provider = rustls::crypto::ring::default_provider();
        read(&identity, &provider).map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Input);
            error.to_string()
        })
    }

    #[test]
    fn keys_of_each_format_are_read() {
        // PKCS#1, SEC1 and PKCS#8.
        for name in ["rsa", "ec", "ed25519"] {
            let key = try_read(name, None).unwrap();
            assert_eq!(key.keys_match(), Ok(()), "{name}");
            assert!(try_read(name, Some(name)).is_ok(), "{name}");
        }
    }

    #[test]
    fn key_that_cannot_be_used_says_why() {
        for (certificate, key, says) in [
            ("rsa", Some("ec"), "is not that of the first certificate"),
            ("encrypted", None, "openssl pkey -in"),
            ("encrypted-rfc1421", None, "it is encrypted"),
            ("none", None, "cannot use the certificates in"),
            ("rsa", Some("none"), "cannot use the private key in"),
        ] {
            let message = try_read(certificate, key).unwrap_err();
            assert!(message.contains(says), "{message}");
            assert!(!message.ends_with('.'), "{message}");
        }
    }
}
