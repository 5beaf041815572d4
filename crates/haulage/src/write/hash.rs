//! Hashes that are computed while the bytes are received.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::checksum::{Algorithm, Checksum};

/// Hashes of the same bytes, one for each algorithm.
#[derive(Default)]
pub(crate) struct Hashes(Vec<Hash>);

enum Hash {
    Sha256(Sha256),
    Sha512(Sha512),
    Sha1(Sha1),
    Md5(Md5),
    Blake3(Box<blake3::Hasher>),
    Crc32c(u32),
}

impl Hashes {
    /// Creates hashes by the algorithms that are to be reported of every file, and those of its
    /// expected checksums.
    pub(crate) fn new<'a>(
        reported: &[Algorithm],
        expected: impl IntoIterator<Item = &'a Checksum>,
    ) -> Self {
        let expected = expected.into_iter().map(Checksum::algorithm);
        let mut algorithms: Vec<_> = reported.iter().copied().chain(expected).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        Self(algorithms.into_iter().map(Hash::new).collect())
    }

    /// Creates hashes by the same algorithms that have seen no bytes yet.
    pub(crate) fn anew(&self) -> Self {
        Self(self.algorithms().map(Hash::new).collect())
    }

    /// Returns the algorithms of the hashes.
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.0.iter().map(Hash::algorithm)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for hash in &mut self.0 {
            hash.update(bytes);
        }
    }

    /// Returns the checksums of all bytes that were taken.
    pub(crate) fn finish(self) -> Vec<Checksum> {
        self.0.into_iter().map(Hash::finish).collect()
    }
}

impl Hash {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Blake3 => Self::Blake3(Box::default()),
            Algorithm::Crc32c => Self::Crc32c(0),
        }
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
            Self::Sha1(_) => Algorithm::Sha1,
            Self::Md5(_) => Algorithm::Md5,
            Self::Blake3(_) => Algorithm::Blake3,
            Self::Crc32c(_) => Algorithm::Crc32c,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
            Self::Sha1(hash) => hash.update(bytes),
            Self::Md5(hash) => hash.update(bytes),
            Self::Blake3(hash) => {
                hash.update(bytes);
            }
            Self::Crc32c(sum) => *sum = crc32c::crc32c_append(*sum, bytes),
        }
    }

    fn finish(self) -> Checksum {
        match self {
            Self::Sha256(hash) => Checksum::of_digest(Algorithm::Sha256, &hash.finalize()[..]),
            Self::Sha512(hash) => Checksum::of_digest(Algorithm::Sha512, &hash.finalize()[..]),
            Self::Sha1(hash) => Checksum::of_digest(Algorithm::Sha1, &hash.finalize()[..]),
            Self::Md5(hash) => Checksum::of_digest(Algorithm::Md5, &hash.finalize()[..]),
            Self::Blake3(hash) => {
                Checksum::of_digest(Algorithm::Blake3, &hash.finalize().as_bytes()[..])
            }
            Self::Crc32c(sum) => Checksum::of_digest(Algorithm::Crc32c, sum.to_be_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of `123456789` by each algorithm, from common tools (`sha256sum`, `b3sum`, …).
    const CHECK: [&str; 6] = [
        "sha256=15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
        "sha512=d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a\
         d27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
        "sha1=f7c3bc1d808e04732adf679965ccc34ca7ae3441",
        "md5=25f9e794323b453885f5181f1b624d0b",
        "blake3=b7d65b48420d1033cb2595293263b6f72eabee20d55e699d0df1973b3c9deed1",
        "crc32c=e3069283",
    ];

    #[test]
    fn each_algorithm_makes_of_bytes_what_everybody_does_however_they_are_cut() {
        for cut in 0..=9 {
            let mut hashes = Hashes::new(&Algorithm::ALL, &[]);
            hashes.update(&b"123456789"[..cut]);
            hashes.update(&b"123456789"[cut..]);
            let found: Vec<String> = hashes.finish().iter().map(ToString::to_string).collect();
            assert_eq!(found, CHECK);
        }
    }

    #[test]
    fn each_algorithm_is_computed_once() {
        let expected: Checksum = CHECK[3].parse().unwrap();
        let hashes = Hashes::new(&[Algorithm::Md5, Algorithm::Sha1], &[expected]);
        assert_eq!(hashes.0.len(), 2);
        assert!(Hashes::new(&[], &[]).is_empty());
    }
}
