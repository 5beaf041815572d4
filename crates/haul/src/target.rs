//! Combines `-d` and `-o`: the folder of a run, and the name of its file.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Component, Path, PathBuf};

use haulage::Destination;

use crate::args::Download;
use crate::exit::Problem;
use crate::output::{self, Reader};
use crate::report::format;
use crate::values::ResultsTarget;

/// Where the files of a run are saved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// In this folder, each under its own name.
    Folder(PathBuf),
    /// In this folder, under this name; where the URL is a pattern, the name is a template.
    File { folder: PathBuf, name: String },
    /// On standard output.
    StandardOutput,
    /// On a device or a pipe, such as `/dev/null`.
    Device(PathBuf),
}

impl Target {
    /// Returns where the files go.
    pub(crate) fn of(download: &Download) -> Result<Self, Problem> {
        let has_sets = |url: &String| url.contains(['{', '[']);
        let is_pattern = !download.globoff && download.urls.iter().any(has_sets);
        let output = download.output.as_deref();
        target(&download.directory, output, is_pattern, look, is_link)
    }

    /// Checks that there is one file where `-o` names one.
    pub(crate) fn check(&self, download: &Download) -> Result<(), Problem> {
        let (has_list, has_several) = (!download.inputs.is_empty(), download.urls.len() > 1);
        match self {
            Self::File { .. } if has_list => Err(Problem::usage(
                "-o names the file of one URL, not those of a list",
            )
            .hint("in the list, after the URL and a tab, out=NAME does that; -o DIR/ is a folder for all")),
            Self::File { .. } if has_several => Err(Problem::usage(
                "-o names the file of one URL, and there are several",
            )
            .hint(
                "-o DIR/ is a folder for all; with a pattern such as {a,b} in one URL, -o may have #1 for its value",
            )),
            Self::StandardOutput | Self::Device(_) if has_list => {
                Err(one_output(download, "there is a list"))
            }
            Self::StandardOutput | Self::Device(_) if has_several => {
                Err(one_output(download, "there are several"))
            }
            Self::StandardOutput if download.results.contains(&ResultsTarget::Output) => Err(
                Problem::usage("standard output can have the file or the results, not both")
                    .hint("--results FILE.jsonl writes the results to a file"),
            ),
            _ => Ok(()),
        }
    }

    /// Opens what is no folder. Returns who reads it, too, for standard output.
    pub(crate) fn open(self) -> Result<(Destination, Option<Reader>), Problem> {
        match self {
            Self::Folder(folder) | Self::File { folder, .. } => {
                Ok((Destination::Directory(folder), None))
            }
            Self::StandardOutput => match output::standard() {
                Ok((output, reader)) => Ok((Destination::Output(output), Some(reader))),
                Err(cause) => Err(Problem::destination(format!(
                    "cannot use standard output: {}",
                    format::io(&cause)
                ))),
            },
            Self::Device(path) => match output::device(&path) {
                Ok(output) => Ok((Destination::Output(output), None)),
                Err(cause) => Err(Problem::destination(format!(
                    "cannot write to {}: {}",
                    path.display(),
                    format::io(&cause)
                ))),
            },
        }
    }
}

/// Returns the refusal of more than one file where one stream takes it.
pub(crate) fn one_output(download: &Download, but: &str) -> Problem {
    let output = download.output.as_deref().unwrap_or("-");
    Problem::usage(format!("-o {output} takes the file of one URL, and {but}"))
        .hint("give one URL, or leave -o out: -d DIR is where the files go")
}

/// What exists at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Folder,
    /// A character device or a named pipe.
    Device,
    /// A file, or nothing.
    Other,
}

/// Looks at a path; links are followed.
fn look(path: &Path) -> Standing {
    match fs::metadata(path).map(|found| found.file_type()) {
        Ok(found) if found.is_dir() => Standing::Folder,
        Ok(found) if found.is_char_device() || found.is_fifo() => Standing::Device,
        _ => Standing::Other,
    }
}

/// Returns whether a path is a symbolic link.
fn is_link(path: &Path) -> bool {
    path.is_symlink()
}

/// Decides where the files go. `output` is relative to `directory`, and may lead out of it: an
/// absolute path stands for itself. As with `cp`, a folder that exists, or a name that ends in a
/// slash, means "into that folder". `is_pattern` tells whether `#1` in `output` stands for
/// something.
///
/// # Errors
/// When a path is a URL, or `output` is empty, names haul's own folder, or has `#1` and yet names a
/// folder.
fn target(
    directory: &Path,
    output: Option<&str>,
    is_pattern: bool,
    look: impl Fn(&Path) -> Standing,
    is_link: impl Fn(&Path) -> bool,
) -> Result<Target, Problem> {
    for (option, path) in [("-d", directory.to_str()), ("-o", output)] {
        if let Some(url) = path.filter(|path| is_url(path)) {
            let problem = format!("{option} {url} is a URL, and haul saves files in folders");
            return Err(Problem::usage(problem).hint(
                "for a bucket: download into a folder and copy it, for example with rclone; -o - writes one file to a pipe",
            ));
        }
    }
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
    Ok(file(directory, path, output, varies, is_link))
}

