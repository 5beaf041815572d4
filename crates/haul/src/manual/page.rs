//! The manual page, in the language of man(7), generated from clap's description of the command.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::roff::{escaped, paragraph};
use crate::args::{EXAMPLES, EXIT_STATUS};

/// Files that haul writes besides the downloaded ones.
const FILES: [(&str, &str); 4] = [
    (
        "~/.config/haul/config.toml",
        "Default options, if $XDG_CONFIG_HOME does not name another folder than ~/.config: see \
         --config.",
    ),
    (
        "DIR/.haul/",
        "Incomplete data, and what a later run needs to know. After a run of URLs it is removed when \
         all of them are done; after a list it stays. It may be deleted when no run uses it: then \
         nothing can be resumed, and the next run sends a request for each existing file.",
    ),
    (
        "DIR/.haul/state.db",
        "An SQLite database with the result of each item of the lists.",
    ),
    ("DIR/.haul/part/", "Files that are not complete yet."),
];

const ENVIRONMENT: [(&str, &str); 6] = [
    (
        "HAUL_JOBS, HAUL_PER_HOST, ...",
        "Default options: HAUL_ and the name of the option in capital letters, with _ for each - and \
         dot. They count more than the configuration file. 1, true and yes turn an option without a \
         value on; 0, false and no turn it off. Of an option that may be repeated each line is a \
         value. An empty variable counts as not set; one that is no option is an error.",
    ),
    (
        "HAUL_CONFIG, HAUL_NO_CONFIG",
        "Another configuration file, or with 1 none: as --config and --no-config.",
    ),
    (
        "TERM, NO_COLOR, CLICOLOR, CLICOLOR_FORCE, COLUMNS",
        "Tell how help and progress are drawn. With TERM=dumb there is no progress bar. NO_COLOR=1 and \
         CLICOLOR=0 take colours away; CLICOLOR_FORCE=1 keeps them in a pipe.",
    ),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "Where the system's certificates are, if not in the usual places.",
    ),
    (
        "http_proxy, https_proxy, all_proxy",
        "Proxies for http URLs, for https URLs, and for those that have none of their own, as for -x. \
         In upper case too, except HTTP_PROXY, which a server may set from a request.",
    ),
    (
        "no_proxy, NO_PROXY",
        "Hosts that are connected to without a proxy, as for --noproxy.",
    ),
];

const SEE_ALSO: &str = "curl(1), wget(1), aria2c(1), sha256sum(1)";

/// Returns the page. `command` has been built.
pub(super) fn page(command: &Command) -> String {
    let mut page = String::new();
    let version = command.get_version().unwrap_or_default();
    // Writing to memory does not fail.
    let _ = writeln!(page, ".TH HAUL 1 \"\" \"haul {version}\" \"User Commands\"");
    introduction(&mut page, command);
    section(&mut page, "OPTIONS");
    options(&mut page, command);
    section(&mut page, "COMMANDS");
    for subcommand in command.get_subcommands().filter(|each| !each.is_hide_set()) {
        subcommand_of(&mut page, command, subcommand);
    }
    closing(&mut page);
    page
}

/// Adds what stands before the options.
fn introduction(page: &mut String, command: &Command) {
    section(page, "NAME");
    let about = text_of(command.get_about());
    let _ = writeln!(
        page,
        "haul \\- {}",
        escaped(&about.to_lowercase().replace("urls", "URLs"))
    );
    section(page, "SYNOPSIS");
    for (at, form) in ["[OPTIONS] URL...", "[OPTIONS] -i LIST", "COMMAND"]
        .iter()
        .enumerate()
    {
        page.push_str(if at == 0 { "" } else { ".br\n" });
        let _ = writeln!(page, "\\fBhaul\\fR {}", escaped(form));
    }
    section(page, "DESCRIPTION");
    for text in text_of(command.get_long_about()).split("\n\n").skip(1) {
        paragraph(page, text);
    }
    if let Some(urls) = command
        .get_arguments()
        .find(|argument| argument.is_positional())
    {
        for text in help_of(urls).split("\n\n").skip(1) {
            paragraph(page, text);
        }
    }
}

/// Adds what stands after the commands.
fn closing(page: &mut String) {
    section(page, "EXIT STATUS");
    for line in EXIT_STATUS.lines().skip(1) {
        let (status, meaning) = line.trim_start().split_once("  ").unwrap_or((line, ""));
        entry(page, status, meaning);
    }
    section(page, "FILES");
    for (path, text) in FILES {
        entry(page, path, text);
    }
    section(page, "ENVIRONMENT");
    for (name, text) in ENVIRONMENT {
        entry(page, name, text);
    }
    section(page, "EXAMPLES");
    page.push_str(".nf\n");
    for line in EXAMPLES.lines().skip(1) {
        let _ = writeln!(page, "{}", escaped(line.trim_start()));
    }
    page.push_str(".fi\n");
    section(page, "SEE ALSO");
    let _ = writeln!(page, "{}", escaped(SEE_ALSO));
}

fn section(page: &mut String, title: &str) {
    let _ = writeln!(page, ".SH \"{title}\"");
}

