//! Standard output, or a device, as the destination of one file: `-o -`, `-o /dev/null`.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use haulage::Output;

/// The reader of standard output: it knows whether that has closed its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reader(Arc<AtomicBool>);

impl Reader {
    /// Returns whether the reader has closed its end, so that nothing more can be written.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Returns standard output, without the buffer that Rust puts before it, and its reader. Fails if
/// the file descriptor cannot be duplicated.
pub(crate) fn standard() -> io::Result<(Output, Reader)> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let reader = Reader::default();
    let output = Output::new(Watched {
        file,
        reader: reader.clone(),
    });
    Ok((output, reader))
}

/// Opens a device or a named pipe, which must exist already. Fails if it cannot be opened for
/// writing.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing is made: what is opened is no file"
)]
pub(crate) fn device(path: &Path) -> io::Result<Output> {
    Ok(Output::new(OpenOptions::new().write(true).open(path)?))
}

/// Standard output that notes when its reader has closed it.
struct Watched {
    file: File,
    reader: Reader,
}

impl Watched {
    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(cause) = &result
            && cause.kind() == io::ErrorKind::BrokenPipe
        {
            self.reader.0.store(true, Ordering::Release);
        }
        result
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.note(written)
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = self.file.write_vectored(bytes);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
