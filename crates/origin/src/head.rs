//! Parses the head of an HTTP/1.1 request.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};

use crate::request::Request;

const HEADER_LIMIT: usize = 256;

/// The head of a request: the request, and what only the connection needs.
pub(crate) struct Head {
    pub(crate) request: Request,
    pub(crate) keep_alive: bool,
    /// The length of the request's body in bytes; `None` if it is chunked.
    pub(crate) body: Option<u64>,
}

/// Parses the head at the beginning of `inbox`, and returns it with its length in bytes; `None` if
/// it is not complete yet. Fails with the status to respond with.
pub(crate) fn parse(inbox: &[u8], connection: u64) -> Result<Option<(Head, usize)>, StatusCode> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut parsed = httparse::Request::new(&mut headers);
    let len = match parsed.parse(inbox) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        Err(_) => return Err(StatusCode::BAD_REQUEST),
    };
    head(&parsed, connection)
        .map(|head| Some((head, len)))
        .ok_or(StatusCode::BAD_REQUEST)
}

fn head(parsed: &httparse::Request<'_, '_>, connection: u64) -> Option<Head> {
    let mut headers = HeaderMap::with_capacity(parsed.headers.len());
    for header in parsed.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    let version = if parsed.version? == 0 {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    let connection_header = headers
        .get(CONNECTION)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let keep_alive = match version {
        Version::HTTP_10 => connection_header.eq_ignore_ascii_case(b"keep-alive"),
        _ => !connection_header.eq_ignore_ascii_case(b"close"),
    };
    let body = match (headers.get(TRANSFER_ENCODING), headers.get(CONTENT_LENGTH)) {
        (Some(_), _) => None,
        (None, None) => Some(0),
        (None, Some(len)) => Some(len.to_str().ok()?.parse().ok()?),
    };
    let request = Request {
        method: Method::from_bytes(parsed.method?.as_bytes()).ok()?,
        target: target(parsed.path?),
        headers,
        version,
        connection,
        nth: 0,
    };
    Some(Head {
        request,
        keep_alive,
        body,
    })
}

/// Returns the path and query of a request target. The target of a request to a proxy is a whole
/// URL, whose scheme and host are left out.
fn target(sent: &str) -> String {
    let uri = if sent.starts_with('/') {
        None
    } else {
        sent.parse::<Uri>().ok()
    };
    let path = uri
        .as_ref()
        .and_then(Uri::path_and_query)
        .map(ToString::to_string);
    path.unwrap_or_else(|| sent.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        parse(text.as_bytes(), 1).unwrap().unwrap().0
    }

    #[test]
    fn heads() {
        let head = head("POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(head.request.method, Method::POST);
        assert_eq!(head.request.target, "/a?b");
        assert_eq!(head.request.headers["host"], "x");
        assert_eq!(head.body, Some(3));
        assert!(head.keep_alive);
    }

    #[test]
    fn who_keeps_the_connection() {
        assert!(!head("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n").keep_alive);
        assert!(!head("GET / HTTP/1.0\r\n\r\n").keep_alive);
        assert!(head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
    }

    #[test]
    fn targets() {
        assert_eq!(target("/a%20b?c"), "/a%20b?c");
        assert_eq!(target("http://example.org/a?b"), "/a?b");
        assert_eq!(target("*"), "*");
    }

    #[test]
    fn what_is_refused() {
        assert!(parse(b"GET / HTTP/1.1\r\nHost", 1).unwrap().is_none());
        assert_eq!(
            parse(b"\x16\x03\x01\r\n\r\n", 1).err(),
            Some(StatusCode::BAD_REQUEST)
        );
        let flood = format!(
            "GET / HTTP/1.1\r\n{}\r\n",
            "a: b\r\n".repeat(HEADER_LIMIT + 1)
        );
        let refusal = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        assert_eq!(parse(flood.as_bytes(), 1).err(), Some(refusal));
    }
}
