//! All cookies, by site: what takes whose place, and how many there may be (RFC 6265bis §5.7).
//! Pure.

use std::collections::HashMap;
use std::sync::Arc;

use super::cookie::Cookie;
use super::site::{Place, site_of};

/// Cookies that the servers of one domain may set (RFC 6265bis §6.1).
const MAX_PER_DOMAIN: usize = 50;
/// Cookies that all servers of one site may set.
const MAX_PER_SITE: usize = 500;
/// Cookies that all servers may set. With [`MAX_COOKIE_BYTES`](super::set_cookie::MAX_COOKIE_BYTES)
/// that bounds the memory that they can take.
const MAX_LEARNED: usize = 3000;

/// All cookies. A request looks at those of one site, which it can keep while others are set.
#[derive(Default)]
pub(crate) struct Store {
    sites: HashMap<Box<str>, Arc<Site>>,
    /// How many of the cookies have been set by servers.
    learned: usize,
    /// Counts what was set.
    clock: u64,
}

/// The cookies of the hosts below one registrable domain.
#[derive(Clone, Default)]
pub(crate) struct Site(Vec<Kept>);

/// A cookie, and how it came here.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) cookie: Cookie,
    /// A server has set it; otherwise it is the user's.
    pub(crate) is_learned: bool,
    /// When it was set first, and last.
    created: u64,
    changed: u64,
}

impl Store {
    /// Adds a cookie of the user's. It takes the place of the one of its name.
    pub(crate) fn add(&mut self, cookie: Cookie, now: i64) {
        self.set(cookie, false, now);
    }

    /// Adds a cookie that a response from `place` sets, and removes others where there are too
    /// many. One that has expired only removes. Returns whether it was accepted.
    pub(crate) fn learn(&mut self, cookie: Cookie, place: &Place<'_>, now: i64) -> bool {
        if !place.is_https
            && let Some(site) = self.sites.get(site_of(&cookie.domain))
            && site.0.iter().any(|kept| kept.cookie.is_hidden_by(&cookie))
        {
            return false;
        }
        self.set(cookie, true, now);
        if self.learned > MAX_LEARNED {
            self.forget_oldest();
        }
        true
    }

    fn set(&mut self, cookie: Cookie, is_learned: bool, now: i64) {
        let key = site_of(&cookie.domain);
        if cookie.is_expired(now) && !self.sites.contains_key(key) {
            return;
        }
        self.clock += 1;
        let clock = self.clock;
        let entry = self.sites.entry(key.into()).or_default();
        let site = Arc::make_mut(entry);
        self.learned -= site.learned();
        let before = site
            .0
            .iter()
            .position(|kept| kept.cookie.is_replaced_by(&cookie));
        let before = before.map(|at| site.0.swap_remove(at));
        if !cookie.is_expired(now) {
            let domain = cookie.domain.clone();
            site.0.push(Kept {
                cookie,
                is_learned,
                created: before.map_or(clock, |before| before.created),
                changed: clock,
            });
            if is_learned {
                site.make_room(&domain, now);
            }
        }
        self.learned += site.learned();
    }

    /// Returns the cookies among which are those of a request; `None` if there are none.
    pub(crate) fn site(&self, place: &Place<'_>) -> Option<Arc<Site>> {
        if self.sites.is_empty() {
            return None;
        }
        self.sites.get(place.site()).cloned()
    }

    /// Returns all cookies that have not expired.
    pub(crate) fn iter(&self, now: i64) -> impl Iterator<Item = &Cookie> {
        let all = self.sites.values().flat_map(|site| &site.0);
        let all = all.map(|kept| &kept.cookie);
        all.filter(move |cookie| !cookie.is_expired(now))
    }

