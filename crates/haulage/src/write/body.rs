//! Writes a body to the file of a part, after decoding and hashing its bytes where required.

use std::io::{self, IoSlice};
use std::time::SystemTime;

use super::assembly::Assembly;
use super::batch::Batch;
use super::content::{Content, Hashed};

use super::direct::{CopyJob, PollJob};
use super::scratch::PartFile;
use super::slot::SegmentSlot;
use super::storage::Storage;
use super::verify::{self, Arrived, Verified};
use super::write_error::WriteError;
use crate::error::{Error, ErrorKind};
use crate::plan::size;

/// A body, as far as it has been written.
pub(super) struct Body {
    content: Option<Box<Content>>,
    file: Option<Box<dyn PartFile>>,
    received: u64,
    written: u64,
    slot: Option<SegmentSlot>,
}

impl Body {
    /// Creates a body, with `content` if anything is asked of its bytes besides saving them. It
    /// goes to a part of its own, or to its place in one that others write to.
    pub(super) fn new(content: Option<Box<Content>>, slot: Option<SegmentSlot>) -> Self {
        Self {
            content,
            file: None,
            received: 0,
            written: 0,
            slot,
        }
    }

    /// Writes the next bytes. The first call creates the part's file, even without any bytes.
    /// `at_once`: these are all the bytes, and the file will replace no other.
    pub(super) fn write(
        &mut self,
        batch: &Batch,
        storage: &Storage,
        part: u64,
        at_once: bool,
    ) -> Result<(), WriteError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(match &self.slot {
                None if at_once => storage.scratch.create_whole(part)?,
                None => storage.scratch.create(part)?,
                Some(slot) => slot.assembly.open(storage, slot.segment.start())?,
            }),
        };
        self.received += batch.length() as u64;
        let mut slices = batch.slices();
        let content = match &self.slot {
            // What does not begin the file is hashed at the end, when the file is read again.
            Some(slot) if slot.segment.start() > 0 => None,
            _ => self.content.as_mut(),
        };
        let Some(content) = content else {
            write_all(file.as_mut(), &mut slices)?;
            self.written += batch.length() as u64;
            self.tell(batch.length() as u64);
            return Ok(());
        };
        for slice in &slices {
            content.pass(slice, &mut |bytes| {
                self.written += bytes.len() as u64;
                Ok(write_all(file.as_mut(), &mut [IoSlice::new(bytes)])?)
            })?;
        }
        self.tell(batch.length() as u64);
        Ok(())
    }

    /// Tells those who share the part that `bytes` more bytes have been written.
    fn tell(&self, bytes: u64) {
        if let Some(slot) = &self.slot {
            slot.segment.wrote(bytes);
        }
    }

    /// Copies the bytes of a socket to the file, which must exist, until all have come. The bytes
    /// must need no decoding or hashing.
    pub(super) fn copy(&mut self, job: CopyJob) {
        match &mut self.file {
            Some(file) => {
                let moved = job.run(file.as_ref(), self.slot.as_ref());
                self.received += moved;
                self.written += moved;
            }
            None => job.refuse(),
        }
    }

    /// Copies the bytes that a socket has at the moment, under the same conditions as
    /// [`copy`](Self::copy).
    pub(super) fn copy_ready(&mut self, job: PollJob) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            job.refuse();
            return Ok(());
        };
        let segment = self.slot.as_ref().map(|slot| &*slot.segment);
        let (moved, result) = job.run(file.as_ref(), segment);
        self.received += moved;
        self.written += moved;
        result
    }

    /// Verifies the body after its last byte, and closes its file. The lengths are the one that the
    /// response promised and the one that the row requires. Fails if the file is not as expected.
    pub(super) fn finish(
        &mut self,
        (promised, size): (Option<u64>, Option<u64>),
        modified: Option<SystemTime>,
        storage: &Storage,
    ) -> Result<Verified, WriteError> {
        let verified = match self.slot.clone() {
            None => self.verify(promised, size).map_err(WriteError::Body)?,
            Some(slot) => self.verify_assembly(&slot.assembly, storage)?,
        };
        if let Some(mut file) = self.file.take() {
            if let Some(time) = modified {
                // The file is good even where the file system stores no times.
                let _ = file.set_modified(time);
            }
            file.close()?;
        }
        self.give_up();
        Ok(verified)
    }

    /// Verifies a body that has a part of its own. The framing is checked first: of a body that was
    /// cut short, nothing else needs to be right.
    fn verify(&mut self, promised: Option<u64>, size: Option<u64>) -> Result<Verified, Error> {
        verify::length(self.received, promised)?;
        let Hashed {
            hashes,
            right,
            expected,
        } = match self.content.take() {
            Some(content) => content.end()?,
            None => Hashed::default(),
        };
        size::check_expected(self.written, size)?;
        let arrived = Arrived {
            received: self.received,
            length: self.written,
            hashes,
            right,
        };
        verify::verify(arrived, promised, &expected)
    }

    /// Verifies a part that other responses may have written to as well. Its bytes were hashed in
    /// order only if one response has delivered them all; otherwise the file is read once more.
    fn verify_assembly(
        &mut self,
        assembly: &Assembly,
        storage: &Storage,
    ) -> Result<Verified, WriteError> {
        let total = assembly.identity.total;
        if !assembly.is_whole() {
            return Err(WriteError::Body(Error::new(
                ErrorKind::Incomplete,
                format!("of {total} bytes some are missing"),
            )));
        }
        let Hashed {
            hashes,
            right,
            expected,
        } = match self.content.take() {
            None => Hashed::default(),
            // If other responses have written too, their bytes may have replaced hashed ones.
            Some(content) if self.written == total && assembly.contributors() == 1 => {
                content.end().map_err(WriteError::Body)?
            }
            Some(content) => {
                let mut file = storage.kept_parts()?.read(assembly.number)?;
                content.of_file(file.as_mut())?
            }
        };
        let arrived = Arrived {
            received: total,
            length: total,
            hashes,
            right,
        };
        verify::verify(arrived, Some(total), &expected).map_err(WriteError::Body)
    }

    /// Returns whether others can write to the part, or resume it.
    pub(super) fn is_shared(&self) -> bool {
        self.slot.is_some()
    }

    /// Drops the file, whatever is in it, and ends the segment.
    pub(super) fn give_up(&mut self) {
        self.file = None;
        if let Some(slot) = self.slot.take() {
            slot.assembly.end(&slot.segment);
        }
    }

    /// Closes the file, which others may resume. If that fails, all progress of the segment is
    /// discarded.
    pub(super) fn keep(&mut self) {
        let closed = self.file.take().map(PartFile::close);
        if let Some(slot) = &self.slot
            && closed.is_some_and(|closed| closed.is_err())
        {
            // It is not known which of the writes have failed.
            slot.segment.discard_progress();
        }
        self.give_up();
    }
}

/// Writes all of these bytes.
pub(super) fn write_all(file: &mut dyn PartFile, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match file.write(slices) {
            // All slices are empty, or the disk accepts no more.
            Ok(0) if slices.iter().all(|slice| slice.is_empty()) => return Ok(()),
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
