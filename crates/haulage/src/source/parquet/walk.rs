//! A walk through a structure in Thrift's compact protocol, which compares the types of its fields
//! with those that Parquet gives them and collects what it claims. Unlike a decoder, it stops at
//! the first claim that cannot be true.

use std::io::{self, Read};

use super::layout::{Claim, Fields, Kind};

/// How deep values may be in each other. As in the decoder.
const DEPTH: u32 = 64;

/// What ends a walk before the end of the structure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is cut, or not Thrift. The decoder ends there, too.
    Malformed,
    /// It has more elements than it may have.
    TooManyElements,
    /// A field is of another type than the format gives it, or a number is too long.
    Contradicts,
}

/// Goes past a structure with these fields. It may have `elements` in all its lists together.
/// `claim` is called for each number that claims something.
pub(super) fn walk(
    structure: impl Read,
    fields: Fields,
    elements: u64,
    claim: &mut dyn FnMut(Claim, i32),
) -> Result<(), End> {
    let mut walk = Walk {
        rest: structure,
        elements,
        claim,
    };
    walk.fields(fields, DEPTH)
}

/// The types of values as bytes, apart from numbers.
mod wire {
    pub(super) const STOP: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const SET: u8 = 10;
    pub(super) const MAP: u8 = 11;
    pub(super) const STRUCT: u8 = 12;
    pub(super) const UUID: u8 = 13;
}

struct Walk<'a, R> {
    rest: R,
    /// How many more elements there can be.
    elements: u64,
    claim: &'a mut dyn FnMut(Claim, i32),
}

