//! The operation in which a part takes the rest of a body directly from its socket, on a thread of
//! its own.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::copy::{self, CopyError, LowSpeedLimit};
use crate::event::Transfer;
use crate::raw_connection::RawConnection;
use crate::throttle::Throttle;
use crate::write::scratch::PartFile;
use crate::write::slot::SegmentSlot;

/// The rest of a body, to be written to a part.
pub(crate) struct DirectCopy {
    /// The connection, at the first of these bytes.
    pub(crate) connection: RawConnection,
    /// The number of bytes.
    pub(crate) bytes: u64,
    pub(crate) limit: LowSpeedLimit,
    /// Told how many bytes have been moved.
    pub(crate) transfer: Arc<Transfer>,
    pub(crate) throttle: Throttle,
    /// Counts them as well; `None` if nobody asks.
    pub(crate) received: Option<Arc<AtomicU64>>,
}

/// A copy on its way to its thread.
pub(in crate::write) struct CopyJob {
    copy: DirectCopy,
    tell: oneshot::Sender<Result<(), CopyError>>,
    /// The permit for that thread, whose number is limited.
    _permit: OwnedSemaphorePermit,
}

/// Receives the result of a copy. Dropping it stops the copy.
pub(in crate::write) struct CopyHandle {
    result: oneshot::Receiver<Result<(), CopyError>>,
    socket: TcpStream,
}

/// Returns a copy as a job, and the receiver of its result. Fails if its socket cannot be
/// prepared.
pub(in crate::write) fn job(
    copy: DirectCopy,
    permit: OwnedSemaphorePermit,
) -> Result<(CopyJob, CopyHandle), CopyError> {
    let socket = &copy.connection.socket;
    socket.set_nonblocking(false).map_err(CopyError::Socket)?;
    let socket = socket.try_clone().map_err(CopyError::Socket)?;
    let (tell, result) = oneshot::channel();
    let job = CopyJob {
        copy,
        tell,
        _permit: permit,
    };
    Ok((job, CopyHandle { result, socket }))
}

impl CopyJob {
    /// Moves the bytes and reports the result. Returns how many bytes were written to the file. If
    /// the part is shared, no more are taken than its segment has left.
    pub(in crate::write) fn run(self, file: &dyn PartFile, slot: Option<&SegmentSlot>) -> u64 {
        let copy = self.copy;
        let mut moved = 0;
        let result = match file.descriptor() {
            Some(descriptor) => copy::run(
                copy.connection,
                &copy::CopyParams {
                    file: descriptor.as_fd(),
                    bytes: copy.bytes,
                    limit: copy.limit,
                    throttle: &copy.throttle,
                    slot,
                },
                |bytes| {
                    moved += bytes;
                    if let Some(slot) = slot {
                        slot.segment.wrote(bytes);
                    }
                    copy.transfer.add(bytes);
                    if let Some(received) = &copy.received {
                        received.fetch_add(bytes, Ordering::Relaxed);
                    }
                    file.written_directly(bytes)
                },
            ),
            None => Err(CopyError::File(std::io::ErrorKind::Unsupported.into())),
        };
        // The receiver may have been stopped.
        let _ = self.tell.send(result);
        moved
    }

    /// Refuses the job, since the part has failed already: it reports why.
    pub(in crate::write) fn refuse(self) {
        drop(self.tell);
    }
}

impl CopyHandle {
    /// Waits for the result of the copy.
    pub(in crate::write) async fn result(&mut self) -> Result<(), CopyError> {
        let told = (&mut self.result).await;
        told.unwrap_or_else(|_| Err(CopyError::File(std::io::ErrorKind::Other.into())))
    }
}

impl Drop for CopyHandle {
    fn drop(&mut self) {
        // The copy may be over, and the other side may have closed the socket.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}
