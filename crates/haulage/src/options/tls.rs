//! What TLS connections are made with, beside whom to trust: a certificate of the client's own,
//! pinned keys, versions.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::error::{Error, ErrorKind};

/// A PEM file. It is read when a run starts; its content may also be given, if it has been read
/// already. `Debug` shows the path alone.
///
/// ```
/// use haulage::{PemFile, Roots, RunOptions};
///
/// let mut options = RunOptions::new("downloads");
/// options.route.tls.roots = Roots::File("ca.pem".into());
/// let content = *b"-----BEGIN CERTIFICATE-----";
/// options.route.tls.roots = Roots::File(PemFile::with_content("ca.pem", content));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PemFile {
    path: PathBuf,
    content: Option<Arc<[u8]>>,
}

impl PemFile {
    /// Returns the file at a path, which is still to be read.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            content: None,
        }
    }

    /// Returns a file with this content. Messages call it by its path.
    #[must_use]
    pub fn with_content(path: impl Into<PathBuf>, content: impl Into<Arc<[u8]>>) -> Self {
        Self {
            path: path.into(),
            content: Some(content.into()),
        }
    }

    /// Returns the path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the content; `None` if the file is still to be read.
    pub(crate) fn content(&self) -> Option<&Arc<[u8]>> {
        self.content.as_ref()
    }
}

impl fmt::Debug for PemFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("PemFile").field(&self.path).finish()
    }
}

impl From<PathBuf> for PemFile {
    fn from(path: PathBuf) -> Self {
        Self::new(path)
    }
}

impl From<&Path> for PemFile {
    fn from(path: &Path) -> Self {
        Self::new(path)
    }
}

impl From<&str> for PemFile {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

/// A certificate by which servers that ask for one know their client, and its private key. Both are
/// in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The certificate, followed by those of the authorities between it and the one that the server
    /// trusts.
    pub certificate: PemFile,
    /// The private key: PKCS#8, PKCS#1 or SEC1, not encrypted. `None` if it is in the file of the
    /// certificate.
    pub key: Option<PemFile>,
}

impl Identity {
    /// Returns the identity in these files.
    #[must_use]
    pub fn new(certificate: impl Into<PemFile>, key: Option<PemFile>) -> Self {
        Self {
            certificate: certificate.into(),
            key,
        }
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The hashes of the public keys that servers may have. A server with another key is refused, even
/// if its certificate is valid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PinnedKeys(BTreeSet<[u8; 32]>);

impl PinnedKeys {
    /// Reads hashes as curl takes them: `sha256//BASE64`, several of them separated by semicolons.
    /// Each is the SHA-256 of a DER-encoded `SubjectPublicKeyInfo` (RFC 7469 §2.4).
    ///
    /// # Errors
    /// Of kind `input`, for what is not such a hash.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let hashes = text
            .split(';')
            .map(str::trim)
            .filter(|hash| !hash.is_empty());
        let hashes: Option<BTreeSet<_>> = hashes.map(hash).collect();
        match hashes {
            Some(hashes) if !hashes.is_empty() => Ok(Self(hashes)),
            _ => Err(Error::new(
                ErrorKind::Input,
                format!(
                    "{text:?} is not sha256// and the SHA-256 of a public key in Base64 (44 characters)"
                ),
            )),
        }
    }

    /// Returns the hash of the public key in a file: that of a public key or of a certificate, in
    /// PEM or DER.
    ///
    /// # Errors
    /// Of kind `input`, when there is no public key in it.
    pub fn of_file(bytes: &[u8]) -> Result<Self, Error> {
        let key = key_in(bytes).ok_or_else(|| {
            Error::new(
                ErrorKind::Input,
                "there is no public key in it, and no certificate; a PEM or DER file is needed",
            )
        })?;
        Ok(Self(BTreeSet::from([Sha256::digest(key).into()])))
    }

    /// Returns whether no key is pinned: then each may be used.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a public key, as a DER-encoded `SubjectPublicKeyInfo`, is one of them.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.0.contains(&<[u8; 32]>::from(Sha256::digest(key)))
    }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let hash = BASE64_STANDARD
        .decode(text.strip_prefix("sha256//")?)
        .ok()?;
    hash.try_into().ok()
}

/// Returns the `SubjectPublicKeyInfo` in a file.
fn key_in(bytes: &[u8]) -> Option<Vec<u8>> {
    if let Ok(key) = SubjectPublicKeyInfoDer::from_pem_slice(bytes) {
        return Some(key.to_vec());
    }
    let der = CertificateDer::from_pem_slice(bytes);
    let bytes = der.as_ref().map_or(bytes, |der| der);
    if let Ok((rest, key)) = SubjectPublicKeyInfo::from_der(bytes)
        && rest.is_empty()
    {
        return Some(key.raw.to_vec());
    }
    let (_, certificate) = X509Certificate::from_der(bytes).ok()?;
    Some(certificate.public_key().raw.to_vec())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};

    use super::*;

    #[test]
    fn content_of_a_file_is_not_shown() {
        let file = PemFile::with_content("key.pem", *b"secret");
        assert_eq!(format!("{file:?}"), "PemFile(\"key.pem\")");
        assert_ne!(file, PemFile::new("key.pem"));
    }

    #[test]
    fn hashes_are_read_as_curl_takes_them() {
        let one = format!("sha256//{}", BASE64_STANDARD.encode([1; 32]));
        let two = format!("sha256//{}", BASE64_STANDARD.encode([2; 32]));
        let both = PinnedKeys::parse(&format!("{one}; {two};")).unwrap();
        assert_eq!(both.0.len(), 2);
        assert_ne!(both, PinnedKeys::parse(&one).unwrap());
        for text in [
            "",
            ";",
            "sha256//",
            "sha256//AAAA",
            &one[8..],
            "md5//AAAA",
            &format!("{one};x"),
        ] {
            let error = PinnedKeys::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{text}");
        }
    }

    #[test]
    fn key_of_a_file_is_found_in_each_format() {
        let key = KeyPair::generate().unwrap();
        let der = key.subject_public_key_info();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        let files = [
            der.clone(),
            key.public_key_pem().into_bytes(),
            certificate.der().to_vec(),
            certificate.pem().into_bytes(),
        ];
        for (at, file) in files.iter().enumerate() {
            let pinned = PinnedKeys::of_file(file).unwrap();
            assert!(pinned.contains(&der) && !pinned.contains(b"other"), "{at}");
        }
        for file in [&b""[..], b"text", key.serialize_pem().as_bytes()] {
            assert!(PinnedKeys::of_file(file).is_err());
        }
    }
}
