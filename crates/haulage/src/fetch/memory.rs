//! Connections in memory, to servers of a simulation.

use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

use super::origin::Origin;

/// A connection in memory.
pub(crate) type MemoryStream = Box<dyn Duplex>;

/// Something that bytes are read from and written to.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

/// Opens connections in memory.
pub(crate) trait Network: Send + Sync {
    /// Connects to an origin. Fails as `connect(2)` does.
    fn connect<'a>(&'a self, origin: &'a Origin) -> Connecting<'a>;
}

/// A connection that is being opened.
pub(crate) type Connecting<'a> =
    Pin<Box<dyn Future<Output = io::Result<MemoryStream>> + Send + 'a>>;
