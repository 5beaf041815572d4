//! What hosts allow in their robots.txt (RFC 9309), asked for once each. Until that is known, what
//! is to be asked for there waits.

use std::collections::HashMap;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};

use super::core::Core;
use super::item::Item;
use super::lane::Lane;
use super::trouble::GivenUp;
use super::work::{Hop, To, Work};
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::{origin, redirect};
use crate::http_url::HttpUrl;
use crate::plan::coding;
use crate::plan::fields::Fields;
use crate::plan::head::{self, Answer, Asked};
use crate::plan::robots::{self, Robots};
use crate::schedule::HostId;
use crate::schedule::retry::wait_before_retry;
use crate::sync::lock;
use crate::write::decode_beginning;

/// Most redirects that a robots.txt may have (RFC 9309 §2.3.1.2).
const MOST_HOPS: u32 = 5;
/// Of so many hosts it is kept; beyond that, hosts are asked anew.
const MOST_KEPT: usize = 8192;

/// The robots.txt of all hosts.
#[derive(Default)]
pub(super) struct AllRobots(Mutex<HashMap<Box<str>, State>>);

/// Items that wait, in their boxes, in which they go on.
type Waiting = Vec<Box<Item>>;

enum State {
    /// It is being asked for, and these wait for it.
    Asked(Waiting),
    Known(Robots),
}

/// One that is being asked for.
pub(super) struct Query {
    /// Whose it is.
    host: Box<str>,
    /// No URL that anybody has given, so that nothing goes along that was given for one.
    nobodys: HttpUrl,
    /// Where it is, or where it has led.
    hop: Hop,
    hops: u32,
    /// How often it has failed, since then.
    rounds: u32,
    since: Instant,
}

/// What came of asking.
enum Found {
    Robots(Robots),
    /// At another URL, after this time.
    Elsewhere(Hop, Duration),
    /// There is no connection yet.
    PutBack,
}

impl AllRobots {
    /// One is known, or is not to be had: gives what has waited for it.
    fn end(&self, host: &str, robots: Option<Robots>) -> Waiting {
        let mut all = lock(&self.0);
        let waiting = match all.remove(host) {
            Some(State::Asked(waiting)) => waiting,
            _ => Vec::new(),
        };
        if all.len() >= MOST_KEPT {
            all.retain(|_, state| matches!(state, State::Asked(_)));
        }
        if let Some(robots) = robots {
            all.insert(host.into(), State::Known(robots));
        }
        waiting
    }
}

impl Core {
    /// An item that is about to be queued, if its host allows that. If not, it has failed; and
    /// where nobody knows, it waits.
    pub(super) fn obeying(&self, item: Box<Item>) -> Option<Box<Item>> {
        if !self.options.robots {
            return Some(item);
        }
        let host = origin::key(item.url());
        let mut all = lock(&self.robots.0);
        // Whoever cancels takes this lock afterwards, to cancel those that wait.
        if self.stopping.is_cancelled() {
            return Some(item);
        }
        match all.get_mut(host) {
            Some(State::Known(robots)) if robots.allows(item.url()) => Some(item),
            Some(State::Known(_)) => {
                drop(all);
                let error = Error::new(
                    ErrorKind::Refused,
                    format!(
                        "its host's robots.txt does not allow {} (--robots)",
                        item.url()
                    ),
                );
                self.failed(item, error);
                None
            }
            Some(State::Asked(waiting)) => {
                waiting.push(item);
                None
            }
            None => {
                let query = Query::of(item.url());
                all.insert(host.into(), State::Asked(vec![item]));
                drop(all);
                // An http URL that was parsed has a place for it.
                if let Some(query) = query {
                    self.queue_query(Box::new(query), Duration::ZERO);
                }
                None
            }
        }
    }

    /// Whether a share of a file may be asked for there: only where that is known.
    pub(super) fn is_allowed(&self, url: &HttpUrl) -> bool {
        if !self.options.robots {
            return true;
        }
        match lock(&self.robots.0).get(origin::key(url)) {
            Some(State::Known(robots)) => robots.allows(url),
            _ => false,
        }
    }

