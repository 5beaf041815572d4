//! The body of a response: its bytes, as they come, and whether they were all.

use bytes::Bytes;
use http::Version;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};

use super::classify;
use super::idle::IdleTimer;
use crate::error::{Error, ErrorKind};

/// Most bytes of a body that nobody wants, read so that its connection can be used again.
const WORTH_DRAINING: u64 = 64 << 10;

/// A body that is being received.
pub(crate) struct ResponseBody {
    incoming: Incoming,
    version: Version,
}

impl ResponseBody {
    /// The body of a response of this version.
    pub(crate) fn new(incoming: Incoming, version: Version) -> Self {
        Self { incoming, version }
    }

    /// Bytes to come, where the framing says so (RFC 9112 §6.3).
    pub(crate) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// Whether it is known that nothing more comes.
    pub(crate) fn is_at_end(&self) -> bool {
        self.incoming.is_end_stream()
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// Of kind `timeout`, `incomplete`, `reset`, `protocol` or `tls`.
    pub(crate) async fn next(&mut self, idle: &mut IdleTimer) -> Result<Option<Bytes>, Error> {
        loop {
            match idle.guard_body(self.incoming.frame()).await? {
                None if self.is_cut_off() => {
                    return Err(Error::new(
                        ErrorKind::Incomplete,
                        "the server ended the stream before the file was complete",
                    )
                    .maybe_unprocessed());
                }
                None => return Ok(None),
                // Trailers say nothing that is used.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if bytes.is_empty() => {}
                    Ok(bytes) => {
                        idle.received(bytes.len());
                        return Ok(Some(bytes));
                    }
                    Err(_) => {}
                },
                Some(Err(cause)) => {
                    let lacking = self.length().is_some_and(|length| length > 0);
                    return Err(classify::body(cause, lacking));
                }
            }
        }
    }

    /// The next bytes that were read already, of a body whose connection was taken away; `None` when there are no more.
    pub(super) async fn handed_over(&mut self) -> Option<Bytes> {
        while let Some(Ok(frame)) = self.incoming.frame().await {
            if let Ok(bytes) = frame.into_data() {
                return Some(bytes);
            }
        }
        None
    }

    /// Whether a body that has come to its end is a part of one. hyper takes `RST_STREAM` with `NO_ERROR` for the end of a body,
    /// but it is that only after `END_STREAM` (RFC 9113 §8.1).
    fn is_cut_off(&self) -> bool {
        self.version == Version::HTTP_2 && !self.incoming.is_end_stream()
    }

    /// Reads the rest of a body that nobody wants, if it is short; says whether it came to its end, so that its connection
    /// can be used again.
    pub(crate) async fn drain(&mut self, idle: &mut IdleTimer) -> bool {
        if self.incoming.is_end_stream() {
            return true;
        }
        let mut rest = match self.incoming.size_hint().upper() {
            Some(length) if length > WORTH_DRAINING => return false,
            _ => WORTH_DRAINING,
        };
        while let Ok(bytes) = self.next(idle).await {
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
