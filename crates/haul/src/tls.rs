//! TLS as the command line and the environment want it: whom to trust, what to show, which
//! versions.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use haulage::{
    Identity, PemFile, PinnedKeys, Proxies, Proxy, Roots, Route, TlsOptions, TlsVersion,
    Verification,
};

use crate::args::{Download, TlsMax};
use crate::exit::Problem;
use crate::option_file::{self, MAX_LARGE, MAX_SMALL};

/// Returns the settings that were asked for.
pub(crate) fn options(download: &Download) -> Result<TlsOptions, Problem> {
    let mut options = TlsOptions::default();
    options.roots = roots(download, |name| env::var_os(name))?;
    options.verification = if download.insecure {
        Verification::Insecure
    } else {
        Verification::Full
    };
    if let Some(text) = &download.pinned_keys {
        options.pinned_keys = pinned_keys(text)?;
    }
    let key = download.key.clone().map(PemFile::new);
    let cert = download.cert.clone();
    options.identity = cert.map(|cert| Identity::new(cert, key));
    options.min_version = download.tls13.then_some(TlsVersion::Tls13);
    options.max_version = download.tls_max.map(|version| match version {
        TlsMax::Tls12 => TlsVersion::Tls12,
        TlsMax::Tls13 => TlsVersion::Tls13,
    });
    Ok(options)
}

/// Returns what to trust: what the options name, else what the environment does, else the system.
fn roots(
    download: &Download,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Roots, Problem> {
    match (&download.cacert, &download.capath) {
        (Some(file), None) => return Ok(Roots::File(file.clone().into())),
        (None, None) => {}
        (file, folder) => {
            let paths = file.iter().chain(folder).cloned();
            return Ok(Roots::Files(paths.map(PemFile::new).collect()));
        }
    }
    if download.insecure {
        return Ok(Roots::System);
    }
    system_roots(variable, "--cacert")
}

/// Returns the settings for connections to proxies.
pub(crate) fn proxy_options(download: &Download, proxies: &Proxies) -> Result<TlsOptions, Problem> {
    let mut options = TlsOptions::default();
    if let Some(file) = &download.proxy_cacert {
        options.roots = Roots::File(file.clone().into());
    } else if proxies.iter().any(Proxy::is_encrypted) {
        options.roots = system_roots(|name| env::var_os(name), "--proxy-cacert")?;
    }
    Ok(options)
}

/// Returns what the environment names, else the system's certificates.
///
/// # Errors
/// When it names nothing that exists; the message says that the option `instead` may name others.
fn system_roots(
    variable: impl Fn(&str) -> Option<OsString>,
    instead: &str,
) -> Result<Roots, Problem> {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    let mut paths: Vec<PathBuf> = variable("SSL_CERT_FILE")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        return Err(missing_in("SSL_CERT_FILE", missing, instead));
    }
    if let Some(folders) = variable("SSL_CERT_DIR") {
        // As with OpenSSL, some of them need not exist.
        let there = env::split_paths(&folders).filter(|folder| folder.is_dir());
        paths.extend(there);
        if paths.is_empty() {
            return Err(missing_in("SSL_CERT_DIR", Path::new(&folders), instead));
        }
    }
    Ok(if paths.is_empty() {
        Roots::System
    } else {
        Roots::SystemFiles(paths.into_iter().map(PemFile::new).collect())
    })
}

fn missing_in(variable: &str, path: &Path, instead: &str) -> Problem {
    Problem::usage(format!(
        "{variable} is {}, which does not exist",
        path.display()
    ))
    .hint(format!(
        "unset {variable} to use the system's certificates, or name others with {instead} FILE"
    ))
}

/// Reads hashes, or the key in a file.
fn pinned_keys(text: &str) -> Result<PinnedKeys, Problem> {
    const OPTION: &str = "--pinnedpubkey";
    if text.starts_with("sha256//") {
        return PinnedKeys::parse(text).map_err(|why| Problem::from(why).in_context(OPTION));
    }
    let bytes = option_file::read(OPTION, Path::new(text), MAX_SMALL)?;
    PinnedKeys::of_file(&bytes).map_err(|why| Problem::usage(format!("{OPTION}: {text}: {why}")))
}

