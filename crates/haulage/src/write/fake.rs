//! A disk in memory, for tests: it hangs or fails when told to.

use std::collections::{HashMap, HashSet};
use std::io::{self, IoSlice, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::SystemTime;

use super::destination::{Compared, Destination, Lookup, PathKind, Replace, Seen};
use super::scratch::{Held, KeptParts, LastingParts, PartFile, Scratch};
use crate::plan::accepted::Accepted;
use crate::plan::existing::Likeness;
use crate::plan::name::TargetName;

/// A file operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Create,
    Open,
    Write,
    Close,
    Commit,
    Remove,
    Sync,
}

/// What was done with the disk, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// These bytes were written to a part, from this offset on.
    Written(u64, usize, Vec<u8>),
    Named(u64, String),
    SyncedPart(u64),
    Synced,
}

/// A write of bytes that begin with this hangs, until [`FakeDisk::go_on`].
pub(crate) const HANGS: &[u8] = b"this write hangs";

/// A look at a name that begins with this hangs, until [`FakeDisk::go_on`].
pub(crate) const HANGING_NAME: &str = "hanging-";

#[derive(Clone, Default)]
pub(crate) struct FakeDisk(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    parts: HashMap<u64, Vec<u8>>,
    /// The bytes of each part when it was last synced.
    durable: HashMap<u64, Vec<u8>>,
    first_part: u64,
    files: HashMap<String, Vec<u8>>,
    /// The operations that fail from now on, each with its error number.
    failing: HashMap<Operation, i32>,
    /// One failure: after how many operations it happens, and its error number.
    failing_once: Option<(usize, i32)>,
    log: Vec<Done>,
    while_syncing: Option<Box<dyn Fn() + Send>>,
    /// The most bytes that one write accepts; `None` for no limit.
    short_writes: Option<usize>,
    /// Files are gone at the moment in which they are to be read.
    vanishing: bool,
    goes_on: bool,
    hanging: usize,
    /// The number of parts that have been removed.
    removed: usize,
    closed: HashSet<u64>,
}

impl FakeDisk {
    /// Makes this operation fail from now on.
    pub(crate) fn fail(&self, operation: Operation, error_number: i32) {
        self.lock().failing.insert(operation, error_number);
    }

    /// Makes one operation fail, after this many others.
    pub(crate) fn fail_after(&self, others: usize, error_number: i32) {
        self.lock().failing_once = Some((others, error_number));
    }

    /// Lets all operations succeed again. Returns whether a failure that was to happen once has not
    /// happened.
    pub(crate) fn heal(&self) -> bool {
        let mut state = self.lock();
        state.failing.clear();
        state.failing_once.take().is_some()
    }

    /// Sets what is called in the middle of each sync.
    pub(crate) fn while_syncing(&self, happens: impl Fn() + Send + 'static) {
        self.lock().while_syncing = Some(Box::new(happens));
    }

    pub(crate) fn log(&self) -> Vec<Done> {
        self.lock().log.clone()
    }

    pub(crate) fn files(&self) -> HashMap<String, Vec<u8>> {
        self.lock().files.clone()
    }

    /// Limits each write from now on to this many bytes.
    pub(crate) fn write_at_most(&self, bytes: usize) {
        self.lock().short_writes = Some(bytes);
    }

    /// Makes files vanish from now on at the moment in which they are to be read.
    pub(crate) fn let_files_vanish(&self) {
        self.lock().vanishing = true;
    }

    /// Lets hanging operations continue.
    pub(crate) fn go_on(&self) {
        self.lock().goes_on = true;
        self.0.changed.notify_all();
    }

    /// Waits until a write or a look at a name hangs.
    pub(crate) fn wait_until_one_hangs(&self) {
        let mut state = self.lock();
        while state.hanging == 0 {
            state = self.0.changed.wait(state).unwrap();
        }
    }

