//! The folders that files may be saved to. What comes over the network does not choose others.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The folders that files may be saved to, and all below them.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    /// The one that is meant where none is named; absolute.
    default: PathBuf,
    /// All of them, without links.
    allowed: Vec<PathBuf>,
}

impl Folders {
    /// Returns the folders at these paths. The first one is the default; all must exist.
    ///
    /// # Errors
    /// When one of them cannot be found.
    pub(crate) fn new(default: &Path, others: &[PathBuf]) -> io::Result<Self> {
        let all = std::iter::once(default).chain(others.iter().map(PathBuf::as_path));
        let allowed = all
            .map(Path::canonicalize)
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            default: allowed[0].clone(),
            allowed,
        })
    }

    /// Returns the folder of these that a folder of the daemon's own is in, or that is in it;
    /// `None` if there is none, so that clients cannot reach the daemon's files.
    ///
    /// # Errors
    /// When the daemon's folder cannot be found.
    pub(crate) fn overlapping(&self, own: &Path) -> io::Result<Option<&Path>> {
        let own = own.canonicalize()?;
        let overlap = |folder: &&Path| own.starts_with(folder) || folder.starts_with(&own);
        Ok(self.all().find(overlap))
    }

    /// Returns all folders, the default first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Path> {
        self.allowed.iter().map(PathBuf::as_path)
    }

    /// Returns the default.
    pub(crate) fn default(&self) -> &Path {
        &self.default
    }

    /// Returns the absolute path that a client means; `None` if it leads out of the folders, be it
    /// through a link. A relative path begins in the default. It need not exist.
    pub(crate) fn resolve(&self, path: &str) -> Option<PathBuf> {
        let path = self.default.join(path);
        let is_plain = |part: Component<'_>| !matches!(part, Component::ParentDir);
        if path.as_os_str().as_encoded_bytes().contains(&0) || !path.components().all(is_plain) {
            return None;
        }
        let whole: PathBuf = without_links(&path)?.components().collect();
        let is_inside = self.allowed.iter().any(|folder| whole.starts_with(folder));
        // There, the engine keeps partial files.
        let is_hidden = whole.components().any(|part| part.as_os_str() == ".haul");
        (is_inside && !is_hidden).then_some(whole)
    }
}

/// Returns a path whose beginning, as far as it exists, has no links in it; `None` if that cannot
/// be told.
fn without_links(path: &Path) -> Option<PathBuf> {
    for existing in path.ancestors() {
        match existing.canonicalize() {
            Ok(real) => return Some(real.join(path.strip_prefix(existing).ok()?)),
            // A link that leads nowhere now may lead somewhere later.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if existing.symlink_metadata().is_ok() {
                    return None;
                }
            }
            Err(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn path_stays_in_the_folders_whatever_links_there_are() {
        let place = tempfile::tempdir().unwrap();
        let [own, other, foreign] = ["own", "other", "foreign"].map(|name| place.path().join(name));
        for folder in [&own, &other, &foreign] {
            std::fs::create_dir(folder).unwrap();
        }
        symlink(&foreign, own.join("out")).unwrap();
        symlink(&other, own.join("in")).unwrap();
        symlink(place.path().join("later"), own.join("nowhere")).unwrap();
        let folders = Folders::new(&own, std::slice::from_ref(&other)).unwrap();
        let real = |path: &Path| path.canonicalize().unwrap();
        assert_eq!(folders.resolve(""), Some(real(&own)));
        assert_eq!(folders.resolve("a/b"), Some(real(&own).join("a/b")));
        assert_eq!(folders.resolve("in/b"), Some(real(&other).join("b")));
        assert_eq!(folders.resolve(other.to_str().unwrap()), Some(real(&other)));
        for path in [
            "..",
            "a/../..",
            "../other",
            "/etc",
            "/",
            "out",
            "out/x",
            "nowhere",
            "nowhere/x",
            "a\0b",
            ".haul",
            "a/.haul/part",
        ] {
            assert_eq!(folders.resolve(path), None, "{path}");
        }
        let near = format!("{}2", own.display());
        assert_eq!(folders.resolve(&near), None);
    }

    #[test]
    fn folder_of_the_daemon_is_apart_from_all_others() {
        let place = tempfile::tempdir().unwrap();
        let [files, more, state] = ["files", "more", "files2"].map(|name| place.path().join(name));
        for folder in [&files, &more, &state] {
            std::fs::create_dir_all(folder.join("a/b")).unwrap();
        }
        let folders = Folders::new(&files, &[more.join("a")]).unwrap();
        let more_inside = more.join("a").canonicalize().unwrap();
        let overlapping = |path: &Path| folders.overlapping(path).unwrap();
        assert_eq!(overlapping(&state), None);
        assert_eq!(overlapping(&files.join("a")), Some(folders.default()));
        assert_eq!(overlapping(&files), Some(folders.default()));
        for path in [&more, &more.join("a/b")] {
            assert_eq!(overlapping(path), Some(&*more_inside));
        }
    }
}
