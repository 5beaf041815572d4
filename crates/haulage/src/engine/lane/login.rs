//! What a request does about a 401 before its item hears of it: it responds to a Digest challenge,
//! or sends a token that has been replaced meanwhile. That belongs to the attempt, as the hops of a
//! redirect do.

use std::sync::Arc;

use http::header::{HeaderName, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use tokio::sync::oneshot;

use super::link::Link;
use crate::clock;
use crate::credentials::advice::{self, Refused};
use crate::credentials::bearer::BearerFile;
use crate::credentials::challenge;
use crate::credentials::first_answer::FirstAnswer;
use crate::credentials::login::Login;
use crate::credentials::sessions::Responses;
use crate::engine::run::Run;
use crate::fetch::headers;
use crate::fetch::origin;
use crate::fetch::request_target::RequestTarget;
use crate::plan::fields::Fields;
use crate::plan::head::Head;

const AUTHENTICATION_INFO: HeaderName = HeaderName::from_static("authentication-info");

/// How one request has proved who sends it, in as many exchanges as that takes.
#[derive(Default)]
pub(crate) struct Proof {
    responses: Responses,
    /// The token that was sent last.
    token: Option<HeaderValue>,
    /// A token was refused, and its file has been looked at again: once is enough.
    has_looked: bool,
}

impl Proof {
    /// Returns the answer to another request that this one has to wait for, since it says how this
    /// one is to log in; `None` if it may be sent now.
    pub(super) fn waits_for(&mut self, run: &Run, to: &RequestTarget<'_>) -> Option<FirstAnswer> {
        let pair = run.headers.login(to).credentials()?;
        let origin = origin::key(to.url());
        run.digests.enter(origin, pair, &mut self.responses)
    }

    /// Returns the `Authorization` of a request, where that is not the same for all of them: the
    /// response to a Digest challenge that is known, or a token.
    pub(crate) fn authorize(
        &mut self,
        run: &Run,
        to: &RequestTarget<'_>,
        login: Login<'_>,
    ) -> Option<HeaderValue> {
        match login {
            Login::None | Login::Header => None,
            Login::Pair(pair, _) => {
                let (url, responses) = (to.url(), &mut self.responses);
                run.digests
                    .respond(origin::key(url), pair, url.target(), responses)
            }
            Login::Bearer(bearer) => {
                self.token = Some(bearer.value());
                self.token.clone()
            }
        }
    }
}

impl Link {
    /// Returns whether a request is to be sent again, with another proof, after this answer.
    pub(super) async fn goes_again(
        &mut self,
        run: &Run,
        to: RequestTarget<'_>,
        head: &Head,
        proof: &mut Proof,
    ) -> bool {
        if head.status != StatusCode::UNAUTHORIZED {
            if proof.responses.has_any() {
                accepted(run, &to, &head.fields, &proof.responses);
            }
            return false;
        }
        match run.headers.login(&to) {
            Login::None | Login::Header => false,
            Login::Pair(pair, _) => {
                let offered = offered(&head.fields);
                let origin = origin::key(to.url());
                run.digests
                    .on_unauthorized(origin, pair, &offered, &mut proof.responses)
            }
            Login::Bearer(bearer) => {
                // Another request may have seen the new one already.
                if std::mem::replace(&mut proof.has_looked, true) {
                    return false;
                }
                self.look_at(bearer).await;
                proof.token.as_ref() != Some(&bearer.value())
            }
        }
    }

    /// Looks at the file of the run's token, if that is due.
    pub(super) async fn look_at_token(&mut self, run: &Run) {
        if let Some(bearer) = run.headers.bearer()
            && bearer.is_due(clock::now())
        {
            self.look_at(bearer).await;
        }
    }

    /// Looks at the file of a token, on a thread that may wait for it.
    async fn look_at(&mut self, bearer: &BearerFile) {
        let bearer = bearer.clone();
        let (tell, told) = oneshot::channel();
        let pool = Arc::clone(&self.services.pool);
        pool.call(move || {
            bearer.look();
            // Nobody may wait any more.
            let _ = tell.send(());
        });
        // It fails if the pool has been dropped: then nothing more is sent.
        let _ = self.idle.paused(told).await;
    }
}

/// Records that a response to a challenge was accepted.
fn accepted(run: &Run, to: &RequestTarget<'_>, fields: &Fields, responses: &Responses) {
    let Some(login) = run.headers.login(to).credentials() else {
        return;
    };
    // RFC 7616 §3.5: parameters without a scheme.
    let info = fields.get(AUTHENTICATION_INFO);
    let info = info.map(|value| [b"Digest ", value.0].concat());
    let info = info.map(|value| challenge::parse([&value[..]]));
    let next = info
        .as_ref()
        .and_then(|info| info.first()?.get("nextnonce"));
    run.digests
        .on_accepted(origin::key(to.url()), login, responses, next);
}

/// Returns what to say after a 401.
pub(crate) fn advice(run: &Run, to: &RequestTarget<'_>, fields: &Fields) -> String {
    let refused = Refused {
        host: to.url().host_and_port().0,
        at_home: headers::place(to).0,
        netrc: run.headers.netrc(to),
        login: run.headers.login(to),
    };
    advice::unauthorized(&refused, &offered(fields))
}

fn offered(fields: &Fields) -> Vec<challenge::Challenge> {
    challenge::parse(fields.get_all(WWW_AUTHENTICATE).map(|value| value.0))
}
