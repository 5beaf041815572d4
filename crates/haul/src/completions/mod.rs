//! Completions for bash, fish and zsh, generated from clap's description of the command.
//! `clap_complete` is not used: its fish script fails at `--http1.1`, and its zsh script takes the
//! options of a subcommand for those of the download.

mod bash;
mod fish;
mod zsh;

use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::Shell;
use haulage::Algorithm;

/// Returns the completion script for a shell. `command` must have been built.
pub(crate) fn script(shell: Shell, mut command: Command) -> String {
    let forms = Form::all(&command);
    match shell {
        Shell::Bash => bash::script(&forms),
        Shell::Fish => fish::script(&forms),
        Shell::Zsh => zsh::script(&forms),
        _ => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command, "haul", &mut text);
            String::from_utf8_lossy(&text).into_owned()
        }
    }
}

/// The download command, or a subcommand, as completions need it.
struct Form {
    /// The subcommand's name; empty for the download command.
    name: String,
    about: String,
    options: Vec<Switch>,
    operands: Values,
}

/// An option.
struct Switch {
    short: Option<char>,
    long: String,
    help: String,
    /// The placeholder of the value in the help; empty if the option takes none.
    value_name: String,
    values: Values,
    is_repeatable: bool,
}

/// The values that an option takes.
#[derive(Debug, PartialEq, Eq)]
enum Values {
    /// No value.
    Nothing,
    /// Any text: nothing can be offered.
    Text,
    Files,
    Folders,
    /// One of these values, each with its meaning.
    Choices(Vec<(String, String)>),
    /// A text that begins with one of these prefixes.
    Prefixes(Vec<String>),
}

impl Form {
    /// Returns the form of the download itself, then those of the subcommands that are not hidden.
    fn all(command: &Command) -> Vec<Self> {
        let subcommands = command.get_subcommands().filter(|each| !each.is_hide_set());
        let described = subcommands.map(|each| Self::of(each, each.get_name()));
        std::iter::once(Self::of(command, ""))
            .chain(described)
            .collect()
    }

    fn of(command: &Command, name: &str) -> Self {
        let visible = || {
            command
                .get_arguments()
                .filter(|argument| !argument.is_hide_set())
        };
        Self {
            name: name.to_owned(),
            about: command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default(),
            options: visible().filter_map(Switch::of).collect(),
            operands: visible()
                .find(|argument| argument.is_positional())
                .map_or(Values::Nothing, Values::of),
        }
    }
}

impl Switch {
    fn of(argument: &Arg) -> Option<Self> {
        Some(Self {
            short: argument.get_short(),
            long: argument.get_long()?.to_owned(),
            help: argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default(),
            value_name: argument
                .get_value_names()
                .and_then(|names| names.first())
                .map(ToString::to_string)
                .unwrap_or_default(),
            values: Values::of(argument),
            is_repeatable: matches!(argument.get_action(), ArgAction::Append | ArgAction::Count),
        })
    }
}

impl Values {
    fn of(argument: &Arg) -> Self {
        if !argument.get_action().takes_values() {
            return Self::Nothing;
        }
        let names = || Algorithm::ALL.into_iter().map(Algorithm::name);
        match argument.get_long() {
            Some("hash") => {
                return Self::Choices(
                    names()
                        .map(|name| (name.to_owned(), String::new()))
                        .collect(),
                );
            }
            Some("checksum") => {
                return Self::Prefixes(names().map(|name| format!("{name}=")).collect());
            }
            _ => {}
        }
        let possible: Vec<_> = argument
            .get_possible_values()
            .into_iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| {
                let help = value
                    .get_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                (value.get_name().to_owned(), help)
            })
            .collect();
        match argument.get_value_hint() {
            _ if !possible.is_empty() => Self::Choices(possible),
            ValueHint::DirPath => Self::Folders,
            ValueHint::FilePath => Self::Files,
            _ => Self::Text,
        }
    }
}

/// Quotes a text for a shell that has no escapes within single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    fn command() -> Command {
        let mut command = Arguments::command();
        command.build();
        command
    }

    #[test]
    fn every_script_has_the_visible_options_and_no_others() {
        let secret = Arg::new("secret")
            .long("secret-option")
            .hide(true)
            .action(ArgAction::SetTrue);
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            let mut with_secret = Arguments::command().arg(secret.clone());
            with_secret.build();
            let script = script(shell, with_secret);
            assert!(!script.contains("secret-option"), "{shell}");
            for flag in ["remote-name", "no-clobber", "create-dirs"] {
                assert!(!script.contains(flag), "{shell}: {flag}");
            }
            for argument in command().get_arguments() {
                let long = argument.get_long().unwrap_or("jobs");
                assert!(script.contains(long), "{shell}: {long}");
            }
        }
    }

    /// Checks that there is no hidden option: the scripts for other shells, which `clap_complete`
    /// writes, would offer it.
    #[test]
    fn no_option_is_hidden() {
        let command = command();
        let subcommands = command.get_subcommands();
        let mut arguments = subcommands
            .flat_map(Command::get_arguments)
            .chain(command.get_arguments());
        assert!(!arguments.any(Arg::is_hide_set));
    }

    #[test]
    fn values_are_offered_as_what_they_are() {
        let all = Form::all(&command());
        let values = |command: usize, long: &str| {
            let options = &all[command].options;
            &options
                .iter()
                .find(|option| option.long == long)
                .unwrap()
                .values
        };
        assert_eq!(values(0, "dir"), &Values::Folders);
        assert_eq!(values(0, "input"), &Values::Files);
        assert_eq!(values(0, "jobs"), &Values::Text);
        assert_eq!(values(0, "quiet"), &Values::Nothing);
        assert!(matches!(values(0, "exists"), Values::Choices(choices) if choices.len() > 3));
        assert!(matches!(values(0, "hash"), Values::Choices(choices) if choices[0].0 == "sha256"));
        assert!(
            matches!(values(0, "checksum"), Values::Prefixes(prefixes) if prefixes[0] == "sha256=")
        );
        assert_eq!(all[0].operands, Values::Text);
        let results = all.iter().find(|form| form.name == "results").unwrap();
        assert_eq!(results.operands, Values::Folders);
    }
}
