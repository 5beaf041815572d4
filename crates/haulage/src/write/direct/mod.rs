//! Copies bytes from a socket to a file without a network thread between them.

mod copier;
mod copy;
mod poll;
mod thread;

pub(crate) use self::copy::{CopyError, LowSpeedLimit};
pub(super) use self::poll::{PollJob, poll_job};
pub(crate) use self::thread::DirectCopy;
pub(super) use self::thread::{CopyJob, job};
