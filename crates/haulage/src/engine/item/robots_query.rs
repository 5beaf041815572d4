//! A host's robots.txt that is being requested.

use std::time::Instant;

use crate::clock;
use crate::fetch::origin;
use crate::fetch::request_target::{Hop, RequestTarget};
use crate::http_url::HttpUrl;

/// A robots.txt that is being requested.
pub(crate) struct RobotsQuery {
    /// The key of the host whose robots.txt it is.
    pub(crate) host: Box<str>,
    /// A URL that nobody gave, so that no credentials or headers given for a URL are sent.
    nobodys: HttpUrl,
    /// Its URL, or where redirects have led.
    pub(crate) hop: Hop,
    pub(crate) hops: u32,
    /// How often it has failed since `since`.
    pub(crate) rounds: u32,
    pub(crate) since: Instant,
}

impl RobotsQuery {
    /// Returns the query for the host of a URL; `None` if it has no place for a robots.txt, which
    /// an http URL that was parsed always has.
    pub(crate) fn of(url: &HttpUrl) -> Option<Self> {
        Some(Self {
            host: origin::key(url).into(),
            nobodys: HttpUrl::of_nobody(),
            hop: url.join("/robots.txt").ok()?.into(),
            hops: 0,
            rounds: 0,
            since: clock::now(),
        })
    }

    /// Returns where its next request goes.
    pub(crate) fn request_target(&self) -> RequestTarget<'_> {
        RequestTarget {
            given: &self.nobodys,
            credentials: None,
            headers: None,
            hop: Some(&self.hop),
        }
    }
}
