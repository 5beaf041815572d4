//! A flood of frames after which no response can follow, on a connection that `h2` no longer uses.

use bytes::Bytes;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};

use crate::frames;
use crate::script::Ending;
use crate::socket::{self, Socket};

/// Frames to send: `first`, then `again` this `number` of times. Then the connection closes.
pub(super) struct FrameFlood {
    pub(super) first: Bytes,
    pub(super) again: Bytes,
    pub(super) number: u64,
}

impl FrameFlood {
    /// Reads whatever the client sends meanwhile: one that waits for us to read would not read
    /// itself.
    pub(super) async fn pour(self, socket: impl Socket) {
        let (mut reader, mut writer) = io::split(socket);
        let read = async {
            let mut rest = [0; 4096];
            while reader.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        };
        let write = async {
            writer.write_all(&self.first).await?;
            for frames in frames::repeated(&self.again, self.number) {
                writer.write_all(&frames).await?;
            }
            writer.flush().await
        };
        tokio::select! {
            () = read => {}
            _ = write => {}
        }
        socket::end(reader.unsplit(writer), Ending::Close).await;
    }
}
