//! The messages of an Arrow stream, checked before they are decoded: what a message says of its
//! size decides how much memory is taken.

use std::io::{self, Read};

use arrow_ipc::{Buffer, CompressionType, Message, MessageHeader, RecordBatch, root_as_message};

/// Maximum bytes of the metadata of a message.
const MAX_METADATA: u64 = 64 << 20;
/// Maximum bytes of a message, compressed and not.
const MAX_BODY: u64 = 2 << 30;
/// What is before the length of the metadata.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// A reader that returns an Arrow stream, message by message. A message that does not hold what it
/// says is an error.
pub(super) struct Messages<R> {
    reader: R,
    /// A message, as far as it has not been returned.
    message: io::Cursor<Vec<u8>>,
    has_ended: bool,
}

impl<R: Read> Messages<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            message: io::Cursor::default(),
            has_ended: false,
        }
    }

    /// Reads the next message; nothing at the end.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if self.add(4, &mut bytes)? == 0 {
            return Ok(bytes);
        }
        if bytes == CONTINUATION {
            self.add(4, &mut bytes)?;
        }
        let length = bytes.last_chunk().ok_or_else(cut)?;
        let length = u64::from(u32::from_le_bytes(*length));
        if length == 0 {
            self.has_ended = true;
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

    /// Adds so many bytes, or all that are left. Returns how many were added.
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
    broken("it ends too early")
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
