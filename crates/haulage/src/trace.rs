//! The targets under which the engine says what it does, through `tracing`. Their names are stable:
//! users name them in filters, such as `RUST_LOG=haulage::attempt=debug`.
//!
//! Nothing is said for each chunk of a body, and never a password: URLs have no userinfo, and
//! header fields are left out.

/// Runs that begin and end.
pub(crate) const RUN: &str = "haulage::run";
/// Connections that are made, with the times of their steps, and why they are given up.
pub(crate) const CONNECTION: &str = "haulage::connection";
/// Requests that have ended.
pub(crate) const ATTEMPT: &str = "haulage::attempt";
/// Limits that change, and hosts and proxies that are left alone.
pub(crate) const SCHEDULE: &str = "haulage::schedule";
/// Groups of files that are flushed and get their names.
pub(crate) const COMMIT: &str = "haulage::commit";
/// The database of a folder: when it is opened, and what is recorded.
pub(crate) const STATE: &str = "haulage::state";
