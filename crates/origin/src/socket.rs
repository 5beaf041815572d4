//! Ends connections on purpose: cleanly, truncated, or with a reset.

use std::io;
use std::net::Shutdown;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::server::TlsStream;

use crate::script::Ending;

/// How long a client may take to close its end too.
const FAREWELL: Duration = Duration::from_secs(5);

/// A connection, encrypted or not.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Returns the TCP connection underneath.
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Ends the connection as a script wants it.
pub(crate) async fn end(socket: impl Socket, ending: Ending) {
    match ending {
        // The GOAWAY has been sent by now, or cannot be sent.
        Ending::Close | Ending::Abandon(_) | Ending::Refuse => close(socket).await,
        Ending::Truncate => truncate(socket).await,
        Ending::Reset(_) => reset(socket).await,
    }
}

/// Closes the connection cleanly (with TLS, by `close_notify`), and waits for the client to do the
/// same.
async fn close(mut socket: impl Socket) {
    if socket.shutdown().await.is_ok() {
        farewell(socket).await;
    }
}

/// Ends the connection as a third party without the keys of the encryption could: with FIN alone.
async fn truncate(socket: impl Socket) {
    if socket2::SockRef::from(socket.tcp())
        .shutdown(Shutdown::Write)
        .is_ok()
    {
        farewell(socket).await;
    }
}

/// Reads until the client closes too, but not for ever. If unread bytes were left, the kernel would
/// send RST instead of FIN, and the client would lose what it has not read yet.
async fn farewell(mut socket: impl Socket) {
    let mut rest = [0; 4096];
    let heard = async { while socket.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
    // If the client takes too long, the origin closes first.
    let _ = time::timeout(FAREWELL, heard).await;
}

/// Resets the connection (RST), once all that was written has reached the client's kernel.
async fn reset(socket: impl Socket) {
    // If either fails, the connection is broken already.
    let _ = delivered(socket.tcp()).await;
    let _ = socket.tcp().set_zero_linger();
}

/// Waits until nothing is left unsent. A reset discards what has not been sent, so that a client
/// would get fewer bytes the slower it reads.
#[cfg(target_os = "linux")]
async fn delivered(tcp: &TcpStream) -> io::Result<()> {
    // Makes "writable" mean "all is sent". The runtime knows only of changes since it registered
    // the socket, so the socket is registered again with another descriptor.
    socket2::SockRef::from(tcp).set_tcp_notsent_lowat(1)?;
    let same = tcp.as_fd().try_clone_to_owned()?;
    TcpStream::from_std(same.into())?.writable().await
}

#[cfg(not(target_os = "linux"))]
async fn delivered(_: &TcpStream) -> io::Result<()> {
    Ok(())
}
