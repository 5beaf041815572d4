//! Floods: more than a client should read before, beside or after a body.

use http::StatusCode;

use crate::script::{Act, Frames, Framing, Script};

/// A number of `u64::MAX` means endless.
impl Script {
    /// Adds this many headers. HTTP/2 sends at most 20,000.
    #[must_use]
    pub fn flood_headers(mut self, number: u64) -> Self {
        self.headers_more = number;
        self
    }

    /// Adds one header with a value of this many bytes. HTTP/2 sends at most 16 MiB.
    #[must_use]
    pub fn flood_header(mut self, bytes: u64) -> Self {
        self.header_bytes = bytes;
        self
    }

    /// Adds this many trailers after the body. For that, HTTP/1.1 sends the body in chunks. HTTP/2
    /// sends at most 20,000 trailers.
    #[must_use]
    pub fn flood_trailers(mut self, number: u64) -> Self {
        self.trailers = number;
        self.framing = Framing::Chunked;
        self
    }

    /// Sends this many interim responses with this status (100, 102 or 103) before the final one.
    ///
    /// # Panics
    ///
    /// When `status` is not between 100 and 199.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a script is written by whoever reads the panic"
    )]
    pub fn early(self, status: u16, number: u64) -> Self {
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(StatusCode::is_informational);
        self.before(Act::Early(status.expect("a status of 1xx"), number))
    }

    /// Sends this many of these frames before the head, on HTTP/2. On HTTP/1.1 nothing happens.
    #[must_use]
    pub fn flood(self, frames: Frames, number: u64) -> Self {
        self.before(Act::Flood(frames, number))
    }

    /// Sends frames like [`flood`](Self::flood), but within the body.
    #[must_use]
    pub fn flood_at(self, offset: u64, frames: Frames, number: u64) -> Self {
        self.during(offset, Act::Flood(frames, number))
    }
}
