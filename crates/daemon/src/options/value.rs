//! Values of options: which ones an option may have, and how they are written.

use haulage::{Algorithm, Checksum, Proxy, Request};
use http::{HeaderName, HeaderValue};
use tracing::Level;

/// A value that its option cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong;

/// Returns a value as aria2 writes it: numbers without units.
///
/// # Errors
/// When the option cannot have this value. Of options that haul does not follow, any text is one.
pub(super) fn normalized(name: &str, value: &str) -> Result<String, Wrong> {
    let text = || Ok(value.to_owned());
    match name {
        "allow-overwrite" | "auto-file-renaming" | "check-certificate" | "conditional-get"
        | "continue" | "pause" | "remote-time" => match value {
            "true" | "false" => text(),
            _ => Err(Wrong),
        },
        "split" | "max-concurrent-downloads" => number(value, 1, u64::from(u16::MAX)),
        "max-connection-per-server" => number(value, 1, 16),
        "max-download-result" => number(value, 0, 1_000_000),
        "max-tries" => number(value, 0, u64::from(u32::MAX)),
        "retry-wait" => number(value, 0, 600),
        "timeout" | "connect-timeout" => number(value, 1, 600),
        "lowest-speed-limit" | "max-download-limit" | "max-overall-download-limit" => {
            size(value, 0, i64::MAX.unsigned_abs())
        }
        "min-split-size" => size(value, 1 << 20, 1 << 30),
        "checksum" => checksum(value).map(|_| value.to_owned()),
        "all-proxy" | "http-proxy" | "https-proxy" if !value.is_empty() => {
            Proxy::parse(value).map_err(|_| Wrong).and(text())
        }
        // It would be the standard output of the daemon.
        "log" if value == "-" => Err(Wrong),
        "log-level" => level(value).map(|_| value.to_owned()).ok_or(Wrong),
        "header" => headers(value).map(|_| value.to_owned()),
        "user-agent" | "referer" => HeaderValue::from_str(value).map_err(|_| Wrong).and(text()),
        "out" if !value.is_empty() => {
            // There, the engine keeps partial files.
            if value
                .split('/')
                .any(|part| part.eq_ignore_ascii_case(".haul"))
            {
                return Err(Wrong);
            }
            let named = Request::new("http://h/").and_then(|request| request.named(value));
            named.map_err(|_| Wrong).and(text())
        }
        _ => text(),
    }
}

/// Returns the header fields that stand in lines.
///
/// # Errors
/// When a line is none, or one that haul sends itself.
pub(super) fn headers(lines: &str) -> Result<Vec<(HeaderName, HeaderValue)>, Wrong> {
    let field = |line: &str| {
        let (name, value) = line.split_once(':').ok_or(Wrong)?;
        let name: HeaderName = name.trim().parse().map_err(|_| Wrong)?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| Wrong)?;
        let request = Request::new("http://h/").map_err(|_| Wrong)?;
        let checked = request.header(name.clone(), value.clone());
        checked.map_err(|_| Wrong)?;
        Ok((name, value))
    };
    lines
        .lines()
        .filter(|line| !line.is_empty())
        .map(field)
        .collect()
}

/// Returns what a level of aria2 is here, where `notice` and `info` are one; `None` if it is none.
pub(super) fn level(name: &str) -> Option<Level> {
    Some(match name {
        "debug" => Level::DEBUG,
        "info" | "notice" => Level::INFO,
        "warn" => Level::WARN,
        "error" => Level::ERROR,
        _ => return None,
    })
}

/// Reads a checksum, written `sha-256=HEX`.
///
/// # Errors
/// When it is none, or of an algorithm that is not known.
pub(super) fn checksum(text: &str) -> Result<Checksum, Wrong> {
    let (algorithm, hex) = text.split_once('=').ok_or(Wrong)?;
    let algorithm: Algorithm = algorithm.parse().map_err(|_| Wrong)?;
    Checksum::from_hex(algorithm, hex).map_err(|_| Wrong)
}

fn number(text: &str, least: u64, most: u64) -> Result<String, Wrong> {
    let number: u64 = text.parse().map_err(|_| Wrong)?;
    let is_in_range = (least..=most).contains(&number);
    is_in_range.then(|| number.to_string()).ok_or(Wrong)
}

/// Reads a number of bytes, which may end in `K` or `M`.
fn size(text: &str, least: u64, most: u64) -> Result<String, Wrong> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let bytes = digits
        .parse()
        .ok()
        .and_then(|number: u64| number.checked_mul(unit));
    number(&bytes.ok_or(Wrong)?.to_string(), least, most)
}
