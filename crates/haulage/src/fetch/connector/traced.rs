//! What is said of connections through `tracing`.

use tracing::Level;

use super::{ConnectProgress, ConnectTimings};
use crate::error::Error;
use crate::fetch::connection::Connection;
use crate::fetch::origin::Origin;
use crate::trace::CONNECTION;

/// Says through `tracing` what came of connecting.
pub(super) fn trace_connected(
    origin: &Origin,
    connected: &Result<Connection, Error>,
    progress: &ConnectProgress,
) {
    if !tracing::enabled!(target: CONNECTION, Level::DEBUG) {
        return;
    }
    let ConnectTimings { dns, connect, tls } = progress.timings();
    match connected {
        Ok(connection) => tracing::debug!(
            target: CONNECTION,
            %origin,
            ?dns,
            ?connect,
            ?tls,
            remote = ?connection.peer(),
            protocol = connection.protocol().name(),
            "connected"
        ),
        Err(error) => tracing::debug!(
            target: CONNECTION,
            %origin,
            ?dns,
            ?connect,
            ?tls,
            kind = error.kind().name(),
            %error,
            "no connection"
        ),
    }
}
