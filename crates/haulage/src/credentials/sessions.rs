//! The Digest challenges that a run has met: one for each origin and login. After the first 401,
//! requests respond to the known challenge without being asked (RFC 7616 §3.6).

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use super::Credentials;
use super::challenge;
use super::digest::DigestChallenge;
use crate::sync::lock;

/// Most challenges that are kept. When there are more, all are dropped: that costs a 401 for each
/// origin.
const MOST_SESSIONS: usize = 1024;
/// Most responses to challenges for one request: to the one that is known, to a new one, and to
/// two more that say that only the nonce was too old.
const MOST_RESPONSES: u8 = 4;

/// The challenges of a run. Without any, nothing is locked.
#[derive(Default)]
pub(crate) struct DigestSessions {
    has_any: AtomicBool,
    known: Mutex<HashMap<(Box<str>, Credentials), Session>>,
}

struct Session {
    challenge: DigestChallenge,
    client_nonce: String,
    /// Requests with this nonce so far.
    count: u32,
    /// The server has refused the login, although the nonce was new.
    is_refused: bool,
}

/// How far the login of one request is.
#[derive(Default)]
pub(crate) struct Responses {
    /// The nonce that was responded to last; `None` if none was.
    nonce: Option<Vec<u8>>,
    /// That nonce came with an answer to this request, and has been used by it alone or by few.
    is_new: bool,
    count: u8,
}

