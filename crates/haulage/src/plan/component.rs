//! Makes one component of a path: any text becomes a plain file name, the same on every run. What
//! only some platforms accept (`:`, `?` and the like) stays if the destination accepts it.

use std::borrow::Cow;
use std::fmt::Write as _;

use memchr::memchr;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::accepted::Accepted;

/// Maximum bytes in a component: the limit of ext4, XFS and Btrfs; APFS and NTFS hold it too.
pub(super) const MAX_COMPONENT: usize = 255;
/// Maximum bytes of an extension, without its dot. A longer one counts as part of the stem.
const MAX_EXTENSION: usize = 16;

/// A component that is safe to create.
pub(super) struct Component<'a> {
    text: Cow<'a, str>,
    /// Whether it differs from the requested text.
    changed: bool,
}

impl<'a> Component<'a> {
    /// Returns a safe name for a text. `accepted` returns what the destination accepts; it is
    /// called only if the name depends on that.
    pub(super) fn of_text(text: &'a str, accepted: &dyn Fn() -> Accepted) -> Self {
        let text = if is_plain_ascii(text.as_bytes()) {
            Cow::Borrowed(text)
        } else if depends_on_system(text) {
            made_safe(text, accepted())
        } else {
            made_safe(text, Accepted::NOTHING)
        };
        Self {
            changed: matches!(text, Cow::Owned(_)),
            text,
        }
    }

    /// Returns a safe name for a segment of a URL's path, which is percent-decoded once (RFC 3986
    /// §2.4). Bytes that are not UTF-8 are replaced. For `accepted`, see
    /// [`of_text`](Self::of_text).
    pub(super) fn of_segment(segment: &'a str, accepted: &dyn Fn() -> Accepted) -> Self {
        let bytes = match Cow::from(percent_decode_str(segment)) {
            Cow::Borrowed(_) => return Self::of_text(segment, accepted),
            Cow::Owned(bytes) => bytes,
        };
        let (text, lossy) = match String::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
        };
        let safe = Component::of_text(&text, accepted);
        Self {
            changed: lossy || safe.changed,
            text: Cow::Owned(safe.text.into_owned()),
        }
    }

    /// Marks the name as different from what was requested.
    pub(super) fn changed(self) -> Self {
        Self {
            changed: true,
            ..self
        }
    }

    /// Returns the safe name.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }
}

/// `~HHHHHHHH`, which makes names distinct.
pub(super) struct NameTag(String);

impl NameTag {
    pub(super) const LENGTH: usize = 9;

    pub(super) fn of(given: &str) -> Self {
        let digest = Sha256::digest(given.as_bytes());
        Self(format!("~{}", hex(&digest[..4])))
    }

    /// Returns the tag, `~HHHHHHHH`.
    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Appends `stem~HHHHHHHH.ext` to a path, with `counter` after the digits. Shortens the stem if
    /// the name would be too long. A component that ends in the tag already does not get a second
    /// one.
    pub(super) fn put_into(&self, component: &str, counter: &str, path: &mut String) {
        let (stem, extension) = split_extension(component);
        // After a long stem was shortened, its end with the tag may look like an extension.
        if counter.is_empty() && component.len() <= MAX_COMPONENT && component.ends_with(&*self.0) {
            path.push_str(component);
            return;
        }
        let stem = stem.strip_suffix(&*self.0).unwrap_or(stem);
        let room = MAX_COMPONENT - self.0.len() - counter.len() - extension.len();
        path.push_str(&stem[..stem.floor_char_boundary(room)]);
        path.push_str(&self.0);
        path.push_str(counter);
        path.push_str(extension);
    }
}

/// Returns whether some systems accept the name and others do not.
fn depends_on_system(component: &str) -> bool {
    component.contains(|character| is_forbidden(character) && !matches!(character, '/' | '\0'))
        || component.ends_with([' ', '.'])
        || component.starts_with(' ')
}

/// Returns a plain file name for a destination that accepts the names in `accepted`. The result is
/// borrowed if the component is such a name already.
fn made_safe(component: &str, accepted: Accepted) -> Cow<'_, str> {
    let replaced = |character| is_forbidden(character) && !accepted.character(character);
    let mut safe: String = component
        .chars()
        .filter(|&character| !is_invisible(character))
        .map(|character| if replaced(character) { '_' } else { character })
        .collect();
    if is_blank(&safe) {
        safe.clear();
    }
    trim(&mut safe, accepted);
    if safe.is_empty() {
        safe.push('_');
    }
    if is_device(&safe) {
        safe.insert(0, '_');
    }
    if is_state_folder(&safe) {
        safe.replace_range(..usize::from(safe.starts_with('.')), "_");
    }
    if safe == component && safe.len() <= MAX_COMPONENT {
        Cow::Borrowed(component)
    } else {
        Cow::Owned(safe)
    }
}

