//! Where a request goes: to the URL as given, or to where a redirect or a mirror has led from it.

use http::HeaderMap;

use super::origin;
use crate::credentials::Credentials;
use crate::http_url::{HttpUrl, Parsed};

/// A URL to which the one as given has led, by a redirect or as its mirror.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    pub(crate) url: HttpUrl,
    /// Its own credentials.
    pub(crate) credentials: Option<Credentials>,
}

impl Hop {
    /// Returns the hop to which a redirect leads. Its credentials are those in its own URL, else
    /// those of the hop `before` it, if both have the same origin.
    pub(crate) fn follow((url, own): Parsed, before: Option<&Self>) -> Self {
        let credentials = own.or_else(|| {
            let before = before?;
            let is_same_origin = origin::key(&before.url) == origin::key(&url);
            before.credentials.clone().filter(|_| is_same_origin)
        });
        Self { url, credentials }
    }
}

impl From<Parsed> for Hop {
    fn from((url, credentials): Parsed) -> Self {
        Self { url, credentials }
    }
}

/// Where one request goes, and on whose behalf.
#[derive(Clone, Copy)]
pub(crate) struct RequestTarget<'a> {
    /// The URL as given.
    pub(crate) given: &'a HttpUrl,
    /// The credentials that were given for it.
    pub(crate) credentials: Option<&'a Credentials>,
    /// The headers that were given for it alone; `None` if there are none.
    pub(crate) headers: Option<&'a HeaderMap>,
    /// Where it has led, if anywhere.
    pub(crate) hop: Option<&'a Hop>,
}

impl<'a> RequestTarget<'a> {
    /// Returns the URL that is requested.
    pub(crate) fn url(&self) -> &'a HttpUrl {
        self.hop.map_or(self.given, |hop| &hop.url)
    }
}
