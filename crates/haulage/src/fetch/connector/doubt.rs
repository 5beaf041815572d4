//! What a proxy is asked when it is in doubt whether a failure is its own: what it speaks, and
//! whether it accepts the login. Each is asked seldom, and the answer counts for all that goes
//! through the proxy.

use std::time::{Duration, Instant};

use super::{ConnectProgress, ConnectStep, Connector};
use crate::error::Error;
use crate::fetch::http1::Stream;
use crate::fetch::origin::{Name, Origin};
use crate::fetch::proxy::detect::detect;
use crate::fetch::proxy::refusals::Doubt;
use crate::fetch::proxy::{Gateway, NotOpened, open_tunnel};
use crate::options::proxies::Proxy;

/// How long the answer may take.
const ANSWER: Duration = Duration::from_secs(3);
/// A server that nobody can have (RFC 6761 §6.4): what is said of it is said by the proxy.
const NOWHERE: &str = "haulage.invalid";

impl Connector {
    /// Returns the error of a proxy that speaks another protocol than the one that it is taken for,
    /// and has not answered for that reason; `None` if it is not known to do so.
    pub(crate) async fn explain_silence(&self, proxy: &Proxy) -> Option<Error> {
        let refusals = &self.gateway.as_ref()?.refusals;
        let _turn = refusals.turn(proxy, Doubt::Protocol).await;
        if !refusals.may_ask(proxy, Doubt::Protocol, Instant::now()) {
            return refusals.check(proxy, Instant::now()).err();
        }
        let answer = async {
            let progress = ConnectProgress::default();
            let (mut stream, _) = self.dial_proxy(proxy, &progress).await.ok()?;
            detect(proxy, &mut stream).await
        };
        let answer = tokio::time::timeout(ANSWER, answer).await;
        refusals.note_asked(proxy, Doubt::Protocol, Instant::now());
        let error = answer.ok()??;
        refusals.add(proxy, &error, Instant::now());
        Some(error)
    }

    /// Finds out whether an HTTP proxy does not accept the login, and not a server behind it that
    /// has answered a forwarded request so: by asking for a tunnel to no server. Returns `true` if
    /// it is the proxy, after which requests through it fail with this error.
    pub(crate) async fn refuses_login(&self, proxy: &Proxy, error: &Error) -> bool {
        let Some(gateway) = &self.gateway else {
            return false;
        };
        let refusals = &gateway.refusals;
        let _turn = refusals.turn(proxy, Doubt::Login).await;
        if !refusals.may_ask(proxy, Doubt::Login, Instant::now()) {
            return refusals.check(proxy, Instant::now()).is_err();
        }
        let refuses = self.refuses_tunnel_to_nowhere(gateway, proxy);
        let refuses = tokio::time::timeout(ANSWER, refuses).await;
        let refuses = refuses == Ok(true);
        refusals.note_asked(proxy, Doubt::Login, Instant::now());
        if refuses {
            refusals.add(proxy, error, Instant::now());
        }
        refuses
    }

    async fn refuses_tunnel_to_nowhere(&self, gateway: &Gateway, proxy: &Proxy) -> bool {
        let progress = ConnectProgress::default();
        let Ok((stream, _)) = self.dial_proxy(proxy, &progress).await else {
            return false;
        };
        let stream = if proxy.address.https {
            self.encrypt(gateway, proxy, stream).await
        } else {
            Ok(Stream::Plain(stream))
        };
        let Ok(mut stream) = stream else { return false };
        let nowhere = Origin {
            https: true,
            host: Name::Domain(NOWHERE.into()),
            port: 443,
        };
        let opened = open_tunnel(proxy, &nowhere, &mut stream).await;
        let error = opened.map_err(NotOpened::into_error).err();
        error.is_some_and(|error| error.is_of_proxy() && !error.is_transient())
    }

    /// Returns the error of a connection that was not made in time, as it may be explained.
    pub(super) async fn explain_timeout(
        &self,
        error: Error,
        proxy: Option<&Proxy>,
        progress: &ConnectProgress,
    ) -> Error {
        match proxy {
            Some(proxy) if progress.is_at(ConnectStep::Proxy) => {
                self.explain_silence(proxy).await.unwrap_or(error)
            }
            _ => error,
        }
    }
}
