//! Hosts to which nothing is sent for a while, as the engine tells of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The most hosts that are remembered.
const MAX_HOSTS: usize = 1000;

/// The hosts that wait now.
#[derive(Debug, Default)]
pub(crate) struct HostWaits(Mutex<HashMap<Arc<str>, HostWait>>);

/// Why nothing is sent to a host, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostWait {
    pub(crate) until: SystemTime,
    /// In a few words; `None` if no request to it has failed.
    pub(crate) reason: Option<String>,
}

impl HostWaits {
    /// Notes that a host waits from `now` on.
    pub(super) fn note(
        &self,
        host: &Arc<str>,
        now: SystemTime,
        wait: Duration,
        reason: Option<String>,
    ) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|_, wait| wait.until > now);
        }
        if hosts.len() < MAX_HOSTS || hosts.contains_key(host) {
            let until = now.checked_add(wait).unwrap_or(now);
            hosts.insert(Arc::clone(host), HostWait { until, reason });
        }
    }

    /// Returns the hosts that wait at this time.
    pub(crate) fn at(&self, now: SystemTime) -> HashMap<Arc<str>, HostWait> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, wait| wait.until > now);
        hosts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_forgotten_when_they_no_longer_wait() {
        let (waits, start) = (HostWaits::default(), SystemTime::UNIX_EPOCH);
        let second = Duration::from_secs(1);
        for number in 0..2 * MAX_HOSTS {
            let host = format!("http://h{number}").into();
            waits.note(&host, start, second, None);
        }
        assert_eq!(waits.at(start).len(), MAX_HOSTS);
        waits.note(&"http://late".into(), start + second, second, None);
        assert_eq!(waits.at(start + second).len(), 1);
        assert_eq!(waits.at(start + 2 * second).len(), 0);
    }
}
