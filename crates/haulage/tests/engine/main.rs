//! The engine against an origin that does what it is told, through the public API alone.
#![expect(clippy::unwrap_used, reason = "a test may end so")]

mod addresses;
mod bench;
mod caps;
mod chaos;
mod fetching;
mod floods;
mod framing;
mod limits;
mod lists;
mod patience;
mod redirects;
mod repeating;
mod resending;
mod slowness;
mod stopping;
mod versions;
