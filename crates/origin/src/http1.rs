//! HTTP/1.1, written by hand: it must be able to say anything, and to stop anywhere.

use std::future;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::body::Body;
use crate::head::{Head, parse};
use crate::log::Connection;
use crate::play::{Over, Wire, bodiless, lengthless, play};
use crate::script::{Framing, Script};
use crate::server::Shared;
use crate::socket::{self, Socket};

/// The most that the head of a request may take.
const HEAD_LIMIT: usize = 64 << 10;
/// How much of a body is written at once.
const BLOCK: u64 = 128 << 10;

/// Answers the requests of one connection until either side has enough.
pub(crate) async fn serve(socket: impl Socket, shared: Arc<Shared>, connection: Connection) {
    let mut wire = Http1 {
        socket,
        inbox: BytesMut::new(),
        out: Vec::new(),
        framing: Framing::Length,
        keep_alive: true,
        bodiless: false,
    };
    let over = loop {
        match wire.answer(&shared, connection.number).await {
            Ok(()) if wire.keep_alive => {}
            Ok(()) => break Over::Close,
            Err(over) => break over,
        }
    };
    drop(connection);
    match over {
        Over::Gone => {}
        Over::Close => socket::close(wire.socket).await,
        Over::Reset => socket::reset(wire.socket).await,
    }
}

struct Http1<S> {
    socket: S,
    /// What was read and not yet used.
    inbox: BytesMut,
    /// What is to be written next: the head waits here for the beginning of the body.
    out: Vec<u8>,
    framing: Framing,
    keep_alive: bool,
    bodiless: bool,
}

impl<S: Socket> Http1<S> {
    async fn answer(&mut self, shared: &Shared, connection: u64) -> Result<(), Over> {
        let head = match self.read_head(connection).await? {
            Ok(head) => head,
            Err(refusal) => {
                self.keep_alive = false;
                self.framing = Framing::Length;
                self.write_head(&Script::status(refusal.as_u16()));
                return self.flush().await;
            }
        };
        let mut request = head.request;
        let (script, ticket) = shared.asked(&mut request);
        self.keep_alive = head.keep_alive && script.framing != Framing::Close;
        match head.body {
            Some(len) => self.skip(len).await?,
            // Nothing sends us those: they are left unread.
            None => self.keep_alive = false,
        }
        self.framing = script.framing;
        self.bodiless = bodiless(script.status, &request);
        play(&script, &request, self, ticket).await
    }

    /// Reads a head, or finds why it cannot be served.
    async fn read_head(&mut self, connection: u64) -> Result<Result<Head, StatusCode>, Over> {
        loop {
            match parse(&self.inbox, connection) {
                Ok(Some((head, len))) => {
                    self.inbox.advance(len);
                    return Ok(Ok(head));
                }
                Ok(None) if self.inbox.len() < HEAD_LIMIT => self.read().await?,
                Ok(None) => return Ok(Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
    }

    /// Leaves a request's own body behind.
    async fn skip(&mut self, mut len: u64) -> Result<(), Over> {
        loop {
            let here = self
                .inbox
                .len()
                .min(usize::try_from(len).unwrap_or(usize::MAX));
            self.inbox.advance(here);
            len -= here as u64;
            if len == 0 {
                return Ok(());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), Over> {
        match self.socket.read_buf(&mut self.inbox).await {
            Ok(read) if read > 0 => Ok(()),
            _ => Err(Over::Gone),
        }
    }

    fn write_head(&mut self, script: &Script) {
        let status = script.status;
        let reason = status.canonical_reason().unwrap_or("");
        self.out
            .extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).as_bytes());
        for (name, value) in &script.headers {
            self.write_header(name, value);
        }
        let length = script.body.len().into();
        let unsaid = |name| !script.headers.contains_key(name);
        if !lengthless(status) && unsaid(CONTENT_LENGTH) && unsaid(TRANSFER_ENCODING) {
            match self.framing {
                Framing::Length => self.write_header(&CONTENT_LENGTH, &length),
                Framing::Chunked => {
                    self.write_header(&TRANSFER_ENCODING, &HeaderValue::from_static("chunked"));
                }
                Framing::Close => {}
            }
        }
        if !self.keep_alive && unsaid(CONNECTION) {
            self.write_header(&CONNECTION, &HeaderValue::from_static("close"));
        }
        self.out.extend_from_slice(b"\r\n");
    }

    fn write_header(&mut self, name: &HeaderName, value: &HeaderValue) {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            self.out.extend_from_slice(part);
        }
    }

    /// Puts a part of the body behind what is to be written.
    fn append(&mut self, body: &Body, part: &Range<u64>) {
        let chunked = self.framing == Framing::Chunked && !part.is_empty();
        if chunked {
            let size = format!("{:x}\r\n", part.end - part.start);
            self.out.extend_from_slice(size.as_bytes());
        }
        let begin = self.out.len();
        // What `send` and `finish` append is a block at most.
        let len = usize::try_from(part.end - part.start).unwrap_or(0);
        self.out.resize(begin + len, 0);
        body.fill(part.start, &mut self.out[begin..]);
        if chunked {
            self.out.extend_from_slice(b"\r\n");
        }
    }

    async fn write(&mut self) -> Result<(), Over> {
        let written = self.socket.write_all(&self.out).await;
        self.out.clear();
        written.map_err(|_| Over::Gone)
    }
}

impl<S: Socket> Wire for Http1<S> {
    async fn head(&mut self, script: &Script, over: bool) -> Result<(), Over> {
        self.write_head(script);
        if !over {
            return Ok(());
        }
        if self.framing == Framing::Chunked && !self.bodiless {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
        self.flush().await
    }

    async fn send(&mut self, body: &Body, part: Range<u64>) -> Result<(), Over> {
        let mut start = part.start;
        while start < part.end {
            let end = part.end.min(start + BLOCK);
            self.append(body, &(start..end));
            self.write().await?;
            start = end;
        }
        Ok(())
    }

    async fn finish(&mut self, body: &Body, part: Range<u64>) -> Result<(), Over> {
        self.append(body, &part);
        if self.framing == Framing::Chunked {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Over> {
        self.write().await?;
        self.socket.flush().await.map_err(|_| Over::Gone)
    }

    /// A client that has shut down its side counts as gone: those that are worth serving do not.
    async fn gone(&mut self) {
        while self.inbox.len() < HEAD_LIMIT {
            if self.read().await.is_err() {
                return;
            }
        }
        future::pending::<()>().await;
    }

    fn counted(&self) -> bool {
        self.framing == Framing::Length
    }
}
