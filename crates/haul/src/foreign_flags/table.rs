//! The options of curl, wget, wget2 and aria2c that haul does not have, each with haul's answer.

/// Options of other programs with the same meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ForeignFlag {
    /// The options as they are typed: `-P`, `--directory-prefix`.
    pub(super) names: &'static [&'static str],
    pub(super) takes: Takes,
    pub(super) answer: Answer,
}

/// Whether a value follows the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Value,
}

/// What haul does about the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Accepts it, since it asks for what haul does anyway.
    Accept,
    /// Refuses it, and names the option of haul with the same meaning. A word in braces, as in
    /// `{DIR}`, stands for the value that was typed.
    Same(&'static str),
    /// Refuses it with this sentence.
    Tell(&'static str),
}

const fn accept(names: &'static [&'static str]) -> ForeignFlag {
    ForeignFlag {
        names,
        takes: Takes::Nothing,
        answer: Answer::Accept,
    }
}

/// Names what means the same; it takes a value if `text` shows one.
const fn same(names: &'static [&'static str], text: &'static str) -> ForeignFlag {
    ForeignFlag {
        names,
        takes: if shows_value(text) {
            Takes::Value
        } else {
            Takes::Nothing
        },
        answer: Answer::Same(text),
    }
}

const fn tell(names: &'static [&'static str], text: &'static str) -> ForeignFlag {
    ForeignFlag {
        names,
        takes: Takes::Nothing,
        answer: Answer::Tell(text),
    }
}

/// Turns an option without a value into one with a value.
const fn valued(flag: ForeignFlag) -> ForeignFlag {
    ForeignFlag {
        takes: Takes::Value,
        ..flag
    }
}

const fn shows_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'{' {
            return true;
        }
        at += 1;
    }
    false
}

/// Returns the flag of this name, if it is one.
pub(super) fn find(name: &str) -> Option<&'static ForeignFlag> {
    FOREIGN_FLAGS.iter().find(|flag| flag.names.contains(&name))
}

/// Returns the answer to an option whose first word says what it is about, for those that have no
/// entry of their own.
pub(super) fn family(name: &str) -> Option<&'static str> {
    let of = |prefix: &&(&str, _)| name.starts_with(prefix.0);
    FAMILIES.iter().find(of).map(|(_, text)| *text)
}

/// Returns every name in the table.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FOREIGN_FLAGS
        .iter()
        .flat_map(|flag| flag.names.iter().copied())
}

const CERTIFICATES: &str =
    "haul verifies certificates; give the server's certificate with --cacert FILE";
const PROXIES: &str =
    "haul has -x URL, --noproxy LIST, --proxy-user USER:PASSWORD and --proxy-cacert FILE";
const ONE_PROXY: &str =
    "haul has one proxy for http and https, -x URL; http_proxy and https_proxy may be different";
const SOCKS: &str =
    "the scheme of -x says it: socks4://HOST:PORT, socks4a://…, socks5://… or socks5h://…";
const PROXY_LOGIN: &str = "haul takes both at once: --proxy-user USER:PASSWORD";
const BASIC_PROXY: &str =
    "haul logs in to HTTP proxies with Basic only (--proxy-user USER:PASSWORD)";
const SCHEMES: &str = "haul supports Basic, Digest (-u USER) and Bearer (--bearer-file FILE)";
const GET_ONLY: &str = "haul only downloads: it sends no data and no method but GET";
const HEAD: &str =
    "haul sends no HEAD requests; --results FILE.jsonl records what each server answered";
const LINKS: &str =
    "haul does not follow the links in pages; list the URLs in a file and use -i FILE";
const FOLDERS: &str = "haul cannot drop parts of a path; in a list, out=NAME names each file";
const RANGES: &str = "haul downloads whole files only; an interrupted download resumes by itself";
const LOGS: &str =
    "haul writes its messages to standard error (2> FILE); --log-file FILE writes a log";
const WAITS: &str = "haul chooses the pauses between retries itself; --retry-max-time limits them";
const BACKGROUND: &str = "haul stays in the foreground; add & or use nohup";
const RESPONSES: &str =
    "haul does not save response headers; --results FILE.jsonl records type, ETag and date";
