//! Asks a proxy for a connection to a server, on a new connection to the proxy.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::no_reply::{broke, unreadable};
use super::{Destination, authorization, connect, socks4, socks5, task};
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::fetch::origin::Origin;
use crate::options::proxies::{Proxy, ProxyScheme};

/// Why a proxy does not connect to a server.
pub(crate) enum NotOpened {
    /// Another address of the server may do.
    Address(Error),
    /// The proxy does not accept the login, or wants one.
    Login(Error),
    Other(Error),
}

impl From<Error> for NotOpened {
    fn from(error: Error) -> Self {
        Self::Other(error)
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
    let request = connect::request(origin, authorization(proxy)?.as_ref());
    let broke = |cause| broke(proxy, &task, cause);
    let asked = Instant::now();
    send(stream, &request).await.map_err(broke)?;
    let mut reader = connect::ReplyReader::default();
    let reply = loop {
        // Byte by byte: what follows the answer is the server's.
        let byte = stream.read_u8().await.map_err(broke)?;
        let reply = reader.add(byte).map_err(|why| unreadable(proxy, why))?;
        if let Some(reply) = reply {
            break reply;
        }
    };
    match connect::judge(proxy, &task, &reply) {
        Ok(()) => Ok(asked.elapsed()),
        Err(error) if connect::asks_for_login(reply.status) => Err(NotOpened::Login(error)),
        Err(error) => Err(NotOpened::Other(error)),
    }
}

/// Opens a connection through a SOCKS proxy, to `destination`: the `origin` itself, or one of its
/// addresses. Returns how long the proxy took for it.
pub(crate) async fn open_socks(
    proxy: &Proxy,
    origin: &Origin,
    destination: Destination<'_>,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Duration, NotOpened> {
    match proxy.scheme {
        ProxyScheme::Socks4 | ProxyScheme::Socks4a => {
            open_socks4(proxy, origin, destination, stream).await
        }
        ProxyScheme::Http | ProxyScheme::Socks5 | ProxyScheme::Socks5h => {
            open_socks5(proxy, origin, destination, stream).await
        }
    }
}

async fn open_socks4(
    proxy: &Proxy,
    origin: &Origin,
    destination: Destination<'_>,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Duration, NotOpened> {
    let task = task(proxy, origin);
    let user = proxy.credentials.as_ref().map(|own| &own.user[..]);
    let Some(request) = socks4::request(destination, origin.port, user.unwrap_or_default()) else {
        let what = format!(
            "proxy {proxy} cannot make {task}: SOCKS 4 has no IPv6; use socks5, if the proxy supports it"
        );
        let error = Error::new(ErrorKind::Connect, what).transient(false);
        return Err(NotOpened::Address(error.of_proxy()));
    };
    let broke = |cause| broke(proxy, &task, cause);
    let asked = Instant::now();
    send(stream, &request).await.map_err(broke)?;
    let reply = read(stream).await.map_err(broke)?;
    let refused = |why: &str, is_transient| {
        let what = format!("proxy {proxy} refused {task}: {why}");
        Error::new(ErrorKind::Connect, what)
            .transient(is_transient)
            .of_proxy()
    };
    match socks4::judge(reply) {
        Ok(()) => Ok(asked.elapsed()),
        Err(socks4::Refusal::NotSocks) => {
            Err(unreadable(proxy, "it is no answer of SOCKS 4").into())
        }
        Err(socks4::Refusal::Failed) => Err(NotOpened::Address(refused(
            "rejected, or the server cannot be reached from there",
            true,
        ))),
        Err(socks4::Refusal::Login) => Err(NotOpened::Login(refused(
            "it did not accept the user; check --proxy-user",
            false,
        ))),
    }
}

async fn open_socks5(
    proxy: &Proxy,
    origin: &Origin,
    destination: Destination<'_>,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Duration, NotOpened> {
    let task = task(proxy, origin);
    let broke = |cause| broke(proxy, &task, cause);
    let credentials = proxy.credentials.as_ref();
    let failed = |refusal| refused_socks5(proxy, &task, credentials, refusal);
    send(stream, socks5::greeting(credentials.is_some()))
        .await
        .map_err(broke)?;
    let method = socks5::method(read(stream).await.map_err(broke)?, credentials.is_some());
    match (method.map_err(failed)?, credentials.and_then(socks5::login)) {
        (socks5::Method::Login, Some(login)) => {
            send(stream, &login).await.map_err(broke)?;
            socks5::login_reply(read(stream).await.map_err(broke)?).map_err(failed)?;
        }
        (socks5::Method::Login, None) => return Err(failed(socks5::Refusal::NoMethod)),
        (socks5::Method::None, _) => {}
    }
    let Some(request) = socks5::request(destination, origin.port) else {
        let what = format!("the name in {origin} is too long for a SOCKS proxy");
        return Err(Error::new(ErrorKind::Connect, what).transient(false).into());
    };
    let asked = Instant::now();
    send(stream, &request).await.map_err(broke)?;
    socks5::code(read(stream).await.map_err(broke)?).map_err(failed)?;
    let opened_after = asked.elapsed();
    let rest = socks5::rest(read(stream).await.map_err(broke)?).map_err(failed)?;
    let mut address = vec![0; rest];
    stream.read_exact(&mut address).await.map_err(broke)?;
    Ok(opened_after)
}

fn refused_socks5(
    proxy: &Proxy,
    task: &str,
    credentials: Option<&Credentials>,
    refusal: socks5::Refusal,
) -> NotOpened {
    let (why, is_transient) = refusal.explain();
    let advice = match refusal {
        socks5::Refusal::NotSocks => return unreadable(proxy, why).into(),
        socks5::Refusal::NoMethod if credentials.is_none() => {
            let what = format!("proxy {proxy} asks for a login; give --proxy-user");
            let error = Error::new(ErrorKind::Connect, what).transient(false);
            return NotOpened::Login(error.of_proxy());
        }
        socks5::Refusal::NoMethod | socks5::Refusal::Login => {
            "; check the user and the password (--proxy-user)"
        }
        socks5::Refusal::Code(_) => "",
    };
    let what = format!("proxy {proxy} refused {task}: {why}{advice}");
    let error = Error::new(ErrorKind::Connect, what)
        .transient(is_transient)
        .of_proxy();
    match refusal {
        socks5::Refusal::NoMethod | socks5::Refusal::Login => NotOpened::Login(error),
        refusal if refusal.is_of_address() => NotOpened::Address(error),
        _ => NotOpened::Other(error),
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
