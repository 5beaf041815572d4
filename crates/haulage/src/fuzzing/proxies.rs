//! Proxies: what names them, which hosts are reached without one, and what they answer.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use url::Host;

use super::{choice, first_line};
use crate::fetch::origin::{Name, Origin};
use crate::fetch::proxy::{Destination, NotOpened, open_socks, open_tunnel};
use crate::http_url::HttpUrl;
use crate::options::proxies::{NoProxy, Proxy, ProxyScheme};

/// Parses the URL of a proxy: what is shown of it is parsed as the same place again, and messages
/// have nothing of a password.
pub fn proxy_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(proxy) = Proxy::parse(&text) else {
        let (_, login) = text.split_once("://").unwrap_or(("", &text));
        if let Err(error) = Proxy::parse(&format!("me:hu5h{login}")) {
            assert!(!error.to_string().contains("hu5h"), "{error}");
        }
        return;
    };
    let again = Proxy::parse(&proxy.to_string());
    let again = again.unwrap_or_else(|error| panic!("{proxy}: {error}"));
    assert_eq!(again.address.host, proxy.address.host);
    assert_eq!(again.address.port, proxy.address.port);
}

/// Asks a list, which is the first line, for the host in the second one. A host is in a list with
/// its own name, and in any longer one; neither the order of entries nor their case matters. An
/// entry that is said to match nothing does not match it.
pub fn no_proxy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (list, host) = first_line(&text);
    let host = match Host::parse(host.trim()) {
        Ok(Host::Domain(name)) if !name.is_empty() && !name.contains(['/', ',']) => {
            Name::Domain(name.into_boxed_str())
        }
        Ok(Host::Ipv4(address)) => Name::Address(address.into()),
        Ok(Host::Ipv6(address)) => Name::Address(address.into()),
        _ => return,
    };
    let matches = |list: &str| NoProxy::parse(list).matches(&host);
    let has = matches(list);
    for entry in list.split([',', ' ', '\t']).filter(|entry| *entry != "*") {
        let is_useless = !NoProxy::problems(entry).is_empty();
        assert!(!is_useless || !matches(entry), "{entry:?} is of use");
    }
    let mut entries: Vec<_> = list.split(',').collect();
    entries.reverse();
    assert_eq!(matches(&entries.join(",")), has);
    assert_eq!(matches(&list.to_ascii_uppercase()), has);
    let own = match &host {
        Name::Domain(name) if name.trim_matches('.').is_empty() => return,
        Name::Domain(name) => name.to_string(),
        Name::Address(address) => address.to_string(),
    };
    assert!(matches(&format!("{list},{own}")), "{own}");
    // `*` counts only where it is alone.
    assert!(!has || list == "*" || matches(&format!("{list},x.invalid")));
}

/// Opens a tunnel through an HTTP proxy that sends these bytes.
pub fn connect_reply(data: &[u8]) {
    let proxy = Proxy::parse("http://me:hu5h@p:1");
    let (Ok(proxy), Ok((url, _))) = (proxy, HttpUrl::parse("https://h.example/")) else {
        return;
    };
    let origin = Origin::of(&url);
    let ends = each_cut(data, |stream| open(open_tunnel(&proxy, &origin, stream)));
    let (opened, read) = ends;
    if opened.is_ok() {
        // Nothing of the tunnel is taken away.
        assert!(data[..read].ends_with(b"\n"), "{data:?}");
        let is_http = |part: &[u8]| part.eq_ignore_ascii_case(b"HTTP/");
        assert!(data[..read].windows(5).any(is_http));
    }
}

/// Opens a connection through a SOCKS proxy that sends these bytes; the first one chooses between
/// 4 and 5, with and without a login.
pub fn socks_reply(data: &[u8]) {
    let (kind, data) = choice(data);
    let url = match kind % 4 {
        0 => "socks4a://p",
        1 => "socks4a://me@p",
        2 => "socks5h://p",
        _ => "socks5h://me:hu5h@p",
    };
    let (Ok(proxy), Ok((url, _))) = (Proxy::parse(url), HttpUrl::parse("http://h.example/")) else {
        return;
    };
    let origin = Origin::of(&url);
    let to = Destination::from(&origin.host);
    let ProxyScheme::Socks(version) = proxy.scheme else {
        panic!("{proxy:?} is no SOCKS proxy");
    };
    let ends = each_cut(data, |stream| {
        open(open_socks(&proxy, version, &origin, to, stream))
    });
    let (opened, read) = ends;
    let least = if kind % 4 < 2 { 8 } else { 2 + 2 + 3 + 2 };
    assert!(opened.is_err() || read >= least);
}

/// Runs the same exchange with the bytes at once and one by one. Returns what came of it, and how
/// many bytes it has taken, which is the same for both.
fn each_cut(
    data: &[u8],
    exchange: impl Fn(&mut Sent<'_>) -> Result<(), String>,
) -> (Result<(), String>, usize) {
    let [whole, single] = [usize::MAX, 1].map(|most| {
        let mut sent = Sent {
            data,
            read: 0,
            most,
        };
        let end = exchange(&mut sent);
        (end, sent.read)
    });
    assert_eq!(whole, single);
    if let Err(says) = &whole.0 {
        assert!(!says.contains("hu5h") && !says.contains('\n'), "{says}");
    }
    whole
}

/// Runs an exchange with a stream that never waits.
fn open<T>(exchange: impl Future<Output = Result<T, NotOpened>>) -> Result<(), String> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(exchange).poll(&mut context) {
        Poll::Pending => panic!("it waits for nothing"),
        Poll::Ready(Ok(_)) => Ok(()),
        Poll::Ready(Err(why)) => Err(why.into_error().to_string()),
    }
}

/// What a proxy has sent before it closed the connection. It takes whatever it is sent.
struct Sent<'a> {
    data: &'a [u8],
    read: usize,
    /// Most bytes for one read.
    most: usize,
}

impl AsyncRead for Sent<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = &this.data[this.read..];
        let taken = left.len().min(this.most).min(buffer.remaining());
        buffer.put_slice(&left[..taken]);
        this.read += taken;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sent<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
