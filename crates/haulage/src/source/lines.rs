//! The lines of a list, read one by one: of limited length, without their ends, and with a number.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use memchr::memchr;

use super::decompressed::read_once;
use crate::error::{Error, ErrorKind};
use crate::redact::redacted;
use crate::request::BadRow;
use crate::row_location::RowLocation;

/// Maximum bytes in a line of text, without its end.
pub(super) const MAX_LINE: usize = 64 * 1024;
/// Maximum bytes in a line of a list that may carry long values.
pub(super) const MAX_LONG_LINE: usize = 1024 * 1024;
/// Bytes in the buffer: a line of maximum length, and room to read more.
pub(super) const BUFFER: usize = 2 * MAX_LINE;
/// Bytes in the buffer at first, if only the first line is wanted.
const SMALL_BUFFER: usize = 4 * 1024;
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The lines of a list, read on demand. Each is returned as soon as it is complete, however slowly
/// the input arrives.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    input: Arc<str>,
    /// Maximum bytes in a line, without its end.
    max: usize,
    buffer: Vec<u8>,
    /// The bytes that have been read and not yet returned.
    filled: Range<usize>,
    /// How many of them are known to contain no line end.
    scanned: usize,
    /// The number of the last line, from 1.
    number: u64,
    phase: Phase,
    /// Where the last line is in the buffer, and whether it is returned again.
    last: Range<usize>,
    again: bool,
    error: Option<io::Error>,
}

/// Where the reader is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Lines,
    /// In a line that was too long, and has been returned already.
    RestOfLine,
    Ended,
}

/// What is left of a reader, of which some has been read into memory.
pub(super) type Rest<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

/// One line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Without its end (LF or CRLF) and a byte-order mark. If the line is too long, only its first
    /// `max + 1` bytes.
    pub(super) bytes: &'a [u8],
    max: usize,
    number: u64,
    input: &'a Arc<str>,
}

impl<R: Read> Lines<R> {
    /// Creates the lines of a reader. `input` is the list's name in the places of its rows.
    pub(super) fn new(reader: R, input: Arc<str>) -> Self {
        Self::with_buffer(reader, input, BUFFER)
    }

    /// Creates the lines of a reader of which only the first is wanted. Of a longer list less is
    /// read, and less memory is used.
    pub(super) fn first_of(reader: R) -> Self {
        Self::with_buffer(reader, "".into(), SMALL_BUFFER)
    }

    fn with_buffer(reader: R, input: Arc<str>, bytes: usize) -> Self {
        Self {
            reader,
            input,
            max: MAX_LINE,
            buffer: vec![0; bytes],
            filled: 0..0,
            scanned: 0,
            number: 0,
            last: 0..0,
            again: false,
            phase: Phase::Lines,
            error: None,
        }
    }

    /// Returns the same lines, which may be as long as [`MAX_LONG_LINE`].
    pub(super) fn long(self) -> Self {
        Self {
            max: MAX_LONG_LINE,
            ..self
        }
    }

    /// Returns the number of the line that is returned next, from 1.
    pub(super) fn next_number(&self) -> u64 {
        self.number + u64::from(!self.again)
    }

    /// Returns what has been read, but for lines that have been returned, and then the rest.
    pub(super) fn into_rest(self) -> Rest<R> {
        let from = if self.again {
            self.last.start
        } else {
            self.filled.start
        };
        let read = self.buffer[from..self.filled.end].to_vec();
        io::Cursor::new(read).chain(self.reader)
    }

    /// Returns the list's name in the places of its rows.
    pub(super) fn input(&self) -> &str {
        &self.input
    }

    /// Returns the bytes that have been read when the first line is complete; the lines can still
    /// be read afterwards. An error ends the list, and is returned by
    /// [`take_error`](Self::take_error).
    pub(super) fn first_block(&mut self) -> &[u8] {
        self.block_until(|block| memchr(b'\n', block).is_some())
    }

    /// Returns the bytes that have been read when they are enough, or as many as a line may have;
    /// as [`first_block`](Self::first_block).
    pub(super) fn block_until(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> &[u8] {
        while self.phase == Phase::Lines
            && self.filled.len() <= MAX_LINE
            && !is_enough(&self.buffer[self.filled.clone()])
        {
            match self.fill() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => (self.phase, self.error) = (Phase::Ended, Some(error)),
            }
        }
        &self.buffer[self.filled.clone()]
    }

    #[cfg(test)]
    pub(super) fn reader(&self) -> &R {
        &self.reader
    }

