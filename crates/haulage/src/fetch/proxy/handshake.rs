//! Asks a proxy for a connection to a server, on a new connection to the proxy.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::no_reply::{broke, broke_at_once, unreadable, unreadable_socks};
use super::{Destination, authorization, socks4, socks5, task, tunnel};
use crate::error::{Error, ErrorKind};
use crate::fetch::origin::Origin;
use crate::options::proxies::{Proxy, Socks};

/// Why a proxy does not connect to a server.
pub(crate) enum NotOpened {
    /// Another address of the server may do.
    Address(Error),
    /// It does not answer: it may speak something else.
    Mute(Error),
    Other(Error),
}

impl From<Error> for NotOpened {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl NotOpened {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Address(error) | Self::Mute(error) | Self::Other(error) => error,
        }
    }
}

/// Opens a tunnel through an HTTP proxy (RFC 9110 §9.3.6). Returns how long the proxy took for it:
/// a round trip to the server, more or less.
pub(crate) async fn open_tunnel(
    proxy: &Proxy,
    origin: &Origin,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Duration, NotOpened> {
    let task = task(proxy, origin);
    let request = tunnel::request(origin, authorization(proxy)?.as_ref());
    let broke = |cause| NotOpened::Mute(broke(proxy, &task, cause));
    let asked = Instant::now();
    send(stream, &request).await.map_err(broke)?;
    let mut reader = tunnel::ReplyReader::default();
    let reply = loop {
        // Byte by byte: what follows the answer is the server's.
        let byte = stream.read_u8().await.map_err(broke)?;
        let reply = reader.add(byte).map_err(|why| unreadable(proxy, why))?;
        if let Some(reply) = reply {
            break reply;
        }
    };
    tunnel::judge(proxy, &task, &reply)?;
    Ok(asked.elapsed())
}

/// Opens a connection through a SOCKS proxy, to `destination`: the `origin` itself, or one of its
/// addresses. Returns how long the proxy took for it.
pub(crate) async fn open_socks(
    proxy: &Proxy,
    version: Socks,
    origin: &Origin,
    destination: Destination<'_>,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Duration, NotOpened> {
    let asking = Asking {
        proxy,
        task: task(proxy, origin),
        destination,
        port: origin.port,
    };
    match version {
        Socks::V4 | Socks::V4a => asking.socks4(stream).await,
        Socks::V5 | Socks::V5h => asking.socks5(stream).await,
    }
}

/// What a SOCKS proxy is asked for.
struct Asking<'a> {
    proxy: &'a Proxy,
    /// In words that fit after "refused".
    task: String,
    destination: Destination<'a>,
    port: u16,
}

impl Asking<'_> {
    async fn socks4(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Duration, NotOpened> {
        let user = self.proxy.credentials.as_ref().map(|own| &own.user[..]);
        let request = socks4::request(self.destination, self.port, user.unwrap_or_default());
        let Some(request) = request else {
            let what = format!(
                "proxy {} cannot make {}: SOCKS 4 has no IPv6; use socks5, if the proxy supports it",
                self.proxy, self.task
            );
            let error = Error::new(ErrorKind::Connect, what).transient(false);
            return Err(NotOpened::Address(error.reported_by_proxy()));
        };
        let broke = |cause| self.broke(cause);
        let asked = Instant::now();
        send(stream, &request).await.map_err(broke)?;
        let reply = read(stream).await.map_err(broke)?;
        match socks4::judge(reply) {
            Ok(()) => Ok(asked.elapsed()),
            Err(socks4::Refusal::NotSocks) => {
                let why = "it is no answer of SOCKS 4";
                Err(unreadable_socks(self.proxy, &reply, why).into())
            }
            Err(socks4::Refusal::Failed) => {
                let why = "rejected, or the server cannot be reached from there";
                let error = self.refused(why, true).reported_by_proxy();
                Err(NotOpened::Address(error))
            }
            Err(socks4::Refusal::Login) => {
                let why = "it did not accept the user; check --proxy-user";
                Err(self.refused(why, false).of_proxy().into())
            }
        }
    }

    async fn socks5(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Duration, NotOpened> {
        // It does not know yet what it is asked for.
        let broke = |cause| NotOpened::Mute(broke_at_once(self.proxy, &self.task, cause));
        let credentials = self.proxy.credentials.as_ref();
        let has_login = credentials.is_some();
        send(stream, socks5::greeting(has_login))
            .await
            .map_err(broke)?;
        let reply = read(stream).await.map_err(broke)?;
        let failed = |refusal| self.refused_socks5(refusal, &reply);
        let method = socks5::method(reply, has_login).map_err(failed)?;
        match (method, credentials.and_then(socks5::login)) {
            (socks5::Method::Login, Some(login)) => {
                send(stream, &login).await.map_err(broke)?;
                socks5::login_reply(read(stream).await.map_err(broke)?).map_err(failed)?;
            }
            (socks5::Method::Login, None) => return Err(failed(socks5::Refusal::NoMethod)),
            (socks5::Method::None, _) => {}
        }
        let Some(request) = socks5::request(self.destination, self.port) else {
            let what = format!(
                "proxy {} cannot make {}: the name is too long for SOCKS",
                self.proxy, self.task
            );
            return Err(Error::new(ErrorKind::Connect, what).transient(false).into());
        };
        let broke = |cause| self.broke(cause);
        let asked = Instant::now();
        send(stream, &request).await.map_err(broke)?;
        socks5::code(read(stream).await.map_err(broke)?).map_err(failed)?;
        let opened_after = asked.elapsed();
        let rest = socks5::rest(read(stream).await.map_err(broke)?).map_err(failed)?;
        let mut address = vec![0; rest];
        stream.read_exact(&mut address).await.map_err(broke)?;
        Ok(opened_after)
    }

    fn refused_socks5(&self, refusal: socks5::Refusal, first: &[u8]) -> NotOpened {
        let (why, is_transient) = refusal.explain();
        match refusal {
            socks5::Refusal::NotSocks => unreadable_socks(self.proxy, first, why).into(),
            socks5::Refusal::NoMethod if !self.proxy.has_credentials() => {
                let what = format!("proxy {} asks for a login; give --proxy-user", self.proxy);
                let error = Error::new(ErrorKind::Connect, what).transient(false);
                error.of_proxy().into()
            }
            socks5::Refusal::NoMethod | socks5::Refusal::Login => {
                let why = format!("{why}; check the user and the password (--proxy-user)");
                self.refused(&why, is_transient).of_proxy().into()
            }
            socks5::Refusal::Code(_) => {
                let error = self.refused(why, is_transient).reported_by_proxy();
                if refusal.is_of_address() {
                    NotOpened::Address(error)
                } else {
                    NotOpened::Other(error)
                }
            }
        }
    }

    fn refused(&self, why: &str, is_transient: bool) -> Error {
        let what = format!("proxy {} refused {}: {why}", self.proxy, self.task);
        Error::new(ErrorKind::Connect, what).transient(is_transient)
    }

    fn broke(&self, cause: io::Error) -> NotOpened {
        NotOpened::Mute(broke(self.proxy, &self.task, cause))
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    stream.write_all(message).await?;
    stream.flush().await
}

async fn read<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
