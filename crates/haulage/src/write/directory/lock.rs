//! Keeps other runs out of a folder: by `flock(2)` or, where a file system has no locks, by a file
//! that only one process can create.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, fcntl_lock, flock, fstat, openat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::missing::is_no_lock;
use super::open;
use super::owner::{Life, Owner};
use crate::sys::host_lock::{self, HostLock};

/// The name of the lock of a workspace, and of the lock of a run's own folder.
pub(super) const LOCK: &str = "lock";
/// Added to the name of a lock: the file that replaces it where there are no locks.
const MARK: &str = ".owner";

/// How long a run waits for the [`Moment`] of another one: two seconds.
const TRIES: u32 = 2000;
const PAUSE: Duration = Duration::from_millis(1);

/// A lock that this process holds until it is dropped.
pub(super) struct Lock {
    /// It is a lock of the file system.
    pub(super) is_real: bool,
    file: OwnedFd,
    /// The file that replaces the lock, and is removed on drop; `None` for a real lock.
    mark: Option<(OwnedFd, String)>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((folder, name)) = &self.mark {
            // If this fails, others see that this process has ended.
            let _ = unlinkat(folder, name.as_str(), AtFlags::empty());
        }
    }
}

impl Lock {
    /// Returns whether the file system has POSIX locks, and tells who holds one: to share the
    /// database, both are needed.
    pub(super) fn has_posix(&self) -> bool {
        has_posix(&self.file, FlockOperation::NonBlockingLockExclusive)
    }
}

fn has_posix(file: impl AsFd, operation: FlockOperation) -> bool {
    let locked = fcntl_lock(&file, operation);
    if locked.is_ok() {
        let _ = fcntl_lock(&file, FlockOperation::NonBlockingUnlock);
    }
    let asked = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock));
    let answers = [locked.err(), asked.err()];
    !answers.into_iter().flatten().any(is_no_lock)
}

/// Returns whether a database is on a file system without locks, which is tried with its lock file.
pub(crate) fn lacks_locks(database: &Path) -> bool {
    File::open(database.with_file_name(LOCK))
        .is_ok_and(|file| !has_posix(file, FlockOperation::NonBlockingLockShared))
}

/// The result of taking a lock.
pub(super) enum Taken {
    Mine(Lock),
    /// Another process has it: who and, if only a file says so, the name of that file.
    Busy(Option<Owner>, Option<String>),
}

/// Takes the lock of this name in a folder.
///
/// # Errors
/// `NotFound` when the folder was removed meanwhile.
pub(super) fn take(folder: BorrowedFd<'_>, name: &str, owner: &Owner) -> io::Result<Taken> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let file = openat(folder, name, flags, open::mode())?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(Taken::Busy(read(&file), None)),
            Err(error) if is_no_lock(error) => return mark(folder, name, file, owner),
            Err(error) => return Err(error.into()),
        }
        // A run that ended in this instant may have removed the file that was just locked.
        if is_there(folder, name, &file) {
            // Only for runs that wait: without this, they do not learn whom they wait for.
            let _ = write(&file, owner);
            return Ok(Taken::Mine(Lock {
                is_real: true,
                file,
                mark: None,
            }));
        }
    }
}

/// Returns whether the process that took this lock in a folder has ended, or has no lock there any
/// more.
pub(super) fn is_left(folder: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) if is_no_lock(error) => match read_mark(folder, name) {
            Ok(owner) => Ok(owner.is_some_and(|owner| owner.life() == Life::Dead)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        },
        Err(error) => Err(error.into()),
    }
}

/// Returns the name of the file that stands for a lock where the file system has none.
pub(super) fn mark_of(name: &str) -> String {
    format!("{name}{MARK}")
}

