//! The secret that clients must know.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// What clients must know. Only its hash is kept, so that a comparison takes the same time whatever
/// was guessed.
#[derive(Clone)]
pub(crate) struct Secret(Option<[u8; 32]>);

impl Secret {
    /// Returns the secret with this text; `None` lets in anybody.
    pub(crate) fn new(text: Option<&str>) -> Self {
        Self(text.map(hash))
    }

    /// Returns whether there is a secret.
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Returns whether this is the secret, or none is needed.
    pub(crate) fn admits(&self, token: Option<&str>) -> bool {
        let Some(known) = self.0 else {
            return true;
        };
        let given = hash(token.unwrap_or_default());
        let difference = known.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b));
        token.is_some() && difference == 0
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}
