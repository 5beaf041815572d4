//! Names of files: relative paths that are safe to create below the destination.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::ops::Range;
use std::sync::Arc;

use memchr::memrchr;

use super::accepted::Accepted;
use super::component::{self, Component, MAX_COMPONENT, NameTag, split_extension};
use crate::error::{Error, ErrorKind};

/// Maximum bytes of the folders in a path, each with its `/`. With the longest file name that makes
/// about 2,300, so that Linux's 4,096 for a whole path leave room for the destination.
const MAX_FOLDERS: usize = 2048;

/// A relative path as a user wrote it, with `/` between its components. It is not absolute, not
/// empty, and does not lead upwards. Its components have not been checked: [`TargetName::of_user`]
/// makes them safe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RelativeName(Arc<str>);

impl RelativeName {
    /// Creates a name from what a user wrote. Removes `.` and empty components.
    ///
    /// # Errors
    /// Of kind `name`, if the path is absolute or contains `..`, or if nothing is left of it.
    pub(crate) fn from_user(text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            let message = format!("the name {:?} {why}", excerpt(text));
            Err(Error::new(ErrorKind::Name, message))
        };
        if is_absolute(text) {
            return refuse("is absolute; give a path relative to the destination");
        }
        // A backslash is no separator here, but a user who wrote `..\` meant the folder above.
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

    /// Returns the path.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path, shared with this name.
    pub(crate) fn to_shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// A path below the destination that is safe to create: every component is one plain file name
/// there, and the first is not the state's folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TargetName(Arc<str>);

impl TargetName {
    /// Creates the name for a user's own path. Every component is made safe for a destination that
    /// accepts the names in `accepted`; `given` is the URL as given.
    pub(crate) fn of_user(
        name: &RelativeName,
        given: &str,
        accepted: &dyn Fn() -> Accepted,
    ) -> Self {
        let components = name.0.split('/');
        let safe = components.map(|text| Component::of_text(text, accepted));
        Self::of_components(safe, given)
    }

    /// Creates the name for a user's own path, made safe for every system.
    #[cfg(test)]
    pub(crate) fn portable(name: &RelativeName, given: &str) -> Self {
        Self::of_user(name, given, &Accepted::nothing)
    }

    /// Creates a name from a recorded path. Returns `None` if no row could have that path: other
    /// programs may have changed the record.
    pub(crate) fn of_recorded(path: &str) -> Option<Self> {
        let everything = || Accepted::EVERYTHING;
        let components = path.split('/');
        let safe = components.map(|text| Component::of_text(text, &everything));
        Some(Self::of_components(safe, "")).filter(|name| name.as_str() == path)
    }

    /// Creates the path of these components. A component that had to be made safe gets the first 8
    /// hex digits of the SHA-256 of the URL as given, `stem~HHHHHHHH.ext`. So does the file's own
    /// name if any component was changed or left out.
    pub(super) fn of_components<'a>(
        components: impl IntoIterator<Item = Component<'a>>,
        given: &str,
    ) -> Self {
        let tag = LazyCell::new(|| NameTag::of(given));
        let mut components = components.into_iter().peekable();
        let mut path = String::new();
        let mut changed = false;
        while let Some(component) = components.next() {
            let is_folder = components.peek().is_some();
            let start = path.len();
            changed |= component.is_changed();
            if component.is_changed() || changed && !is_folder {
                tag.put_into(component.as_str(), "", &mut path);
            } else {
                path.push_str(component.as_str());
            }
            if is_folder {
                path.push('/');
                if path.len() > MAX_FOLDERS {
                    path.truncate(start);
                    changed = true;
                }
            }
        }
        Self(path.into())
    }

    /// Creates a name from a path whose components are all known to be safe.
    pub(crate) fn of_safe(path: String) -> Self {
        Self(path.into())
    }

    /// Returns the name with the first 8 hex digits of the SHA-256 of the URL as given:
    /// `stem~HHHHHHHH.ext`. A name that has them already stays as it is.
    pub(crate) fn distinct(&self, given: &str) -> Self {
        self.tagged(given, "")
    }

    /// Returns the name for the `number`th row whose name is otherwise the same:
    /// `stem~HHHHHHHH-2.ext`. For 1 there is no number in it.
    pub(crate) fn numbered(&self, given: &str, number: u64) -> Self {
        self.tagged(given, &counter(number))
    }

    /// Returns the name for the `number`th copy of a file whose name is taken, in the form that
    /// aria2 uses: `stem.1.ext`. Shortens the stem if the name would be too long.
    pub(crate) fn copy(&self, number: u32) -> Self {
        let (stem, extension) = split_extension(self.file());
        let counter = format!(".{number}");
        let room = MAX_COMPONENT - counter.len() - extension.len();
        let stem = &stem[..stem.floor_char_boundary(room)];
        let folder = &self.0[..self.0.len() - self.file().len()];
        Self(format!("{folder}{stem}{counter}{extension}").into())
    }

    /// Returns the same file in another folder. `folder` is the range of one component in the path;
    /// it is made distinct as in [`numbered`](Self::numbered).
    pub(super) fn with_distinct_folder(
        &self,
        folder: Range<usize>,
        given: &str,
        number: u64,
    ) -> Self {
        let mut path = self.0[..folder.start].to_owned();
        NameTag::of(given).put_into(&self.0[folder.clone()], &counter(number), &mut path);
        path.push_str(&self.0[folder.end..]);
        Self(path.into())
    }

