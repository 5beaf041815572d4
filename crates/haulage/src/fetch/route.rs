//! Where a request goes: to the URL as given, or to where a redirect or a mirror has led from it.

use http::HeaderMap;
use http::header::SET_COOKIE;

use super::origin;
use crate::cookies::CookieJar;
use crate::credentials::Credentials;
use crate::http_url::{HttpUrl, Parsed};
use crate::plan::fields::Fields;

/// A URL to which the one as given has led, by a redirect or as its mirror.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    pub(crate) url: HttpUrl,
    /// Its own credentials.
    pub(crate) credentials: Option<Credentials>,
    /// What the redirects that have led here have set; `None` if that is nothing.
    pub(crate) cookies: Option<CookieJar>,
    /// Which cookies the run had for the URL that has led here; `None` if nobody asks.
    pub(crate) cookies_at_home: Option<u64>,
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
        Self {
            url,
            credentials,
            cookies: before.and_then(|before| before.cookies.clone()),
            cookies_at_home: None,
        }
    }

    /// Learns what the redirect that leads here has set, if that is the first one to set a cookie.
    /// What later ones set, the jar learns like any other.
    pub(crate) fn learning(mut self, from: &HttpUrl, fields: &Fields) -> Self {
        if self.cookies.is_none() && fields.contains_key(SET_COOKIE) {
            let jar = self.cookies.insert(CookieJar::new());
            jar.learn(from, fields);
        }
        self
    }
}

impl From<Parsed> for Hop {
    fn from((url, credentials): Parsed) -> Self {
        Self {
            url,
            credentials,
            cookies: None,
            cookies_at_home: None,
        }
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
    /// Returns the cookies of the request: those of its run, or else those that the redirects
    /// before it have set.
    pub(crate) fn cookies(&self, of_run: Option<&'a CookieJar>) -> Option<&'a CookieJar> {
        of_run.or_else(|| self.hop?.cookies.as_ref())
    }

    /// Returns the URL that is requested.
    pub(crate) fn url(&self) -> &'a HttpUrl {
        self.hop.map_or(self.given, |hop| &hop.url)
    }
}
