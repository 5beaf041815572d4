//! Large bodies go from the socket to the file directly. Decides which ones do, and takes over the
//! connection for them.

use super::Attempt;
use super::monitor::{BodyOwner, Watch};
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::classify;
use crate::fetch::connection::Connection;
use crate::write::{CopyError, DirectCopy, PartWriter};

/// The shortest such body, in bytes. For a shorter one a thread of its own does not pay, and it
/// would cost a connection that other requests could use.
const LARGE: u64 = 32 << 20;

impl Attempt<'_> {
    /// Receives a body past HTTP, where that can be and is worth it. `false` when it has to be
    /// received the other way.
    pub(crate) async fn receive_directly(
        &mut self,
        owner: &mut BodyOwner<'_>,
        body: &mut ResponseBody,
        length: Option<u64>,
        part: &mut PartWriter,
        watch: &mut Option<Watch>,
    ) -> Result<bool, Error> {
        let Some(length) = length.filter(|length| *length >= LARGE) else {
            return Ok(false);
        };
        // The connection carries only the body itself, without framing.
        let is_bare = body.length().is_some_and(|whole| whole >= length);
        let (true, Some(transfer)) = (is_bare, owner.transfer().cloned()) else {
            return Ok(false);
        };
        let connection = self.link.connection.as_ref();
        if !matches!(connection, Some(Connection::Http1(http1)) if http1.can_become_raw()) {
            return Ok(false);
        }
        let Some(thread_permit) = part.direct_copy_permit() else {
            return Ok(false);
        };
        let Some(Connection::Http1(connection)) = self.link.connection.take() else {
            return Ok(false);
        };
        // The connection gets no other request.
        let (mut read, raw) = connection.into_raw().map_err(classify::connection)?;
        read.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        let left = length - read.len() as u64;
        transfer.add(read.len() as u64);
        self.link.received = read.len() as u64;
        let permit = self.link.idle.paused(self.throttle.acquire()).await;
        self.throttle.consumed(&permit, read.len() as u64);
        part.write(read).await?;
        let copy = DirectCopy {
            connection: raw,
            bytes: left,
            limit: self.link.low_speed_limit(),
            transfer,
            throttle: self.throttle.clone(),
            received: self
                .link
                .record
                .as_mut()
                .map(|record| record.count_copied()),
        };
        let copying = part.copy_directly(copy, thread_permit);
        let copied = match watch {
            None => Some(copying.await?),
            Some(watch) => watch.while_needed(copying, self.run, owner).await?,
        };
        if let Some(copied) = copied {
            copied.map_err(|error| self.explain(error))?;
        }
        Ok(true)
    }

    fn explain(&self, error: CopyError) -> Error {
        match error {
            CopyError::Ended => Error::new(
                ErrorKind::Incomplete,
                "the server closed the connection before the file was complete",
            ),
            CopyError::Silent => self.link.idle.silent(),
            CopyError::Slow => self.link.idle.slow(),
            CopyError::Socket(cause) => classify::connection(cause),
            CopyError::File(cause) => Error::disk("cannot write", cause),
        }
    }
}
