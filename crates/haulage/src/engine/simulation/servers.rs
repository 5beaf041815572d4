//! The servers of a simulation, in memory: what each does with a connection and a request, and how
//! much is in flight as they see it.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::io::{ReadBuf, duplex};
use tokio::time::sleep;

use crate::clock;
use crate::fetch::memory::{Connecting, Network};
use crate::fetch::origin::Origin;
use crate::sync::lock;

/// The port of the first server; the others follow.
pub(super) const FIRST_PORT: u16 = 8000;
/// Bytes that are sent at once.
const CHUNK: usize = 16 << 10;

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Fast,
    Slow,
    /// It answers this many requests at once, and refuses all others; with `Retry-After` or not.
    Bears(usize, bool),
    /// It does not answer until this time.
    SilentUntil(Duration),
    /// It accepts no connection until this time.
    DownUntil(Duration),
    /// It never accepts a connection.
    Dead,
    /// One in three of its responses breaks off.
    BreaksOff,
    /// It prepares each answer for a second. Whole files stop for a while before their end.
    Stops,
}

/// A row, as it is requested: the number of its run, and its own.
pub(super) type RowId = (usize, u64);

/// All servers.
pub(super) struct Servers {
    kinds: Vec<Kind>,
    start: Instant,
    jobs: usize,
    per_host: usize,
    state: Mutex<State>,
}

struct State {
    random: fastrand::Rng,
    in_flight: Vec<usize>,
    requests: u64,
    /// When a row was first delivered as a whole.
    delivered: HashMap<RowId, Instant>,
    /// Since when these runs are paused.
    paused: HashMap<usize, Instant>,
    /// What should not have happened.
    violations: Vec<String>,
}

/// Bytes of which files are made.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(1);
    (0..1 << 20).map(|_| random.u8(..)).collect()
});

/// Returns whether the server of a row redirects to another one.
pub(super) fn is_redirected(row: u64) -> bool {
    row % 20 == 5
}

/// Returns the file of a row; `None` if there is none.
pub(super) fn file((run, row): RowId) -> Option<&'static [u8]> {
    let length = match row % 20 {
        3 => return None,
        7 => 100_000 + row % 7 * 60_000,
        11 => 0,
        _ => 10 + row * 37 % 3000,
    };
    let start = run * 1000 + usize::try_from(row % 1000).unwrap();
    Some(&BYTES[start..start + usize::try_from(length).unwrap()])
}

