//! Options that curl and wget users type by habit, and that mean nothing here: each is answered with what to do
//! instead. They are no part of the help, the completions or the manual.

use clap::{ArgAction, Args};

use crate::exit::Problem;

// Not a doc comment, which clap would take for the description of the command.
// What was typed by habit. A later option of ours takes the place of one that shares its letter.
#[derive(Debug, Default, Args)]
pub(crate) struct Habits {
    /// curl: `-O`, `--remote-name`, `--remote-name-all`; wget: `-O FILE`.
    #[arg(short = 'O', long = "remote-name", alias = "remote-name-all", action = ArgAction::Count, hide = true)]
    remote_name: u8,
    /// curl.
    #[arg(short = 'L', long, alias = "location-trusted", action = ArgAction::Count, hide = true)]
    location: u8,
    /// curl: `-C -`.
    #[arg(short = 'C', long, hide = true)]
    continue_at: Option<String>,
    /// wget and aria2.
    #[arg(short, long = "continue", action = ArgAction::Count, hide = true)]
    continue_: u8,
    /// wget.
    #[arg(short = 'P', long, hide = true)]
    directory_prefix: Option<String>,
    /// curl.
    #[arg(long, hide = true)]
    output_dir: Option<String>,
    /// wget: `-nc`, which clap reads as `-n -c`.
    #[arg(short = 'n', long = "no-clobber", action = ArgAction::Count, hide = true)]
    no_clobber: u8,
    /// wget.
    #[arg(short = 'N', long, action = ArgAction::Count, hide = true)]
    timestamping: u8,
    /// curl; its `-s` is `--split` here, which says so.
    #[arg(long, alias = "no-progress-meter", action = ArgAction::Count, hide = true)]
    silent: u8,
    /// curl.
    #[arg(short = 'S', long, action = ArgAction::Count, hide = true)]
    show_error: u8,
    /// curl.
    #[arg(short, long, alias = "fail-with-body", action = ArgAction::Count, hide = true)]
    fail: u8,
    /// curl.
    #[arg(short = 'Z', long, action = ArgAction::Count, hide = true)]
    parallel: u8,
    /// curl.
    #[arg(long, action = ArgAction::Count, hide = true)]
    create_dirs: u8,
}

impl Habits {
    /// The first habit met, as a usage error that says what to do.
    pub(crate) fn refuse(&self) -> Result<(), Problem> {
        let met = [
            (
                self.remote_name > 0,
                "-O",
                "is not needed: each file gets its URL's last part as its name; -o NAME names it",
            ),
            (
                self.location > 0,
                "-L",
                "is not needed: redirects are followed",
            ),
            (self.continue_at.is_some(), "-C", CONTINUES),
            (
                self.no_clobber > 0,
                "-nc",
                "is not needed: a file that is there already is skipped",
            ),
            (self.continue_ > 0, "-c", CONTINUES),
            (
                self.timestamping > 0,
                "-N",
                "is --exists refresh here: it asks for what has changed",
            ),
            (
                self.directory_prefix.is_some(),
                "-P",
                "is -d here: -d DIR is where the files go",
            ),
            (
                self.output_dir.is_some(),
                "--output-dir",
                "is -d here: -d DIR is where the files go",
            ),
            (
                self.silent > 0,
                "--silent",
                "is -q here: it shows only errors",
            ),
            (
                self.show_error > 0,
                "-S",
                "is not needed: errors are always shown",
            ),
            (
                self.fail > 0,
                "-f",
                "is not needed: an error page is never saved as the file",
            ),
            (
                self.parallel > 0,
                "-Z",
                "is not needed: files are fetched in parallel; -j N limits how many at once",
            ),
            (
                self.create_dirs > 0,
                "--create-dirs",
                "is not needed: folders are created",
            ),
        ];
        match met.into_iter().find(|(met, ..)| *met) {
            Some((_, option, answer)) => Err(Problem::usage(format!("{option} {answer}"))
                .hint("leave it out, and see haul --help")),
            None => Ok(()),
        }
    }
}

const CONTINUES: &str =
    "is not needed: running the same command again goes on with what is not there yet";

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::args::{self, Stop};

    #[test]
    fn each_habit_is_told_what_to_do() {
        for (typed, says) in [
            ("-O http://a/", "-O is not needed"),
            ("-LO http://a/", "-O is not needed"),
            ("-L http://a/", "redirects are followed"),
            ("--location http://a/", "redirects are followed"),
            ("-C - http://a/", "goes on with what is not there yet"),
            ("-c http://a/", "goes on with what is not there yet"),
            ("-nc http://a/", "is skipped"),
            ("-N http://a/", "--exists refresh"),
            ("-P downloads http://a/", "-d DIR"),
            ("-SL http://a/", "redirects are followed"),
            ("--silent http://a/", "is -q here"),
            ("-Z http://a/", "-j N"),
        ] {
            let arguments = format!("haul {typed}");
            let stop = args::parse(arguments.split(' ').map(OsString::from)).unwrap_err();
            let Stop::Habit(problem) = stop else {
                panic!("{typed}: {stop:?}");
            };
            assert!(problem.message.contains(says), "{typed}: {problem}");
        }
    }

    #[test]
    fn ours_are_no_habits() {
        let line = "haul -gqk -d x -o y -j 4 -A z -u a:b http://a/";
        assert!(args::parse(line.split(' ').map(OsString::from)).is_ok());
    }
}
