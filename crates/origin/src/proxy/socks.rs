//! A SOCKS proxy: 4, 4A and 5 on one port.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Passed, Reaction, Shared, relay};

/// Codes for a server that cannot be reached.
const FAILED_4: u8 = 91;
const REFUSED_5: u8 = 5;

/// Serves one connection.
pub(super) async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    match client.read_u8().await? {
        4 => serve4(client, shared).await,
        5 => serve5(client, shared).await,
        // As most SOCKS proxies do.
        _ => Ok(()),
    }
}

async fn serve4(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let _connect = client.read_u8().await?;
    let port = client.read_u16().await?;
    let address = client.read_u32().await?;
    let user = read_text(&mut client).await?;
    let host = if address < 256 {
        read_text(&mut client).await?
    } else {
        Ipv4Addr::from(address).to_string()
    };
    let login = (!user.is_empty()).then(|| (user, String::new()));
    let is_allowed = shared.login().is_none_or(|(user, _)| {
        let given = login.as_ref().map(|(user, _)| user);
        given == Some(&user)
    });
    let reaction = shared.asked(passed("SOCKS4", &host, port, login));
    let answer = |code: u8| [0, code, 0, 0, 0, 0, 0, 0];
    match reaction {
        Reaction::Close => Ok(()),
        Reaction::Silent => std::future::pending().await,
        Reaction::Nonsense => client.write_all(b"HTTP/1.0").await,
        Reaction::OpenAndClose => client.write_all(&answer(90)).await,
        Reaction::Refuse(code) => client.write_all(&answer(low(code))).await,
        Reaction::Serve if !is_allowed => client.write_all(&answer(93)).await,
        Reaction::Serve => match shared.connect(&host, port).await {
            Err(_) => client.write_all(&answer(FAILED_4)).await,
            Ok(server) => {
                client.write_all(&answer(90)).await?;
                relay(client, server).await;
                Ok(())
            }
        },
    }
}

async fn serve5(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let count = client.read_u8().await?;
    let methods = read(&mut client, count.into()).await?;
    let expected = shared.login();
    let method = if expected.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return client.write_all(&[5, 0xff]).await;
    }
    client.write_all(&[5, method]).await?;
    let mut login = None;
    if expected.is_some() {
        let _version = client.read_u8().await?;
        let user = read_counted(&mut client).await?;
        let password = read_counted(&mut client).await?;
        login = Some((user, password));
        let is_right = login == expected;
        client.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            return Ok(());
        }
    }
    let head = read(&mut client, 4).await?;
    let host = match head.get(3) {
        Some(1) => Ipv4Addr::from(client.read_u32().await?).to_string(),
        Some(4) => format!("[{}]", Ipv6Addr::from(client.read_u128().await?)),
        _ => read_counted(&mut client).await?,
    };
    let port = client.read_u16().await?;
    let reaction = shared.asked(passed("SOCKS5", &host, port, login));
    // Its own end of the connection is told as a name, which clients have to read over.
    let mut open = vec![5, 0, 0, 3, 4];
    open.extend_from_slice(b"here\x00\x50");
    let refusal = |code: u8| [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
    match reaction {
        Reaction::Close => Ok(()),
        Reaction::Silent => std::future::pending().await,
        Reaction::Nonsense => client.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await,
        Reaction::OpenAndClose => client.write_all(&open).await,
        Reaction::Refuse(code) => client.write_all(&refusal(low(code))).await,
        Reaction::Serve => match shared.connect(&host, port).await {
            Err(_) => client.write_all(&refusal(REFUSED_5)).await,
            Ok(server) => {
                client.write_all(&open).await?;
                relay(client, server).await;
                Ok(())
            }
        },
    }
}

fn passed(how: &'static str, host: &str, port: u16, login: Option<(String, String)>) -> Passed {
    Passed {
        how,
        target: format!("{host}:{port}"),
        head: String::new(),
        login,
    }
}

fn low(code: u16) -> u8 {
    code.to_be_bytes()[1]
}

/// Reads a text that ends with a zero.
async fn read_text(client: &mut TcpStream) -> io::Result<String> {
    let mut text = Vec::new();
    loop {
        match client.read_u8().await? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            byte => text.push(byte),
        }
    }
}

/// Reads a text that begins with its length.
async fn read_counted(client: &mut TcpStream) -> io::Result<String> {
    let length = client.read_u8().await?;
    let text = read(client, length.into()).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn read(client: &mut TcpStream, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}
