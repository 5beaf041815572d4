//! How programs of this machine find the daemon: a file in the folder of its state.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;

/// The name of the file.
const NAME: &str = "daemon.json";

/// Where a daemon can be reached from its own machine, and what must be known for that. A daemon
/// that was killed leaves it behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contact {
    /// Scheme, address and port.
    pub origin: String,
    /// The file with the secret; `None` if it is in none.
    pub secret_file: Option<PathBuf>,
    /// The file with the certificate; `None` without TLS.
    pub certificate: Option<PathBuf>,
}

impl Contact {
    /// Returns the contact of a daemon that listens at this address.
    pub(crate) fn at(
        address: SocketAddr,
        secret_file: Option<&Path>,
        certificate: Option<&Path>,
    ) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let scheme = if certificate.is_some() {
            "https"
        } else {
            "http"
        };
        let address = SocketAddr::new(ip, address.port());
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self {
            origin: format!("{scheme}://{address}"),
            secret_file: secret_file.map(absolute),
            certificate: certificate.map(absolute),
        }
    }

    /// Reads the contact of the daemon with this folder; `None` if none has been started, or if it
    /// has ended.
    ///
    /// # Errors
    /// When the file cannot be read, or is none of a daemon.
    pub fn read(state: &Path) -> io::Result<Option<Self>> {
        match fs::read(state.join(NAME)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the contact into a folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, state: &Path) -> io::Result<()> {
        file::replace(&state.join(NAME), &serde_json::to_vec(self)?)
    }

    /// Removes the contact from a folder.
    pub(crate) fn remove(state: &Path) {
        // One that stays leads to an address at which nobody listens.
        let _ = fs::remove_file(state.join(NAME));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_is_read_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let read = || Contact::read(folder.path()).unwrap();
        assert_eq!(read(), None);
        let address = "0.0.0.0:6800".parse().unwrap();
        let contact = Contact::at(address, Some(Path::new("/s")), None);
        assert_eq!(contact.origin, "http://127.0.0.1:6800");
        contact.write(folder.path()).unwrap();
        assert_eq!(read(), Some(contact));
        let address = "[::]:1".parse().unwrap();
        let contact = Contact::at(address, None, Some(Path::new("/c")));
        assert_eq!(contact.origin, "https://[::1]:1");
        Contact::remove(folder.path());
        assert_eq!(read(), None);
    }
}