    /// Returns the name in the same folder that the server proposes: one plain component, from what
    /// follows the last `/` or `\` (RFC 6266 §4.3). Returns `None` if that is not a name, such as
    /// `..`.
    pub(crate) fn named_by_server(
        &self,
        proposed: &str,
        given: &str,
        accepted: &dyn Fn() -> Accepted,
    ) -> Option<Self> {
        let name = proposed.rsplit(['/', '\\']).next()?;
        if component::is_blank(name) {
            return None;
        }
        let file = Component::of_text(name, accepted);
        let mut path = self
            .folder()
            .map_or_else(String::new, |folder| format!("{folder}/"));
        if file.is_changed() {
            NameTag::of(given).put_into(file.as_str(), "", &mut path);
        } else {
            path.push_str(file.as_str());
        }
        Some(Self(path.into()))
    }

    /// Returns the whole path, with `/` between components.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the whole path as a shared string.
    pub(crate) fn to_shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Returns the folders that contain the file; `None` if there are none.
    pub(crate) fn folder(&self) -> Option<&str> {
        self.split().0
    }

    /// Returns the file's own name, without folders.
    pub(crate) fn file(&self) -> &str {
        self.split().1
    }

    /// Returns the folders, if there are any, and the file's own name.
    pub(crate) fn split(&self) -> (Option<&str>, &str) {
        match memrchr(b'/', self.0.as_bytes()) {
            None => (None, &self.0),
            Some(slash) => (Some(&self.0[..slash]), &self.0[slash + 1..]),
        }
    }

    fn tagged(&self, given: &str, counter: &str) -> Self {
        let mut path = String::with_capacity(self.0.len() + NameTag::LENGTH + counter.len());
        if let Some(folder) = self.folder() {
            path.push_str(folder);
            path.push('/');
        }
        NameTag::of(given).put_into(self.file(), counter, &mut path);
        Self(path.into())
    }
}

/// Returns what follows the tag's digits, to keep names with the same tag apart: nothing for 1,
/// then `-2` and so on.
fn counter(number: u64) -> String {
    match number {
        1 => String::new(),
        _ => format!("-{number}"),
    }
}

/// Returns the first 100 characters of a text, for a message.
fn excerpt(text: &str) -> Cow<'_, str> {
    const MAX_EXCERPT: usize = 100;
    match text.char_indices().nth(MAX_EXCERPT) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Returns whether a path starts at a root or a drive, on any platform.
fn is_absolute(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, [b'/' | b'\\', ..])
        || matches!(bytes, [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::component::tests::assert_safe_path;

    const GIVEN: &str = "http://host.example/a";

    fn user(name: &str) -> String {
        TargetName::portable(&RelativeName::from_user(name).unwrap(), GIVEN)
            .as_str()
            .to_owned()
    }

    #[test]
    fn a_distinct_name_has_the_hash_once() {
        let hash = "b33d24b1";
        let name = TargetName("a/b.tar.gz".into());
        assert_eq!(NameTag::of(GIVEN).as_str().to_owned(), format!("~{hash}"));
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
    fn a_copy_has_its_number_before_the_extension() {
        for (name, copy) in [
            ("a/b.gif", "a/b.1.gif"),
            ("b.tar.gz", "b.tar.1.gz"),
            ("b", "b.1"),
            (".bashrc", ".bashrc.1"),
            ("b.1.gif", "b.1.1.gif"),
        ] {
            assert_eq!(TargetName(name.into()).copy(1).as_str(), copy);
        }
        let long = TargetName(format!("a/{}ä.gif", "x".repeat(249)).into());
        let copy = long.copy(9999);
        assert_eq!(copy.file(), format!("{}.9999.gif", "x".repeat(246)));
        assert_safe_path(copy.as_str());
    }

    #[test]
    fn a_users_path_keeps_its_folders() {
        let tag = NameTag::of(GIVEN).as_str().to_owned();
        assert_eq!(user("a/b/c.txt"), "a/b/c.txt");
        assert_eq!(user("./a//b/./c.txt/"), "a/b/c.txt");
        assert_eq!(user("ä/b"), "ä/b");
        assert_eq!(user("a/.haul"), format!("a/_haul{tag}"));
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
    fn a_users_path_that_is_too_long_is_cut_and_says_so() {
        let name = user(&format!("{}b.gif", "folder/".repeat(9_000)));
        assert!((2_000..2_400).contains(&name.len()), "{}", name.len());
        assert!(name.ends_with(&format!("/b{}.gif", NameTag::of(GIVEN).as_str())));
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

    proptest! {
        #[test]
        fn any_accepted_path_stays_below_the_destination(text in "\\PC{0,20}|[a./\\\\: ~\\x00-\\x1f]{0,16}") {
            if let Ok(name) = RelativeName::from_user(&text) {
                let target = TargetName::portable(&name, GIVEN);
                assert_safe_path(target.as_str());
                let again = RelativeName::from_user(target.as_str()).unwrap();
                prop_assert_eq!(TargetName::portable(&again, "other"), target);
            }
        }
    }
}