    /// Hangs until [`go_on`](Self::go_on).
    fn hang<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.hanging += 1;
        self.0.changed.notify_all();
        while !state.goes_on {
            state = self.0.changed.wait(state).unwrap();
        }
        state
    }

    /// Waits until a part has been removed.
    pub(crate) fn wait_until_one_is_removed(&self) {
        let mut state = self.lock();
        while state.removed == 0 {
            state = self.0.changed.wait(state).unwrap();
        }
    }

    /// Puts a file there.
    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) {
        self.lock().files.insert(name.to_owned(), bytes);
    }

    pub(crate) fn file(&self, name: &str) -> Option<Vec<u8>> {
        self.lock().files.get(name).cloned()
    }

    /// Returns how many parts there are.
    pub(crate) fn parts(&self) -> usize {
        self.lock().parts.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

/// Lets writes continue when it is dropped, so that a failing test ends instead of waiting for a
/// write that hangs.
pub(crate) struct GoesOn(pub(crate) FakeDisk);

impl Drop for GoesOn {
    fn drop(&mut self) {
        self.0.go_on();
    }
}

impl State {
    fn may(&mut self, operation: Operation) -> io::Result<()> {
        match &mut self.failing_once {
            Some((0, number)) => {
                let number = *number;
                self.failing_once = None;
                return Err(io::Error::from_raw_os_error(number));
            }
            Some((others, _)) => *others -= 1,
            None => {}
        }
        match self.failing.get(&operation) {
            Some(&number) => Err(io::Error::from_raw_os_error(number)),
            None => Ok(()),
        }
    }
}

impl State {
    /// Decides whether a sync may succeed. One that fails loses what was not synced before, and a
    /// later one does not know of that, as with real disks.
    fn may_sync(&mut self) -> io::Result<()> {
        let synced = self.may(Operation::Sync);
        if synced.is_err() {
            for (part, bytes) in &mut self.parts {
                let mut left = self.durable.get(part).cloned().unwrap_or_default();
                left.resize(bytes.len(), 0);
                *bytes = left;
            }
        }
        synced
    }
}

impl Scratch for FakeDisk {
    fn create(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let mut state = self.lock();
        state.may(Operation::Create)?;
        assert!(
            state.parts.insert(part, Vec::new()).is_none(),
            "part {part} was there"
        );
        Ok(Box::new(FakePart(self.clone(), part, 0)))
    }

    fn remove(&self, part: u64) -> io::Result<()> {
        let mut state = self.lock();
        state.may(Operation::Remove)?;
        state.parts.remove(&part).ok_or(io::ErrorKind::NotFound)?;
        state.removed += 1;
        self.0.changed.notify_all();
        Ok(())
    }

    fn kept(&self) -> Option<&dyn KeptParts> {
        Some(self)
    }
}

impl KeptParts for FakeDisk {
    fn open(&self, part: u64, at: u64) -> io::Result<Box<dyn PartFile>> {
        let mut state = self.lock();
        state.may(Operation::Open)?;
        let bytes = state.parts.get_mut(&part).ok_or(io::ErrorKind::NotFound)?;
        let at = usize::try_from(at).unwrap();
        bytes.resize(bytes.len().max(at), 0);
        Ok(Box::new(FakePart(self.clone(), part, at)))
    }

    fn read(&self, part: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut state = self.lock();
        state.may(Operation::Open)?;
        let bytes = state.parts.get(&part).cloned();
        Ok(Box::new(io::Cursor::new(
            bytes.ok_or(io::ErrorKind::NotFound)?,
        )))
    }

    fn sync(&self, part: u64) -> io::Result<()> {
        let mut state = self.lock();
        state.may_sync()?;
        let bytes = state.parts.get(&part).cloned();
        state
            .durable
            .insert(part, bytes.ok_or(io::ErrorKind::NotFound)?);
        state.log.push(Done::SyncedPart(part));
        Ok(())
    }

    fn takes_direct_copies(&self) -> bool {
        false
    }

    fn lasting(&self) -> Option<&dyn LastingParts> {
        Some(self)
    }
}

/// There are no other runs on this disk.
impl LastingParts for FakeDisk {
    fn adopt(&self, recorded: &[(u64, u64)]) -> io::Result<Vec<u64>> {
        let mut state = self.lock();
        let is_recorded = |part: &u64, bytes: &[u8]| {
            recorded
                .iter()
                .any(|(kept, least)| kept == part && *least <= bytes.len() as u64)
        };
        state.parts.retain(|part, bytes| is_recorded(part, bytes));
        let after = recorded.iter().map(|(part, _)| part + 1).max();
        state.first_part = state.first_part.max(after.unwrap_or(0));
        Ok(state.parts.keys().copied().collect())
    }

    fn first(&self) -> u64 {
        self.lock().first_part
    }

    fn reserve(&self, _count: u64) -> u64 {
        0
    }

    fn retain(&self, _parts: Vec<u64>) {}

    fn adopt_left(&self, _run: &str, _recorded: &[(u64, u64)]) -> io::Result<Vec<u64>> {
        Ok(Vec::new())
    }

    fn take_left(&self, _run: &str, _part: u64, _number: u64) -> io::Result<bool> {
        Ok(false)
    }

    fn remove_left(&self, _run: &str, _part: u64) -> io::Result<()> {
        Ok(())
    }

    fn remove_left_run(&self, _run: &str) -> io::Result<()> {
        Ok(())
    }

    fn lock_lists(&self) -> io::Result<Option<Held>> {
        Ok(None)
    }
}

impl Lookup for FakeDisk {
    fn was_empty(&self) -> bool {
        false
    }

    fn accepted_names(&self) -> Accepted {
        Accepted::NOTHING
    }

    fn stat(&self, target: &TargetName) -> io::Result<PathKind> {
        let mut state = self.lock();
        if target.as_str().starts_with(HANGING_NAME) {
            state = self.hang(state);
        }
        let file = state.files.get(target.as_str());
        Ok(file.map_or(PathKind::Nothing, |bytes| PathKind::File {
            length: bytes.len() as u64,
            modified: None,
        }))
    }

    fn read(&self, target: &TargetName) -> io::Result<Box<dyn Read + Send>> {
        let mut state = self.lock();
        if state.vanishing {
            state.files.remove(target.as_str());
        }
        drop(state);
        let file = self.file(target.as_str()).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(file)))
    }

    fn marker(&self, _target: &TargetName) -> Option<&'static str> {
        None
    }
}

