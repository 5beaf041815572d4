//! Scripts drawn by lot, and a client that follows RFC 9112 §6.3 to the letter.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use origin::{Body, Origin, Script};
use tokio::time;

use crate::client::{ask, http2_client, read};

type Reader = BufReader<TcpStream>;

/// The body, if a whole response came that may be kept.
fn fetch(origin: &Origin, path: &str, patience: Duration) -> Option<Vec<u8>> {
    let mut socket = TcpStream::connect(origin.address()).ok()?;
    socket.set_read_timeout(Some(patience)).ok()?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").ok()?;
    let mut reader = BufReader::new(socket);
    loop {
        let head = head(&mut reader)?;
        let (status, fields) = head.split_first()?;
        match status.split(' ').nth(1)? {
            "100" | "102" | "103" => {}
            "200" => return body(&mut reader, fields),
            _ => return None,
        }
    }
}

fn line(reader: &mut Reader) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.strip_suffix("\r\n").map(str::to_owned)
}

/// Its lines, without the empty one; trailers look the same.
fn head(reader: &mut Reader) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        match line(reader)? {
            line if line.is_empty() => return Some(lines),
            line => lines.push(line),
        }
    }
}

fn body(reader: &mut Reader, fields: &[String]) -> Option<Vec<u8>> {
    let values = |name: &'static str| {
        let fields = fields.iter().filter_map(|field| field.split_once(": "));
        fields.filter_map(move |(key, value)| (key == name).then_some(value))
    };
    if values("transfer-encoding").next().is_some() {
        return chunks(reader);
    }
    let Some(length) = values("content-length").next() else {
        let mut rest = Vec::new();
        return reader.read_to_end(&mut rest).ok().map(|_| rest);
    };
    if values("content-length").any(|other| other != length) {
        return None;
    }
    exactly(reader, length.parse().ok()?)
}

fn chunks(reader: &mut Reader) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&line(reader)?, 16).ok()?;
        if size == 0 {
            return head(reader).map(|_| body);
        }
        body.append(&mut exactly(reader, size)?);
        line(reader).filter(String::is_empty)?;
    }
}

fn exactly(reader: &mut Reader, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).ok().map(|()| bytes)
}

#[test]
fn what_looks_whole_is_whole() {
    let origin = Origin::plain();
    let body = Body::seeded(1, 20_000);
    for seed in 0..300 {
        let script = Script::random(seed, body.clone());
        let may_deliver = script.may_deliver();
        let shown = format!("seed {seed}: {script:?}");
        origin.on("/a", script);
        // What never comes need not be waited for: too little patience hides nothing.
        let patience = if may_deliver { 30_000 } else { 5 };
        let fetched = fetch(&origin, "/a", Duration::from_millis(patience));
        assert_eq!(fetched.is_some(), may_deliver, "{shown}");
        assert!(fetched.is_none_or(|bytes| bytes == body.bytes()), "{shown}");
    }
}

#[tokio::test]
async fn what_looks_whole_on_http2_is_whole() {
    let origin = Origin::tls();
    let body = Body::seeded(1, 20_000);
    let fetch = async |path| {
        let mut client = http2_client(&origin).await;
        let response = ask(&mut client, &origin, path).await.await.ok()?;
        let status = response.status();
        let (body, error) = read(response).await;
        (status == 200 && error.is_none()).then_some(body)
    };
    for seed in 0..200 {
        let script = Script::random(seed, body.clone());
        let may_deliver = script.may_deliver();
        let shown = format!("seed {seed}: {script:?}");
        origin.on("/a", script);
        // What is late is as good as failed here.
        let fetched = time::timeout(Duration::from_millis(20), fetch("/a")).await;
        if let Ok(Some(bytes)) = fetched {
            assert!(may_deliver && bytes == body.bytes(), "{shown}");
        }
    }
    origin.until(|tally| tally.in_flight == 0).await;
}
