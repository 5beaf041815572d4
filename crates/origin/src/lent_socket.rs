//! A socket that is lent to `h2`. Through it we know whether everything is written, and get the
//! socket back: `h2` offers neither.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One clone is lent as a socket; the other one observes it, and takes it back.
pub(crate) struct LentSocket<S> {
    // There is no contention: both clones are in one task.
    held: Arc<Mutex<Held<S>>>,
}

struct Held<S> {
    socket: S,
    /// Whether the last write is still pending.
    blocked: bool,
}

impl<S> LentSocket<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self {
            held: Arc::new(Mutex::new(Held {
                socket,
                blocked: false,
            })),
        }
    }

    /// Returns whether the last write is still pending: the kernel has not taken all of it.
    pub(crate) fn blocked(&self) -> bool {
        self.held().blocked
    }

    /// Takes the socket back; `None` if the borrower still has it.
    pub(crate) fn reclaim(self) -> Option<S> {
        let held = Arc::into_inner(self.held)?;
        Some(
            held.into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .socket,
        )
    }

    fn held(&self) -> MutexGuard<'_, Held<S>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Clone for LentSocket<S> {
    fn clone(&self) -> Self {
        Self {
            held: Arc::clone(&self.held),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LentSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.held().socket).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LentSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.held().note(|socket| socket.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.held()
            .note(|socket| socket.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.held().socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.held().note(|socket| socket.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.held().note(|socket| socket.poll_shutdown(cx))
    }
}

impl<S: Unpin> Held<S> {
    fn note<T>(&mut self, write: impl FnOnce(Pin<&mut S>) -> Poll<T>) -> Poll<T> {
        let written = write(Pin::new(&mut self.socket));
        self.blocked = written.is_pending();
        written
    }
}
