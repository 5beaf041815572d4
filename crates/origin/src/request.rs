//! A request, as routes see it.

use http::{HeaderMap, Method, Version};
use url::form_urlencoded;

/// A request, as a route's function sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its path with the query, as it was sent: percent-encoded.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// The version of HTTP of its connection.
    pub version: Version,
    /// The number of its connection, from 1.
    pub connection: u64,
    /// How often its path has been requested, with any query, this time included.
    pub nth: u64,
}

impl Request {
    /// Returns the path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        path(&self.target)
    }

    /// Returns the first value of this name in the query, decoded; `None` if there is none.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

fn path(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}
