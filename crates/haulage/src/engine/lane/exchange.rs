//! A request of an item on a lane, and what is done with its answer.

use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::Attempt;
use super::link::DRAIN;
use super::login::advice;
use crate::engine::item::attempt::AttemptEnd;
use crate::engine::item::existing::ExistingCheck;
use crate::engine::item::{AtName, Item};
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::classify;
use crate::fetch::origin;
use crate::fetch::redirect;
use crate::fetch::request_target::Hop;
use crate::options::ContentEncoding;
use crate::plan::coding;
use crate::plan::existing::Offered;
use crate::plan::fields::Fields;
use crate::plan::head::{self, Answer, Entity, Head, RequestKind};
use crate::plan::name::TargetName;
use crate::plan::size;

impl Attempt<'_> {
    pub(crate) async fn fetch(&mut self, item: &mut Item, connects: bool) -> AttemptEnd {
        self.link.begin_request(connects);
        let result = match self.run.options.max_time {
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
            Err(error) if self.link.ended_by_goaway(item.resends, &error).await => {
                self.tell_record(Some(&error));
                item.resends += 1;
                self.link.give_up();
                AttemptEnd::Resend
            }
            Err(error) => {
                // Where its time was over, it may have been at anything.
                self.link.stop_connecting();
                // What is left on the connection is not the beginning of an answer. One that is
                // silent may be dead without knowing it (RFC 9113 has no word for that): the others
                // leave it too.
                if error.kind() == ErrorKind::Timeout && error.is_transient() {
                    self.link.give_up();
                }
                self.link.trace_closed("a request on it has failed");
                self.link.connection = None;
                AttemptEnd::Failed(error)
            }
        }
    }

    async fn exchange(&mut self, item: &mut Item, connects: bool) -> Result<AttemptEnd, Error> {
        if let Some(step) = self.whole_already(item) {
            return Ok(step);
        }
        if self.has_login_meanwhile(item) {
            self.link.stop_connecting();
            item.go_home();
            return Ok(AttemptEnd::Home);
        }
        redirect::check_scheme(item.url(), self.run.options.plain_http)?;
        self.run.begin(item);
        let mut conditions = item.conditions();
        let is_conditional = !conditions.is_empty();
        let rest = item.range_request();
        if let Some(rest) = &rest {
            rest.add_to(&mut conditions);
        }
        self.record_item(item);
        let mut resends = item.resends;
        let answer = self
            .link
            .request(
                self.run,
                item.request_target(),
                &conditions,
                &mut resends,
                connects,
            )
            .await;
        item.resends = resends;
        let Some((head, mut body)) = answer? else {
            return Ok(AttemptEnd::PutBack);
        };
        item.http_status = Some(head.status.as_u16());
        if let Some(rest) = rest {
            match self.judge(item, rest, &head, &mut body).await {
                ControlFlow::Break(step) => return step,
                ControlFlow::Continue(()) => {}
            }
        }
        let asked = if is_conditional {
            RequestKind::Conditional
        } else {
            RequestKind::Unconditional
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
                self.link.drain_or_close(&mut body).await;
                AttemptEnd::Unchanged(entity)
            }
            Answer::Redirect(asked) => {
                let location = head.fields.get(http::header::LOCATION);
                let to = redirect::next_hop(item.url(), location, self.run.options.plain_http);
                self.link.drain_or_close(&mut body).await;
                let wait = self.wait_before_following(&head, asked);
                match to.and_then(|to| Ok((to, wait?))) {
                    Ok((to, wait)) => {
                        let mut hop = Hop::follow(to, item.hop.as_deref());
                        match &self.run.options.cookies {
                            None => hop = hop.learning(item.url(), &head.fields),
                            Some(jar) => hop.cookies_at_home = Some(jar.kinds_for(item.home())),
                        }
                        AttemptEnd::Redirected(Box::new(hop), wait)
                    }
                    Err(error) => AttemptEnd::Failed(error),
                }
            }
            Answer::Fail(mut error) => {
                if head.status == StatusCode::UNAUTHORIZED {
                    error = error.and(&advice(self.run, &item.request_target(), &head.fields));
                }
                let error = self.link.explain_response(error, &head).await;
                let may_be_about_tls = head.status == StatusCode::BAD_REQUEST;
                let is_https = may_be_about_tls.then(|| origin::is_https(item.url()));
                let error = self.refused(error, is_https, &mut body).await;
                if error.is_of_proxy() {
                    // A new connection is not made while the proxy's refusal counts.
                    self.link.connection = None;
                }
                AttemptEnd::Failed(error)
            }
        };
        Ok(step)
    }

    /// Returns whether the URL of an item has got other cookies while the item waited for its turn
    /// where a redirect has led it: most likely another item has logged in for all of them.
    fn has_login_meanwhile(&self, item: &Item) -> bool {
        let hop = item.hop.as_ref().filter(|_| !item.has_gone_home);
        let before = hop.and_then(|hop| hop.cookies_at_home);
        let jar = self.run.options.cookies.as_ref();
        let now = jar.filter(|_| before.is_some());
        now.is_some_and(|jar| Some(jar.kinds_for(item.home())) != before)
    }

    /// Checks what can be said of a file before its first byte.
    fn may_be_saved(&self, item: &Item, entity: &Entity, head: &Head) -> Result<(), Error> {
        let Some(length) = entity.length else {
            return Ok(());
        };
        size::check(length, self.run.options.max_size)?;
        let undoes = self.run.options.content_encoding == ContentEncoding::Decode;
        if coding::to_undo(&head.fields, undoes).is_ok_and(|all| all.is_empty()) {
            size::check_expected(length, item.request.size())?;
        }
        Ok(())
    }

    /// Receives a file, unless the name that its server gives is taken by one that is to stay.
    async fn save_as_named(
        &mut self,
        item: &mut Item,
        head: &Head,
        body: &mut ResponseBody,
        entity: Entity,
    ) -> Result<AttemptEnd, Error> {
        match self.run.name_by_server(item, &head.fields).await {
            ExistingCheck::Fetch => {}
            ExistingCheck::Compare => item.at_name = AtName::Unknown,
            check => {
                self.link.drain_or_close(body).await;
                return Ok(AttemptEnd::AtName(check));
            }
        }
        if let Some(place) = self.is_there(item, &entity, Some(&head.fields)).await {
            self.link.drain_or_close(body).await;
            return Ok(AttemptEnd::Exists(entity, place));
        }
        if let Err(error) = self.may_be_saved(item, &entity, head) {
            self.link.drain_or_close(body).await;
            return Ok(AttemptEnd::Failed(error));
        }
        self.receive_whole(item, head, body, entity).await
    }

    /// Returns how long a redirect waits before it is followed. Fails if the server asks for a
    /// longer wait than the run allows.
    pub(crate) fn wait_before_following(
        &self,
        head: &Head,
        asked: Option<Duration>,
    ) -> Result<Duration, Error> {
        let longest = self.run.options.retry.max_time;
        head::wait_before_following(head.status, asked, longest)
    }

    /// Puts an error response aside. Adds to its error what to do about TLS, if the body says that
    /// it is about that. `is_https`: whether TLS is spoken; `None` if it is about something else.
    async fn refused(
        &mut self,
        error: Error,
        is_https: Option<bool>,
        body: &mut ResponseBody,
    ) -> Error {
        let mut advice = None;
        if let Some(is_https) = is_https {
            let first = self.link.next(body);
            let first = tokio::time::timeout(DRAIN, first).await;
            if let Ok(Ok(Some(bytes))) = first {
                advice = classify::advice_about_tls(&bytes, is_https);
            }
        }
        self.link.drain_or_close(body).await;
        match advice {
            Some(what) => error.and(what),
            None => error,
        }
    }

    /// Returns the name at which the file that a response describes stands already, as far as its
    /// length and time tell; `None` where the body is needed. Only an item at whose name an unknown
    /// file stands is looked at. `fields`: the head of a response with the whole file, in whatever
    /// coding.
    pub(crate) async fn is_there(
        &mut self,
        item: &Item,
        entity: &Entity,
        fields: Option<&Fields>,
    ) -> Option<TargetName> {
        if item.at_name != AtName::Unknown {
            return None;
        }
        let undoes_content = self.run.options.content_encoding == ContentEncoding::Decode;
        let is_decoded = fields.is_some_and(|fields| {
            !coding::to_undo(fields, undoes_content).is_ok_and(|all| all.is_empty())
        });
        let offered = Offered {
            length: entity.length.filter(|_| !is_decoded),
            modified: entity.modified(),
        };
        let looks = self.run.place_of(item, offered);
        self.link.idle.paused(looks).await
    }
}

fn time_is_over(most: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("it took longer than {} s (--max-time)", most.as_secs_f64()),
    )
    .transient(false)
}
