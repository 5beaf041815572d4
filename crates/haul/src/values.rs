//! What an option's value may look like, as types that parse and show themselves.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use clap::builder::{OsStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use haulage::{ErrorKind, HostPattern, Resolve};
use http::{HeaderName, HeaderValue};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use crate::explain;
#[cfg(feature = "parquet")]
use crate::report::ColumnFormat;

/// Reads country codes (ISO 3166-1 alpha-2) with commas between them.
pub(crate) fn country_codes(text: &str) -> Result<String, String> {
    let is_code = |code: &str| {
        let code = code.trim();
        code.len() == 2 && code.bytes().all(|letter| letter.is_ascii_alphabetic())
    };
    if text.split(',').all(is_code) {
        Ok(text.to_owned())
    } else {
        Err("write two letters for each country, as in de or de,fr".to_owned())
    }
}

/// A duration as it is written: `500ms`, `30s`, `5m`, `1h`; a bare number is seconds, and fractions
/// are fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// Units and their seconds; `ms` stands before `s`, which is its end.
const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, seconds) = UNITS
            .iter()
            .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?.trim_end(), *seconds)))
            .unwrap_or((text, 1.0));
        // Rust reads `inf` and `1e3` as numbers, people do not.
        if !number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            return Err("write it as in 500ms, 30s, 5m or 1h".to_owned());
        }
        let number: f64 = number
            .parse()
            .map_err(|_| "write it as in 500ms, 30s, 5m or 1h".to_owned())?;
        Duration::try_from_secs_f64(number * seconds)
            .map(Self)
            .map_err(|_| "that is too long".to_owned())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => write!(formatter, "0s"),
            _ if !millis.is_multiple_of(1000) => write!(formatter, "{millis}ms"),
            _ if !millis.is_multiple_of(60_000) => write!(formatter, "{}s", millis / 1000),
            _ if !millis.is_multiple_of(3_600_000) => write!(formatter, "{}m", millis / 60_000),
            _ => write!(formatter, "{}h", millis / 3_600_000),
        }
    }
}

/// A size as it is written, in bytes: `500`, `10K`, `1.5M`, `2G`, with powers of 1024; `KiB` and
/// the like are the same, `KB` and the like are powers of 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// What stands for the powers of 1024, or of 1000, from the first.
const PREFIXES: &str = "KMGT";

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        unit_of_size(unit.trim_start())
            .and_then(|unit| scaled(number, unit))
            .map(Self)
            .ok_or_else(|| "write it as in 500, 10K, 1.5M or 2G".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut number, mut unit) = (self.0, "");
        for (at, _) in PREFIXES.char_indices() {
            if number != 0 && number.is_multiple_of(1024) {
                number /= 1024;
                unit = &PREFIXES[at..=at];
            }
        }
        write!(formatter, "{number}{unit}")
    }
}

/// Returns the number of bytes in a unit: 1 for `B` or an empty text, 1024 for `K` and `KiB`, 1000
/// for `KB`, and so on; `None` if there is no such unit. Upper and lower case are the same.
fn unit_of_size(text: &str) -> Option<u64> {
    let text = text.to_ascii_uppercase();
    let Some(prefix) = text.chars().next().filter(|_| text != "B") else {
        return Some(1);
    };
    let power = u32::try_from(PREFIXES.find(prefix)? + 1).ok()?;
    match &text[1..] {
        "" | "IB" => Some(1024_u64.pow(power)),
        "B" => Some(1000_u64.pow(power)),
        _ => None,
    }
}

/// The byte between the cells of a table, as it is written; `\\t` is a TAB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delimiter(pub(crate) u8);

impl FromStr for Delimiter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            [b'\\', b't'] => Ok(Self(b'\t')),
            [byte] if !matches!(byte, b'"' | b'\n' | b'\r') && !byte.is_ascii_alphanumeric() => {
                Ok(Self(*byte))
            }
            _ => Err("write one character, such as ; or \\t for a TAB".to_owned()),
        }
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => formatter.write_str("\\t"),
            byte => write!(formatter, "{}", char::from(byte)),
        }
    }
}

