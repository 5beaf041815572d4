//! The ways in which a connection ends on purpose: cleanly, cut off, and with a reset.

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

/// How long a client may take to notice that the connection was closed.
const FAREWELL: Duration = Duration::from_secs(5);

/// A connection, encrypted or not.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// What is underneath.
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
        // What GOAWAY says has been said by now, or cannot be.
        Ending::Close | Ending::Abandon(_) | Ending::Refuse => close(socket).await,
        Ending::Truncate => truncate(socket).await,
        Ending::Reset(_) => reset(socket).await,
    }
}

/// Says farewell, and waits for the client to do the same.
async fn close(mut socket: impl Socket) {
    if socket.shutdown().await.is_ok() {
        farewell(socket).await;
    }
}

/// Ends it as someone would who has no part in the encryption: with FIN alone.
async fn truncate(socket: impl Socket) {
    if socket2::SockRef::from(socket.tcp())
        .shutdown(Shutdown::Write)
        .is_ok()
    {
        farewell(socket).await;
    }
}

/// A kernel that is left with bytes nobody read sends RST instead of FIN, and that takes from the
/// client what it has not read yet.
async fn farewell(mut socket: impl Socket) {
    let mut rest = [0; 4096];
    let heard = async { while socket.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
    // When the client takes too long we go first.
    let _ = time::timeout(FAREWELL, heard).await;
}

/// Ends it with RST, once all that was written has reached the client's kernel.
async fn reset(socket: impl Socket) {
    // When it cannot be waited for, or linger, it is broken already.
    let _ = delivered(socket.tcp()).await;
    let _ = socket.tcp().set_zero_linger();
}

/// A reset throws away what has not been sent, so that the client would get fewer bytes the slower
/// it reads: waits until nothing is left unsent.
#[cfg(target_os = "linux")]
async fn delivered(tcp: &TcpStream) -> io::Result<()> {
    // Makes "writable" mean "all is sent". The runtime knows only of changes since it has known the
    // socket, so that it has to get to know it once more, by another name.
    socket2::SockRef::from(tcp).set_tcp_notsent_lowat(1)?;
    let same = tcp.as_fd().try_clone_to_owned()?;
    TcpStream::from_std(same.into())?.writable().await
}

#[cfg(not(target_os = "linux"))]
async fn delivered(_: &TcpStream) -> io::Result<()> {
    Ok(())
}
