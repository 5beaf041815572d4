//! The source of a body's remaining bytes, after the connection was taken from HTTP.

use std::net::TcpStream;

use rustls::ClientConnection;

/// A socket, and the TLS session that decrypts its bytes.
pub(crate) struct RawConnection {
    pub(crate) socket: TcpStream,
    /// `None` without TLS. The session may hold bytes that were received and decrypted already.
    pub(crate) session: Option<Box<ClientConnection>>,
}

impl RawConnection {
    /// Creates a raw connection without encryption: what comes from the socket is the body itself.
    pub(crate) fn plain(socket: TcpStream) -> Self {
        Self {
            socket,
            session: None,
        }
    }
}
