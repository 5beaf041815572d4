//! The records of a CSV list (RFC 4180): of limited length, and with the line each begins in.

use std::io::{self, Read};
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr_iter;

use super::super::decompressed::read_once;

/// Maximum bytes of the cells of a record.
const MAX_RECORD: usize = 1024 * 1024;
/// Maximum number of cells in a record.
const MAX_CELLS: usize = 16 * 1024;
const BUFFER: usize = 128 * 1024;

/// Reads records one by one. Each is returned as soon as it is complete.
pub(super) struct Records<R> {
    reader: R,
    core: Reader,
    buffer: Vec<u8>,
    /// The bytes of the buffer that have not been used.
    filled: Range<usize>,
    has_ended: bool,
    /// The number of the line that is read next.
    line: u64,
    cells: Vec<u8>,
    /// Where each cell ends.
    ends: Vec<usize>,
}

/// A record.
pub(super) struct Record<'a> {
    cells: &'a [u8],
    ends: &'a [usize],
    /// The line in which it begins, from 1.
    pub(super) line: u64,
    /// Whether it had more bytes or cells than are kept; it has none then.
    pub(super) is_too_long: bool,
    /// Whether the end of the list was reached in a cell whose quote had not been closed.
    pub(super) is_unclosed: bool,
}

impl Record<'_> {
    pub(super) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends)
            .map(|(start, end)| &self.cells[start..*end])
    }
}

/// Returns a reader that leaves a byte-order mark alone: it would see one only in what it is given
/// first, if that has all of it.
fn delimited_by(delimiter: u8) -> Reader {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    // A blank line is no record.
    let _ = reader.read_record(b"\n", &mut [0], &mut [0]);
    reader
}

impl<R: Read> Records<R> {
    /// Creates the records of a reader whose first line has this number.
    pub(super) fn new(reader: R, line: u64) -> Self {
        Self {
            reader,
            core: delimited_by(b','),
            buffer: vec![0; BUFFER],
            filled: 0..0,
            has_ended: false,
            line,
            cells: vec![0; 4096],
            ends: vec![0; 64],
        }
    }

    /// Sets what stands between cells. It is called before the first record is read.
    pub(super) fn delimit(&mut self, delimiter: u8) {
        self.core = delimited_by(delimiter);
    }

    /// Returns the first line as it is, without reading past it.
    pub(super) fn first_line(&mut self) -> io::Result<&[u8]> {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        while !self.has_ended
            && self.filled.len() < BUFFER
            && !self.rest().contains(&b'\n')
            && !self.rest().contains(&b'\r')
        {
            self.fill()?;
        }
        if self.rest().starts_with(BYTE_ORDER_MARK) {
            self.filled.start += BYTE_ORDER_MARK.len();
        }
        let line = self.rest();
        let end = line.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        Ok(&line[..end.unwrap_or(line.len())])
    }

    /// Leaves out the bytes of a line whose end is not yet reached.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.filled.start += bytes.min(self.filled.len());
    }

    /// Returns the next record; `None` at the end. Blank lines are skipped.
    ///
    /// # Errors
    /// If reading fails. What was read of a record is lost then.
    pub(super) fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        self.skip_blank_lines()?;
        let line = self.line;
        let (mut bytes, mut cells) = (0, 0);
        let mut is_too_long = false;
        let (mut quotes, mut at_end) = (0_usize, false);
        loop {
            if self.filled.is_empty() && !self.has_ended {
                self.fill()?;
            }
            let unread = &self.buffer[self.filled.clone()];
            at_end |= unread.is_empty();
            let (result, read, written, ended) =
                self.core
                    .read_record(unread, &mut self.cells[bytes..], &mut self.ends[cells..]);
            let used = &unread[..read];
            quotes += memchr_iter(b'"', used).count();
            self.line += memchr_iter(b'\n', used).count() as u64;
            self.filled.start += read;
            bytes += written;
            cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.cells.len() < MAX_RECORD => {
                    self.cells.resize(2 * self.cells.len(), 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_CELLS => {
                    self.ends.resize(2 * self.ends.len(), 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (is_too_long, bytes, cells) = (true, 0, 0);
                }
                ReadRecordResult::Record => {
                    let is_open = at_end && quotes % 2 == 1 && self.line > line;
                    let cells = if is_too_long { 0 } else { cells };
                    return Ok(Some(Record {
                        cells: &self.cells,
                        ends: &self.ends[..cells],
                        line,
                        is_too_long,
                        is_unclosed: is_open,
                    }));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn skip_blank_lines(&mut self) -> io::Result<()> {
        loop {
            while let Some(byte @ (b'\r' | b'\n')) = self.rest().first() {
                self.line += u64::from(*byte == b'\n');
                self.filled.start += 1;
            }
            if !self.filled.is_empty() || self.has_ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.filled.clone()]
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.filled.start > 0 {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        let read = read_once(&mut self.reader, &mut self.buffer[self.filled.end..])?;
        self.filled.end += read;
        self.has_ended = read == 0;
        Ok(())
    }
}
