//! `-h`: the options that most users need, on one screen. `--help` has all of them.

use std::ffi::OsString;

use clap::Command;

/// The options that `-h` shows, by their names in clap; `-h` is shown too.
const COMMON: [&str; 15] = [
    "inputs",
    "directory",
    "output",
    "exists",
    "checksums",
    "jobs",
    "per_host",
    "limit_rate",
    "headers",
    "user",
    "proxy",
    "results",
    "quiet",
    "verbose",
    "version",
];

const EXAMPLES: &str = "\
Examples:
  haul https://example.org/x.iso
  haul -d photos -i urls.txt
  haul 'https://example.org/{a,b}/[1-20].gif' -o '#1-#2.gif'
  haul results photos --status failed      what failed earlier, and why
  haul check photos                        are the files still right?
Stopped? Run the same command again: it resumes, and skips what is complete.";

/// The commands about a daemon.
const OF_DAEMON: [&str; 6] = ["serve", "add", "status", "pause", "resume", "remove"];

/// Returns whether a command line has `-h`, perhaps after other letters, and no `--help`. It may
/// say so of one whose `h` is a value: then no help is shown.
pub(crate) fn is_wanted(words: &[OsString]) -> bool {
    let is_short = |word: &OsString| {
        let bytes = word.as_encoded_bytes();
        bytes.starts_with(b"-") && !bytes.starts_with(b"--") && bytes.contains(&b'h')
    };
    words.iter().any(is_short) && words.iter().all(|word| word != "--help")
}

/// Returns the command with a help that shows common options only. It has not been built yet.
pub(crate) fn shorten(command: Command) -> Command {
    let names = command.get_subcommands().map(Command::get_name);
    let (of_daemon, names): (Vec<_>, Vec<_>) = names.partition(|name| OF_DAEMON.contains(name));
    let template = format!(
        "{{about}}\n\n\
         {{usage-heading}} {{usage}}\n\n\
         Common options:\n\
         {{options}}\n\n\
         Commands: {}
\
         For the daemon: {}\
         {{after-help}}
\
         haul --help shows all options, haul COMMAND --help those of a command.\n",
        names.join(", "),
        of_daemon.join(", ")
    );
    command
        .mut_args(|argument| {
            let is_common = COMMON.contains(&argument.get_id().as_str());
            let is_choice = !argument.get_possible_values().is_empty();
            let takes_value = argument.get_action().takes_values();
            argument
                .hide_short_help(!is_common)
                .hide_possible_values(is_choice && takes_value)
        })
        .help_template(template)
        .after_help(EXAMPLES)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn help_of_one_letter_is_told_from_the_long_one() {
        let wanted = |line: &str| {
            let words: Vec<_> = line.split(' ').map(OsString::from).collect();
            is_wanted(&words)
        };
        for line in ["haul -h", "haul -vh", "haul -d x -h"] {
            assert!(wanted(line), "{line}");
        }
        for line in ["haul --help", "haul -h --help", "haul http://h/", "haul -v"] {
            assert!(!wanted(line), "{line}");
        }
    }

    #[test]
    fn common_options_are_options() {
        let command = Arguments::command();
        for name in COMMON {
            let mut arguments = command.get_arguments();
            assert!(
                arguments.any(|argument| argument.get_id() == name),
                "{name}"
            );
        }
    }
}
