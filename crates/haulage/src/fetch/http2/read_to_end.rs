//! Reads what a server sent before it closed the connection, even if a write fails first.
//!
//! h2 writes before it reads, and fails all streams with the error of a write. A server that says
//! goodbye (GOAWAY) and closes the connection at once answers the next packet with a reset. What it
//! had sent is still in the socket then, and says which requests it has not processed (RFC 9113
//! §6.8).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream that reports a closed connection at the end of what can be read. What is written
/// meanwhile is dropped.
pub(super) struct ReadToEnd<S> {
    stream: S,
    /// Why nothing more can be written.
    closed: Option<io::ErrorKind>,
}

impl<S> ReadToEnd<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            closed: None,
        }
    }

    /// Returns the result of a write, or `instead` if it says that the connection is closed.
    fn written<T>(&mut self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(error) if is_closed(error.kind()) => {
                self.closed = Some(error.kind());
                Ok(instead)
            }
            result => result,
        }
    }
}

/// Returns whether a connection whose write failed this way has an end when it is read. Any other
/// failure might leave a reader waiting.
fn is_closed(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset)
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadToEnd<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let is_at_end = buffer.filled().len() == before && buffer.remaining() > 0;
        Poll::Ready(match self.closed {
            Some(kind) if is_at_end => Err(kind.into()),
            _ => Ok(()),
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadToEnd<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.closed.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        Poll::Ready(self.written(result, bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        if self.closed.is_some() {
            return Poll::Ready(Ok(length));
        }
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices));
        Poll::Ready(self.written(result, length))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closed.is_some() {
            return Poll::Ready(Ok(()));
        }
        let result = ready!(Pin::new(&mut self.stream).poll_flush(context));
        Poll::Ready(self.written(result, ()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closed.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A connection that has been reset: what came before can be read, nothing can be written.
    struct Broken {
        received: &'static [u8],
        writes: io::ErrorKind,
    }

    impl AsyncRead for Broken {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.received).poll_read(context, buffer)
        }
    }

    impl AsyncWrite for Broken {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(self.writes.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(self.writes.into()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(self.writes.into()))
        }
    }

    fn broken(writes: io::ErrorKind) -> ReadToEnd<Broken> {
        ReadToEnd::new(Broken {
            received: b"goodbye",
            writes,
        })
    }

    #[tokio::test]
    async fn reset_is_reported_after_what_was_received() {
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe] {
            let mut stream = broken(kind);
            stream.write_all(b"more").await.unwrap();
            stream.flush().await.unwrap();
            let mut received = [0; 7];
            stream.read_exact(&mut received).await.unwrap();
            assert_eq!(&received, b"goodbye");
            assert_eq!(stream.read_u8().await.unwrap_err().kind(), kind);
        }
    }

    #[tokio::test]
    async fn reset_that_a_flush_finds_is_reported_later_too() {
        let mut stream = broken(io::ErrorKind::ConnectionReset);
        stream.flush().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'g');
    }

    #[tokio::test]
    async fn another_error_of_a_write_is_reported_at_once() {
        let mut stream = broken(io::ErrorKind::OutOfMemory);
        let error = stream.write_all(b"more").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    }

    #[tokio::test]
    async fn end_without_a_failed_write_is_an_end() {
        let mut stream = ReadToEnd::new(&b""[..]);
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
