//! Bytes on their way from network threads to disk threads: what is handed over at once.

use std::io::IoSlice;
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::sync::lock;

/// Pieces up to this size are copied. Keeping the memory that they were read into would cost more:
/// the reader would need new memory for each small file, and another thread would free it.
const COPIED: usize = 16 << 10;
/// The most buffers that are kept to be used again.
const MAX_BUFFERS: usize = 64;

/// Bytes of one part, in order.
#[derive(Default)]
pub(super) struct Batch {
    pieces: SmallVec<[Piece; 1]>,
    length: usize,
}

enum Piece {
    /// The bytes as they were read.
    Shared(Bytes),
    /// A buffer of at least [`COPIED`] bytes, into which small pieces were copied.
    Copied(Vec<u8>),
}

/// Buffers to be used again.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Batch {
    /// Adds bytes at the end.
    pub(super) fn push(&mut self, bytes: Bytes, buffers: &Buffers) {
        if bytes.is_empty() {
            // Writing nothing would look like a disk that accepts no bytes.
            return;
        }
        self.length += bytes.len();
        if bytes.len() > COPIED {
            return self.pieces.push(Piece::Shared(bytes));
        }
        match self.pieces.last_mut() {
            Some(Piece::Copied(buffer)) if buffer.capacity() - buffer.len() >= bytes.len() => {
                buffer.extend_from_slice(&bytes);
            }
            _ => {
                let mut buffer = buffers.take();
                buffer.extend_from_slice(&bytes);
                self.pieces.push(Piece::Copied(buffer));
            }
        }
    }

    /// Returns how many bytes the batch contains.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Returns how many bytes of memory the batch occupies.
    pub(super) fn held(&self) -> usize {
        let held = self.pieces.iter().map(|piece| match piece {
            Piece::Shared(bytes) => bytes.len(),
            Piece::Copied(buffer) => buffer.capacity(),
        });
        held.sum()
    }

    /// Returns all of its bytes as slices, in order.
    pub(super) fn slices(&self) -> SmallVec<[IoSlice<'_>; 4]> {
        let slices = self.pieces.iter().map(|piece| match piece {
            Piece::Shared(bytes) => IoSlice::new(bytes),
            Piece::Copied(buffer) => IoSlice::new(buffer),
        });
        slices.collect()
    }

    /// Gives its memory back.
    pub(super) fn recycle(self, buffers: &Buffers) {
        for piece in self.pieces {
            if let Piece::Copied(buffer) = piece {
                buffers.give(buffer);
            }
        }
    }
}

impl Buffers {
    fn take(&self) -> Vec<u8> {
        let used = self.lock().pop();
        used.unwrap_or_else(|| Vec::with_capacity(COPIED))
    }

    fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut buffers = self.lock();
        if buffers.len() < MAX_BUFFERS {
            buffers.push(buffer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(batch: &Batch) -> Vec<u8> {
        batch
            .slices()
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect()
    }

    #[test]
    fn small_and_large_pieces_stay_in_order() {
        let buffers = Buffers::default();
        let mut batch = Batch::default();
        let mut expected = Vec::new();
        for (value, length) in [
            (0, 0),
            (1, 3),
            (2, COPIED + 1),
            (3, COPIED),
            (4, 1),
            (5, 9),
            (6, 0),
        ] {
            let piece = vec![value; length];
            expected.extend_from_slice(&piece);
            batch.push(piece.into(), &buffers);
        }
        assert_eq!(
            (bytes(&batch), batch.length()),
            (expected.clone(), expected.len())
        );
    }

    #[test]
    fn many_bytes_one_at_a_time_take_no_more_room_than_they_need() {
        let buffers = Buffers::default();
        let mut batch = Batch::default();
        for _ in 0..COPIED {
            batch.push(Bytes::from_static(b"x"), &buffers);
        }
        assert_eq!(batch.held(), COPIED);
    }

    #[test]
    fn a_buffer_that_is_used_again_holds_nothing_of_before() {
        let buffers = Buffers::default();
        let mut first = Batch::default();
        first.push(Bytes::from_static(b"before"), &buffers);
        first.recycle(&buffers);
        let mut second = Batch::default();
        second.push(Bytes::from_static(b"now"), &buffers);
        assert_eq!(bytes(&second), b"now");
        assert!(buffers.lock().is_empty());
    }
}
