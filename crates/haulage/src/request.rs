//! One row of what is wanted: a URL, and what its row says of it.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::check::Expected;
use crate::checksum::Checksum;
use crate::credentials::Credentials;
use crate::credentials::netrc::Netrc;
use crate::error::{Error, ErrorKind};
use crate::http_url::{HttpUrl, Parsed, UrlError};
use crate::options::{HostPattern, check_header};
use crate::pieces::PieceHashes;
use crate::plan::name::RelativeName;
use crate::redact::{redacted, without_userinfo};
use crate::request_key::RequestKey;
use crate::row_location::RowLocation;

/// A file that is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) url: HttpUrl,
    pub(crate) given: Arc<str>,
    pub(crate) credentials: Option<Credentials>,
    /// Other URLs of the same file, each with its own credentials.
    pub(crate) mirrors: Vec<Parsed>,
    pub(crate) name: Option<RelativeName>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) location: Option<RowLocation>,
    /// One for each algorithm, in order.
    pub(crate) checksums: Vec<Checksum>,
    /// What it asks for, where that is to be recorded for later runs.
    pub(crate) key: Option<RequestKey>,
    /// What few rows have.
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few rows have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    /// Sent with its requests, in place of those of its run.
    pub(crate) headers: HeaderMap,
    /// The length of its file, in bytes.
    pub(crate) size: Option<u64>,
    /// The hashes of the pieces of its file.
    pub(crate) pieces: Option<PieceHashes>,
    /// Carried to its outcome: names and values, which are JSON.
    pub(crate) carried: Vec<(Arc<str>, Arc<str>)>,
}

