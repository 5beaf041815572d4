//! Says where a file is, and what its name would have been. Shown for a single URL, and where the
//! name is not the expected one.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use haulage::{Outcome, Renamed, Status, Verified};
use percent_encoding::percent_decode_str;

use crate::report::format;

/// Returns the line for an item that has its file below `folder`: `saved a.bin (5.0 MiB)`; `None`
/// where there is no file with a name.
pub(crate) fn line(outcome: &Outcome, folder: &Path) -> Option<String> {
    let path = shown(folder, outcome.path.as_deref()?);
    match outcome.status {
        Status::Done => {
            let size = format::bytes(outcome.bytes);
            let instead = unexpected(outcome).map_or(String::new(), |name| format!(", not {name}"));
            let why = outcome.renamed.map(Renamed::reason);
            let why = why.map_or(String::new(), |why| format!(": {why}"));
            Some(format!("saved {path} ({size}){instead}{why}"))
        }
        Status::Skipped => Some(format!("already there: {path} ({})", checked(outcome))),
        Status::Unchanged => Some(format!("unchanged: {path}")),
        _ => None,
    }
}

/// Returns the path of a file as it can be typed where haul was started.
fn shown(folder: &Path, path_below: &str) -> String {
    let here = |component: &Component<'_>| *component == Component::CurDir;
    let path: PathBuf = folder.components().filter(|part| !here(part)).collect();
    path.join(path_below).display().to_string()
}

/// Returns what is known of a file that was there already.
fn checked(outcome: &Outcome) -> &'static str {
    match outcome.verified {
        Verified::Checksum => "same checksum",
        Verified::Digest | Verified::Length => "same size",
        _ => "not checked",
    }
}

/// Returns the name that an item's file should have had, where it has another; `None` where it has
/// the expected one.
pub(crate) fn unexpected(outcome: &Outcome) -> Option<Cow<'_, str>> {
    let file = Path::new(outcome.path.as_deref()?).file_name()?.to_str()?;
    let of_url = name_of(&outcome.url);
    if file == of_url {
        return None;
    }
    if let Some(plain) = without_mark(file) {
        // The row may have asked for another name than that of its URL.
        return Some(if plain == of_url {
            of_url
        } else {
            plain.into()
        });
    }
    // The row asked for no name, so its server gave one.
    (*outcome.label == *of_url).then_some(of_url)
}

/// Returns the name that a file has by its URL: the last part of the path, decoded once.
fn name_of(url: &str) -> Cow<'_, str> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let start = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(start..end).unwrap_or_default();
    match path.rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => percent_decode_str(name).decode_utf8_lossy(),
        _ => "index.html".into(),
    }
}

/// Returns a name without the `~HHHHHHHH` that keeps it apart from others; `None` if it has none.
fn without_mark(file: &str) -> Option<String> {
    let (before, after) = file.rsplit_once('~')?;
    let (mark, rest) = after.split_at_checked(8)?;
    let is_mark = mark
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_end = rest.is_empty() || rest.starts_with('.');
    (is_mark && is_end).then(|| format!("{before}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_urls_are_their_last_parts() {
        for (url, name) in [
            ("http://a/b/half.bin?x=1#y", "half.bin"),
            ("http://a/b/%C3%BC%20x", "ü x"),
            ("http://a/", "index.html"),
            ("http://a", "index.html"),
            ("http://a?b/c", "index.html"),
        ] {
            assert_eq!(name_of(url), name, "{url}");
        }
    }

    #[test]
    fn paths_are_as_seen_from_where_haul_runs() {
        for (folder, path) in [
            (".", "a/b"),
            ("./", "a/b"),
            ("x", "x/a/b"),
            ("./x/", "x/a/b"),
            ("./..", "../a/b"),
            ("/tmp", "/tmp/a/b"),
        ] {
            assert_eq!(shown(Path::new(folder), "a/b"), path, "{folder}");
        }
    }

    #[test]
    fn marks_are_eight_hex_digits_before_the_suffix() {
        for (file, plain) in [
            ("half~28477807.bin", Some("half.bin")),
            ("half~28477807", Some("half")),
            ("a~28477807.tar.gz", Some("a.tar.gz")),
            ("half~2847.bin", None),
            ("half~2847780g.bin", None),
            ("half~284778071.bin", None),
            ("half.bin", None),
        ] {
            assert_eq!(without_mark(file).as_deref(), plain, "{file}");
        }
    }
}
