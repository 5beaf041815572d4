//! How a lane gets its connection, and how it gives it up.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::Link;
use crate::clock;
use crate::engine::run::{Run, Services};
use crate::error::Error;
use crate::fetch::connection::Connection;
use crate::fetch::connector::{ConnectProgress, Connector};
use crate::fetch::origin::Origin;
use crate::http_url::HttpUrl;
use crate::options::RunOptions;
use crate::schedule::{ConnectPlan, HostId, Path, key};

/// How long a connection may take that is opened ahead of any work, whose run is not known.
const AHEAD_TIMEOUT: Duration = RunOptions::DEFAULT_CONNECT_TIMEOUT;

impl Link {
    /// Makes sure that there is a connection. Returns `false` if another lane is making the one
    /// that they will share. Fails if no connection can be made.
    pub(crate) async fn connected(
        &mut self,
        run: &Run,
        url: &HttpUrl,
        connects: bool,
    ) -> Result<bool, Error> {
        if !connects {
            if self.connection.as_mut().is_some_and(Connection::is_open) {
                return Ok(true);
            }
            match self.plan_connect() {
                ControlFlow::Break(connected) => return Ok(connected),
                ControlFlow::Continue(()) => {}
            }
        }
        self.disconnect();
        self.connecting = true;
        self.services.dispatcher.on_connecting(self.host);
        self.sent_at = Some(clock::now());
        let most = run.options.connect_timeout;
        let origin = Origin::of(url);
        let progress = Arc::new(ConnectProgress::default());
        if let Some(record) = &mut self.record {
            record.on_connecting(&progress);
        }
        let connects = self
            .connector
            .connect(&origin, self.worker, most, &progress);
        let connected = connects.await;
        self.connecting = false;
        let dispatcher = &self.services.dispatcher;
        match connected {
            Ok(connection) => {
                dispatcher.on_connected(self.host, &connection, run.options.split);
                self.connection = Some(connection);
                self.is_reused = false;
                Ok(true)
            }
            Err(error) => {
                dispatcher.on_connect_failed(self.host, error.shows_that_proxy_works());
                Err(error)
            }
        }
    }

    /// Opens a connection before there is work for it. Returns whether the lane then waits for
    /// work; otherwise it is to end.
    ///
    /// A failure is no sign of trouble: the host has refused nothing that was asked for.
    pub(crate) async fn connect_ahead(&mut self, key: &str) -> bool {
        let connected = self.connect_to(key).await;
        // Over HTTP/2 all share the connection of the lane that was first.
        let is_exclusive = matches!(connected, Some(Connection::Http1(_)));
        let round_trip = connected.as_ref().map(Connection::round_trip);
        if is_exclusive {
            self.connection = connected;
            // Its server may close it before the first request.
            self.is_reused = true;
        }
        let dispatcher = &self.services.dispatcher;
        let round_trip = round_trip.filter(|_| is_exclusive);
        dispatcher.on_connected_ahead(self.host, &self.handle, round_trip)
    }

    async fn connect_to(&self, key: &str) -> Option<Connection> {
        let (url, _) = HttpUrl::parse(key).ok()?;
        let origin = Origin::of(&url);
        let progress = ConnectProgress::default();
        let connects = self
            .connector
            .connect(&origin, self.worker, AHEAD_TIMEOUT, &progress);
        connects.await.ok()
    }

    /// Gives up making a connection, if that is what the lane was at.
    pub(crate) fn stop_connecting(&mut self) {
        if std::mem::take(&mut self.connecting) {
            self.services.dispatcher.on_connect_failed(self.host, false);
        }
    }

    /// Decides how a lane without a connection gets one: `Continue` if it is to make one;
    /// otherwise, `Break` says whether it has got one.
    fn plan_connect(&mut self) -> ControlFlow<bool> {
        loop {
            self.disconnect();
            let plan = self.services.dispatcher.plan_connect(self.host);
            match plan {
                ConnectPlan::Connect => return ControlFlow::Continue(()),
                ConnectPlan::Wait => return ControlFlow::Break(false),
                ConnectPlan::Reuse(shared) => {
                    let mut shared = Connection::Http2(shared);
                    let is_open = shared.is_open();
                    self.connection = Some(shared);
                    self.is_reused = true;
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
            self.is_reused = false;
        } else {
            self.give_up();
        }
    }

    /// Gives the connection up, for the host's other lanes too if they share it: they go on
    /// elsewhere once what they have on it has ended.
    pub(crate) fn give_up(&mut self) {
        if let Some(Connection::Http2(shared)) = self.connection.take() {
            let dispatcher = &self.services.dispatcher;
            dispatcher.on_connection_lost(self.host, shared.number);
        }
        self.is_reused = false;
    }
}

impl Link {
    /// Spreads the lanes of a host over its shared connections, and opens another one where that
    /// brings more.
    pub(crate) fn spread(&mut self, now: Instant) {
        let Some(Connection::Http2(shared)) = &self.connection else {
            return;
        };
        let path = Path {
            round_trip: shared.round_trip(),
            is_lossy: shared.is_lossy(),
        };
        let dispatcher = &self.services.dispatcher;
        let (wanted, other) = dispatcher.spread(self.host, path, now, |all| {
            let (_, fewest) = all.iter().min_by_key(|(_, each)| each.handles())?;
            let is_one_of_them = all.iter().any(|(number, _)| *number == shared.number);
            let is_better = fewest.number != shared.number
                && (!is_one_of_them || fewest.handles() + 1 < shared.handles());
            is_better.then(|| fewest.clone())
        });
        if let Some(key) = wanted {
            tokio::spawn(open_another(
                Arc::clone(&self.services),
                Arc::clone(&self.connector),
                self.host,
                key,
                self.worker,
            ));
        }
        if let Some(other) = other {
            self.connection = Some(Connection::Http2(other));
            self.is_reused = true;
        }
    }
}

/// Opens another connection to a host, on the worker of those that it has, and tells what came of
/// it.
async fn open_another(
    services: Arc<Services>,
    connector: Arc<Connector>,
    host: HostId,
    key: Arc<str>,
    worker: usize,
) {
    let (_, origin) = key::split(&key);
    let connected = match HttpUrl::parse(origin) {
        Ok((url, _)) => {
            let origin = Origin::of(&url);
            let progress = ConnectProgress::default();
            let connects = connector.connect(&origin, worker, AHEAD_TIMEOUT, &progress);
            connects.await.ok()
        }
        Err(_) => None,
    };
    let shared = match connected {
        Some(Connection::Http2(shared)) => Some((shared.number, shared)),
        Some(Connection::Http1(_)) | None => None,
    };
    services.dispatcher.on_another_opened(host, shared);
}
