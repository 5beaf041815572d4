//! Codings of a file: those of its content (RFC 9110 §8.4), and those that only the message has in
//! transit (RFC 9112 §7).

use http::header::{CONTENT_ENCODING, TRANSFER_ENCODING};

use crate::error::{Error, ErrorKind};
use crate::plan::fields::Fields;

/// The value of `Accept-Encoding`, the most common coding first. `deflate` is decoded but not
/// requested, because servers disagree about its meaning.
pub(crate) const ACCEPTED: &str = "gzip, br, zstd";
/// Maximum number of codings on top of one another. Honest servers apply one. Each further one
/// multiplies the bytes that a few can expand to, and the memory that decoding takes (as in curl,
/// after CVE-2022-32206).
const MAX_CODINGS: usize = 5;

/// A coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, a zlib wrapper around RFC 1951; or RFC 1951 alone, which some servers send (RFC
    /// 9110 §8.4.1.2).
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878, with the window that RFC 9659 §3 allows.
    Zstd,
}

/// A coding, and what it was applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) coding: Coding,
    pub(crate) level: Level,
}

/// What a coding was applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// The file, as its server stores or sends it.
    Content,
    /// The message. `is_chunked`: chunks say where it ends; otherwise it ends with the connection.
    Transfer { is_chunked: bool },
}

/// The transfer codings of a response.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Transfer {
    /// All but `chunked`, in the order in which they must be undone.
    pub(crate) codings: Vec<Coding>,
    pub(crate) is_chunked: bool,
}

impl Coding {
    /// Returns the name of the coding, as `Content-Encoding` has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the content coding of this name, in upper or lower case; `None` if it is unknown.
    fn named(name: &[u8]) -> Option<Self> {
        let is = |own: &str| name.eq_ignore_ascii_case(own.as_bytes());
        match () {
            () if is("br") => Some(Self::Brotli),
            () if is("zstd") => Some(Self::Zstd),
            () => Self::of_transfer(name),
        }
    }

    /// Returns the transfer coding of this name (RFC 9112 §7.2), in upper or lower case; `None` if
    /// it cannot be undone. `chunked` is not one of them.
    fn of_transfer(name: &[u8]) -> Option<Self> {
        let is = |own: &str| name.eq_ignore_ascii_case(own.as_bytes());
        match () {
            // RFC 9110 §8.4.1.3.
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("deflate") => Some(Self::Deflate),
            () => None,
        }
    }
}

/// Returns all codings of a response that must be undone, the one that was applied last first.
/// Transfer codings are always undone, content codings only if `undoes_content`.
///
/// # Errors
/// Of kind `protocol` or `decode`, if a coding is unknown, or if there are too many.
pub(crate) fn to_undo(headers: &Fields, undoes_content: bool) -> Result<Vec<Layer>, Error> {
    let transfer = transfer(headers)?;
    let level = Level::Transfer {
        is_chunked: transfer.is_chunked,
    };
    let layer = |level| move |coding| Layer { coding, level };
    let mut layers: Vec<_> = transfer.codings.into_iter().map(layer(level)).collect();
    if undoes_content {
        layers.extend(content(headers)?.into_iter().map(layer(Level::Content)));
    }
    if layers.len() > MAX_CODINGS {
        return Err(too_many());
    }
    Ok(layers)
}

