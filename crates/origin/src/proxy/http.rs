//! An HTTP proxy: it forwards requests with a whole URL, and opens tunnels.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Passed, Reaction, Shared, host_and_port, relay};

/// Serves requests on a connection, until one of them makes it a tunnel.
pub(super) async fn serve(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
) -> io::Result<()> {
    loop {
        let head = read_head(&mut client).await?;
        let line = head.lines().next().unwrap_or_default().to_owned();
        let mut words = line.split(' ');
        let (method, target) = (words.next(), words.next().unwrap_or_default());
        let how = if method == Some("CONNECT") {
            "CONNECT"
        } else {
            "GET"
        };
        let reaction = shared.asked(Passed {
            how,
            target: target.to_owned(),
            head: head.clone(),
            login: None,
        });
        match reaction {
            Reaction::Close => return Ok(()),
            Reaction::Silent => std::future::pending().await,
            Reaction::Nonsense => return client.write_all(b"220 mail ready\r\n\r\n").await,
            Reaction::OpenAndClose => {
                return client.write_all(b"HTTP/1.1 200 Open\r\n\r\n").await;
            }
            Reaction::Refuse(status) => refuse(&mut client, status).await?,
            Reaction::Serve if !may_pass(&head, shared) => refuse(&mut client, 407).await?,
            Reaction::Serve if how == "CONNECT" => {
                let server = match host_and_port(target) {
                    Some((host, port)) => shared.connect(host, port).await,
                    None => Err(io::ErrorKind::InvalidInput.into()),
                };
                match server {
                    Err(_) => refuse(&mut client, 503).await?,
                    Ok(server) => {
                        client.write_all(b"HTTP/1.1 200 Open\r\n\r\n").await?;
                        relay(client, server).await;
                        return Ok(());
                    }
                }
            }
            Reaction::Serve => forward(&mut client, &head, target, shared).await?,
        }
    }
}

/// Returns whether a request has the login that is asked for.
fn may_pass(head: &str, shared: &Shared) -> bool {
    let Some((user, password)) = shared.login() else {
        return true;
    };
    let expected = format!("Basic {}", base64(&format!("{user}:{password}")));
    field(head, "proxy-authorization") == Some(&expected)
}

async fn refuse(client: &mut (impl AsyncWrite + Unpin), status: u16) -> io::Result<()> {
    let challenge = if status == 407 {
        "Proxy-Authenticate: Basic realm=\"proxy\"\r\n"
    } else {
        ""
    };
    let head = format!("HTTP/1.1 {status} Refused\r\n{challenge}Content-Length: 2\r\n\r\nno");
    client.write_all(head.as_bytes()).await
}

/// Forwards one request, on a connection of its own, and passes its answer back.
async fn forward(
    client: &mut (impl AsyncWrite + Unpin),
    head: &str,
    target: &str,
    shared: &Shared,
) -> io::Result<()> {
    let rest = target.strip_prefix("http://").unwrap_or_default();
    let Some(end) = rest.find('/') else {
        return refuse(client, 400).await;
    };
    let (authority, path) = rest.split_at(end);
    let (host, port) = host_and_port(authority).unwrap_or((authority, 80));
    let in_flight = shared.forwarding();
    let Ok(mut server) = shared.connect(host, port).await else {
        return refuse(client, 502).await;
    };
    let fields = head
        .lines()
        .skip(1)
        .filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"));
    let fields: Vec<_> = fields.filter(|line| !line.is_empty()).collect();
    let request = format!(
        "GET {path} HTTP/1.1\r\n{}\r\nconnection: close\r\nvia: 1.1 scripted\r\n\r\n",
        fields.join("\r\n")
    );
    server.write_all(request.as_bytes()).await?;
    let answer = read_head(&mut server).await?;
    drop(in_flight);
    let length = field(&answer, "content-length").and_then(|length| length.parse().ok());
    let has_no_body = answer.contains(" 304 ");
    let lines = answer
        .lines()
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let lines: Vec<_> = lines.collect();
    client.write_all(lines.join("\r\n").as_bytes()).await?;
    client.write_all(b"\r\n\r\n").await?;
    let length: u64 = match length {
        _ if has_no_body => 0,
        Some(length) => length,
        None => u64::MAX,
    };
    let copied = tokio::io::copy(&mut server.take(length), client).await?;
    client.flush().await?;
    if copied < length {
        // The server has broken off, or its answer ends with its connection.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Reads a head, byte by byte, without what follows it; without its blank line.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    head.truncate(head.len() - 4);
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Returns the value of a field.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// Encodes a text in base64, with padding (RFC 4648 §4).
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for bytes in text.as_bytes().chunks(3) {
        let all = bytes
            .iter()
            .fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
        let all = all << (8 * (3 - bytes.len()));
        for at in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * at) & 63) as usize];
            encoded.push(if at <= bytes.len() { digit.into() } else { '=' });
        }
    }
    encoded
}
