//! Decoders of other crates, which panic where a file contradicts itself.

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

thread_local! {
    static LIST: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// What is wrong with a list whose decoder panics.
const CONTRADICTION: &str = "it is damaged: what it says of itself cannot be true";

/// Returns the name of the list that this thread is decoding; `None` if it is not.
///
/// The decoder may panic if the list is damaged. Where panics unwind, the list ends with an error
/// then. A program in which they abort can say in its panic hook which list it was.
#[must_use]
pub fn list_being_decoded() -> Option<Arc<str>> {
    LIST.with(|list| list.try_borrow().ok()?.clone())
}

/// Decodes something of a list of this name. What the decoder was is not to be used again if this
/// fails.
///
/// # Errors
/// As the decoder, or if it panics.
pub(super) fn guarded<T>(
    input: &Arc<str>,
    decode: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    LIST.set(Some(Arc::clone(input)));
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    LIST.set(None);
    decoded.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::InvalidData, CONTRADICTION)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_panics_is_an_error_of_its_list() {
        let input = Arc::from("a.parquet");
        let known = guarded(&input, || Ok(list_being_decoded())).unwrap();
        assert_eq!(known.as_deref(), Some("a.parquet"));
        let failed = guarded(&input, || -> io::Result<()> { panic!("as a decoder does") });
        assert_eq!(failed.unwrap_err().to_string(), CONTRADICTION);
        assert_eq!(list_being_decoded(), None);
    }
}