/// Returns the transfer codings of a response (RFC 9112 §6.1). `chunked` may only be the last one,
/// and no coding has parameters (§7.1, §7.2). `identity`, which RFC 7230 removed, is skipped.
///
/// # Errors
/// Of kind `protocol`, if a coding cannot be undone, because the end of the body cannot be trusted
/// then; if a coding follows `chunked`; and if there are too many.
pub(crate) fn transfer(headers: &Fields) -> Result<Transfer, Error> {
    let mut transfer = Transfer::default();
    // Most responses have none.
    if !headers.contains_key(TRANSFER_ENCODING) {
        return Ok(transfer);
    }
    for name in headers.list(TRANSFER_ENCODING) {
        if transfer.is_chunked {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the server sent a transfer coding on top of chunked, so the end of the file cannot be told",
            ));
        }
        if name.eq_ignore_ascii_case(b"chunked") {
            transfer.is_chunked = true;
        } else if !name.eq_ignore_ascii_case(b"identity") {
            let coding = Coding::of_transfer(name).ok_or_else(|| unknown_transfer(name))?;
            transfer.codings.push(coding);
        }
        if transfer.codings.len() > MAX_CODINGS {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!("the server sent the file in more than {MAX_CODINGS} transfer codings"),
            ));
        }
    }
    transfer.codings.reverse();
    Ok(transfer)
}

fn unknown_transfer(name: &[u8]) -> Error {
    let name = String::from_utf8_lossy(name);
    Error::new(
        ErrorKind::Protocol,
        format!("the server sent the file in the transfer coding {name:?}, which cannot be undone"),
    )
}

/// Returns the content codings of a response, the one that was applied last first.
///
/// # Errors
/// Of kind `decode`, if a coding is unknown, or if there are too many.
pub(crate) fn content(headers: &Fields) -> Result<Vec<Coding>, Error> {
    let mut codings = Vec::new();
    for name in headers.list(CONTENT_ENCODING) {
        if is_none(name) {
            continue;
        }
        let coding = Coding::named(name).ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            refused(format!(
                "the server sent the file in the coding {name:?}, which is unknown"
            ))
        })?;
        if codings.len() == MAX_CODINGS {
            return Err(too_many());
        }
        codings.push(coding);
    }
    codings.reverse();
    Ok(codings)
}

/// Returns whether the name of a content coding means that there is none: `identity` (RFC 9110
/// §12.5.3), and what servers send there by mistake: words with the same meaning, the framing of an
/// upload to S3, and charsets.
pub(crate) fn is_none(name: &[u8]) -> bool {
    const NOTHING: [&str; 6] = ["identity", "none", "binary", "8bit", "7bit", "aws-chunked"];
    const CHARSETS: [&str; 26] = [
        "utf",
        "iso-",
        "iso8859",
        "iso_8859",
        "windows-",
        "cp",
        "us-ascii",
        "ascii",
        "latin",
        "koi8",
        "gb2312",
        "gb18030",
        "gbk",
        "big5",
        "euc-",
        "shift",
        "ansi",
        "hz-gb",
        "ibm",
        "macintosh",
        "ms_kanji",
        "sjis",
        "tis-620",
        "ucs-",
        "unicode",
        "x-mac",
    ];
    let begins_with = |start: &str| {
        let start = start.as_bytes();
        name.len() >= start.len() && name[..start.len()].eq_ignore_ascii_case(start)
    };
    NOTHING
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
        || CHARSETS.iter().any(|charset| begins_with(charset))
        || begins_with("charset=")
}

fn too_many() -> Error {
    refused(format!(
        "the server sent the file in more than {MAX_CODINGS} codings, one on top of another"
    ))
}