impl Destination for FakeDisk {
    fn commit(&self, part: u64, target: &TargetName, replace: Replace) -> io::Result<()> {
        let mut state = self.lock();
        state.may(Operation::Commit)?;
        assert!(
            state.closed.contains(&part),
            "part {part} is committed before it is closed"
        );
        if replace == Replace::Never && state.files.contains_key(target.as_str()) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let bytes = state.parts.remove(&part).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(target.as_str().to_owned(), bytes);
        let named = Done::Named(part, target.as_str().to_owned());
        state.log.push(named);
        Ok(())
    }

    fn compare(&self, part: u64, target: &TargetName) -> io::Result<Compared> {
        let mut state = self.lock();
        state.may(Operation::Open)?;
        let there = state.files.get(target.as_str());
        let there = there.ok_or(io::ErrorKind::NotFound)?;
        let part = state.parts.get(&part).ok_or(io::ErrorKind::NotFound)?;
        let likeness = match part.starts_with(there) {
            true if part == there => Likeness::Equal,
            true => Likeness::Prefix,
            false => Likeness::Different,
        };
        Ok(Compared {
            likeness,
            is_link: false,
            seen: seen(there),
        })
    }

    fn replace(&self, part: u64, target: &TargetName, expected: Seen) -> io::Result<bool> {
        let mut state = self.lock();
        state.may(Operation::Commit)?;
        let there = state.files.get(target.as_str());
        if there.is_none_or(|bytes| seen(bytes) != expected) {
            return Ok(false);
        }
        let bytes = state.parts.remove(&part).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(target.as_str().to_owned(), bytes);
        state
            .log
            .push(Done::Named(part, target.as_str().to_owned()));
        Ok(true)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.may_sync()?;
        state.durable = state.parts.clone();
        if let Some(happens) = &state.while_syncing {
            happens();
        }
        state.log.push(Done::Synced);
        Ok(())
    }

    fn close(&self, _nothing_is_needed: bool) {}
}

/// Returns what identifies a file here: where its bytes are in memory, since files have no numbers.
fn seen(bytes: &[u8]) -> Seen {
    Seen {
        device: 0,
        inode: bytes.as_ptr() as u64,
        length: bytes.len() as u64,
        modified: (0, 0),
    }
}

/// Writes bytes into a file, from `at` on.
pub(crate) fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    file.resize(file.len().max(end), 0);
    file[at..end].copy_from_slice(bytes);
}

/// A part, and the offset of its next bytes.
struct FakePart(FakeDisk, u64, usize);

impl PartFile for FakePart {
    fn write(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.0.lock();
        state.may(Operation::Write)?;
        if bytes[0].starts_with(HANGS) {
            state = self.0.hang(state);
        }
        let mut all = Vec::new();
        for slice in bytes {
            all.extend_from_slice(slice);
        }
        let taken = all.len().min(state.short_writes.unwrap_or(usize::MAX));
        let part = state.parts.get_mut(&self.1).unwrap();
        put(part, self.2, &all[..taken]);
        let written = Done::Written(self.1, self.2, all[..taken].to_vec());
        state.log.push(written);
        drop(state);
        self.2 += taken;
        Ok(taken)
    }

    fn set_modified(&mut self, _time: SystemTime) -> io::Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        let mut state = self.0.lock();
        state.closed.insert(self.1);
        state.may(Operation::Close)
    }
}
