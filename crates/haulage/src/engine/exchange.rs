//! One piece of work on a lane: a request, as often as it takes to get an answer, and what is done
//! with that.

use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, StatusCode};

use super::item::{AtName, Item};
use super::lane::{Lane, Step};
use super::patience::within;
use super::present::There;
use super::work::To;
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::classify::{self, Unanswered, Unprocessed};
use crate::fetch::connection::Connection;
use crate::fetch::exchange;
use crate::fetch::headers;
use crate::fetch::origin;
use crate::fetch::redirect;
use crate::plan::head::{self, Answer, Asked, Entity, Head};
use crate::plan::size;
use crate::write::Pace;

/// How long the rest of a body that nobody wants may take.
const DRAIN: Duration = Duration::from_secs(1);
/// How often an item's requests go again at once because a connection was no longer of use. Further
/// ones are failures, so that a server that refuses everything is left alone for a while, and in
/// the end for good.
const MOST_RESENDS: u32 = 5;

impl Lane {
    pub(super) async fn fetch(&mut self, item: &mut Item, connects: bool) -> Step {
        (self.sent, self.answered) = (None, None);
        self.connecting = connects;
        let result = match self.core.options.max_time {
            None => self.exchange(item, connects).await,
            Some(most) => match item.time_left(most) {
                Duration::ZERO => Err(time_is_over(most)),
                left => {
                    let exchange = tokio::time::timeout(left, self.exchange(item, connects));
                    exchange.await.unwrap_or_else(|_| Err(time_is_over(most)))
                }
            },
        };
        match result {
            Ok(step) => step,
            Err(error) if self.was_sent_away(item, &error).await => {
                item.resends += 1;
                self.leave();
                Step::Resent
            }
            Err(error) => {
                // Where its time was over, it may have been at anything.
                self.stop_connecting();
                // What is left on the connection is not the beginning of an answer. One that is
                // silent may be dead without knowing it (RFC 9113 has no word for that): the others
                // leave it too.
                if error.kind() == ErrorKind::Timeout && error.is_transient() {
                    self.leave();
                }
                self.connection = None;
                Step::Failed(error)
            }
        }
    }

    async fn exchange(&mut self, item: &mut Item, connects: bool) -> Result<Step, Error> {
        if let Some(step) = self.whole_already(item) {
            return Ok(step);
        }
        redirect::check_scheme(item.url(), self.core.options.plain_http)?;
        self.core.begin(item);
        let mut conditions = item.conditions();
        let is_conditional = !conditions.is_empty();
        let rest = item.rest();
        if let Some(rest) = &rest {
            rest.ask(&mut conditions);
        }
        let mut resends = item.resends;
        let answer = self
            .answer(item.to(), &conditions, &mut resends, connects)
            .await;
        item.resends = resends;
        let Some((head, mut body)) = answer? else {
            return Ok(Step::PutBack);
        };
        item.http_status = Some(head.status.as_u16());
        if let Some(rest) = rest {
            match self.judge(item, rest, &head, &mut body).await {
                ControlFlow::Break(step) => return step,
                ControlFlow::Continue(()) => {}
            }
        }
        let asked = if is_conditional {
            Asked::IfChanged
        } else {
            Asked::Always
        };
        let answer = head::read(
            head.status,
            head.version,
            &head.fields,
            body.length(),
            asked,
            SystemTime::now(),
        );
        let step = match answer {
            Answer::Save(entity) => self.save_as_named(item, &head, &mut body, entity).await?,
            Answer::Unchanged(entity) => {
                self.put_aside(&mut body).await;
                Step::Unchanged(entity)
            }
            Answer::Redirect(asked) => {
                let location = head.fields.get(http::header::LOCATION);
                let to = redirect::next_hop(item.url(), location, self.core.options.plain_http);
                self.put_aside(&mut body).await;
                let wait = self.wait_before_following(&head, asked);
                match to.and_then(|to| Ok((to, wait?))) {
                    Ok((to, wait)) => Step::Redirected(to, wait),
                    Err(error) => Step::Failed(error),
                }
            }
            Answer::Fail(error) => {
                let may_expect_tls =
                    head.status == StatusCode::BAD_REQUEST && !origin::is_https(item.url());
                Step::Failed(self.refused(error, may_expect_tls, &mut body).await)
            }
        };
        if head::is_framed_twice(&head.fields) {
            self.connection = None;
        }
        Ok(step)
    }