    /// Forgets what servers have set that have set nothing for longest, until a quarter of the room
    /// is free.
    fn forget_oldest(&mut self) {
        let changed = |site: &Site| site.0.iter().map(|kept| kept.changed).max();
        let sites = self.sites.iter();
        let mut sites: Vec<_> = sites
            .map(|(key, site)| (changed(site), key.clone()))
            .collect();
        sites.sort_unstable();
        for (_, key) in sites {
            if self.learned <= MAX_LEARNED / 4 * 3 {
                break;
            }
            if let Some(site) = self.sites.get_mut(&key) {
                let site = Arc::make_mut(site);
                self.learned -= site.learned();
                site.0.retain(|kept| !kept.is_learned);
            }
        }
        self.sites.retain(|_, site| !site.0.is_empty());
    }
}

impl Site {
    /// Returns the cookies of a request in the order in which they are sent: those of longer paths
    /// first, and of these the older ones (RFC 6265bis §5.8.3).
    pub(crate) fn matching(&self, place: &Place<'_>, now: i64) -> Vec<&Kept> {
        let all = self.0.iter();
        let mut cookies: Vec<_> = all.filter(|kept| kept.cookie.is_for(place, now)).collect();
        cookies.sort_by_key(|kept| (usize::MAX - kept.cookie.path.len(), kept.created));
        cookies
    }

    fn learned(&self) -> usize {
        self.0.iter().filter(|kept| kept.is_learned).count()
    }

