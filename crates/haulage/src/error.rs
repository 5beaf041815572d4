//! What can go wrong with an item or with a run: one small public kind, and a message for people.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

/// The kinds of failure, as results and events name them. The kind alone decides whether an attempt
/// is worth repeating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A row, a URL or an option that cannot be used.
    Input,
    /// A name that cannot be a file below the destination.
    Name,
    /// The host's name has no address, or the resolver did not answer.
    Dns,
    /// No connection could be made.
    Connect,
    /// The TLS handshake failed: a bad certificate, no common version.
    Tls,
    /// Nothing was received for too long.
    Timeout,
    /// The connection broke.
    Reset,
    /// What the server sent is not HTTP, or not allowed by it.
    Protocol,
    /// The body ended before its length (RFC 9112 §8).
    Incomplete,
    /// The server answered with a status that is not a file.
    Http,
    /// Too many redirects, or one that leads nowhere.
    Redirect,
    /// A policy of ours forbids it.
    Refused,
    /// The file on the server is another one than before.
    Changed,
    /// The bytes are not those whose checksum was expected.
    Checksum,
    /// A coding of the content, or of its transfer, could not be undone.
    Decode,
    /// The destination could not be written.
    Disk,
    /// Something stands where the file should go.
    Exists,
    /// The run was stopped.
    Cancelled,
    /// What is done with each complete file failed ([`RunOptions::on_complete`]). The file stays.
    ///
    /// [`RunOptions::on_complete`]: crate::RunOptions::on_complete
    Command,
}

impl ErrorKind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Input,
        Self::Name,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Reset,
        Self::Protocol,
        Self::Incomplete,
        Self::Http,
        Self::Redirect,
        Self::Refused,
        Self::Changed,
        Self::Checksum,
        Self::Decode,
        Self::Disk,
        Self::Exists,
        Self::Cancelled,
        Self::Command,
    ];

    /// Returns the kind of this name; `None` if there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the kind's stable name, as results carry it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Name => "name",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::Incomplete => "incomplete",
            Self::Http => "http",
            Self::Redirect => "redirect",
            Self::Refused => "refused",
            Self::Changed => "changed",
            Self::Checksum => "checksum",
            Self::Decode => "decode",
            Self::Disk => "disk",
            Self::Exists => "exists",
            Self::Cancelled => "cancelled",
            Self::Command => "command",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A failure: its kind, one line for people that says what happened and what to do, and what caused
/// it.
///
/// It is small, since results and events that may hold one are many.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: Box<str>,
    transient: bool,
    status: Option<u16>,
    retry_after: Option<Duration>,
    may_be_unprocessed: bool,
    too_slow: bool,
    proxy: ProxyPart,
    held_by: Option<Box<str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What part a proxy has in a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProxyPart {
    None,
    /// It says so of a server, or it may be about one.
    Reported,
    /// The failure is its own, whichever server it is asked for.
    Own,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_ref()?;
        Some(&**source)
    }
}