/// A header, and the column that has its values: `referer`, `Referer=page`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeaderColumn {
    pub(crate) header: HeaderName,
    pub(crate) column: String,
}

impl FromStr for HeaderColumn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (header, column) = text.split_once('=').unwrap_or((text, text));
        let name: HeaderName = header.trim().parse().map_err(|_| {
            format!("{header:?} is not the name of a header; write NAME=COLUMN, as in Referer=page")
        })?;
        if column.is_empty() {
            return Err("after the = comes the name of a column".to_owned());
        }
        Ok(Self {
            header: name,
            column: column.to_owned(),
        })
    }
}

impl fmt::Display for HeaderColumn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.header, self.column)
    }
}

/// Bytes per second, written as a size; `/s` may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) u64);

impl Rate {
    /// Returns the limit in bytes per second; `None` if it is 0, which means no limit, as in curl
    /// and aria2.
    pub(crate) fn limit(self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.0)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = text.strip_suffix("/s").unwrap_or(text);
        size.parse()
            .map(|Size(bytes)| Self(bytes))
            .map_err(|_| "write it as in 500, 10K or 1.5M, in bytes per second".to_owned())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Size(self.0).fmt(formatter)
    }
}

/// Returns a decimal number times a unit, rounded down; `None` if the text is not a decimal number,
/// or the result is too large.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    // An empty string stands for 0, and what comes after these digits for less than anybody means.
    let fraction = &fraction[..fraction.len().min(9)];
    let parse = |digits: &str| format!("0{digits}").parse::<u64>().ok();
    let parts = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let part = u128::from(unit) * u128::from(parse(fraction)?) / parts;
    parse(whole)?
        .checked_mul(unit)?
        .checked_add(u64::try_from(part).ok()?)
}

/// Parses a whole number that must be at least 1.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("it must be a whole number".to_owned()),
    }
}

/// Reads how many segments a file may have; curl's `-s` has no number.
pub(crate) fn segments(text: &str) -> Result<usize, String> {
    at_least_one(text)
        .map_err(|why| format!("{why}: the maximum segments of a file; for curl's -s use -q"))
}

/// A header of a request, as curl takes it: `Name: value`, or `Name;` for one without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('@') {
            return Err("headers are not read from a file; give each with --header".to_owned());
        }
        let (name, value) = match (text.split_once(':'), text.strip_suffix(';')) {
            (Some((name, value)), _) if value.trim().is_empty() => {
                return Err(format!("to send it without a value, write '{name};'"));
            }
            (Some((name, value)), _) => (name, value.trim()),
            (None, Some(name)) => (name, ""),
            (None, None) => return Err("write it as 'Name: value'".to_owned()),
        };
        let name = HeaderName::from_str(name.trim())
            .map_err(|_| format!("{:?} cannot be the name of a header", name.trim()))?;
        if name == http::header::HOST {
            return Err("the host follows from the URL: put its name there".to_owned());
        }
        if name == http::header::PROXY_AUTHORIZATION {
            return Err("servers would receive it too; give --proxy-user".to_owned());
        }
        let mut value = header_value(value)?;
        value.set_sensitive(name == http::header::AUTHORIZATION || name == http::header::COOKIE);
        Ok(Self { name, value })
    }
}

/// Returns a text as the value of a header. Fails if it contains control characters.
pub(crate) fn header_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| "a header cannot carry control characters".to_owned())
}

/// `USER:PASSWORD`, or `USER`. Both are bytes, since they need not be UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: Vec<u8>,
    /// `None` if there was no colon.
    pub(crate) password: Option<Vec<u8>>,
}

