//! What `-d` and `-o` say together: the folder of a run, and the name of its file.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Component, Path, PathBuf};

use crate::exit::Problem;

/// Where the files of a run go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Into this folder, each under its own name.
    Folder(PathBuf),
    /// Into this folder, under this name; where the URL is a pattern, the name is a template.
    File { folder: PathBuf, name: String },
    /// To standard output.
    StandardOutput,
    /// To a device or a pipe, such as `/dev/null`.
    Device(PathBuf),
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Folder,
    /// A character device or a named pipe.
    Device,
    /// A file, or nothing.
    Other,
}

/// Looks at a path; links are followed.
pub(crate) fn look(path: &Path) -> Standing {
    match fs::metadata(path).map(|found| found.file_type()) {
        Ok(found) if found.is_dir() => Standing::Folder,
        Ok(found) if found.is_char_device() || found.is_fifo() => Standing::Device,
        _ => Standing::Other,
    }
}

/// Decides where the files go. `output` is relative to `directory`, and may lead out of it: an absolute
/// path stands for itself. As with `cp`, a folder that exists, or a name that ends in a slash, means
/// "into that folder". `is_pattern` tells whether `#1` in `output` stands for something.
///
/// # Errors
/// When `output` is empty, names haul's own folder, or has `#1` and yet names a folder.
pub(crate) fn target(
    directory: &Path,
    output: Option<&str>,
    is_pattern: bool,
    look: impl Fn(&Path) -> Standing,
) -> Result<Target, Problem> {
    let Some(output) = output else {
        return Ok(Target::Folder(directory.to_owned()));
    };
    if output.is_empty() {
        return Err(Problem::usage("-o is empty").hint("give a file name, or leave -o out"));
    }
    if matches!(
        output,
        "-" | "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1"
    ) {
        return Ok(Target::StandardOutput);
    }
    let path = Path::new(output);
    if path.components().any(is_workspace) {
        return Err(
            Problem::usage(format!("-o {output} leads into .haul, haul's own folder"))
                .hint("choose another name"),
        );
    }
    let whole = directory.join(path);
    let varies = is_pattern && output.contains('#');
    let standing = if varies {
        Standing::Other
    } else {
        look(&whole)
    };
    if standing == Standing::Device {
        return Ok(Target::Device(whole));
    }
    if standing == Standing::Folder || is_folder_name(output) {
        if varies {
            return Err(Problem::usage(format!("-o {output} names folders only"))
                .hint("write the file's name after them, as in out/#1/#2"));
        }
        return Ok(Target::Folder(whole));
    }
    Ok(file(directory, path, output, varies))
}

/// Splits the path of a file into the folder of the run and a name below it. A path below the
/// destination stays whole.
fn file(directory: &Path, path: &Path, output: &str, varies: bool) -> Target {
    let leads_out = |component| matches!(component, Component::RootDir | Component::ParentDir);
    if !path.components().any(leads_out) {
        return Target::File {
            folder: directory.to_owned(),
            name: output.to_owned(),
        };
    }
    let components: Vec<_> = path.components().collect();
    let last = components.len().saturating_sub(1);
    let varying = |component: &Component<'_>| component.as_os_str().to_string_lossy().contains('#');
    let split = match components.iter().position(varying) {
        Some(at) if varies => at,
        _ => last,
    };
    let name: PathBuf = components[split..].iter().collect();
    Target::File {
        folder: directory.join(components[..split].iter().collect::<PathBuf>()),
        name: name.to_string_lossy().into_owned(),
    }
}

fn is_folder_name(output: &str) -> bool {
    let last = output.rsplit('/').next().unwrap_or_default();
    matches!(last, "" | "." | "..")
}

fn is_workspace(component: Component<'_>) -> bool {
    component.as_os_str().eq_ignore_ascii_case(".haul")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(output: &str, is_pattern: bool) -> Result<Target, Problem> {
        let look = |path: &Path| match path.to_str() {
            Some("D/folder" | "/folder" | "D/.." | "/") => Standing::Folder,
            Some("/dev/null" | "D/pipe") => Standing::Device,
            _ => Standing::Other,
        };
        target(Path::new("D"), Some(output), is_pattern, look)
    }

    fn into_folder(folder: &str) -> Result<Target, Problem> {
        Ok(Target::Folder(folder.into()))
    }

    fn file(folder: &str, name: &str) -> Result<Target, Problem> {
        Ok(Target::File {
            folder: folder.into(),
            name: name.to_owned(),
        })
    }

    #[test]
    fn a_path_below_the_destination_stays_whole() {
        assert_eq!(decide("x", false), file("D", "x"));
        assert_eq!(decide("sub/x", false), file("D", "sub/x"));
        assert_eq!(decide("./x", false), file("D", "./x"));
        assert_eq!(decide("out/#1.gif", true), file("D", "out/#1.gif"));
    }

    #[test]
    fn a_path_that_leads_out_is_split_into_folder_and_name() {
        assert_eq!(decide("/abs/x", false), file("/abs", "x"));
        assert_eq!(decide("../x", false), file("D/..", "x"));
        assert_eq!(decide("a/../b", false), file("D/a/..", "b"));
        assert_eq!(decide("/abs/#1.gif", true), file("/abs", "#1.gif"));
        assert_eq!(decide("/abs/#1/x#2/y", true), file("/abs", "#1/x#2/y"));
        assert_eq!(decide("/c#1/x", false), file("/c#1", "x"));
    }

    #[test]
    fn folders_get_the_file_under_its_own_name() {
        assert_eq!(decide("dir/", false), into_folder("D/dir/"));
        assert_eq!(decide("/abs/dir/", false), into_folder("/abs/dir/"));
        assert_eq!(decide("folder", false), into_folder("D/folder"));
        assert_eq!(decide("/folder", true), into_folder("/folder"));
        assert_eq!(decide(".", false), into_folder("D/."));
        assert_eq!(decide("..", false), into_folder("D/.."));
        assert_eq!(decide("/", false), into_folder("/"));
        assert_eq!(decide("c#/", false), into_folder("D/c#/"));
    }

    #[test]
    fn devices_and_pipes_are_written_to() {
        for name in ["-", "/dev/stdout", "/dev/fd/1"] {
            assert_eq!(decide(name, false), Ok(Target::StandardOutput));
        }
        assert_eq!(
            decide("/dev/null", false),
            Ok(Target::Device("/dev/null".into()))
        );
        assert_eq!(decide("pipe", false), Ok(Target::Device("D/pipe".into())));
        assert_eq!(look(Path::new("/dev/null")), Standing::Device);
        assert_eq!(look(Path::new("/")), Standing::Folder);
        assert_eq!(look(Path::new("/nowhere")), Standing::Other);
    }

    #[test]
    fn names_that_cannot_be_used_say_why() {
        for (output, says) in [
            ("", "empty"),
            (".haul/x", "haul's own folder"),
            ("/a/.HAUL/x", "haul's own folder"),
            ("#1/", "folders only"),
        ] {
            let problem = decide(output, true).unwrap_err();
            assert!(problem.message.contains(says), "{output}: {problem}");
        }
    }
}
