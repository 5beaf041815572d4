//! CONNECT (RFC 9110 §9.3.6): what is sent, and what the answer means. Pure.

use bytes::BytesMut;
use http::header::PROXY_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use crate::error::{Error, ErrorKind};
use crate::fetch::http1::Failure;
use crate::fetch::http1::head;
use crate::fetch::origin::Origin;
use crate::options::RunOptions;
use crate::options::proxies::Proxy;
use crate::plan::fields::Fields;

/// Most bytes that a proxy may send before its answer to CONNECT is whole.
pub(crate) const MAX_REPLY: usize = 64 << 10;

/// With what an alert of TLS begins, and an answer of SOCKS 5.
const TLS_ALERT: u8 = 0x15;
const SOCKS: u8 = 5;

/// Returns the request for a tunnel to a server. It has nothing that belongs to a row.
pub(super) fn request(origin: &Origin, authorization: Option<&HeaderValue>) -> Vec<u8> {
    let agent = RunOptions::DEFAULT_USER_AGENT;
    let mut request = format!("CONNECT {origin} HTTP/1.1\r\nhost: {origin}\r\n").into_bytes();
    if let Some(authorization) = authorization {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(format!("user-agent: {agent}\r\n\r\n").as_bytes());
    request
}

/// What a proxy has answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) fields: Fields,
}

/// Collects the answer byte by byte, since what follows it is the tunnel's.
#[derive(Debug, Default)]
pub(crate) struct ReplyReader {
    buffer: BytesMut,
    come: usize,
    /// Line ends of the present head.
    lines: usize,
}

impl ReplyReader {
    /// Adds the next byte. Returns the answer once it is whole, and `None` before.
    ///
    /// # Errors
    /// Says why it cannot be read: it is not HTTP, or too long.
    pub(crate) fn add(&mut self, byte: u8) -> Result<Option<Reply>, &'static str> {
        self.come += 1;
        match byte {
            TLS_ALERT if self.come == 1 => {
                return Err("it speaks TLS on this port; write https:// before its name");
            }
            SOCKS if self.come == 1 => return Err("it is one of SOCKS 5"),
            _ => {}
        }
        self.buffer.extend_from_slice(&[byte]);
        if self.come > MAX_REPLY {
            return Err("it is too long");
        }
        // The first line alone tells whether it is HTTP; after that only the last line matters.
        self.lines += usize::from(byte == b'\n');
        let is_first_line = byte == b'\n' && self.lines == 1;
        if !is_first_line && !self.ends_head() {
            return Ok(None);
        }
        match head::take(&mut self.buffer, 0) {
            Ok(None) => Ok(None),
            Ok(Some(parsed)) if parsed.head.status.is_informational() => {
                self.lines = 0;
                Ok(None)
            }
            Ok(Some(parsed)) => Ok(Some(Reply {
                status: parsed.head.status,
                fields: parsed.head.fields,
            })),
            Err(Failure::NotHttp(why)) => Err(why),
            Err(_) => Err("it is not HTTP"),
        }
    }

    fn ends_head(&self) -> bool {
        self.buffer.ends_with(b"\n\r\n") || self.buffer.ends_with(b"\n\n")
    }
}

/// Judges the answer to a request for a tunnel to a server.
///
/// # Errors
/// Of kind `connect`, where the proxy has not opened it: permanent for a status of 4xx other than
/// 408 and 429.
pub(super) fn judge(proxy: &Proxy, task: &str, reply: &Reply) -> Result<(), Error> {
    if reply.status.is_success() {
        return Ok(());
    }
    Err(refused(proxy, task, reply.status, &reply.fields))
}

/// Returns the error of a proxy that has answered with this status; `task` is what it was asked to
/// do, in words that fit after "refused".
pub(super) fn refused(proxy: &Proxy, task: &str, status: StatusCode, fields: &Fields) -> Error {
    let reason = status.canonical_reason().unwrap_or_default();
    let code = status.as_u16();
    let code = format!("{code} {reason}");
    let advice = advice(status, proxy.has_credentials(), fields);
    let message = format!("proxy {proxy} refused {task}: {}{advice}", code.trim_end());
    let is_transient = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        );
    let error = Error::new(ErrorKind::Connect, message).transient(is_transient);
    if asks_for_login(status) {
        error.of_proxy()
    } else {
        error.reported_by_proxy()
    }
}

/// Returns whether a proxy wants another login, or one at all. tinyproxy answers 401 to a wrong
/// one.
pub(super) fn asks_for_login(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED
    )
}

fn advice(status: StatusCode, has_credentials: bool, fields: &Fields) -> String {
    match status {
        status if asks_for_login(status) => match foreign_schemes(fields) {
            Some(schemes) => {
                format!("; it asks for {schemes}, and haul supports Basic only")
            }
            None if has_credentials => "; check the user and the password (--proxy-user)".into(),
            None => "; give --proxy-user".into(),
        },
        StatusCode::FORBIDDEN => "; its rules do not allow this host or port".into(),
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            "; it does not support CONNECT".into()
        }
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            "; it could not reach the server".into()
        }
        _ => String::new(),
    }
}

