//! The files that a path of `-i` names: one, those of a folder, or those that match a pattern.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A file, a device or a pipe, or nothing that exists.
    One,
    /// Files, in order of their paths: what is in a folder, and in the folders in it; or what
    /// matches a pattern.
    Many(Vec<PathBuf>),
}

/// Returns what a path names. As in a shell, `*`, `?` and `[…]` are a pattern, and `**` stands for
/// any folders; a file that is really called so is meant first. Of a folder those files are left
/// out whose names begin with a dot or an underscore, as Spark leaves them: `_SUCCESS`.
///
/// # Errors
/// If a folder cannot be read, or the pattern is not one.
pub(super) fn named(path: &Path) -> io::Result<Named> {
    if path.is_dir() {
        let mut files = Vec::new();
        collect(path, &mut files)?;
        files.sort();
        return Ok(Named::Many(files));
    }
    match path.to_str() {
        Some(text) if text.contains(['*', '?', '[']) && !text.contains("://") && !path.exists() => {
            let found = glob::glob(text).map_err(io::Error::other)?;
            let found: Result<Vec<_>, _> = found.collect();
            let mut files = found.map_err(io::Error::from)?;
            files.retain(|path| path.is_file());
            Ok(Named::Many(each_once(files)))
        }
        _ => Ok(Named::One),
    }
}

/// Returns files in order, each once: links to folders may lead to it on several paths. The
/// shortest one counts.
fn each_once(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    files.sort_by_key(|path| path.components().count());
    files.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_')) {
            continue;
        }
        let path = entry.path();
        // A link to a folder is not followed: it may lead in a circle.
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test makes the files that it looks at"
)]
mod tests {
    use super::*;

    fn names(of: &Path, root: &Path) -> Vec<String> {
        match named(of).unwrap() {
            Named::One => vec!["one".to_owned()],
            Named::Many(files) => {
                let relative = files.iter().map(|path| path.strip_prefix(root).unwrap());
                relative.map(|path| path.display().to_string()).collect()
            }
        }
    }

    #[test]
    fn folders_and_patterns_name_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("day=2/_temporary")).unwrap();
        for name in [
            "b.csv",
            "a.csv",
            "day=2/c.csv",
            "_SUCCESS",
            ".crc",
            "day=2/_temporary/x",
            "[1].csv",
        ] {
            fs::write(root.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("day=2/circle")).unwrap();
        assert_eq!(
            names(root, root),
            ["[1].csv", "a.csv", "b.csv", "day=2/c.csv"]
        );
        assert_eq!(names(&root.join("[ab].csv"), root), ["a.csv", "b.csv"]);
        assert_eq!(names(&root.join("**/c*"), root), ["day=2/c.csv"]);
        assert_eq!(names(&root.join("[1].csv"), root), ["one"]);
        assert_eq!(names(&root.join("x*"), root), [""; 0]);
        assert_eq!(names(&root.join("a.csv"), root), ["one"]);
        assert_eq!(names(&root.join("nothing"), root), ["one"]);
        assert!(named(Path::new("/nowhere/[")).is_err());
    }
}
