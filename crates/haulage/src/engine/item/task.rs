//! The tasks in the queues of hosts.

use super::robots_query::RobotsQuery;
use super::{Item, Segments};
use crate::http_url::HttpUrl;

/// A task of a run that waits for a lane of its host.
pub(crate) enum Task {
    /// An item's next request.
    Item(Box<Item>),
    /// A segment of a file that other lanes are fetching, and the number of its source.
    Segment(Segments, usize),
    /// A host's robots.txt. All requests to the host wait for it.
    Robots(Box<RobotsQuery>),
}

impl Task {
    /// Calls a function with the URL that is requested.
    pub(crate) fn with_url<T>(&self, call: impl FnOnce(&HttpUrl) -> T) -> T {
        match self {
            Self::Item(item) => call(item.url()),
            Self::Segment(segments, at) => {
                let source = segments.source(*at);
                call(segments.request_target(&source).url())
            }
            Self::Robots(query) => call(&query.hop.url),
        }
    }

    /// Returns the item whose next request it is; `None` for anything else.
    pub(crate) fn item(&self) -> Option<&Item> {
        match self {
            Self::Item(item) => Some(item),
            Self::Segment(..) | Self::Robots(_) => None,
        }
    }

    /// Returns the item whose next request it is; `None` for anything else.
    pub(crate) fn into_item(self) -> Option<Box<Item>> {
        match self {
            Self::Item(item) => Some(item),
            Self::Segment(..) | Self::Robots(_) => None,
        }
    }
}