const DNS: &str = "haul uses the system's resolver; --resolve HOST:PORT:ADDRESS sets an address";
const INTERFACES: &str =
    "haul chooses the local port itself; --interface chooses the address or interface";
const TLS_SETTINGS: &str = "haul uses TLS 1.2 and 1.3 with safe ciphers; --tls-max 1.2 or --tlsv1.3 allows only one of them";
const CONFIG: &str = "haul reads a TOML file of its own: --config FILE";
const BITTORRENT: &str = "haul downloads over HTTP and HTTPS only, not BitTorrent or FTP";
const METALINK: &str =
    "haul reads a Metalink as a list: -i FILE or -i URL; --metalink-location prefers mirrors";
const WARC: &str = "haul writes no WARC files";
const DAEMON: &str = "haul serve runs a daemon that clients of aria2 can use";
const COMMANDS: &str = "haul runs a command only when a file is complete (--on-complete CMD); --results FILE.jsonl records each item";
const SPEED_TIME: &str =
    "haul measures the lowest speed over --timeout; --lowest-speed RATE sets it";
const ADAPTS: &str = "haul adapts the number of connections itself; -j N is the maximum";
const REDIRECTED_NAMES: &str =
    "haul names a file after the URL as given; -o NAME or --content-disposition names it otherwise";
const MEMORY: &str = "haul limits its memory use itself";
const SESSION: &str =
    "haul records its progress in DIR/.haul; run the same command again to resume";

const FAMILIES: [(&str, &str); 12] = [
    ("--all-proxy-", PROXIES),
    ("--bt-", BITTORRENT),
    ("--dht-", BITTORRENT),
    ("--ftp-", BITTORRENT),
    ("--ftps-", BITTORRENT),
    ("--http-proxy-", PROXIES),
    ("--https-proxy-", PROXIES),
    ("--metalink-", METALINK),
    ("--proxy-", PROXIES),
    ("--rpc-", DAEMON),
    ("--socks", PROXIES),
    ("--warc-", WARC),
];

