//! The file of metrics, for the textfile collector of the Prometheus node exporter.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PathBufValueParser, TypedValueParser};

/// The name of a file that the textfile collector reads: it ends in `.prom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromFile(pub(crate) PathBuf);

impl PromFile {
    /// Returns what parses it, for clap.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        PathBufValueParser::new().try_map(Self::of)
    }

    fn of(path: PathBuf) -> Result<Self, String> {
        let has_name = path.extension().is_some_and(|ending| ending == "prom");
        if has_name {
            Ok(Self(path))
        } else {
            Err("the name must end in .prom, or the node exporter does not read it".to_owned())
        }
    }
}

impl FromStr for PromFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::of(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_ends_in_prom() {
        assert!("a/haul.prom".parse::<PromFile>().is_ok());
        for text in ["haul.txt", "haul", ".prom", "prom", "haul.prom.gz", ""] {
            assert!(text.parse::<PromFile>().is_err(), "{text}");
        }
    }
}
