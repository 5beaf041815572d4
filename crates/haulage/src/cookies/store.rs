//! All cookies, by site: what takes whose place, and how many there may be (RFC 6265bis §5.7).
//! Pure.
//!
//! What servers set is limited. What the user has given is not: a cookie that is left out may be
//! that of a login. It is no more than the file has.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::cookie::Cookie;
use super::site::{CookieTarget, site_of};

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
pub(crate) struct Site {
    /// Those of the user, which may be many, and rarely change.
    own: Arc<BTreeSet<Kept>>,
    /// Those that servers have set.
    learned: BTreeSet<Kept>,
}

/// A cookie, and how it came here. Ordered and compared by what makes another cookie take its
/// place.
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

    /// Adds a cookie that a response from `target` sets, and removes others where there are too
    /// many. One that has expired only removes. Returns whether it was accepted.
    pub(crate) fn learn(&mut self, cookie: Cookie, target: &CookieTarget<'_>, now: i64) -> bool {
        if !target.is_https
            && let Some(site) = self.sites.get(site_of(&cookie.domain))
            && site.has_hidden_by(&cookie)
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
        let is_expired = cookie.is_expired(now);
        if is_expired && !self.sites.contains_key(key) {
            return;
        }
        self.clock += 1;
        let entry = self.sites.entry(key.into()).or_default();
        let site = Arc::make_mut(entry);
        self.learned -= site.learned.len();
        let mut kept = Kept {
            cookie,
            is_learned,
            created: self.clock,
            changed: self.clock,
        };
        if let Some(before) = site.take(&kept) {
            kept.created = before.created;
        }
        if !is_expired {
            site.insert(kept, now);
        }
        self.learned += site.learned.len();
    }

    /// Returns the cookies among which are those of a request; `None` if there are none.
    pub(crate) fn site(&self, target: &CookieTarget<'_>) -> Option<Arc<Site>> {
        if self.sites.is_empty() {
            return None;
        }
        self.sites.get(target.site()).cloned()
    }

    /// Returns all cookies that have not expired.
    pub(crate) fn iter(&self, now: i64) -> impl Iterator<Item = &Cookie> {
        let all = self.sites.values().flat_map(|site| site.iter());
        let all = all.map(|kept| &kept.cookie);
        all.filter(move |cookie| !cookie.is_expired(now))
    }

    /// Forgets what servers have set that have set nothing for longest, until a quarter of the room
    /// is free.
    fn forget_oldest(&mut self) {
        let changed = |site: &Site| site.learned.iter().map(|kept| kept.changed).max();
        let sites = self.sites.iter();
        let mut sites: Vec<_> = sites
            .filter_map(|(key, site)| Some((changed(site)?, key.clone())))
            .collect();
        sites.sort_unstable();
        for (_, key) in sites {
            if self.learned <= MAX_LEARNED / 4 * 3 {
                break;
            }
            if let Some(site) = self.sites.get_mut(&key) {
                let site = Arc::make_mut(site);
                self.learned -= site.learned.len();
                site.learned.clear();
            }
        }
        self.sites.retain(|_, site| site.iter().next().is_some());
    }
}

impl Site {
    /// Returns the cookies of a request in the order in which they are sent: those of longer paths
    /// first, and of these the older ones (RFC 6265bis §5.8.3).
    pub(crate) fn matching(&self, target: &CookieTarget<'_>, now: i64) -> Vec<&Kept> {
        let all = self.iter();
        let mut cookies: Vec<_> = all.filter(|kept| kept.cookie.is_for(target, now)).collect();
        cookies.sort_by_key(|kept| (usize::MAX - kept.cookie.path.len(), kept.created));
        cookies
    }

    fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.own.iter().chain(&self.learned)
    }

    /// Returns whether there is a cookie of https alone that this one would hide.
    fn has_hidden_by(&self, cookie: &Cookie) -> bool {
        let first = Kept {
            cookie: Cookie::first_named(&cookie.name),
            is_learned: false,
            created: 0,
            changed: 0,
        };
        [&*self.own, &self.learned].into_iter().any(|all| {
            let mut named = all
                .range::<Kept, _>(&first..)
                .take_while(|kept| kept.cookie.name == cookie.name);
            named.any(|kept| kept.cookie.is_hidden_by(cookie))
        })
    }

    /// Removes the cookie whose place another one takes, if there is one.
    fn take(&mut self, new: &Kept) -> Option<Kept> {
        let learned = self.learned.take(new);
        if learned.is_some() || !self.own.contains(new) {
            return learned;
        }
        Arc::make_mut(&mut self.own).take(new)
    }

    fn insert(&mut self, kept: Kept, now: i64) {
        if !kept.is_learned {
            Arc::make_mut(&mut self.own).insert(kept);
            return;
        }
        let domain = kept.cookie.domain.clone();
        self.learned.insert(kept);
        self.make_room(&domain, now);
    }

    /// Removes cookies that servers have set where a domain, or all of the site, has too many:
    /// those that have expired, then those that are not for https alone, then those that were set
    /// first (RFC 6265bis §5.7).
    fn make_room(&mut self, domain: &str, now: i64) {
        let is_of = |kept: &Kept| *kept.cookie.domain == *domain;
        let count = |all: &BTreeSet<Kept>| all.iter().filter(|kept| is_of(kept)).count();
        let is_too_many = |all: &BTreeSet<Kept>| {
            all.len() > MAX_PER_SITE || all.len() > MAX_PER_DOMAIN && count(all) > MAX_PER_DOMAIN
        };
        if is_too_many(&self.learned) {
            self.learned.retain(|kept| !kept.cookie.is_expired(now));
        }
        while is_too_many(&self.learned) {
            let whole_site = count(&self.learned) <= MAX_PER_DOMAIN;
            let all = self.learned.iter();
            let all = all.filter(|kept| whole_site || is_of(kept));
            let first = all.min_by_key(|kept| (kept.cookie.is_secure, kept.changed));
            let Some(first) = first.map(|kept| kept.changed) else {
                return;
            };
            self.learned.retain(|kept| kept.changed != first);
        }
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        #[cfg(test)]
        tests::COMPARISONS.with(|count| count.set(count.get() + 1));
        self.cookie.identity().cmp(&other.cookie.identity())
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Kept {}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::set_cookie;
    use super::*;
    use crate::http_url::HttpUrl;

    const NOW: i64 = 1_900_000_000;

    thread_local! {
        /// How often two cookies have been compared.
        pub(super) static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    fn learn(store: &mut Store, url: &str, line: &str) -> bool {
        let url = HttpUrl::of(url);
        let target = CookieTarget::of(&url);
        let cookie = set_cookie::read(line.as_bytes(), &target, NOW).unwrap();
        store.learn(cookie, &target, NOW)
    }

    fn sent(store: &Store, url: &str) -> String {
        let url = HttpUrl::of(url);
        let target = CookieTarget::of(&url);
        let site = store.site(&target).unwrap_or_default();
        let pairs = site.matching(&target, NOW).into_iter().map(|kept| {
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
        let own = set_cookie::read(b"own=1", &CookieTarget::of(&url), NOW).unwrap();
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

    #[test]
    fn many_cookies_of_one_host_are_few_comparisons_for_each() {
        let url = HttpUrl::of("http://h.example/");
        let target = CookieTarget::of(&url);
        let comparisons = |cookies: usize| {
            COMPARISONS.set(0);
            let mut store = Store::default();
            for number in 0..cookies {
                let line = format!("c{}=1", number * 7919 % cookies);
                let cookie = set_cookie::read(line.as_bytes(), &target, NOW).unwrap();
                store.add(cookie, NOW);
            }
            assert_eq!(store.iter(NOW).count(), cookies);
            assert!(learn(&mut store, "http://h.example/", "c1=2"));
            assert_eq!(store.learned, 1);
            assert_eq!(store.iter(NOW).count(), cookies);
            COMPARISONS.get()
        };
        // Comparing each with each would be a hundred times as many.
        let (few, many) = (comparisons(2000), comparisons(20_000));
        assert!(many < 20 * few, "{few} {many}");
    }
}
