//! What kind of file system a folder is on. The portable code asks Linux in the same way.

use std::os::fd::AsFd;

#[cfg(target_os = "linux")]
/// Network file systems, by the numbers of `statfs(2)`: NFS, SMB, CIFS, SMB2, FUSE (sshfs and many
/// others), 9P, AFS, Ceph, Lustre, GPFS.
const REMOTE: [u32; 10] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x0102_1997,
    0x5346_414f,
    0x00c3_6400,
    0x0bd0_0bd0,
    0x4750_4653,
];

/// Returns whether the file system of a folder may be in use by other machines too, so that
/// processes cannot share memory through its files.
#[cfg(target_os = "linux")]
pub(crate) fn is_remote(folder: impl AsFd) -> bool {
    rustix::fs::fstatfs(folder).is_ok_and(|about| {
        let kind = u32::try_from(about.f_type & 0xffff_ffff).unwrap_or_default();
        REMOTE.contains(&kind)
    })
}

/// Returns whether the file system of a folder may be in use by other machines too, so that
/// processes cannot share memory through its files.
#[cfg(target_vendor = "apple")]
pub(crate) fn is_remote(folder: impl AsFd) -> bool {
    let local = libc::MNT_LOCAL.unsigned_abs();
    rustix::fs::fstatfs(folder).is_ok_and(|about| about.f_flags & local == 0)
}

/// Returns `true`, since nothing is known: then processes share nothing.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(crate) fn is_remote(_folder: impl AsFd) -> bool {
    true
}
