//! A buffered reader that counts lines, and gives out no more than it is allowed to.

use std::io::{self, BufRead, BufReader, Read};

use memchr::memchr_iter;

use crate::source::decompressed::read_once;
use crate::source::lines::BYTE_ORDER_MARK;

/// The kind of the error for more bytes than are allowed.
pub(super) const TOO_LONG: io::ErrorKind = io::ErrorKind::FileTooLarge;

/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;

pub(super) struct Counted<R> {
    reader: BufReader<WithoutMark<R>>,
    /// The line in which the next byte is, from 1.
    line: u64,
    /// How many bytes may still be taken.
    allowed: usize,
}

impl<R: Read> Counted<R> {
    pub(super) fn new(reader: R, line: u64) -> Self {
        let reader = WithoutMark {
            reader,
            first: Vec::new(),
            is_checked: false,
        };
        Self {
            reader: BufReader::with_capacity(BUFFER, reader),
            line,
            allowed: 0,
        }
    }

    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Allows to take this many bytes from now on. After them, reading fails.
    pub(super) const fn allow(&mut self, bytes: usize) {
        self.allowed = bytes;
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let read = available.len().min(into.len());
        into[..read].copy_from_slice(&available[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let available = self.reader.fill_buf()?;
        if self.allowed == 0 && !available.is_empty() {
            return Err(TOO_LONG.into());
        }
        Ok(&available[..available.len().min(self.allowed)])
    }

    fn consume(&mut self, bytes: usize) {
        let taken = self.reader.buffer();
        let taken = &taken[..bytes.min(taken.len())];
        self.line += memchr_iter(b'\n', taken).count() as u64;
        self.allowed = self.allowed.saturating_sub(bytes);
        self.reader.consume(bytes);
    }
}

/// A reader without the byte-order mark at its beginning.
struct WithoutMark<R> {
    reader: R,
    /// The first bytes, until they are returned.
    first: Vec<u8>,
    is_checked: bool,
}

impl<R: Read> Read for WithoutMark<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !self.is_checked {
            let mut more = [0; BYTE_ORDER_MARK.len()];
            let room = &mut more[self.first.len()..];
            let read = read_once(&mut self.reader, room)?;
            let read = &room[..read];
            self.first.extend_from_slice(read);
            if self.first == BYTE_ORDER_MARK {
                self.first.clear();
                self.is_checked = true;
            }
            self.is_checked |= read.is_empty() || !BYTE_ORDER_MARK.starts_with(&self.first);
        }
        if self.first.is_empty() {
            return read_once(&mut self.reader, into);
        }
        let again = self.first.len().min(into.len());
        into[..again].copy_from_slice(&self.first[..again]);
        self.first.drain(..again);
        Ok(again)
    }
}
