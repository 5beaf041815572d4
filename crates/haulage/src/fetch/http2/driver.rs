//! The task of a connection: it sends and receives the frames of all streams, and sizes the
//! windows.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::Connection;
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::budget::BudgetShare;
use super::losses::Losses;
use super::window::FlowWindow;
use crate::fetch::tcp::Socket;

/// Drives a connection until its end.
pub(super) struct Driver<S: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<S, Bytes>,
    /// The ping that is sent before the first request, when nothing else is in flight; `None` after
    /// its response.
    ping: Option<PingPong>,
    /// The time from the ping to its response; until that is known, the round trip of the first
    /// packet.
    round_trip: Duration,
    window: FlowWindow,
    /// The connection's share of the windows of all connections.
    share: BudgetShare,
    /// Bytes of bodies that the lanes have taken.
    taken: Arc<AtomicU64>,
    /// When the window was last adapted, and the value of `taken` then.
    before: (Instant, u64),
    gauge: Gauge,
}

/// Measures whether a connection loses packets.
pub(super) struct Gauge {
    socket: Option<Socket>,
    losses: Losses,
    /// Whether packets were lost at several times in the last round trips.
    is_lossy: Arc<AtomicBool>,
}

impl Gauge {
    pub(super) fn new(
        socket: Option<Socket>,
        round_trip: Duration,
        is_lossy: Arc<AtomicBool>,
    ) -> Self {
        Self {
            socket,
            losses: Losses::new(round_trip, Instant::now().into_std()),
            is_lossy,
        }
    }

