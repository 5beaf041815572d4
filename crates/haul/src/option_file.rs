//! The files that options name. Each is read whole and once, since it may be a pipe (`<(…)` of a
//! shell), and before haul listens to signals: so Ctrl-C ends it while it waits for such a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::exit::Problem;
use crate::report::format;

/// Bytes of a file of settings, logins or one key.
pub(crate) const MAX_SMALL: u64 = 1 << 20;
/// Bytes of a file of certificates or cookies.
pub(crate) const MAX_LARGE: u64 = 16 << 20;

/// Reads the file that an option names. Blocks; a pipe that has no writer blocks for ever.
///
/// # Errors
/// When it cannot be read, or has more than `max_bytes`. The problem names option and file.
pub(crate) fn read(option: &str, path: &Path, max_bytes: u64) -> Result<Vec<u8>, Problem> {
    let read = File::open(path).and_then(|file| read_up_to(file, max_bytes));
    read.map_err(|cause| {
        let (path, why) = (path.display(), format::io(&cause));
        Problem::usage(format!("{option}: cannot read {path}: {why}"))
    })
}

/// Reads a source to its end.
///
/// # Errors
/// When it cannot be read, or has more than `max_bytes`.
pub(crate) fn read_up_to(source: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        let limit = max_bytes >> 20;
        let what = format!("it has more than {limit} MiB, the limit for such a file");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_may_have_as_many_bytes_as_the_limit() {
        let zeros = |count| io::repeat(0).take(count);
        assert_eq!(read_up_to(zeros(1 << 20), 1 << 20).unwrap().len(), 1 << 20);
        let error = read_up_to(zeros((1 << 20) + 1), 1 << 20).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn file_that_cannot_be_read_is_named_with_its_option() {
        for (path, why) in [
            ("/none/at/all", "No such file or directory"),
            ("/", "Is a directory"),
            (
                "/dev/zero",
                "it has more than 1 MiB, the limit for such a file",
            ),
        ] {
            let problem = read("--key", Path::new(path), MAX_SMALL).unwrap_err();
            assert_eq!(problem.message, format!("--key: cannot read {path}: {why}"));
        }
    }
}
