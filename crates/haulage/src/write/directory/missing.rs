//! Which errors mean that a call does not exist, so that a substitute is needed.

use rustix::io::Errno;

/// Returns whether an error means that a file system, a kernel or a sandbox does not have a call.
/// Network and FUSE file systems answer with any of these.
pub(super) fn is_missing(error: Errno) -> bool {
    // On macOS, this is another number than OPNOTSUPP.
    error == Errno::NOTSUP
        || matches!(
            error,
            Errno::PERM | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOTTY
        )
}

/// Returns whether an error means that a hard link, or a rename that replaces nothing, is not
/// possible between two folders. A plain rename may still work; if it does not, its own error says
/// why.
pub(super) fn is_no_link(error: Errno) -> bool {
    is_missing(error) || matches!(error, Errno::ACCESS | Errno::MLINK | Errno::XDEV)
}

/// Returns whether an error means that a file system has no locks (NFS without its lock daemon,
/// Lustre without `flock`, some FUSE mounts).
pub(super) fn is_no_lock(error: Errno) -> bool {
    is_missing(error) || error == Errno::NOLCK
}
