//! The options that aria2 1.36 knows, except for those of its own process.

use haulage::{RunOptions, Verification};

use self::Scope::{Download, Fixed, Global};

/// Where an option may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// For one download, or for all.
    Download,
    /// For all downloads together.
    Global,
    /// Nowhere while the daemon runs.
    Fixed,
}

/// Name, scope and default of each, sorted by name; an empty default is none. What haul follows has
/// the default that haul has.
pub(crate) const TABLE: &[(&str, Scope, &str)] = &[
    ("all-proxy", Download, ""),
    ("all-proxy-passwd", Download, ""),
    ("all-proxy-user", Download, ""),
    ("allow-overwrite", Download, "false"),
    ("allow-piece-length-change", Download, "false"),
    ("always-resume", Download, "true"),
    ("async-dns", Download, "true"),
    ("auto-file-renaming", Download, "true"),
    ("auto-save-interval", Fixed, "60"),
    ("bt-detach-seed-only", Fixed, "false"),
    ("bt-enable-hook-after-hash-check", Download, "true"),
    ("bt-enable-lpd", Download, "false"),
    ("bt-exclude-tracker", Download, ""),
    ("bt-external-ip", Download, ""),
    ("bt-force-encryption", Download, "false"),
    ("bt-hash-check-seed", Download, "true"),
    ("bt-load-saved-metadata", Download, "false"),
    ("bt-max-open-files", Global, "100"),
    ("bt-max-peers", Download, "55"),
    ("bt-metadata-only", Download, "false"),
    ("bt-min-crypto-level", Download, "plain"),
    ("bt-prioritize-piece", Download, ""),
    ("bt-remove-unselected-file", Download, "false"),
    ("bt-request-peer-speed-limit", Download, "51200"),
    ("bt-require-crypto", Download, "false"),
    ("bt-save-metadata", Download, "false"),
    ("bt-seed-unverified", Download, "false"),
    ("bt-stop-timeout", Download, "0"),
    ("bt-tracker", Download, ""),
    ("bt-tracker-connect-timeout", Download, "60"),
    ("bt-tracker-interval", Download, "0"),
    ("bt-tracker-timeout", Download, "60"),
    ("check-certificate", Download, "true"),
    ("check-integrity", Download, "false"),
    ("checksum", Download, ""),
    ("conditional-get", Download, "false"),
    ("connect-timeout", Download, "10"),
    ("console-log-level", Fixed, "notice"),
    ("content-disposition-default-utf8", Download, "false"),
    ("continue", Download, "true"),
    ("deferred-input", Fixed, "false"),
    ("dht-listen-port", Fixed, "6881-6999"),
    ("dht-message-timeout", Fixed, "10"),
    ("dir", Download, ""),
    ("disable-ipv6", Fixed, "false"),
    ("disk-cache", Fixed, "16777216"),
    ("download-result", Global, "default"),
    ("dry-run", Download, "false"),
    ("dscp", Fixed, "0"),
    ("enable-color", Fixed, "true"),
    ("enable-dht", Fixed, "false"),
    ("enable-dht6", Fixed, "false"),
    ("enable-http-keep-alive", Download, "true"),
    ("enable-http-pipelining", Download, "false"),
    ("enable-mmap", Download, "false"),
    ("enable-peer-exchange", Download, "true"),
    ("event-poll", Fixed, "epoll"),
    ("file-allocation", Download, "none"),
    ("follow-metalink", Download, "true"),
    ("follow-torrent", Download, "true"),
    ("force-save", Download, "false"),
    ("ftp-passwd", Download, ""),
    ("ftp-pasv", Download, "true"),
    ("ftp-proxy", Download, ""),
    ("ftp-proxy-passwd", Download, ""),
    ("ftp-proxy-user", Download, ""),
    ("ftp-reuse-connection", Download, "true"),
    ("ftp-type", Download, "binary"),
    ("ftp-user", Download, ""),
    ("gid", Download, ""),
    ("hash-check-only", Download, "false"),
    ("header", Download, ""),
    ("http-accept-gzip", Download, "false"),
    ("http-auth-challenge", Download, "false"),
    ("http-no-cache", Download, "false"),
    ("http-passwd", Download, ""),
    ("http-proxy", Download, ""),
    ("http-proxy-passwd", Download, ""),
    ("http-proxy-user", Download, ""),
    ("http-user", Download, ""),
    ("https-proxy", Download, ""),
    ("https-proxy-passwd", Download, ""),
    ("https-proxy-user", Download, ""),
    ("human-readable", Fixed, "true"),
    ("index-out", Download, ""),
    ("keep-unfinished-download-result", Global, "true"),
    ("listen-port", Fixed, "6881-6999"),
    ("load-cookies", Download, ""),
    ("log", Global, ""),
    ("log-level", Global, "notice"),
    ("lowest-speed-limit", Download, "1"),
    ("max-concurrent-downloads", Global, "5"),
    ("max-connection-per-server", Download, "16"),
    ("max-download-limit", Download, "0"),
    ("max-download-result", Global, "1000"),
    ("max-file-not-found", Download, "0"),
    ("max-mmap-limit", Download, "9223372036854775807"),
    ("max-overall-download-limit", Global, "0"),
    ("max-overall-upload-limit", Global, "0"),
    ("max-resume-failure-tries", Download, "0"),
    ("max-tries", Download, "6"),
    ("max-upload-limit", Download, "0"),
    ("metalink-base-uri", Download, ""),
    ("metalink-enable-unique-protocol", Download, "true"),
    ("metalink-language", Download, ""),
    ("metalink-location", Download, ""),
    ("metalink-os", Download, ""),
    ("metalink-preferred-protocol", Download, "none"),
    ("metalink-version", Download, ""),
    ("min-split-size", Download, "16777216"),
    ("min-tls-version", Fixed, "TLSv1.2"),
    ("no-file-allocation-limit", Download, "5242880"),
    ("no-netrc", Download, "false"),
    ("no-proxy", Download, ""),
    ("no-want-digest-header", Download, ""),
    ("optimize-concurrent-downloads", Global, "false"),
    ("out", Download, ""),
    ("parameterized-uri", Download, "false"),
    ("pause", Download, ""),
    ("pause-metadata", Download, "false"),
    ("piece-length", Download, "1048576"),
    ("proxy-method", Download, "get"),
    ("realtime-chunk-checksum", Download, "true"),
    ("referer", Download, ""),
    ("remote-time", Download, "true"),
    ("remove-control-file", Download, "false"),
    ("retry-wait", Download, "1"),
    ("reuse-uri", Download, "true"),
    ("rpc-allow-origin-all", Fixed, "false"),
    ("rpc-listen-all", Fixed, "false"),
    ("rpc-max-request-size", Fixed, "2097152"),
    ("rpc-save-upload-metadata", Download, "true"),
    ("rpc-secure", Fixed, "false"),
    ("save-cookies", Global, ""),
    ("save-not-found", Download, "true"),
    ("save-session", Global, ""),
    ("save-session-interval", Fixed, "0"),
    ("seed-ratio", Download, "1.0"),
    ("seed-time", Download, ""),
    ("select-file", Download, ""),
    ("server-stat-of", Global, ""),
    ("server-stat-timeout", Fixed, "86400"),
    ("show-console-readout", Fixed, "true"),
    ("show-files", Fixed, "false"),
    ("socket-recv-buffer-size", Fixed, "0"),
    ("split", Download, "4"),
    ("ssh-host-key-md", Download, ""),
    ("stderr", Fixed, "false"),
    ("stop", Fixed, "0"),
    ("stream-piece-selector", Download, "default"),
    ("summary-interval", Fixed, "60"),
    ("timeout", Download, "30"),
    ("truncate-console-readout", Fixed, "true"),
    ("uri-selector", Download, "feedback"),
    ("use-head", Download, "false"),
    ("user-agent", Download, ""),
];