/// Reads the files of certificates and keys that a route names into it.
///
/// # Errors
/// When one cannot be read, or is too large.
pub(crate) fn read_files(route: &mut Route, download: &Download) -> Result<(), Problem> {
    let (tls, folder) = (&mut route.tls, download.capath.as_deref());
    // A pipe that SSL_CERT_FILE names can be read only once.
    let are_alike = tls.roots == route.proxy_tls.roots;
    if tls.verification == Verification::Full {
        read_roots(&mut tls.roots, "--cacert", folder)?;
    }
    if are_alike && tls.verification == Verification::Full {
        route.proxy_tls.roots = tls.roots.clone();
    } else {
        read_roots(&mut route.proxy_tls.roots, "--proxy-cacert", None)?;
    }
    if let Some(identity) = &mut tls.identity {
        read_file(&mut identity.certificate, "--cert")?;
        if let Some(key) = &mut identity.key {
            read_file(key, "--key")?;
        }
    }
    Ok(())
}

/// Reads the certificates that `option` names; `folder` is what `--capath` does.
fn read_roots(roots: &mut Roots, option: &str, folder: Option<&Path>) -> Result<(), Problem> {
    match roots {
        Roots::File(file) => read_file(file, option),
        Roots::Files(files) => files.iter_mut().try_for_each(|file| {
            let is_folder = folder == Some(file.path());
            read_file(file, if is_folder { "--capath" } else { option })
        }),
        // Those of the system are many, and read only when they are needed. A pipe is none of them.
        Roots::SystemFiles(files) => {
            let mut pipes = files.iter_mut().filter(|file| !file.path().is_file());
            pipes.try_for_each(|file| read_file(file, "SSL_CERT_FILE"))
        }
        _ => Ok(()),
    }
}

fn read_file(file: &mut PemFile, option: &str) -> Result<(), Problem> {
    // The files of a folder are for the library to find.
    if !file.path().is_dir() {
        let content = option_file::read(option, file.path(), MAX_LARGE)?;
        *file = PemFile::with_content(file.path(), content);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line;

    fn download(line: &str) -> Download {
        let words = ["haul", "http://a/"]
            .into_iter()
            .chain(line.split_whitespace());
        command_line::parse(words.map(OsString::from))
            .unwrap()
            .download
    }

    #[test]
    fn options_count_before_the_environment() {
        let (file, folder) = (env!("CARGO_MANIFEST_DIR"), "/");
        let both = |name: &str| match name {
            "SSL_CERT_FILE" => Some(OsString::from(file)),
            "SSL_CERT_DIR" => Some(OsString::from("/none:/")),
            _ => None,
        };
        let given = |line: &str| roots(&download(line), both).unwrap();
        assert_eq!(given("--cacert a.pem"), Roots::File("a.pem".into()));
        assert_eq!(given("--capath b"), Roots::Files(vec!["b".into()]));
        let files = vec!["a".into(), "b".into()];
        assert_eq!(given("--capath b --cacert a"), Roots::Files(files));
        let files = vec![file.into(), folder.into()];
        assert_eq!(given(""), Roots::SystemFiles(files));
        assert_eq!(given("-k"), Roots::System);
        let none = roots(&download(""), |_| Some(OsString::new())).unwrap();
        assert_eq!(none, Roots::System);
    }

    #[test]
    fn variable_that_leads_nowhere_is_named() {
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            let one = |asked: &str| (asked == name).then(|| OsString::from("/none/at/all"));
            let problem = roots(&download(""), one).unwrap_err();
            let message = format!("{name} is /none/at/all, which does not exist");
            assert_eq!(problem.message, message);
            assert!(problem.hint.unwrap().contains("--cacert FILE"));
        }
    }

    #[test]
    fn every_setting_arrives() {
        let hash = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let line =
            format!("--cert c.pem --key k.pem --tlsv1.3 --tls-max 1.3 --pinnedpubkey {hash}");
        let tls = options(&download(&line)).unwrap();
        assert_eq!(
            tls.identity,
            Some(Identity::new("c.pem", Some("k.pem".into())))
        );
        assert_eq!(tls.min_version, Some(TlsVersion::Tls13));
        assert_eq!(tls.max_version, Some(TlsVersion::Tls13));
        assert_eq!(tls.pinned_keys, PinnedKeys::parse(hash).unwrap());
        let tls = options(&download("-E c.pem --tls-max 1.2")).unwrap();
        assert_eq!(tls.identity, Some(Identity::new("c.pem", None)));
        assert_eq!(tls.max_version, Some(TlsVersion::Tls12));
        let plain = options(&download("--cacert x")).unwrap();
        assert_eq!((plain.identity, plain.min_version), (None, None));
        for wrong in ["sha256//AAAA", "/none/at/all", "Cargo.toml"] {
            let problem = options(&download(&format!("--pinnedpubkey {wrong}"))).unwrap_err();
            assert!(problem.message.starts_with("--pinnedpubkey: "), "{problem}");
        }
    }
}
