//! Logins that a proxy has refused of late: it is not asked again for each row of a list, which
//! could lock the user out.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::options::proxies::Proxy;
use crate::sync::lock;

/// How long a refused login is not tried again.
const KEPT: Duration = Duration::from_secs(30);

/// The last login that each proxy of a route has refused.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Vec<Refusal>>);

#[derive(Debug)]
struct Refusal {
    proxy: Proxy,
    until: Instant,
    why: String,
    kind: crate::error::ErrorKind,
}

impl Refusals {
    /// Records that a proxy has refused the login that it was given, or the lack of one.
    pub(crate) fn add(&self, proxy: &Proxy, error: &Error, now: Instant) {
        let mut all = lock(&self.0);
        all.retain(|refusal| refusal.until > now && refusal.proxy != *proxy);
        all.push(Refusal {
            proxy: proxy.clone(),
            until: now + KEPT,
            why: error.to_string(),
            kind: error.kind(),
        });
    }

    /// # Errors
    /// The last refusal, as long as the login is not to be tried again.
    pub(crate) fn check(&self, proxy: &Proxy, now: Instant) -> Result<(), Error> {
        let all = lock(&self.0);
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
    use super::*;
    use crate::error::ErrorKind;

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