/// Returns an error of kind `decode` for content codings that cannot be undone; `what` says why.
pub(crate) fn refused(what: String) -> Error {
    Error::new(
        ErrorKind::Decode,
        what + "; without --compressed it is saved as it was sent",
    )
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use Coding::{Brotli, Deflate, Gzip, Zstd};

    fn head(name: &HeaderName, values: &[&'static str]) -> Fields {
        let lines = values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_static(value)));
        lines.collect()
    }

    fn content_of(values: &[&'static str]) -> Result<Vec<Coding>, Error> {
        content(&head(&CONTENT_ENCODING, values))
    }

    fn transfer_of(values: &[&'static str]) -> Result<Transfer, Error> {
        transfer(&head(&TRANSFER_ENCODING, values))
    }

    #[test]
    fn codings_are_undone_in_the_reverse_order() {
        for (values, codings) in [
            (&[][..], &[][..]),
            (&["", " , "], &[]),
            (&["x-gzip"], &[Gzip]),
            (&["GZip"], &[Gzip]),
            (&["deflate, br", "identity,zstd"], &[Zstd, Brotli, Deflate]),
            (&["br,br,br,br,br"], &[Brotli; 5]),
        ] {
            assert_eq!(content_of(values).unwrap(), codings, "{values:?}");
        }
        for coding in [Gzip, Deflate, Brotli, Zstd] {
            assert_eq!(Coding::named(coding.name().as_bytes()), Some(coding));
        }
    }

    #[test]
    fn words_that_are_no_coding_are_left_out() {
        for value in [
            "identity",
            "None",
            "utf-8",
            "TIS-620",
            "x-mac-roman",
            "cp866",
            "UTF8",
            "iso-8859-1",
            "windows-1252",
            "US-ASCII",
            "Shift_JIS",
            "charset=utf-8",
            "binary",
            "aws-chunked",
            "",
        ] {
            assert_eq!(content_of(&[value]).unwrap(), [], "{value}");
            assert_eq!(content_of(&[value, "gzip"]).unwrap(), [Gzip], "{value}");
        }
    }

    #[test]
    fn unknown_or_too_many_codings_are_refused() {
        for (values, says) in [
            (&["compress"][..], "\"compress\", which is unknown"),
            (&["gzip;q=1"], "unknown"),
            (&["gzip br"], "unknown"),
            (&["br,br,br", "br,br,br"], "more than 5"),
        ] {
            let error = content_of(values).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode);
            assert!(!error.is_transient());
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn transfer_codings_end_with_chunked_or_without_it() {
        for (values, codings, is_chunked) in [
            (&[][..], &[][..], false),
            (&[""], &[], false),
            (&["identity"], &[], false),
            (&["Chunked"], &[], true),
            (&["identity, , chunked,"], &[], true),
            (&["GZIP", ", chunked"], &[Gzip], true),
            (&["x-gzip\t,deflate, chunked"], &[Deflate, Gzip], true),
            (&["deflate"], &[Deflate], false),
            (&["gzip,gzip,gzip,gzip,gzip,chunked"], &[Gzip; 5], true),
        ] {
            let codings = codings.to_vec();
            let expected = Transfer {
                codings,
                is_chunked,
            };
            assert_eq!(transfer_of(values).unwrap(), expected, "{values:?}");
        }
    }

    #[test]
    fn other_transfer_codings_are_no_http() {
        for values in [
            &["br"][..],
            &["zstd, chunked"],
            &["compress, chunked"],
            &["x-compress"],
            &["xchunked"],
            &["chunked, gzip"],
            &["chunked, identity"],
            &["chunked", "chunked"],
            &["chunked, chunked"],
            &["chunked;a=b"],
            &["gzip;q=0.5, chunked"],
            &["gzip chunked"],
            &["\"chunked\""],
            &["utf-8"],
            &["gzip,gzip,gzip,gzip,gzip,gzip,chunked"],
        ] {
            let error = transfer_of(values).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{values:?}");
        }
    }

    #[test]
    fn transfer_codings_are_undone_before_those_of_the_content() {
        let mut headers = head(&TRANSFER_ENCODING, &["deflate, gzip, chunked"]);
        headers.insert(&CONTENT_ENCODING, "zstd");
        let level = Level::Transfer { is_chunked: true };
        let transfer = [Gzip, Deflate].map(|coding| Layer { coding, level });
        assert_eq!(to_undo(&headers, false).unwrap(), transfer);
        let content = Layer {
            coding: Zstd,
            level: Level::Content,
        };
        let all = [transfer[0], transfer[1], content];
        assert_eq!(to_undo(&headers, true).unwrap(), all);
        headers.insert(&CONTENT_ENCODING, "br, br, br");
        assert!(to_undo(&headers, true).is_err());
    }
}
