//! The Digest challenges that a run has met: one for each origin and login. After the first 401,
//! requests respond to the known challenge without being asked (RFC 7616 §3.6).
//!
//! The first request with a login at an origin goes alone: its answer says whether the server asks
//! for Digest. So does the first one with a new nonce. Otherwise each connection would get a 401.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use super::Credentials;
use super::challenge;
use super::digest::DigestChallenge;
use super::first_answer::{FirstAnswer, FirstRequest};
use crate::sync::lock;

/// Most origins and logins that are kept. When there are more, all are dropped: that costs a 401
/// for each that asks for Digest.
const MAX_SPACES: usize = 1024;
/// Most responses to challenges for one request: to the one that is known, to a new one, and to
/// two more that say that only the nonce was too old.
const MAX_RESPONSES: u8 = 4;

/// The challenges of a run. Without logins, nothing is locked.
#[derive(Default)]
pub(crate) struct DigestSessions {
    has_any: AtomicBool,
    known: Mutex<Spaces>,
}

type Spaces = HashMap<(Box<str>, Credentials), Space>;

/// What is known of a login at an origin.
struct Space {
    /// The answer to its first request, or to the first one with its present nonce.
    first: FirstAnswer,
    /// `None` if the server has not asked for Digest.
    session: Option<Session>,
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
    /// Others wait for the answer to this request.
    first: Option<FirstRequest>,
}

impl DigestSessions {
    /// Returns the answer that a request has to wait for before it is sent; `None` if it may be
    /// sent now, perhaps as the one that others wait for.
    pub(crate) fn enter(
        &self,
        origin: &str,
        login: &Credentials,
        responses: &mut Responses,
    ) -> Option<FirstAnswer> {
        if responses.first.is_some() {
            return None;
        }
        let mut known = lock(&self.known);
        let space = space(&mut known, origin, login, responses);
        let first = Some(space.first.clone());
        first.filter(|first| responses.first.is_none() && !first.has_come())
    }

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
        let session = known.get_mut(&key(origin, login))?.session.as_mut()?;
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
        let space = space(&mut known, origin, login, responses);
        let mut is_refused = false;
        if let Some(session) = &space.session {
            if responses.nonce.as_ref() != Some(&session.challenge.nonce) {
                // Another request has brought a challenge meanwhile.
                responses.is_new = false;
                return responses.count_one();
            }
            is_refused = !offered.is_stale && (responses.is_new || session.is_refused);
        }
        if responses.first.is_none() {
            space.first = responses.become_first();
        }
        space.session = Some(Session {
            is_refused,
            ..Session::new(offered)
        });
        self.has_any.store(true, Ordering::Relaxed);
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
        let space = known.get_mut(&key(origin, login));
        let Some(session) = space.and_then(|space| space.session.as_mut()) else {
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

/// Returns what is known of a login at an origin. If that is nothing, this request is the first.
fn space<'a>(
    known: &'a mut Spaces,
    origin: &str,
    login: &Credentials,
    responses: &mut Responses,
) -> &'a mut Space {
    let key = key(origin, login);
    if known.len() >= MAX_SPACES && !known.contains_key(&key) {
        known.clear();
    }
    known.entry(key).or_insert_with(|| Space {
        first: responses.become_first(),
        session: None,
    })
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

    /// Lets others wait for the answer to this request.
    fn become_first(&mut self) -> FirstAnswer {
        let (request, answer) = FirstRequest::new();
        self.first = Some(request);
        answer
    }

    /// Counts a response that is to be sent; `false` if there were too many.
    fn count_one(&mut self) -> bool {
        self.count += 1;
        self.count <= MAX_RESPONSES
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
        fn waits(&self, responses: &mut Responses) -> bool {
            self.0.enter(ORIGIN, &login(), responses).is_some()
        }

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
    fn stale_nonces_of_many_requests_cost_one_refusal_each() {
        let client = Client::default();
        let mut first = Responses::default();
        assert!(client.refuse("Digest nonce=old, qop=auth", &mut first));
        client.send(&mut first).unwrap();
        drop(first);
        let mut requests: Vec<_> = (0..16).map(|_| Responses::default()).collect();
        for request in &mut requests {
            assert!(!client.waits(request));
            client.send(request).unwrap();
        }
        for (nth, request) in requests.iter_mut().enumerate() {
            let challenge = format!("Digest nonce={nth}, qop=auth, stale=true");
            assert!(client.refuse(&challenge, request));
            // The one that has brought the nonce tries it.
            assert_eq!(client.waits(request), nth > 0);
        }
        let mut late = Responses::default();
        assert!(client.waits(&mut late), "so do those that come later");
        assert_eq!(client.send(&mut requests[0]).unwrap(), "0 00000001");
        drop(requests.remove(0));
        for (nth, request) in requests.iter_mut().enumerate() {
            assert!(!client.waits(request));
            let sent = client.send(request).unwrap();
            assert_eq!(sent, format!("0 {:08x}", nth + 2));
        }
    }

    #[test]
    fn others_wait_for_the_first_request_of_a_login() {
        let client = Client::default();
        let (mut first, mut second) = (Responses::default(), Responses::default());
        assert!(!client.waits(&mut first));
        assert!(!client.waits(&mut first), "sent again");
        assert!(client.waits(&mut second));
        let other = Credentials::default();
        let waits = client.0.enter(ORIGIN, &other, &mut Responses::default());
        assert!(waits.is_none(), "another login has a first one of its own");
        assert!(client.refuse("Digest nonce=1, qop=auth", &mut first));
        assert!(client.waits(&mut second), "until the nonce is accepted");
        drop(first);
        assert!(!client.waits(&mut second));
        assert_eq!(client.send(&mut second).unwrap(), "1 00000001");
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
    fn number_of_spaces_is_bounded() {
        let sessions = DigestSessions::default();
        let offered = offered("Digest nonce=1");
        for nth in 0..MAX_SPACES * 2 {
            let (origin, mut responses) = (format!("http://{nth}"), Responses::default());
            assert!(sessions.on_unauthorized(&origin, &login(), &offered, &mut responses));
        }
        assert!(lock(&sessions.known).len() <= MAX_SPACES);
    }
}
