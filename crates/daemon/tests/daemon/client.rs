//! A client of the daemon, which sends what the test says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::described;

/// Longer than anything takes that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Talks to a daemon over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) authority: String,
    pub(crate) secret: String,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Returns a body without its chunks (RFC 9112 §7.1).
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&rest[..length]);
        body = &rest[length..];
        body = body.strip_prefix("\r\n").unwrap();
    }
    whole
}

impl Client {
    /// Sends a request as it is, and returns the response.
    pub(crate) fn raw(&self, request: &[u8]) -> Response {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may answer before it has read all.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).unwrap_or("0");
        let head = head.to_ascii_lowercase();
        Response {
            status: status.parse().unwrap(),
            body: if head.contains("transfer-encoding: chunked") {
                unchunked(body)
            } else {
                body.to_owned()
            },
            head,
        }
    }

    /// Sends a request with these lines in its head.
    pub(crate) fn request(&self, line: &str, fields: &[&str], body: &str) -> Response {
        let host = format!("Host: {}", self.authority);
        let is_given = fields.iter().any(|field| field.starts_with("Host:"));
        let line = format!("{line} HTTP/1.1");
        let mut lines = vec![&*line, "Connection: close"];
        lines.extend((!is_given).then_some(&*host));
        lines.extend(fields);
        let head = lines.join("\r\n");
        let length = body.len();
        self.raw(format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())
    }

    /// Sends a request to the daemon's own API, with JSON unless it is null, and returns status and
    /// JSON of the response, which is described.
    pub(crate) fn api(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let fields = ["Content-Type: application/json"];
        let response = self.api_raw(method, path, &fields, &body);
        let value = serde_json::from_str(&response.body).unwrap_or_default();
        (response.status, value)
    }

    /// Sends a request to the daemon's own API, with these fields besides the secret.
    pub(crate) fn api_raw(
        &self,
        method: &str,
        path: &str,
        fields: &[&str],
        body: &str,
    ) -> Response {
        let target = format!("/api/v1/{path}");
        let secret = format!("Authorization: Bearer {}", self.secret);
        let mut all = vec![&*secret];
        all.extend(fields);
        let response = self.request(&format!("{method} {target}"), &all, body);
        described::check_response(method, &target, &response);
        response
    }

    /// Adds a run of the daemon's own API, and returns its ID.
    pub(crate) fn add_run(&self, run: &Value) -> String {
        let (status, run) = self.api("POST", "runs", run);
        assert_eq!(status, 201, "{run}");
        run["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a run has this state, and returns it.
    pub(crate) fn wait_for_run(&self, id: &str, state: &str) -> Value {
        self.wait_until_run(id, |run| run["state"] == state)
    }

    /// Waits until a run is as it should be, and returns it.
    pub(crate) fn wait_until_run(&self, id: &str, is_right: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, run) = self.api("GET", &format!("runs/{id}"), &Value::Null);
            if is_right(&run) {
                return run;
            }
            assert!(Instant::now() < deadline, "{run}");
        }
    }

    /// Returns the body of a call with the secret.
    pub(crate) fn body(&self, method: &str, params: &Value) -> String {
        let mut all = vec![json!(format!("token:{}", self.secret))];
        all.extend(params.as_array().unwrap().iter().cloned());
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": all}).to_string()
    }

    /// Calls a method, and returns its result.
    pub(crate) fn call(&self, method: &str, params: &Value) -> Value {
        let response = self.request("POST /jsonrpc", &[], &self.body(method, params));
        let body: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(response.status, 200, "{method} {params}: {body}");
        body["result"].clone()
    }

    pub(crate) fn add(&self, uri: &str, options: &Value) -> String {
        let gid = self.call("aria2.addUri", &json!([[uri], options]));
        gid.as_str().unwrap().to_owned()
    }

    pub(crate) fn status(&self, gid: &str) -> Value {
        self.call("aria2.tellStatus", &json!([gid]))
    }

    /// Waits until a download has a value.
    pub(crate) fn wait(&self, gid: &str, has: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status(gid);
            if has(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{status}");
        }
    }

    /// Waits until a download has this status.
    pub(crate) fn wait_for(&self, gid: &str, wanted: &str) -> Value {
        self.wait(gid, |status| status["status"] == wanted)
    }

    /// Returns the names of a list of downloads.
    pub(crate) fn gids(&self, method: &str, params: &Value) -> Vec<String> {
        let list = self.call(method, params);
        let gids = list.as_array().unwrap().iter();
        gids.map(|status| status["gid"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Talks to a daemon over a WebSocket.
pub(crate) struct Socket {
    runtime: Runtime,
    stream: WebSocketStream<tokio::net::TcpStream>,
}

impl Socket {
    /// Connects; `Err` has the status if the daemon refuses.
    pub(crate) fn open(client: &Client, origin: Option<&str>) -> Result<Self, u16> {
        use tokio_tungstenite::tungstenite::Error;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let url = format!("ws://{}/jsonrpc", client.authority);
        let mut request = url.into_client_request().unwrap();
        if let Some(origin) = origin {
            request
                .headers_mut()
                .insert("origin", origin.parse().unwrap());
        }
        let connected = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(&client.authority)
                .await
                .unwrap();
            tokio_tungstenite::client_async(request, stream).await
        });
        match connected {
            Ok((stream, _)) => Ok(Self { runtime, stream }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a text, unless the daemon closes before it has read all.
    pub(crate) fn send(&mut self, text: String) {
        let sending = self.stream.send(Message::text(text));
        let _ = self.runtime.block_on(sending);
    }

    /// Returns the next message; `None` when the daemon has closed.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let next = self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .unwrap()
        });
        match next? {
            Ok(Message::Text(text)) => Some(serde_json::from_str(&text).unwrap()),
            _ => None,
        }
    }
}
