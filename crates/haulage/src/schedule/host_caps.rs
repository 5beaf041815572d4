//! The limits of one host: the general ones, unless the user gave it its own.

use std::time::{Duration, Instant};

use super::host_limit::{self, HostLimit};
use super::{Caps, HostId, Schedule};
use crate::options::RunOptions;

/// The limits of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostCaps {
    /// As [`Caps::per_host`].
    pub(super) per_host: usize,
    /// As [`Caps::streams`].
    pub(super) streams: usize,
    /// As [`Caps::start`].
    pub(super) start: usize,
    /// As [`Caps::delay`].
    pub(super) delay: Duration,
}

impl From<&Caps> for HostCaps {
    fn from(caps: &Caps) -> Self {
        Self {
            per_host: caps.per_host,
            streams: caps.streams,
            start: caps.start,
            delay: caps.delay,
        }
    }
}

/// The limits that the user gave one host. `None`: the general limit holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OwnCaps {
    pub(crate) per_host: Option<usize>,
    pub(crate) delay: Option<Duration>,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Gives a host of which nothing is known yet limits of its own.
    pub(crate) fn give_caps(&mut self, id: HostId, own: OwnCaps, now: Instant) {
        let host = &mut self.hosts[id.0];
        if let Some(per_host) = own.per_host {
            host.caps.per_host = per_host;
            host.caps.streams = per_host;
            host.caps.start = host_limit::first(Some(per_host), RunOptions::DEFAULT_SPLIT);
            host.limit = HostLimit::new(host.caps.start, per_host, now);
            if self.connects_ahead {
                host.ahead.left = per_host;
            }
        }
        if let Some(delay) = own.delay {
            host.caps.delay = delay;
        }
        self.keep_delay(id, Duration::ZERO);
    }
}