impl Servers {
    pub(super) fn new(
        kinds: Vec<Kind>,
        random: fastrand::Rng,
        jobs: usize,
        per_host: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            start: clock::now(),
            jobs,
            per_host,
            state: Mutex::new(State {
                random,
                in_flight: vec![0; kinds.len()],
                requests: 0,
                delivered: HashMap::new(),
                paused: HashMap::new(),
                violations: Vec::new(),
            }),
            kinds,
        })
    }

    /// Notes that a run is paused from now on, or not any more.
    pub(super) fn set_paused(&self, run: usize, is_paused: bool) {
        let mut state = lock(&self.state);
        if is_paused {
            state.paused.entry(run).or_insert_with(clock::now);
        } else {
            state.paused.remove(&run);
        }
    }

    /// Returns what should not have happened.
    pub(super) fn violations(&self) -> Vec<String> {
        lock(&self.state).violations.clone()
    }

    /// Returns when a row was first delivered as a whole; `None` if it was not.
    pub(super) fn delivered(&self, row: RowId) -> Option<Instant> {
        lock(&self.state).delivered.get(&row).copied()
    }

    pub(super) fn kind(&self, host: usize) -> Kind {
        self.kinds[host]
    }

    fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(lock(&self.state).random.u64(range))
    }

    async fn accept(self: Arc<Self>, host: usize) -> io::Result<Client> {
        sleep(self.millis(1..40)).await;
        let refuses = match self.kinds[host] {
            Kind::Dead => true,
            Kind::DownUntil(until) => clock::elapsed(self.start) < until,
            _ => false,
        };
        if refuses {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (client, server) = duplex(64 << 10);
        let slot = Arc::new(Slot {
            servers: Arc::clone(&self),
            host,
            state: AtomicU8::new(IDLE),
        });
        let stream = Client(client, Arc::clone(&slot));
        tokio::spawn(async move {
            // It ends when the client has gone, or breaks off.
            let _ = self.serve(host, server, &slot).await;
        });
        Ok(stream)
    }

    async fn serve(&self, host: usize, mut stream: DuplexStream, slot: &Slot) -> io::Result<()> {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut head).await? == 0 {
                    return Ok(());
                }
            }
            slot.begin();
            let head = String::from_utf8(head).unwrap();
            self.answer(host, &mut stream, &head).await?;
            slot.end();
        }
    }

    async fn answer(&self, host: usize, stream: &mut DuplexStream, head: &str) -> io::Result<()> {
        let Some(row) = row_of(head) else {
            wait_while_open(stream, self.millis(1..30)).await?;
            let robots = b"HTTP/1.1 200 ok\r\ncontent-length: 15\r\n\r\nuser-agent: a\r\n";
            return stream.write_all(robots).await;
        };
        let (others, breaks_off, stalls) = {
            let mut state = lock(&self.state);
            state.requests += 1;
            if let Some(since) = state.paused.get(&row.0)
                && clock::elapsed(*since) > Duration::from_millis(100)
            {
                let what = format!("{row:?} is requested, though its run is paused");
                state.violations.push(what);
            }
            let breaks_off = self.kinds[host] == Kind::BreaksOff && state.random.u8(0..3) == 0;
            // Before which chunk, and for how long.
            let stalls = match state.random.u8(0..30) {
                _ if self.kinds[host] == Kind::Stops => {
                    let is_whole = !head.contains("range:");
                    is_whole.then_some((4, Duration::from_secs(4)))
                }
                0 => Some((1, Duration::from_secs(20))),
                1..5 => Some((
                    state.random.usize(3..7),
                    Duration::from_millis(state.random.u64(100..600)),
                )),
                _ => None,
            };
            (state.in_flight[host] - 1, breaks_off, stalls)
        };
        let delay = match self.kinds[host] {
            Kind::Slow => self.millis(200..3000),
            Kind::Stops => Duration::from_secs(1),
            Kind::SilentUntil(until) => {
                let until = until.saturating_sub(clock::elapsed(self.start));
                until.max(self.millis(1..30))
            }
            Kind::Bears(most, has_wait) if others >= most => {
                let wait = if has_wait { "retry-after: 1\r\n" } else { "" };
                let answer = format!("HTTP/1.1 503 no\r\n{wait}content-length: 0\r\n\r\n");
                return stream.write_all(answer.as_bytes()).await;
            }
            _ => self.millis(1..30),
        };
        wait_while_open(stream, delay).await?;
        if is_redirected(row.1) && !head.starts_with("GET /moved") {
            let port = FIRST_PORT + u16::try_from((host + 1) % self.kinds.len()).unwrap();
            let to = format!("http://10.0.0.1:{port}/moved/{}/{}", row.0, row.1);
            let answer = format!("HTTP/1.1 302 no\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
            return stream.write_all(answer.as_bytes()).await;
        }
        let Some(file) = file(row) else {
            let answer = b"HTTP/1.1 404 no\r\ncontent-length: 0\r\n\r\n";
            return stream.write_all(answer).await;
        };
        let range = range_of(head, file.len());
        let body = &file[range.clone()];
        let length = body.len();
        let about = format!("content-length: {length}\r\netag: \"one\"\r\n\r\n");
        let answer = if length < file.len() {
            let (first, last, total) = (range.start, range.end - 1, file.len());
            format!("HTTP/1.1 206 ok\r\ncontent-range: bytes {first}-{last}/{total}\r\n{about}")
        } else {
            format!("HTTP/1.1 200 ok\r\naccept-ranges: bytes\r\n{about}")
        };
        stream.write_all(answer.as_bytes()).await?;
        let sent = if breaks_off { length / 2 } else { length };
        for (nth, chunk) in body[..sent].chunks(CHUNK).enumerate() {
            if nth > 0 {
                wait_while_open(stream, self.millis(5..60)).await?;
                if let Some((before, time)) = stalls
                    && nth == before
                {
                    wait_while_open(stream, time).await?;
                }
            }
            stream.write_all(chunk).await?;
        }
        if breaks_off {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if range.end == file.len() {
            let mut state = lock(&self.state);
            state.delivered.entry(row).or_insert_with(clock::now);
        }
        Ok(())
    }
}

/// Waits, but ends with an error as soon as the client has gone.
async fn wait_while_open(stream: &mut DuplexStream, time: Duration) -> io::Result<()> {
    let mut byte = [0];
    match tokio::time::timeout(time, stream.read(&mut byte)).await {
        Ok(_) => Err(io::ErrorKind::ConnectionReset.into()),
        Err(_) => Ok(()),
    }
}

/// Returns the row of a request for `/RUN/ROW`; `None` for a robots.txt.
fn row_of(head: &str) -> Option<RowId> {
    let path = head.split(' ').nth(1)?;
    let path = path.trim_start_matches("/moved").trim_start_matches('/');
    let (run, row) = path.split_once('/')?;
    Some((run.parse().ok()?, row.parse().ok()?))
}

/// Returns the bytes that a request asks for.
fn range_of(head: &str, length: usize) -> Range<usize> {
    let asked = head
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes="));
    let Some((first, last)) = asked.and_then(|asked| asked.split_once('-')) else {
        return 0..length;
    };
    let end = last.parse::<usize>().map_or(length, |last| last + 1);
    first.parse().unwrap()..end.min(length)
}

impl Network for Arc<Servers> {
    fn connect<'a>(&'a self, origin: &'a Origin) -> Connecting<'a> {
        let host = usize::from(origin.port - FIRST_PORT);
        let accepted = Arc::clone(self).accept(host);
        Box::pin(async { Ok(Box::new(accepted.await?) as _) })
    }
}

const IDLE: u8 = 0;
const BUSY: u8 = 1;
const CLOSED: u8 = 2;

/// Counts the request on a connection, from when the server has it until it has sent the response,
/// or the client has gone.
struct Slot {
    servers: Arc<Servers>,
    host: usize,
    state: AtomicU8,
}

impl Slot {
    fn begin(&self) {
        let turn = self
            .state
            .compare_exchange(IDLE, BUSY, Ordering::Relaxed, Ordering::Relaxed);
        if turn.is_err() {
            return;
        }
        let mut state = lock(&self.servers.state);
        state.in_flight[self.host] += 1;
        let (own, all) = (state.in_flight[self.host], state.in_flight.iter().sum());
        if own > self.servers.per_host || self.servers.jobs < all {
            let what = format!("{own} in flight at server {}, {all} in all", self.host);
            state.violations.push(what);
        }
    }

    fn end(&self) {
        self.leave(IDLE);
    }

    fn leave(&self, next: u8) {
        let before = self.state.swap(next, Ordering::Relaxed);
        if before == BUSY {
            lock(&self.servers.state).in_flight[self.host] -= 1;
        }
        if before == CLOSED {
            self.state.store(CLOSED, Ordering::Relaxed);
        }
    }
}

/// The client's end of a connection.
struct Client(DuplexStream, Arc<Slot>);

impl Drop for Client {
    fn drop(&mut self) {
        self.1.leave(CLOSED);
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
