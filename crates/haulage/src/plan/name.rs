//! Names of files: any URL or text becomes one safe relative path, the same on every run and on every platform.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use unicode_normalization::{UnicodeNormalization, is_nfc};
use url::Url;

use crate::error::{Error, ErrorKind};

/// Most bytes in one component: what ext4, XFS and Btrfs hold, and no more than APFS and NTFS do.
const MAX_COMPONENT: usize = 255;
/// Most bytes of what still counts as an extension, the dot not included.
const MAX_EXTENSION: usize = 16;
/// What a URL without a last path segment is saved as.
const INDEX: &str = "index.html";

/// A relative path as a user wrote it, with `/` between its components: neither absolute, nor empty, nor upwards. What
/// is in the components has not been looked at: [`TargetName::of_user`] makes them safe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RelativeName(Arc<str>);

impl RelativeName {
    /// Takes what a user wrote; `.` and empty components are dropped.
    ///
    /// # Errors
    /// Of kind `name`, for an absolute path, one with `..`, or one of which nothing is left.
    pub(crate) fn from_user(text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            let message = format!("the name {:?} {why}", excerpt(text));
            Err(Error::new(ErrorKind::Name, message))
        };
        if is_absolute(text) {
            return refuse("is absolute; give a path relative to the destination");
        }
        // A backslash separates nothing here, but whoever wrote `..\` meant the folder above.
        if text.split(['/', '\\']).any(|component| component == "..") {
            return refuse("leads out of the destination; give one without `..`");
        }
        let is_kept = |component: &&str| !matches!(*component, "" | ".");
        let kept = text.split('/').filter(is_kept).count();
        if kept == 0 {
            return refuse("names no file; give one, or leave it out to use the URL's own");
        }
        if kept == text.split('/').count() {
            return Ok(Self(text.into()));
        }
        let components: Vec<&str> = text.split('/').filter(is_kept).collect();
        Ok(Self(components.join("/").into()))
    }
}

/// A path below the destination that is safe to create: every component is one plain file name on every platform, and
/// the first is not the state's folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TargetName(Arc<str>);

impl TargetName {
    /// The last path segment of a URL, percent-decoded once (RFC 3986 §2.4), without query and fragment. `given` is the
    /// URL as given, which tells names apart that had to be changed.
    pub(crate) fn flat(url: &Url, given: &str) -> Self {
        let path = url.path();
        let segment = path.rfind('/').map_or(path, |slash| &path[slash + 1..]);
        if segment.is_empty() {
            return Self(INDEX.into());
        }
        Self::of_segment(&Cow::from(percent_decode_str(segment)), given)
    }

    /// A user's own path, each component of it made safe. Any change shows in the file's name.
    pub(crate) fn of_user(name: &RelativeName, given: &str) -> Self {
        let parts = || name.0.split('/').enumerate();
        if parts().all(|(index, part)| is_plain_ascii(part.as_bytes(), Position::of(index))) {
            return Self(name.0.clone());
        }
        let safe: Vec<Cow<'_, str>> = parts()
            .map(|(index, part)| made_safe(part, Position::of(index)))
            .collect();
        if safe.iter().all(|part| matches!(part, Cow::Borrowed(_))) {
            return Self(name.0.clone());
        }
        let tag = Tag::of(given);
        let mut path = String::with_capacity(name.0.len() + 2 * Tag::LENGTH);
        let last = safe.len() - 1;
        for (index, part) in safe.iter().enumerate() {
            if index > 0 {
                path.push('/');
            }
            match part {
                Cow::Borrowed(part) if index < last => path.push_str(part),
                part => tag.put_into(part, "", &mut path),
            }
        }
        Self(path.into())
    }

    /// The same name with the first 8 hex digits of the SHA-256 of the URL as given: `stem~HHHHHHHH.ext`. A name that
    /// has them already stays as it is.
    pub(crate) fn distinct(&self, given: &str) -> Self {
        self.tagged(given, "")
    }

    /// The name of the `number`th row whose names are otherwise the same: `stem~HHHHHHHH-2.ext`.
    pub(crate) fn numbered(&self, given: &str, number: u64) -> Self {
        self.tagged(given, &format!("-{number}"))
    }

    /// The whole path, with `/` between components.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole path, to be kept.
    pub(crate) fn to_shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The folders that the file stands in, if any.
    pub(crate) fn folder(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(folder, _)| folder)
    }

    /// The file's own name.
    pub(crate) fn file(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, file)| file)
    }

    fn of_segment(bytes: &[u8], given: &str) -> Self {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) if is_plain_ascii(bytes, Position::First) => return Self(text.into()),
            Ok(text) => made_safe(text, Position::First),
            Err(_) => {
                Cow::Owned(made_safe(&String::from_utf8_lossy(bytes), Position::First).into_owned())
            }
        };
        match text {
            Cow::Borrowed(text) => Self(text.into()),
            Cow::Owned(text) => Self(text.into()).tagged(given, ""),
        }
    }

    fn tagged(&self, given: &str, counter: &str) -> Self {
        let mut path = String::with_capacity(self.0.len() + Tag::LENGTH + counter.len());
        if let Some(folder) = self.folder() {
            path.push_str(folder);
            path.push('/');
        }
        Tag::of(given).put_into(self.file(), counter, &mut path);
        Self(path.into())
    }
}

