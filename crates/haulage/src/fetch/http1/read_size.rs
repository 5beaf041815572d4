//! How many bytes one read of a connection asks for: much memory is used only where much is
//! received.

/// Bytes: enough for a small file and its head.
pub(super) const LEAST: usize = 16 << 10;

/// The size of a read, in bytes. It grows while reads are full, and shrinks after two reads in a
/// row that would have fitted into half of it.
pub(super) struct ReadSize {
    bytes: usize,
    most: usize,
    was_small: bool,
}

impl ReadSize {
    pub(super) fn new(most: usize) -> Self {
        Self {
            bytes: LEAST.min(most),
            most,
            was_small: false,
        }
    }

    /// Returns how many bytes the next read may bring at most.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adapts the size to a read that brought `read` bytes.
    pub(super) fn came(&mut self, read: usize) {
        let is_small = read < self.bytes / 2;
        if read >= self.bytes {
            self.bytes = (self.bytes * 2).min(self.most);
        } else if is_small && self.was_small {
            self.bytes = (self.bytes / 2).max(LEAST.min(self.most));
        }
        self.was_small = is_small;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_comes_within_its_bounds() {
        let mut size = ReadSize::new(100_000);
        assert_eq!(size.bytes(), LEAST);
        for _ in 0..4 {
            size.came(size.bytes());
        }
        assert_eq!(size.bytes(), 100_000);
        size.came(60_000);
        size.came(1);
        assert_eq!(size.bytes(), 100_000, "one small read says nothing");
        size.came(1);
        assert_eq!(size.bytes(), 50_000);
        for _ in 0..9 {
            size.came(1);
        }
        assert_eq!(size.bytes(), LEAST);
        assert_eq!(ReadSize::new(1000).bytes(), 1000);
    }
}
