//! The step in which a part takes the rest of a body directly from its socket.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::place::Place;
use super::pump::{self, Broken, Pace};
use super::scratch::PartFile;
use crate::event::Transfer;
use crate::inflow::Inflow;
use crate::wire::Wire;

/// The rest of a body, to be written to a part.
pub(crate) struct Flow {
    /// The connection, at the first of these bytes.
    pub(crate) wire: Wire,
    /// The number of bytes.
    pub(crate) bytes: u64,
    pub(crate) pace: Pace,
    /// Told how many bytes have been moved.
    pub(crate) transfer: Arc<Transfer>,
    pub(crate) inflow: Inflow,
}

/// A flow on its way to its thread.
pub(super) struct Order {
    flow: Flow,
    tell: oneshot::Sender<Result<(), Broken>>,
    /// The permit for that thread, whose number is limited.
    _place: OwnedSemaphorePermit,
}

/// Receives the result of a flow. Dropping it stops the flow.
pub(super) struct Told {
    result: oneshot::Receiver<Result<(), Broken>>,
    socket: TcpStream,
}

/// Returns a flow as an order, and the receiver of its result. Fails if its socket cannot be
/// prepared.
pub(super) fn order(flow: Flow, place: OwnedSemaphorePermit) -> Result<(Order, Told), Broken> {
    let socket = &flow.wire.socket;
    socket.set_nonblocking(false).map_err(Broken::Socket)?;
    let socket = socket.try_clone().map_err(Broken::Socket)?;
    let (tell, result) = oneshot::channel();
    let order = Order {
        flow,
        tell,
        _place: place,
    };
    Ok((order, Told { result, socket }))
}

impl Order {
    /// Moves the bytes and reports the result. Returns how many bytes were written to the file. If
    /// the part is shared, no more are taken than its segment has left.
    pub(super) fn run(self, file: &dyn PartFile, place: Option<&Place>) -> u64 {
        let flow = self.flow;
        let mut moved = 0;
        let result = match file.descriptor() {
            Some(descriptor) => pump::run(
                flow.wire,
                &pump::Flow {
                    file: descriptor.as_fd(),
                    bytes: flow.bytes,
                    pace: flow.pace,
                    inflow: &flow.inflow,
                    place,
                },
                |bytes| {
                    moved += bytes;
                    if let Some(place) = place {
                        place.stretch.wrote(bytes);
                    }
                    flow.transfer.add(bytes);
                    file.flowed(bytes)
                },
            ),
            None => Err(Broken::File(std::io::ErrorKind::Unsupported.into())),
        };
        // The receiver may have been stopped.
        let _ = self.tell.send(result);
        moved
    }

    /// Refuses the order, since the part has failed already: it reports why.
    pub(super) fn refuse(self) {
        drop(self.tell);
    }
}

impl Told {
    /// Waits for the result of the flow.
    pub(super) async fn result(&mut self) -> Result<(), Broken> {
        let told = (&mut self.result).await;
        told.unwrap_or_else(|_| Err(Broken::File(std::io::ErrorKind::Other.into())))
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // The flow may be over, and the other side may have closed the socket.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}
