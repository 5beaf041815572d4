//! The source of a body's remaining bytes, after the connection was taken from HTTP.

use std::net::TcpStream;

use rustls::ClientConnection;

use crate::fetch::open_count::Opened;

/// A socket, and the TLS session that decrypts its bytes.
pub(crate) struct RawConnection {
    pub(crate) socket: TcpStream,
    /// `None` without TLS. The session may hold bytes that were received and decrypted already.
    pub(crate) session: Option<Box<ClientConnection>>,
    /// Counts it as open; `None` if it is not counted.
    pub(crate) opened: Option<Opened>,
}

impl RawConnection {
    /// Creates a raw connection without encryption: what comes from the socket is the body itself.
    pub(crate) fn plain(socket: TcpStream) -> Self {
        Self {
            socket,
            session: None,
            opened: None,
        }
    }

    /// Goes on counting a connection that was taken from HTTP.
    pub(crate) fn counted(self, opened: Opened) -> Self {
        Self {
            opened: Some(opened),
            ..self
        }
    }
}