    /// The head of the answer to a request, and the body to come; `None` when it waits for a
    /// connection that another lane makes, or gives way to other hosts.
    pub(super) async fn answer(
        &mut self,
        to: To<'_>,
        conditions: &HeaderMap,
        resends: &mut u32,
        mut connects: bool,
    ) -> Result<Option<(Head, ResponseBody)>, Error> {
        loop {
            let connected = match self.patience() {
                None => Some(self.connected(to.url(), connects).await),
                Some(patience) => {
                    let connected = Box::pin(self.connected(to.url(), connects));
                    within(patience, connected).await
                }
            };
            match connected {
                Some(Ok(true)) => {}
                Some(Ok(false)) => return Ok(None),
                Some(Err(error)) => return Err(error),
                None => {
                    self.give_way();
                    return Ok(None);
                }
            }
            connects = false;
            self.wait_for_turn().await;
            self.sent = Some(Instant::now());
            let sent = match self.patience() {
                None => Some(self.send(to, conditions).await),
                Some(patience) => within(patience, Box::pin(self.send(to, conditions))).await,
            };
            let Some(sent) = sent else {
                self.give_way();
                return Ok(None);
            };
            match sent {
                // On a new connection it is the answer, whatever it is.
                Ok((head, _)) if self.used && is_unasked(&head) => {
                    self.make_way(resends, classify::closed())?;
                }
                Ok(answer) => {
                    self.used = true;
                    self.answered = Some(Instant::now());
                    self.count_first_response(answer.0.status.is_success());
                    self.idle.begin_body();
                    return Ok(Some(answer));
                }
                Err(unanswered) => self.make_way(resends, unanswered)?,
            }
        }
    }

    /// Waits until the host may be asked again.
    async fn wait_for_turn(&mut self) {
        if self.core.options.delay.is_zero() && !self.core.options.robots {
            return;
        }
        let at = self.core.schedule().may_send(self.host, Instant::now());
        tokio::time::sleep_until(at.into()).await;
    }

    async fn send(
        &mut self,
        to: To<'_>,
        conditions: &HeaderMap,
    ) -> Result<(Head, ResponseBody), Unanswered> {
        let host = if let Some(host) = &self.host_header {
            host
        } else {
            let host = headers::host(to.url()).map_err(Unanswered::Failed)?;
            self.host_header.insert(host)
        };
        let hop = to.hop.map(|(url, credentials)| (url, credentials.as_ref()));
        let headers = self
            .core
            .headers
            .of(host, to.given, hop, to.credentials, conditions)
            .map_err(Unanswered::Failed)?;
        let Some(connection) = &mut self.connection else {
            return Err(classify::closed());
        };
        exchange::send(connection, to.url(), &headers, &mut self.idle).await
    }

    /// Whether a body that was cut off is that of a request which its server says it has not
    /// processed, though it had begun to: one that says goodbye (GOAWAY) may name a request before
    /// it as the last. Then the request goes again elsewhere at once (RFC 9113 §6.8).
    async fn was_sent_away(&mut self, item: &Item, error: &Error) -> bool {
        let Some(Connection::Http2(_)) = &self.connection else {
            return false;
        };
        if !error.may_be_unprocessed() || item.resends >= MOST_RESENDS {
            return false;
        }
        // Those who keep the connection may be told after its streams.
        tokio::task::yield_now().await;
        !self.connection.as_mut().is_some_and(Connection::is_open)
    }

