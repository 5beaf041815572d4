//! Hints for lines of a list that are almost always a mistake: what to write instead.

use memchr::memchr;

/// The common options of aria2c's lists, which are on lines below a URL.
const ARIA2: [&str; 9] = [
    "out",
    "dir",
    "checksum",
    "header",
    "referer",
    "user-agent",
    "split",
    "continue",
    "max-download-limit",
];

/// Fields that follow the URL after a TAB.
const FIELDS: [&str; 8] = [
    "out", "label", "sha256", "sha512", "sha1", "md5", "blake3", "crc32c",
];

/// Returns what is wrong with a line whose URL has spaces, if that is more than a URL with spaces
/// in it: a second URL, a comment, a field or a name after the first one. `text` is what stands
/// before the first TAB, without outer spaces.
pub(super) fn after_space(text: &str) -> Option<&'static str> {
    // Hardly any line has a space.
    let space = memchr(b' ', text.as_bytes())?;
    let (first, rest) = (&text[..space], &text[space + 1..]);
    let next = rest.trim_start();
    let key = next
        .split_once('=')
        .map(|(key, _)| key.to_ascii_lowercase());
    if next.contains("://") && first.contains("://") {
        Some(
            "there are two URLs in the line; give each a line of its own, or put a TAB before a mirror",
        )
    } else if first.contains("://") && next.starts_with('#') {
        Some(
            "a comment follows the URL; put it on a line of its own, or write %23 for a # of the URL",
        )
    } else if key.is_some_and(|key| FIELDS.contains(&&*key)) {
        Some("a field follows the URL after a space; put a TAB between them")
    } else if first.contains("://") && is_name_after(first, rest) {
        Some(
            "a name follows the URL after a space; put a TAB and out= before it, or write %20 for a space of the URL",
        )
    } else {
        None
    }
}

/// Returns whether what follows a URL after spaces is the name for its file: both end like names of
/// files, or there are several spaces, which no URL has.
fn is_name_after(url: &str, rest: &str) -> bool {
    let name = rest.trim_start();
    let is_apart = name.len() < rest.len();
    let path = url.split_once("://").map_or("", |(_, path)| path);
    let has_file = path
        .rsplit_once('/')
        .is_some_and(|(_, file)| has_extension(file));
    is_apart || has_file && !name.contains([' ', '?']) && has_extension(name)
}

/// Returns whether a name ends in a dot and a few letters and digits, not digits alone.
fn has_extension(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=5).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && extension.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

/// Returns what a line without a URL at its beginning probably is. `line` still has its outer
/// spaces.
pub(super) fn no_url(line: &str) -> Option<&'static str> {
    if is_aria2(line) {
        return Some(
            "it looks like a list of aria2c, which --input-format aria2 reads; in a list of text a field follows its URL on \
             the same line, after a TAB: URL<TAB>out=NAME",
        );
    }
    let text = line.trim_ascii();
    let has_url = text.contains("://");
    let comma = text.contains([',', ';']);
    match text.as_bytes() {
        [b'{', ..] | [b'[', b'{' | b'"', ..] | [b'[' | b']' | b'}'] | [b'}' | b']', b','] => Some(
            "it looks like JSON; --input-format jsonl reads one object per line, as in: jq -c '.[]' FILE | haul -i -",
        ),
        [b'<', ..] => Some("it looks like HTML or XML; a list has one URL a line"),
        _ if has_url && comma || is_csv_head(text) => Some(
            "it looks like CSV; --input-format csv reads a table whose first line names its columns",
        ),
        [b'"' | b'\'', ..] if has_url => Some("there are quotes around the URL; leave them out"),
        _ if has_url => {
            Some("the URL does not stand first in the line; leave out what stands before it")
        }
        _ => None,
    }
}

/// Returns whether a line is one of aria2c's, which belong to the URL above them: `  out=NAME`.
pub(super) fn is_aria2(line: &str) -> bool {
    line.starts_with([' ', '\t'])
        && line
            .trim_start()
            .split_once('=')
            .is_some_and(|(key, _)| ARIA2.contains(&key))
}

/// Returns whether a line is a head of columns, such as `id,url`.
fn is_csv_head(text: &str) -> bool {
    let mut columns = text
        .split([',', ';'])
        .map(|column| column.trim_matches(['"', ' ']));
    text.contains([',', ';']) && columns.any(|column| column.eq_ignore_ascii_case("url"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_space_is_told_from_a_url_with_spaces() {
        for (text, says) in [
            ("http://h/a http://h/b", "two URLs"),
            ("http://h/a  https://h/b", "two URLs"),
            ("http://h/a # first", "comment"),
            ("http://h/a #first", "comment"),
            ("http://h/a out=b", "field"),
            ("http://h/a SHA256=00", "field"),
            ("http://h/a.gif b.gif", "name"),
            ("http://h/a?x=1  b", "name"),
        ] {
            let hint = after_space(text);
            assert!(
                hint.is_some_and(|hint| hint.contains(says)),
                "{text}: {hint:?}"
            );
        }
        for text in [
            "http://h/a",
            "http://h/a b.gif",
            "http://h/My Holiday.pdf",
            "http://h/Dr. No.pdf",
            "http://h/v1.2 notes.pdf",
            "http://h/a b/c d.gif",
            "http://h/a b#c",
            "a b.gif",
        ] {
            assert_eq!(after_space(text), None, "{text}");
        }
    }

    #[test]
    fn other_formats_are_recognised() {
        for (line, says) in [
            ("  out=b.gif", "aria2c"),
            ("\tdir=/tmp", "aria2c"),
            ("{\"url\": \"http://h/a\"}", "JSON"),
            ("[", "JSON"),
            ("[\"http://h/a\",", "JSON"),
            ("},", "JSON"),
            ("<a href=\"http://h/a\">", "HTML"),
            ("<?xml version=\"1.0\"?>", "HTML"),
            ("id,url", "CSV"),
            ("1,http://h/a", "CSV"),
            ("\"x\";\"http://h/a\"", "CSV"),
            ("\"http://h/a\"", "quotes"),
            ("wget http://h/a", "stand first"),
            ("- http://h/a", "stand first"),
        ] {
            let hint = no_url(line);
            assert!(
                hint.is_some_and(|hint| hint.contains(says)),
                "{line}: {hint:?}"
            );
        }
        for line in ["example.org/a", "a.gif", "a,b.gif", "  a.gif", "nonsense"] {
            assert_eq!(no_url(line), None, "{line}");
        }
    }
}
