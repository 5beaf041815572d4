//! What a body comes from, once it has been taken back from HTTP.

use std::net::TcpStream;

use rustls::ClientConnection;

/// A socket, and what undoes its encryption.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    /// For TLS: may hold bytes that have been received, and decrypted, already.
    pub(crate) session: Option<Box<ClientConnection>>,
}

impl Wire {
    /// Creates a wire without encryption: what comes from the socket is the body itself.
    pub(crate) fn plain(socket: TcpStream) -> Self {
        Self {
            socket,
            session: None,
        }
    }
}
