//! What is in a PEM file: read up to a limit, unless it has been read already.

use std::io;
use std::sync::Arc;

use crate::bounded_file;
use crate::options::PemFile;

/// Bytes of a PEM file. All authorities of a system are some 200 KiB.
const MAX_BYTES: u64 = 16 << 20;

/// Returns the content of a file. Not for a network thread.
///
/// # Errors
/// For a file that cannot be read, or is too large.
pub(super) fn content(file: &PemFile) -> io::Result<Arc<[u8]>> {
    match file.content() {
        Some(content) => Ok(Arc::clone(content)),
        None => bounded_file::read(file.path(), MAX_BYTES).map(Arc::from),
    }
}
