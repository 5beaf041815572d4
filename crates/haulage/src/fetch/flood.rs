//! Limits how much a server may send besides its responses: a connection fails if that has no end.
//!
//! The transport limits each head, each set of trailers (see `connect`), and in HTTP/2 the
//! continuations of a head (h2 allows as many as its size needs, and a quarter more), empty DATA
//! frames (100 in a row) and small ones (a budget that large ones fill). It responds to each PING
//! and SETTINGS before it reads on, but counts neither these nor 1xx responses (RFC 9110 §15.2),
//! which do not end the wait for a response. So they are limited here, by the bytes received.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

/// The kind of error with which reads fail after a flood. No socket returns this kind, and HTTP/2
/// passes only the kind of an error from a connection to its streams.
pub(crate) const FLOOD: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// Maximum bytes of a response's head (RFC 9110 §5.4 lets a client limit them), and of trailers on
/// HTTP/2: the limit of browsers.
pub(super) const MAX_HEAD_BYTES: usize = 256 << 10;
/// Maximum lines of a response's head after the first, and of trailers on HTTP/2.
pub(super) const MAX_HEAD_LINES: usize = 1000;
/// Maximum bytes on HTTP/1.1 from a request until the head of its response is complete: twice the
/// longest head, and the bytes of the body that one read may bring.
pub(super) const BEFORE_AN_ANSWER: usize = 1 << 20;
/// Maximum HTTP/2 frames in a row that advance no response. This is far above the number of streams
/// of a connection, which may all be reset at once.
const FRAMES_FOR_NOTHING: u32 = 4096;

/// An HTTP/2 byte stream whose reads are limited.
pub(super) struct Bounded<S> {
    stream: S,
    frames: Frames,
    goodbye: CancellationToken,
}

impl<S> Bounded<S> {
    /// Creates a stream that cancels `goodbye` when the server says that it takes no further
    /// request (GOAWAY, RFC 9113 §6.8).
    pub(super) fn new(stream: S, goodbye: CancellationToken) -> Self {
        Self {
            stream,
            frames: Frames::default(),
            goodbye,
        }
    }
}

/// Reads the headers of incoming HTTP/2 frames (RFC 9113 §4.1), to find those that advance a
/// response.
#[derive(Default)]
struct Frames {
    /// The header of the next frame; its first `come` bytes were received.
    header: [u8; HEADER],
    come: usize,
    /// Bytes of the current frame's payload that are still to be received.
    payload: usize,
    /// Number of frames since the last one that advanced a response.
    for_nothing: u32,
    /// Whether a frame was a GOAWAY.
    said_goodbye: bool,
}

/// Bytes of a frame's header.
const HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;

impl Frames {
    /// Takes what has come in; `false` when too many frames bring nothing.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = &bytes[skipped..];
            let wanted = (HEADER - self.come).min(bytes.len());
            self.header[self.come..self.come + wanted].copy_from_slice(&bytes[..wanted]);
            self.come += wanted;
            bytes = &bytes[wanted..];
            if self.come == HEADER {
                self.come = 0;
                self.begin();
            }
        }
        self.for_nothing <= FRAMES_FOR_NOTHING
    }

    /// Reads the header of a frame, which is complete, and counts how many frames in a row bring
    /// nothing.
    fn begin(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.header;
        self.payload = u32::from_be_bytes([0, high, middle, low]) as usize;
        self.said_goodbye |= kind == GOAWAY;
        // A stream ends only once, so its end advances a response.
        let ends = flags & END_STREAM != 0;
        if kind == DATA && (ends || self.payload > 0) || kind == HEADERS && ends {
            self.for_nothing = 0;
        } else {
            self.for_nothing += 1;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self {
            stream,
            frames,
            goodbye,
        } = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(stream).poll_read(context, buffer))?;
        let within = frames.take(&buffer.filled()[before..]);
        if frames.said_goodbye {
            goodbye.cancel();
        }
        Poll::Ready(if within { Ok(()) } else { Err(FLOOD.into()) })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.resize(HEADER + payload, 0xff);
        frame
    }

    #[test]
    fn frames_that_bring_nothing_are_too_many_at_some_point() {
        for nothing in [
            frame(PING, 0, 8),
            frame(DATA, 0, 0),
            frame(HEADERS, 4, 20),
            frame(200, 0, 3),
        ] {
            let mut frames = Frames::default();
            let most = FRAMES_FOR_NOTHING as usize;
            assert!(frames.take(&nothing.repeat(most)));
            assert!(!frames.take(&nothing));
        }
    }

    #[test]
    fn what_brings_an_answer_further_makes_up_for_them_however_the_bytes_are_cut() {
        for something in [
            frame(DATA, 0, 1),
            frame(DATA, END_STREAM, 0),
            frame(HEADERS, END_STREAM | 4, 20),
        ] {
            let mut bytes = frame(PING, 0, 8).repeat(FRAMES_FOR_NOTHING as usize - 1);
            bytes.extend(something);
            let bytes = bytes.repeat(3);
            for size in [1, 7, HEADER, 1000, bytes.len()] {
                let mut frames = Frames::default();
                assert!(bytes.chunks(size).all(|chunk| frames.take(chunk)), "{size}");
            }
        }
    }
}