impl User {
    /// Returns what parses it, for clap.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|text| Self::parse(text.as_bytes()))
    }

    /// Parses what was typed.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let mut parts = text.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default().to_owned();
        let password = parts.next().map(<[u8]>::to_owned);
        if name.is_empty() && password.is_none() {
            return Err("write USER:PASSWORD, or USER".to_owned());
        }
        Ok(Self { name, password })
    }

    /// Returns the user as messages show it.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "User({:?}, …)", self.shown())
    }
}

/// `HOST:PORT:ADDRESS[,ADDRESS]...`, as curl takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostAddresses(pub(crate) Resolve);

impl FromStr for HostAddresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let how = || "write it as in example.org:443:192.0.2.1,[2001:db8::1]".to_owned();
        let (host, rest) = text.split_once(':').ok_or_else(how)?;
        let (port, addresses) = rest.split_once(':').ok_or_else(how)?;
        let port = port
            .parse()
            .map_err(|_| format!("{port:?} is not a port"))?;
        let addresses = addresses
            .split(',')
            .map(|text| {
                let bare = text
                    .strip_prefix('[')
                    .and_then(|text| text.strip_suffix(']'));
                let address = bare.unwrap_or(text).parse();
                address.map_err(|_| format!("{text:?} is not an address"))
            })
            .collect::<Result<_, _>>()?;
        Resolve::new(host, port, addresses)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

/// Which hosts are asked for: any port of a name, or one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostFilter(pub(crate) HostPattern);

impl FromStr for HostFilter {
    type Err = haulage::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let any_port = (!text.contains("://")).then(|| format!("{text}:*").parse().ok());
        match any_port.flatten() {
            Some(hosts) => Ok(Self(hosts)),
            None => text.parse().map(Self),
        }
    }
}

/// Returns a parser for the names of kinds of errors.
pub(crate) fn error_kinds() -> impl TypedValueParser<Value = ErrorKind> {
    let value = |kind: ErrorKind| {
        let summary = explain::summary(kind).trim_end_matches('.');
        PossibleValue::new(kind.name()).help(summary)
    };
    let names = PossibleValuesParser::new(ErrorKind::ALL.map(value));
    names.try_map(|name| {
        let mut kinds = ErrorKind::ALL.into_iter();
        kinds.find(|kind| kind.name() == name).ok_or("unknown")
    })
}

/// An instant: so long ago, or a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since(pub(crate) SystemTime);

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text
            .strip_suffix('d')
            .and_then(|days| days.parse::<u32>().ok());
        let ago = match days {
            Some(days) => Some(Duration::from_secs(u64::from(days) * 86_400)),
            None => text.parse().ok().map(|Span(time)| time),
        };
        if let Some(ago) = ago {
            let then = SystemTime::now().checked_sub(ago);
            return Ok(Self(then.unwrap_or(SystemTime::UNIX_EPOCH)));
        }
        let in_utc = |civil: civil::DateTime| TimeZone::UTC.to_timestamp(civil).ok();
        // What has a zone is a civil time too, which would leave the zone out.
        let instant = match text.parse::<Timestamp>() {
            Ok(instant) => Some(instant),
            Err(_) => text.parse().ok().and_then(in_utc),
        };
        let time = instant.and_then(|instant| instant.try_into().ok());
        time.map(Self).ok_or_else(|| {
            "write it as in 30m, 2h, 3d, 2026-11-29 or 2026-11-29T08:00:00Z".to_owned()
        })
    }
}

/// Where the results go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ResultsTarget {
    /// Standard output, with JSON lines.
    Output,
    /// This file.
    File(PathBuf, ResultsFormat),
}

/// The format of the results in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultsFormat {
    /// A JSON object per line.
    Jsonl,
    /// A table with a header, and with this between its cells.
    Csv { delimiter: char },
    /// A table with typed columns.
    #[cfg(feature = "parquet")]
    Columns(ColumnFormat),
}

/// The endings of the names of results.
#[cfg(feature = "parquet")]
const ENDINGS: &str = ".jsonl, .ndjson, .csv, .tsv, .parquet or .arrow";
#[cfg(not(feature = "parquet"))]
const ENDINGS: &str = ".jsonl, .ndjson, .csv or .tsv (this haul was built without Parquet)";