    /// A request has no answer: gives the connection up where that is the reason, so that it can go
    /// again at once.
    ///
    /// # Errors
    /// When it is to be a failure.
    fn make_way(&mut self, resends: &mut u32, unanswered: Unanswered) -> Result<(), Error> {
        let (unprocessed, error) = match unanswered {
            Unanswered::Unprocessed(unprocessed, error) => (Some(unprocessed), error),
            // Closed while it was idle, most likely: that says nothing about this request (RFC 9112
            // §9.3.1).
            Unanswered::Failed(error) if self.used && error.kind() == ErrorKind::Reset => {
                (None, error)
            }
            Unanswered::Failed(error) => return Err(error),
        };
        let is_new = !self.used && !matches!(self.connection, Some(Connection::Http2(_)));
        if is_new || *resends == MOST_RESENDS {
            return Err(error);
        }
        // The first refusal may only mean that more was asked at once than the server allows, which
        // is known by now.
        if unprocessed != Some(Unprocessed::Stream) || *resends > 0 {
            self.leave();
        }
        *resends += 1;
        Ok(())
    }

    /// What can be said of a file before its first byte.
    fn may_be_saved(&self, entity: &Entity) -> Result<(), Error> {
        size::check(entity.length.unwrap_or(0), self.core.options.max_size)
    }

    /// Receives a file, unless the name that its server gives is taken by one that is to stay.
    async fn save_as_named(
        &mut self,
        item: &mut Item,
        head: &Head,
        body: &mut ResponseBody,
        entity: Entity,
    ) -> Result<Step, Error> {
        match self.core.name_by_server(item, &head.fields).await {
            There::Nothing => {}
            There::Unknown => item.at_name = AtName::Unknown,
            there => {
                self.put_aside(body).await;
                return Ok(Step::Found(there));
            }
        }
        if let Some(place) = self.is_there(item, &entity, Some(&head.fields)).await {
            self.put_aside(body).await;
            return Ok(Step::There(entity, place));
        }
        if let Err(error) = self.may_be_saved(&entity) {
            self.put_aside(body).await;
            return Ok(Step::Failed(error));
        }
        self.receive_whole(item, head, body, entity).await
    }

    /// How long a redirect waits before it is followed.
    pub(super) fn wait_before_following(
        &self,
        head: &Head,
        asked: Option<Duration>,
    ) -> Result<Duration, Error> {
        let longest = self.core.options.retry.max_time;
        head::wait_before_following(head.status, asked, longest)
    }

    /// How slow a server may be.
    pub(super) fn pace(&self) -> Pace {
        Pace {
            timeout: self.core.options.timeout,
            lowest: self.core.options.lowest_speed,
        }
    }

    /// Puts an error response aside. Adds to its error that the server expects TLS, if the body
    /// says so.
    async fn refused(
        &mut self,
        error: Error,
        may_expect_tls: bool,
        body: &mut ResponseBody,
    ) -> Error {
        let mut expects_tls = false;
        if may_expect_tls {
            let first = body.next(&mut self.connection, &mut self.idle);
            let first = tokio::time::timeout(DRAIN, first).await;
            expects_tls = matches!(first, Ok(Ok(Some(bytes))) if classify::expects_tls(&bytes));
        }
        self.put_aside(body).await;
        if expects_tls {
            error.and("it speaks TLS on this port: write https:// in the URL")
        } else {
            error
        }
    }

    /// Reads the rest of an answer that is no file, or gives its connection up.
    pub(super) async fn put_aside(&mut self, body: &mut ResponseBody) {
        if matches!(self.connection, Some(Connection::Http2(_))) {
            // Dropping the body ends its stream, and no other.
            return;
        }
        let drained =
            tokio::time::timeout(DRAIN, body.drain(&mut self.connection, &mut self.idle)).await;
        if drained != Ok(true) {
            self.connection = None;
        }
    }
}

/// Whether a response on a connection that has had others may be one that nobody has asked for.
fn is_unasked(head: &Head) -> bool {
    head::may_be_unasked(head.status, head.version, &head.fields)
}

fn time_is_over(most: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("it took longer than {} s (--max-time)", most.as_secs_f64()),
    )
    .transient(false)
}
