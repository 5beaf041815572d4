//! Finds out what a proxy speaks that does not answer as it should.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::no_reply::{speaks_http, speaks_socks};
use super::socks5;
use crate::error::Error;
use crate::options::proxies::{Proxy, ProxyScheme};

/// Any answer of HTTP does, and no server is asked for anything.
const ANY_REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// Asks a proxy, on a new connection to it, in another protocol than the one that it is taken for.
/// Returns the error that this is the right one, and `None` if it does not answer so either. No
/// login is sent.
pub(crate) async fn detect(
    proxy: &Proxy,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Option<Error> {
    let (request, error): (_, fn(&Proxy) -> Error) = match proxy.scheme {
        ProxyScheme::Http => (socks5::greeting(false), speaks_socks),
        ProxyScheme::Socks(_) => (ANY_REQUEST, speaks_http),
    };
    stream.write_all(request).await.ok()?;
    stream.flush().await.ok()?;
    let mut reply = [0; 2];
    stream.read_exact(&mut reply).await.ok()?;
    let is_right = match proxy.scheme {
        ProxyScheme::Http => socks5::is_reply(reply),
        ProxyScheme::Socks(_) => reply == *b"HT",
    };
    is_right.then(|| error(proxy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(proxy: &str, answer: &[u8]) -> (Option<String>, Vec<u8>) {
        let proxy = Proxy::parse(proxy).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        runtime.block_on(async {
            let (mut ours, mut theirs) = tokio::io::duplex(64);
            theirs.write_all(answer).await.unwrap();
            if answer.len() < 2 {
                theirs.shutdown().await.unwrap();
            }
            let error = detect(&proxy, &mut ours).await;
            drop(ours);
            let mut asked = Vec::new();
            theirs.read_to_end(&mut asked).await.unwrap();
            (error.map(|error| error.to_string()), asked)
        })
    }

    #[test]
    fn other_protocol_is_found_without_a_login() {
        for (proxy, answer, says) in [
            (
                "http://me:hush@p:1",
                &[5, 0][..],
                Some("write socks5h://p:1"),
            ),
            ("http://me:hush@p:1", &[5, 255], Some("write socks5h://p:1")),
            ("http://me:hush@p:1", b"HTTP/1.1 400", None),
            ("http://me:hush@p:1", b"", None),
            (
                "socks5://me:hush@p:1",
                b"HTTP/1.1 400",
                Some("write http://p:1"),
            ),
            ("socks4://me:hush@p:1", &[0, 91], None),
        ] {
            let (error, asked) = detected(proxy, answer);
            match says {
                Some(says) => assert!(error.unwrap().ends_with(says), "{proxy}"),
                None => assert_eq!(error, None, "{proxy}"),
            }
            assert!(!String::from_utf8_lossy(&asked).contains("hush"));
        }
    }
}
