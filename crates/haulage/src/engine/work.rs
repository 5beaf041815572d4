//! What moves through the host queues.

use std::sync::Arc;

use super::item::Item;
use super::robots::Query;
use super::split::Split;
use crate::credentials::Credentials;
use crate::fetch::origin;
use crate::http_url::HttpUrl;

/// Something that waits for a lane of its host.
pub(super) enum Work {
    /// An item's next request.
    Item(Box<Item>),
    /// A share of a file that other lanes are fetching, from this one of its sources.
    Share(Arc<Split>, usize),
    /// A host's robots.txt, for which all that is to be asked for there waits.
    Robots(Box<Query>),
}

/// Where a URL, as given, has led, or a mirror of it is; and with which credentials of its own.
pub(super) type Hop = (HttpUrl, Option<Credentials>);

/// The hop to where a redirect leads. Its credentials are those in that URL; else those of the hop
/// before it, within their origin.
pub(super) fn led_to((to, own): Hop, from: Option<&Hop>) -> Hop {
    let credentials = own.or_else(|| {
        let (hop, credentials) = from?;
        let is_theirs = origin::key(hop) == origin::key(&to);
        credentials.clone().filter(|_| is_theirs)
    });
    (to, credentials)
}

/// Where a request goes, and on whose behalf.
#[derive(Clone, Copy)]
pub(super) struct To<'a> {
    /// The URL as given.
    pub(super) given: &'a HttpUrl,
    /// Its own credentials.
    pub(super) credentials: Option<&'a Credentials>,
    /// Where that has led, and with which credentials.
    pub(super) hop: Option<&'a Hop>,
}

impl<'a> To<'a> {
    pub(super) fn url(&self) -> &'a HttpUrl {
        self.hop.map_or(self.given, |(url, _)| url)
    }
}
