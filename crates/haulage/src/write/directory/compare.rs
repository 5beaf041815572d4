//! Compares an existing file with a complete part, and replaces it only while it is still the file
//! that was compared.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, openat, renameat, statat,
    unlinkat,
};
use rustix::io::Errno;

use super::super::destination::{Compared, Seen};
use super::missing::is_no_link;
use super::part_name;
use super::unnamed::Unnamed;
use crate::plan::existing::Likeness;
use crate::sync::lock;
use crate::sys;

/// Bytes of each of the two files that are in memory at once.
const BUFFER: usize = 128 << 10;

/// How often an exchange is undone while other programs keep changing the name.
const TRIES: u32 = 16;
/// How often the lock is tried, a millisecond apart; replacing a file takes microseconds.
const LOCK_TRIES: u32 = 1000;
/// Held while a file is replaced.
static REPLACING: Mutex<()> = Mutex::new(());

/// Suffixes of the files that other tools keep beside an unfinished file.
const MARKERS: [&str; 15] = [
    ".aria2",            // aria2: the file has its full length from the start
    ".st",               // axel: likewise
    ".part",             // Firefox, beside an empty file; JDownloader
    ".partial",          // Internet Explorer
    ".crdownload",       // Chrome, Edge
    ".opdownload",       // Opera
    ".download",         // Safari
    ".filepart",         // WinSCP
    ".fdmdownload",      // Free Download Manager
    ".lftp-pget-status", // lftp
    ".!qB",              // qBittorrent
    ".!ut",              // uTorrent
    ".bc!",              // BitComet
    ".xltd",             // Thunder
    ".ytdl",             // yt-dlp
];

