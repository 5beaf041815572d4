//! The HTTP/2 connections of a host, which its lanes share: usually one, or several if that raises
//! throughput.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::spread::Now;
use super::{HostId, Schedule};

/// Requests in flight for each of several connections, at least: with fewer, their latency would
/// limit the throughput.
const STREAMS_EACH: usize = 4;

/// What a lane knows of the connection that it shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// The round-trip time.
    pub(crate) round_trip: Duration,
    /// Whether packets were lost recently, at several times.
    pub(crate) is_lossy: bool,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Records how many requests at once the server allows on a connection that lanes share
    /// (`SETTINGS_MAX_CONCURRENT_STREAMS`, RFC 9113 §6.5.2).
    pub(crate) fn on_max_streams(&mut self, id: HostId, streams: usize) {
        self.hosts[id.0].streams_each = streams;
        self.count_streams(id);
    }

    /// Changes the most that the host may have in flight to what all its connections allow.
    fn count_streams(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0];
        let streams = host
            .streams_each
            .saturating_mul(host.shared_all().len().max(1));
        let most = streams.min(host.caps.streams);
        if host.limit.most() != most {
            host.limit.set_most(most);
            self.offer(id);
        }
    }

    /// Records that the shared connection with this number can no longer be used.
    pub(crate) fn on_connection_lost(&mut self, id: HostId, connection: u64) {
        let host = &mut self.hosts[id.0];
        host.on_connection_lost(connection);
        if !host.shared_all().is_empty() {
            self.count_streams(id);
        }
    }

    /// Returns the connections that a host's lanes share, with their numbers.
    pub(crate) fn shared(&self, id: HostId) -> &[(u64, S)] {
        self.hosts[id.0].shared_all()
    }

    /// Looks whether more connections would bring more, where one is shared whose `path` is this.
    /// Returns the host's key if the caller is to open another one, and to
    /// [report](Self::on_another_opened) what came of it.
    pub(crate) fn wants_connection(
        &mut self,
        id: HostId,
        path: Path,
        now: Instant,
    ) -> Option<Arc<str>> {
        let host = &mut self.hosts[id.0];
        let open = host.shared_all().len();
        let all_streams = host.streams_each.saturating_mul(open);
        // Requests that are spread over time are few on purpose.
        let is_paced = host.limit.now() <= 1 || !host.delay.is_zero();
        let is_calm = host.limit.is_calm(now);
        let is_full = host.limit.now() >= all_streams && all_streams < host.caps.streams;
        host.spread.look(Now {
            time: now,
            trip: path.round_trip,
            came: host.came(),
            has_reason: is_calm && (path.is_lossy || is_full),
            is_saturated: !is_paced && open > 0 && host.is_saturated(),
            open,
            most: host.caps.per_host,
        });
        if host.spread.wanted() < open {
            host.keep_shared(host.spread.wanted());
            self.count_streams(id);
            return None;
        }
        // Refusals take precedence over this minimum.
        let worth_it = if is_calm && open > 1 {
            STREAMS_EACH * open
        } else {
            0
        };
        let is_more = worth_it > std::mem::replace(&mut host.least_streams, worth_it);
        let wants = open > 0 && open + host.opening < host.spread.wanted();
        host.opening += usize::from(wants);
        let key = wants.then(|| Arc::clone(&host.key));
        if is_more {
            self.offer(id);
        }
        key
    }

    /// Records that another connection was opened for a host; `shared` is `None` if it could not
    /// be.
    pub(crate) fn on_another_opened(&mut self, id: HostId, shared: Option<(u64, S)>, now: Instant) {
        let host = &mut self.hosts[id.0];
        host.opening -= 1;
        let open = host.shared_all().len();
        match shared {
            // If all others are closed, the host counts as unknown, and this one is not used.
            Some(shared) if open > 0 && open < host.spread.wanted() => host.add_shared(shared),
            Some(_) => {}
            None => host.spread.on_connect_failed(open, now),
        }
        self.count_streams(id);
        self.offer(id);
        self.forget_if_unused(id);
    }
}