/// Splits the path of a file into the folder of the run and a name below it. A path below the
/// destination stays whole, unless a link leads out of it: below a destination no link is followed,
/// but one that the user names is meant.
fn file(
    directory: &Path,
    path: &Path,
    output: &str,
    varies: bool,
    is_link: impl Fn(&Path) -> bool,
) -> Target {
    let components: Vec<_> = path.components().collect();
    let last = components.len().saturating_sub(1);
    let varying = |component: &Component<'_>| component.as_os_str().to_string_lossy().contains('#');
    let split = match components.iter().position(varying) {
        Some(at) if varies => at,
        _ => last,
    };
    let folder = |length: usize| directory.join(components[..length].iter().collect::<PathBuf>());
    let leads_out = |component| matches!(component, &Component::RootDir | &Component::ParentDir);
    if !components.iter().any(leads_out) && !(1..=split).any(|length| is_link(&folder(length))) {
        return Target::File {
            folder: directory.to_owned(),
            name: output.to_owned(),
        };
    }
    let name: PathBuf = components[split..].iter().collect();
    Target::File {
        folder: folder(split),
        name: name.to_string_lossy().into_owned(),
    }
}

fn is_folder_name(output: &str) -> bool {
    let last = output.rsplit('/').next().unwrap_or_default();
    matches!(last, "" | "." | "..")
}

/// Returns whether a path begins as a URL does: `s3://`.
fn is_url(path: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
    };
    path.split_once("://")
        .is_some_and(|(scheme, _)| is_scheme(scheme))
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
        let is_link = |path: &Path| path == Path::new("D/link");
        target(Path::new("D"), Some(output), is_pattern, look, is_link)
    }

    fn into_folder(folder: &str) -> Target {
        Target::Folder(folder.into())
    }

    fn file(folder: &str, name: &str) -> Target {
        Target::File {
            folder: folder.into(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn a_path_below_the_destination_stays_whole() {
        assert_eq!(decide("x", false), Ok(file("D", "x")));
        assert_eq!(decide("sub/x", false), Ok(file("D", "sub/x")));
        assert_eq!(decide("./x", false), Ok(file("D", "./x")));
        assert_eq!(decide("out/#1.gif", true), Ok(file("D", "out/#1.gif")));
    }

    #[test]
    fn a_path_that_leads_out_is_split_into_folder_and_name() {
        assert_eq!(decide("/abs/x", false), Ok(file("/abs", "x")));
        assert_eq!(decide("../x", false), Ok(file("D/..", "x")));
        assert_eq!(decide("a/../b", false), Ok(file("D/a/..", "b")));
        assert_eq!(decide("/abs/#1.gif", true), Ok(file("/abs", "#1.gif")));
        assert_eq!(decide("/abs/#1/x#2/y", true), Ok(file("/abs", "#1/x#2/y")));
        assert_eq!(decide("/c#1/x", false), Ok(file("/c#1", "x")));
    }

    #[test]
    fn a_path_through_a_link_is_split_into_folder_and_name() {
        assert_eq!(decide("link/x", false), Ok(file("D/link", "x")));
        assert_eq!(decide("link/a/x", false), Ok(file("D/link/a", "x")));
        assert_eq!(decide("link/#1/x", true), Ok(file("D/link", "#1/x")));
        assert_eq!(decide("#1/link/x", true), Ok(file("D", "#1/link/x")));
        assert_eq!(decide("link", false), Ok(file("D", "link")));
    }

    #[test]
    fn folders_get_the_file_under_its_own_name() {
        assert_eq!(decide("dir/", false), Ok(into_folder("D/dir/")));
        assert_eq!(decide("/abs/dir/", false), Ok(into_folder("/abs/dir/")));
        assert_eq!(decide("folder", false), Ok(into_folder("D/folder")));
        assert_eq!(decide("/folder", true), Ok(into_folder("/folder")));
        assert_eq!(decide(".", false), Ok(into_folder("D/.")));
        assert_eq!(decide("..", false), Ok(into_folder("D/..")));
        assert_eq!(decide("/", false), Ok(into_folder("/")));
        assert_eq!(decide("c#/", false), Ok(into_folder("D/c#/")));
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
            ("s3://bucket/x", "-o s3://bucket/x is a URL"),
        ] {
            let problem = decide(output, true).unwrap_err();
            assert!(problem.message.contains(says), "{output}: {problem}");
        }
    }

    #[test]
    fn a_url_is_no_folder() {
        let into = |folder| target(Path::new(folder), None, false, look, is_link);
        let problem = into("s3://bucket/photos").unwrap_err();
        assert!(
            problem
                .message
                .starts_with("-d s3://bucket/photos is a URL")
        );
        for folder in ["./s3://bucket", "a b://c", "://c", "s3:/bucket", "C:"] {
            assert_eq!(into(folder), Ok(into_folder(folder)));
        }
    }
}
