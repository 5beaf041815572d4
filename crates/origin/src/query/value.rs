//! The values of a query: bytes, and how they are parsed.

use std::borrow::Cow;
use std::time::Duration;

use h2::Reason;
use http::StatusCode;
use percent_encoding::percent_decode;

use crate::script::Frames;

/// The decoded value of a parameter. It need not be text.
#[derive(Debug)]
pub(super) struct Value(Vec<u8>);

/// Splits a query into names and values. Only the values are percent-decoded.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, Value)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (
            name.to_owned(),
            Value(percent_decode(value.as_bytes()).collect()),
        )
    })
}

impl Value {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    pub(super) fn number(&self) -> Result<u64, String> {
        number(&self.text())
    }

    /// Reads a number, or `endless`, which gives `u64::MAX`.
    pub(super) fn count(&self) -> Result<u64, String> {
        match &*self.text() {
            "endless" => Ok(u64::MAX),
            text => number(text),
        }
    }

    /// Reads a size in bytes, like [`size`]: `1500`, `5M`, `5MiB`, `5MB`, or `end`.
    pub(super) fn size(&self) -> Result<u64, String> {
        size(&self.text())
    }

    /// Reads a size in bytes; an empty value gives `unsaid`.
    pub(super) fn size_or(&self, unsaid: u64) -> Result<u64, String> {
        if self.0.is_empty() {
            Ok(unsaid)
        } else {
            self.size()
        }
    }

    /// Reads a time: `100ms` or `2s`.
    pub(super) fn time(&self) -> Result<Duration, String> {
        let text = self.text();
        match split(&text) {
            (digits, "ms") => number(digits).map(Duration::from_millis),
            (digits, "s") => number(digits).map(Duration::from_secs),
            _ => Err(format!("`{text}` is no time: 100ms and 2s are")),
        }
    }

    /// Reads the status of a final response: any valid one except 1xx.
    pub(super) fn status(&self) -> Result<StatusCode, String> {
        let status = StatusCode::from_bytes(&self.0).ok();
        let status = status.filter(|status| !status.is_informational());
        status.ok_or_else(|| format!("`{}` is no status of a response", self.text()))
    }

    /// Reads the status (1xx) of interim responses and how many to send, `102,20`, or only how
    /// many, `20`, which gives the status 103.
    pub(super) fn early(&self) -> Result<(u16, u64), String> {
        let Some((status, number)) = self.split() else {
            return Ok((103, self.count()?));
        };
        match status.number()? {
            status @ 100..=199 => Ok((u16::try_from(status).unwrap_or(103), number.count()?)),
            status => Err(format!("`{status}` is no status before a response")),
        }
    }

    /// Reads a kind of frames, and how many to send: `ping,1000`.
    pub(super) fn frames(&self) -> Result<(Frames, u64), String> {
        let (name, number) = self.split().ok_or("how many frames? say ping,1000")?;
        let frames = match &*name.text() {
            "ping" => Frames::Ping,
            "settings" => Frames::Settings,
            "data" => Frames::Data,
            "continuation" => Frames::Continuation,
            other => return Err(format!("there is no flood of `{other}`")),
        };
        Ok((frames, number.count()?))
    }

    /// Reads an error code of HTTP/2, by its name in RFC 9113 §7 or by its number. An empty value
    /// gives `INTERNAL_ERROR`.
    pub(super) fn reason(&self) -> Result<Reason, String> {
        let text = self.text();
        let known = (0..=13).map(Reason::from);
        match &*text {
            "" => Ok(Reason::INTERNAL_ERROR),
            text if text.starts_with(|c: char| c.is_ascii_digit()) => text
                .parse()
                .map(|code: u32| code.into())
                .map_err(|_| format!("`{text}` is no number of an error")),
            text => known
                .into_iter()
                .find(|reason| format!("{reason:?}") == text)
                .ok_or_else(|| format!("HTTP/2 knows no `{text}`")),
        }
    }

    /// Reads a header, `Name: value`. The value is trimmed, and need not be text.
    pub(super) fn header(&self) -> Result<(String, Self), String> {
        let colon = self.0.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or_else(|| format!("`{}` is no header", self.text()))?;
        let (name, value) = (&self.0[..colon], self.0[colon + 1..].trim_ascii());
        Ok((
            String::from_utf8_lossy(name).into_owned(),
            Self(value.to_vec()),
        ))
    }

    /// Splits the value at its first comma into a size in bytes and the rest. Fails if there is no
    /// comma or the size is invalid.
    pub(super) fn split_size(&self) -> Result<(u64, Self), String> {
        let (size, rest) = self
            .split()
            .ok_or_else(|| format!("`{}` lacks a comma and what follows", self.text()))?;
        Ok((size.size()?, rest))
    }

    fn split(&self) -> Option<(Self, Self)> {
        let comma = self.0.iter().position(|byte| *byte == b',')?;
        let (before, after) = (&self.0[..comma], &self.0[comma + 1..]);
        Some((Self(before.to_vec()), Self(after.to_vec())))
    }
}

/// Reads a size in bytes: `1500`, `5M` or `5MiB` (powers of 1024), or `5MB` (powers of 1000). `end`
/// gives `u64::MAX`, which is beyond the end of any body.
pub(super) fn size(text: &str) -> Result<u64, String> {
    if text == "end" {
        return Ok(u64::MAX);
    }
    let (digits, unit) = split(text);
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "kb" => 1_000,
        "m" | "mib" => 1 << 20,
        "mb" => 1_000_000,
        "g" | "gib" => 1 << 30,
        "gb" => 1_000_000_000,
        _ => return Err(format!("`{text}` is no size: 1500, 5M and 5MiB are")),
    };
    let size = number(digits)?.checked_mul(unit);
    size.ok_or_else(|| format!("`{text}` is too large"))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value(text.into())
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("3k", 3 << 10),
            ("3kb", 3000),
            ("2G", 2 << 30),
            ("end", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes));
        }
        for text in ["", "x", "-1", "1.5M", "1Q", "99999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reasons() {
        let named = value("REFUSED_STREAM").reason();
        assert_eq!(named, Ok(Reason::REFUSED_STREAM));
        assert_eq!(value("8").reason(), Ok(Reason::CANCEL));
        assert_eq!(value("").reason(), Ok(Reason::INTERNAL_ERROR));
        assert!(value("NONSENSE").reason().is_err());
    }

    #[test]
    fn two_in_one() {
        assert_eq!(value("20").early(), Ok((103, 20)));
        assert_eq!(value("100,endless").early(), Ok((100, u64::MAX)));
        assert_eq!(value("ping,7").frames(), Ok((Frames::Ping, 7)));
        let (size, rest) = value("1K,2s").split_size().unwrap();
        assert_eq!((size, rest.time()), (1024, Ok(Duration::from_secs(2))));
    }

    #[test]
    fn a_query_in_bytes() {
        let pairs: Vec<_> = pairs("a=%ff+b&c&d=e=f").collect();
        let names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "c", "d"]);
        let values: Vec<_> = pairs.iter().map(|(_, value)| value.bytes()).collect();
        assert_eq!(values, [&b"\xff+b"[..], b"", b"e=f"]);
    }
}