    /// Returns the next line that is neither blank nor a comment; `None` at the end of the list, or
    /// if reading failed.
    pub(super) fn next(&mut self) -> Option<Line<'_>> {
        loop {
            if !std::mem::take(&mut self.again) {
                self.last = self.next_range()?;
            }
            // Calls `line` twice, because the borrow checker accepts no loop that returns a borrow.
            if self.line().says_something() {
                return Some(self.line());
            }
        }
    }

    /// Returns the next line, blank ones and comments included; `None` at the end of the list, or
    /// if reading failed.
    pub(super) fn next_of_any_kind(&mut self) -> Option<Line<'_>> {
        if !std::mem::take(&mut self.again) {
            self.last = self.next_range()?;
        }
        Some(self.line())
    }

    /// Puts the last line back: it is returned again next.
    pub(super) fn put_back(&mut self) {
        self.again = true;
    }

    /// Takes the error that ended the list early; `None` if there was none. A line that it cut off
    /// is not returned.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    fn line(&self) -> Line<'_> {
        let mut bytes = &self.buffer[self.last.clone()];
        if self.number == 1 {
            bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        }
        // How much of a long line is in the buffer depends on where a read ended; what is returned
        // does not.
        bytes = match bytes.get(..self.max + 2) {
            Some(longer) => &longer[..=self.max],
            None => bytes.strip_suffix(b"\r").unwrap_or(bytes),
        };
        Line {
            bytes,
            max: self.max,
            number: self.number,
            input: &self.input,
        }
    }

    /// Returns where the next line is in the buffer, without its LF; `None` at the end of the list,
    /// or if reading failed. A line that is too long is returned as far as it has been read.
    fn next_range(&mut self) -> Option<Range<usize>> {
        while self.phase != Phase::Ended {
            let unscanned = self.filled.start + self.scanned;
            if let Some(at) = memchr(b'\n', &self.buffer[unscanned..self.filled.end]) {
                let line = self.filled.start..unscanned + at;
                self.filled.start = line.end + 1;
                self.scanned = 0;
                if self.phase == Phase::RestOfLine {
                    self.phase = Phase::Lines;
                    continue;
                }
                self.number += 1;
                return Some(line);
            }
            if self.phase == Phase::RestOfLine {
                self.filled.start = self.filled.end;
            }
            self.scanned = self.filled.len();
            // A line of maximum length may have a byte-order mark before it and a CR after it.
            if self.scanned > BYTE_ORDER_MARK.len() + self.max + 1 {
                self.phase = Phase::RestOfLine;
                return Some(self.rest());
            }
            match self.fill() {
                Ok(0) => {
                    let within = self.phase == Phase::Lines && !self.filled.is_empty();
                    self.phase = Phase::Ended;
                    return within.then(|| self.rest());
                }
                Ok(_) => {}
                Err(error) => {
                    self.phase = Phase::Ended;
                    self.error = Some(error);
                }
            }
        }
        None
    }

    /// Takes all that is in the buffer as one line, and returns where it is.
    fn rest(&mut self) -> Range<usize> {
        let line = self.filled.clone();
        self.filled.start = line.end;
        self.scanned = 0;
        self.number += 1;
        line
    }

    /// Reads once into the buffer, and returns how many bytes were read, 0 at the end. It does not
    /// wait for more, because that would delay lines that are complete.
    fn fill(&mut self) -> io::Result<usize> {
        if self.filled.is_empty() {
            self.filled = 0..0;
        } else if self.filled.end == self.buffer.len() {
            if 2 * self.filled.len() > self.buffer.len() {
                // Never larger than two lines of maximum length.
                let bytes = (2 * self.buffer.len()).clamp(BUFFER, 2 * self.max);
                self.buffer.resize(bytes, 0);
            }
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        let read = read_once(&mut self.reader, &mut self.buffer[self.filled.end..])?;
        self.filled.end += read;
        Ok(read)
    }
}

impl<'a> Line<'a> {
    /// Returns the line with other bytes in it.
    pub(super) fn with(self, bytes: &'a [u8]) -> Self {
        Self { bytes, ..self }
    }

    /// Returns whether the line is neither blank nor a comment.
    pub(super) fn says_something(&self) -> bool {
        !self.bytes.starts_with(b"#") && (self.is_too_long() || !self.bytes.trim_ascii().is_empty())
    }

    fn is_too_long(&self) -> bool {
        self.bytes.len() > self.max
    }

    /// Returns the line's text.
    ///
    /// # Errors
    /// Of kind `input`, if it is too long or not UTF-8.
    pub(super) fn text(&self) -> Result<&'a str, Error> {
        let input = |message: &str| Error::new(ErrorKind::Input, message);
        if self.is_too_long() {
            return Err(input(&format!(
                "the line is longer than {} KiB; split it, or give one row a line",
                self.max / 1024
            )));
        }
        std::str::from_utf8(self.bytes).map_err(|_| {
            input(
                "the line is not UTF-8; percent-encode its other bytes in a URL, or save the list as UTF-8",
            )
        })
    }

    /// Returns the place of the line in the list.
    pub(super) fn location(&self) -> RowLocation {
        RowLocation {
            input: Arc::clone(self.input),
            line: self.number,
        }
    }

    /// Returns the bad row for a line that is not a valid row; `part` is what is shown of the line.
    pub(super) fn refused(&self, part: &[u8], error: Error) -> BadRow {
        BadRow {
            text: redacted(String::from_utf8_lossy(part).trim_ascii()),
            location: Some(self.location()),
            error,
        }
    }
}
