//! Finds a daemon, and sends requests to it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use haulage_daemon::Contact;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::time;

use super::tls;
use crate::args::DaemonAt;
use crate::exit::{Exit, Problem};
use crate::option_file::{self, MAX_SMALL};
use crate::report::escape::printable;
use crate::serve::state_folder;

/// How long a daemon may take to answer: it reads a list, and flushes its disk.
const PATIENCE: Duration = Duration::from_mins(2);
/// The most bytes of an answer.
const MAX_ANSWER: usize = 64 << 20;
/// The name of the file with the secret, if the daemon does not say where it is.
const SECRET: &str = "rpc-secret";

/// A daemon that may be running.
pub(super) struct Daemon {
    /// Name and port.
    authority: String,
    /// The file with its certificate; `None` without TLS.
    certificate: Option<PathBuf>,
    secret: Option<String>,
}

/// What is sent.
pub(super) enum Body {
    Nothing,
    Json(Value),
    List(Vec<u8>),
}

/// What came back.
pub(super) struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Daemon {
    /// Finds the daemon that is meant, and the secret.
    ///
    /// # Errors
    /// When none is running, or when its secret cannot be read.
    pub(super) fn find(at: &DaemonAt) -> Result<Self, Problem> {
        let state = state_folder(at.state.as_deref())?;
        let contact = Contact::read(&state).map_err(|cause| {
            let what = format!(
                "cannot read the address of the daemon in {}",
                state.display()
            );
            Problem::usage(format!("{what}: {cause}"))
        })?;
        let (server, secret_file, certificate) = match contact {
            Some(contact) => (
                Some(contact.origin),
                contact.secret_file.unwrap_or_default(),
                contact.certificate,
            ),
            None => (None, state.join(SECRET), None),
        };
        // The secret of one daemon is not for another one.
        let is_known = at.at.is_none() || at.at == server;
        let known = Some(&*secret_file).filter(|_| is_known);
        let server = at.at.as_ref().or(server.as_ref());
        let server: Server = server.ok_or_else(not_running)?.parse()?;
        if server.is_tls && certificate.is_none() {
            let what = "over TLS, only the daemon of a folder can be asked";
            return Err(Problem::usage(what).hint("--state DIR names its folder"));
        }
        Ok(Self {
            authority: server.authority,
            certificate: certificate.filter(|_| server.is_tls),
            secret: match &at.rpc_secret {
                Some(secret) => Some(secret.clone()),
                None => secret(at.secret_file.as_deref(), known)?,
            },
        })
    }

    /// Sends a request for something below `/api/v1/`, and returns the answer.
    ///
    /// # Errors
    /// When nobody answers, or no daemon does.
    pub(super) fn request(
        &self,
        method: &str,
        target: &str,
        body: Body,
    ) -> Result<Answer, Problem> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| {
            Problem::destination(format!("the daemon cannot be asked: {cause}"))
        })?;
        let sent = async { time::timeout(PATIENCE, self.send(method, target, body)).await };
        let sent = runtime.block_on(sent);
        sent.unwrap_or_else(|_| {
            let what = format!("the daemon at {} does not answer", self.authority);
            Err(Problem::destination(what))
        })
    }

    async fn send(&self, method: &str, target: &str, body: Body) -> Result<Answer, Problem> {
        let broken = |what: &dyn std::fmt::Display| {
            let authority = &self.authority;
            Problem::destination(format!(
                "the daemon at {authority} has not answered: {what}"
            ))
        };
        let stream = TcpStream::connect(&self.authority).await;
        let stream = stream.map_err(|cause| match cause.kind() {
            std::io::ErrorKind::ConnectionRefused => not_running(),
            _ => broken(&cause),
        })?;
        let mut sender = match &self.certificate {
            None => handshake(stream).await,
            Some(certificate) => {
                let stream = tls::connect(stream, &self.authority, certificate).await;
                handshake(stream.map_err(|cause| broken(&cause))?).await
            }
        };
        let sender = sender.as_mut().map_err(|cause| broken(cause))?;
        let request = self.message(method, target, body);
        let request = request.map_err(|cause| broken(&cause))?;
        let response = sender.send_request(request).await;
        let response = response.map_err(|cause| broken(&cause))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect();
        let body = body.await.map_err(|cause| broken(&cause))?.to_bytes();
        Ok(Answer { status, body })
    }

    fn message(
        &self,
        method: &str,
        target: &str,
        body: Body,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/{target}"))
            .header(HOST, &self.authority)
            // Without a secret, the daemon takes no change that a form could send.
            .header("x-haul", "1");
        if let Some(secret) = &self.secret {
            let mut value = HeaderValue::from_str(&format!("Bearer {secret}"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        match body {
            Body::Nothing => request.body(Full::default()),
            Body::Json(value) => request
                .header(CONTENT_TYPE, "application/json")
                .body(Full::from(value.to_string())),
            Body::List(list) => request
                .header(CONTENT_TYPE, "application/octet-stream")
                .body(Full::from(list)),
        }
    }
}

/// Begins to speak HTTP.
async fn handshake<S>(stream: S) -> hyper::Result<SendRequest<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

impl Answer {
    /// Returns whether something is not in the state that was needed.
    pub(super) fn is_conflict(&self) -> bool {
        self.status == StatusCode::CONFLICT
    }

    /// Checks that what was asked for was done.
    ///
    /// # Errors
    /// What the daemon says why not.
    pub(super) fn done(&self) -> Result<(), Problem> {
        if self.status.is_success() {
            return Ok(());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let what = "the daemon does not take this secret";
            return Err(Problem::usage(what).hint("--secret-file FILE names the right one"));
        }
        let value: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let message = value["error"]["message"].as_str();
        if message.is_none() && self.status == StatusCode::NOT_FOUND {
            return Err(no_daemon());
        }
        let unknown = || {
            let text = String::from_utf8_lossy(&self.body);
            format!("status {}: {}", self.status.as_u16(), text.trim())
        };
        let message = message.map_or_else(unknown, str::to_owned);
        let message = format!("the daemon says: {}", printable(&message));
        Err(if self.status.is_server_error() {
            Problem::destination(message)
        } else {
            Problem {
                exit: Exit::Usage,
                message,
                hint: None,
            }
        })
    }

    /// Returns the JSON of an answer.
    ///
    /// # Errors
    /// What the daemon says instead, or when it is no daemon of haul.
    pub(super) fn value(self) -> Result<Value, Problem> {
        self.done()?;
        serde_json::from_slice(&self.body).map_err(|_| no_daemon())
    }
}

fn no_daemon() -> Problem {
    Problem::usage("what answers is no daemon of haul").hint("--at URL names another address")
}

fn not_running() -> Problem {
    Problem::usage("no daemon is running").hint("start it with haul serve")
}

/// Where a daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    /// Name and port.
    authority: String,
    is_tls: bool,
}

impl FromStr for Server {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let refuse = || {
            let what = format!("--at {text}: this is no address of a daemon");
            Problem::usage(what).hint("write it as http://127.0.0.1:6800")
        };
        let uri: http::Uri = text.parse().map_err(|_| refuse())?;
        let (is_tls, port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(refuse()),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(refuse)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('@') {
            return Err(refuse());
        }
        Ok(Self {
            authority: format!("{host}:{}", uri.port_u16().unwrap_or(port)),
            is_tls,
        })
    }
}

/// Returns the secret in the file that is given, or in the one that is known; `None` if neither is
/// there.
fn secret(given: Option<&Path>, known: Option<&Path>) -> Result<Option<String>, Problem> {
    let known = known.filter(|path| path.exists());
    let Some(path) = given.or(known) else {
        return Ok(None);
    };
    let text = option_file::read("--secret-file", path, MAX_SMALL)?;
    let text = String::from_utf8(text).ok();
    let secret = text
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty());
    match secret {
        Some(secret) => Ok(Some(secret)),
        None => Err(Problem::usage(format!(
            "--secret-file: {} has no secret in it",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_daemons_are_read() {
        for (text, authority, is_tls) in [
            ("http://127.0.0.1:6800", "127.0.0.1:6800", false),
            ("http://[::1]:6800/", "[::1]:6800", false),
            ("http://nas.example", "nas.example:80", false),
            ("https://nas.example", "nas.example:443", true),
        ] {
            let server: Server = text.parse().unwrap();
            assert_eq!((&*server.authority, server.is_tls), (authority, is_tls));
        }
        for text in [
            "127.0.0.1:6800",
            "ftp://127.0.0.1:6800",
            "http://h/jsonrpc",
            "http://me@h",
            "http://",
            "",
        ] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
    }

    #[test]
    fn secret_is_that_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert_eq!(secret(None, Some(&path)).unwrap(), None);
        assert!(secret(Some(&path), Some(&path)).is_err());
    }
}