    /// Asks the kernel, once in a round trip at most.
    fn look(&mut self) {
        let Some(socket) = &self.socket else { return };
        let now = Instant::now().into_std();
        if self.losses.is_due(now) {
            let Some(seen) = socket.seen() else { return };
            self.losses.note(seen, now);
            self.is_lossy
                .store(self.losses.are_several(), Ordering::Relaxed);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Creates the driver of a connection that was opened with this window and this round trip. The
    /// `share` is its part of the windows of all connections.
    pub(super) fn new(
        mut connection: Connection<S, Bytes>,
        taken: Arc<AtomicU64>,
        round_trip: Duration,
        window: FlowWindow,
        share: BudgetShare,
        gauge: Gauge,
    ) -> Self {
        let ping = connection.ping_pong();
        Self {
            ping: ping.and_then(|mut ping| ping.send_ping(Ping::opaque()).is_ok().then_some(ping)),
            connection,
            round_trip,
            window,
            share,
            taken,
            before: (Instant::now(), 0),
            gauge,
        }
    }

    /// Looks how much comes, and lets the server send as far ahead as that takes. Returns whether
    /// there is something to send.
    fn look(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(ping) = &mut self.ping
            && let Poll::Ready(pong) = ping.poll_pong(context)
        {
            if pong.is_ok() {
                self.round_trip = self.before.0.elapsed();
            }
            self.ping = None;
        }
        let (then, before) = self.before;
        let taken = self.taken.load(Ordering::Relaxed);
        if self.ping.is_some() || taken - before < self.window.nearly_all() {
            return false;
        }
        self.before = (Instant::now(), taken);
        let mut next = self
            .window
            .after(taken - before, self.before.0 - then, self.round_trip);
        if next.connection != self.window.connection {
            self.share.resize(next.connection);
            next.connection = self.share.bytes();
        }
        if next == self.window {
            return false;
        }
        // The server may not have acknowledged the last change yet: then the next look tries again.
        if next.stream != self.window.stream
            && self
                .connection
                .set_initial_window_size(next.stream)
                .is_err()
        {
            next.stream = self.window.stream;
        }
        self.connection.set_target_window_size(next.connection);
        self.window = next;
        true
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            // The streams receive the reason why the connection ends.
            if Pin::new(&mut self.connection).poll(context).is_ready() {
                return Poll::Ready(());
            }
            self.gauge.look();
            if !self.look(context) {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::super::window;
    use h2::client::SendRequest;
    use http::{Request, Response};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    const LENGTH: usize = 48 << 20;
    /// All bodies share these bytes, so that a test holds them in memory once.
    static FILE: [u8; LENGTH] = [0; LENGTH];

    /// Copies what is read from one end to the other, delayed by this time.
    async fn later(
        mut from: ReadHalf<DuplexStream>,
        mut to: WriteHalf<DuplexStream>,
        time: Duration,
    ) {
        let (tell, mut told) = unbounded_channel::<(Instant, Vec<u8>)>();
        tokio::spawn(async move {
            while let Some((due, bytes)) = told.recv().await {
                tokio::time::sleep_until(due).await;
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        });
        loop {
            let mut bytes = vec![0; 1 << 20];
            match from.read(&mut bytes).await {
                Ok(read) if read > 0 => bytes.truncate(read),
                _ => return,
            }
            let _ = tell.send((Instant::now() + time, bytes));
        }
    }

    /// Returns the two ends of a path that takes so long in each direction.
    fn way(time: Duration) -> (DuplexStream, DuplexStream) {
        let size = 64 << 20;
        let ((near, here), (there, far)) = (tokio::io::duplex(size), tokio::io::duplex(size));
        let (here, there) = (tokio::io::split(here), tokio::io::split(there));
        tokio::spawn(later(here.0, there.1, time));
        tokio::spawn(later(there.0, here.1, time));
        (near, far)
    }

    async fn serve(stream: DuplexStream) {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(asked) = connection.accept().await {
            let (_, mut answer) = asked.unwrap();
            let mut body = answer.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(&FILE), true).unwrap();
        }
    }

    async fn fetch(sender: SendRequest<Bytes>, taken: &AtomicU64) {
        let mut sender = sender.ready().await.unwrap();
        let request = Request::get("http://h/").body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        let mut body = answer.await.unwrap().into_body();
        while let Some(bytes) = body.data().await {
            let bytes = bytes.unwrap().len();
            body.flow_control().release_capacity(bytes).unwrap();
            taken.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Opens a connection that begins with this window, as far as `budget` allows.
    async fn connect(
        near: DuplexStream,
        mut window: FlowWindow,
        budget: &Arc<Budget>,
    ) -> (SendRequest<Bytes>, Driver<DuplexStream>) {
        let share = BudgetShare::new(Arc::clone(budget), window.connection);
        window.connection = share.bytes();
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(window.stream)
            .initial_connection_window_size(window.connection)
            .handshake(near)
            .await
            .unwrap();
        let gauge = Gauge::new(None, Duration::ZERO, Arc::default());
        let driver = Driver::new(
            connection,
            Arc::default(),
            Duration::ZERO,
            window,
            share,
            gauge,
        );
        (sender, driver)
    }

    /// Fetches a file over a path that takes so long in each direction. Returns how long that took,
    /// by the clock of the test, and the window at its end.
    async fn takes(path_takes: Duration) -> (Duration, FlowWindow) {
        let (near, far) = way(path_takes);
        tokio::spawn(serve(far));
        let (sender, mut driver) = connect(near, window::FIRST, &Arc::default()).await;
        let taken = Arc::clone(&driver.taken);
        let began = Instant::now();
        tokio::select! {
            () = Pin::new(&mut driver) => panic!("the connection has ended"),
            () = fetch(sender, &taken) => {}
        }
        (began.elapsed(), driver.window)
    }

    #[tokio::test(start_paused = true)]
    async fn long_path_makes_the_window_grow() {
        let trip = Duration::from_millis(50);
        let (took, window) = takes(trip).await;
        assert_eq!(window.stream, window::LARGEST.stream);
        // With one round trip for each first window of bytes it would take 2.4 s.
        assert!(took < Duration::from_millis(1200), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn short_path_keeps_the_first_window() {
        let (_, window) = takes(Duration::ZERO).await;
        assert_eq!(window.stream, window::FIRST.stream);
        assert!(window.connection <= window::FIRST.connection);
    }

    /// Opens as many streams, takes nothing of their bodies, and returns how many bytes come.
    async fn comes_untaken(connections: usize, streams: usize) -> u64 {
        let budget = Arc::default();
        let (mut bodies, mut drivers) = (Vec::new(), Vec::new());
        for _ in 0..connections {
            let (near, far) = way(Duration::from_millis(50));
            tokio::spawn(serve(far));
            let (mut sender, driver) = connect(near, window::FIRST, &budget).await;
            drivers.push(tokio::spawn(driver));
            for _ in 0..streams {
                sender = sender.ready().await.unwrap();
                let request = Request::get("http://h/").body(()).unwrap();
                let (answer, _) = sender.send_request(request, true).unwrap();
                bodies.push(answer.await.unwrap().into_body());
            }
        }
        // Virtual time: long enough that nothing moves any more.
        tokio::time::sleep(Duration::from_mins(1)).await;
        let come = bodies
            .iter_mut()
            .map(|body| body.flow_control().used_capacity() as u64)
            .sum();
        assert!(drivers.iter().all(|driver| !driver.is_finished()));
        come
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_for_one_stream_that_nobody_takes() {
        let come = comes_untaken(1, 1).await;
        assert!((1 << 20..=16 << 20).contains(&come), "{come}");
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_for_100_streams_that_nobody_takes() {
        let come = comes_untaken(1, 100).await;
        assert!((1 << 20..=16 << 20).contains(&come), "{come}");
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_for_20_connections_that_nobody_takes() {
        let come = comes_untaken(20, 5).await;
        assert!(come <= (64 + 20) << 20, "{come}");
    }
}
