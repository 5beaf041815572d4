//! An HTTP/1.1 server, written by hand: it must be able to send anything, and to stop anywhere.

use std::future;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::body::Body;
use crate::head::{Head, parse};
use crate::log::Connection;
use crate::respond::{Over, ResponseWriter, bodiless, lengthless, respond};
use crate::script::{Ending, Frames, Framing, Script};
use crate::shared::Shared;
use crate::socket::{self, Socket};

/// Maximum bytes of a request's head.
const HEAD_LIMIT: usize = 64 << 10;
/// Number of bytes of a body that are written at once.
const BLOCK: u64 = 128 << 10;
const FLOOD_BLOCK: usize = 128 << 10;

/// Answers the requests of one connection until either side has enough.
pub(crate) async fn serve(socket: impl Socket, shared: Arc<Shared>, connection: Connection) {
    let mut writer = Http1 {
        socket,
        inbox: BytesMut::new(),
        out: Vec::new(),
        framing: Framing::Length,
        keep_alive: true,
        bodiless: false,
        trailers: 0,
        on_reuse: None,
    };
    let over = loop {
        match writer.answer(&shared, connection.number).await {
            Ok(()) if writer.keep_alive => {}
            Ok(()) => break Over::Ended(Ending::Close),
            Err(over) => break over,
        }
    };
    drop(connection);
    if let Over::Ended(ending) = over {
        socket::end(writer.socket, ending).await;
    }
}

struct Http1<S> {
    socket: S,
    /// Bytes that were read and not yet used.
    inbox: BytesMut,
    /// Bytes to be written next: the head waits here for the beginning of the body.
    out: Vec<u8>,
    framing: Framing,
    keep_alive: bool,
    bodiless: bool,
    trailers: u64,
    on_reuse: Option<Ending>,
}

impl<S: Socket> Http1<S> {
    async fn answer(&mut self, shared: &Shared, connection: u64) -> Result<(), Over> {
        if let Some(ending) = self.on_reuse {
            if self.inbox.is_empty() {
                self.read().await?;
            }
            return Err(Over::Ended(ending));
        }
        let head = match self.read_head(connection).await? {
            Ok(head) => head,
            Err(refusal) => {
                self.keep_alive = false;
                self.framing = Framing::Length;
                self.write_head(&Script::status(refusal.as_u16())).await?;
                return self.flush().await;
            }
        };
        let mut request = head.request;
        let (script, ticket) = shared.asked(&mut request);
        self.keep_alive = head.keep_alive && script.framing != Framing::Close;
        match head.body {
            Some(len) => self.skip(len).await?,
            // No test sends chunked requests: their bodies are left unread, and the connection
            // closes.
            None => self.keep_alive = false,
        }
        self.framing = script.framing;
        self.trailers = script.trailers;
        self.on_reuse = script.on_reuse;
        self.bodiless = bodiless(script.status, &request);
        respond(&script, &request, self, ticket).await
    }

    /// Reads the head of a request, or returns the status that refuses it. Fails if the client is
    /// gone.
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

    /// Reads the body of the request, of `len` bytes, and discards it.
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

