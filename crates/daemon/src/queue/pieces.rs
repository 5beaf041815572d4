//! The hashes of a file's pieces, as they are recorded with its download.

use std::num::NonZeroU64;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use haulage::PieceHashes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is recorded.
#[derive(Serialize, Deserialize)]
struct Recorded {
    algorithm: String,
    length: NonZeroU64,
    /// All digests, one after another, in base64.
    digests: String,
}

/// Writes hashes; `None` as null.
///
/// # Errors
/// Those of the serializer.
#[expect(clippy::ref_option, reason = "serde calls it so")]
pub(super) fn serialize<S: Serializer>(
    pieces: &Option<PieceHashes>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let recorded = pieces.as_ref().and_then(|pieces| {
        Some(Recorded {
            algorithm: pieces.algorithm().to_string(),
            length: NonZeroU64::new(pieces.length())?,
            digests: STANDARD.encode(pieces.digests()),
        })
    });
    recorded.serialize(serializer)
}

/// Reads hashes. A file can be downloaded without them: those that cannot be used are left out.
///
/// # Errors
/// Those of the deserializer.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PieceHashes>, D::Error> {
    let recorded = Option::<Recorded>::deserialize(deserializer)?;
    Ok(recorded.and_then(|recorded| {
        let algorithm = recorded.algorithm.parse().ok()?;
        let digests = STANDARD.decode(recorded.digests).ok()?;
        PieceHashes::new(algorithm, recorded.length, digests).ok()
    }))
}
