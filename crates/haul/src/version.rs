//! `haul --version --verbose`: the version, and how the program was built.

use std::ffi::OsString;
use std::fmt::Write as _;

use crate::exit::{Exit, Problem};
use crate::printed;

/// How a program was built.
#[derive(Debug, Clone, Copy)]
struct Build<'a> {
    version: &'a str,
    /// With its date; `None` where it is not known, and in builds for tests.
    commit: Option<&'a str>,
    target: Option<&'a str>,
    features: &'a [(&'a str, bool)],
    /// Versions of the library for TLS, and of its cryptography.
    tls: [Option<&'a str>; 2],
}

/// How this program was built; `build.rs` sets the variables.
const THIS: Build<'static> = Build {
    version: env!("CARGO_PKG_VERSION"),
    commit: option_env!("BUILD_COMMIT"),
    target: option_env!("BUILD_TARGET"),
    features: &[
        ("parquet", cfg!(feature = "parquet")),
        ("program", cfg!(feature = "program")),
        ("report", cfg!(feature = "report")),
    ],
    tls: [option_env!("BUILD_RUSTLS"), option_env!("BUILD_RING")],
};

/// Returns whether the words of a command line ask for the version and more, and for nothing else.
pub(crate) fn is_wanted(words: &[OsString]) -> bool {
    let (mut version, mut verbose) = (false, false);
    for word in words.iter().skip(1) {
        match word.to_str() {
            Some("-V" | "--version") => version = true,
            Some("-v" | "--verbose") => verbose = true,
            Some("-Vv" | "-vV") => (version, verbose) = (true, true),
            _ => return false,
        }
    }
    version && verbose
}

/// Prints it to standard output.
///
/// # Errors
/// If it cannot be printed.
pub(crate) fn print() -> Result<Exit, Problem> {
    printed::print(text(&THIS).as_bytes())
}

/// Returns one line for the version, as `haul --version` prints it, then a line for each fact that
/// is known.
fn text(build: &Build<'_>) -> String {
    let mut text = format!("haul {}\n", build.version);
    let mut line = |name: &str, value: &str| {
        // Writing to memory does not fail.
        let _ = writeln!(text, "{name}: {value}");
    };
    if let Some(commit) = build.commit {
        line("commit", commit);
    }
    if let Some(target) = build.target {
        line("target", target);
    }
    let features = build.features.iter().filter(|(_, is_there)| *is_there);
    let features: Vec<&str> = features.map(|(name, _)| *name).collect();
    line("features", &features.join(", "));
    line("http", "1.1, 2");
    let named = |name: &str, version: Option<&str>| match version {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    };
    let [rustls, ring] = build.tls;
    let tls = [named("rustls", rustls), named("ring", ring)];
    line("tls", &tls.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_options_are_needed_and_no_other() {
        let wanted = |line: &str| {
            let words: Vec<_> = line.split(' ').map(OsString::from).collect();
            is_wanted(&words)
        };
        for line in [
            "haul --version --verbose",
            "haul -v -V",
            "haul -Vv",
            "haul -vV -v",
        ] {
            assert!(wanted(line), "{line}");
        }
        for line in [
            "haul",
            "haul -V",
            "haul --verbose",
            "haul -vV http://a/",
            "haul demo -vV",
        ] {
            assert!(!wanted(line), "{line}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut build = Build {
            version: "1.2.3",
            commit: Some("1a2b3c4d5e6f (2026-01-31)"),
            target: Some("x86_64-unknown-linux-musl"),
            features: &[("parquet", false), ("program", true), ("report", true)],
            tls: [Some("0.23.1"), Some("0.17.14")],
        };
        assert_eq!(
            text(&build),
            "haul 1.2.3\ncommit: 1a2b3c4d5e6f (2026-01-31)\n\
             target: x86_64-unknown-linux-musl\nfeatures: program, report\n\
             http: 1.1, 2\ntls: rustls 0.23.1, ring 0.17.14\n"
        );
        (build.commit, build.target, build.tls) = (None, None, [None, None]);
        assert_eq!(
            text(&build),
            "haul 1.2.3\nfeatures: program, report\nhttp: 1.1, 2\ntls: rustls, ring\n"
        );
    }
}
