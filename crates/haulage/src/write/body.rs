//! A body as it is written: its bytes, through what was asked of them, into a part's file.

use std::io::{self, IoSlice};
use std::time::SystemTime;

use super::batch::Batch;
use super::content::Content;
use super::disk::{Disk, PartFile};
use super::flow;
use super::trouble::Trouble;
use super::verify::{self, Arrived, Verified};
use crate::error::Error;

/// A body, as far as it has been written.
pub(super) struct Body {
    content: Option<Box<Content>>,
    file: Option<Box<dyn PartFile>>,
    received: u64,
    written: u64,
}

impl Body {
    pub(super) fn new(content: Option<Box<Content>>) -> Self {
        Self {
            content,
            file: None,
            received: 0,
            written: 0,
        }
    }

    /// Writes the next bytes. The part's file is created with the first ones, even if they are none.
    pub(super) fn write(
        &mut self,
        batch: &Batch,
        disk: &dyn Disk,
        part: u64,
    ) -> Result<(), Trouble> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(disk.create_part(part)?),
        };
        self.received += batch.length() as u64;
        let mut slices = batch.slices();
        let Some(content) = &mut self.content else {
            self.written += batch.length() as u64;
            return Ok(write_all(file.as_mut(), &mut slices)?);
        };
        for slice in &slices {
            content.pass(slice, &mut |bytes| {
                self.written += bytes.len() as u64;
                Ok(write_all(file.as_mut(), &mut [IoSlice::new(bytes)])?)
            })?;
        }
        Ok(())
    }

    /// Lets a flow add what it brings: for a body of which nothing is asked, and whose file is there.
    pub(super) fn take(&mut self, order: flow::Order) {
        match &mut self.file {
            Some(file) if self.content.is_none() => {
                let moved = order.run(file.as_ref());
                self.received += moved;
                self.written += moved;
            }
            _ => order.refuse(),
        }
    }

    /// These were all: closes the file, if it is what it should be.
    pub(super) fn finish(
        &mut self,
        promised: Option<u64>,
        modified: Option<SystemTime>,
    ) -> Result<Verified, Trouble> {
        let verified = self.verify(promised).map_err(Trouble::Body)?;
        if let Some(mut file) = self.file.take() {
            if let Some(time) = modified {
                // A file system without times still has the file.
                let _ = file.set_modified(time);
            }
            file.close()?;
        }
        Ok(verified)
    }

    /// The framing comes first: of a body that was cut short, nothing else needs to be right.
    fn verify(&mut self, promised: Option<u64>) -> Result<Verified, Error> {
        verify::length(self.received, promised)?;
        let (hashes, expected) = match self.content.take() {
            Some(content) => content.end()?,
            None => Default::default(),
        };
        let arrived = Arrived {
            received: self.received,
            length: self.written,
            hashes,
        };
        verify::verify(arrived, promised, &expected)
    }

    /// Lets go of the file, whatever is in it.
    pub(super) fn give_up(&mut self) {
        self.file = None;
    }
}

fn write_all(file: &mut dyn PartFile, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match file.write(slices) {
            // Whatever is left is empty, or the disk takes no more.
            Ok(0) if slices.iter().all(|slice| slice.is_empty()) => return Ok(()),
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
