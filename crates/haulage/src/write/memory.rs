//! Memory as the destination: the outcome of each file carries its bytes.

use std::collections::HashMap;
use std::io::{self, IoSlice, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use super::budget::{Budget, Reservation};
use super::destination::{Compared, Destination, Lookup, PathKind, Replace, Seen};
use super::scratch::{KeptParts, LastingParts, PartFile, Scratch};
use crate::error::Error;
use crate::plan::accepted::Accepted;
use crate::plan::name::TargetName;
use crate::sync::lock;

/// Files that are kept in memory until the receiver of their outcomes takes them.
pub(crate) struct Memory {
    budget: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    parts: HashMap<u64, Part>,
    /// The number of files that wait for memory.
    waiting: usize,
}

/// A file's bytes, and the memory that is reserved for them.
#[derive(Default)]
struct Part {
    bytes: Arc<Mutex<Vec<u8>>>,
    reservation: Option<Arc<Reservation>>,
    /// Each byte of the response may become this many bytes of the file.
    scale: u64,
    /// Its file waits for another attempt. It is dropped when others wait for memory: they may hold
    /// all connections, so that this file would never get one.
    is_parked: bool,
    /// It was committed, and waits for its outcome.
    is_complete: bool,
}

impl Memory {
    /// Returns memory for this many bytes of files.
    pub(crate) fn new(most: u64) -> Self {
        Self {
            budget: Budget::new(most),
            state: Mutex::default(),
        }
    }

    /// Waits until there is memory for the file of a response of this many bytes; `None` where its
    /// length is unknown. Each byte of it may become `scale` bytes of the file.
    ///
    /// # Errors
    /// Of kind `refused`, when the file is larger than all of the memory.
    pub(crate) async fn reserve(
        &self,
        part: u64,
        length: Option<u64>,
        scale: u64,
    ) -> Result<(), Error> {
        if self.reservation(part).is_some() {
            return Ok(());
        }
        let length = length.map(|length| self.scaled(length, scale));
        let reservation = if let Some(reservation) = self.budget.try_reserve(length)? {
            Arc::new(reservation)
        } else {
            let _waiting = Waiting::new(self);
            Arc::new(self.budget.reserve(length).await?)
        };
        let mut state = self.lock();
        let part = state.parts.entry(part).or_default();
        (part.reservation, part.scale) = (Some(reservation), scale);
        Ok(())
    }

    /// Waits until there is memory for what this many bytes of a part's response become.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub(crate) async fn grow(&self, part: u64, received: u64) -> Result<(), Error> {
        let (reservation, scale) = {
            let state = self.lock();
            let part = state.parts.get(&part);
            let reservation = part.and_then(|part| part.reservation.clone());
            (reservation, part.map_or(1, |part| part.scale))
        };
        let bytes = self.scaled(received, scale);
        match reservation {
            Some(reservation) if !reservation.try_grow(bytes)? => {
                let _waiting = Waiting::new(self);
                reservation.grow().await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Returns how many bytes of a file are expected from `bytes` of its response. An estimate is
    /// no reason to refuse the file.
    fn scaled(&self, bytes: u64, scale: u64) -> u64 {
        match scale {
            0 | 1 => bytes,
            _ => bytes
                .saturating_mul(scale)
                .min(self.budget.most())
                .max(bytes),
        }
    }

    /// Lets a part be dropped if others wait for memory, until it is [taken back](Self::take_back).
    pub(crate) fn park(&self, part: u64) {
        let mut state = self.lock();
        if state.waiting > 0 {
            state.parts.remove(&part);
        } else if let Some(part) = state.parts.get_mut(&part) {
            part.is_parked = true;
        }
    }

    /// Takes a parked part back. Returns `false` if it was dropped.
    pub(crate) fn take_back(&self, part: u64) -> bool {
        let mut state = self.lock();
        let part = state.parts.get_mut(&part);
        part.is_some_and(|part| {
            part.is_parked = false;
            true
        })
    }

    fn reservation(&self, part: u64) -> Option<Arc<Reservation>> {
        self.lock().parts.get(&part)?.reservation.clone()
    }

    /// Returns the bytes of a part, which are written to and read under their own lock.
    fn bytes(&self, part: u64) -> io::Result<Arc<Mutex<Vec<u8>>>> {
        let state = self.lock();
        let part = state.parts.get(&part).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::clone(&part.bytes))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// A file that may have to wait for memory, while this lives.
struct Waiting<'a>(&'a Memory);

impl<'a> Waiting<'a> {
    /// Counts one more waiting file, and removes all parked parts.
    fn new(memory: &'a Memory) -> Self {
        let mut state = memory.lock();
        state.waiting += 1;
        state.parts.retain(|_, part| !part.is_parked);
        Self(memory)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

impl Scratch for Memory {
    fn create(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let bytes = Arc::clone(&self.lock().parts.entry(part).or_default().bytes);
        Ok(Box::new(OpenPart { bytes, at: 0 }))
    }

    fn remove(&self, part: u64) -> io::Result<()> {
        let removed = self.lock().parts.remove(&part);
        removed
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn kept(&self) -> Option<&dyn KeptParts> {
        Some(self)
    }
}

impl KeptParts for Memory {
    fn open(&self, part: u64, at: u64) -> io::Result<Box<dyn PartFile>> {
        let bytes = self.bytes(part)?;
        let at = usize::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
        Ok(Box::new(OpenPart { bytes, at }))
    }

    fn read(&self, part: u64) -> io::Result<Box<dyn Read + Send>> {
        let bytes = self.bytes(part)?;
        Ok(Box::new(Reader { bytes, at: 0 }))
    }

    /// Does nothing but check that the part exists. Nothing in memory survives a power cut, and
    /// nothing is recorded as if it did.
    fn sync(&self, part: u64) -> io::Result<()> {
        self.bytes(part).map(drop)
    }

    fn takes_direct_copies(&self) -> bool {
        false
    }

    fn lasting(&self) -> Option<&dyn LastingParts> {
        None
    }
}

/// Files are identified by their rows, so no name is ever taken.
impl Lookup for Memory {
    fn was_empty(&self) -> bool {
        true
    }

    fn accepted_names(&self) -> Accepted {
        Accepted::EVERYTHING
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

impl Destination for Memory {
    fn commit(&self, part: u64, _target: &TargetName, _replace: Replace) -> io::Result<()> {
        let mut state = self.lock();
        let part = state.parts.get_mut(&part).ok_or(io::ErrorKind::NotFound)?;
        part.is_complete = true;
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

    fn hand_over(&self, part: u64) -> Option<(Bytes, Option<Arc<Reservation>>)> {
        let part = {
            let mut state = self.lock();
            if !state.parts.get(&part)?.is_complete {
                return None;
            }
            state.parts.remove(&part)?
        };
        let bytes = match Arc::try_unwrap(part.bytes) {
            Ok(bytes) => bytes.into_inner().unwrap_or_else(PoisonError::into_inner),
            // Another thread is reading it.
            Err(shared) => std::mem::take(&mut *lock(&shared)),
        };
        Some((bytes.into(), part.reservation))
    }

    fn close(&self, _nothing_is_needed: bool) {
        self.lock().parts.clear();
    }
}

/// A part, and the offset of its next bytes.
struct OpenPart {
    bytes: Arc<Mutex<Vec<u8>>>,
    at: usize,
}

impl PartFile for OpenPart {
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut bytes = lock(&self.bytes);
        let mut written = 0;
        for slice in slices {
            let at = self.at + written;
            if at == bytes.len() {
                bytes.extend_from_slice(slice);
            } else {
                let end = at + slice.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[at..end].copy_from_slice(slice);
            }
            written += slice.len();
        }
        self.at += written;
        Ok(written)
    }

    fn set_modified(&mut self, _time: SystemTime) -> io::Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// A part that is being read.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    at: usize,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = lock(&self.bytes);
        let rest = bytes.get(self.at..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        drop(bytes);
        self.at += read;
        Ok(read)
    }
}
