//! Colours for what people read, on a terminal that shows them.

use std::borrow::Cow;
use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

const WRONG: Style = AnsiColor::Red.on_default().bold();
const ODD: Style = AnsiColor::Yellow.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const ADVICE: Style = AnsiColor::Cyan.on_default();

/// What lines begin with, and how that is shown. Whatever a server or a list had a say in comes
/// later in a line.
const BEGINNINGS: [(&str, Style); 9] = [
    ("error:", WRONG),
    ("failed:", WRONG),
    ("hint:", ADVICE),
    ("interrupted:", ODD),
    ("note", ODD),
    ("retry", ODD),
    ("waits", ODD),
    ("done", GOOD),
    ("saved", GOOD),
];

/// Returns whether what is written to standard error is to have colours: it goes to a terminal that
/// shows them, or `CLICOLOR_FORCE` is set, and neither `NO_COLOR` nor `CLICOLOR=0` is.
pub(crate) fn is_wanted() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// Returns finished lines with colours.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    if !text.lines().any(|line| beginning(line).is_some()) {
        return text.into();
    }
    let coloured = |line: &str| match beginning(line) {
        Some((word, style)) => format!("{style}{word}{style:#}{}", &line[word.len()..]),
        None => line.to_owned(),
    };
    text.split_inclusive('\n').map(coloured).collect()
}

/// Returns the first line of the bar with colours.
pub(crate) fn bar(line: &str) -> String {
    let full = line.len() - line.trim_start_matches('█').len();
    let (full, rest) = line.split_at(full);
    if full.is_empty() {
        return rest.to_owned();
    }
    format!("{GOOD}{full}{GOOD:#}{rest}")
}

/// Returns what a line begins with, if that has a colour.
fn beginning(line: &str) -> Option<(&'static str, Style)> {
    let is_whole = |word: &str| {
        let rest = line.strip_prefix(word);
        rest.is_some_and(|rest| word.ends_with(':') || rest.starts_with([' ', ':']))
    };
    BEGINNINGS.into_iter().find(|(word, _)| is_whole(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_of_lines_have_colours() {
        let text = "failed: a: 404\nhint: b\ndone   c\n2 done, 0 skipped\n";
        assert_eq!(
            lines(text),
            "\u{1b}[1m\u{1b}[31mfailed:\u{1b}[0m a: 404\n\u{1b}[36mhint:\u{1b}[0m b\n\
             \u{1b}[32mdone\u{1b}[0m   c\n2 done, 0 skipped\n"
        );
    }

    #[test]
    fn what_follows_has_none() {
        for text in [
            "notes.txt is not there\n",
            "stopping: error: done\n",
            "    caused by: failed: x\n",
            "",
        ] {
            assert_eq!(lines(text), text);
        }
    }

    #[test]
    fn bar_is_coloured_as_far_as_it_is_full() {
        assert_eq!(bar("██░░  1/2"), "\u{1b}[32m██\u{1b}[0m░░  1/2");
        assert_eq!(bar("░░  0/2"), "░░  0/2");
        assert_eq!(bar("0 done · █"), "0 done · █");
    }
}
