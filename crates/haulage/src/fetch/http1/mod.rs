//! An HTTP/1.1 client for downloads only (RFC 9112): a request, its response, then the next
//! request, all on the lane that waits for them. No other task or thread takes part.
//!
//! It is our own because a general client took more than half of the network thread's time for a
//! small file. httparse parses the heads.

pub(crate) mod chunks;
pub(crate) mod head;
pub(crate) mod lenient;
mod read_size;
mod stream;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

use self::chunks::{Chunks, Piece};
use self::head::Framing;
use self::read_size::ReadSize;
pub(super) use self::stream::Stream;
use super::flood::{BEFORE_AN_ANSWER, FLOOD};
use super::headers::RequestHeaders;
use super::open_count::Opened;
use super::proxy::Forward;
use super::tcp::{FirstLoss, ReceiveWindow, Socket};
use crate::http_url::HttpUrl;
use crate::plan::head::Head;
use crate::raw_connection::RawConnection;

/// An HTTP/1.1 connection.
pub(crate) struct Http1 {
    stream: Stream,
    /// Bytes that were read and not yet used.
    buffer: BytesMut,
    read_size: ReadSize,
    request: Vec<u8>,
    /// True from a request until the end of its response, and for ever after a response that no
    /// other can follow.
    is_taken: bool,
    /// Whether the current response can be followed by another one.
    persists: bool,
    /// Whether the connection has had a response to any request.
    has_answered: bool,
    /// The round trip time of the first packet.
    round_trip: Duration,
    /// The proxy at the other end, which requests are sent to; `None` for a server, or a tunnel to
    /// one.
    forward: Option<Box<Forward>>,
    opened: Opened,
}

