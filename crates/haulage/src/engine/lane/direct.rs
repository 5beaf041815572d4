//! Large bodies go from the socket to the file directly. Decides which ones do, and takes over the
//! connection for them.

use super::Attempt;
use super::monitor::{Watch, Whose};
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::classify;
use crate::fetch::connection::Connection;
use crate::write::{Broken, Flow, PartWriter};

/// The shortest such body, in bytes. For a shorter one a thread of its own does not pay, and it
/// would cost a connection that other requests could use.
const LARGE: u64 = 32 << 20;

impl Attempt<'_> {
    /// Receives a body past HTTP, where that can be and is worth it. `false` when it has to be
    /// received the other way.
    pub(crate) async fn receive_directly(
        &mut self,
        whose: &mut Whose<'_>,
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
        let (true, Some(transfer)) = (is_bare, whose.transfer().cloned()) else {
            return Ok(false);
        };
        let connection = self.link.connection.as_ref();
        if !matches!(connection, Some(Connection::Http1(http1)) if http1.has_wire()) {
            return Ok(false);
        }
        let Some(place) = part.place_for_flow() else {
            return Ok(false);
        };
        let Some(Connection::Http1(connection)) = self.link.connection.take() else {
            return Ok(false);
        };
        // The connection gets no other request.
        let (mut read, wire) = connection.into_wire().map_err(classify::connection)?;
        read.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        let left = length - read.len() as u64;
        transfer.add(read.len() as u64);
        let turn = self.link.idle.aside(self.inflow.turn()).await;
        self.inflow.took(&turn, read.len() as u64);
        part.write(read).await?;
        let flow = Flow {
            wire,
            bytes: left,
            pace: self.link.pace(),
            transfer,
            inflow: self.inflow.clone(),
        };
        let flowing = part.flow(flow, place);
        let flowed = match watch {
            None => Some(flowing.await?),
            Some(watch) => watch.while_needed(flowing, self.run, whose).await?,
        };
        if let Some(flowed) = flowed {
            flowed.map_err(|broken| self.explain(broken))?;
        }
        Ok(true)
    }

    fn explain(&self, broken: Broken) -> Error {
        match broken {
            Broken::Ended => Error::new(
                ErrorKind::Incomplete,
                "the server closed the connection before the file was complete",
            ),
            Broken::Silent => self.link.idle.silent(),
            Broken::Slow => self.link.idle.slow(),
            Broken::Socket(cause) => classify::connection(cause),
            Broken::File(cause) => Error::disk("cannot write", cause),
        }
    }
}
