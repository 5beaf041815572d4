//! A request on a link, as often as it takes to get an answer.

use std::sync::Arc;

use http::HeaderMap;

use super::link::Link;
use super::login::Proof;
use super::patience::{Patience, within};
use crate::clock;
use crate::credentials::first_answer::FirstAnswer;
use crate::engine::run::Run;
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::classify::{self, SendError, Unprocessed};
use crate::fetch::connection::Connection;
use crate::fetch::exchange;
use crate::fetch::headers;
use crate::fetch::request_target::RequestTarget;
use crate::plan::head::{self, Head};

/// How often an item's requests go again at once because a connection was no longer of use. Further
/// ones are failures, so that a server that refuses everything is left alone for a while, and in
/// the end for good.
const MOST_RESENDS: u32 = 5;

impl Link {
    /// Sends a request, and returns the head of the response with the body to come; `None` if the
    /// request waits for a connection that another lane makes, or gives way to other hosts. Fails
    /// if no connection can be made, or no response comes, though the request has been resent where
    /// that is allowed.
    pub(crate) async fn request(
        &mut self,
        run: &Run,
        to: RequestTarget<'_>,
        conditions: &HeaderMap,
        resends: &mut u32,
        mut connects: bool,
    ) -> Result<Option<(Head, ResponseBody)>, Error> {
        let mut proof = Proof::default();
        loop {
            let connected = match self.patience() {
                None => Some(self.connected(run, to.url(), connects).await),
                Some(patience) => {
                    let connected = Box::pin(self.connected(run, to.url(), connects));
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
            // Before the wait for a turn, which is that of the moment when it is sent.
            if let Some(answer) = proof.waits_for(run, &to)
                && !self.waited_for(answer).await
            {
                self.give_way();
                return Ok(None);
            }
            self.wait_for_turn().await;
            self.look_at_token(run).await;
            self.sent_at = Some(clock::now());
            if let Some(record) = &mut self.record {
                record.on_sending(self.connection.as_ref(), self.is_reused);
            }
            let sent = match self.patience() {
                None => Some(self.send(run, to, conditions, &mut proof).await),
                Some(patience) => {
                    let sent = Box::pin(self.send(run, to, conditions, &mut proof));
                    within(patience, sent).await
                }
            };
            let Some(sent) = sent else {
                self.give_way();
                return Ok(None);
            };
            match sent {
                // On a new connection it is the answer, whatever it is.
                Ok((head, _)) if self.is_reused && is_unsolicited(&head) => {
                    self.prepare_resend(run, resends, classify::closed_before_request())?;
                }
                Ok(mut answer) => {
                    if let Some(jar) = to.cookies(run.options.cookies.as_ref()) {
                        jar.learn(to.url(), &answer.0.fields);
                    }
                    self.is_reused = true;
                    let now = clock::now();
                    self.headers_at = Some(now);
                    if let Some(sent_at) = self.sent_at {
                        run.add_latency(now.saturating_duration_since(sent_at));
                    }
                    if let Some(record) = &mut self.record {
                        record.on_head(answer.0.status.as_u16());
                    }
                    self.count_first_response(answer.0.status.is_success(), answer.1.length());
                    self.idle.begin_body();
                    if self.goes_again(run, to, &answer.0, &mut proof).await {
                        self.drain_or_close(&mut answer.1).await;
                        self.tell_resent(run, None);
                        continue;
                    }
                    return Ok(Some(answer));
                }
                Err(failure) => {
                    if let Err(error) = self.prepare_resend(run, resends, failure) {
                        return Err(self.explain_silence(error).await);
                    }
                }
            }
        }
    }

    /// Waits for the answer to another request. Returns `false` when the request has to give way to
    /// other hosts.
    async fn waited_for(&mut self, answer: FirstAnswer) -> bool {
        let wait = Box::pin(answer.wait());
        match self.patience() {
            None => wait.await,
            Some(patience) => return within(patience, wait).await.is_some(),
        }
        true
    }

    /// Waits until the host may be asked again.
    async fn wait_for_turn(&mut self) {
        if !self.services.dispatcher.has_delays() {
            return;
        }
        let at = self.services.dispatcher.may_send(self.host);
        tokio::time::sleep_until(at.into()).await;
    }

    async fn send(
        &mut self,
        run: &Run,
        to: RequestTarget<'_>,
        conditions: &HeaderMap,
        proof: &mut Proof,
    ) -> Result<(Head, ResponseBody), SendError> {
        let host = if let Some(host) = &self.host_header {
            host
        } else {
            let host = headers::host(to.url()).map_err(SendError::Failed)?;
            self.host_header.insert(host)
        };
        let login = run.headers.login(&to);
        let authorization = proof.authorize(run, &to, login);
        let mut headers = run
            .headers
            .of(host, &to, conditions, login, authorization)
            .map_err(SendError::Failed)?;
        if let Some(jar) = to.cookies(run.options.cookies.as_ref()) {
            headers.add_cookies(jar, to.url());
        }
        let Some(connection) = &mut self.connection else {
            return Err(classify::closed_before_request());
        };
        exchange::send(connection, to.url(), &headers, &mut self.idle).await
    }

    /// Returns whether a body was cut off because its server says in a GOAWAY that it has not
    /// processed the request, although it had begun to answer: then the request may be sent again
    /// elsewhere at once (RFC 9113 §6.8). `resends` is how often it has been already.
    pub(crate) async fn ended_by_goaway(&mut self, resends: u32, error: &Error) -> bool {
        let Some(Connection::Http2(_)) = &self.connection else {
            return false;
        };
        if !error.may_be_unprocessed() || resends >= MOST_RESENDS {
            return false;
        }
        // Those who keep the connection may be told after its streams.
        tokio::task::yield_now().await;
        !self.connection.as_mut().is_some_and(Connection::is_open)
    }

    /// Prepares the resend of a request that has no response: gives the connection up where that is
    /// the reason.
    ///
    /// # Errors
    /// When the request may not be resent, so that its attempt fails.
    fn prepare_resend(
        &mut self,
        run: &Run,
        resends: &mut u32,
        failure: SendError,
    ) -> Result<(), Error> {
        let (unprocessed, error) = match failure {
            SendError::NotProcessed(unprocessed, error) => (Some(unprocessed), error),
            // Closed while it was idle, most likely: that says nothing about this request (RFC 9112
            // §9.3.1).
            SendError::Failed(error) if self.is_reused && error.kind() == ErrorKind::Reset => {
                (None, error)
            }
            SendError::Failed(error) => return Err(error),
        };
        let is_new = !self.is_reused && !matches!(self.connection, Some(Connection::Http2(_)));
        if is_new || *resends == MOST_RESENDS {
            return Err(error);
        }
        // The first refusal may only mean that more was asked at once than the server allows, which
        // is known by now.
        if unprocessed != Some(Unprocessed::Stream) || *resends > 0 {
            self.give_up();
        }
        *resends += 1;
        self.tell_resent(run, Some(&error));
        Ok(())
    }

    /// Returns how long the present request may wait for its host; `None` if the host has answered
    /// before.
    fn patience(&self) -> Option<Patience> {
        let patience = |time| Patience::new(Arc::clone(&self.services), self.host, time);
        self.patience.map(patience)
    }

    /// Gives the present request up, as if it had not been sent: it goes back to its queue.
    fn give_way(&mut self) {
        self.stop_connecting();
        // Over HTTP/2 that ends its stream, and no other.
        self.connection = None;
        self.is_reused = false;
    }
}

/// Returns whether a response on a connection that has had others may be one that no request asked
/// for.
fn is_unsolicited(head: &Head) -> bool {
    head::may_be_unsolicited(head.status, head.version, &head.fields)
}
