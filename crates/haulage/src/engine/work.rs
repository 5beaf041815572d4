//! What moves through the host queues.

use super::item::{Item, Segments};
use super::robots_query::RobotsQuery;

/// Something that waits for a lane of its host.
pub(super) enum Work {
    /// An item's next request.
    Item(Box<Item>),
    /// A segment of a file that other lanes are fetching, from this one of its sources.
    Segment(Segments, usize),
    /// A host's robots.txt, for which all waits that is to be requested there.
    Robots(Box<RobotsQuery>),
}
