//! Clients that hide nothing of what they are sent.

#![expect(
    clippy::unwrap_used,
    reason = "a client that cannot go on fails its test"
)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Response};
use origin::Origin;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};
use tokio_rustls::TlsConnector;

/// What does not come shall fail the test, not hang it.
const PATIENCE: Duration = Duration::from_secs(30);

/// One that speaks HTTP/1.1.
pub(crate) struct Client<S> {
    pub(crate) socket: S,
}

pub(crate) struct Answer(String);

impl Client<TcpStream> {
    pub(crate) fn of(origin: &Origin) -> Self {
        Self {
            socket: connect(origin.address()),
        }
    }

    /// Nothing has arrived that was not read.
    pub(crate) fn hears_nothing(&mut self) {
        self.socket.set_nonblocking(true).unwrap();
        let error = self.rest().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        self.socket.set_nonblocking(false).unwrap();
    }
}

#[cfg(target_os = "linux")]
impl Client<TcpStream> {
    /// Returns a client whose kernel holds about this number of bytes that it has not read.
    pub(crate) fn with_room_for(origin: &Origin, bytes: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(&origin.address().into()).unwrap();
        Self {
            socket: socket.into(),
        }
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path);
        self.head()
    }

    /// With these headers, each with its line break.
    pub(crate) fn get_with(&mut self, path: &str, headers: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n");
        self.socket.write_all(head.as_bytes()).unwrap();
        self.head()
    }

    pub(crate) fn send(&mut self, method: &str, path: &str) {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        self.socket.write_all(head.as_bytes()).unwrap();
    }

    pub(crate) fn head(&mut self) -> Answer {
        Answer(self.until("\r\n\r\n"))
    }

    pub(crate) fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(self.until("\r\n").trim_end(), 16).unwrap();
            body.append(&mut self.read(size));
            assert_eq!(self.read(2), b"\r\n");
            if size == 0 {
                return body;
            }
        }
    }

    fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            read.append(&mut self.read(1));
        }
        String::from_utf8(read).unwrap()
    }

    pub(crate) fn read(&mut self, len: usize) -> Vec<u8> {
        let mut read = vec![0; len];
        self.socket.read_exact(&mut read).unwrap();
        read
    }

    /// As many bytes as the head says, none if it says nothing.
    pub(crate) fn body_as_text(&mut self, answer: &Answer) -> String {
        let length = answer.header("content-length").unwrap_or("0");
        String::from_utf8(self.read(length.parse().unwrap())).unwrap()
    }

    pub(crate) fn rest_as_text(&mut self) -> String {
        String::from_utf8(self.rest().unwrap()).unwrap()
    }

    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.socket.read_to_end(&mut rest)?;
        Ok(rest)
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.0.lines().filter_map(|line| line.split_once(": "));
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    // What does not come shall fail the test, not hang it.
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    socket
}

pub(crate) fn tls_client(origin: &Origin) -> Client<StreamOwned<ClientConnection, TcpStream>> {
    tls_client_as(origin, "localhost")
}

pub(crate) fn tls_client_as(
    origin: &Origin,
    name: &str,
) -> Client<StreamOwned<ClientConnection, TcpStream>> {
    let name = name.to_owned().try_into().unwrap();
    let session = ClientConnection::new(tls_config(origin), name).unwrap();
    Client {
        socket: StreamOwned::new(session, connect(origin.address())),
    }
}

fn tls_config(origin: &Origin) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(origin.ca_pem().as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// A connection on which a path has been asked for in HTTP/2, byte by byte.
pub(crate) fn tls_http2(origin: &Origin, path: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let mut socket = tls_client(origin).socket;
    let mut block = vec![0x82, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend_from_slice(path.as_bytes());
    block.extend_from_slice(b"\x01\x09localhost");
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    // HEADERS of stream 1 that end both themselves and it.
    sent.extend([0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    sent.extend(block);
    socket.write_all(&sent).unwrap();
    socket
}

/// A frame of HTTP/2.
pub(crate) struct Received {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The next frame, if there is one.
pub(crate) fn frame(socket: &mut impl Read) -> Option<Received> {
    let mut head = [0; 9];
    socket.read_exact(&mut head).ok()?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    socket.read_exact(&mut payload).ok()?;
    Some(Received {
        kind,
        flags,
        stream: u32::from_be_bytes(stream),
        payload,
    })
}

pub(crate) async fn http2_client(origin: &Origin) -> SendRequest<Bytes> {
    let tcp = tokio::net::TcpStream::connect(origin.address())
        .await
        .unwrap();
    let name = "localhost".try_into().unwrap();
    let socket = TlsConnector::from(tls_config(origin))
        .connect(name, tcp)
        .await
        .unwrap();
    assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) async fn ask(
    client: &mut SendRequest<Bytes>,
    origin: &Origin,
    path: &str,
) -> h2::client::ResponseFuture {
    *client = client.clone().ready().await.unwrap();
    let request = Request::get(origin.url(path)).body(()).unwrap();
    client.send_request(request, true).unwrap().0
}

pub(crate) async fn whole(response: Response<h2::RecvStream>) -> Vec<u8> {
    let (body, error) = read(response).await;
    assert!(error.is_none(), "{error:?}");
    body
}

/// What came, and why it ended if not by itself.
pub(crate) async fn read(response: Response<h2::RecvStream>) -> (Vec<u8>, Option<h2::Error>) {
    let mut stream = response.into_body();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        match data {
            Ok(data) => {
                body.extend_from_slice(&data);
                stream.flow_control().release_capacity(data.len()).unwrap();
            }
            Err(error) => return (body, Some(error)),
        }
    }
    (body, None)
}