    async fn write_head(&mut self, script: &Script) -> Result<(), Over> {
        let status = script.status;
        let reason = status.canonical_reason().unwrap_or("");
        self.out
            .extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).as_bytes());
        for (name, value) in &script.headers {
            self.write_header(name, value);
        }
        self.write_framing(script);
        if !self.keep_alive && !script.headers.contains_key(CONNECTION) {
            self.write_header(&CONNECTION, &HeaderValue::from_static("close"));
        }
        self.write_fields("x-flood", script.headers_more).await?;
        self.write_long_header(script.header_bytes).await?;
        self.out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Writes the header that tells where the body ends, unless the script has written one.
    fn write_framing(&mut self, script: &Script) {
        let unsaid = |name| !script.headers.contains_key(name);
        if lengthless(script.status) || !unsaid(TRANSFER_ENCODING) {
            return;
        }
        match self.framing {
            Framing::Length if unsaid(CONTENT_LENGTH) => {
                self.write_header(&CONTENT_LENGTH, &script.body.len().into());
            }
            Framing::Chunked => {
                self.write_header(&TRANSFER_ENCODING, &HeaderValue::from_static("chunked"));
            }
            Framing::Length | Framing::Close | Framing::Raw => {}
        }
    }

    fn write_header(&mut self, name: &HeaderName, value: &HeaderValue) {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            self.out.extend_from_slice(part);
        }
    }

    /// Writes this many headers or trailers, and sends full blocks on the way, since the number may
    /// be endless.
    async fn write_fields(&mut self, name: &str, number: u64) -> Result<(), Over> {
        for nth in 0..number {
            self.out
                .extend_from_slice(format!("{name}-{nth}: {nth}\r\n").as_bytes());
            self.drain().await?;
        }
        Ok(())
    }

    async fn write_long_header(&mut self, bytes: u64) -> Result<(), Over> {
        if bytes == 0 {
            return Ok(());
        }
        self.out.extend_from_slice(b"x-long: ");
        let mut left = bytes;
        while left > 0 {
            let block = left.min(BLOCK);
            let len = self.out.len() + usize::try_from(block).unwrap_or(0);
            self.out.resize(len, b'x');
            self.drain().await?;
            left -= block;
        }
        self.out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Writes what waits in `out` to the socket, if it is at least a block.
    async fn drain(&mut self) -> Result<(), Over> {
        if self.out.len() < FLOOD_BLOCK {
            return Ok(());
        }
        self.write().await
    }

    /// Writes the last chunk of a body, with its trailers (RFC 9112 §7.1).
    async fn write_last_chunk(&mut self) -> Result<(), Over> {
        self.out.extend_from_slice(b"0\r\n");
        self.write_fields("x-trailer", self.trailers).await?;
        self.out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Appends a part of the body to `out`, as a chunk if the body is chunked.
    fn append(&mut self, body: &Body, part: &Range<u64>) {
        let chunked = self.framing == Framing::Chunked && !part.is_empty();
        if chunked {
            let size = format!("{:x}\r\n", part.end - part.start);
            self.out.extend_from_slice(size.as_bytes());
        }
        let begin = self.out.len();
        // `send` and `finish` append at most one block.
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

impl<S: Socket> ResponseWriter for Http1<S> {
    async fn head(&mut self, script: &Script, over: bool) -> Result<(), Over> {
        if self.framing == Framing::Raw {
            return Ok(());
        }
        self.write_head(script).await?;
        if over && self.framing == Framing::Chunked && !self.bodiless {
            self.write_last_chunk().await?;
        }
        Ok(())
    }

    fn head_is_bytes(&self) -> bool {
        true
    }

    async fn release(&mut self, bytes: u64) -> Result<u64, Over> {
        let here = self.out.len();
        let part = usize::try_from(bytes).unwrap_or(here).min(here);
        let rest = self.out.split_off(part);
        self.flush().await?;
        self.out = rest;
        Ok(part as u64)
    }

    async fn send(&mut self, body: &Body, part: Range<u64>) -> Result<(), Over> {
        let mut start = part.start;
        while start < part.end {
            let end = part.end.min(start + BLOCK);
            self.append(body, &(start..end));
            // What is left goes with what follows, so that both arrive together.
            if self.out.len() as u64 >= BLOCK {
                self.write().await?;
            }
            start = end;
        }
        Ok(())
    }

    async fn finish(&mut self, body: &Body, part: Range<u64>) -> Result<(), Over> {
        self.append(body, &part);
        if self.framing == Framing::Chunked {
            self.write_last_chunk().await?;
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Over> {
        self.write().await?;
        self.socket.flush().await.map_err(|_| Over::Gone)
    }

    /// Waits until the client is gone. One that has shut down its side counts as gone: the clients
    /// under test do not do that.
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

    async fn say(&mut self, bytes: &Bytes) -> Result<(), Over> {
        self.out.extend_from_slice(bytes);
        self.flush().await
    }

    async fn early(&mut self, status: StatusCode, number: u64) -> Result<(), Over> {
        let reason = status.canonical_reason().unwrap_or("");
        let response = format!("HTTP/1.1 {} {reason}\r\n\r\n", status.as_str());
        for _ in 0..number {
            self.out.extend_from_slice(response.as_bytes());
            self.drain().await?;
        }
        self.flush().await
    }

    async fn flood(&mut self, _: Frames, _: u64) -> Result<(), Over> {
        Ok(())
    }

    async fn last_call(&mut self) -> Result<(), Over> {
        Ok(())
    }
}
