//! What a command is told about its file: variables of its environment, named after the fields of
//! the results.

use std::ffi::OsString;
use std::path::Path;

use haulage::{Algorithm, Outcome};
use jiff::Timestamp;

use crate::report::millis;

/// Returns the variables, with `None` for what has no value. `path` is where the file is.
pub(super) fn of(
    outcome: &Outcome,
    path: &Path,
) -> impl Iterator<Item = (String, Option<OsString>)> {
    let text = |text: Option<&str>| text.map(OsString::from);
    let number = |number: Option<u64>| number.map(|number| number.to_string().into());
    let place = outcome.location.as_ref();
    let started = Timestamp::try_from(outcome.started).unwrap_or_default();
    let fields = [
        ("ROW", number(Some(outcome.row))),
        ("INPUT", text(place.map(|place| &*place.input))),
        ("LINE", number(place.map(|place| place.line))),
        ("URL", text(Some(&outcome.url))),
        ("FINAL_URL", text(outcome.final_url.as_deref())),
        ("LABEL", text(Some(&outcome.label))),
        ("STATUS", text(Some(outcome.status.name()))),
        ("PATH", Some(path.into())),
        ("BYTES", number(Some(outcome.bytes))),
        ("HTTP_STATUS", number(outcome.http_status.map(u64::from))),
        ("ATTEMPTS", number(Some(outcome.attempts.into()))),
        ("SEGMENTS", number(outcome.known_segments().map(u64::from))),
        ("RESUMED", number(outcome.known_resumed())),
        ("STARTED", text(Some(&format!("{started:.3}")))),
        ("DURATION_MS", number(Some(millis(outcome.duration)))),
        ("ETAG", text(outcome.etag.as_deref())),
        ("LAST_MODIFIED", text(outcome.last_modified.as_deref())),
        ("CONTENT_TYPE", text(outcome.content_type.as_deref())),
        ("VERIFIED", text(Some(outcome.verified.name()))),
    ];
    let hashes = Algorithm::ALL.map(|algorithm| {
        let mut hashes = outcome.hashes.iter();
        let hash = hashes.find(|hash| hash.algorithm() == algorithm);
        (algorithm.name(), hash.map(|hash| hash.hex().into()))
    });
    let fields = fields.map(|(name, value)| (format!("HAUL_{name}"), value));
    let hashes = hashes.map(|(name, hash)| (format!("HAUL_{}", name.to_ascii_uppercase()), hash));
    fields.into_iter().chain(hashes)
}

#[cfg(test)]
mod tests {
    use haulage::Status;

    use super::*;
    use crate::config::is_told_to_commands;

    #[test]
    fn variables_are_no_options_of_a_haul_that_is_run() {
        let outcome = Outcome::new(3, "http://h/a", Status::Done);
        for (name, _) in of(&outcome, Path::new("/d/a")) {
            assert!(is_told_to_commands(&name), "{name}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_set() {
        let outcome = Outcome::new(3, "http://h/a", Status::Done);
        let all: Vec<_> = of(&outcome, Path::new("/d/a")).collect();
        let value = |name: &str| {
            let found = all.iter().find(|(known, _)| known == name);
            found.unwrap().1.clone()
        };
        assert_eq!(value("HAUL_PATH"), Some("/d/a".into()));
        assert_eq!(value("HAUL_ROW"), Some("3".into()));
        assert_eq!(value("HAUL_ETAG"), None);
        assert_eq!(value("HAUL_SHA256"), None);
    }
}
