//! Keeps space free on the destination's file system: a run stops, and can be resumed, before it
//! uses that space.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::fstatvfs;

use crate::options::RunOptions;

/// Bytes written between two checks, each of which costs as much as writing a few kilobytes.
const STEP: u64 = 4 << 20;
/// Bytes written between two checks on a small file system.
const SMALL_STEP: u64 = 256 << 10;

/// How many bytes are to stay free, and how many were written since the last check.
pub(super) struct Room {
    least: AtomicU64,
    /// Bytes written between two checks.
    step: AtomicU64,
    written: AtomicU64,
    free: fn(BorrowedFd<'_>) -> Option<u64>,
}

impl Room {
    /// Creates a check that `least` bytes stay free on the file system of a folder; 0 disables it,
    /// and `None` stands for what that file system can spare.
    pub(super) fn of(least: Option<u64>, folder: BorrowedFd<'_>) -> Self {
        let (least, step) = least_and_step(least, folder);
        Self {
            least: AtomicU64::new(least),
            step: AtomicU64::new(step),
            written: AtomicU64::new(0),
            free,
        }
    }

    /// Sets another function that tells how many bytes are free.
    #[cfg(test)]
    pub(super) fn seen_by(self, free: fn(BorrowedFd<'_>) -> Option<u64>) -> Self {
        Self { free, ..self }
    }

    /// Raises the bytes that stay free to what another run of the folder wants, if that is more.
    ///
    /// # Errors
    /// `StorageFull`, when fewer are free: then nothing changes for the others.
    pub(super) fn raise_to(&self, least: Option<u64>, folder: BorrowedFd<'_>) -> io::Result<()> {
        let (least, step) = least_and_step(least, folder);
        self.ask(folder, least, least)?;
        self.least.fetch_max(least, Ordering::Relaxed);
        self.step.fetch_min(step, Ordering::Relaxed);
        Ok(())
    }

    /// Checks that there is enough free space to begin.
    ///
    /// # Errors
    /// `StorageFull`, when there is not.
    pub(super) fn look(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        self.ask(file, self.least(), self.least())
    }

    /// Counts bytes that were written, and checks the free space each time they are many.
    ///
    /// # Errors
    /// `StorageFull`, when what may be written until the next check would not leave enough.
    pub(super) fn took(&self, bytes: u64, file: BorrowedFd<'_>) -> io::Result<()> {
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        let step = self.step.load(Ordering::Relaxed);
        if before / step == (before + bytes) / step {
            return Ok(());
        }
        self.ask(file, self.least(), self.least().saturating_add(step))
    }

    fn least(&self) -> u64 {
        self.least.load(Ordering::Relaxed)
    }

    /// Checks that at least `least` bytes are free, `wanted` of which are to stay free.
    fn ask(&self, file: BorrowedFd<'_>, wanted: u64, least: u64) -> io::Result<()> {
        if wanted == 0 {
            return Ok(());
        }
        match (self.free)(file) {
            Some(free) if free < least => Err(io::Error::new(
                io::ErrorKind::StorageFull,
                Scarce {
                    free,
                    least: wanted,
                },
            )),
            _ => Ok(()),
        }
    }
}

/// Returns how many bytes are to stay free, and how many are written between two checks.
fn least_and_step(least: Option<u64>, folder: BorrowedFd<'_>) -> (u64, u64) {
    least.map_or_else(
        || {
            let spare = spare(size(folder));
            // A small file system may be filled up to that, so it is checked more often.
            (spare, spare.clamp(SMALL_STEP, STEP))
        },
        |least| (least, STEP),
    )
}

/// Returns how many bytes are free for all users; `None` where the file system does not say.
fn free(file: BorrowedFd<'_>) -> Option<u64> {
    let about = fstatvfs(file).ok().filter(|about| about.f_blocks > 0)?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

/// Returns the size of a file system in bytes; `None` where it does not say.
fn size(file: BorrowedFd<'_>) -> Option<u64> {
    let about = fstatvfs(file).ok().filter(|about| about.f_blocks > 0)?;
    Some(about.f_blocks.saturating_mul(about.f_frsize))
}

/// Returns how many bytes are to stay free on a file system of this size:
/// [`RunOptions::DEFAULT_MIN_FREE`], or a fiftieth of the size if that is less.
fn spare(size: Option<u64>) -> u64 {
    let share = size.map_or(u64::MAX, |size| size / 50);
    share.min(RunOptions::DEFAULT_MIN_FREE)
}

/// The error when too few bytes are free.
#[derive(Debug)]
struct Scarce {
    free: u64,
    least: u64,
}

impl fmt::Display for Scarce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            formatter,
            "{:.1} MiB are free, and {:.1} MiB are to stay so (--min-free; 0 turns that off)",
            mebibytes(self.free),
            mebibytes(self.least)
        )
    }
}

impl StdError for Scarce {}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn it_is_looked_at_in_the_beginning_and_after_so_many_bytes() {
        let folder = std::fs::File::open("/").unwrap();
        let is_full = |result: io::Result<()>| {
            result.is_err_and(|error| error.kind() == io::ErrorKind::StorageFull)
        };
        let room = Room::of(Some(100), folder.as_fd()).seen_by(|_| Some(99));
        assert!(is_full(room.look(folder.as_fd())));
        assert!(!is_full(room.took(STEP - 1, folder.as_fd())));
        assert!(is_full(room.took(1, folder.as_fd())));
        assert!(!is_full(room.took(STEP - 1, folder.as_fd())));
        assert!(is_full(room.took(STEP, folder.as_fd())));
        // Of two runs, the larger value counts.
        let shared = Room::of(Some(98), folder.as_fd()).seen_by(|_| Some(99));
        shared.look(folder.as_fd()).unwrap();
        assert!(is_full(shared.raise_to(Some(100), folder.as_fd())));
        shared.look(folder.as_fd()).unwrap();
        shared.raise_to(Some(99), folder.as_fd()).unwrap();
        shared.raise_to(Some(0), folder.as_fd()).unwrap();
        assert_eq!(shared.least(), 99);
        // Enough to begin with, but not for writing as much again before the next check.
        let room = Room::of(Some(100), folder.as_fd()).seen_by(|_| Some(100));
        assert!(!is_full(room.look(folder.as_fd())));
        assert!(is_full(room.took(STEP, folder.as_fd())));
    }

    #[test]
    fn none_is_asked_for_and_what_nobody_knows_is_enough() {
        let folder = std::fs::File::open("/").unwrap();
        for room in [
            Room::of(Some(0), folder.as_fd()).seen_by(|_| Some(0)),
            Room::of(Some(100), folder.as_fd()).seen_by(|_| None),
        ] {
            room.look(folder.as_fd()).unwrap();
            room.took(2 * STEP, folder.as_fd()).unwrap();
        }
        assert!(free(folder.as_fd()).is_some());
    }

    #[test]
    fn default_is_64_mib_or_2_percent_if_that_is_less() {
        assert_eq!(spare(Some(1 << 40)), 64 << 20);
        assert_eq!(spare(Some(16 << 20)), (16 << 20) / 50);
        assert_eq!(spare(Some(3200 << 20)), 64 << 20);
        assert_eq!(spare(None), 64 << 20);
        let folder = std::fs::File::open("/").unwrap();
        let least = Room::of(None, folder.as_fd()).least();
        assert!((1..=64 << 20).contains(&least), "{least}");
        // Of 16 MiB, nearly all can be used.
        let spare = spare(Some(16 << 20));
        assert!(spare + spare.clamp(SMALL_STEP, STEP) < 1 << 20);
    }
}