/// Returns the marker of another tool beside a name below a folder; `None` if there is none.
pub(in crate::write) fn marker(root: BorrowedFd<'_>, path: &str) -> Option<&'static str> {
    let mut beside = String::with_capacity(path.len() + 20);
    MARKERS.into_iter().find(|marker| {
        beside.clear();
        beside.push_str(path);
        beside.push_str(marker);
        statat(root, beside.as_str(), AtFlags::SYMLINK_NOFOLLOW).is_ok()
    })
}

/// Gives an unnamed part a name among the others, so that it can be read, and can replace a file.
pub(super) fn put_among_parts(unnamed: &Unnamed, parts: &OwnedFd, part: u64) -> io::Result<()> {
    let Some(whole) = unnamed.take(part) else {
        return Ok(());
    };
    let linked = sys::unnamed::name(&whole, parts, part_name(part));
    if linked.is_err() {
        unnamed.add(part, whole);
    }
    Ok(linked?)
}

/// Compares a part with the file of this name in a folder. Fails with `NotFound` if nothing exists
/// there any more, with `AlreadyExists` if it is no file.
pub(super) fn compare(
    mut part: impl Read,
    folder: BorrowedFd<'_>,
    file: &str,
) -> io::Result<Compared> {
    let found = statat(folder, file, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_link = FileType::from_raw_mode(found.st_mode) == FileType::Symlink;
    let found = if is_link {
        // A link that leads nowhere is an obstacle, like a folder.
        statat(folder, file, AtFlags::empty()).map_err(|_| io::ErrorKind::AlreadyExists)?
    } else {
        found
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let different = Compared {
        likeness: Likeness::Different,
        is_link,
        seen: seen(&found),
    };
    // A pipe that takes the file's place at this moment does not block.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let standing = match openat(folder, file, flags, Mode::empty()) {
        Ok(standing) => standing,
        // The content is unknown, so it counts as different.
        Err(Errno::ACCESS | Errno::PERM) => return Ok(different),
        Err(error) => return Err(error.into()),
    };
    let opened = fstat(&standing)?;
    if FileType::from_raw_mode(opened.st_mode) != FileType::RegularFile {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    Ok(Compared {
        likeness: likeness(&mut part, &mut File::from(standing))?,
        seen: seen(&opened),
        ..different
    })
}

/// Compares a part with the existing file at its name, byte by byte, as far as needed.
///
/// # Errors
/// When the part cannot be read. A file that cannot be read is different.
fn likeness(part: &mut impl Read, standing: &mut impl Read) -> io::Result<Likeness> {
    let (mut ours, mut theirs) = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        let Ok(there) = fill(standing, &mut theirs) else {
            return Ok(Likeness::Different);
        };
        let here = fill(part, &mut ours)?;
        if there > here || ours[..there] != theirs[..there] {
            return Ok(Likeness::Different);
        }
        if there < here {
            return Ok(Likeness::Prefix);
        }
        if here < BUFFER {
            return Ok(Likeness::Equal);
        }
    }
}

/// Reads until the buffer is full or the file ends; returns how many bytes were read.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Puts a part in the place of a file in a folder, if that is still the one that was seen; returns
/// `false` if not.
///
/// The two exchange their names, so that a file which has changed at this very moment is not lost:
/// it is put back. One exchange runs at a time, in all processes where there are locks.
pub(super) fn replace(
    parts: &OwnedFd,
    part: u64,
    folder: BorrowedFd<'_>,
    file: &str,
    expected: Seen,
) -> io::Result<bool> {
    let _one_at_a_time = lock(&REPLACING);
    let _locked = locked(folder);
    replace_alone(parts, part_name(part).as_c_str(), folder, file, expected)
}

/// Keeps other processes from replacing files, until it is dropped. `None` where that is not
/// possible: then a file that changes at this moment is still put back.
fn locked(folder: BorrowedFd<'_>) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Opened again, so that the lock is independent of others on this folder.
    let folder = openat(folder, ".", flags, Mode::empty()).ok()?;
    for _ in 0..LOCK_TRIES {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(folder),
            Err(Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(1)),
            Err(_) => return None,
        }
    }
    None
}

fn replace_alone(
    parts: &OwnedFd,
    part: &CStr,
    folder: BorrowedFd<'_>,
    file: &str,
    expected: Seen,
) -> io::Result<bool> {
    let now = |folder: BorrowedFd<'_>, name: &CStr| {
        statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| seen(&stat))
    };
    let standing = CString::new(file).map_err(io::Error::other)?;
    if now(folder, &standing) != Ok(expected) {
        return Ok(false);
    }
    let ours = now(parts.as_fd(), part)?;
    let exchange = || sys::rename::exchange(parts, part, folder, file);
    match exchange() {
        Ok(()) => {}
        Err(Errno::NOENT) => return Ok(false),
        // The file system cannot exchange names, or a sandbox forbids it.
        Err(error) if is_no_link(error) => {
            renameat(parts, part, folder, file)?;
            return Ok(true);
        }
        Err(error) => return Err(error.into()),
    }
    if now(parts.as_fd(), part) == Ok(expected) {
        unlinkat(parts, part, AtFlags::empty())?;
        return Ok(true);
    }
    // The file that was taken is put back. If another one has got the name meanwhile, that is put
    // back in turn.
    for _ in 0..TRIES {
        exchange()?;
        if now(parts.as_fd(), part) == Ok(ours) {
            return Ok(false);
        }
    }
    Err(io::Error::other(
        "the file at this name changes all the time",
    ))
}

/// Returns the file at a path as it is now; `None` if something else is there.
pub(super) fn see(root: BorrowedFd<'_>, path: &str) -> io::Result<Option<Seen>> {
    let found = statat(root, path, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    Ok(is_file.then(|| seen(&found)))
}

fn seen(stat: &Stat) -> Seen {
    #[expect(
        clippy::unnecessary_cast,
        reason = "the types of these fields differ from one architecture to another"
    )]
    Seen {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        length: u64::try_from(stat.st_size).unwrap_or(0),
        modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u64),
    }
}

#[cfg(test)]
mod tests;
