//! The options of an engine: whatever a server can observe of the program as a whole.

use std::num::NonZeroU64;
use std::time::Duration;

use super::{HostLimits, RunOptions};
use crate::error::{Error, ErrorKind};

/// The options of an engine. They hold for all its runs together.
/// [`Engine::start`](crate::Engine::start) checks them.
///
/// ```
/// use haulage::EngineOptions;
///
/// let mut options = EngineOptions::default();
/// options.jobs = 4;
/// assert_eq!(options.per_host, None);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// Maximum number of requests in flight at once, at least 1.
    pub jobs: usize,
    /// Maximum concurrent requests to one host (scheme, name and port), and maximum HTTP/1
    /// connections to it, idle ones included; at least 1. `None`:
    /// [`DEFAULT_PER_HOST`](Self::DEFAULT_PER_HOST) over HTTP/1, and as many as the server allows
    /// over HTTP/2 (`SETTINGS_MAX_CONCURRENT_STREAMS`, RFC 9113 §6.5.2), at most
    /// [`jobs`](Self::jobs).
    pub per_host: Option<usize>,
    /// Maximum concurrent requests through one proxy, at least 1; `None` sets no limit.
    /// [`per_host`](Self::per_host) applies as well.
    pub per_proxy: Option<usize>,
    /// Minimum time between two requests to one host.
    pub delay: Duration,
    /// Maximum bytes per second of files, from all hosts together; `None` sets no limit.
    /// [`Engine::limit_rate`](crate::Engine::limit_rate) changes it.
    pub limit_rate: Option<NonZeroU64>,
    /// Maximum bytes per second of files, from each host; `None` sets no limit.
    pub limit_rate_per_host: Option<NonZeroU64>,
    /// Other limits for some hosts.
    pub hosts: Vec<HostLimits>,
    /// Number of network threads, at most [`MAX_THREADS`](Self::MAX_THREADS); `None` chooses it by
    /// the machine.
    pub threads: Option<usize>,
}

impl EngineOptions {
    /// The default of [`jobs`](Self::jobs).
    pub const DEFAULT_JOBS: usize = 64;
    /// The default of [`per_host`](Self::per_host) over HTTP/1.
    pub const DEFAULT_PER_HOST: usize = 16;
    /// More [`threads`](Self::threads) are refused: one of them serves thousands of requests.
    pub const MAX_THREADS: usize = 256;

    /// Checks what the types leave open.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let refuse = |what: &str| Err(Error::new(ErrorKind::Input, what));
        if self.jobs == 0 {
            return refuse("jobs must be at least 1");
        }
        if self.per_host == Some(0) {
            return refuse("per-host must be at least 1");
        }
        if self.per_proxy == Some(0) {
            return refuse("per-proxy must be at least 1");
        }
        if let Some(threads) = self.threads
            && !(1..=Self::MAX_THREADS).contains(&threads)
        {
            return refuse(&format!("threads must be 1 to {}", Self::MAX_THREADS));
        }
        if self.delay > RunOptions::LONGEST_WAIT {
            return refuse("a delay of more than a year is none; choose a shorter one");
        }
        self.hosts.iter().try_for_each(HostLimits::validate)
    }
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            jobs: Self::DEFAULT_JOBS,
            per_host: None,
            per_proxy: None,
            delay: Duration::ZERO,
            limit_rate: None,
            limit_rate_per_host: None,
            hosts: Vec::new(),
            threads: None,
        }
    }
}
