//! The step in which a part takes what a socket has for it: on the thread of the disk, so that the bytes are written while they are warm, and
//! no memory of ours holds them.

use std::cell::RefCell;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::carrier::Carrier;
use super::disk::PartFile;
use super::stretch::Stretch;

thread_local! {
    /// Each thread has one, since to make it costs as much as to move a small file.
    static CARRIER: RefCell<Carrier> = RefCell::new(Carrier::new(None));
}

/// What a socket has, and what comes while it is taken.
pub(super) struct Order {
    /// Does not block.
    socket: Arc<TcpStream>,
    most: usize,
    tell: oneshot::Sender<io::Result<u64>>,
}

/// Why not all have been taken.
enum Broken {
    Socket(io::Error),
    File(io::Error),
}

/// An order for at most so many bytes, and how many were taken. What the socket has to say is an error there; what the disk has to say, its part knows.
pub(super) fn order(
    socket: Arc<TcpStream>,
    most: usize,
) -> (Order, oneshot::Receiver<io::Result<u64>>) {
    let (tell, told) = oneshot::channel();
    let order = Order { socket, most, tell };
    (order, told)
}

impl Order {
    /// Does it. Where a part is shared, no more are taken than its stretch has left.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn run(
        self,
        file: &dyn PartFile,
        stretch: Option<&Stretch>,
    ) -> (u64, io::Result<()>) {
        let mut moved = 0;
        let result = self.carry(file, stretch, &mut moved);
        let (told, result) = match result {
            Ok(()) => (Ok(moved), Ok(())),
            Err(Broken::Socket(error)) => (Err(error), Ok(())),
            // What is in the pipe belongs to nobody.
            Err(Broken::File(error)) => {
                CARRIER.replace(Carrier::new(None));
                return (moved, Err(error));
            }
        };
        // Whoever waited may have been stopped.
        let _ = self.tell.send(told);
        (moved, result)
    }

    fn carry(
        &self,
        file: &dyn PartFile,
        stretch: Option<&Stretch>,
        moved: &mut u64,
    ) -> Result<(), Broken> {
        let Some(descriptor) = file.descriptor() else {
            return Err(Broken::File(io::ErrorKind::Unsupported.into()));
        };
        CARRIER.with_borrow_mut(|carrier| {
            let mut left = self.most;
            while left > 0 {
                let most = stretch.map_or(u64::MAX, Stretch::left);
                let most = left.min(usize::try_from(most).unwrap_or(usize::MAX));
                if most == 0 {
                    return Ok(());
                }
                let taken = match carrier.take(&self.socket, most) {
                    // Its end: whoever waits for more sees that.
                    Ok(0) => return Ok(()),
                    Ok(taken) => taken,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(Broken::Socket(error)),
                };
                carrier
                    .put(descriptor.as_fd(), taken)
                    .map_err(Broken::File)?;
                left -= taken;
                *moved += taken as u64;
                if let Some(stretch) = stretch {
                    stretch.wrote(taken as u64);
                }
                file.flowed(taken as u64).map_err(Broken::File)?;
            }
            Ok(())
        })
    }

    /// It cannot be done: the part has failed already, and says why itself.
    pub(super) fn refuse(self) {
        drop(self.tell);
    }
}