/// Removes dots and spaces at the ends that the destination does not accept there. Windows removes
/// trailing ones itself, so the file would have another name than the one that was checked.
fn trim(name: &mut String, accepted: Accepted) {
    let goes = |character| match character {
        ' ' => !accepted.outer_space(),
        '.' => !accepted.final_dot(),
        _ => false,
    };
    name.truncate(name.trim_end_matches(goes).len());
    if !accepted.outer_space() {
        let leading = name.len() - name.trim_start_matches(' ').len();
        name.drain(..leading);
    }
}

/// Returns whether a component has only dots, spaces and invisible characters, so that
/// [`made_safe`] would leave nothing of it.
pub(super) fn is_blank(component: &str) -> bool {
    component
        .chars()
        .all(|character| matches!(character, ' ' | '.') || is_invisible(character))
}

/// Returns whether a component is printable ASCII that [`made_safe`] would not change. This is the
/// common case, and is decided without an allocation.
fn is_plain_ascii(component: &[u8]) -> bool {
    let (Some(first), Some(last)) = (component.first(), component.last()) else {
        return false;
    };
    component.len() <= MAX_COMPONENT
        && *first != b' '
        && !matches!(last, b' ' | b'.')
        && component
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~') && !is_forbidden(char::from(*byte)))
        && std::str::from_utf8(component)
            .is_ok_and(|text| !(is_device(text) || is_state_folder(text)))
}

/// Returns whether a character is forbidden in file names on some platform.
const fn is_forbidden(character: char) -> bool {
    matches!(
        character,
        '/' | '\\' | '\0' | '<' | '>' | ':' | '"' | '|' | '?' | '*'
    )
}

/// Returns whether a character is invisible, or changes how others are shown: control characters
/// (but not NUL, which is replaced, as a separator is), bidi controls, fillers and other format
/// characters. Variation selectors do not count, because emoji need them.
const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{1}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns whether Windows reserves a name for a device, in upper or lower case and with any
/// extension.
fn is_device(component: &str) -> bool {
    let base = memchr(b'.', component.as_bytes())
        .map_or(component, |dot| &component[..dot])
        .trim_end_matches(' ');
    let is = |name: &str| base.eq_ignore_ascii_case(name);
    match base.len() {
        3 => is("con") || is("prn") || is("aux") || is("nul"),
        // `COM1`, and `COM¹` with the superscript digits of Latin-1.
        4 | 5 => base.split_at_checked(3).is_some_and(|(port, digit)| {
            (port.eq_ignore_ascii_case("com") || port.eq_ignore_ascii_case("lpt"))
                && matches!(
                    digit,
                    "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
                )
        }),
        6 => is("conin$"),
        7 => is("conout$"),
        _ => false,
    }
}

/// Returns whether a name is that of the state's folder, which each folder has that is the
/// destination of a run, or its short name on Windows. No letter
/// outside ASCII folds to one of these, so [`fold_into`] is not needed.
fn is_state_folder(component: &str) -> bool {
    component.eq_ignore_ascii_case(".haul") || component.eq_ignore_ascii_case("haul~1")
}

/// Splits a name into its stem and its extension, which begins with the last dot. The extension is
/// empty if what follows the dot is empty, too long or has a space in it, or if nothing but dots
/// precedes it.
pub(super) fn split_extension(component: &str) -> (&str, &str) {
    component
        .rfind('.')
        .map(|dot| component.split_at(dot))
        .filter(|(stem, extension)| {
            (2..=MAX_EXTENSION + 1).contains(&extension.len())
                && !extension.contains(' ')
                && !stem.trim_start_matches('.').is_empty()
        })
        .unwrap_or((component, ""))
}

/// Appends the folded name: two names fold to the same text if a file system that ignores case or
/// normalisation takes them for one. Converts to upper case first, because some letters (`ς` and
/// `σ`) differ only in lower case.
pub(super) fn fold_into(name: &str, folded: &mut String) {
    let start = folded.len();
    if name.is_ascii() {
        folded.push_str(name);
        folded[start..].make_ascii_lowercase();
        return;
    }
    folded.extend(
        name.nfc()
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase),
    );
    // Changing the case can leave a letter and its accent apart.
    if !is_nfc(&folded[start..]) {
        let again: String = folded[start..].nfc().collect();
        folded.truncate(start);
        folded.push_str(&again);
    }
}

