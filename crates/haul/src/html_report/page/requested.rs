//! What was requested, and when.

use std::time::SystemTime;

use jiff::Timestamp;

use super::{About, Ending};
use crate::html_report::html::{short_text, text};

/// The longest command line and name, in bytes.
const MAX_TEXT: usize = 2000;

/// Returns the section with what was requested.
pub(super) fn section(about: &About) -> String {
    let ended = match (about.ended, about.ending) {
        (Some(ended), _) => time(ended),
        (None, Ending::Open) => "not recorded".to_owned(),
        (None, _) => String::new(),
    };
    let rows = [
        ("List", short_text(&about.title, MAX_TEXT)),
        ("Folder", short_text(&about.destination, MAX_TEXT)),
        ("Started", about.started.map(time).unwrap_or_default()),
        ("Ended", ended),
        ("Version", text(&about.version)),
    ];
    let rows = rows.iter().filter(|(_, value)| !value.is_empty());
    let rows = rows.map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n"));
    let rows: String = rows.collect();
    let command = match &*about.command {
        "" => String::new(),
        command => {
            // A line does not end within a word, such as after the dashes of an option.
            let command = short_text(command, MAX_TEXT);
            let words = command
                .split(' ')
                .map(|word| format!("<span>{word}</span>"));
            let command = words.collect::<Vec<_>>().join(" ");
            format!("<dt>Command</dt><dd><code id=\"command\">{command}</code></dd>\n")
        }
    };
    format!(
        "<section aria-labelledby=\"requested\"><h2 id=\"requested\">What was requested</h2>\n\
         <dl class=\"facts\">{command}{rows}</dl></section>\n"
    )
}

/// Returns a time as people read it: `2026-11-29 22:13:05 UTC`.
pub(super) fn time(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