#[rustfmt::skip]
const FOREIGN_FLAGS: &[ForeignFlag] = &[
    // What haul does anyway.
    accept(&["-L", "--location"]),
    accept(&["-O", "--remote-name", "--remote-name-all"]),
    accept(&["-c", "--continue", "--always-resume", "--resume"]),
    accept(&["--no-clobber"]),
    accept(&["-Z", "--parallel", "--parallel-immediate", "--force-sequential"]),
    accept(&["-f", "--fail", "--fail-with-body"]),
    accept(&["-S", "--show-error"]),
    accept(&["--create-dirs"]),
    accept(&["-#", "--progress-bar", "--show-progress", "--force-progress", "--show-console-readout"]),
    accept(&["-R", "--remote-time", "--use-server-timestamps"]),
    accept(&["--http2", "--alpn", "--basic", "--auth-no-challenge", "--http-auth-challenge"]),
    accept(&["--tlsv1", "--tlsv1.2", "--ssl", "--ssl-reqd", "--check-certificate", "--check-hostname"]),
    accept(&["--retry-connrefused", "--retry-all-errors", "--retry-on-host-error"]),
    accept(&["--no-directories", "--no-host-directories", "--no-parent"]),
    accept(&["--no-netrc", "--no-iri", "--no-cookies", "--keep-session-cookies", "--proxy-basic"]),
    accept(&["--no-buffer", "--tcp-nodelay", "--styled-output", "--keepalive", "--http-keep-alive"]),
    accept(&["--enable-http-keep-alive", "--enable-http-pipelining", "--enable-color", "--human-readable"]),
    accept(&["--parameterized-uri", "--reuse-uri", "--dns-caching", "--async-dns", "--deferred-input"]),
    accept(&["--remove-on-error", "--realtime-chunk-checksum", "--no-use-askpass", "--unlink"]),
    valued(accept(&["--file-allocation", "--summary-interval", "--auto-save-interval", "--event-poll"])),

    // Names and folders.
    same(&["-P", "--directory-prefix", "--output-dir"], "-d {DIR}"),
    same(&["--output-document", "--out"], "-o {FILE}"),
    same(&["-J", "--remote-header-name"], "--content-disposition"),
    same(&["--force-directories"], "--layout tree"),
    same(&["--restrict-file-names"], "--portable-names"),
    valued(tell(&["--cut-dirs"], FOLDERS)),
    tell(&["--protocol-directories"], FOLDERS),
    tell(&["--trust-server-names"], REDIRECTED_NAMES),
    valued(tell(&["--default-page"], "haul names a file without a name index.html; -o NAME names it otherwise")),
    tell(&["--adjust-extension"], "haul does not change extensions; -o NAME or out=NAME in a list names the file"),
    tell(&["-E"], "haul does not change extensions; curl's -E takes a file: -E FILE"),
    valued(tell(&["--index-out"], "-o NAME names the file here, and out=NAME those of a list")),
    same(&["--allow-overwrite"], "--exists overwrite"),
    same(&["--auto-file-renaming"], "--exists rename"),
    same(&["--no-auto-file-renaming"], "--exists fail"),
    same(&["-N", "--timestamping", "--conditional-get"], "--exists refresh"),
    valued(same(&["-z", "--time-cond", "--etag-compare", "--etag-save"], "--exists refresh")),
    valued(tell(&["--backups"], "haul never renames existing files; --exists rename keeps both")),
    tell(&["--xattr"], "haul writes no extended attributes; --results FILE.jsonl records each file's URL"),
    valued(tell(&["--create-file-mode"], "haul uses the permissions that umask leaves")),
    tell(&["--no-use-server-timestamps", "--no-remote-time"], "haul sets each file's time to the server's Last-Modified, always"),

    // Lists and URLs.
    same(&["--input-file"], "-i {FILE}"),
    same(&["-B", "--base"], "--base-url {URL}"),
    same(&["--url"], "{URL}"),
    same(&["--no-glob"], "--globoff"),
    tell(&["-:", "--next"], "haul has one set of options for all URLs; run it once for each set"),
    same(&["-M", "--metalink-file", "--input-metalink"], "-i {FILE}"),
    valued(tell(&["--metalink"], METALINK)),
    tell(&["--metalink-over-http"], METALINK),
    valued(tell(&["--torrent-file", "--bt-tracker", "--seed-time", "--seed-ratio", "--listen-port"], BITTORRENT)),
    valued(tell(&["--follow-torrent", "--select-file", "--dht-listen-port", "--bt-max-peers"], BITTORRENT)),
    valued(tell(&["--ftp-user", "--ftp-password", "--ftp-passwd", "--ftp-port"], BITTORRENT)),
    valued(tell(&["--max-upload-limit", "--max-overall-upload-limit", "--peer-agent", "--peer-id-prefix"], BITTORRENT)),
    tell(&["--follow-ftp", "--ftp-pasv", "--no-passive-ftp", "--enable-dht"], BITTORRENT),

    // Links.
    tell(&["--recursive", "--mirror", "--page-requisites", "-p", "--convert-links", "-K", "--backup-converted"], LINKS),
    tell(&["--span-hosts", "--relative", "--force-html", "--delete-after", "--follow-sitemaps"], LINKS),
    valued(tell(&["-l", "--level", "--accept", "--reject", "--accept-regex", "--reject-regex"], LINKS)),
    valued(tell(&["--domains", "--exclude-domains", "--include-directories", "--exclude-directories"], LINKS)),
    valued(tell(&["--follow-tags", "--ignore-tags", "--filter-mime-type"], LINKS)),

    // Speed and concurrency.
    same(&["--max-connection-per-server"], "-s {N} --per-host {N}"),
    same(&["--num-connections"], "-s {N} --per-host {N}"),
    same(&["--max-concurrent-downloads", "--parallel-max", "--max-threads", "--concurrent-downloads", "--threads"], "-j {N}"),
    same(&["--connections", "--parallel-max-host"], "--per-host {N}"),
    same(&["--chunk-size", "--piece-length", "--min-segment-size"], "--min-split-size {SIZE}"),
    same(&["--max-overall-download-limit", "--bwlimit", "--rate-limit", "--max-speed"], "--limit-rate {RATE}"),
    valued(tell(&["--max-download-limit"], "haul has no limit for each file; --limit-rate RATE limits all files together")),
    same(&["--wait"], "--delay {SECONDS}"),
    tell(&["--random-wait"], "haul waits exactly as long as --delay says"),
    valued(tell(&["--rate"], "haul takes the time between two requests to a host: --delay 500ms is two a second")),
    valued(tell(&["-Q", "--quota"], "haul has no limit for all files together; --max-size SIZE limits each file")),
    tell(&["--optimize-concurrent-downloads"], ADAPTS),
    valued(tell(&["--stream-piece-selector", "--uri-selector"], ADAPTS)),
    valued(tell(&["--disk-cache", "--max-mmap-limit", "--no-file-allocation-limit", "--socket-recv-buffer-size"], MEMORY)),

    // Retries and time.
    same(&["--retry", "--tries", "--max-tries"], "--retries {N}"),
    valued(tell(&["--retry-delay", "--waitretry", "--retry-wait"], WAITS)),
    valued(tell(&["--retry-on-http-error"], "haul retries the statuses that may pass (408, 429, 5xx)")),
    valued(tell(&["--max-file-not-found", "--max-resume-failure-tries"], "haul decides by the status what to retry; --retries N is the maximum")),
    same(&["--read-timeout"], "--timeout {SECONDS}"),
    same(&["--dns-timeout"], "--connect-timeout {SECONDS}"),
    valued(tell(&["--happy-eyeballs-timeout-ms", "--keepalive-time", "--expect100-timeout"], "haul does not need it; leave it out")),
    same(&["--max-redirs", "--max-redirect"], "--max-redirects {N}"),
    same(&["--max-filesize"], "--max-size {SIZE}"),
    same(&["-Y", "--speed-limit", "--lowest-speed-limit"], "--lowest-speed {RATE}"),
    valued(tell(&["-y", "--speed-time"], SPEED_TIME)),
    same(&["--stop"], "--max-time {SECONDS}"),
    tell(&["--no-location", "--no-follow"], "haul follows redirects; --max-redirects 0 turns that off"),
    tell(&["--no-continue"], "haul resumes downloads; --exists overwrite downloads existing files again"),
    tell(&["--no-parallel"], "haul downloads in parallel; -j 1 downloads one file after another"),
    tell(&["--no-fail"], "haul never saves an error page as the file"),
    valued(tell(&["--range", "--start-pos"], RANGES)),
    tell(&["--ignore-content-length", "--ignore-length"], "haul checks each file's length, always"),

    // Requests.
    valued(tell(&["--request", "--method", "--request-target"], GET_ONLY)),
    valued(tell(&["--data", "--data-raw", "--data-binary", "--data-urlencode", "--data-ascii", "--json"], GET_ONLY)),
    valued(tell(&["--post-data", "--post-file", "--body-data", "--body-file", "--form", "--form-string"], GET_ONLY)),
    valued(tell(&["--upload-file", "--quote", "--url-query"], GET_ONLY)),
    tell(&["-G", "--get", "--post301", "--post302", "--post303"], GET_ONLY),
    tell(&["-I", "--head", "--spider", "--use-head"], HEAD),
    same(&["-U"], "-A {TEXT}"),
    same(&["--no-cache", "--http-no-cache"], "-H 'Cache-Control: no-cache'"),
    same(&["--http-accept-gzip"], "--compressed"),
    valued(same(&["--compression"], "--compressed")),
    tell(&["-0", "--http1.0", "--http0.9"], "haul uses HTTP/1.1 and HTTP/2; --http1.1 turns HTTP/2 off"),
    tell(&["--http3", "--http3-only"], "haul does not support HTTP/3"),
    same(&["--no-alpn", "--no-http2"], "--http1.1"),
    tell(&["--no-robots"], "haul reads robots.txt only with --robots; leave it out"),
    tell(&["--path-as-is"], "haul resolves . and .. in a URL as the URL standard says"),
    tell(&["--raw", "--tr-encoding"], "haul saves the bytes as sent; --compressed requests compression and decompresses"),

    // Logins, cookies.
    valued(tell(&["--http-user", "--http-passwd", "--http-password", "--password"], "haul takes both at once: -u USER:PASSWORD")),
    valued(tell(&["--oauth2-bearer", "--bearer", "--token"], "haul reads the token from a file, so that other users do not see it: --bearer-file FILE")),
    tell(&["--ask-password"], "haul asks for the password when -u USER has none"),
    tell(&["--digest", "--anyauth"], "haul sends Basic, and Digest when a server asks for it; leave it out"),
    tell(&["--ntlm", "--negotiate"], SCHEMES),
    valued(tell(&["--aws-sigv4", "--use-askpass"], SCHEMES)),
    tell(&["--location-trusted"], "haul never sends credentials to another host; leave it out"),
    same(&["--netrc-path"], "--netrc-file {FILE}"),
    same(&["--cookie-jar"], "--save-cookies {FILE}"),
    tell(&["--junk-session-cookies"], "haul sends the session cookies of a file too; take their lines (with the time 0) out"),

    // TLS.
    same(&["--ca-certificate"], "--cacert {FILE}"),
    same(&["--ca-directory"], "--capath {DIR}"),
    tell(&["--no-check-certificate", "--no-check-hostname"], CERTIFICATES),
    valued(tell(&["--crlfile", "--crl-file"], "haul does not read revocation lists; --cacert FILE and --pinnedpubkey limit what is trusted")),
    same(&["--certificate"], "--cert {FILE}"),
    same(&["--private-key"], "--key {FILE}"),
    valued(tell(&["--cert-type", "--key-type"], "haul reads PEM files; openssl x509 and openssl pkey convert others")),
    valued(tell(&["--pass"], "haul reads private keys that are not encrypted; openssl pkey -in FILE -out NEW writes one")),
    tell(&["-1", "-2", "-3", "--sslv2", "--sslv3", "--tlsv1.0", "--tlsv1.1"], TLS_SETTINGS),
    valued(tell(&["--ciphers", "--tls13-ciphers", "--curves", "--secure-protocol", "--min-tls-version"], TLS_SETTINGS)),
    valued(tell(&["--proto", "--proto-redir"], "haul uses http and https only; --https-only refuses plain http")),
    valued(tell(&["--proto-default"], "haul needs the whole URL: write https:// before it")),
    valued(tell(&["--hsts", "--hsts-file", "--alt-svc"], "haul keeps no HSTS or Alt-Svc records; --https-only refuses plain http")),
    tell(&["--no-hsts"], "haul keeps no HSTS records; leave it out"),

    // Network.
    same(&["--no-proxy"], "-x ''"),
    same(&["--no-proxy LIST"], "--noproxy {LIST}"),
    same(&["--all-proxy"], "-x {URL}"),
    valued(tell(&["--http-proxy", "--https-proxy"], ONE_PROXY)),
    valued(tell(&["--socks4", "--socks4a", "--socks5", "--socks5-hostname"], SOCKS)),
    valued(tell(&["--proxy-password", "--all-proxy-user", "--all-proxy-passwd", "--http-proxy-user", "--http-proxy-passwd"], PROXY_LOGIN)),
    valued(tell(&["--https-proxy-user", "--https-proxy-passwd", "-U LOGIN"], PROXY_LOGIN)),
    valued(tell(&["--ftp-proxy", "--preproxy", "--proxy-header", "--proxy-method"], PROXIES)),
    tell(&["--proxytunnel"], "haul asks a proxy for a tunnel (CONNECT) for https only; leave it out"),
    tell(&["--proxy-insecure"], "haul verifies the certificate of a proxy; give its authority with --proxy-cacert FILE"),
    tell(&["--proxy-digest", "--proxy-ntlm", "--proxy-negotiate", "--proxy-anyauth"], BASIC_PROXY),
    same(&["--inet4-only", "--disable-ipv6"], "-4"),
    same(&["--inet6-only"], "-6"),
    valued(tell(&["--prefer-family"], "haul tries IPv6 and IPv4 side by side; -4 or -6 allows only one of them")),
    same(&["--bind-address"], "--interface {ADDRESS}"),
    valued(tell(&["--multiple-interface", "--local-port", "--dscp"], INTERFACES)),
    valued(tell(&["--dns-servers", "--async-dns-server", "--dns-interface", "--doh-url", "--bind-dns-address"], DNS)),
    valued(tell(&["--connect-to"], "haul has --resolve HOST:PORT:ADDRESS, which sets the address of a host")),
    valued(tell(&["--unix-socket", "--abstract-unix-socket"], "haul connects over TCP only")),
    tell(&["--no-keepalive", "--no-http-keep-alive", "--no-sessionid", "--no-dns-cache", "--tcp-fastopen"], "haul manages its connections itself; leave it out"),

    // Output and records.
    same(&["--silent", "--no-progress-meter", "--no-show-progress"], "-q"),
    same(&["--no-verbose"], "--progress plain"),
    same(&["--server-response", "--debug", "--trace-time"], "-v"),
    valued(same(&["--trace", "--trace-ascii"], "-v")),
    valued(tell(&["--console-log-level", "--log-level", "--download-result", "--report-speed"], "haul has -q for errors only and -v for every attempt")),
    valued(tell(&["--output-file", "--append-output", "--log", "--stderr", "--rejected-log"], LOGS)),
    valued(tell(&["--write-out"], "haul records size, status and time of each file with --results FILE.jsonl")),
    valued(tell(&["--dump-header"], RESPONSES)),
    tell(&["--include", "--show-headers", "--save-headers"], RESPONSES),
    tell(&["--content-on-error"], "haul never saves an error page as the file"),
    tell(&["--background"], BACKGROUND),
    valued(tell(&["--save-session", "--save-session-interval"], SESSION)),
    valued(tell(&["--server-stat-of", "--server-stat-if", "--max-download-result"], SESSION)),
    tell(&["--check-integrity", "--hash-check-only"], "haul reads existing files when they have a checksum: --checksum ALGO=HEX"),
    same(&["--on-download-complete"], "--on-complete {CMD}"),
    valued(tell(&["--on-download-error", "--on-download-start", "--on-download-stop"], COMMANDS)),
    valued(tell(&["--execute"], "haul has no wgetrc; robots.txt is read only with --robots")),
    valued(tell(&["-K FILE", "--conf-path"], CONFIG)),
    tell(&["--enable-rpc", "--rpc-listen-all"], DAEMON),
    valued(tell(&["--rpc-secret", "--rpc-listen-port", "--rpc-user", "--rpc-passwd"], DAEMON)),
    valued(tell(&["--warc-file"], WARC)),
    same(&["--disable", "--no-conf"], "--no-config"),
    tell(&["--manual"], "haul man prints the manual page"),

    // Letters with several meanings, and wget's pairs of letters: `letters` decides between the
    // meanings.
    accept(&["-nc", "-nd", "-nH", "-np"]),
    same(&["-nv"], "--progress plain"),
    same(&["-O FILE"], "-o {FILE}"),
    same(&["-k SIZE"], "--min-split-size {SIZE}"),
    valued(tell(&["-t N"], "wget's -t is --retries N here, and aria2c's is --timeout SECONDS")),
    valued(tell(&["-m N"], "curl's -m is --max-time SECONDS here, and aria2c's is --retries N")),
    valued(tell(&["-a", "-l FILE"], LOGS)),
    tell(&["-F", "-m", "-r"], LINKS),
    tell(&["-D", "--daemon"], BACKGROUND),
    tell(&["-x"], "haul's -x needs a proxy: -x URL; for wget's -x use --layout tree"),
    tell(&["-b"], BACKGROUND),
    tell(&["-X"], GET_ONLY),
    accept(&["-C -"]),
    valued(tell(&["-C OFFSET", "--continue-at"], RANGES)),
    tell(&["-s"], "haul's -s needs a number: it is --split, the segments of one file; for curl's -s use -q"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_name_is_answered_once() {
        let mut seen = HashSet::new();
        for name in names() {
            assert!(seen.insert(name), "{name} stands twice");
            assert!(name.starts_with('-'), "{name}");
        }
        assert!(seen.len() > 250, "{}", seen.len());
    }
}
