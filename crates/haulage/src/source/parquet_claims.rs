//! What a Parquet file says of itself, looked at before it is decoded: a few bytes can claim
//! collections of billions of elements, which keep the decoder busy for minutes. This finds most
//! of them, not all: the decoder does not compare the types of fields with those it expects, so a
//! file that lies about them is read in another way than here.

use std::io::{self, Read};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// The length of the footer and the letters `PAR1`, at the end of each file.
const TAIL: usize = 8;
/// How deep values may be in each other. As in the decoder.
const DEPTH: u32 = 64;
/// The most elements in the head of a page, which usually has none.
const MOST_IN_A_PAGE: u64 = 1 << 20;

/// A file whose footer and whose heads of pages claim no more than they can hold.
pub(super) struct Checked<R>(R);

impl<R: ChunkReader> Checked<R> {
    /// Checks the footer. What else may be wrong with it is left to the decoder, which says it
    /// better.
    ///
    /// # Errors
    /// If it claims more elements than it has bytes, or cannot be read.
    pub(super) fn new(reader: R) -> Result<Self> {
        if let Some(footer) = footer_of(&reader)?
            && claims_more_than(footer.len() as u64, &*footer)
        {
            return Err(too_much());
        }
        Ok(Self(reader))
    }
}

impl<R: ChunkReader> Length for Checked<R> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<R: ChunkReader> ChunkReader for Checked<R> {
    type T = FailsAtEnd<R::T>;

    // The decoder begins a page like this, and the length of the footer.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let is_page = self.len().saturating_sub(start) > TAIL as u64;
        if is_page && claims_more_than(MOST_IN_A_PAGE, self.0.get_read(start)?) {
            return Err(too_much());
        }
        self.0.get_read(start).map(FailsAtEnd)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.0.get_bytes(start, length)
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

fn too_much() -> ParquetError {
    ParquetError::General("it is damaged: it claims more elements than it can hold".to_owned())
}

/// Tells whether a structure in Thrift's compact protocol claims more elements than this.
fn claims_more_than(most: u64, structure: impl Read) -> bool {
    let mut walk = Walk {
        rest: structure,
        elements: most,
    };
    matches!(walk.value(STRUCT, DEPTH), Err(End::ClaimsTooMuch))
}

/// What ends a walk before the end of the structure.
enum End {
    /// It is cut, or not Thrift.
    Malformed,
    ClaimsTooMuch,
}

const STOP: u8 = 0;
const STRUCT: u8 = 12;

struct Walk<R> {
    rest: R,
    /// How many more elements there can be.
    elements: u64,
}

impl<R: Read> Walk<R> {
    /// Goes past a value of this type.
    fn value(&mut self, kind: u8, depth: u32) -> Result<(), End> {
        let depth = depth.checked_sub(1).ok_or(End::Malformed)?;
        match kind {
            // A boolean is in the head of its field. The decoder takes no byte for one in a list
            // either.
            1 | 2 => Ok(()),
            3 => self.skip(1),
            4..=6 => self.number().map(|_| ()),
            7 => self.skip(8),
            8 => self.number().and_then(|length| self.skip(length)),
            9 | 10 => self.list(depth),
            11 => self.map(depth),
            STRUCT => self.fields(depth),
            13 => self.skip(16),
            _ => Err(End::Malformed),
        }
    }

    fn fields(&mut self, depth: u32) -> Result<(), End> {
        loop {
            let head = self.byte()?;
            let (is_near, kind) = (head >> 4 != 0, head & 0x0F);
            if kind == STOP {
                return Ok(());
            }
            // The number of the field, if it does not follow from the one before.
            if !is_near {
                self.number()?;
            }
            self.value(kind, depth)?;
        }
    }

    fn list(&mut self, depth: u32) -> Result<(), End> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => self.number()?,
            short => u64::from(short),
        };
        self.claim(length)?;
        (0..length).try_for_each(|_| self.value(head & 0x0F, depth))
    }

    fn map(&mut self, depth: u32) -> Result<(), End> {
        let length = self.number()?;
        if length == 0 {
            return Ok(());
        }
        self.claim(length)?;
        let kinds = self.byte()?;
        (0..length).try_for_each(|_| {
            self.value(kinds >> 4, depth)?;
            self.value(kinds & 0x0F, depth)
        })
    }

    fn claim(&mut self, elements: u64) -> Result<(), End> {
        let left = self.elements.checked_sub(elements);
        self.elements = left.ok_or(End::ClaimsTooMuch)?;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, End> {
        let mut byte = [0];
        let read = self.rest.read_exact(&mut byte);
        read.map_or(Err(End::Malformed), |()| Ok(byte[0]))
    }

    fn skip(&mut self, length: u64) -> Result<(), End> {
        match io::copy(&mut self.rest.by_ref().take(length), &mut io::sink()) {
            Ok(skipped) if skipped == length => Ok(()),
            _ => Err(End::Malformed),
        }
    }

    /// Reads a number of seven bits a byte, the lowest first.
    fn number(&mut self) -> Result<u64, End> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(End::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims_too_much(structure: &[u8]) -> bool {
        claims_more_than(structure.len() as u64, structure)
    }

    /// Returns a field 9 with a list of so many elements of this type, as seven bits a byte.
    fn list_of(kind: u8, length: [u8; 5]) -> Vec<u8> {
        let mut structure = vec![0x99, 0xF0 | kind];
        structure.extend(length);
        structure
    }

    #[test]
    fn lists_longer_than_the_footer_are_found() {
        let billion = [0x80, 0x94, 0xEB, 0xDC, 0x03];
        // Booleans take no byte in the decoder, so no end of the footer stops it.
        assert!(claims_too_much(&list_of(1, billion)));
        assert!(claims_too_much(&list_of(9, billion)));
        let mut map = vec![0x9B];
        map.extend(billion);
        map.push(0x11);
        assert!(claims_too_much(&map));
    }

    #[test]
    fn lists_within_lists_are_counted_together() {
        // Six lists of fifteen booleans each: 90 in ten bytes.
        let mut structure = vec![0x99, 0x69];
        structure.extend([0xE1; 6]);
        structure.extend([0, 0]);
        assert!(claims_too_much(&structure));
    }

    #[test]
    fn pages_are_looked_at_when_they_are_read() {
        // The tail says that the footer is empty.
        let file = |page: &[u8]| Bytes::from([page, &[0; 12], b"PAR1"].concat());
        let claims = file(&list_of(2, [0x80, 0x94, 0xEB, 0xDC, 0x03]));
        assert!(Checked::new(claims).unwrap().get_read(0).is_err());
        let whole = file(&[0x99, 0x21]);
        let mut all = vec![0; whole.len()];
        let mut reader = Checked::new(whole).unwrap().get_read(0).unwrap();
        reader.read_exact(&mut all).unwrap();
        assert_eq!(all[..2], [0x99, 0x21]);
        // Not the end, which the decoder would not notice.
        let beyond = reader.read(&mut [0]).unwrap_err();
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_cut_or_deep_is_left_to_the_decoder() {
        for structure in [
            &[][..],
            &[0x99],
            &[0x18, 0xFF, 0x7F],
            &[0x1C; 100],
            &[0x1E; 9],
        ] {
            assert!(!claims_too_much(structure), "{structure:?}");
        }
    }
}
