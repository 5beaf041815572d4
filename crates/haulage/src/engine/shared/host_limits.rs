//! Which hosts have limits of their own.

use std::time::Duration;

use crate::http_url::HttpUrl;
use crate::options::HostLimits;
use crate::schedule::OwnCaps;

/// The hosts with limits of their own, those with the narrowest patterns first.
pub(crate) struct OwnLimits(Box<[HostLimits]>);

impl OwnLimits {
    pub(crate) fn new(mut limits: Vec<HostLimits>) -> Self {
        limits.sort_by_key(|limits| std::cmp::Reverse(limits.hosts.rank()));
        Self(limits.into())
    }

    /// Returns the limits of a URL's host; `None` if it has none of its own.
    pub(crate) fn of(&self, url: &HttpUrl) -> Option<OwnCaps> {
        if self.0.is_empty() {
            return None;
        }
        let own = || self.0.iter().filter(|limits| limits.hosts.matches(url));
        let caps = OwnCaps {
            per_host: own().find_map(|limits| limits.per_host),
            delay: own().find_map(|limits| limits.delay),
        };
        (caps != OwnCaps::default()).then_some(caps)
    }

    /// Returns whether some host is left alone between two requests.
    pub(crate) fn have_delay(&self) -> bool {
        let is_delay = |delay: Duration| !delay.is_zero();
        self.0
            .iter()
            .any(|limits| limits.delay.is_some_and(is_delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(hosts: &str, per_host: Option<usize>, seconds: Option<u64>) -> HostLimits {
        let mut limits = HostLimits::new(hosts.parse().unwrap());
        limits.per_host = per_host;
        limits.delay = seconds.map(Duration::from_secs);
        limits
    }

    #[test]
    fn each_value_is_that_of_the_narrowest_pattern() {
        let own = OwnLimits::new(vec![
            limits("*.example", Some(4), Some(2)),
            limits("a.example", Some(1), None),
            limits("b.example", None, Some(0)),
        ]);
        let of = |url: &str| {
            let caps = own.of(&HttpUrl::of(url))?;
            Some((caps.per_host, caps.delay.map(|delay| delay.as_secs())))
        };
        assert_eq!(of("http://a.example/"), Some((Some(1), Some(2))));
        assert_eq!(of("http://b.example/"), Some((Some(4), Some(0))));
        assert_eq!(of("http://c.example/"), Some((Some(4), Some(2))));
        assert_eq!(of("http://a.test/"), None);
        assert!(own.have_delay());
        assert!(!OwnLimits::new(vec![limits("a.example", Some(1), Some(0))]).have_delay());
    }
}
