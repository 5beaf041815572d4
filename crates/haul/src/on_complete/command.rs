//! The command as it was given: its words, and how it is run for a file.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use haulage::Outcome;

use super::{operators, variables};
use crate::report::format;

/// Stands for the path of the file in a word of the command.
const PLACE: &str = "{}";

/// Bytes of a command's output that are passed on: what it prints later is left out.
const MOST_OUTPUT: u64 = 64 << 10;
/// Bytes at the end of the output in which its last line is looked for.
const TAIL: u64 = 4 << 10;
/// Maximum characters of the last line, as the reason for a failure.
const MOST_REASON: usize = 300;

/// A command that is run for files.
pub(super) struct Command {
    program: String,
    arguments: Vec<String>,
    /// The absolute path of the folder with the files.
    folder: PathBuf,
}

/// What came of running a command.
pub(super) struct Ran {
    /// Its output, standard output and standard error together, line by line.
    pub(super) lines: Vec<String>,
    /// How it failed; `None` if it did not.
    pub(super) failure: Option<String>,
}

impl Command {
    /// Splits a command into its words, as a shell would, and looks for its program.
    ///
    /// # Errors
    /// If it has no words, a quote does not end, an operator is for a shell, or the program is not
    /// there. Says why, in words
    /// that fit after a colon.
    pub(super) fn parse(line: &str, folder: &Path) -> Result<Self, String> {
        let words = shlex::split(line).ok_or("a quote does not end")?;
        if let Some(operator) = operators::first(line) {
            return Err(format!(
                "no shell reads the command, so {operator} has no meaning; write sh -c '…' around \
                 it, with \"$HAUL_PATH\" in place of {PLACE}, or put {operator} in quotes"
            ));
        }
        let mut words = words.into_iter();
        let program = words.next().filter(|word| !word.is_empty());
        let program = program.ok_or("there is no command")?;
        if !is_there(&program, env::var_os("PATH").as_deref()) {
            return Err(format!("there is no program {program} that can be run"));
        }
        let folder = std::path::absolute(folder);
        let folder = folder.map_err(|cause| format::io(&cause))?;
        Ok(Self {
            program,
            arguments: words.collect(),
            folder,
        })
    }

    /// Runs it for a file, and waits until it has ended.
    pub(super) fn run(&self, outcome: &Outcome) -> Ran {
        // Not a pipe: a process that the command leaves behind would hold it open.
        let output = unnamed();
        let stream = || match &output {
            Ok(file) => file.try_clone().map_or_else(|_| Stdio::null(), Stdio::from),
            Err(_) => Stdio::null(),
        };
        let ended = self.process(outcome, stream(), stream()).status();
        let mut output = output.ok();
        let reason = output.as_mut().and_then(|file| last_line(file).ok()?);
        let lines = output
            .and_then(|file| lines_of(file).ok())
            .unwrap_or_default();
        let failure = match ended {
            Ok(status) if status.success() => None,
            Ok(status) => Some(match reason {
                Some(line) => format!("{}: {status}: {line}", self.program),
                None => format!("{}: {status}", self.program),
            }),
            Err(cause) => Some(format!(
                "{} cannot be run: {}",
                self.program,
                format::io(&cause)
            )),
        };
        Ran { lines, failure }
    }

    fn process(&self, outcome: &Outcome, stdout: Stdio, stderr: Stdio) -> process::Command {
        let path = self
            .folder
            .join(outcome.path.as_deref().unwrap_or_default());
        let mut process = process::Command::new(&self.program);
        process
            .args(self.arguments.iter().map(|word| with_path(word, &path)))
            // A Ctrl-C on the terminal is for haul, which lets commands that run end.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        for (name, value) in variables::of(outcome, &path) {
            match value {
                Some(value) => process.env(name, value),
                // That of a haul that runs this one is about another file.
                None => process.env_remove(name),
            };
        }
        process
    }
}

/// Returns a word with the path in each place for it.
fn with_path(word: &str, path: &Path) -> OsString {
    let mut parts = word.split(PLACE);
    let mut whole = OsString::from(parts.next().unwrap_or_default());
    for part in parts {
        whole.push(path);
        whole.push(part);
    }
    whole
}

/// Returns whether a program can be run: by its path, or by its name in one of the folders of
/// `PATH`.
fn is_there(program: &str, path: Option<&OsStr>) -> bool {
    let can_run = |found: io::Result<Metadata>| {
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return can_run(Path::new(program).metadata());
    }
    let mut folders = path.into_iter().flat_map(env::split_paths);
    folders.any(|folder| can_run(folder.join(program).metadata()))
}

/// Creates a file without a name, in the folder for temporary files.
#[expect(
    clippy::disallowed_methods,
    reason = "it is no file of the destination, and nobody else can see it"
)]
fn unnamed() -> io::Result<File> {
    static CREATED: AtomicU64 = AtomicU64::new(0);
    let number = CREATED.fetch_add(1, Ordering::Relaxed);
    let name = format!("haul-{}-{number}", process::id());
    let path = env::temp_dir().join(name);
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
}

/// Returns the lines of a file that others have written to, without empty ones. The last one says
/// so if there is more.
fn lines_of(mut file: File) -> io::Result<Vec<String>> {
    let length = file.seek(SeekFrom::End(0))?;
    let bytes = read(&mut file, 0, MOST_OUTPUT)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty()).map(str::to_owned);
    let more = (length > MOST_OUTPUT).then(|| "… (the rest of its output is left out)".to_owned());
    Ok(lines.chain(more).collect())
}

/// Returns the last line of such a file, cut if it is long; `None` if there is none.
fn last_line(file: &mut File) -> io::Result<Option<String>> {
    let length = file.seek(SeekFrom::End(0))?;
    let bytes = read(file, length.saturating_sub(TAIL), TAIL)?;
    let text = String::from_utf8_lossy(&bytes);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    Ok(last.map(|line| line.chars().take(MOST_REASON).collect()))
}

/// Reads up to `most` bytes of a file from an offset on.
fn read(file: &mut File, from: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_takes_each_place() {
        let path = Path::new("/d/a b.zip");
        for (word, whole) in [
            ("-q", "-q"),
            ("{}", "/d/a b.zip"),
            ("--in={}", "--in=/d/a b.zip"),
            ("{}:{}.txt", "/d/a b.zip:/d/a b.zip.txt"),
        ] {
            assert_eq!(with_path(word, path), OsString::from(whole));
        }
    }

    #[test]
    fn a_command_that_cannot_be_run_says_why() {
        for (line, says) in [
            ("", "no command"),
            ("''", "no command"),
            ("'a", "quote does not end"),
            (
                "no-such-program-anywhere",
                "no program no-such-program-anywhere",
            ),
            ("/etc/passwd", "that can be run"),
            ("cat {} > copy", "so > has no meaning"),
        ] {
            let error = Command::parse(line, Path::new("."))
                .err()
                .unwrap_or_default();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
