//! A stream as the destination: the bytes of one file go out as they come, and none of them can be
//! taken back.

use std::io::{self, IoSlice, Read};
use std::sync::Mutex;
use std::time::SystemTime;

use super::disk::{Disk, PartFile, Present, Replace};
use crate::options::Output;
use crate::plan::name::TargetName;
use crate::sync::lock;

/// A stream, and whose bytes it has.
pub(crate) struct Stream {
    output: Output,
    part: Mutex<Option<u64>>,
}

impl Stream {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            part: Mutex::default(),
        }
    }
}

impl Disk for Stream {
    fn create_part(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let mut taken = lock(&self.part);
        if taken.replace(part).is_some() {
            return Err(io::Error::other("another file was written there already"));
        }
        Ok(Box::new(OutputPart(self.output.clone())))
    }

    fn open_part(&self, _part: u64, _at: u64) -> io::Result<Box<dyn PartFile>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn read_part(&self, _part: u64) -> io::Result<Box<dyn Read + Send>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn commit(&self, _part: u64, _target: &TargetName, _replace: Replace) -> io::Result<()> {
        Ok(())
    }

    fn remove_part(&self, _part: u64) -> io::Result<()> {
        Ok(())
    }

    fn keeps_files(&self) -> bool {
        false
    }

    fn was_empty(&self) -> bool {
        true
    }

    fn present(&self, _target: &TargetName) -> io::Result<Present> {
        Ok(Present::Nothing)
    }

    fn read(&self, _target: &TargetName) -> io::Result<Box<dyn Read + Send>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn close(&self, _nothing_is_needed: bool) {}
}

struct OutputPart(Output);

impl PartFile for OutputPart {
    fn write(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.lock().write_vectored(bytes)
    }

    fn set_modified(&mut self, _time: SystemTime) -> io::Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        self.0.lock().flush()
    }
}