    /// Removes cookies that servers have set where a domain, or all of the site, has too many:
    /// those that have expired, then those that are not for https alone, then those that were set
    /// first (RFC 6265bis §5.7).
    fn make_room(&mut self, domain: &str, now: i64) {
        let is_of = |kept: &Kept| kept.is_learned && *kept.cookie.domain == *domain;
        let is_too_many = |all: &[Kept]| {
            all.iter().filter(|kept| is_of(kept)).count() > MAX_PER_DOMAIN
                || all.iter().filter(|kept| kept.is_learned).count() > MAX_PER_SITE
        };
        if is_too_many(&self.0) {
            self.0.retain(|kept| !kept.cookie.is_expired(now));
        }
        while is_too_many(&self.0) {
            let of_domain = self.0.iter().filter(|kept| is_of(kept)).count();
            let whole_site = of_domain <= MAX_PER_DOMAIN;
            let all = self.0.iter().enumerate();
            let all = all.filter(|(_, kept)| whole_site && kept.is_learned || is_of(kept));
            let first = all.min_by_key(|(_, kept)| (kept.cookie.is_secure, kept.changed));
            let Some((first, _)) = first else {
                return;
            };
            self.0.swap_remove(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::set_cookie;
    use super::*;
    use crate::http_url::HttpUrl;

    const NOW: i64 = 1_900_000_000;

    fn learn(store: &mut Store, url: &str, line: &str) -> bool {
        let url = HttpUrl::of(url);
        let place = Place::of(&url);
        let cookie = set_cookie::read(line.as_bytes(), &place, NOW).unwrap();
        store.learn(cookie, &place, NOW)
    }

    fn sent(store: &Store, url: &str) -> String {
        let url = HttpUrl::of(url);
        let place = Place::of(&url);
        let site = store.site(&place).unwrap_or_default();
        let pairs = site.matching(&place, NOW).into_iter().map(|kept| {
            let (name, value) = (&kept.cookie.name, &kept.cookie.value);
            String::from_utf8([name, &b"="[..], value].concat()).unwrap()
        });
        pairs.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn cookie_is_sent_to_its_host_or_domain_alone() {
        let mut store = Store::default();
        learn(&mut store, "http://a.example.org/", "host=1");
        learn(
            &mut store,
            "http://a.example.org/",
            "site=2; Domain=example.org",
        );
        assert_eq!(sent(&store, "http://a.example.org/"), "host=1; site=2");
        assert_eq!(sent(&store, "http://a.example.org:81/"), "host=1; site=2");
        assert_eq!(sent(&store, "http://x.a.example.org/"), "site=2");
        assert_eq!(sent(&store, "http://example.org/"), "site=2");
        assert_eq!(sent(&store, "http://badexample.org/"), "");
        assert_eq!(sent(&store, "http://org/"), "");
    }

    #[test]
    fn longer_paths_go_first_and_then_older_cookies() {
        let mut store = Store::default();
        learn(&mut store, "http://h.example/", "a=1");
        learn(&mut store, "http://h.example/", "b=2; path=/x");
        learn(&mut store, "http://h.example/", "c=3");
        learn(&mut store, "http://h.example/", "a=4");
        assert_eq!(sent(&store, "http://h.example/x"), "b=2; a=4; c=3");
        assert_eq!(sent(&store, "http://h.example/y"), "a=4; c=3");
    }

    #[test]
    fn secure_cookie_is_neither_sent_nor_hidden_over_plain_http() {
        let mut store = Store::default();
        learn(&mut store, "https://h.example/", "a=1; Secure; Path=/x");
        assert_eq!(sent(&store, "http://h.example/x"), "");
        assert!(!learn(&mut store, "http://h.example/x", "a=2; Path=/x"));
        assert!(!learn(
            &mut store,
            "http://y.h.example/",
            "a=2; Path=/x/y; Domain=h.example"
        ));
        assert!(learn(&mut store, "http://h.example/", "a=3; Path=/"));
        assert!(learn(&mut store, "https://h.example/", "a=4; Path=/x"));
        assert_eq!(sent(&store, "https://h.example/x"), "a=4; a=3");
    }

    #[test]
    fn expired_cookie_removes_the_one_before_it() {
        let mut store = Store::default();
        learn(&mut store, "http://h.example/", "a=1; Max-Age=10");
        learn(&mut store, "http://h.example/", "b=2");
        learn(&mut store, "http://h.example/", "a=; Max-Age=0");
        assert_eq!(sent(&store, "http://h.example/"), "b=2");
        assert_eq!(store.iter(NOW).count(), 1);
        learn(&mut store, "http://h.example/", "c=3; Max-Age=10");
        assert_eq!(store.iter(NOW + 10).count(), 1);
    }

    #[test]
    fn domain_keeps_its_newest_cookies() {
        let mut store = Store::default();
        learn(&mut store, "https://h.example/", "safe=1; Secure");
        for number in 0..MAX_PER_DOMAIN + 5 {
            learn(&mut store, "https://h.example/", &format!("c{number}=1"));
        }
        let sent = sent(&store, "https://h.example/");
        assert_eq!(sent.split("; ").count(), MAX_PER_DOMAIN);
        assert!(
            sent.starts_with("safe=1; c6=1;") && sent.ends_with("c54=1"),
            "{sent}"
        );
    }

    #[test]
    fn site_with_many_hosts_keeps_its_newest_cookies() {
        let mut store = Store::default();
        for number in 0..=MAX_PER_SITE {
            learn(
                &mut store,
                &format!("http://h{number}.site.example/"),
                "a=1",
            );
        }
        assert_eq!(store.iter(NOW).count(), MAX_PER_SITE);
        assert_eq!(sent(&store, "http://h0.site.example/"), "");
        assert_eq!(sent(&store, "http://h1.site.example/"), "a=1");
    }

    #[test]
    fn cookies_of_the_user_are_kept_when_servers_set_many() {
        let mut store = Store::default();
        let url = HttpUrl::of("http://own.example/");
        let own = set_cookie::read(b"own=1", &Place::of(&url), NOW).unwrap();
        store.add(own, NOW);
        learn(&mut store, "http://own.example/", "learned=1");
        for number in 0..MAX_LEARNED {
            learn(&mut store, &format!("http://h{number}.example/"), "a=1");
        }
        assert_eq!(sent(&store, "http://own.example/"), "own=1");
        let last = format!("http://h{}.example/", MAX_LEARNED - 1);
        assert_eq!(sent(&store, &last), "a=1");
        assert_eq!(store.learned, MAX_LEARNED / 4 * 3);
        assert_eq!(store.iter(NOW).count(), store.learned + 1);
    }
}