/// Returns the authentication schemes that a proxy offers, if Basic is not among them.
fn foreign_schemes(fields: &Fields) -> Option<String> {
    let schemes = fields.get_all(PROXY_AUTHENTICATE).filter_map(|value| {
        let scheme = value.to_str()?.split([' ', ',']).next()?;
        (!scheme.is_empty()).then_some(scheme)
    });
    let mut schemes: Vec<_> = schemes.collect();
    // A challenge of Basic may follow another one in the same line (RFC 9110 §11.6.1).
    let has_basic = fields.get_all(PROXY_AUTHENTICATE).any(|value| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.contains("basic")
    });
    schemes.dedup();
    (!has_basic && !schemes.is_empty()).then(|| schemes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_url::HttpUrl;

    fn read(text: &str) -> (Result<Option<Reply>, &'static str>, usize) {
        let mut reader = ReplyReader::default();
        for (at, byte) in text.bytes().enumerate() {
            match reader.add(byte) {
                Ok(None) => {}
                other => return (other, at + 1),
            }
        }
        (Ok(None), text.len())
    }

    fn judged(text: &str) -> Result<(), Error> {
        let proxy = Proxy::parse("p:1").unwrap();
        let reply = read(text).0.unwrap().unwrap();
        judge(&proxy, "CONNECT to h:443", &reply)
    }

    #[test]
    fn request_has_host_credentials_and_agent_alone() {
        let origin = Origin::of(&HttpUrl::of("https://example.org/secret?path"));
        let authorization = HeaderValue::from_static("Basic bWU6eA==");
        let request = String::from_utf8(request(&origin, Some(&authorization))).unwrap();
        let agent = RunOptions::DEFAULT_USER_AGENT;
        assert_eq!(
            request,
            format!(
                "CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\nproxy-authorization: Basic bWU6eA==\r\nuser-agent: {agent}\r\n\r\n"
            )
        );
    }

    #[test]
    fn reply_ends_with_its_head() {
        for (text, length) in [
            ("HTTP/1.1 200 Connection established\r\n\r\nabc", 39),
            ("HTTP/1.0 200 OK\nVia: x\n\nabc", 24),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 44),
            ("HTtP/1.1 100 Continue\n\r\nHTtP/1.0 200 OK\n\n", 41),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 38),
        ] {
            let (reply, read) = read(text);
            assert_eq!(reply.unwrap().unwrap().status, 200, "{text}");
            assert_eq!(read, length, "{text}");
        }
    }

    #[test]
    fn reply_that_is_not_http_is_known_at_its_first_line() {
        // What SOCKS answers need not have a line end.
        for (text, expected) in [("220 smtp ready\r\n", 16), ("\x05\x01\n", 1)] {
            let (reply, read) = read(text);
            assert!(reply.is_err(), "{text:?}");
            assert_eq!(read, expected);
        }
        let (reply, read_bytes) = read("HTTP/1.1 100 Continue\r\n\r\n220 smtp ready\r\nx\r\n");
        assert!(reply.is_err());
        assert_eq!(read_bytes, 41, "also after an interim one");
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_REPLY));
        assert_eq!(read(&long).0.unwrap_err(), "it is too long");
    }

    #[test]
    fn refusal_says_what_to_do() {
        assert!(judged("HTTP/1.1 204 No Content\r\n\r\n").is_ok());
        for (head, says, is_transient) in [
            (
                "407 No",
                "407 Proxy Authentication Required; give --proxy-user",
                false,
            ),
            (
                "407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate",
                "it asks for NTLM, Negotiate, and haul supports Basic only",
                false,
            ),
            (
                "407 No\r\nProxy-Authenticate: Digest a=b, Basic realm=\"x\"",
                "give --proxy-user",
                false,
            ),
            ("401 No", "401 Unauthorized; give --proxy-user", false),
            ("403 No", "403 Forbidden; its rules do not allow", false),
            ("405 No", "does not support CONNECT", false),
            ("429 No", "429 Too Many Requests", true),
            ("500 No", "500 Internal Server Error", true),
            ("502 No", "could not reach the server", true),
            ("503 No", "could not reach the server", true),
            ("599 No", "refused CONNECT to h:443: 599", true),
            ("302 No", "302 Found", false),
        ] {
            let error = judged(&format!("HTTP/1.1 {head}\r\n\r\n")).unwrap_err();
            let message = error.to_string();
            assert!(
                message.starts_with("proxy p:1 refused CONNECT to h:443: "),
                "{message}"
            );
            assert!(message.contains(says), "{message}");
            assert_eq!(error.is_transient(), is_transient, "{message}");
        }
    }
}