/// Creates the file that stands for a lock. One that a dead process of this host has left is
/// removed first.
fn mark(folder: BorrowedFd<'_>, lock: &str, file: OwnedFd, owner: &Owner) -> io::Result<Taken> {
    let name = mark_of(lock);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        match openat(folder, name.as_str(), flags, open::mode()) {
            Ok(mark) => {
                let lock = Lock {
                    is_real: false,
                    file,
                    mark: Some((folder.try_clone_to_owned()?, name)),
                };
                // Without an owner, nobody could ever tell that the file is no longer needed.
                write(&mark, owner)?;
                return Ok(Taken::Mine(lock));
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        if !remove_left(folder, lock, &name)? {
            let owner = read_mark(folder, lock).ok().flatten();
            return Ok(Taken::Busy(owner, Some(name)));
        }
    }
}

/// Removes the mark of a process that has ended, and returns whether it is gone. Processes of one
/// host do this one after another, so that none removes the mark that another one has just created.
fn remove_left(folder: BorrowedFd<'_>, lock: &str, name: &str) -> io::Result<bool> {
    let Some(_turn) = turn(folder)? else {
        return Ok(false);
    };
    match read_mark(folder, lock) {
        Ok(Some(owner)) if owner.life() == Life::Dead => {
            unlinkat(folder, name, AtFlags::empty())?;
            Ok(true)
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Takes a lock of this host for a folder; `None` while another process has it.
fn turn(folder: BorrowedFd<'_>) -> io::Result<Option<HostLock>> {
    let about = fstat(folder)?;
    host_lock::take(&format!("haulage-{}-{}", about.st_dev, about.st_ino))
}

/// Returns the owner that a mark names; `None` if it cannot be told.
fn read_mark(folder: BorrowedFd<'_>, lock: &str) -> io::Result<Option<Owner>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder, mark_of(lock).as_str(), flags, Mode::empty())?;
    Ok(read(&file))
}

fn read(file: &OwnedFd) -> Option<Owner> {
    let mut text = String::new();
    let file = File::from(file.try_clone().ok()?);
    file.take(4096).read_to_string(&mut text).ok()?;
    Owner::from_text(&text)
}

fn write(file: &OwnedFd, owner: &Owner) -> io::Result<()> {
    let mut file = File::from(file.try_clone()?);
    file.set_len(0)?;
    file.write_all(owner.to_text().as_bytes())
}

/// Returns whether this open file is still the one at its name.
fn is_there(folder: BorrowedFd<'_>, name: &str, file: &OwnedFd) -> bool {
    let now = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    let locked = fstat(file);
    matches!((now, locked), (Ok(now), Ok(locked))
        if (now.st_dev, now.st_ino) == (locked.st_dev, locked.st_ino))
}

/// Keeps other runs for a moment from looking through a folder, or removing it. A file system that
/// cannot lock a folder does without; so does a run if another one was suspended at such a moment.
/// The result is correct all the same, but two runs may both find nothing to resume.
pub(super) struct Moment(OwnedFd);

impl Moment {
    pub(super) fn of(folder: impl AsFd) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let own = openat(folder, ".", flags, Mode::empty())?;
        for _ in 0..TRIES {
            match flock(&own, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => thread::sleep(PAUSE),
                _ => break,
            }
        }
        Ok(Self(own))
    }

    /// Returns whether the folder is still the one of this name in its parent.
    pub(super) fn is_at(&self, parent: BorrowedFd<'_>, name: &str) -> bool {
        is_there(parent, name, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        let open = File::open(folder.path()).unwrap().into();
        (folder, open)
    }

    /// Takes the lock in the way used where a file system has none.
    fn take_mark(folder: &OwnedFd) -> Taken {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let file = openat(folder, "lock", flags, open::mode()).unwrap();
        mark(folder.as_fd(), "lock", file, &Owner::this("a list")).unwrap()
    }

    fn leave_mark(folder: &tempfile::TempDir, text: &str) {
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(folder.path().join("lock.owner"), text).unwrap();
    }

    #[test]
    fn mark_keeps_others_out_until_it_is_given_back() {
        let (_path, folder) = folder();
        let Taken::Mine(first) = take_mark(&folder) else {
            panic!("nobody has it");
        };
        let Taken::Busy(Some(owner), Some(name)) = take_mark(&folder) else {
            panic!("the first one has it");
        };
        assert_eq!(
            (owner.process, owner.title.as_str()),
            (std::process::id(), "a list")
        );
        assert_eq!(name, "lock.owner");
        drop(first);
        assert!(matches!(take_mark(&folder), Taken::Mine(_)));
    }

    #[test]
    #[cfg_attr(
        any(not(target_os = "linux"), portable),
        ignore = "only Linux says when a process was started"
    )]
    fn mark_of_a_dead_process_is_removed_and_of_another_host_is_not() {
        let (path, folder) = folder();
        let this = Owner::this("").to_text();
        let process = format!("process {}\n", std::process::id());
        // The process number was given to this process later.
        let (before, after) = this.split_once("started ").unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        leave_mark(&path, &format!("{before}started 1\n{after}"));
        assert!(matches!(take_mark(&folder), Taken::Mine(_)));
        leave_mark(&path, &this.replace(&process, "process 2147483632\n"));
        assert!(matches!(take_mark(&folder), Taken::Mine(_)));
        for unknown in [
            this.replace("boot ", "boot of another machine"),
            "half".into(),
        ] {
            let unknown = unknown.replace("machine ", "machine x");
            leave_mark(&path, &unknown);
            assert!(matches!(take_mark(&folder), Taken::Busy(_, Some(_))));
        }
    }

    #[test]
    fn lock_that_was_given_back_belonged_to_a_run_that_has_ended() {
        let (_path, folder) = folder();
        assert!(is_left(folder.as_fd(), "lock").unwrap());
        let owner = Owner::this("");
        let Taken::Mine(lock) = take(folder.as_fd(), "lock", &owner).unwrap() else {
            panic!("nobody has it");
        };
        assert!(lock.is_real && lock.has_posix());
        assert!(!is_left(folder.as_fd(), "lock").unwrap());
        drop(lock);
        assert!(is_left(folder.as_fd(), "lock").unwrap());
    }
}