    /// The least time between two requests that a host has asked for.
    pub(super) fn delay_of(&self, host: &str) -> Duration {
        if !self.options.robots {
            return Duration::ZERO;
        }
        match lock(&self.robots.0).get(host) {
            Some(State::Known(robots)) => robots.delay.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    fn queue_query(&self, query: Box<Query>, wait: Duration) {
        let mut schedule = self.schedule();
        // What waits for it is cancelled by whoever stops the run.
        if self.stopping.is_cancelled() {
            return;
        }
        let host = self.host_of(&mut schedule, &query.hop.0);
        if wait.is_zero() {
            schedule.push(host, Work::Robots(query));
        } else {
            schedule.push_later(host, Instant::now() + wait, Work::Robots(query));
            self.clock.notify_one();
        }
        self.hand_out(schedule);
    }

    /// What waits for a host's robots.txt when the run is being stopped.
    pub(super) fn cancel_obeying(&self) {
        let all = mem::take(&mut *lock(&self.robots.0));
        for state in all.into_values() {
            if let State::Asked(waiting) = state {
                for item in waiting {
                    self.cancelled(item);
                }
            }
        }
    }

    /// A robots.txt cannot be had, for this reason, and is not asked for again: nothing of its host
    /// may be (RFC 9309 §2.3.1.4).
    pub(super) fn no_robots(&self, query: &Query, why: &GivenUp) {
        for item in self.robots.end(&query.host, None) {
            self.failed_with_host(item, why);
        }
    }

    fn robots_failed(&self, mut query: Box<Query>, error: &Error, goes_on: bool) {
        query.rounds += 1;
        let (policy, asked) = (&self.options.retry, error.asked_wait());
        let elapsed = query.since.elapsed();
        let wait = wait_before_retry(policy, query.rounds, elapsed, asked, fastrand::f64());
        match wait.filter(|_| goes_on && error.is_transient()) {
            Some(wait) => self.queue_query(query, wait),
            None => self.no_robots(&query, &GivenUp::without_robots(error)),
        }
    }

    fn robots_found(&self, query: &Query, robots: Robots) {
        for item in self.robots.end(&query.host, Some(robots)) {
            self.queue(item);
        }
    }
}

impl Query {
    fn of(url: &HttpUrl) -> Option<Self> {
        Some(Self {
            host: origin::key(url).into(),
            nobodys: HttpUrl::of_nobody(),
            hop: url.join("/robots.txt").ok()?,
            hops: 0,
            rounds: 0,
            since: Instant::now(),
        })
    }
}

impl Lane {
    /// Asks for a robots.txt.
    pub(super) async fn ask_for_robots(
        &mut self,
        mut query: Box<Query>,
        connects: bool,
        stopping: impl Future<Output = ()>,
    ) -> ControlFlow<(), bool> {
        (self.sent, self.answered) = (None, None);
        self.connecting = connects;
        let found = tokio::select! {
            biased;
            () = stopping => return ControlFlow::Break(()),
            found = self.find_robots(&query, connects) => found,
        };
        let fine = matches!(found, Ok(Found::Robots(_) | Found::Elsewhere(..)));
        match found {
            Ok(Found::Robots(robots)) => self.core.robots_found(&query, robots),
            Ok(Found::Elsewhere(to, wait)) => {
                query.hop = (to.0, None);
                query.hops += 1;
                self.core.queue_query(query, wait);
            }
            Ok(Found::PutBack) => self.core.put_query_back(self.host, query),
            Err(error) => {
                self.stop_connecting();
                self.connection = None;
                let goes_on = !self.is_trouble(&error) || {
                    let overloaded = self.overloaded(&error);
                    self.core.host_failed(self.host, overloaded, &error)
                };
                self.core.robots_failed(query, &error, goes_on);
            }
        }
        ControlFlow::Continue(fine)
    }

    async fn find_robots(&mut self, query: &Query, connects: bool) -> Result<Found, Error> {
        let to = To {
            given: &query.nobodys,
            credentials: None,
            hop: Some(&query.hop),
        };
        redirect::check_scheme(to.url(), self.core.options.plain_http)?;
        let answer = self.answer(to, &HeaderMap::new(), &mut 0, connects).await?;
        let Some((head, mut body)) = answer else {
            return Ok(Found::PutBack);
        };
        let answer = head::read(
            head.status,
            head.version,
            &head.fields,
            body.length(),
            Asked::Always,
            SystemTime::now(),
        );
        let found = match answer {
            Answer::Save(_) => {
                let text = self.read_some(&head.fields, &mut body).await?;
                Found::Robots(Robots::read(&text, self.core.robots_token()))
            }
            Answer::Redirect(asked) if query.hops < MOST_HOPS => {
                let location = head.fields.get(LOCATION);
                let plain_http = self.core.options.plain_http;
                match redirect::next_hop(to.url(), location, plain_http) {
                    Ok(to) => Found::Elsewhere(to, self.wait_before_following(&head, asked)?),
                    Err(_) => Found::Robots(Robots::default()),
                }
            }
            Answer::Fail(error) if says_nothing(&error, head.status) => {
                self.put_aside(&mut body).await;
                return Err(error);
            }
            Answer::Fail(_) | Answer::Redirect(_) | Answer::Unchanged(_) => {
                Found::Robots(Robots::default())
            }
        };
        self.put_aside(&mut body).await;
        if head::is_framed_twice(&head.fields) {
            self.connection = None;
        }
        Ok(found)
    }

    /// The beginning of a text, without whatever codings it has been sent in.
    async fn read_some(
        &mut self,
        fields: &Fields,
        body: &mut ResponseBody,
    ) -> Result<Vec<u8>, Error> {
        let layers = coding::to_undo(fields, true)?;
        let mut text = Vec::new();
        while text.len() < robots::MOST
            && let Some(bytes) = body.next(&mut self.connection, &mut self.idle).await?
        {
            text.extend_from_slice(&bytes);
        }
        let is_whole = text.len() < robots::MOST;
        text.truncate(robots::MOST);
        if layers.is_empty() {
            return Ok(text);
        }
        decode_beginning(&layers, &text, robots::MOST, is_whole)
    }
}

/// Whether a failure says nothing of what is allowed, as when the server asks for patience, cannot
/// answer, or cannot be read. A host that has no robots.txt allows all (§2.3.1.3).
fn says_nothing(error: &Error, status: StatusCode) -> bool {
    let has_none = error.is_of_file_alone() && status.is_client_error();
    error.is_transient() && !has_none
        || error.kind() == ErrorKind::Protocol
        || status.is_server_error()
}

impl Core {
    /// A lane could not go on with it yet.
    fn put_query_back(&self, host: HostId, query: Box<Query>) {
        let mut schedule = self.schedule();
        if !self.stopping.is_cancelled() {
            schedule.put_back(host, Work::Robots(query));
        }
    }

    /// The name by which a robots.txt addresses us.
    fn robots_token(&self) -> &str {
        let user_agent = self.options.headers.get(http::header::USER_AGENT);
        let user_agent = user_agent.or(self.options.user_agent.as_ref());
        let text = user_agent.and_then(|value| value.to_str().ok());
        robots::token(text.unwrap_or_default())
    }
}