/// Appends what two names have in common when a file system that ignores case or normalisation takes them for one.
/// Upper case first, because some letters (`ς` and `σ`) differ in lower case only.
pub(crate) fn fold_into(name: &str, folded: &mut String) {
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

/// Where a component stands: the state's folder is only in the way of the first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    First,
    Later,
}

impl Position {
    fn of(index: usize) -> Self {
        if index == 0 { Self::First } else { Self::Later }
    }
}

/// `~HHHHHHHH`, which tells names apart.
struct Tag(String);

impl Tag {
    const LENGTH: usize = 9;

    fn of(given: &str) -> Self {
        let digest = Sha256::digest(given.as_bytes());
        let mut tag = String::with_capacity(Self::LENGTH);
        tag.push('~');
        for byte in digest.iter().take(4) {
            // Writing to a string cannot fail.
            let _ = write!(tag, "{byte:02x}");
        }
        Self(tag)
    }

    /// Appends `stem~HHHHHHHH.ext`, with `counter` after the digits, to a path; the stem is cut where the whole would
    /// be too long. A component that has the digits already gets no second ones.
    fn put_into(&self, component: &str, counter: &str, path: &mut String) {
        let (stem, extension) = split_extension(component);
        // A long stem that was cut may end in what looks like an extension.
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

/// One component that is a plain file name everywhere; borrowed when it was one already.
fn made_safe(component: &str, position: Position) -> Cow<'_, str> {
    let mut safe: String = component
        .chars()
        .filter(|&character| !is_invisible(character))
        .map(|character| {
            if is_forbidden(character) {
                '_'
            } else {
                character
            }
        })
        .collect();
    // Windows drops trailing dots and spaces, so that the file would be another than the one that was checked.
    safe.truncate(safe.trim_end_matches([' ', '.']).len());
    let leading = safe.len() - safe.trim_start_matches(' ').len();
    safe.drain(..leading);
    if safe.is_empty() {
        safe.push('_');
    }
    if is_device(&safe) {
        safe.insert(0, '_');
    }
    if position == Position::First && is_state_folder(&safe) {
        safe.replace_range(..usize::from(safe.starts_with('.')), "_");
    }
    if safe == component && safe.len() <= MAX_COMPONENT {
        Cow::Borrowed(component)
    } else {
        Cow::Owned(safe)
    }
}

/// The common case, without an allocation: printable ASCII that [`made_safe`] would leave alone.
fn is_plain_ascii(component: &[u8], position: Position) -> bool {
    let (Some(first), Some(last)) = (component.first(), component.last()) else {
        return false;
    };
    component.len() <= MAX_COMPONENT
        && *first != b' '
        && !matches!(last, b' ' | b'.')
        && component
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~') && !is_forbidden(char::from(*byte)))
        && std::str::from_utf8(component).is_ok_and(|text| {
            !(is_device(text) || position == Position::First && is_state_folder(text))
        })
}

/// What no file name may contain on some platform.
const fn is_forbidden(character: char) -> bool {
    matches!(
        character,
        '/' | '\\' | '\0' | '<' | '>' | ':' | '"' | '|' | '?' | '*'
    )
}

/// Characters that are not seen, or that change how others are seen: control characters (NUL is replaced instead, as a
/// separator would be), bidi controls, fillers and other format characters. Variation selectors stay: emoji need them.
const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{1}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// Names that Windows keeps for devices, whatever their case and whatever follows a dot.
fn is_device(component: &str) -> bool {
    let base = component
        .find('.')
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

/// The folder of the run's state, or its short name on Windows. No letter outside ASCII folds to one of these, so this
/// needs no [`fold_into`].
fn is_state_folder(component: &str) -> bool {
    component.eq_ignore_ascii_case(".haul") || component.eq_ignore_ascii_case("haul~1")
}

/// A name's stem, and its extension with the dot: what follows the last dot, if it is short, has no space, and the stem
/// is more than dots.
fn split_extension(component: &str) -> (&str, &str) {
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

/// As much of a text as a message has room for.
fn excerpt(text: &str) -> Cow<'_, str> {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Whether a path starts at a root or a drive, on any platform.
fn is_absolute(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, [b'/' | b'\\', ..])
        || matches!(bytes, [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    const GIVEN: &str = "http://host.example/a";

    fn flat(url: &str) -> String {
        TargetName::flat(&Url::parse(url).unwrap(), url)
            .as_str()
            .to_owned()
    }

    /// The name of a URL whose name had to be changed to this stem and extension.
    fn changed(url: &str, stem: &str, extension: &str) {
        assert_eq!(
            flat(url),
            format!("{stem}{}{extension}", Tag::of(url).0),
            "{url}"
        );
    }

    fn user(name: &str) -> String {
        TargetName::of_user(&RelativeName::from_user(name).unwrap(), GIVEN)
            .as_str()
            .to_owned()
    }

    #[test]
    fn a_plain_name_is_the_last_segment_decoded_once() {
        for (url, name) in [
            ("http://h/a/b.gif?x=1/2#f/g", "b.gif"),
            ("http://h/", "index.html"),
            ("http://h", "index.html"),
            ("http://h/a/", "index.html"),
            ("http://h/%61%20b.txt", "a b.txt"),
            ("http://h/a%2541", "a%41"),
            ("http://h/100%", "100%"),
            ("http://h/%C3%A4.png", "ä.png"),
            ("http://h/ä.png", "ä.png"),
            ("http://h/%E2%9D%A4%EF%B8%8F.png", "❤\u{fe0f}.png"),
            ("http://h/.bashrc", ".bashrc"),
            ("http://h/%EF%BF%BD", "\u{fffd}"),
            ("http://h/COM10", "COM10"),
            ("http://h/console", "console"),
        ] {
            assert_eq!(flat(url), name, "{url}");
        }
    }

    #[test]
    fn what_is_not_plain_is_made_so_and_says_so() {
        for (url, stem, extension) in [
            ("http://h/%2e%2e%2fetc%2Fpasswd", ".._etc_passwd", ""),
            ("http://h/..%5c..%5ca.exe", ".._.._a", ".exe"),
            ("http://h/a%00.gif", "a_", ".gif"),
            ("http://h/C:a%3Astream.txt", "C_a_stream", ".txt"),
            ("http://h/%3C%3E%22%7C%3F*", "______", ""),
            ("http://h/%1B%5B31mred.txt", "[31mred", ".txt"),
            ("http://h/gpj%E2%80%AE.exe", "gpj", ".exe"),
            ("http://h/a%C2%85%7Fb", "ab", ""),
            ("http://h/a%EF%BB%BF%E2%80%8Bb", "ab", ""),
            ("http://h/%20a.txt.%20.", "a", ".txt"),
            ("http://h/%20", "_", ""),
            ("http://h/...", "_", ""),
            ("http://h/.%E2%80%8B.", "_", ""),
            ("http://h/CON", "_CON", ""),
            ("http://h/nul%20.tar.gz", "_nul .tar", ".gz"),
            ("http://h/com%C2%B9.txt", "_com¹", ".txt"),
            ("http://h/Lpt9.", "_Lpt9", ""),
            ("http://h/conin$", "_conin$", ""),
            ("http://h/.haul", "_haul", ""),
            ("http://h/.HAUL.%20.", "_HAUL", ""),
            ("http://h/.ha%E2%80%8Dul", "_haul", ""),
            ("http://h/HAUL~1", "_HAUL~1", ""),
            ("http://h/a%FF.bin", "a\u{fffd}", ".bin"),
        ] {
            changed(url, stem, extension);
        }
    }

    #[test]
    fn a_long_name_is_cut_on_a_character_boundary_and_keeps_its_extension() {
        let url = format!("http://h/{}.jpeg", "ä".repeat(130));
        changed(&url, &"ä".repeat(120), ".jpeg");
        let url = format!("http://h/{}", "x".repeat(256));
        changed(&url, &"x".repeat(246), "");
        let url = format!("http://h/{}", "x".repeat(255));
        assert_eq!(flat(&url), "x".repeat(255));
        let url = format!("http://h/{}.{}", "x".repeat(243), "y".repeat(300));
        let name = flat(&url);
        assert_eq!(
            TargetName(name.clone().into()).distinct(&url).as_str(),
            name
        );
    }

    #[test]
    fn a_distinct_name_has_the_hash_once() {
        let hash = "b33d24b1";
        let name = TargetName("a/b.tar.gz".into());
        assert_eq!(Tag::of(GIVEN).0, format!("~{hash}"));
        let distinct = name.distinct(GIVEN);
        assert_eq!(distinct.as_str(), format!("a/b.tar~{hash}.gz"));
        assert_eq!(distinct.distinct(GIVEN), distinct);
        assert_eq!(
            distinct.numbered(GIVEN, 2).as_str(),
            format!("a/b.tar~{hash}-2.gz")
        );
        assert_eq!((distinct.folder(), name.file()), (Some("a"), "b.tar.gz"));
        assert_eq!(TargetName("x".into()).folder(), None);
    }

    #[test]
    fn a_users_path_keeps_its_folders() {
        let tag = Tag::of(GIVEN).0;
        assert_eq!(user("a/b/c.txt"), "a/b/c.txt");
        assert_eq!(user("./a//b/./c.txt/"), "a/b/c.txt");
        assert_eq!(user("ä/b"), "ä/b");
        assert_eq!(user("a/.haul"), "a/.haul");
        assert_eq!(user(".haul/parts/x"), format!("_haul{tag}/parts/x{tag}"));
        assert_eq!(user("./.Haul /x.y"), format!("_Haul{tag}/x{tag}.y"));
        assert_eq!(
            user("a?/nul/b.txt"),
            format!("a_{tag}/_nul{tag}/b{tag}.txt")
        );
        assert_eq!(user("a/b\\c.txt"), format!("a/b_c{tag}.txt"));
        assert_eq!(user("C:x"), format!("C_x{tag}"));
    }

    #[test]
    fn a_users_path_that_leads_elsewhere_is_refused() {
        for (name, says) in [
            ("/etc/passwd", "absolute"),
            ("\\\\server\\share", "absolute"),
            ("C:\\x", "absolute"),
            ("c:/x", "absolute"),
            ("a/../b", "without `..`"),
            ("..", "without `..`"),
            ("a\\..\\b", "without `..`"),
            ("", "names no file"),
            ("./.", "names no file"),
        ] {
            let error = RelativeName::from_user(name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Name);
            assert!(error.to_string().contains(says), "{error}");
        }
        let long = format!("/{}\n", "x".repeat(60_000));
        assert!(
            RelativeName::from_user(&long)
                .unwrap_err()
                .to_string()
                .len()
                < 250
        );
    }

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

    fn assert_plain(name: &str) {
        let mut components = Path::new(name).components();
        assert!(
            matches!(components.next(), Some(Component::Normal(only)) if only == name),
            "{name:?}"
        );
        assert!(components.next().is_none(), "{name:?}");
        assert!(
            name.len() <= MAX_COMPONENT && !name.contains(['\\', '\0']),
            "{name:?}"
        );
        assert!(
            !name.eq_ignore_ascii_case(".haul") && !is_device(name),
            "{name:?}"
        );
        assert!(
            !name.ends_with([' ', '.']) && !name.chars().any(char::is_control),
            "{name:?}"
        );
    }

    /// Bytes in which the awkward ones are frequent.
    fn awkward() -> impl Strategy<Value = Vec<u8>> {
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

    proptest! {
        #[test]
        fn any_segment_becomes_one_plain_component(bytes in awkward(), other in "[a-z]{0,4}") {
            let encoded: String = bytes.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "%{byte:02X}");
                text
            });
            let url = Url::parse(&format!("http://h/d/{encoded}?q#f")).unwrap();
            let name = TargetName::flat(&url, GIVEN);
            assert_plain(name.as_str());
            prop_assert_eq!(&name, &TargetName::flat(&url, GIVEN));
            // Safe names stay as they are, and so do distinct ones.
            prop_assert_eq!(&TargetName::of_segment(name.as_str().as_bytes(), &other), &name);
            let distinct = name.distinct(GIVEN);
            assert_plain(distinct.as_str());
            prop_assert_eq!(&distinct.distinct(GIVEN), &distinct);
            let numbered = name.numbered(GIVEN, u64::MAX);
            assert_plain(numbered.as_str());
            prop_assert_ne!(numbered, distinct);
        }

        #[test]
        fn the_fast_path_agrees_with_the_slow_one(text in "[ -~]{0,12}|(con|COM1|\\.haul|nul)[ .a]{0,3}") {
            for position in [Position::First, Position::Later] {
                let slow = matches!(made_safe(&text, position), Cow::Borrowed(_));
                prop_assert_eq!(is_plain_ascii(text.as_bytes(), position), slow);
            }
        }

        #[test]
        fn any_accepted_path_stays_below_the_destination(text in "\\PC{0,20}|[a./\\\\: ~\\x00-\\x1f]{0,16}") {
            if let Ok(name) = RelativeName::from_user(&text) {
                let target = TargetName::of_user(&name, GIVEN);
                for component in target.as_str().split('/') {
                    prop_assert!(!matches!(component, "" | "." | ".."));
                    prop_assert!(component.len() <= MAX_COMPONENT);
                }
                let first = target.as_str().split('/').next().unwrap();
                prop_assert!(!first.eq_ignore_ascii_case(".haul"));
                let again = RelativeName::from_user(target.as_str()).unwrap();
                prop_assert_eq!(TargetName::of_user(&again, "other"), target);
            }
        }
    }
}
