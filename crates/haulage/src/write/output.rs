//! A stream as the destination: the bytes of one file are written to it as they are received, and
//! cannot be taken back.

use std::io::{self, IoSlice, Read};
use std::sync::Mutex;
use std::time::SystemTime;

use super::destination::{Compared, Destination, Lookup, PathKind, Replace, Seen};
use super::scratch::{KeptParts, PartFile, Scratch};
use crate::options::Output;
use crate::plan::accepted::Accepted;
use crate::plan::name::TargetName;
use crate::sync::lock;

/// A stream, and the part whose bytes were written to it; `None` before the first.
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

impl Scratch for Stream {
    fn create(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let mut taken = lock(&self.part);
        if taken.replace(part).is_some() {
            return Err(io::Error::other("another file was written there already"));
        }
        Ok(Box::new(OutputPart(self.output.clone())))
    }

    fn remove(&self, _part: u64) -> io::Result<()> {
        Ok(())
    }

    fn kept(&self) -> Option<&dyn KeptParts> {
        None
    }
}

impl Lookup for Stream {
    fn was_empty(&self) -> bool {
        true
    }

    fn accepted_names(&self) -> Accepted {
        Accepted::NOTHING
    }

    fn stat(&self, _target: &TargetName) -> io::Result<PathKind> {
        Ok(PathKind::Nothing)
    }

    fn read(&self, _target: &TargetName) -> io::Result<Box<dyn Read + Send>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn marker(&self, _target: &TargetName) -> Option<&'static str> {
        None
    }
}

/// It has no names, so none is ever taken.
impl Destination for Stream {
    fn commit(&self, _part: u64, _target: &TargetName, _replace: Replace) -> io::Result<()> {
        Ok(())
    }

    fn compare(&self, _part: u64, _target: &TargetName) -> io::Result<Compared> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn replace(&self, _part: u64, _target: &TargetName, _seen: Seen) -> io::Result<bool> {
        Ok(false)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
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
