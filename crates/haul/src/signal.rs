//! Handles the signals that ask a run to stop, or to pause.

use std::fs;
use std::future;
use std::io;
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
        let ignored = ignored();
        let unless_ignored = |number: Number| {
            let number = number.as_raw();
            let is_ignored = ignored >> (number - 1) & 1 == 1;
            let kind = SignalKind::from_raw(number);
            (!is_ignored).then(|| signal(kind)).transpose()
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

/// Returns the signals that this process ignores, a bit for each; none where the system does not
/// say.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_in(&status).unwrap_or_default()
}

/// Reads them from `/proc/PID/status` (`proc_pid_status(5)`).
fn ignored_in(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
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
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\thaul\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert_eq!(ignored_in(status), Some(0x1001));
        assert_eq!(ignored_in("Name:\thaul\n"), None);
    }
}
