//! Where the system has the certificates that it trusts.

#[cfg(all(target_os = "linux", not(portable)))]
pub(crate) use self::linux::trusted;
#[cfg(not(all(target_os = "linux", not(portable))))]
pub(crate) use self::portable::trusted;

#[cfg(all(target_os = "linux", not(portable)))]
mod linux {
    use std::path::Path;

    use rustls::pki_types::CertificateDer;

    /// Where systems have all certificates in one file: the first one there is counts. What the
    /// environment says (`SSL_CERT_FILE`) is for the caller to read.
    const BUNDLES: [&str; 6] = [
        // Debian, Ubuntu, Arch, Gentoo
        "/etc/ssl/certs/ca-certificates.crt",
        // Fedora, RHEL
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        // RHEL 6
        "/etc/pki/tls/certs/ca-bundle.crt",
        // openSUSE
        "/etc/ssl/ca-bundle.pem",
        // Alpine
        "/etc/ssl/cert.pem",
        // OpenELEC
        "/etc/pki/tls/cacert.pem",
    ];
    /// Where they have folders of certificates: all of them count.
    const FOLDERS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

    /// Returns the certificates that the system trusts; none where it has none.
    pub(crate) fn trusted() -> Vec<CertificateDer<'static>> {
        let bundle = BUNDLES.iter().map(Path::new).find(|path| path.exists());
        let mut found = rustls_native_certs::load_certs_from_paths(bundle, None).certs;
        for folder in FOLDERS
            .map(Path::new)
            .iter()
            .filter(|folder| folder.is_dir())
        {
            let of_folder = rustls_native_certs::load_certs_from_paths(None, Some(folder));
            found.extend(of_folder.certs);
        }
        found.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
        found.dedup();
        found
    }
}

#[cfg(not(all(target_os = "linux", not(portable))))]
mod portable {
    use rustls::pki_types::CertificateDer;

    /// Returns the certificates that the system trusts: on macOS, those of its keychains.
    pub(crate) fn trusted() -> Vec<CertificateDer<'static>> {
        rustls_native_certs::load_native_certs().certs
    }
}