/// Returns bytes as hexadecimal digits, in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::{self, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_alike_but_for_case_or_normalisation_fold_to_one() {
        let fold = |name: &str| {
            let mut folded = String::new();
            fold_into(name, &mut folded);
            folded
        };
        for (one, other) in [
            ("a.GIF", "A.gif"),
            ("\u{e4}.png", "A\u{308}.png"),
            ("σας", "ΣΑΣ"),
            ("\u{212a}", "k"),
            ("\u{c5}", "\u{212b}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("a"), fold("ä"));
    }

    /// Asserts that a text is one plain file name everywhere.
    #[track_caller]
    pub(in crate::plan) fn assert_plain(name: &str) {
        let mut components = Path::new(name).components();
        assert!(
            matches!(components.next(), Some(path::Component::Normal(only)) if only == name),
            "{name:?}"
        );
        assert!(components.next().is_none(), "{name:?}");
        assert!(name.len() <= MAX_COMPONENT, "{name:?}");
        assert!(!name.contains(is_forbidden), "{name:?}");
        assert!(
            !name.contains(is_invisible) && !name.contains(char::is_control),
            "{name:?}"
        );
        assert!(
            !name.starts_with(' ') && !name.ends_with([' ', '.']),
            "{name:?}"
        );
        assert!(!is_device(name), "{name:?}");
    }

    /// Asserts that a path is safe to create below the destination.
    #[track_caller]
    pub(in crate::plan) fn assert_safe_path(path: &str) {
        path.split('/').for_each(assert_plain);
        assert!(path.len() < 2_400, "{} bytes", path.len());
        assert!(!path.split('/').any(is_state_folder), "{path:?}");
    }

    /// Returns a strategy for bytes that are often difficult in file names.
    pub(in crate::plan) fn awkward() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            proptest::sample::select(vec![
                ".", "..", " ", "/", "\\", ":", "~", "con", "COM1", ".haul", "haul~1", "\u{202e}",
                "\u{feff}", "ä", "x.gif", "\0", "%2f", "𝕏", "²",
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
            (any::<char>(), 1..200usize).prop_map(|(character, times)| {
                character.to_string().repeat(times).into_bytes()
            }),
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn what_the_destination_accepts_stays_and_nothing_else() {
        let everything =
            |text: &'static str| Component::of_text(text, &|| Accepted::EVERYTHING).text;
        for kept in [
            "2020-01-01T00:00:00Z.nc",
            "a?b=c|d",
            "a\\b",
            "a. ",
            " a",
            "a.",
            "...a",
        ] {
            assert_eq!(everything(kept), kept);
        }
        for (text, safe) in [
            ("..", "_"),
            (".", "_"),
            ("...", "_"),
            (" ", "_"),
            ("a/b", "a_b"),
            ("a\0b", "a_b"),
            ("a\u{202e}b:", "ab:"),
            ("a\nb?", "ab?"),
            (".haul", "_haul"),
            (".HAUL", "_HAUL"),
            ("haul~1", "_haul~1"),
            ("con", "_con"),
            ("NUL.txt", "_NUL.txt"),
            ("aux.", "_aux."),
        ] {
            assert_eq!(everything(text), safe, "{text:?}");
        }
        // A file system that accepts some of them.
        let some = Accepted::tried(|name| name == "a:a");
        assert_eq!(Component::of_text("a:b?", &|| some).text, "a:b_");
    }

    #[test]
    fn the_destination_is_asked_only_where_it_matters() {
        for text in [
            "a.gif", "ä.gif", "a\nb", "..a", ".haul", "a/b", "haul~1", "con",
        ] {
            let asked = || -> Accepted { panic!("asked for {text:?}") };
            let _ = Component::of_text(text, &asked);
        }
    }

    proptest! {
        #[test]
        fn the_fast_path_agrees_with_the_slow_one(text in "[ -~]{0,12}|(con|COM1|\\.haul|nul)[ .a]{0,3}") {
            let slow = matches!(made_safe(&text, Accepted::NOTHING), Cow::Borrowed(_));
            prop_assert_eq!(is_plain_ascii(text.as_bytes()), slow);
            if !depends_on_system(&text) {
                let everywhere = made_safe(&text, Accepted::EVERYTHING);
                prop_assert_eq!(made_safe(&text, Accepted::NOTHING), everywhere);
            }
        }
    }
}
