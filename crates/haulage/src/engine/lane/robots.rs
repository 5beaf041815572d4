//! Requests for the robots.txt of hosts (RFC 9309), one for each, and what follows from the answer.

use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};

use super::Attempt;
use super::interruption::Interruption;
use crate::engine::item::robots_query::RobotsQuery;
use crate::engine::item::task::Task;
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::redirect;
use crate::http_url::HttpUrl;
use crate::plan::coding;
use crate::plan::fields::Fields;
use crate::plan::head::{self, Answer, RequestKind};
use crate::plan::robots::{self, Robots};
use crate::write::decode_beginning;

/// Most redirects that a robots.txt may have (RFC 9309 §2.3.1.2).
const MOST_HOPS: u32 = 5;

/// What came of asking.
enum RobotsReply {
    Robots(Robots),
    /// At another URL, after this time.
    Elsewhere(HttpUrl, Duration),
    /// There is no connection yet.
    PutBack,
}

impl Attempt<'_> {
    /// Asks for a robots.txt.
    pub(crate) async fn ask_for_robots(
        &mut self,
        mut query: Box<RobotsQuery>,
        connects: bool,
        interruption: &mut Interruption,
    ) -> ControlFlow<(), bool> {
        self.link.begin_request(connects);
        let run = self.run;
        let found = tokio::select! {
            biased;
            () = interruption.of(run, None) => None,
            found = self.find_robots(&query, connects) => Some(found),
        };
        let Some(found) = found else {
            // What waits for it was taken out of the gate.
            return self.stop();
        };
        let fine = matches!(
            found,
            Ok(RobotsReply::Robots(_) | RobotsReply::Elsewhere(..))
        );
        match found {
            Ok(RobotsReply::Robots(robots)) => self.run.robots_found(&query, robots),
            Ok(RobotsReply::Elsewhere(to, wait)) => {
                query.hop = (to, None).into();
                query.hops += 1;
                self.run.push(Task::Robots(query), wait);
            }
            Ok(RobotsReply::PutBack) => {
                self.run
                    .put_back(self.link.host, Task::Robots(query), self.ready_at);
            }
            Err(error) if error.is_proxy_outage() => {
                self.link.stop_connecting();
                let (host, sent) = (self.link.host, self.link.asked_at());
                self.run
                    .wait_for_proxy(host, sent, Task::Robots(query), &error);
            }
            Err(error) => {
                self.link.stop_connecting();
                self.link.connection = None;
                let goes_on = !self.link.is_trouble(&error) || {
                    let overloaded = self.link.overloaded(&error);
                    self.run.host_failed(self.link.host, overloaded, &error)
                };
                self.run.robots_failed(query, &error, goes_on);
            }
        }
        ControlFlow::Continue(fine)
    }

    async fn find_robots(
        &mut self,
        query: &RobotsQuery,
        connects: bool,
    ) -> Result<RobotsReply, Error> {
        let to = query.request_target();
        redirect::check_scheme(to.url(), self.run.options.plain_http)?;
        let answer = self
            .link
            .request(self.run, to, &HeaderMap::new(), &mut 0, connects)
            .await?;
        let Some((head, mut body)) = answer else {
            return Ok(RobotsReply::PutBack);
        };
        let answer = head::read(
            head.status,
            head.version,
            &head.fields,
            body.length(),
            RequestKind::Unconditional,
            SystemTime::now(),
        );
        let found = match answer {
            Answer::Save(_) => {
                let text = self.read_some(&head.fields, &mut body).await?;
                let asker = self.run.robots_asker.as_ref();
                let name = asker.map_or("", |asker| &*asker.name);
                RobotsReply::Robots(Robots::read(&text, name))
            }
            Answer::Redirect(asked) if query.hops < MOST_HOPS => {
                let location = head.fields.get(LOCATION);
                let plain_http = self.run.options.plain_http;
                match redirect::next_hop(to.url(), location, plain_http) {
                    Ok((to, _)) => {
                        RobotsReply::Elsewhere(to, self.wait_before_following(&head, asked)?)
                    }
                    Err(_) => RobotsReply::Robots(Robots::default()),
                }
            }
            Answer::Fail(error) if says_nothing(&error, head.status) => {
                self.link.drain_or_close(&mut body).await;
                return Err(error);
            }
            Answer::Fail(_) | Answer::Redirect(_) | Answer::Unchanged(_) => {
                RobotsReply::Robots(Robots::default())
            }
        };
        self.link.drain_or_close(&mut body).await;
        Ok(found)
    }

    /// Reads the beginning of a text, up to `robots::MAX_BYTES` bytes, and undoes its codings.
    /// Fails if the body breaks off, or a coding cannot be undone.
    async fn read_some(
        &mut self,
        fields: &Fields,
        body: &mut ResponseBody,
    ) -> Result<Vec<u8>, Error> {
        let layers = coding::to_undo(fields, true)?;
        let mut text = Vec::new();
        while text.len() < robots::MAX_BYTES
            && let Some(bytes) = self.link.next(body).await?
        {
            text.extend_from_slice(&bytes);
        }
        let is_whole = text.len() < robots::MAX_BYTES;
        text.truncate(robots::MAX_BYTES);
        if layers.is_empty() {
            return Ok(text);
        }
        decode_beginning(&layers, &text, robots::MAX_BYTES, is_whole)
    }
}

/// Returns whether a failure says nothing about what is allowed: the server asks for a wait, cannot
/// answer, or cannot be understood. A host that has no robots.txt allows all (§2.3.1.3).
fn says_nothing(error: &Error, status: StatusCode) -> bool {
    let has_none = error.is_of_file_alone() && status.is_client_error();
    error.is_transient() && !has_none
        || error.kind() == ErrorKind::Protocol
        || status.is_server_error()
}
