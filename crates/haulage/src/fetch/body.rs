//! The body of a response: its bytes as they are received, and whether it was complete.

use bytes::Bytes;

use super::classify;
use super::connection::Connection;
use super::http1::BodyState;
use super::http2::Http2Body;
use super::idle::IdleTimer;
use crate::error::{Error, ErrorKind};

/// Maximum bytes of an unneeded body that are read so that its connection can be reused.
const WORTH_DRAINING: u64 = 64 << 10;

/// A body that is being received.
pub(crate) enum ResponseBody {
    /// On an HTTP/1.1 connection, which it occupies until its end.
    Http1(BodyState),
    /// On an HTTP/2 stream of its own.
    Http2(Http2Body),
}

impl ResponseBody {
    /// Returns how many bytes are to come; `None` where the framing does not say (RFC 9112 §6.3).
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Http1(state) => state.length(),
            Self::Http2(body) => body.length(),
        }
    }

    /// Returns whether it is known that nothing more comes.
    pub(crate) fn is_at_end(&self) -> bool {
        match self {
            Self::Http1(state) => state.is_at_end(),
            Self::Http2(body) => body.is_at_end(),
        }
    }

    /// Returns how many bytes of the body the kernel has received that can be taken from the socket
    /// as they are; 0 where none can, as with TLS, chunks or HTTP/2.
    pub(crate) fn held(&self, connection: Option<&Connection>) -> usize {
        match (self, connection) {
            (Self::Http1(state), Some(Connection::Http1(http1))) => http1.held(state),
            _ => 0,
        }
    }

    /// Notes that this number of bytes of the body was taken from the socket.
    pub(crate) fn took(&mut self, connection: &mut Option<Connection>, bytes: u64) {
        if let (Self::Http1(state), Some(Connection::Http1(http1))) = (self, connection) {
            http1.took(state, bytes);
        }
    }

    /// Returns the next bytes from the connection of the response; `None` at the end of the body.
    ///
    /// # Errors
    /// Of kind `timeout`, `incomplete`, `reset`, `protocol` or `tls`.
    pub(crate) async fn next(
        &mut self,
        connection: &mut Option<Connection>,
        idle: &mut IdleTimer,
    ) -> Result<Option<Bytes>, Error> {
        let bytes = match self {
            Self::Http1(state) => {
                let Some(Connection::Http1(http1)) = connection else {
                    return Err(given_up());
                };
                let next = idle.guard_body(http1.next(state)).await?;
                next.map_err(classify::body_of_http1)?
            }
            Self::Http2(body) => body.next(idle).await?,
        };
        if let Some(bytes) = &bytes {
            idle.received(bytes.len());
        }
        Ok(bytes)
    }

    /// Reads the rest of a body that nobody wants, if it is short; says whether it came to its end,
    /// so that its connection can be used again.
    pub(crate) async fn drain(
        &mut self,
        connection: &mut Option<Connection>,
        idle: &mut IdleTimer,
    ) -> bool {
        if self.is_at_end() {
            return true;
        }
        let mut rest = match self.length() {
            Some(length) if length > WORTH_DRAINING => return false,
            _ => WORTH_DRAINING,
        };
        while let Ok(bytes) = self.next(connection, idle).await {
            match bytes {
                None => return true,
                Some(bytes) => match rest.checked_sub(bytes.len() as u64) {
                    Some(left) => rest = left,
                    None => return false,
                },
            }
        }
        false
    }
}

/// Returns the error of a body whose connection was given up before the body ended.
fn given_up() -> Error {
    Error::new(
        ErrorKind::Incomplete,
        "the connection was given up before the file was complete",
    )
}
