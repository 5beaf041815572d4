//! Files that options name: read whole, up to a limit, since any path may be named.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file. Blocks; a pipe without a writer blocks for ever.
///
/// # Errors
/// For a file that cannot be read, and, with [`io::ErrorKind::FileTooLarge`], for one of more than
/// `max_bytes`.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut limited = File::open(path)?.take(max_bytes + 1);
    limited.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        let what = format!(
            "it has more than {} MiB, the limit for such a file",
            max_bytes >> 20
        );
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_beyond_the_limit_is_refused() {
        let limit = 1 << 20;
        let error = read(Path::new("/dev/zero"), limit).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(
            error.to_string(),
            "it has more than 1 MiB, the limit for such a file"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, vec![1; 1 << 20]).unwrap();
        assert_eq!(read(&path, limit).unwrap().len(), 1 << 20);
        assert!(read(&path, limit - 1).is_err());
        assert!(read(folder.path(), limit).is_err());
    }
}
