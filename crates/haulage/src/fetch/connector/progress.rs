//! How far a new connection has come, and what each step took: for what is said when its time is
//! over, and for those who watch.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::fetch::origin::Origin;
use crate::fetch::proxy::task;
use crate::options::proxies::Proxy;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ConnectStep {
    /// Nothing yet.
    Begin,
    /// The addresses of a name.
    Resolve,
    /// A TCP connection.
    Dial,
    /// TLS with a proxy.
    ProxyTls,
    /// What a proxy answers.
    Proxy,
    /// TLS with the server.
    Tls,
    /// Nothing more.
    End,
}

const STEPS: usize = ConnectStep::End as usize + 1;

/// The step that a connection is at, and the time that each one has taken.
#[derive(Debug)]
pub(crate) struct ConnectProgress {
    step: AtomicU8,
    began: Instant,
    /// When the present step began: nanoseconds after `began`.
    step_began: AtomicU64,
    /// Nanoseconds of each step so far, without the present one.
    spent: [AtomicU64; STEPS],
}

/// What a connection took; `None` for a step that it did not come to, or did not need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ConnectTimings {
    pub(crate) dns: Option<Duration>,
    /// TCP, and what a proxy took.
    pub(crate) connect: Option<Duration>,
    /// TLS with the server.
    pub(crate) tls: Option<Duration>,
}

impl Default for ConnectProgress {
    fn default() -> Self {
        Self {
            step: AtomicU8::new(ConnectStep::Begin as u8),
            began: clock::now(),
            step_began: AtomicU64::new(0),
            spent: Default::default(),
        }
    }
}

impl ConnectProgress {
    /// Records that the connection has come to this step.
    pub(super) fn at(&self, step: ConnectStep) {
        self.at_after(step, clock::elapsed(self.began));
    }

    /// Records that the connection has come to this step, so long after it began.
    fn at_after(&self, step: ConnectStep, elapsed: Duration) {
        let now = nanos(elapsed);
        let before = self.step_began.swap(now, Ordering::Relaxed);
        let last = self.step.swap(step as u8, Ordering::Relaxed);
        self.spent[usize::from(last)].fetch_add(now.saturating_sub(before), Ordering::Relaxed);
    }

    /// Returns whether the connection is at this step.
    pub(super) fn is_at(&self, step: ConnectStep) -> bool {
        self.step.load(Ordering::Relaxed) == step as u8
    }

    /// Returns whether there is no TCP connection yet.
    fn is_before_tcp(&self) -> bool {
        [ConnectStep::Begin, ConnectStep::Resolve, ConnectStep::Dial]
            .into_iter()
            .any(|step| self.is_at(step))
    }

    /// Returns what each step has taken so far.
    pub(crate) fn timings(&self) -> ConnectTimings {
        let now = nanos(clock::elapsed(self.began));
        let running = now.saturating_sub(self.step_began.load(Ordering::Relaxed));
        let of = |steps: &[ConnectStep]| {
            let spent = steps.iter().map(|&step| {
                let spent = self.spent[step as usize].load(Ordering::Relaxed);
                spent + if self.is_at(step) { running } else { 0 }
            });
            let nanos: u64 = spent.sum();
            (nanos > 0).then(|| Duration::from_nanos(nanos))
        };
        ConnectTimings {
            dns: of(&[ConnectStep::Resolve]),
            connect: of(&[ConnectStep::Dial, ConnectStep::ProxyTls, ConnectStep::Proxy]),
            tls: of(&[ConnectStep::Tls]),
        }
    }

    /// Returns the error of a connection that was not made within this time.
    pub(super) fn timed_out(
        &self,
        origin: &Origin,
        proxy: Option<&Proxy>,
        most: Duration,
    ) -> Error {
        let within = format!("within {} s (--connect-timeout)", most.as_secs_f64());
        let tls = |host: &str| {
            format!(
                "{host} did not end the TLS handshake {within}; check that it speaks TLS on this port"
            )
        };
        let is_own = self.is_before_tcp() || self.is_at(ConnectStep::ProxyTls);
        let message = match proxy {
            Some(proxy) if self.is_before_tcp() => {
                format!("no connection to proxy {proxy} {within}")
            }
            Some(proxy) if self.is_at(ConnectStep::ProxyTls) => tls(&format!("proxy {proxy}")),
            Some(proxy) if self.is_at(ConnectStep::Proxy) => {
                format!(
                    "proxy {proxy} did not answer {within} when it was asked for {}; check the scheme and the port of the proxy",
                    task(proxy, origin)
                )
            }
            Some(proxy) => format!(
                "{}; it was connected to through proxy {proxy}",
                tls(&origin.to_string())
            ),
            None if self.is_at(ConnectStep::Tls) => tls(&origin.to_string()),
            None => format!("no connection to {origin} {within}"),
        };
        let error = Error::new(ErrorKind::Timeout, message);
        match proxy {
            Some(_) if is_own => error.of_proxy(),
            Some(_) if self.is_at(ConnectStep::Proxy) => error.reported_by_proxy(),
            _ => error,
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn steps_get_their_own_time() {
        let progress = ConnectProgress::default();
        for (step, after) in [
            (ConnectStep::Resolve, 1),
            (ConnectStep::Dial, 4),
            (ConnectStep::Proxy, 24),
            // A second address of the proxy.
            (ConnectStep::Dial, 30),
            (ConnectStep::Proxy, 31),
            (ConnectStep::Tls, 40),
            (ConnectStep::End, 90),
        ] {
            progress.at_after(step, MS(after));
        }
        let timings = ConnectTimings {
            dns: Some(MS(3)),
            connect: Some(MS(36)),
            tls: Some(MS(50)),
        };
        assert_eq!(progress.timings(), timings);
    }

    #[test]
    fn step_that_was_not_needed_has_no_time() {
        let progress = ConnectProgress::default();
        assert_eq!(progress.timings(), ConnectTimings::default());
        progress.at(ConnectStep::Dial);
        progress.at(ConnectStep::End);
        let timings = progress.timings();
        assert_eq!((timings.dns, timings.tls), (None, None));
        assert!(timings.connect.is_some());
    }
}
