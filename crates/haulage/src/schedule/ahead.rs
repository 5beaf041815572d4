//! Connections that are opened ahead of the requests that will use them, so that a growing limit
//! does not wait for handshakes.
//!
//! Over HTTP/1.1 a host with enough queued work gets up to twice as many connections as it may
//! have requests in flight: the limit may double with the next responses. Where the round trip is
//! long it may leap, and as many connections are opened as that needs. While it is not known what
//! the host speaks, one connection is opened beside the first: a host that speaks HTTP/2 needs
//! none of them. Where one file is all that is downloaded, over a long way, its other segments get
//! their connections while its first request is answered. A host gets no more of them once it has
//! refused anything, and none as long as other hosts wait for a slot. Connections are within
//! `per_host` in any case.

use std::sync::Arc;
use std::time::Duration;

use super::host::{Host, Protocol};
use super::host_limit::LEAP;
use super::{Grant, HostId, Schedule};

impl<W, L, S> Host<W, L, S> {
    /// Returns how many lanes it may have, idle ones and those that connect ahead included.
    pub(super) fn most_lanes(&self) -> usize {
        let limit = self.limit();
        if self.ahead.left == 0 {
            return limit;
        }
        let lanes = match self.protocol() {
            Protocol::Unknown => limit.min(2),
            Protocol::Exclusive if self.limit.may_leap(self.trip) => limit * LEAP,
            Protocol::Exclusive => limit * 2,
            Protocol::Shared => limit,
        };
        lanes.min(self.limit.most())
    }

    /// Returns whether another connection is to be opened ahead.
    fn could_connect_ahead(&self) -> bool {
        let useful = self.busy + self.queue.len();
        let useful = useful.max(match self.ahead.for_segments {
            0 => 0,
            more => self.lanes + more,
        });
        if self.ahead.left == 0 || useful <= self.lanes || !self.delay.is_zero() {
            return false;
        }
        let is_useful = match self.protocol() {
            // The first one is being opened.
            Protocol::Unknown => self.connecting,
            Protocol::Exclusive => true,
            Protocol::Shared => false,
        };
        is_useful && self.may_be_asked() && self.lanes < self.most_lanes()
    }
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Lets connections be opened ahead.
    pub(crate) fn connecting_ahead(mut self) -> Self {
        self.connects_ahead = true;
        self
    }

    /// Opens these `connections` for the segments of a file, before it is known how large it is:
    /// on a long way they would begin late otherwise. Does so only where nothing else is in flight
    /// or waits.
    pub(crate) fn connect_for_segments(&mut self, id: HostId, connections: usize) {
        let host = &mut self.hosts[id.0];
        if self.busy == 1 && host.busy == 1 && host.queue.is_empty() && !self.others_wait() {
            self.hosts[id.0].ahead.for_segments = connections;
            self.consider_ahead(id);
        }
    }

    /// Lets no connection to a host be opened ahead.
    pub(crate) fn open_none_ahead(&mut self, id: HostId) {
        self.hosts[id.0].ahead.left = 0;
    }

    /// Notes that a host may be worth a connection ahead.
    pub(super) fn consider_ahead(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0];
        if !host.ahead.is_considered && host.could_connect_ahead() {
            host.ahead.is_considered = true;
            self.considered.push(id);
        }
    }

    /// Opens the next connection ahead, if there is one to be opened. To be called when nothing
    /// else can be granted.
    pub(super) fn grant_ahead(&mut self) -> Option<Grant<W, L, S>> {
        while let Some(id) = self.considered.pop() {
            // It may have been forgotten, and its number given to another host.
            let Some(host) = self.hosts.get_mut(id.0) else {
                continue;
            };
            host.ahead.is_considered = false;
            let host = &self.hosts[id.0];
            let may_connect = self.proxies.may_connect_ahead(host.proxy);
            if may_connect && self.has_room_ahead() && self.hosts[id.0].could_connect_ahead() {
                return Some(self.connect_ahead(id));
            }
        }
        None
    }

    /// Records what a round trip to a host takes, as seen when a connection was opened.
    pub(crate) fn on_round_trip(&mut self, id: HostId, trip: Duration) {
        self.hosts[id.0].trip = trip;
    }

    fn has_room_ahead(&self) -> bool {
        self.busy + self.ahead < self.jobs()
            && self.idle + self.ahead < self.caps.idle
            && !self.others_wait()
    }

    fn connect_ahead(&mut self, id: HostId) -> Grant<W, L, S> {
        let host = &mut self.hosts[id.0];
        self.ahead += 1;
        host.ahead.lanes += 1;
        host.ahead.left -= 1;
        host.ahead.for_segments = host.ahead.for_segments.saturating_sub(1);
        host.lanes += 1;
        let grant = Grant::Ahead {
            host: id,
            key: Arc::clone(&host.key),
            meter: Arc::clone(&host.meter),
        };
        self.offer(id);
        grant
    }

    /// Records that a lane has opened an HTTP/1.1 connection ahead, and waits for work from now on.
    /// Returns `false` if the lane is to end instead.
    pub(crate) fn on_connected_ahead(&mut self, id: HostId, lane: &L) -> bool {
        match self.hosts[id.0].protocol() {
            // The host speaks both, and the others share a connection.
            Protocol::Shared => {
                self.on_connect_ahead_failed(id);
                return false;
            }
            Protocol::Unknown => self.on_protocol_known(id, Protocol::Exclusive, None),
            Protocol::Exclusive => {}
        }
        self.end_ahead(id);
        let host = &mut self.hosts[id.0];
        if self.idle < self.caps.idle && host.lanes <= host.most_lanes() {
            host.idle.push_unused(lane.clone());
            self.idle += 1;
            self.offer(id);
            true
        } else {
            self.close_lane(id);
            false
        }
    }

    /// Ends a lane that could not open its connection ahead, or whose connection is of no use. Its
    /// host gets no more connections ahead.
    pub(crate) fn on_connect_ahead_failed(&mut self, id: HostId) {
        self.end_ahead(id);
        self.hosts[id.0].ahead.left = 0;
        self.close_lane(id);
    }

    fn end_ahead(&mut self, id: HostId) {
        self.ahead -= 1;
        self.hosts[id.0].ahead.lanes -= 1;
    }
}