impl DigestSessions {
    /// Returns the `Authorization` of a request for `target` at an origin, if its challenge is
    /// known.
    pub(crate) fn respond(
        &self,
        origin: &str,
        login: &Credentials,
        target: &str,
        responses: &mut Responses,
    ) -> Option<HeaderValue> {
        if !self.has_any.load(Ordering::Relaxed) {
            return None;
        }
        let mut known = lock(&self.known);
        let session = known.get_mut(&key(origin, login))?;
        session.count = session.count.saturating_add(1);
        let value = session
            .challenge
            .respond(login, target, session.count, &session.client_nonce);
        responses.nonce = Some(session.challenge.nonce.clone());
        drop(known);
        let mut value = HeaderValue::from_bytes(&value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Takes the challenge of a 401, and returns whether the request is to be sent again. `false`
    /// if the server has refused the login, or asks for something else.
    pub(crate) fn on_unauthorized(
        &self,
        origin: &str,
        login: &Credentials,
        offered: &[challenge::Challenge],
        responses: &mut Responses,
    ) -> bool {
        let Some(offered) = DigestChallenge::best(offered) else {
            return false;
        };
        let mut known = lock(&self.known);
        let key = key(origin, login);
        let Some(session) = known.get_mut(&key) else {
            if known.len() >= MOST_SESSIONS {
                known.clear();
            }
            known.insert(key, Session::new(offered));
            self.has_any.store(true, Ordering::Relaxed);
            responses.is_new = true;
            return responses.count_one();
        };
        if responses.nonce.as_ref() != Some(&session.challenge.nonce) {
            // Another request has brought a challenge meanwhile.
            responses.is_new = false;
            return responses.count_one();
        }
        let is_refused = !offered.is_stale && (responses.is_new || session.is_refused);
        *session = Session::new(offered);
        session.is_refused = is_refused;
        responses.is_new = true;
        !is_refused && responses.count_one()
    }

    /// Records that the server has accepted a response. `next_nonce` is the nonce that it wants
    /// from now on (§3.5), if it has said so.
    pub(crate) fn on_accepted(
        &self,
        origin: &str,
        login: &Credentials,
        responses: &Responses,
        next_nonce: Option<&[u8]>,
    ) {
        let mut known = lock(&self.known);
        let Some(session) = known.get_mut(&key(origin, login)) else {
            return;
        };
        if responses.nonce.as_ref() != Some(&session.challenge.nonce) {
            return;
        }
        session.is_refused = false;
        if let Some(nonce) = next_nonce {
            let mut challenge = session.challenge.clone();
            challenge.nonce = nonce.to_vec();
            *session = Session::new(challenge);
        }
    }
}

impl Session {
    fn new(challenge: DigestChallenge) -> Self {
        Self {
            challenge,
            client_nonce: client_nonce(),
            count: 0,
            is_refused: false,
        }
    }
}

impl Responses {
    /// Returns whether a response has been sent.
    pub(crate) fn has_any(&self) -> bool {
        self.nonce.is_some()
    }

    /// Counts a response that is to be sent; `false` if there were too many.
    fn count_one(&mut self) -> bool {
        self.count += 1;
        self.count <= MOST_RESPONSES
    }
}

fn key(origin: &str, login: &Credentials) -> (Box<str>, Credentials) {
    (origin.into(), login.clone())
}

/// Returns 32 hex digits that the server cannot foresee, so that it cannot prepare for them (§5.8).
fn client_nonce() -> String {
    let mut bytes = [0; 16];
    let random = rustls::crypto::ring::default_provider().secure_random;
    if random.fill(&mut bytes).is_err() {
        bytes = fastrand::u128(..).to_ne_bytes();
    }
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "http://h.example";

    fn login() -> Credentials {
        Credentials {
            user: "u".into(),
            password: "p".into(),
        }
    }

    fn offered(text: &str) -> Vec<challenge::Challenge> {
        challenge::parse([text.as_bytes()])
    }

    /// A client that sends one request after another.
    #[derive(Default)]
    struct Client(DigestSessions);

    impl Client {
        /// Returns the nonce and the count that a request has.
        fn send(&self, responses: &mut Responses) -> Option<String> {
            let value = self.0.respond(ORIGIN, &login(), "/", responses)?;
            let sent = challenge::parse([value.as_bytes()]).remove(0);
            let text = |name| String::from_utf8_lossy(sent.get(name).unwrap()).into_owned();
            Some(format!("{} {}", text("nonce"), text("nc")))
        }

        fn refuse(&self, challenge: &str, responses: &mut Responses) -> bool {
            let offered = offered(challenge);
            self.0
                .on_unauthorized(ORIGIN, &login(), &offered, responses)
        }
    }

    #[test]
    fn first_401_is_responded_to_and_later_requests_count_on() {
        let client = Client::default();
        let mut first = Responses::default();
        assert_eq!(client.send(&mut first), None);
        assert!(client.refuse("Digest nonce=n, qop=auth", &mut first));
        assert_eq!(client.send(&mut first).unwrap(), "n 00000001");
        for count in 2..=16 {
            let sent = client.send(&mut Responses::default()).unwrap();
            assert_eq!(sent, format!("n {count:08x}"));
        }
        let other = Credentials::default();
        let sent = client
            .0
            .respond(ORIGIN, &other, "/", &mut Responses::default());
        assert!(sent.is_none(), "another login has a challenge of its own");
        let sent = client
            .0
            .respond("http://g", &login(), "/", &mut Responses::default());
        assert!(sent.is_none(), "and another origin");
    }

    #[test]
    fn wrong_password_is_refused_once_and_then_at_once() {
        let client = Client::default();
        let mut first = Responses::default();
        assert!(client.refuse("Digest nonce=1, qop=auth", &mut first));
        client.send(&mut first).unwrap();
        assert!(!client.refuse("Digest nonce=2, qop=auth", &mut first));
        let mut second = Responses::default();
        assert_eq!(client.send(&mut second).unwrap(), "2 00000001");
        assert!(!client.refuse("Digest nonce=3, qop=auth", &mut second));
        // A file that the user may have.
        let mut third = Responses::default();
        client.send(&mut third).unwrap();
        client.0.on_accepted(ORIGIN, &login(), &third, None);
        let mut fourth = Responses::default();
        assert_eq!(client.send(&mut fourth).unwrap(), "3 00000002");
        assert!(client.refuse("Digest nonce=4, qop=auth", &mut fourth));
    }

    #[test]
    fn stale_nonce_is_replaced_but_not_for_ever() {
        let client = Client::default();
        let mut responses = Responses::default();
        let mut sent = Vec::new();
        for nonce in 0..100 {
            let challenge = format!("Digest nonce={nonce}, qop=auth, stale=TRUE");
            if !client.refuse(&challenge, &mut responses) {
                break;
            }
            sent.push(client.send(&mut responses).unwrap());
        }
        assert_eq!(
            sent,
            ["0 00000001", "1 00000001", "2 00000001", "3 00000001"]
        );
        // The next request begins anew.
        let mut next = Responses::default();
        client.send(&mut next).unwrap();
        assert!(client.refuse("Digest nonce=x, qop=auth, stale=true", &mut next));
    }

    #[test]
    fn nonce_that_has_expired_without_a_word_is_replaced() {
        let client = Client::default();
        assert!(client.refuse("Digest nonce=1, qop=auth", &mut Responses::default()));
        let mut later = Responses::default();
        client.send(&mut later).unwrap();
        assert!(client.refuse("Digest nonce=2, qop=auth", &mut later));
        assert_eq!(client.send(&mut later).unwrap(), "2 00000001");
        assert!(!client.refuse("Digest nonce=3, qop=auth", &mut later));
    }

    #[test]
    fn requests_that_are_refused_together_share_one_challenge() {
        let client = Client::default();
        let mut requests: Vec<_> = (0..4).map(|_| Responses::default()).collect();
        for (nonce, request) in requests.iter_mut().enumerate() {
            assert!(client.refuse(&format!("Digest nonce={nonce}, qop=auth"), request));
        }
        let sent: Vec<_> = requests
            .iter_mut()
            .map(|one| client.send(one).unwrap())
            .collect();
        assert_eq!(
            sent,
            ["0 00000001", "0 00000002", "0 00000003", "0 00000004"]
        );
        // One that did not bring the challenge itself may try its next one.
        assert!(client.refuse("Digest nonce=9, qop=auth", &mut requests[3]));
        assert!(client.refuse("Digest nonce=8, qop=auth", &mut requests[2]));
        assert_eq!(client.send(&mut requests[2]).unwrap(), "9 00000001");
    }

    #[test]
    fn next_nonce_is_used_from_then_on() {
        let client = Client::default();
        let mut first = Responses::default();
        assert!(client.refuse("Digest nonce=1, qop=auth", &mut first));
        client.send(&mut first).unwrap();
        client.0.on_accepted(ORIGIN, &login(), &first, Some(b"2"));
        assert_eq!(
            client.send(&mut Responses::default()).unwrap(),
            "2 00000001"
        );
    }

    #[test]
    fn what_is_no_digest_is_not_responded_to() {
        let client = Client::default();
        let mut responses = Responses::default();
        assert!(!client.refuse("Basic realm=x, Negotiate", &mut responses));
        assert!(client.send(&mut responses).is_none() && !responses.has_any());
    }

    #[test]
    fn number_of_sessions_is_bounded() {
        let sessions = DigestSessions::default();
        let offered = offered("Digest nonce=1");
        for nth in 0..MOST_SESSIONS * 2 {
            let (origin, mut responses) = (format!("http://{nth}"), Responses::default());
            assert!(sessions.on_unauthorized(&origin, &login(), &offered, &mut responses));
        }
        assert!(lock(&sessions.known).len() <= MOST_SESSIONS);
    }
}
