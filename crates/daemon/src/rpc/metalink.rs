//! Metalinks that clients send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use haulage::Expected;
use haulage::source::{ListOptions, Metalink};

use super::RpcError;

/// The most files of one Metalink.
const MAX_FILES: usize = 10_000;

/// A file of a Metalink.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) uris: Vec<String>,
    /// What it says of the file, as options.
    pub(super) options: Vec<(String, String)>,
    /// What else it says of the file.
    pub(super) expected: Expected,
}

/// Returns the files of a Metalink that is encoded with base64.
///
/// # Errors
/// When it is none, or has no file that can be downloaded.
pub(super) fn files(encoded: &str) -> Result<Vec<File>, RpcError> {
    let not_one = || RpcError::new("Could not parse Metalink XML document.");
    let text = STANDARD.decode(encoded).map_err(|_| not_one())?;
    let list = Metalink::new(text.as_slice(), "-", &ListOptions::default());
    let mut list = list.map_err(|_| not_one())?;
    let mut files = Vec::new();
    for request in list.by_ref().flatten().take(MAX_FILES) {
        let first = request.url().to_owned();
        let mirrors = request.mirrors().map(str::to_owned);
        let mut options = Vec::new();
        let name = request
            .name()
            .map(|name| ("out".to_owned(), name.to_owned()));
        options.extend(name);
        let expected = request.expected();
        let checksum = expected
            .checksums
            .iter()
            .max_by_key(|checksum| checksum.digest().len());
        options.extend(checksum.map(|checksum| ("checksum".to_owned(), checksum.to_string())));
        files.push(File {
            uris: std::iter::once(first).chain(mirrors).collect(),
            options,
            expected,
        });
    }
    if list.take_error().is_some() || files.is_empty() {
        return Err(not_one());
    }
    Ok(files)
}
