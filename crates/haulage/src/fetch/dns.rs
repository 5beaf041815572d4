//! Looks up names outside the lanes: with a cache, a limit, and one look-up for all that wait for
//! the same name. Names of hosts whose work waits for a slot are looked up ahead of time.
//!
//! It calls the system's resolver (`getaddrinfo`) on threads of its own. Unlike a DNS client, that
//! resolver respects `/etc/hosts`, `nsswitch.conf`, and the settings of a VPN or a container. It
//! does not report how long an answer is valid, so answers are kept for a minute.

mod ahead;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType};
use tokio::sync::watch;

use self::ahead::Ahead;
use crate::error::{Error, ErrorKind};
use crate::pool::BlockingPool;
use crate::sync::lock;

/// How long addresses are kept.
const KEPT: Duration = Duration::from_mins(1);
/// How long a failure is kept: long enough that rows which wait together cause one look-up.
const FAILURE_KEPT: Duration = Duration::from_secs(2);
/// Maximum number of names kept.
const MAX_NAMES: usize = 10_000;
/// Maximum number of look-ups at once: common resolvers fail under more.
const MAX_AT_ONCE: usize = 8;
/// How long a look-up may take before another thread starts the next one. It is short, since a
/// look-up only waits for the network.
const WAITS: Duration = Duration::from_millis(1);

/// The cache, and the threads that fill it.
pub(crate) struct Resolver {
    pool: BlockingPool,
    shared: Arc<Shared>,
}

/// What the threads share.
struct Shared {
    names: Mutex<HashMap<Box<str>, Entry>>,
    ahead: Mutex<Ahead>,
    /// Calls the system's resolver.
    look_up: Box<dyn Fn(&str) -> Answer + Send + Sync>,
}

impl Drop for Resolver {
    fn drop(&mut self) {
        lock(&self.shared.ahead).forget();
        // The resolver may take long: a look-up is not waited for.
        self.pool.abandon();
    }
}

struct Entry {
    answer: Told,
    until: Instant,
}

/// Addresses in the resolver's order (RFC 6724), or its error.
type Answer = Result<Arc<[IpAddr]>, Refusal>;
/// The two ends of the channel for an answer, which is `None` until the look-up has ended.
type Tell = watch::Sender<Option<Answer>>;
type Told = watch::Receiver<Option<Answer>>;

#[derive(Debug, Clone)]
struct Refusal {
    transient: bool,
    says: Arc<str>,
}

impl Resolver {
    pub(crate) fn new() -> Self {
        Self::with(look_up)
    }

    fn with(look_up: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            pool: BlockingPool::with_patience("haulage-dns", MAX_AT_ONCE, WAITS),
            shared: Arc::new(Shared {
                names: Mutex::default(),
                ahead: Mutex::default(),
                look_up: Box::new(look_up),
            }),
        }
    }

    /// Returns a resolver of a test's own names.
    #[cfg(test)]
    pub(crate) fn of(names: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        Self::with(move |name| Ok(names(name).into()))
    }

    /// Forgets all names, as after a minute.
    #[cfg(test)]
    pub(crate) fn forget(&self) {
        lock(&self.shared.names).clear();
    }

    /// Looks a name up ahead of time, when its turn comes. A failure is not reported: the name
    /// is looked up again when it is needed.
    pub(crate) fn look_up_ahead(&self, name: &str) {
        lock(&self.shared.ahead).add(name);
        self.go_ahead();
    }

    /// Begins look-ups ahead of time, if there are any to begin.
    fn go_ahead(&self) {
        if lock(&self.shared.ahead).may_begin(Instant::now()) {
            let shared = Arc::clone(&self.shared);
            self.pool.call(move || shared.go_ahead());
        }
    }

    /// Looks up the addresses of a name.
    ///
    /// # Errors
    /// Of kind `dns`: permanent for a name that does not exist, transient for a resolver that
    /// cannot say.
    pub(crate) async fn resolve(&self, name: &str) -> Result<Arc<[IpAddr]>, Error> {
        let mut answer = self.ask(name);
        let answer = match answer.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        match answer {
            Some(Ok(addresses)) => Ok(addresses),
            Some(Err(refusal)) => Err(Error::new(
                ErrorKind::Dns,
                if refusal.transient {
                    format!("the name {name} could not be looked up: {}", refusal.says)
                } else {
                    format!(
                        "no such host: {name} ({}); check its spelling",
                        refusal.says
                    )
                },
            )
            .transient(refusal.transient)),
            None => Err(
                Error::new(ErrorKind::Dns, format!("the look-up of {name} was lost"))
                    .transient(true),
            ),
        }
    }

    /// Starts a look-up, unless one is under way or its answer is kept. Returns where the answer
    /// is, or will be.
    fn ask(&self, name: &str) -> Told {
        let answer = match self.shared.entry(name, Instant::now()) {
            Err(answer) => answer,
            Ok((tell, answer)) => {
                let (name, shared): (Box<str>, _) = (name.into(), Arc::clone(&self.shared));
                self.pool.call(move || shared.answer(&name, &tell));
                answer
            }
        };
        lock(&self.shared.ahead).needed(name);
        self.go_ahead();
        answer
    }
}

