//! Certificates that may vouch for servers, read from files, folders, or where the system has them.

use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};

use super::pem::content;
use crate::error::{Error, ErrorKind, plain_io};
use crate::options::PemFile;
use crate::sys::certificates;

/// Returns the system's certificates; those built in where it has none.
pub(super) fn of_system() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates::trusted());
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store
}

/// Returns the certificates in PEM files, and in the files of folders.
///
/// # Errors
/// Of kind `input`, for a file or folder that cannot be read, or has none.
pub(super) fn in_files(files: &[PemFile]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut all = Vec::new();
    for file in files {
        all.extend(if file.content().is_none() && file.path().is_dir() {
            in_folder(file.path())?
        } else {
            in_file(file)?
        });
    }
    // A folder has links to its files.
    all.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
    all.dedup();
    Ok(all)
}

/// Returns the certificates in a PEM file, in order.
///
/// # Errors
/// As [`in_files`].
pub(super) fn in_file(file: &PemFile) -> Result<Vec<CertificateDer<'static>>, Error> {
    let path = file.path();
    let text = content(file).map_err(|cause| {
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

/// Returns the certificates in the files of a folder. What is none is passed over: such folders
/// have other files too.
fn in_folder(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let entries = fs::read_dir(path).map_err(|cause| {
        let why = plain_io(&cause);
        cannot_use(path, &why).caused_by(cause)
    })?;
    let files = entries.flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.is_file());
    let found: Vec<_> = files
        .filter_map(|path| in_file(&path.into()).ok())
        .flatten()
        .collect();
    if found.is_empty() {
        let why = "there is none in any of its files; PEM files are needed";
        return Err(cannot_use(path, why));
    }
    Ok(found)
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

pub(super) fn cannot_use(path: &Path, why: &str) -> Error {
    let shown = path.display();
    Error::new(
        ErrorKind::Input,
        format!("cannot use the certificates in {shown}: {why}"),
    )
}