/// Adds a paragraph with a tag, whose text may have several paragraphs.
fn entry(page: &mut String, tag: &str, text: &str) {
    let _ = writeln!(page, ".TP\n\\fB{}\\fR", escaped(tag));
    described(page, text);
}

/// Adds the paragraphs below a tag.
fn described(page: &mut String, text: &str) {
    for (at, part) in text.split("\n\n").enumerate() {
        if at > 0 {
            page.push_str(".IP\n");
        }
        let _ = writeln!(page, "{}", escaped(part));
    }
}

/// Adds the options of a command, under their headings.
fn options(page: &mut String, command: &Command) {
    let visible = || {
        let arguments = command.get_arguments();
        arguments.filter(|argument| !argument.is_hide_set() && !argument.is_positional())
    };
    let mut headings: Vec<Option<&str>> = visible().map(Arg::get_help_heading).collect();
    headings.sort_by_key(|heading| {
        visible().position(|argument| argument.get_help_heading() == *heading)
    });
    headings.dedup();
    // Options without a heading (help and version) come last.
    headings.sort_by_key(Option::is_none);
    let is_divided = headings.len() > 1;
    for heading in headings {
        if is_divided {
            let _ = writeln!(page, ".SS \"{}\"", escaped(heading.unwrap_or("Other")));
        }
        for argument in visible().filter(|argument| argument.get_help_heading() == heading) {
            option(page, argument);
        }
    }
}

fn option(page: &mut String, argument: &Arg) {
    let short = argument
        .get_short()
        .map(|short| format!("\\fB\\-{short}\\fR"));
    let long = argument
        .get_long()
        .map(|long| format!("\\fB\\-\\-{}\\fR", escaped(long)));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    let _ = write!(page, ".TP\n{}", names.join(", "));
    let takes_value = argument.get_action().takes_values();
    if takes_value && let Some(name) = argument.get_value_names().and_then(|names| names.first()) {
        let _ = write!(page, " \\fI{}\\fR", escaped(name));
    }
    page.push('\n');
    described(page, &help_of(argument));
    if !takes_value {
        return;
    }
    for value in argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
    {
        let help = value
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = writeln!(
            page,
            ".RS\n.TP 12\n\\fB{}\\fR\n{}\n.RE",
            escaped(value.get_name()),
            escaped(&help)
        );
    }
    let defaults = argument.get_default_values();
    if let Some(default) = defaults.first().and_then(|value| value.to_str()) {
        let _ = writeln!(page, ".IP\nDefault: {}", escaped(default));
    }
}

fn subcommand_of(page: &mut String, command: &Command, subcommand: &Command) {
    // Options with the same meaning as in a download are not described again.
    let is_told = |argument: &&Arg| {
        let same = |other: &Arg| {
            other.get_id() == argument.get_id() && help_of(other) == help_of(argument)
        };
        command.get_arguments().any(same)
    };
    let own = || {
        subcommand
            .get_arguments()
            .filter(|argument| !is_told(argument))
    };
    let operand = own().find(|argument| argument.is_positional());
    let operand = operand
        .and_then(|operand| operand.get_value_names()?.first().map(ToString::to_string))
        .unwrap_or_default();
    let form = format!("haul {} {operand}", subcommand.get_name());
    let _ = writeln!(page, ".SS \"{}\"", escaped(form.trim_end()));
    let about = subcommand
        .get_long_about()
        .or_else(|| subcommand.get_about());
    for text in text_of(about).split("\n\n") {
        paragraph(page, text);
    }
    for argument in own() {
        let is_help = matches!(argument.get_id().as_str(), "help" | "version");
        if argument.is_positional() && !argument.get_possible_values().is_empty() {
            let values = argument.get_possible_values();
            let names: Vec<_> = values
                .iter()
                .map(clap::builder::PossibleValue::get_name)
                .collect();
            paragraph(page, &format!("{operand} is one of {}.", names.join(", ")));
        } else if !argument.is_positional() && !argument.is_hide_set() && !is_help {
            option(page, argument);
        }
    }
}

/// Returns all that the help says of an argument.
fn help_of(argument: &Arg) -> String {
    text_of(argument.get_long_help().or_else(|| argument.get_help()))
}

fn text_of(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn the_page_has_every_section_and_option() {
        let mut command = Arguments::command();
        command.build();
        let page = page(&command);
        let mut rest = &*page;
        for title in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "COMMANDS",
            "EXIT STATUS",
            "FILES",
            "ENVIRONMENT",
            "EXAMPLES",
            "SEE ALSO",
        ] {
            let heading = format!(".SH \"{title}\"\n");
            let at = rest
                .find(&heading)
                .unwrap_or_else(|| panic!("{title} is missing"));
            rest = &rest[at + heading.len()..];
        }
        assert_eq!(page.matches(".SH").count(), 10);
        for argument in command.get_arguments().filter_map(Arg::get_long) {
            assert!(
                page.contains(&format!("\\-\\-{}", escaped(argument))),
                "{argument}"
            );
        }
        for subcommand in command.get_subcommands() {
            assert!(page.contains(&format!(".SS \"haul {}", subcommand.get_name())));
        }
        assert!(page.is_ascii());
        assert!(!page.contains("haul\\-demo"), "there is no such page");
    }
}
