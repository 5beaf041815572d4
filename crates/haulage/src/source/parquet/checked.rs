//! What a Parquet file says of itself, checked before it is decoded: a few bytes can claim billions
//! of elements or of bytes, which would keep the decoder busy for minutes, or take all memory.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::layout::{self, Claim};
use super::walk::{End, walk};

/// The length of the footer and the letters `PAR1`, at the end of each file.
const TAIL: usize = 8;
/// The most elements of lists in the head of a page, which usually has none.
const MOST_IN_A_HEAD: u64 = 1 << 20;
/// The most bytes of each value of a column of fixed length.
const MOST_WIDTH: i32 = 1 << 16;
/// The most bytes of a page whose bytes in the file are few, decompressed.
const MOST_IN_A_PAGE: u64 = 64 << 20;
/// The most values in a file that has columns of lists, if its bytes are few. A row of such a file
/// can have all of them.
const MOST_VALUES: u64 = 1 << 22;
/// How many bytes or values each byte of a file can stand for, beyond that.
const EXPANSION: u64 = 1 << 10;

/// A file whose footer and whose heads of pages claim no more than they can hold.
pub(super) struct Checked<R> {
    reader: R,
    /// A row may have any number of values.
    has_lists: bool,
    /// The values of the pages that were read.
    values: AtomicU64,
}

impl<R: ChunkReader> Checked<R> {
    /// Checks the footer. What else may be wrong with it is left to the decoder, which says it
    /// better.
    ///
    /// # Errors
    /// If it claims more elements than it has bytes, contradicts itself, or cannot be read.
    pub(super) fn new(reader: R) -> Result<Self> {
        let footer = footer_of(&reader)?.unwrap_or_default();
        let (mut has_lists, mut width) = (false, 0);
        let claim = &mut |claim, number| match claim {
            Claim::Repetition => has_lists |= number == layout::REPEATED,
            Claim::Width => width = width.max(number),
            _ => (),
        };
        let elements = footer.len() as u64;
        check(&walk(&*footer, layout::FILE, elements, claim))?;
        if width > MOST_WIDTH {
            return Err(ParquetError::General(format!(
                "the values of a column have {width} bytes each; at most {MOST_WIDTH} are read"
            )));
        }
        Ok(Self {
            reader,
            has_lists,
            values: AtomicU64::new(0),
        })
    }

    /// Checks the head of a page.
    fn check_head(&self, head: impl Read) -> Result<()> {
        let mut page = PageClaims::default();
        let claim = &mut |claim, number| page.add(claim, number);
        check(&walk(head, layout::PAGE, MOST_IN_A_HEAD, claim))?;
        let is_room = page.fits() && (!self.has_lists || self.has_room_for(page.values));
        if is_room { Ok(()) } else { Err(too_much()) }
    }

    /// Adds values to those of the pages before; returns `false` if they are too many.
    fn has_room_for(&self, values: u64) -> bool {
        let before = self.values.fetch_add(values, Ordering::Relaxed);
        before + values <= MOST_VALUES + self.len().saturating_mul(EXPANSION)
    }
}

impl<R: ChunkReader> Length for Checked<R> {
    fn len(&self) -> u64 {
        self.reader.len()
    }
}

impl<R: ChunkReader> ChunkReader for Checked<R> {
    type T = FailsAtEnd<R::T>;

    // The decoder begins a page like this, and the length of the footer.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let is_page = self.len().saturating_sub(start) > TAIL as u64;
        if is_page {
            self.check_head(self.reader.get_read(start)?)?;
        }
        self.reader.get_read(start).map(FailsAtEnd)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.reader.get_bytes(start, length)
    }
}

/// What the head of a page claims. A number below 0 is an error of the decoder.
#[derive(Default)]
struct PageClaims {
    uncompressed: u64,
    compressed: u64,
    values: u64,
    entries: u64,
}

impl PageClaims {
    fn add(&mut self, claim: Claim, number: i32) {
        let field = match claim {
            Claim::Uncompressed => &mut self.uncompressed,
            Claim::Compressed => &mut self.compressed,
            Claim::Values => &mut self.values,
            Claim::Entries => &mut self.entries,
            Claim::Width | Claim::Repetition => return,
        };
        *field = u64::try_from(number).unwrap_or_default();
    }

    /// Tells whether the page can hold its dictionary, and the file the page.
    fn fits(&self) -> bool {
        let most = MOST_IN_A_PAGE + self.compressed * EXPANSION;
        self.entries <= self.uncompressed && self.uncompressed <= most
    }
}

/// A reader that fails at the end of the file, which no page reaches: the footer follows. Without
/// an error, the decoder would pass over elements that are not there, one by one.
pub(super) struct FailsAtEnd<T>(T);

impl<T: Read> Read for FailsAtEnd<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            length => Ok(length),
        }
    }
}

