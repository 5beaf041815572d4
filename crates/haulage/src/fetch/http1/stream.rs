//! The byte stream below HTTP/1.1: TCP, TLS, or TLS within TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

#[cfg(test)]
use crate::fetch::memory::MemoryStream;
use crate::raw_connection::RawConnection;

pub(in crate::fetch) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// TLS to a server, within TLS to a proxy.
    Nested(Box<TlsStream<Stream>>),
    /// To a server of a simulation.
    #[cfg(test)]
    Memory(MemoryStream),
}

impl Stream {
    /// Returns what it is at the bottom; `None` in a simulation.
    pub(in crate::fetch) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Nested(stream) => stream.get_ref().0.tcp(),
            #[cfg(test)]
            Self::Memory(_) => None,
        }
    }

    /// Returns the protocol that was agreed on with the server (ALPN); `None` if none was.
    pub(in crate::fetch) fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol(),
            Self::Nested(stream) => stream.get_ref().1.alpn_protocol(),
            #[cfg(test)]
            Self::Memory(_) => None,
        }
    }

    /// Returns whether [`into_raw`](Self::into_raw) succeeds.
    pub(super) fn can_become_raw(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Tls(_) => true,
            Self::Nested(_) => false,
            #[cfg(test)]
            Self::Memory(_) => false,
        }
    }

    /// Converts it for a blocking reader. Fails with `Unsupported` for TLS within TLS.
    pub(super) fn into_raw(self) -> io::Result<RawConnection> {
        match self {
            Self::Plain(socket) => Ok(RawConnection::plain(socket.into_std()?)),
            Self::Tls(stream) => {
                let (socket, session) = stream.into_inner();
                Ok(RawConnection {
                    socket: socket.into_std()?,
                    session: Some(Box::new(session)),
                    opened: None,
                })
            }
            Self::Nested(_) => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(test)]
            Self::Memory(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Nested(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Nested(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Nested(stream) => Pin::new(stream).poll_flush(context),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Nested(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Self::Nested(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Nested(stream) => stream.is_write_vectored(),
            #[cfg(test)]
            Self::Memory(stream) => stream.is_write_vectored(),
        }
    }
}