impl Request {
    /// Returns a request for one `http` or `https` URL. Userinfo in it becomes Basic credentials
    /// for that origin and is seen nowhere else.
    ///
    /// Path and query are sent as they are, byte for byte. Only `.` and `..` segments are resolved,
    /// spaces, `"`, `<`, `>` and characters beyond ASCII are percent-encoded, and the fragment is
    /// left out.
    ///
    /// # Errors
    /// Of kind `input`, when the text is no absolute `http` or `https` URL, or has a control
    /// character in it.
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::parsed_by(HttpUrl::parse, url)
    }

    /// Returns the same, with a parser that reads URLs as [`HttpUrl::parse`] does.
    pub(crate) fn parsed_by(
        parse: impl FnOnce(&str) -> Result<Parsed, UrlError>,
        url: &str,
    ) -> Result<Self, Error> {
        if !url.contains("://") {
            return Err(input(format!(
                "{:?} is not a URL: it has no scheme; write http:// or https:// before it",
                redacted(url)
            )));
        }
        let (parsed, credentials) = parse(url).map_err(|cause| not_a_url(url, cause))?;
        let mut given: Arc<str> = url.into();
        if credentials.is_some() {
            given = without_userinfo(url).into();
            // However it was written: what is shown is known to be without them.
            if HttpUrl::parse(&given) != Ok((parsed.clone(), None)) {
                given = parsed.as_str().into();
            }
        }
        Ok(Self {
            url: parsed,
            given,
            credentials,
            mirrors: Vec::new(),
            name: None,
            label: None,
            location: None,
            checksums: Vec::new(),
            key: None,
            extra: None,
        })
    }

    /// Returns the origin of its URL: scheme, name, and port where it is not the scheme's own. What
    /// an engine allows for a host, it allows for each origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.url.origin()
    }

    /// Returns whether the host of its URL is one of a pattern's.
    #[must_use]
    pub fn is_at(&self, hosts: &HostPattern) -> bool {
        hosts.matches(&self.url)
    }

    /// Returns whether a netrc has a login of this user for the host of its URL.
    #[must_use]
    pub fn has_login_in(&self, netrc: &Netrc, user: &[u8]) -> bool {
        let (host, _) = self.url.host_and_port();
        netrc.of_machine(host, Some(user)).is_some()
    }

    /// Adds a mirror, another URL with the same file. It is used when the URLs before it have
    /// failed. What was given for the first URL's origin (`-u`, headers that tell something about
    /// the user) is not sent to it, unless it has the same origin.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn mirror(mut self, url: &str) -> Result<Self, Error> {
        let mirror = Self::new(url)?;
        self.mirrors.push((mirror.url, mirror.credentials));
        Ok(self)
    }

    /// Sets the name of its file, a path relative to the destination.
    ///
    /// # Errors
    /// Of kind `name`, for an absolute path, one with `..`, or an empty one.
    pub fn named(mut self, name: &str) -> Result<Self, Error> {
        self.name = Some(RelativeName::from_user(name)?);
        Ok(self)
    }

    /// Adds a checksum that its file must have.
    ///
    /// # Errors
    /// Of kind `input`, when it has another one of the same algorithm.
    pub fn checksum(mut self, checksum: Checksum) -> Result<Self, Error> {
        let key = |known: &Checksum| known.algorithm().cmp(&checksum.algorithm());
        match self.checksums.binary_search_by(key) {
            Ok(at) if self.checksums[at] == checksum => {}
            Ok(_) => {
                return Err(input(format!(
                    "there are two different checksums {}; leave the right one",
                    checksum.algorithm()
                )));
            }
            Err(at) => self.checksums.insert(at, checksum),
        }
        Ok(self)
    }

    /// Sets the label, which reports of progress show for it.
    #[must_use]
    pub fn labelled(mut self, label: &str) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the place where it was read.
    #[must_use]
    pub fn read_at(mut self, location: RowLocation) -> Self {
        self.location = Some(location);
        self
    }

    /// Adds a header that is sent with its requests, in place of those of its run that have the
    /// same name. To another origin than that of its URL only those go that tell nothing about the
    /// user (such as `Accept-Language`). Its name and value are no part of what tells rows apart.
    ///
    /// # Errors
    /// Of kind `input`, for a header that is haulage's own to send, such as `Range`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Result<Self, Error> {
        check_header(&name)?;
        self.extra
            .get_or_insert_default()
            .headers
            .append(name, value);
        Ok(self)
    }

    /// Sets the length that its file must have, in bytes. One of another length fails, as a rule
    /// before any of it is received: it may be the page of a login, or of an error.
    #[must_use]
    pub fn sized(mut self, bytes: u64) -> Self {
        self.extra.get_or_insert_default().size = Some(bytes);
        self
    }

    /// Sets the hashes of the pieces of its file. If the file is there and damaged, only the pieces
    /// that are damaged are fetched again. They are used if its length is known
    /// ([`sized`](Self::sized)) and they are as many as it has.
    #[must_use]
    pub fn pieces(mut self, pieces: PieceHashes) -> Self {
        self.extra.get_or_insert_default().pieces = Some(pieces);
        self
    }

    /// Returns the same without the hashes of its pieces.
    pub(crate) fn without_pieces(mut self) -> Self {
        if let Some(extra) = &mut self.extra {
            extra.pieces = None;
        }
        self
    }

    /// Returns the hashes of the pieces of its file; `None` if they are not known.
    pub(crate) fn piece_hashes(&self) -> Option<&PieceHashes> {
        self.extra.as_ref()?.pieces.as_ref()
    }

    /// Returns the hashes of the pieces of its file and its length; `None` if they are not known,
    /// or do not agree.
    pub(crate) fn usable_pieces(&self) -> Option<(&PieceHashes, u64)> {
        let (pieces, size) = (self.piece_hashes()?, self.size()?);
        (size > 0 && pieces.fit(size)).then_some((pieces, size))
    }

    /// Returns whether the whole of its file is compared with hashes that the row has.
    pub(crate) fn is_checked(&self) -> bool {
        !self.checksums.is_empty() || self.usable_pieces().is_some()
    }

    /// Adds something that is carried to its [`Outcome`](crate::Outcome::carried), and means
    /// nothing to the engine. The value is JSON (RFC 8259), such as `"text"` with its quotes, `1.5`
    /// or `null`: results show it as what it is, and a value that is no JSON as a string.
    #[must_use]
    pub fn carrying(mut self, name: Arc<str>, value: Arc<str>) -> Self {
        self.extra
            .get_or_insert_default()
            .carried
            .push((name, value));
        self
    }

    /// Returns the headers of its own; `None` if it has none.
    pub(crate) fn headers(&self) -> Option<&HeaderMap> {
        let headers = &self.extra.as_ref()?.headers;
        (!headers.is_empty()).then_some(headers)
    }

    /// Returns what is known of its file: its length, its checksums, the hashes of its pieces.
    #[must_use]
    pub fn expected(&self) -> Expected {
        Expected {
            length: self.size(),
            checksums: self.checksums.clone(),
            pieces: self.piece_hashes().cloned(),
        }
    }

    /// Returns the length that its file must have; `None` if it may have any.
    pub(crate) fn size(&self) -> Option<u64> {
        self.extra.as_ref()?.size
    }

    /// Returns what is carried to its outcome.
    pub(crate) fn carried(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let extra = self.extra.as_ref();
        extra.map_or_else(Vec::new, |extra| extra.carried.clone())
    }

    /// Returns the URLs of its mirrors, without userinfo.
    pub fn mirrors(&self) -> impl Iterator<Item = &str> {
        self.mirrors.iter().map(|(url, _)| url.as_str())
    }

    /// Returns the name of its file, a path relative to the destination; `None` if it gives none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(RelativeName::as_str)
    }

    /// Returns the URL as it was given, without userinfo.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.given
    }
}

