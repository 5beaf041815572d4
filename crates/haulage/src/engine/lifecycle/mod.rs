//! The one loop of the engine: work is queued, an attempt is made, and what follows from that is
//! queued again or ends.

pub(crate) mod attempt;
pub(crate) mod enqueue;
pub(crate) mod finish;
pub(crate) mod hold;
pub(crate) mod proxy_outage;
pub(crate) mod segments;
pub(crate) mod unchanged;