impl Shared {
    /// Makes room for the answer to come; if there is one already, it is the error.
    fn entry(&self, name: &str, now: Instant) -> Result<(Tell, Told), Told> {
        let mut names = lock(&self.names);
        if let Some(entry) = names.get(name).filter(|entry| entry.until > now) {
            return Err(entry.answer.clone());
        }
        if names.len() >= MAX_NAMES {
            names.retain(|_, entry| entry.until > now);
            if names.len() >= MAX_NAMES {
                names.clear();
            }
        }
        let (tell, answer) = watch::channel(None);
        let until = now + KEPT;
        names.insert(
            name.into(),
            Entry {
                answer: answer.clone(),
                until,
            },
        );
        Ok((tell, answer))
    }

    /// Looks a name up, and tells all that wait for it.
    fn answer(&self, name: &str, tell: &Tell) {
        let answer = (self.look_up)(name);
        if answer.is_err()
            && let Some(entry) = lock(&self.names).get_mut(name)
        {
            entry.until = Instant::now() + FAILURE_KEPT;
        }
        // Perhaps no task waits for the answer any more.
        let _ = tell.send(Some(answer));
    }

    /// Looks names up ahead of time until there are none to be looked up now.
    fn go_ahead(&self) {
        loop {
            let now = Instant::now();
            let Some(name) = lock(&self.ahead).begin(now) else {
                return;
            };
            if let Ok((tell, _)) = self.entry(&name, now) {
                self.answer(&name, &tell);
            }
            lock(&self.ahead).ended();
        }
    }
}

fn look_up(name: &str) -> Answer {
    let hints = AddrInfoHints {
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let refuse = |transient, says: &str| Refusal {
        transient,
        says: says.into(),
    };
    let found =
        dns_lookup::getaddrinfo(Some(name), None, Some(hints)).map_err(|error: LookupError| {
            let kind = error.kind();
            refuse(
                is_transient(kind),
                &says(kind, &std::io::Error::from(error).to_string()),
            )
        })?;
    let addresses: Arc<[IpAddr]> = found
        .filter_map(|address| Some(address.ok()?.sockaddr.ip()))
        .collect();
    if addresses.is_empty() {
        return Err(refuse(false, "it has no address"));
    }
    Ok(addresses)
}

/// Returns what the system says of a failure, in words that mean something to a user: for one that
/// passes, musl has "Try again".
fn says(kind: LookupErrorKind, system: &str) -> Cow<'_, str> {
    if matches!(kind, LookupErrorKind::Again) {
        return "no answer from the name server; check the network".into();
    }
    system
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(system)
        .into()
}

