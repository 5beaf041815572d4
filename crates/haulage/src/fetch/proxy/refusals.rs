//! What a proxy has refused of late, whichever server it was asked for: a login, or to speak the
//! protocol that it is taken for. It is not asked again for each row of a list, which could lock
//! the user out.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::options::proxies::Proxy;
use crate::sync::lock;

/// How long what was refused is not tried again.
const KEPT: Duration = Duration::from_secs(30);

/// What it may be in doubt about a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// What it speaks.
    Protocol,
    /// Whether it accepts the login.
    Login,
}

/// The last refusal of each proxy of a route, and what it was asked because of a doubt.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    all: Mutex<Vec<Refusal>>,
    asked: Mutex<Vec<(Proxy, Doubt, Instant)>>,
    /// What is held while a proxy is asked about a doubt.
    turns: Mutex<Vec<(Proxy, Doubt, Turn)>>,
}

type Turn = Arc<tokio::sync::Mutex<()>>;

#[derive(Debug)]
struct Refusal {
    proxy: Proxy,
    until: Instant,
    why: String,
    kind: crate::error::ErrorKind,
}

impl Refusals {
    /// Waits until no other task asks a proxy about a doubt. Until the result is dropped, no other
    /// task may ask: one with the same doubt needs this answer before it sends a request.
    pub(crate) async fn turn(&self, proxy: &Proxy, doubt: Doubt) -> impl Drop + use<> {
        let turn = self.turn_of(proxy, doubt);
        turn.lock_owned().await
    }

    fn turn_of(&self, proxy: &Proxy, doubt: Doubt) -> Turn {
        let mut turns = lock(&self.turns);
        let known = turns
            .iter()
            .find(|(other, about, _)| other == proxy && *about == doubt);
        if let Some((_, _, turn)) = known {
            return Arc::clone(turn);
        }
        let turn = Turn::default();
        turns.push((proxy.clone(), doubt, Arc::clone(&turn)));
        turn
    }

    /// Returns whether a proxy may be asked about a doubt now: it was not of late.
    pub(crate) fn may_ask(&self, proxy: &Proxy, doubt: Doubt, now: Instant) -> bool {
        let mut asked = lock(&self.asked);
        asked.retain(|(_, _, at)| now.saturating_duration_since(*at) < KEPT);
        !asked
            .iter()
            .any(|(other, about, _)| other == proxy && *about == doubt)
    }

    /// Records that a proxy has been asked about a doubt, whatever came of it.
    pub(crate) fn note_asked(&self, proxy: &Proxy, doubt: Doubt, now: Instant) {
        lock(&self.asked).push((proxy.clone(), doubt, now));
    }

    /// Records that a proxy refuses whatever it is asked for, for good.
    pub(crate) fn add(&self, proxy: &Proxy, error: &Error, now: Instant) {
        let mut all = lock(&self.all);
        all.retain(|refusal| refusal.until > now && refusal.proxy != *proxy);
        all.push(Refusal {
            proxy: proxy.clone(),
            until: now + KEPT,
            why: error.to_string(),
            kind: error.kind(),
        });
    }

    /// Checks that a proxy may be used at `now`: its last refusal, if any, is older than `KEPT`.
    ///
    /// # Errors
    /// The last refusal, as long as the proxy is not to be asked again.
    pub(crate) fn check(&self, proxy: &Proxy, now: Instant) -> Result<(), Error> {
        let all = lock(&self.all);
        let refusal = all
            .iter()
            .find(|refusal| refusal.until > now && refusal.proxy == *proxy);
        match refusal {
            None => Ok(()),
            Some(refusal) => Err(Error::new(refusal.kind, refusal.why.clone())
                .transient(false)
                .of_proxy()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn doubt_is_asked_about_once_in_a_while() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        let proxy = Proxy::parse("a:1").unwrap();
        let ask = |doubt, at| refusals.may_ask(&proxy, doubt, at);
        assert!(ask(Doubt::Login, now) && ask(Doubt::Login, now));
        refusals.note_asked(&proxy, Doubt::Login, now);
        assert!(ask(Doubt::Protocol, now));
        assert!(!ask(Doubt::Login, now));
        assert!(ask(Doubt::Login, now + KEPT));
    }

    #[test]
    fn only_who_has_the_same_doubt_waits_for_its_answer() {
        let refusals = Refusals::default();
        let [one, other] = ["a:1", "b:1"].map(|text| Proxy::parse(text).unwrap());
        let turn = |proxy, doubt| refusals.turn(proxy, doubt).now_or_never();
        let held = turn(&one, Doubt::Login).unwrap();
        assert!(turn(&one, Doubt::Login).is_none());
        assert!(turn(&one, Doubt::Protocol).is_some() && turn(&other, Doubt::Login).is_some());
        drop(held);
        assert!(turn(&one, Doubt::Login).is_some());
    }

    #[test]
    fn refused_login_is_tried_again_after_a_while() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        let [one, other] = ["a:1", "me:x@a:1"].map(|text| Proxy::parse(text).unwrap());
        assert!(refusals.check(&one, now).is_ok());
        refusals.add(&one, &Error::new(ErrorKind::Connect, "refused"), now);
        let refused = refusals.check(&one, now).unwrap_err();
        assert_eq!(refused.to_string(), "refused");
        assert!(!refused.is_transient() && refused.is_of_proxy());
        assert!(refusals.check(&other, now).is_ok());
        assert!(refusals.check(&one, now + KEPT).is_ok());
    }
}