/// Reads the footer; `None` if the file is too short for one.
fn footer_of(reader: &impl ChunkReader) -> Result<Option<Bytes>> {
    let Some(end) = reader.len().checked_sub(TAIL as u64) else {
        return Ok(None);
    };
    let tail = reader.get_bytes(end, TAIL)?;
    let length = tail.first_chunk().map(|length| u32::from_le_bytes(*length));
    let Some((length, start)) = length.and_then(|length| {
        let start = end.checked_sub(u64::from(length))?;
        Some((length, start))
    }) else {
        return Ok(None);
    };
    reader.get_bytes(start, length as usize).map(Some)
}

/// Returns the error of a walk, if it is one that the decoder would not find.
fn check(walked: &std::result::Result<(), End>) -> Result<()> {
    match walked {
        Ok(()) | Err(End::Malformed) => Ok(()),
        Err(End::TooManyElements) => Err(too_much()),
        Err(End::Contradicts) => Err(ParquetError::General(
            "it is damaged: a field is not of the type that it must have".to_owned(),
        )),
    }
}

fn too_much() -> ParquetError {
    ParquetError::General("it is damaged: it claims more than it can hold".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a file of these pages, whose footer is this.
    fn file(pages: &[u8], footer: &[u8]) -> Bytes {
        let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
        Bytes::from([pages, footer, &length, b"PAR1"].concat())
    }

    fn opened(footer: &[u8]) -> Result<Checked<Bytes>> {
        Checked::new(file(&[], footer))
    }

    /// Returns the footer of a file with one column, with these bytes about it.
    fn column(of: &[u8]) -> Vec<u8> {
        [&[0x29, 0x1C][..], of, &[0, 0]].concat()
    }

    #[test]
    fn lists_longer_than_the_footer_are_found() {
        let billion = [0x80, 0x94, 0xEB, 0xDC, 0x03];
        // Booleans take no byte in the decoder, so no end of the footer stops it.
        for kind in [1, 9] {
            let footer = [&[0x09, 0x40, 0xF0 | kind][..], &billion].concat();
            assert!(opened(&footer).is_err(), "{kind}");
        }
        let map = [&[0x0B, 0x40][..], &billion, &[0x11]].concat();
        assert!(opened(&map).is_err());
        // Six lists of fifteen booleans each: 90 in fewer bytes.
        let within = [&[0x09, 0x40, 0x69][..], &[0xE1; 6], &[0, 0]].concat();
        assert!(opened(&within).is_err());
    }

    #[test]
    fn values_wider_than_64_kib_are_refused() {
        assert!(opened(&column(&[0x25, 0x80, 0x80, 0x08])).is_ok());
        let error = opened(&column(&[0x25, 0x82, 0x80, 0x08])).err().unwrap();
        assert!(error.to_string().contains("65537 bytes each"), "{error}");
    }

    #[test]
    fn pages_are_checked_when_they_are_read() {
        let no_lists = column(&[]);
        let first = |pages: &[u8]| {
            let file = Checked::new(file(pages, &no_lists)).unwrap();
            file.get_read(0).map(|_| ()).map_err(|e| e.to_string())
        };
        // A list of a billion booleans, which the head of a page does not have.
        first(&[0x09, 0x40, 0xF1, 0x80, 0x94, 0xEB, 0xDC, 0x03]).unwrap_err();
        // 2 GiB of one byte.
        first(&[0x25, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 0x15, 0x02, 0]).unwrap_err();
        // A dictionary of 3 values in 2 bytes, then in 3.
        first(&[0x25, 0x04, 0x15, 0x04, 0x4C, 0x15, 0x06, 0, 0]).unwrap_err();
        first(&[0x25, 0x06, 0x15, 0x06, 0x4C, 0x15, 0x06, 0, 0]).unwrap();
    }

    #[test]
    fn pages_of_lists_have_a_bound_together() {
        // 4 Mi values, of which all may be in one row.
        let page = [0x5C, 0x15, 0x80, 0x80, 0x80, 0x04, 0, 0];
        let flat = Checked::new(file(&page, &column(&[0x35, 0]))).unwrap();
        let of_lists = Checked::new(file(&page, &column(&[0x35, 4]))).unwrap();
        of_lists.get_read(0).map(|_| ()).unwrap();
        assert!(of_lists.get_read(0).is_err());
        for _ in 0..3 {
            flat.get_read(0).map(|_| ()).unwrap();
        }
    }

    #[test]
    fn the_end_of_the_file_is_an_error_of_a_page() {
        let file = file(&[0x25, 0x02], &[]);
        let mut all = vec![0; file.len()];
        let mut reader = Checked::new(file).unwrap().get_read(0).unwrap();
        reader.read_exact(&mut all).unwrap();
        assert_eq!(all[..2], [0x25, 0x02]);
        // Not the end, which the decoder would not notice.
        let beyond = reader.read(&mut [0]).unwrap_err();
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    }
}