impl Error {
    /// Creates a failure of this kind, with a message of one line.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let transient = matches!(
            kind,
            ErrorKind::Connect | ErrorKind::Reset | ErrorKind::Timeout | ErrorKind::Incomplete
        );
        Self(Box::new(Inner {
            kind,
            message: message.into().into_boxed_str(),
            transient,
            status: None,
            retry_after: None,
            may_be_unprocessed: false,
            too_slow: false,
            proxy: ProxyPart::None,
            held_by: None,
            source: None,
        }))
    }

    /// Changes the wording of the message: a program that embeds the engine may name its options
    /// in another way.
    #[must_use]
    pub fn reworded(mut self, reword: impl FnOnce(&str) -> String) -> Self {
        self.0.message = reword(&self.0.message).into_boxed_str();
        self
    }

    /// Adds what caused the failure, for those who want the whole chain.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Sets which other run is the reason, in words that fit after "waiting for": the failure
    /// passes when that run has ended.
    #[must_use]
    pub(crate) fn held_by(mut self, run: String) -> Self {
        self.0.held_by = Some(run.into());
        self
    }

    /// Returns which other run kept this one from starting, in words that fit after "waiting for";
    /// `None` if that was not why. Once that run has ended, this one can be started.
    #[must_use]
    pub fn busy_with(&self) -> Option<&str> {
        self.0.held_by.as_deref()
    }

    /// Creates the failure of a file operation: `what` says which, in words that fit before a
    /// colon.
    #[must_use]
    pub(crate) fn disk(what: &str, cause: io::Error) -> Self {
        let advice = match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; make room and run the same command again"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "; choose a folder that can be written with --dir"
            }
            io::ErrorKind::FileTooLarge => {
                "; the file system, or a limit of this process (ulimit -f), allows no larger one"
            }
            _ => "",
        };
        Self::new(
            ErrorKind::Disk,
            format!("{what}: {}{advice}", plain_io(&cause)),
        )
        .caused_by(cause)
    }

    /// Creates the failure for a status that is not a file. 408, 429 and 5xx are worth another
    /// attempt (RFC 9110 §15.5.9, §15.6; RFC 6585 §4). Others may be if their server says so: see
    /// [`retry_after::later`](crate::plan::retry_after::later).
    pub(crate) fn http(status: http::StatusCode, message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::Http, message);
        error.0.transient = status == http::StatusCode::REQUEST_TIMEOUT
            || status == http::StatusCode::TOO_MANY_REQUESTS
            || status.is_server_error();
        error.0.status = Some(status.as_u16());
        error
    }

    /// Sets the status that the server answered with; `None` if it is not known.
    #[must_use]
    pub(crate) fn with_status(mut self, status: Option<u16>) -> Self {
        self.0.status = status;
        self
    }

    /// Sets how long the server asks to wait (RFC 9110 §10.2.3); `None` if it does not say.
    #[must_use]
    pub(crate) fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Marks the failure as that of a request that its server may not have processed at all.
    #[must_use]
    pub(crate) fn maybe_unprocessed(mut self) -> Self {
        self.0.may_be_unprocessed = true;
        self
    }

    /// Marks the failure as that of a body that was too slow, rather than silent.
    #[must_use]
    pub(crate) fn too_slow(mut self) -> Self {
        self.0.too_slow = true;
        self
    }

    /// Returns whether the body came, but more slowly than it may
    /// ([`RunOptions::lowest_speed`](crate::RunOptions::lowest_speed)).
    #[must_use]
    pub fn is_too_slow(&self) -> bool {
        self.0.too_slow
    }

    pub(crate) fn may_be_unprocessed(&self) -> bool {
        self.0.may_be_unprocessed
    }

    /// Marks the failure as a proxy's own: requests through it to all other servers fail in the
    /// same way.
    #[must_use]
    pub(crate) fn of_proxy(mut self) -> Self {
        self.0.proxy = ProxyPart::Own;
        self
    }

    /// Marks the failure as one that a proxy reports, and that may be about a server.
    #[must_use]
    pub(crate) fn reported_by_proxy(mut self) -> Self {
        self.0.proxy = ProxyPart::Reported;
        self
    }

    /// Returns whether the failure is a proxy's own.
    pub(crate) fn is_of_proxy(&self) -> bool {
        self.0.proxy == ProxyPart::Own
    }

    /// Returns whether a proxy reports it, and it may be about a server.
    pub(crate) fn is_reported_by_proxy(&self) -> bool {
        self.0.proxy == ProxyPart::Reported
    }

    /// Returns whether a connection that failed so had reached its proxy, if it has one.
    ///
    /// A proxy that refuses for good counts as one: others go on, and fail for the same reason.
    pub(crate) fn shows_that_proxy_works(&self) -> bool {
        let is_ours = matches!(
            self.kind(),
            ErrorKind::Dns | ErrorKind::Refused | ErrorKind::Input
        );
        let is_of_proxy = self.is_of_proxy() && self.is_transient();
        self.is_reported_by_proxy() || !(is_ours || is_of_proxy)
    }

    /// Returns whether a proxy cannot be used now, and may be later.
    pub(crate) fn is_proxy_outage(&self) -> bool {
        self.is_of_proxy() && self.is_transient() && !self.lacks_descriptors()
    }

    /// Returns how long the server asks to wait; `None` if it does not say.
    pub(crate) fn asked_wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns how long the server asks to be left alone with other requests, too; `None` if it
    /// does not say, or means this file alone.
    pub(crate) fn asked_wait_of_host(&self) -> Option<Duration> {
        self.asked_wait().filter(|_| !self.is_of_file_alone())
    }

    /// Returns whether the status says something about its file and nothing about its server: that
    /// the file is not ready, not there, or elsewhere. Requests for other files need not wait then.
    pub(crate) fn is_of_file_alone(&self) -> bool {
        self.http_status()
            .is_some_and(|status| !matches!(status, 403 | 408 | 413 | 429 | 500..))
    }

    /// Appends more to the message, after a semicolon.
    #[must_use]
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.0.message = format!("{}; {more}", self.0.message).into_boxed_str();
        self
    }

    /// Returns whether the failure is on this side: no mirror could do better.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Disk | ErrorKind::Exists | ErrorKind::Name | ErrorKind::Cancelled
        )
    }

    /// Sets whether trying again may help, where the kind alone does not tell.
    #[must_use]
    pub(crate) fn transient(mut self, transient: bool) -> Self {
        self.0.transient = transient;
        self
    }

    /// Marks the failure as final, since bytes of the file have been written out that cannot be
    /// taken back.
    #[must_use]
    pub(crate) fn not_retryable_after_output(mut self) -> Self {
        // Of what could not be written, nothing can be said.
        if self.0.kind != ErrorKind::Disk {
            self.0.message = format!(
                "{}; what was written out is incomplete or wrong, and it cannot be taken back to try again",
                self.0.message
            )
            .into_boxed_str();
        }
        self.transient(false)
    }

    /// Returns the kind of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns whether the same request may well succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// Returns the status that the server answered with; `None` if the failure is not about a
    /// status.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns whether the failure may mean that a server has more to do than it can. `answered`:
    /// the head of a response had come; a response that breaks off later usually does so for other
    /// reasons.
    pub(crate) fn is_overload(&self, answered: bool) -> bool {
        match self.0.kind {
            ErrorKind::Timeout => true,
            ErrorKind::Connect | ErrorKind::Reset => !answered,
            ErrorKind::Http => match self.http_status() {
                Some(408 | 429 | 502..=504) => true,
                // A rate limit.
                Some(403) => self.is_transient(),
                _ => false,
            },
            _ => false,
        }
    }

    /// Returns whether this process, or the system, has too many files open: that passes as others
    /// are closed.
    pub(crate) fn lacks_descriptors(&self) -> bool {
        let source = self.0.source.as_deref();
        let cause = source.and_then(|cause| cause.downcast_ref::<io::Error>());
        let number = cause.and_then(io::Error::raw_os_error);
        [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE]
            .iter()
            .any(|lack| number == Some(lack.raw_os_error()))
    }

    /// Returns whether the host has refused the connection.
    pub(crate) fn is_refusal(&self) -> bool {
        let source = self.0.source.as_deref();
        let cause = source.and_then(|cause| cause.downcast_ref::<io::Error>());
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Returns whether the destination itself is unusable, so that no other item could be saved
    /// either.
    #[must_use]
    pub(crate) fn ends_the_run(&self) -> bool {
        self.0.kind == ErrorKind::Disk
            && self
                .0
                .source
                .as_deref()
                .and_then(|cause| cause.downcast_ref::<io::Error>())
                .is_some_and(|cause| {
                    matches!(
                        cause.kind(),
                        io::ErrorKind::StorageFull
                            | io::ErrorKind::QuotaExceeded
                            | io::ErrorKind::ReadOnlyFilesystem
                    ) || cause.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
                })
    }
}

/// Returns the text of an I/O error without Rust's `(os error 28)`.
pub(crate) fn plain_io(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_repeating_follows_from_the_kind_and_the_status() {
        assert!(Error::new(ErrorKind::Reset, "x").is_transient());
        assert!(!Error::new(ErrorKind::Tls, "x").is_transient());
        for (status, again) in [
            (404, false),
            (403, false),
            (408, true),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let status = http::StatusCode::from_u16(status).unwrap();
            assert_eq!(Error::http(status, "x").is_transient(), again, "{status}");
        }
    }

    #[test]
    fn a_full_disk_ends_the_run_and_says_what_to_do() {
        let full = Error::disk("cannot write a.bin", io::Error::from_raw_os_error(28));
        assert!(full.ends_the_run());
        assert_eq!(
            full.to_string(),
            "cannot write a.bin: No space left on device; make room and run the same command again"
        );
    }
}
