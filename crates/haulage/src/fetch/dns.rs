//! Names to addresses, outside the lanes: cached, bounded, and one look-up for all that wait for
//! the same name.
//!
//! The system's own resolver is asked (`getaddrinfo`), on threads of our own: it knows
//! `/etc/hosts`, `nsswitch.conf`, and what a VPN or a container has set up, which a resolver that
//! speaks DNS itself does not. What it does not tell is how long an answer holds, so answers are
//! kept for a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType};
use tokio::sync::watch;

use crate::error::{Error, ErrorKind};
use crate::pool::BlockingPool;

/// How long an answer is used.
const KEPT: Duration = Duration::from_mins(1);
/// How long a failure is used: long enough that rows which wait together ask once.
const FAILURE_KEPT: Duration = Duration::from_secs(2);
/// Most names kept.
const MOST_NAMES: usize = 10_000;
/// Most look-ups at once: more makes common resolvers collapse.
const MOST_AT_ONCE: usize = 8;

/// The cache, and the threads that fill it.
pub(crate) struct Resolver {
    pool: BlockingPool,
    names: Arc<Mutex<HashMap<Box<str>, Entry>>>,
}

impl Drop for Resolver {
    fn drop(&mut self) {
        // A look-up may take the resolver's own long time.
        self.pool.abandon();
    }
}

struct Entry {
    /// `None` until the look-up has ended.
    answer: watch::Receiver<Option<Answer>>,
    until: Instant,
}

/// Addresses in the resolver's order (RFC 6724), or what it said instead.
type Answer = Result<Arc<[IpAddr]>, Refusal>;

#[derive(Debug, Clone)]
struct Refusal {
    transient: bool,
    says: Arc<str>,
}

impl Resolver {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            pool: BlockingPool::new("haulage-dns", MOST_AT_ONCE)?,
            names: Arc::default(),
        })
    }

    /// The addresses of a name.
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

    /// The answer to come, or the one kept.
    fn ask(&self, name: &str) -> watch::Receiver<Option<Answer>> {
        let now = Instant::now();
        let mut names = lock(&self.names);
        if let Some(entry) = names.get(name).filter(|entry| entry.until > now) {
            return entry.answer.clone();
        }
        if names.len() >= MOST_NAMES {
            names.retain(|_, entry| entry.until > now);
            if names.len() >= MOST_NAMES {
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
        drop(names);
        let (name, names): (Box<str>, _) = (name.into(), Arc::clone(&self.names));
        self.pool.call(move || {
            let answer = look_up(&name);
            if answer.is_err()
                && let Some(entry) = lock(&names).get_mut(&name)
            {
                entry.until = Instant::now() + FAILURE_KEPT;
            }
            // Nobody may wait any more.
            let _ = tell.send(Some(answer));
        });
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look_up(name: &str) -> Answer {
    let hints = AddrInfoHints {
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let refuse = |transient, says: &dyn std::fmt::Display| Refusal {
        transient,
        says: says.to_string().into(),
    };
    let found =
        dns_lookup::getaddrinfo(Some(name), None, Some(hints)).map_err(|error: LookupError| {
            refuse(is_transient(error.kind()), &std::io::Error::from(error))
        })?;
    let addresses: Arc<[IpAddr]> = found
        .filter_map(|address| Some(address.ok()?.sockaddr.ip()))
        .collect();
    if addresses.is_empty() {
        return Err(refuse(false, &"it has no address"));
    }
    Ok(addresses)
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
    use super::*;

    #[tokio::test]
    async fn a_name_is_looked_up_and_kept() {
        let resolver = Resolver::new().unwrap();
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
        let resolver = Resolver::new().unwrap();
        let (_, answer) = watch::channel(None);
        let (now, later) = (Instant::now(), Instant::now() + KEPT);
        for stale in [0, MOST_NAMES - 1] {
            *lock(&resolver.names) = (0..MOST_NAMES)
                .map(|number| {
                    let until = if number < stale { now } else { later };
                    let answer = answer.clone();
                    (number.to_string().into(), Entry { answer, until })
                })
                .collect();
            resolver.resolve("localhost").await.unwrap();
            let kept = lock(&resolver.names).len();
            assert_eq!(kept, if stale == 0 { 1 } else { 2 });
        }
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_looked_up_is_a_dns_error() {
        let resolver = Resolver::new().unwrap();
        let error = resolver.resolve("nowhere.invalid").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Dns);
        assert!(error.to_string().contains("nowhere.invalid"), "{error}");
    }

    #[test]
    fn only_a_resolver_in_trouble_is_worth_asking_again() {
        assert!(is_transient(LookupErrorKind::Again));
        assert!(!is_transient(LookupErrorKind::NoName));
    }
}
