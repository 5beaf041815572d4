//! Checksums: the expected ones of a file, and those computed from its bytes.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};
use crate::redact::redacted;

/// A checksum algorithm. SHA-1, MD5 and CRC-32C detect accidental damage; against malice use one of
/// the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// SHA-1 (FIPS 180-4), broken.
    Sha1,
    /// MD5 (RFC 1321), broken.
    Md5,
    /// BLAKE3, its first 32 bytes.
    Blake3,
    /// CRC-32C (RFC 9260 appendix A), no hash at all.
    Crc32c,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Sha256,
        Self::Sha512,
        Self::Sha1,
        Self::Md5,
        Self::Blake3,
        Self::Crc32c,
    ];

    /// Returns the algorithm's stable name, as used in lists, options and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
            Self::Blake3 => "blake3",
            Self::Crc32c => "crc32c",
        }
    }

    /// Returns the length of a digest in bytes. In hex it has twice as many digits.
    #[must_use]
    pub const fn digest_length(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha512 => 64,
            Self::Sha1 => 20,
            Self::Md5 => 16,
            Self::Crc32c => 4,
        }
    }

    /// Returns the algorithm of this name, in upper or lower case, with or without `-` (as in
    /// `sha-256`); `None` if there is none.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let letters = || name.bytes().filter(|letter| *letter != b'-');
        Self::ALL.into_iter().find(|algorithm| {
            let own = algorithm.name().bytes();
            own.eq(letters().map(|letter| letter.to_ascii_lowercase()))
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::named(name).ok_or_else(|| {
            input(format!(
                "{:?} is no checksum that is known; there are {}",
                redacted(name),
                Self::ALL.map(Self::name).join(", ")
            ))
        })
    }
}

/// The hash of a file's bytes by one algorithm. Written `sha256=HEX`.
///
/// ```
/// use haulage::{Algorithm, Checksum};
///
/// let checksum: Checksum = "crc32c=E3069283".parse()?;
/// assert_eq!(checksum.algorithm(), Algorithm::Crc32c);
/// assert_eq!(checksum.to_string(), "crc32c=e3069283");
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    digest: Box<[u8]>,
}

impl Checksum {
    /// Creates a checksum from its hex digits, in upper or lower case.
    ///
    /// # Errors
    /// Of kind `input`, when they are not as many as the algorithm has, or no hex.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, Error> {
        let wanted = 2 * algorithm.digest_length();
        let digest = hex
            .as_bytes()
            .chunks(2)
            .map(byte_of)
            .collect::<Option<Box<[u8]>>>()
            .filter(|_| hex.len() == wanted);
        match digest {
            Some(digest) => Ok(Self { algorithm, digest }),
            None => Err(input(format!(
                "{:?} is no {algorithm}: that is {wanted} hex digits",
                redacted(hex)
            ))),
        }
    }

    /// Creates a checksum from the digest of a hasher, which has the right length.
    pub(crate) fn of_digest(algorithm: Algorithm, digest: impl Into<Box<[u8]>>) -> Self {
        Self {
            algorithm,
            digest: digest.into(),
        }
    }

    /// Returns the algorithm that the checksum is computed with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the bytes of the digest.
    #[must_use]
    pub const fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Returns the digest as hex digits, in lower case.
    #[must_use]
    pub fn hex(&self) -> String {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
        let digits = self.digest.iter();
        digits
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.algorithm, self.hex())
    }
}

impl FromStr for Checksum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let Some((algorithm, hex)) = text.split_once('=') else {
            return Err(input(format!(
                "{:?} is no checksum: write ALGO=HEX, as in sha256=…",
                redacted(text)
            )));
        };
        Self::from_hex(algorithm.parse()?, hex)
    }
}

/// Returns the byte that two hex digits stand for; `None` if they are not two hex digits.
fn byte_of(digits: &[u8]) -> Option<u8> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    match digits {
        [high, low] => u8::try_from(value(high)? << 4 | value(low)?).ok(),
        _ => None,
    }
}

fn input(message: String) -> Error {
    Error::new(ErrorKind::Input, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_shows_as_what_parses_to_it() {
        for text in [
            "sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "md5=d41d8cd98f00b204e9800998ecf8427e",
            "sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "crc32c=00000000",
        ] {
            let checksum: Checksum = text.parse().unwrap();
            assert_eq!(checksum.to_string(), text);
            let shouted: Checksum = text.to_uppercase().parse().unwrap();
            assert_eq!(shouted, checksum);
        }
        let dashed: Checksum = "sha-1=da39a3ee5e6b4b0d3255bfef95601890afd80709"
            .parse()
            .unwrap();
        assert_eq!(dashed.algorithm(), Algorithm::Sha1);
    }

    #[test]
    fn what_is_no_checksum_says_why() {
        for (text, says) in [
            ("d41d8cd98f00b204e9800998ecf8427e", "write ALGO=HEX"),
            ("md4=d41d8cd98f00b204e9800998ecf8427e", "there are sha256,"),
            ("=00", "there are sha256,"),
            ("md5=", "32 hex digits"),
            ("md5=d41d8cd98f00b204e9800998ecf8427", "32 hex digits"),
            ("md5=d41d8cd98f00b204e9800998ecf8427e0", "32 hex digits"),
            ("md5=d41d8cd98f00b204e9800998ecf8427g", "32 hex digits"),
            ("crc32c=+1234567", "8 hex digits"),
            ("crc32c=ää12", "8 hex digits"),
            ("sha256=d41d8cd98f00b204e9800998ecf8427e", "64 hex digits"),
        ] {
            let error = text.parse::<Checksum>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
        let long = "x".repeat(60_000).parse::<Algorithm>().unwrap_err();
        assert!(long.to_string().len() < 300);
    }
}