impl FromStr for ResultsTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self::Output);
        }
        let path = PathBuf::from(text);
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        let format = match ending.to_str() {
            Some("jsonl" | "ndjson") => ResultsFormat::Jsonl,
            Some("csv") => ResultsFormat::Csv { delimiter: ',' },
            Some("tsv") => ResultsFormat::Csv { delimiter: '\t' },
            #[cfg(feature = "parquet")]
            Some("parquet") => ResultsFormat::Columns(ColumnFormat::Parquet),
            #[cfg(feature = "parquet")]
            Some("arrow") => ResultsFormat::Columns(ColumnFormat::Arrow),
            _ => {
                return Err(format!(
                    "the name must end in {ENDINGS}; - is standard output"
                ));
            }
        };
        Ok(Self::File(path, format))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_they_are_written() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("7", 7000),
            ("0", 0),
            (".5", 500),
            ("1.5s", 1500),
            ("0.5h", 1_800_000),
            ("2 s", 2000),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_millis(millis), "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "1e3",
            "inf",
            "nan",
            "5d",
            "1m30s",
            "1..2",
            "99999999999999999999h",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_shows_as_what_parses_to_it() {
        for (text, shown) in [
            ("30", "30s"),
            ("90s", "90s"),
            ("600s", "10m"),
            ("3600", "1h"),
            (".25", "250ms"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string(), shown);
            assert_eq!(shown.parse(), Ok(span));
        }
    }

    #[test]
    fn sizes_as_they_are_written() {
        for (text, bytes) in [
            ("0", 0),
            ("500", 500),
            ("500B", 500),
            ("10K", 10 << 10),
            ("10k", 10 << 10),
            ("1.5M", 3 << 19),
            (".5G", 1 << 29),
            ("2 GiB", 2 << 30),
            ("2GB", 2_000_000_000),
            ("1.0000000001K", 1024),
            ("16383T", 16383 << 40),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
            assert_eq!(format!("{text}/s").parse(), Ok(Rate(bytes)), "{text}");
        }
        for text in [
            "",
            "K",
            ".",
            "-1",
            "1e3",
            "1..2",
            "1.2.3",
            "5iB",
            "5KK",
            "5P",
            "5 é",
            "16777216T",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text}");
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_shows_as_what_parses_to_it() {
        for (bytes, shown) in [
            (0, "0"),
            (1, "1"),
            (1000, "1000"),
            (1 << 20, "1M"),
            (3 << 19, "1536K"),
            (1 << 50, "1024T"),
        ] {
            assert_eq!(Size(bytes).to_string(), shown);
            assert_eq!(shown.parse(), Ok(Size(bytes)));
        }
    }

    #[test]
    fn nothing_is_done_by_none() {
        assert_eq!(at_least_one("4"), Ok(4));
        assert!(at_least_one("0").is_err());
        assert!(at_least_one("-1").is_err());
    }

    #[test]
    fn headers_as_in_curl() {
        let header: Header = "X-Key:  a: b ".parse().unwrap();
        assert_eq!(
            (header.name.as_str(), header.value.to_str().unwrap()),
            ("x-key", "a: b")
        );
        let header: Header = "X-Key;".parse().unwrap();
        assert!(header.value.is_empty());
        let header: Header = "Authorization: Bearer x".parse().unwrap();
        assert!(header.value.is_sensitive());
        for (text, says) in [
            ("X-Key:", "'X-Key;'"),
            ("X-Key", "Name: value"),
            ("a b: c", "the name of a header"),
            ("Host: example.org", "follows from the URL"),
            ("Proxy-Authorization: Basic x", "--proxy-user"),
            ("@headers", "give each with --header"),
            ("X-Key: a\nb", "control characters"),
        ] {
            let message = text.parse::<Header>().unwrap_err();
            assert!(message.contains(says), "{text}: {message}");
        }
    }

    #[test]
    fn a_user_comes_with_a_password() {
        for (text, name, password) in [
            ("me:a:b", "me", Some("a:b")),
            ("me:", "me", Some("")),
            (":p", "", Some("p")),
            ("me", "me", None),
        ] {
            let user = User::parse(text.as_bytes()).unwrap();
            let password = password.map(str::as_bytes);
            assert_eq!(
                (&*user.name, user.password.as_deref()),
                (name.as_bytes(), password)
            );
            assert!(!format!("{user:?}").contains("a:b"));
        }
        assert!(User::parse(b"").unwrap_err().contains("USER:PASSWORD"));
        let user = User::parse(b"m\xFC:\xFF").unwrap();
        assert_eq!(user.password.unwrap(), b"\xFF");
    }

    #[test]
    fn addresses_of_hosts_as_in_curl() {
        let addresses = ["10.0.0.1", "::1", "::2"].map(|text| text.parse().unwrap());
        let expected = Resolve::new("a.example", 443, addresses.into()).unwrap();
        let text = "A.example:443:10.0.0.1,[::1],::2";
        assert_eq!(text.parse(), Ok(HostAddresses(expected)));
        assert!("*:80:10.0.0.1".parse::<HostAddresses>().is_ok());
        for (text, says) in [
            ("a.example", "write it as"),
            ("a.example:443", "write it as"),
            ("a.example:443:", "not an address"),
            ("a.example:443:b.example", "not an address"),
            ("a.example:x:10.0.0.1", "not a port"),
            ("10.0.0.1:443:10.0.0.2", "an address already"),
            ("a b:443:10.0.0.2", "not the name of a host"),
        ] {
            let message = text.parse::<HostAddresses>().unwrap_err();
            assert!(message.contains(says), "{text}: {message}");
        }
    }

    #[test]
    fn since_is_a_time_ago_or_an_instant() {
        let seconds = |text: &str| {
            let Since(then) = text.parse().unwrap();
            then.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        for text in [
            "2026-11-29",
            "2026-11-29T00:00:00Z",
            "2026-11-29T01:00:00+01:00",
            "2026-11-29T00:00",
        ] {
            assert_eq!(seconds(text), 1_795_910_400, "{text}");
        }
        let now = seconds("0s");
        assert!((now - seconds("2h")).abs_diff(7200) < 5);
        assert!((now - seconds("3d")).abs_diff(3 * 86_400) < 5);
        for text in ["yesterday", "", "-2h", "2026-13-01", "d"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_without_a_port_is_one_with_any() {
        for (text, shown) in [
            ("a.example", "a.example:*"),
            ("*.example", "*.example:*"),
            ("a.example:8080", "a.example:8080"),
            ("[::1]", "[::1]:*"),
            ("https://a.example", "https://a.example"),
        ] {
            assert_eq!(text.parse::<HostFilter>().unwrap().0.to_string(), shown);
        }
        assert!("a b".parse::<HostFilter>().is_err());
    }

    #[test]
    fn the_ending_names_the_format_of_the_results() {
        assert_eq!("-".parse(), Ok(ResultsTarget::Output));
        for (name, format) in [
            ("a.JSONL", ResultsFormat::Jsonl),
            ("a.b.ndjson", ResultsFormat::Jsonl),
            ("a.Csv", ResultsFormat::Csv { delimiter: ',' }),
            ("a.tsv", ResultsFormat::Csv { delimiter: '\t' }),
        ] {
            let file = ResultsTarget::File(name.into(), format);
            assert_eq!(name.parse(), Ok(file));
        }
        for name in [
            "a.txt",
            "a",
            ".csv",
            "a.csv.gz",
            "a.json",
            "/dev/stdout",
            "",
        ] {
            let refused = name.parse::<ResultsTarget>().unwrap_err();
            assert!(refused.contains(".jsonl, .ndjson, .csv"), "{refused}");
        }
        assert!("jsonl".parse::<ResultsTarget>().is_err());
    }
}
