//! Handles the signals that ask a run to stop, or to pause.

use std::future;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::time::{Duration, Instant};

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals to stop within this time count as one. A closing terminal and its shell both send
/// SIGHUP; timeout(1) sends SIGTERM to the process and then to its group; systemd sends both
/// signals.
const ONE_REQUEST: Duration = Duration::from_millis(500);

/// Under timeout(1) or a task runner, Ctrl-C arrives twice: from the terminal, and from the parent
/// that passes it on. A user does not press it twice within this time.
const PASSED_ON: Duration = Duration::from_millis(30);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalRequest {
    /// Ctrl-C.
    Stop,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is closed, or the connection to it is lost.
    HangUp,
    /// Ctrl-Z.
    Pause,
}

/// What the process does about a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heed {
    /// Transfers stop at a point from which the next run can resume.
    Stop,
    /// The process ends without waiting for anything.
    AtOnce,
    /// The process stops until it is continued.
    Pause,
    /// Nothing: the signal repeats an earlier one.
    Nothing,
}

/// Remembers the first request to stop.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    first: Option<(SignalRequest, Instant)>,
}

impl Stops {
    /// Decides what follows from a signal that comes at this instant.
    pub(crate) fn heed(&mut self, asked: SignalRequest, at: Instant) -> Heed {
        match (asked, self.first) {
            (SignalRequest::Pause, _) => Heed::Pause,
            (_, None) => {
                self.first = Some((asked, at));
                Heed::Stop
            }
            (_, Some((_, first))) if at < first + PASSED_ON => Heed::Nothing,
            (
                SignalRequest::Terminate | SignalRequest::HangUp,
                Some((SignalRequest::Terminate | SignalRequest::HangUp, first)),
            ) if at < first + ONE_REQUEST => Heed::Nothing,
            (SignalRequest::Stop | SignalRequest::Terminate | SignalRequest::HangUp, Some(_)) => {
                Heed::AtOnce
            }
        }
    }
}

/// The signals that are handled. SIGHUP and Ctrl-Z stay ignored if they were ignored when the
/// process started, as by nohup. SIGINT does not: a shell script ignores it for commands that it
/// starts with `&`, and may send it itself.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
    pause: Option<Signal>,
}

impl Interrupts {
    /// Listens from now on, so that the signals no longer end the process by themselves; to Ctrl-Z
    /// where something `is_drawn` that has to be removed first. Needs a Tokio runtime around it.
    pub(crate) fn listen(is_drawn: bool) -> io::Result<Self> {
        // Without a handler, a file that exceeds RLIMIT_FSIZE ends the process; with one, only the
        // write fails.
        drop(signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?);
        let unless_ignored = |number: Number| {
            let kind = SignalKind::from_raw(number.as_raw());
            (!is_ignored(number)).then(|| signal(kind)).transpose()
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: unless_ignored(Number::HUP)?,
            pause: if is_drawn {
                unless_ignored(Number::TSTP)?
            } else {
                None
            },
        })
    }

    /// Waits for the next one. A wait that is given up loses none.
    pub(crate) async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.interrupt.recv() => SignalRequest::Stop,
            _ = self.terminate.recv() => SignalRequest::Terminate,
            () = received(&mut self.hang_up) => SignalRequest::HangUp,
            () = received(&mut self.pause) => SignalRequest::Pause,
        }
    }
}

/// Waits for a signal; for ever where it is not listened to.
async fn received(signal: &mut Option<Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        future::pending::<()>().await;
    }
}

/// Stops this process until it is continued (SIGCONT), as Ctrl-Z does by default.
pub(crate) fn pause() {
    // A process can always send a signal to itself.
    let _ = rustix::process::kill_process(rustix::process::getpid(), Number::STOP);
}

/// Returns whether this process ignores a signal (sigaction(2)).
fn is_ignored(signal: Number) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    #[expect(unsafe_code, reason = "no crate offers it otherwise")]
    // SAFETY: nothing is changed, what is now is written into `action`, which has room for it, and
    // all zeroes, which remain if that fails, are a value of its type.
    let action = unsafe {
        libc::sigaction(signal.as_raw(), ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_signal_ends_at_once() {
        let start = Instant::now();
        for (first, second) in [
            (SignalRequest::Stop, SignalRequest::Stop),
            (SignalRequest::Stop, SignalRequest::HangUp),
            (SignalRequest::Stop, SignalRequest::Terminate),
            (SignalRequest::Terminate, SignalRequest::Stop),
            (SignalRequest::HangUp, SignalRequest::Stop),
        ] {
            let mut stops = Stops::default();
            assert_eq!(stops.heed(first, start), Heed::Stop);
            assert_eq!(stops.heed(second, start), Heed::Nothing);
            assert_eq!(stops.heed(second, start + PASSED_ON), Heed::AtOnce);
        }
    }

    #[test]
    fn a_signal_that_is_sent_twice_at_once_stops_once() {
        let start = Instant::now();
        for (first, second) in [
            (SignalRequest::HangUp, SignalRequest::HangUp),
            (SignalRequest::Terminate, SignalRequest::Terminate),
            (SignalRequest::Terminate, SignalRequest::HangUp),
        ] {
            let mut stops = Stops::default();
            assert_eq!(stops.heed(first, start), Heed::Stop);
            let soon = start + Duration::from_millis(3);
            assert_eq!(stops.heed(second, soon), Heed::Nothing);
            assert_eq!(stops.heed(second, start + ONE_REQUEST), Heed::AtOnce);
        }
    }

    #[test]
    fn a_pause_is_no_request_to_stop() {
        let mut stops = Stops::default();
        let now = Instant::now();
        assert_eq!(stops.heed(SignalRequest::Pause, now), Heed::Pause);
        assert_eq!(stops.heed(SignalRequest::Stop, now), Heed::Stop);
        assert_eq!(stops.heed(SignalRequest::Pause, now), Heed::Pause);
    }

    #[test]
    fn ignored_signals_are_known() {
        // Rust ignores SIGPIPE.
        assert!(is_ignored(Number::PIPE));
        assert!(!is_ignored(Number::USR2));
    }
}
