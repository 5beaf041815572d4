//! Content codings: how a response says that its file was compressed (RFC 9110 §8.4).

use http::header::CONTENT_ENCODING;

use crate::error::{Error, ErrorKind};
use crate::plan::fields::Fields;

/// What is asked for with `Accept-Encoding`, best known first.
pub(crate) const ACCEPTED: &str = "gzip, br, zstd";
/// Most codings on top of one another. Honest servers apply one; each further one multiplies what a few bytes can stand
/// for, and the memory that undoing them takes (as in curl, after CVE-2022-32206).
const MOST: usize = 5;

/// A coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950: `deflate` in a zlib wrapper.
    Zlib,
    /// RFC 7932.
    Brotli,
    /// RFC 8878, with the window that RFC 9659 §3 allows.
    Zstd,
}

impl Coding {
    /// Its name as heads have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let is = |own: &str| name.eq_ignore_ascii_case(own);
        match () {
            // RFC 9110 §8.4.1.3.
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("deflate") => Some(Self::Zlib),
            () if is("br") => Some(Self::Brotli),
            () if is("zstd") => Some(Self::Zstd),
            () => None,
        }
    }
}

/// The codings of a response, in the order in which they are to be undone: the last one that was applied comes first.
///
/// # Errors
/// Of kind `decode`, for one that is unknown, and for too many.
pub(crate) fn to_undo(headers: &Fields) -> Result<Vec<Coding>, Error> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.as_bytes().split(|byte| *byte == b',') {
            let name = String::from_utf8_lossy(name.trim_ascii());
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            let coding = Coding::named(&name).ok_or_else(|| {
                refused(format!(
                    "the server sent the file in the coding {name:?}, which is unknown"
                ))
            })?;
            if codings.len() == MOST {
                return Err(refused(format!(
                    "the server sent the file in more than {MOST} codings, one on top of another"
                )));
            }
            codings.push(coding);
        }
    }
    codings.reverse();
    Ok(codings)
}

/// A failure to undo codings.
pub(crate) fn refused(what: String) -> Error {
    Error::new(
        ErrorKind::Decode,
        what + "; without --compressed it is saved as it was sent",
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&'static str]) -> Result<Vec<Coding>, Error> {
        let headers = values
            .iter()
            .map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value)))
            .collect();
        to_undo(&headers)
    }

    #[test]
    fn codings_are_undone_in_the_reverse_order_and_identity_is_none() {
        use Coding::{Brotli, Gzip, Zlib, Zstd};
        for (values, codings) in [
            (&[][..], &[][..]),
            (&["identity"], &[]),
            (&["", " , "], &[]),
            (&["x-gzip"], &[Gzip]),
            (&["GZip"], &[Gzip]),
            (&["deflate, br", "identity,zstd"], &[Zstd, Brotli, Zlib]),
            (&["br,br,br,br,br"], &[Brotli; 5]),
        ] {
            assert_eq!(of(values).unwrap(), codings, "{values:?}");
        }
        for coding in [Gzip, Zlib, Brotli, Zstd] {
            assert_eq!(Coding::named(coding.name()), Some(coding));
        }
    }

    #[test]
    fn what_is_unknown_or_too_much_is_refused() {
        for (values, says) in [
            (&["compress"][..], "\"compress\", which is unknown"),
            (&["gzip;q=1"], "unknown"),
            (&["gzip br"], "unknown"),
            (&["br,br,br", "br,br,br"], "more than 5"),
        ] {
            let error = of(values).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode);
            assert!(!error.is_transient());
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
