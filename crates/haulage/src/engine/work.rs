//! What moves through the host queues.

use std::sync::Arc;

use url::Url;

use super::item::Item;
use super::split::Split;
use crate::fetch::origin;
use crate::request::Credentials;

/// Something that waits for a lane of its host.
pub(super) enum Work {
    /// An item's next request.
    Item(Box<Item>),
    /// A share of a file that other lanes are fetching, from this one of its sources.
    Share(Arc<Split>, usize),
}

/// Where a URL, as given, has led, or a mirror of it is; and with which credentials of its own.
pub(super) type Hop = (Url, Option<Credentials>);

/// Credentials of the hop that leads to this URL: they are good for its origin alone.
pub(super) fn credentials_at(hop: Option<&Hop>, url: &Url) -> Option<Credentials> {
    let (hop, credentials) = hop?;
    let credentials = credentials.as_ref()?;
    (origin::key(hop) == origin::key(url)).then(|| credentials.clone())
}

/// Where a request goes, and on whose behalf.
#[derive(Clone, Copy)]
pub(super) struct To<'a> {
    /// The URL as given.
    pub(super) given: &'a Url,
    /// Its own credentials.
    pub(super) credentials: Option<&'a Credentials>,
    /// Where that has led, and with which credentials.
    pub(super) hop: Option<&'a Hop>,
}

impl<'a> To<'a> {
    pub(super) fn url(&self) -> &'a Url {
        self.hop.map_or(self.given, |(url, _)| url)
    }
}
