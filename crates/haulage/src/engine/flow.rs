//! A large body goes from its socket to its file directly: decides for which, and takes the connection for it.

use super::lane::Lane;
use super::watch::{Watch, Whose};
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::connect::Connection;
use crate::fetch::recall::Rest;
use crate::write::{Broken, Flow, PartWriter};

/// What is shorter is over before a thread of its own would pay, and would lose its connection, which others could use.
const LARGE: u64 = 32 << 20;

impl Lane {
    /// Receives a body past HTTP, where that can be and is worth it. `false` when it has to be received the other way.
    pub(super) async fn receive_directly(
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
        let (Some(Connection::Http1(connection)), Some(transfer)) =
            (&mut self.connection, whose.transfer().cloned())
        else {
            return Ok(false);
        };
        if connection.recall.is_none() {
            return Ok(false);
        }
        let Some(place) = part.place_for_flow() else {
            return Ok(false);
        };
        let Some(recall) = connection.recall.take() else {
            return Ok(false);
        };
        let Some(Rest { read, socket }) = recall.take(body).await else {
            return Ok(false);
        };
        self.connection = None;
        let mut left = length;
        for mut bytes in read {
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= bytes.len() as u64;
            transfer.add(bytes.len() as u64);
            let turn = self.idle.aside(self.inflow.turn()).await;
            self.inflow.took(&turn, bytes.len() as u64);
            part.write(bytes).await?;
        }
        let flow = Flow {
            socket,
            bytes: left,
            pace: self.pace(),
            transfer,
            inflow: self.inflow.clone(),
        };
        let flowing = part.flow(flow, place);
        let flowed = match watch {
            None => Some(flowing.await?),
            Some(watch) => watch.while_needed(flowing, &self.core, whose).await?,
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
            Broken::Silent => self.idle.silent(),
            Broken::Slow => self.idle.slow(),
            Broken::Socket(cause) => {
                Error::new(ErrorKind::Reset, format!("the connection broke: {cause}"))
                    .caused_by(cause)
            }
            Broken::File(cause) => Error::disk("cannot write", cause),
        }
    }
}
