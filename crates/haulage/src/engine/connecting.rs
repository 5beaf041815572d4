//! How a lane gets its connection, and how it gives it up.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::core::{Core, Hosts};
use super::lane::Lane;
use crate::error::Error;
use crate::fetch::connection::Connection;
use crate::fetch::origin::Origin;
use crate::http_url::HttpUrl;
use crate::schedule::{Dialled, HostId, Path, Protocol, Way};

impl Lane {
    /// Makes sure of a connection. `false` when another lane is making the one that they will
    /// share.
    pub(super) async fn connected(&mut self, url: &HttpUrl, connects: bool) -> Result<bool, Error> {
        if !connects {
            if self.connection.as_mut().is_some_and(Connection::is_open) {
                return Ok(true);
            }
            match self.way_to_connect() {
                ControlFlow::Break(connected) => return Ok(connected),
                ControlFlow::Continue(()) => {}
            }
        }
        self.disconnect();
        self.connecting = true;
        self.sent = Some(Instant::now());
        let connected = self
            .core
            .connector
            .connect(&Origin::of(url), self.worker)
            .await;
        self.connecting = false;
        let mut schedule = self.core.schedule();
        let result = match connected {
            Ok(connection) => {
                schedule.note_trip(self.host, connection.round_trip());
                match &connection {
                    Connection::Http1(_) => schedule.learned(self.host, Protocol::Exclusive, None),
                    Connection::Http2(shared) => {
                        schedule.learned(
                            self.host,
                            Protocol::Shared,
                            Some((shared.number, shared.clone())),
                        );
                    }
                }
                self.connection = Some(connection);
                self.used = false;
                Ok(true)
            }
            Err(error) => {
                schedule.could_not_connect(self.host);
                Err(error)
            }
        };
        self.core.hand_out(schedule);
        result
    }

    /// Opens a connection before there is work for it. Returns whether the lane then waits for
    /// work; otherwise it is to end.
    ///
    /// A failure is no sign of trouble: the host has refused nothing that was asked for.
    pub(super) async fn connect_ahead(
        &mut self,
        key: &str,
        stopping: impl Future<Output = ()>,
    ) -> bool {
        let connected = tokio::select! {
            biased;
            () = stopping => None,
            connected = self.connect_to(key) => connected,
        };
        let mut schedule = self.core.schedule();
        schedule.leaves_hold(self.host, &self.handle);
        let waits = match connected {
            Some(connection @ Connection::Http1(_)) => {
                schedule.note_trip(self.host, connection.round_trip());
                self.connection = Some(connection);
                // Its server may close it before the first request.
                self.used = true;
                schedule.connected_ahead(self.host, &self.handle)
            }
            // Over HTTP/2 all share the connection of the lane that was first.
            Some(Connection::Http2(_)) | None => {
                schedule.gave_up_ahead(self.host);
                false
            }
        };
        self.core.hand_out(schedule);
        waits
    }

    async fn connect_to(&self, key: &str) -> Option<Connection> {
        let (url, _) = HttpUrl::parse(key).ok()?;
        let (connector, origin) = (&self.core.connector, Origin::of(&url));
        let connecting = connector.connect_when(&origin, self.worker, self.may_go_on());
        connecting.await.ok()
    }

    /// Returns whether a connection that is opened ahead is of use, once that is known.
    async fn may_go_on(&self) -> bool {
        loop {
            let dialled = self.core.schedule().dialled_ahead(self.host, &self.handle);
            match dialled {
                Dialled::GoOn => return true,
                Dialled::GiveUp => return false,
                Dialled::Hold => self.handle.called().await,
            }
        }
    }

    /// Gives up making a connection, if that is what the lane was at.
    pub(super) fn stop_connecting(&mut self) {
        if std::mem::take(&mut self.connecting) {
            let mut schedule = self.core.schedule();
            schedule.could_not_connect(self.host);
            self.core.hand_out(schedule);
        }
    }

    /// What a lane without a connection does: goes on when it is to make one; otherwise, says
    /// whether it has got one.
    fn way_to_connect(&mut self) -> ControlFlow<bool> {
        loop {
            self.disconnect();
            let way = self.core.schedule().way(self.host);
            match way {
                Way::Connect => return ControlFlow::Continue(()),
                Way::Wait => return ControlFlow::Break(false),
                Way::Share(shared) => {
                    let mut shared = Connection::Http2(shared);
                    let is_open = shared.is_open();
                    self.connection = Some(shared);
                    self.used = true;
                    if is_open {
                        return ControlFlow::Break(true);
                    }
                }
            }
        }
    }

    /// Gives the connection up; if it is no longer of use to anybody, for the host's other lanes
    /// too.
    fn disconnect(&mut self) {
        if self.connection.as_mut().is_some_and(Connection::is_open) {
            self.connection = None;
            self.used = false;
        } else {
            self.leave();
        }
    }

    /// Gives the connection up, for the host's other lanes too if they share it: they go on
    /// elsewhere once what they have on it has ended.
    pub(super) fn leave(&mut self) {
        if let Some(Connection::Http2(shared)) = self.connection.take() {
            self.core.schedule().lost_shared(self.host, shared.number);
        }
        self.used = false;
    }
}

impl Lane {
    /// Spreads the lanes of a host over its shared connections, and opens another one where that
    /// brings more.
    pub(super) fn spread(&mut self, schedule: &mut Hosts, now: Instant) {
        let Some(Connection::Http2(shared)) = &self.connection else {
            return;
        };
        let path = Path {
            round_trip: shared.round_trip(),
            is_lossy: shared.is_lossy(),
        };
        if let Some(key) = schedule.wants_connection(self.host, path, now) {
            let core = Arc::clone(&self.core);
            tokio::spawn(open_another(core, self.host, key, self.worker));
        }
        let all = schedule.shared(self.host);
        if all.len() == 1 && all[0].0 == shared.number {
            return;
        }
        let Some((_, fewest)) = all.iter().min_by_key(|(_, each)| each.handles()) else {
            return;
        };
        let is_one_of_them = all.iter().any(|(number, _)| *number == shared.number);
        if !is_one_of_them || fewest.handles() + 1 < shared.handles() {
            self.connection = Some(Connection::Http2(fewest.clone()));
            self.used = true;
        }
    }
}

/// Opens another connection to a host, on the worker of those that it has, and tells what came of
/// it.
async fn open_another(core: Arc<Core>, host: HostId, key: Arc<str>, worker: usize) {
    let shared = match HttpUrl::parse(&key) {
        Ok((url, _)) => core.connector.connect(&Origin::of(&url), worker).await.ok(),
        Err(_) => None,
    };
    let shared = match shared {
        Some(Connection::Http2(shared)) => Some((shared.number, shared)),
        Some(Connection::Http1(_)) | None => None,
    };
    let mut schedule = core.schedule();
    schedule.opened_another(host, shared, Instant::now());
    core.hand_out(schedule);
}
