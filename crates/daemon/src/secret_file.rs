//! The file with the secret. Only its owner can read it.

use std::fs;
use std::io;
use std::path::Path;

use crate::file;

/// Returns the secret in a file, without the white space around it. If there is no file, one with a
/// new secret is made.
///
/// # Errors
/// When the file cannot be read or made, is empty, or can be read by others.
pub(crate) fn read_or_make(path: &Path) -> io::Result<String> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = generate()?;
            file::replace(path, format!("{secret}\n").as_bytes())?;
            Ok(secret)
        }
        read => read,
    }
}

/// Returns the secret in a file.
///
/// # Errors
/// When the file cannot be read, is empty, or can be read by others.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt as _;
    let text = fs::read_to_string(path)?;
    if fs::metadata(path)?.mode() & 0o077 != 0 {
        return Err(io::Error::other(
            "others than its owner may read it; chmod 600 changes that",
        ));
    }
    let secret = text.trim();
    if secret.is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    Ok(secret.to_owned())
}

/// Returns 128 random bits, as hex digits.
fn generate() -> io::Result<String> {
    use rustls::crypto::ring;
    let mut bytes = [0; 16];
    let random = ring::default_provider().secure_random;
    random
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("there are no random numbers"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secret_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let secret = read_or_make(&path).unwrap();
        assert_eq!((secret.len(), read_or_make(&path).unwrap()), (32, secret));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_or_make(&path).is_err());
    }
}
