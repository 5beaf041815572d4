//! The footer of a Parquet file, looked at before it is decoded: a few bytes in it can claim
//! collections of billions of elements, which keep the decoder busy for minutes.

use std::io;

use parquet::file::reader::ChunkReader;

/// The length of the footer and the letters `PAR1`, at the end of each file.
const TAIL: u64 = 8;
/// How deep the values of a footer may be in each other. As in the decoder.
const DEPTH: u32 = 64;

/// Checks that no collection in the footer claims more elements than the footer has bytes. What
/// else may be wrong is left to the decoder, which says it better.
///
/// # Errors
/// If one does, or the file cannot be read.
pub(super) fn check(reader: &impl ChunkReader) -> io::Result<()> {
    let read = |start, length| reader.get_bytes(start, length).map_err(io::Error::other);
    let Some(end) = reader.len().checked_sub(TAIL) else {
        return Ok(());
    };
    let tail = read(end, TAIL as usize)?;
    let Some(length) = tail.first_chunk().map(|length| u32::from_le_bytes(*length)) else {
        return Ok(());
    };
    let Some(start) = end.checked_sub(u64::from(length)) else {
        return Ok(());
    };
    if claims_too_much(&read(start, length as usize)?) {
        let message = "it is damaged: its footer claims more than it can hold";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(())
}

/// Tells whether a structure in Thrift's compact protocol claims more elements than it has bytes.
/// Each of them takes at least one.
fn claims_too_much(structure: &[u8]) -> bool {
    let mut walk = Walk {
        rest: structure,
        elements: structure.len() as u64,
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

struct Walk<'a> {
    rest: &'a [u8],
    /// How many more elements there can be.
    elements: u64,
}

impl Walk<'_> {
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
        let (&first, rest) = self.rest.split_first().ok_or(End::Malformed)?;
        self.rest = rest;
        Ok(first)
    }

    fn skip(&mut self, length: u64) -> Result<(), End> {
        let length = usize::try_from(length).map_err(|_| End::Malformed)?;
        self.rest = self.rest.get(length..).ok_or(End::Malformed)?;
        Ok(())
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

    /// A field 9 with a list of so many elements of this type, as seven bits a byte.
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
