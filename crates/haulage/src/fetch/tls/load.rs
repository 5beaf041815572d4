//! Reads the PEM files that options name, each once, when a run starts: one may be a pipe, and what
//! was checked is what is used.

use std::io;

use super::pem::content;
use super::{identity, roots};
use crate::error::{Error, plain_io};
use crate::options::{PemFile, Roots, TlsOptions, Verification};

/// Reads the files into the options, but for those of folders, and for those of the system, which
/// are read when they are needed. Not for a network thread.
///
/// # Errors
/// Of kind `input`, for a file that cannot be read, or is too large.
pub(super) fn load(options: &mut TlsOptions) -> Result<(), Error> {
    let named: &mut [PemFile] = match &mut options.roots {
        _ if options.verification == Verification::Insecure => &mut [],
        Roots::File(file) => std::slice::from_mut(file),
        Roots::Files(files) => files,
        Roots::System | Roots::SystemFiles(_) => &mut [],
    };
    for file in named {
        if !file.path().is_dir() {
            load_one(file).map_err(|cause| no_certificates(file, cause))?;
        }
    }
    if let Some(own) = &mut options.identity {
        let certificate = &mut own.certificate;
        load_one(certificate).map_err(|cause| no_certificates(certificate, cause))?;
        if let Some(key) = &mut own.key {
            load_one(key).map_err(|cause| {
                identity::cannot_use(key.path(), &plain_io(&cause)).caused_by(cause)
            })?;
        }
    }
    Ok(())
}

fn load_one(file: &mut PemFile) -> io::Result<()> {
    *file = PemFile::with_content(file.path(), content(file)?);
    Ok(())
}

fn no_certificates(file: &PemFile, cause: io::Error) -> Error {
    roots::cannot_use(file.path(), &plain_io(&cause)).caused_by(cause)
}