/// A row that is no request: it becomes a failed outcome of its own and stops no other.
#[derive(Debug)]
pub struct BadRow {
    /// What stands there, as far as it can be shown.
    pub text: String,
    /// Where it stands.
    pub location: Option<RowLocation>,
    /// Why it cannot be used.
    pub error: Error,
}

impl BadRow {
    /// Creates a bad row that was read in no list. What is shown of its text has no userinfo in it,
    /// and is cut where it is long.
    #[must_use]
    pub fn new(text: &str, error: Error) -> Self {
        Self {
            text: redacted(text),
            location: None,
            error,
        }
    }
}

/// What a source yields for each row.
pub type Row = Result<Request, BadRow>;

/// Returns the error for a text that is no URL.
pub(crate) fn not_a_url(text: &str, cause: UrlError) -> Error {
    let text = redacted(text);
    let message = match &cause {
        UrlError::NotHttp(_) => format!("{text:?} cannot be fetched: only http and https can"),
        _ => format!("{text:?} is not a URL: {cause}"),
    };
    input(message).caused_by(cause)
}

fn input(message: String) -> Error {
    Error::new(ErrorKind::Input, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_becomes_credentials_and_is_seen_nowhere() {
        let request = Request::new("http://me:s%40crt@host.example/a@b?c").unwrap();
        assert_eq!(request.url(), "http://host.example/a@b?c");
        assert_eq!(request.url.as_str(), "http://host.example/a@b?c");
        let credentials = request.credentials.clone().unwrap();
        assert_eq!(credentials, Credentials::new("me", "s@crt"));
        assert!(!format!("{request:?}").contains("crt"));
    }

    #[test]
    fn userinfo_is_found_wherever_the_parser_finds_it() {
        for url in [
            "http:///u:secret@h/x",
            "http:/\\u:secret@h/x?://",
            "http:\\\\u:secret@h/x?://",
            "http:u:secret@h/x?://",
            "http://u:secr@et@h/x",
        ] {
            let request = Request::new(url).unwrap();
            assert!(request.credentials.is_some(), "{url}");
            assert!(!request.url().contains("secr"), "{}", request.url());
            assert_eq!(request.url.origin(), "http://h");
        }
    }

    #[test]
    fn what_is_no_url_says_why_without_its_secrets() {
        for (text, says) in [
            ("example.org/a", "no scheme"),
            ("ftp://u:secret@example.org/a", "only http and https"),
            ("http://u:secret@exa mple.org/", "is not a URL"),
            ("http://", "is not a URL"),
            ("u:secret@example.org/a", "no scheme"),
            ("http:///u:secret@exa mple/", "is not a URL"),
            ("http://u:sec\tret@h/", "control character"),
            ("http://u:secret\\@h/", "backslash"),
            ("http:\t//u:secret@h/", "is not a URL"),
            ("http:/\n/u:secret@h/", "is not a URL"),
        ] {
            let message = Request::new(text).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
