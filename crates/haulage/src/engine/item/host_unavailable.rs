//! Why nothing is requested from a host any more.

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::options::RetryPolicy;

/// Why a host has been given up. It fails all that waits for the host; a later run may try again.
#[derive(Debug, Clone)]
pub(crate) struct HostUnavailable {
    kind: ErrorKind,
    why: String,
    is_transient: bool,
}

impl HostUnavailable {
    /// Describes a host that has been in trouble for `max_time`, with its last error.
    pub(crate) fn in_trouble(error: &Error, max_time: Duration) -> Self {
        let seconds = max_time.as_secs_f64();
        Self {
            kind: error.kind(),
            why: format!(
                "{error}; its host has been in trouble for {seconds} s (--retry-max-time)"
            ),
            is_transient: error.is_transient(),
        }
    }

    /// Describes a host behind a proxy that has been given up after this error.
    pub(crate) fn behind_proxy(error: &Error, policy: &RetryPolicy) -> Self {
        let seconds = policy.max_time.as_secs_f64();
        let why = match policy.retries {
            0 => error.to_string(),
            _ => {
                format!("{error}; the proxy has been in trouble for {seconds} s (--retry-max-time)")
            }
        };
        Self {
            kind: error.kind(),
            why,
            is_transient: error.is_transient(),
        }
    }

    /// Describes a host whose robots.txt cannot be read, so that nothing may be requested there
    /// (RFC 9309 §2.3.1.4).
    pub(crate) fn without_robots(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            why: format!("its host's robots.txt cannot be read (--robots): {error}"),
            is_transient: error.is_transient(),
        }
    }

    /// Returns the error of a row that waited for the host.
    pub(crate) fn error(&self) -> Error {
        Error::new(self.kind, self.why.clone()).transient(self.is_transient)
    }
}
