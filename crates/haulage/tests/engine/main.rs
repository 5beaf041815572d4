//! The engine against an origin that does what it is told, through the public API alone.
#![expect(clippy::unwrap_used, reason = "a test may end so")]

mod addresses;
mod again;
mod aside;
mod bench;
mod caps;
mod certificates;
mod chaos;
mod codings;
mod courtesy;
mod entities;
mod existing;
mod fetching;
mod floods;
mod framing;
mod large;
mod limits;
mod lists;
mod mirrors;
mod next_run;
mod output;
mod patience;
mod progress;
mod rates;
mod redirects;
mod refreshing;
mod repeating;
mod resending;
mod resuming;
mod robots;
mod server_names;
mod slowness;
mod splitting;
mod stopping;
mod verifying;
mod versions;