fn is_transient(kind: LookupErrorKind) -> bool {
    matches!(
        kind,
        LookupErrorKind::Again
            | LookupErrorKind::Fail
            | LookupErrorKind::Memory
            | LookupErrorKind::System
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_name_is_looked_up_and_kept() {
        let resolver = Resolver::new();
        let first = resolver.resolve("localhost").await.unwrap();
        assert!(first.iter().all(IpAddr::is_loopback));
        let again = resolver.resolve("localhost").await.unwrap();
        assert!(
            Arc::ptr_eq(&first, &again),
            "the second answer is the first one"
        );
    }

    #[tokio::test]
    async fn no_more_names_are_kept_than_there_is_room_for() {
        let resolver = Resolver::new();
        let (_, answer) = watch::channel(None);
        let (now, later) = (Instant::now(), Instant::now() + KEPT);
        for stale in [0, MAX_NAMES - 1] {
            *lock(&resolver.shared.names) = (0..MAX_NAMES)
                .map(|number| {
                    let until = if number < stale { now } else { later };
                    let answer = answer.clone();
                    (number.to_string().into(), Entry { answer, until })
                })
                .collect();
            resolver.resolve("localhost").await.unwrap();
            let kept = lock(&resolver.shared.names).len();
            assert_eq!(kept, if stale == 0 { 1 } else { 2 });
        }
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_looked_up_is_a_dns_error() {
        let resolver = Resolver::new();
        let error = resolver.resolve("nowhere.invalid").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Dns);
        assert!(error.to_string().contains("nowhere.invalid"), "{error}");
    }

    #[test]
    fn only_a_resolver_in_trouble_is_worth_asking_again() {
        assert!(is_transient(LookupErrorKind::Again));
        assert!(!is_transient(LookupErrorKind::NoName));
    }
    /// Creates a resolver whose look-ups send the name to the returned receiver and then wait for a
    /// message, or for the end of the test.
    fn held() -> (Resolver, mpsc::Receiver<String>, mpsc::Sender<()>) {
        let (tell, told) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        let resolver = Resolver::with(move |name| {
            // After the end of the test, there is no receiver.
            let _ = tell.send(name.to_owned());
            // After the end of the test, all look-ups continue.
            let _ = lock(&released).recv();
            Ok([IpAddr::from([127, 0, 0, 1])].into())
        });
        (resolver, told, release)
    }

    #[tokio::test]
    async fn a_name_looked_up_ahead_is_looked_up_once() {
        let (resolver, told, release) = held();
        resolver.look_up_ahead("a.example");
        assert_eq!(told.recv().unwrap(), "a.example");
        resolver.look_up_ahead("a.example");
        release.send(()).unwrap();
        let addresses = resolver.resolve("a.example").await.unwrap();
        assert_eq!(addresses.len(), 1);
        assert!(told.try_recv().is_err(), "it is looked up once");
    }

    #[test]
    fn look_ups_ahead_leave_threads_for_a_needed_name() {
        let (resolver, told, release) = held();
        for number in 0..100 {
            resolver.look_up_ahead(&number.to_string());
        }
        for _ in 0..ahead::AT_ONCE {
            told.recv().unwrap();
        }
        resolver.ask("needed");
        // No look-up has been released so far.
        assert_eq!(told.recv().unwrap(), "needed");
        drop(release);
    }

    #[test]
    fn refusals_are_told_in_words_for_users() {
        let told = |kind, system| says(kind, system).into_owned();
        assert_eq!(
            told(
                LookupErrorKind::Again,
                "failed to lookup address information: Try again"
            ),
            "no answer from the name server; check the network"
        );
        assert_eq!(
            told(
                LookupErrorKind::NoName,
                "failed to lookup address information: Name does not resolve"
            ),
            "Name does not resolve"
        );
        assert_eq!(
            told(LookupErrorKind::System, "too many files"),
            "too many files"
        );
    }

    #[tokio::test]
    async fn a_failure_ahead_is_told_when_the_name_is_needed() {
        let (tell, told) = mpsc::channel();
        let resolver = Resolver::with(move |name| {
            let _ = tell.send(name.to_owned());
            Err(Refusal {
                transient: false,
                says: "there is none".into(),
            })
        });
        resolver.look_up_ahead("a.example");
        assert_eq!(told.recv().unwrap(), "a.example");
        let error = resolver.resolve("a.example").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Dns);
    }
}