/// Returns the defaults of options that depend on how the daemon was started.
pub(crate) fn configured(base: &RunOptions) -> [(&'static str, String); 7] {
    let is_checked = base.route.tls.verification != Verification::Insecure;
    // aria2 counts the first attempt, and has 0 for any number.
    let tries = base.retry.retries.checked_add(1).unwrap_or_default();
    [
        ("check-certificate", is_checked.to_string()),
        (
            "connect-timeout",
            base.connect_timeout.as_secs().to_string(),
        ),
        ("lowest-speed-limit", base.lowest_speed.to_string()),
        ("max-tries", tries.to_string()),
        ("min-split-size", base.min_split_size.to_string()),
        ("split", base.split.to_string()),
        ("timeout", base.timeout.as_secs().to_string()),
    ]
}

/// Returns where the option of this name may be given; `None` if aria2 knows no such option.
pub(crate) fn scope(name: &str) -> Option<Scope> {
    let at = TABLE.binary_search_by(|(known, ..)| (*known).cmp(name));
    at.ok().map(|at| TABLE[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_haul() {
        for (name, default) in configured(&RunOptions::new("x")) {
            assert!(
                TABLE.iter().any(|row| row.0 == name && row.2 == default),
                "{name}"
            );
        }
    }

    #[test]
    fn table_is_sorted() {
        assert!(TABLE.is_sorted_by(|(a, ..), (b, ..)| a < b));
    }
}