/// What remains of a response's body.
pub(crate) enum BodyState {
    /// This many bytes.
    Length(u64),
    Chunked(Chunks),
    /// All bytes until the connection closes.
    UntilClose,
    Done,
}

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum Failure {
    Connection(io::Error),
    /// The connection closed without a byte of a response, at its first request and without TLS.
    /// Many servers that expect TLS do that.
    Mute(io::Error),
    NotHttp(&'static str),
    /// The bytes received are a TLS record.
    Tls,
}

impl Http1 {
    /// Creates a connection on `stream`. `most` is the most bytes that one read of a body brings;
    /// `round_trip` is that of its path; `opened` counts it.
    pub(super) fn new(stream: Stream, most: usize, round_trip: Duration, opened: Opened) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            read_size: ReadSize::new(most),
            request: Vec::new(),
            is_taken: false,
            persists: true,
            has_answered: false,
            round_trip,
            forward: None,
            opened,
        }
    }

    /// Sends its requests to a proxy, which forwards them.
    pub(super) fn forwarded(mut self, forward: Option<Box<Forward>>) -> Self {
        self.forward = forward;
        self
    }

    /// Returns the proxy that its requests are sent to, if there is one.
    pub(crate) fn forward(&self) -> Option<&Forward> {
        self.forward.as_deref()
    }

    /// Returns whether [`into_raw`](Self::into_raw) succeeds.
    pub(crate) fn can_become_raw(&self) -> bool {
        self.stream.can_become_raw()
    }

    /// Returns the address at the other end: that of a proxy, if there is one.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.stream.tcp()?.peer_addr().ok()
    }

    /// Returns what a round trip took when the connection was opened.
    pub(super) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Returns whether another request can be sent: no response is pending, and the server has
    /// neither closed the connection nor sent anything.
    pub(super) fn is_open(&mut self) -> bool {
        if !self.is_free() {
            return false;
        }
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        let stream = Pin::new(&mut self.stream);
        stream
            .poll_read(&mut context, &mut ReadBuf::new(&mut byte))
            .is_pending()
    }

    /// Returns whether a request can be sent, unless the server has closed the connection.
    pub(super) fn is_free(&self) -> bool {
        !self.is_taken && self.buffer.is_empty()
    }

    /// Waits until the server closes a free connection, or says something that nobody has asked
    /// for, such as 408 (RFC 9110 §15.5.9). It is not to be used after that.
    pub(super) async fn ended(&mut self) {
        let mut byte = [0];
        // The result does not matter: end of stream, an error or a byte.
        let _ = self.stream.read(&mut byte).await;
        self.is_taken = true;
    }

    /// Sends a GET, and waits for the head of the answer.
    pub(super) async fn get(
        &mut self,
        url: &HttpUrl,
        headers: &RequestHeaders<'_>,
    ) -> Result<(Head, BodyState), Failure> {
        self.is_taken = true;
        self.write_request(url, headers);
        let head = self.exchange().await;
        let head = head.map_err(|failure| self.explained(failure))?;
        self.has_answered = true;
        self.persists = head.persists;
        let body = match head.framing {
            Framing::Length(0) => {
                self.end();
                BodyState::Done
            }
            Framing::Length(length) => BodyState::Length(length),
            Framing::Chunked => BodyState::Chunked(Chunks::default()),
            Framing::UntilClose => BodyState::UntilClose,
        };
        Ok((head.head, body))
    }

    async fn exchange(&mut self) -> Result<head::Parsed, Failure> {
        let sent = async {
            self.stream.write_all(&self.request).await?;
            self.stream.flush().await
        };
        sent.await.map_err(Failure::Connection)?;
        self.head().await
    }

    /// Returns a failure as one of a server that expects TLS, if it looks like that.
    fn explained(&self, failure: Failure) -> Failure {
        if self.has_answered || !matches!(self.stream, Stream::Plain(_)) {
            return failure;
        }
        match failure {
            Failure::NotHttp(_) if is_tls(&self.buffer) => Failure::Tls,
            Failure::Connection(cause) if self.buffer.is_empty() && is_end(&cause) => {
                Failure::Mute(cause)
            }
            failure => failure,
        }
    }

    /// Writes the head of a request (RFC 9112 §3). A parsed URL has no byte in it that would end a
    /// line.
    fn write_request(&mut self, url: &HttpUrl, headers: &RequestHeaders<'_>) {
        let line = &mut self.request;
        line.clear();
        line.extend_from_slice(b"GET ");
        if self.forward.is_some() {
            // §3.2.2: absolute-form, for a proxy.
            line.extend_from_slice(url.origin().as_bytes());
        }
        // §3.2.1: origin-form.
        line.extend_from_slice(url.target().as_bytes());
        line.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        line.extend_from_slice(headers.host().as_bytes());
        line.extend_from_slice(b"\r\n");
        let forward = self.forward.as_deref();
        if let Some(authorization) = forward.and_then(|forward| forward.authorization.as_ref()) {
            line.extend_from_slice(b"proxy-authorization: ");
            line.extend_from_slice(authorization.as_bytes());
            line.extend_from_slice(b"\r\n");
        }
        // A loop would ask each part of the chain for each field.
        headers.fields().for_each(|(name, value)| {
            line.extend_from_slice(name.as_str().as_bytes());
            line.extend_from_slice(b": ");
            line.extend_from_slice(value.as_bytes());
            line.extend_from_slice(b"\r\n");
        });
        line.extend_from_slice(b"\r\n");
    }

    /// Reads the head of the final response. What is read for it is limited as a whole, since a
    /// server may send any number of interim responses (RFC 9110 §15.2).
    async fn head(&mut self) -> Result<head::Parsed, Failure> {
        let mut come = 0;
        let mut looked_at = 0;
        loop {
            while let Some(parsed) = head::take(&mut self.buffer, looked_at)? {
                looked_at = 0;
                if !parsed.is_interim() {
                    return Ok(parsed);
                }
            }
            // A TLS alert is too short to be parsed as a head, so it is looked for here.
            if is_tls(&self.buffer) {
                return Err(Failure::Tls);
            }
            looked_at = self.buffer.len();
            // Reads no more of a large body than it must: the rest may move directly from the
            // socket to the file.
            let read = self.read(read_size::LEAST).await;
            let read = read.map_err(Failure::Connection)?;
            if read == 0 {
                return Err(Failure::Connection(io::ErrorKind::UnexpectedEof.into()));
            }
            come += read;
            if come > BEFORE_AN_ANSWER {
                return Err(Failure::Connection(FLOOD.into()));
            }
        }
    }

    /// Returns the next bytes of a body; `None` at its end.
    ///
    /// # Errors
    /// Of kind `UnexpectedEof` when the connection ends before it.
    pub(super) async fn next(&mut self, body: &mut BodyState) -> io::Result<Option<Bytes>> {
        loop {
            match body {
                BodyState::Done => return Ok(None),
                BodyState::Length(left) if !self.buffer.is_empty() => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX);
                    let bytes = self.take(most);
                    *left -= bytes.len() as u64;
                    if *left == 0 {
                        *body = BodyState::Done;
                        self.end();
                    }
                    return Ok(Some(bytes));
                }
                BodyState::UntilClose if !self.buffer.is_empty() => {
                    return Ok(Some(self.take(usize::MAX)));
                }
                BodyState::Chunked(chunks) => match chunks.next(&mut self.buffer)? {
                    Piece::Bytes(bytes) => return Ok(Some(bytes.freeze())),
                    Piece::End => {
                        *body = BodyState::Done;
                        self.end();
                        return Ok(None);
                    }
                    Piece::More => {}
                },
                BodyState::Length(_) | BodyState::UntilClose => {}
            }
            let read = self.read(self.read_size.bytes()).await?;
            self.read_size.came(read);
            if read == 0 {
                if !matches!(body, BodyState::UntilClose) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                // The connection stays taken: no other request can follow.
                *body = BodyState::Done;
            }
        }
    }

    /// Notes that the response is over. Bytes that have come after it belong to no response, and
    /// what follows them cannot be trusted: then no other request is sent.
    fn end(&mut self) {
        self.is_taken = !self.persists || !self.buffer.is_empty();
    }

    fn take(&mut self, most: usize) -> Bytes {
        let bytes = most.min(self.buffer.len());
        self.buffer.split_to(bytes).freeze()
    }

    /// Reads what there is, at most so much, behind what has been read; 0 at the connection's end.
    async fn read(&mut self, most: usize) -> io::Result<usize> {
        self.buffer.reserve(most);
        let mut room = (&mut self.buffer).limit(most);
        self.stream.read_buf(&mut room).await
    }

    /// Returns how many bytes of this body the kernel has received that can be taken from the
    /// socket as they are; 0 where none can.
    pub(crate) fn held(&self, body: &BodyState) -> usize {
        let (Stream::Plain(stream), BodyState::Length(left)) = (&self.stream, body) else {
            return 0;
        };
        if !self.buffer.is_empty() {
            return 0;
        }
        let held = rustix::io::ioctl_fionread(stream).unwrap_or_default();
        usize::try_from(held.min(*left)).unwrap_or(usize::MAX)
    }

    /// Returns the socket for taking what it has received. Its descriptor is a copy, which its
    /// owner closes, so that most connections have only one. Fails for TLS (`Unsupported`), and
    /// when no descriptor is left for the copy.
    pub(crate) fn socket(&self) -> io::Result<TcpStream> {
        match &self.stream {
            Stream::Plain(stream) => Ok(stream.as_fd().try_clone_to_owned()?.into()),
            Stream::Tls(_) | Stream::Nested(_) => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(test)]
            Stream::Memory(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Begins to follow what the kernel sees of its path. Returns `None` where that is too little.
    pub(crate) fn first_loss(&self) -> Option<FirstLoss> {
        FirstLoss::follow(self.held_socket()?)
    }

    /// Begins to bound how far its server may send ahead. Returns `None` if there is no descriptor
    /// for that.
    pub(crate) fn window(&self) -> Option<ReceiveWindow> {
        self.held_socket().map(ReceiveWindow::of)
    }

    fn held_socket(&self) -> Option<Socket> {
        Socket::of(self.stream.tcp()?)
    }

    /// Notes that this number of bytes of a body was taken from the socket.
    pub(crate) fn took(&mut self, body: &mut BodyState, bytes: u64) {
        if let BodyState::Length(left) = body {
            *left = left.saturating_sub(bytes);
            if *left == 0 {
                *body = BodyState::Done;
                self.end();
            }
        }
    }

    /// Takes the connection from under a body: what has been read of it, and perhaps of what comes
    /// after it, and where the rest comes from.
    pub(crate) fn into_raw(self) -> io::Result<(Bytes, RawConnection)> {
        let raw = self.stream.into_raw()?.counted(self.opened);
        Ok((self.buffer.freeze(), raw))
    }
}

/// Returns whether these bytes begin as the first TLS record of a server: an alert or a handshake
/// message (RFC 8446 §5.1).
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16, 0x03, ..])
}

fn is_end(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

impl BodyState {
    /// Returns how many bytes are to come; `None` where that is not known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Done => Some(0),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        matches!(self, Self::Done)
    }
}
