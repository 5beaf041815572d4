//! What moves through the host queues.

use std::sync::Arc;

use url::Url;

use super::item::Item;
use super::split::Split;
use crate::request::Credentials;

/// Something that waits for a lane of its host.
pub(super) enum Work {
    /// An item's next request.
    Item(Box<Item>),
    /// A share of a file that other lanes are fetching.
    Share(Arc<Split>),
}

/// Where a request goes, and on whose behalf.
#[derive(Clone, Copy)]
pub(super) struct To<'a> {
    /// The URL as given.
    pub(super) given: &'a Url,
    /// Its own credentials.
    pub(super) credentials: Option<&'a Credentials>,
    /// Where that has led, and with which credentials.
    pub(super) hop: Option<&'a (Url, Option<Credentials>)>,
}

impl<'a> To<'a> {
    pub(super) fn url(&self) -> &'a Url {
        self.hop.map_or(self.given, |(url, _)| url)
    }
}
