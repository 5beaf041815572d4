//! What a connection does by itself: it sends and receives frames for its streams, and finds out
//! how far the server is to send ahead.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::Connection;
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::window::{self, Window};

/// A connection until its end.
pub(super) struct Driver<S: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<S, Bytes>,
    /// The ping that is sent when nothing else is under way; `None` when it has been answered.
    ping: Option<PingPong>,
    /// How long that took.
    round_trip: Option<Duration>,
    window: Window,
    /// Bytes of bodies that the lanes have taken.
    taken: Arc<AtomicU64>,
    /// When it was last looked how many those were, and how many.
    before: (Instant, u64),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(mut connection: Connection<S, Bytes>, taken: Arc<AtomicU64>) -> Self {
        let ping = connection.ping_pong();
        Self {
            ping: ping.and_then(|mut ping| ping.send_ping(Ping::opaque()).is_ok().then_some(ping)),
            connection,
            round_trip: None,
            window: window::FIRST,
            taken,
            before: (Instant::now(), 0),
        }
    }

    /// Looks how much comes, and lets the server send more ahead if that is what holds it up.
    /// Whether there is something to send.
    fn look(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(ping) = &mut self.ping
            && let Poll::Ready(pong) = ping.poll_pong(context)
        {
            self.round_trip = pong.is_ok().then(|| self.before.0.elapsed());
            self.ping = None;
        }
        let Some(round_trip) = self.round_trip.filter(|_| !self.window.is_largest()) else {
            return false;
        };
        let (then, before) = self.before;
        let taken = self.taken.load(Ordering::Relaxed);
        if taken - before < self.window.nearly_all() {
            return false;
        }
        self.before = (Instant::now(), taken);
        let larger = self
            .window
            .after(taken - before, self.before.0 - then, round_trip);
        // The server may not have heard of the last change yet: there is another look.
        if larger == self.window
            || self
                .connection
                .set_initial_window_size(larger.stream)
                .is_err()
        {
            return false;
        }
        self.connection.set_target_window_size(larger.connection);
        self.window = larger;
        true
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            // Why it ends, its streams are told.
            if Pin::new(&mut self.connection).poll(context).is_ready() {
                return Poll::Ready(());
            }
            if !self.look(context) {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use h2::client::SendRequest;
    use http::{Request, Response};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    const LENGTH: usize = 48 << 20;

    /// What is read comes out so much later.
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

    /// The ends of a way that takes so long in each direction.
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
            body.send_data(vec![0; LENGTH].into(), true).unwrap();
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

    /// How long a file takes over such a way, by the clock of the test; and how far the server may
    /// send ahead then.
    async fn takes(way_takes: Duration) -> (Duration, Window) {
        let (near, far) = way(way_takes);
        tokio::spawn(serve(far));
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(window::FIRST.stream)
            .initial_connection_window_size(window::FIRST.connection)
            .handshake(near)
            .await
            .unwrap();
        let taken = Arc::default();
        let mut driver = Driver::new(connection, Arc::clone(&taken));
        let began = Instant::now();
        tokio::select! {
            () = Pin::new(&mut driver) => panic!("the connection has ended"),
            () = fetch(sender, &taken) => {}
        }
        (began.elapsed(), driver.window)
    }

    #[tokio::test(start_paused = true)]
    async fn on_a_long_way_the_server_sends_farther_ahead() {
        let (took, window) = takes(Duration::from_millis(50)).await;
        assert!(window.is_largest());
        // A round trip for each window that was there first would take 2.4 s.
        assert!(took < Duration::from_millis(1200), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn on_a_short_one_it_does_not() {
        let (_, window) = takes(Duration::ZERO).await;
        assert_eq!(window, window::FIRST);
    }
}
