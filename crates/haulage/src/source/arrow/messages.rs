//! The messages of an Arrow stream, checked before they are decoded: what a message says of its
//! size decides how much memory is taken.

use std::io::{self, Read};

use arrow_ipc::{Buffer, CompressionType, Message, MessageHeader, RecordBatch, root_as_message};

/// Maximum bytes of the metadata of a message.
const MAX_METADATA: u64 = 64 << 20;
/// Maximum bytes of a message, compressed and not.
const MAX_BODY: u64 = 2 << 30;
/// What ends a file, after the footer and its length.
const MAGIC: &[u8; 6] = b"ARROW1";
/// Bytes of the length of a footer, and of what follows it.
const TRAILER: usize = 4 + MAGIC.len();
/// What is before the length of the metadata.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// A reader that returns an Arrow stream, message by message. A message that does not hold what it
/// says is an error.
pub(super) struct Messages<R> {
    reader: R,
    /// A message, as far as it has not been returned.
    message: io::Cursor<Vec<u8>>,
    has_ended: bool,
    /// A footer has to follow the stream.
    is_file: bool,
}

impl<R: Read> Messages<R> {
    /// Returns the messages of a reader. `is_file`: it is a file, which ends with a footer.
    pub(super) fn new(reader: R, is_file: bool) -> Self {
        Self {
            reader,
            message: io::Cursor::default(),
            has_ended: false,
            is_file,
        }
    }

    /// Reads the next message; nothing at the end.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if self.add(4, &mut bytes)? == 0 {
            // The mark at the end of a stream is optional, but not in a file.
            return if self.is_file {
                Err(without_footer())
            } else {
                Ok(bytes)
            };
        }
        if bytes == CONTINUATION && self.add(4, &mut bytes)? < 4 {
            return Err(cut());
        }
        let length = bytes.last_chunk().ok_or_else(cut)?;
        let length = u64::from(u32::from_le_bytes(*length));
        if length == 0 {
            self.has_ended = true;
            if self.is_file {
                self.read_footer()?;
            }
            return Ok(bytes);
        }
        if length > MAX_METADATA {
            return Err(broken("the metadata of a message is too long"));
        }
        let start = bytes.len();
        if self.add(length, &mut bytes)? < length {
            return Err(cut());
        }
        let metadata = bytes[start..].to_vec();
        let message = root_as_message(&metadata);
        let message = message.map_err(|_| broken("the metadata of a message cannot be read"))?;
        let length = u64::try_from(message.bodyLength()).unwrap_or(u64::MAX);
        if length > MAX_BODY {
            return Err(broken(
                "a message is too long; write smaller record batches",
            ));
        }
        let start = bytes.len();
        if self.add(length, &mut bytes)? < length {
            return Err(cut());
        }
        check(message, &bytes[start..])?;
        Ok(bytes)
    }

    /// Reads what follows the stream in a file.
    ///
    /// # Errors
    /// If that is no footer: the file was cut.
    fn read_footer(&mut self) -> io::Result<()> {
        let mut length = 0;
        let mut last = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let read = match self.reader.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(cause),
            };
            length += read;
            last.extend_from_slice(&piece[..read]);
            last.drain(..last.len().saturating_sub(TRAILER));
        }
        let footer = last.strip_suffix(MAGIC).and_then(<[u8]>::last_chunk);
        let footer = footer.map(|footer| usize::try_from(i32::from_le_bytes(*footer)));
        match footer {
            Some(Ok(footer)) if footer > 0 && footer <= length - TRAILER => Ok(()),
            _ => Err(without_footer()),
        }
    }

    /// Adds `length` bytes, or all that are left. Returns how many were added.
    fn add(&mut self, length: u64, to: &mut Vec<u8>) -> io::Result<u64> {
        let read = self.reader.by_ref().take(length).read_to_end(to)?;
        Ok(read as u64)
    }
}

impl<R: Read> Read for Messages<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.message.get_ref().len() as u64 - self.message.position();
        if left == 0 && !self.has_ended {
            self.message = io::Cursor::new(self.next()?);
        }
        self.message.read(into)
    }
}

/// Checks that a message does not stand for more than a limit, and that its rows may be in its
/// body.
fn check(message: Message<'_>, body: &[u8]) -> io::Result<()> {
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message
            .header_as_dictionary_batch()
            .and_then(|dictionary| dictionary.data()),
        _ => None,
    };
    let Some(batch) = batch else {
        return Ok(());
    };
    let size = size_of(batch, body)
        .ok_or_else(|| broken("a record batch is not where its message says that it is"))?;
    if size > MAX_BODY {
        return Err(broken("a message is too long when it is decompressed"));
    }
    // A row takes a bit at least.
    let most = 8 * size + 1024;
    match u64::try_from(batch.length()) {
        Ok(rows) if rows <= most => Ok(()),
        Ok(_) | Err(_) => Err(broken("a record batch has fewer rows than it says")),
    }
}

/// Returns the bytes of a batch when it is decompressed; `None` if that is no number, or if a
/// buffer is not within the body.
fn size_of(batch: RecordBatch<'_>, body: &[u8]) -> Option<u64> {
    let is_compressed = batch
        .compression()
        .is_some_and(|compression| compression.codec() != CompressionType(-1));
    let size = |buffer: &Buffer| {
        let offset = usize::try_from(buffer.offset()).ok()?;
        let length = usize::try_from(buffer.length()).ok()?;
        let bytes = body.get(offset..)?.get(..length)?;
        let length = length as u64;
        if !is_compressed {
            return Some(length);
        }
        // Each begins with its length; -1 stands for one that is not compressed.
        let Some(told) = bytes.first_chunk() else {
            return Some(length);
        };
        match i64::from_le_bytes(*told) {
            -1 => Some(length),
            told => u64::try_from(told).ok(),
        }
    };
    let buffers = batch.buffers().into_iter().flatten();
    buffers
        .map(size)
        .try_fold(body.len() as u64, |sum, size| sum.checked_add(size?))
}

/// Returns the error for a stream that ends within a message. Its kind is not that of an end, which
/// `StreamReader` takes for the end of the stream.
fn cut() -> io::Error {
    broken("the file was cut: it ends too early")
}

fn without_footer() -> io::Error {
    broken("the file was cut: it has no footer at its end")
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
