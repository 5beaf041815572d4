//! How much a server may send beside its answers: a stream that breaks off where there is no end of
//! it.
//!
//! The transport bounds each head, each set of trailers (see `connect`), and in HTTP/2 the
//! continuations of a head (h2 allows as many as its size needs, and a quarter more), empty DATA
//! frames (100 in a row) and small ones (a budget that large ones fill). It answers each PING and
//! SETTINGS before it reads on, but counts neither them nor responses of 1xx (RFC 9110 §15.2),
//! which do not end a wait for an answer. So that is done here, on the bytes that come in.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

/// The kind of error that a flood breaks its stream off with. No socket ever says that, and HTTP/2
/// carries kinds alone from a connection to its streams.
pub(crate) const FLOOD: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// Most bytes of a response's head (RFC 9110 §5.4 lets a client bound them), and of trailers on
/// HTTP/2: what browsers take.
pub(super) const MOST_HEAD_BYTES: usize = 256 << 10;
/// Most lines of a response's head after the first, and of trailers on HTTP/2.
pub(super) const MOST_HEAD_LINES: usize = 1000;
/// Most bytes on HTTP/1.1 from a request until its answer's head is whole: those of the longest
/// head, twice over, and what one read may bring of the body.
pub(super) const BEFORE_AN_ANSWER: usize = 1 << 20;
/// Most frames of HTTP/2 in a row that bring no answer further. It is far more than the streams of
/// a connection, which may all be reset at once.
const FRAMES_FOR_NOTHING: u32 = 4096;

/// A stream of HTTP/2 whose reads are bounded.
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

/// The frames of HTTP/2 that pass by (RFC 9113 §4.1), as far as it takes to tell those that bring
/// an answer further.
#[derive(Default)]
struct Frames {
    /// The header of the next frame, as far as it has come.
    header: [u8; HEADER],
    come: usize,
    /// Bytes to come of the last frame's payload.
    payload: usize,
    /// Frames that brought nothing since the last one that did.
    for_nothing: u32,
    /// One of them was a GOAWAY.
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
        // A stream ends but once.
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