impl<R: Read> Walk<'_, R> {
    fn fields(&mut self, fields: Fields, depth: u32) -> Result<(), End> {
        let depth = depth.checked_sub(1).ok_or(End::Malformed)?;
        let mut last = 0i16;
        loop {
            let head = self.byte()?;
            let (step, wire) = (i16::from(head >> 4), head & 0x0F);
            if wire == wire::STOP {
                return Ok(());
            }
            last = match step {
                // The decoder would cut a number that is too large.
                0 => i16::try_from(self.number()?).map_err(|_| End::Contradicts)?,
                step => last.checked_add(step).ok_or(End::Malformed)?,
            };
            let known = fields.iter().find(|(number, _)| *number == last);
            match known {
                Some((_, kind)) => self.known(*kind, wire, depth)?,
                None => self.unknown(wire, depth)?,
            }
        }
    }

    /// Goes past the value of a field that the format has.
    fn known(&mut self, kind: Kind, wire: u8, depth: u32) -> Result<(), End> {
        match (kind, wire) {
            // Its value is in the head of the field.
            (Kind::Bool, wire::TRUE | wire::FALSE) => Ok(()),
            (Kind::Byte, wire::BYTE) => self.skip(1),
            (Kind::Number, wire::I16..=wire::I64) => self.number().map(|_| ()),
            (Kind::Claim(claim), wire::I16..=wire::I64) => {
                let number = i32::try_from(self.number()?);
                (self.claim)(claim, number.map_err(|_| End::Contradicts)?);
                Ok(())
            }
            (Kind::Double, wire::DOUBLE) | (Kind::Binary, wire::BINARY) => {
                self.unknown(wire, depth)
            }
            (Kind::List(kind), wire::LIST) => self.list(Some(*kind), depth),
            (Kind::Struct(fields), wire::STRUCT) => self.fields(fields, depth),
            _ => Err(End::Contradicts),
        }
    }

    /// Goes past a value of which only the type is known.
    fn unknown(&mut self, wire: u8, depth: u32) -> Result<(), End> {
        match wire {
            // The decoder takes no byte for a boolean in a list either.
            wire::TRUE | wire::FALSE => Ok(()),
            wire::BYTE => self.skip(1),
            wire::I16..=wire::I64 => self.number().map(|_| ()),
            wire::DOUBLE => self.skip(8),
            wire::BINARY => {
                let length = self.unsigned()?;
                self.skip(length)
            }
            wire::LIST | wire::SET => self.list(None, depth),
            wire::MAP => self.map(depth),
            wire::STRUCT => self.fields(&[], depth),
            wire::UUID => self.skip(16),
            _ => Err(End::Malformed),
        }
    }

    /// Goes past a list. `kind` is what its elements are, if that is known.
    fn list(&mut self, kind: Option<Kind>, depth: u32) -> Result<(), End> {
        let depth = depth.checked_sub(1).ok_or(End::Malformed)?;
        let head = self.byte()?;
        let wire = head & 0x0F;
        let length = match head >> 4 {
            15 => self.unsigned()?,
            short => u64::from(short),
        };
        self.count(length)?;
        (0..length).try_for_each(|_| match kind {
            Some(kind) => self.known(kind, wire, depth),
            None => self.unknown(wire, depth),
        })
    }

    fn map(&mut self, depth: u32) -> Result<(), End> {
        let depth = depth.checked_sub(1).ok_or(End::Malformed)?;
        let length = self.unsigned()?;
        if length == 0 {
            return Ok(());
        }
        self.count(length)?;
        let wires = self.byte()?;
        (0..length).try_for_each(|_| {
            self.unknown(wires >> 4, depth)?;
            self.unknown(wires & 0x0F, depth)
        })
    }

    fn count(&mut self, elements: u64) -> Result<(), End> {
        let left = self.elements.checked_sub(elements);
        self.elements = left.ok_or(End::TooManyElements)?;
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

    /// Reads a number with a sign: 0, −1, 1, −2, … are written as 0, 1, 2, 3, …
    fn number(&mut self) -> Result<i64, End> {
        let number = self.unsigned()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Reads a number of seven bits a byte, the lowest first.
    fn unsigned(&mut self) -> Result<u64, End> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(End::Contradicts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout;
    use super::*;

    fn walked(structure: &[u8]) -> Result<(), End> {
        walk(structure, layout::FILE, 100, &mut |_, _| ())
    }

    #[test]
    fn what_is_cut_or_deep_is_left_to_the_decoder() {
        let deep = [&[0x0C, 0x40][..], &[0x1C; 100]].concat();
        for structure in [&[][..], &[0x15], &[0x68, 0xFF, 0x7F], &deep, &[0xFE; 9]] {
            assert_eq!(walked(structure), Err(End::Malformed), "{structure:?}");
        }
    }

    #[test]
    fn a_field_of_another_type_is_a_contradiction() {
        // The first field is a number: a boolean has no byte, and a string has a length.
        for wire in [1, 3, 7, 8, 9, 11, 12] {
            assert_eq!(
                walked(&[0x10 | wire, 0, 0]),
                Err(End::Contradicts),
                "{wire}"
            );
        }
        // The second is a list of structures: not of numbers, nor a set.
        assert_eq!(walked(&[0x29, 0x15, 0, 0]), Err(End::Contradicts));
        assert_eq!(walked(&[0x2A, 0x1C, 0, 0]), Err(End::Contradicts));
        // Some writers give the elements of an empty list no type.
        assert_eq!(walked(&[0x29, 0x00, 0]), Ok(()));
    }

    #[test]
    fn a_number_longer_than_64_bits_is_a_contradiction() {
        let number = |length| [&[0x15][..], &vec![0x80; length], &[0, 0]].concat();
        assert_eq!(walked(&number(9)), Ok(()));
        assert_eq!(walked(&number(10)), Err(End::Contradicts));
    }

    #[test]
    fn fields_of_later_versions_are_passed_over() {
        let unknown = [0x08, 0x64, 0x01, 0xAA, 0x19, 0x21, 0x1C, 0x11, 0x00, 0x00];
        assert_eq!(walked(&unknown), Ok(()));
    }
}
