//! The head of the page: how the run ended, and how many items ended how.

use std::time::Duration;

use super::{About, Ending};
use crate::html_report::aggregate::Aggregate;
use crate::html_report::html::{duration, number, short_text};
use crate::report::format;

/// The longest title, in bytes.
const MAX_TITLE: usize = 300;

/// Returns the title, and one sentence on how the run ended.
pub(super) fn header(about: &About, items: &Aggregate) -> String {
    let title = title(about);
    let (class, sentence) = verdict(about.ending, items);
    format!(
        "<header><p class=\"kind\">haul report</p><h1>{title}</h1>\
         <p class=\"verdict {class}\">{sentence}</p></header>\n"
    )
}

/// Returns the title of the page as HTML.
pub(super) fn title(about: &About) -> String {
    match &*about.title {
        "" => "URLs of a command line".to_owned(),
        title => short_text(title, MAX_TITLE),
    }
}

/// Returns how the run ended: a class of the style sheet, and a sentence.
fn verdict(ending: Ending, items: &Aggregate) -> (&'static str, String) {
    let failed = match items.failed {
        0 => String::new(),
        1 => "1 item failed.".to_owned(),
        failed => format!("{} items failed.", number(failed)),
    };
    match (ending, items.failed) {
        (Ending::Complete | Ending::Unknown, 0) if items.rows == 0 => {
            ("good", "The list has no items.".to_owned())
        }
        (Ending::Complete | Ending::Unknown, 0) => ("good", "Every item has its file.".to_owned()),
        (Ending::Complete | Ending::Unknown, _) => ("bad", failed),
        (Ending::Stopped, _) => {
            let stopped = "The run was stopped before its end. Run the same command to resume it.";
            ("warn", format!("{stopped} {failed}"))
        }
        (Ending::Open, _) => {
            let open = "The end of the run is not recorded: it is still running, or it was killed.";
            ("warn", format!("{open} {failed}"))
        }
    }
}

/// Returns the totals: counts of items, and the size, the time and the speed. `received` is what
/// came from the network, if that is known.
pub(super) fn section(about: &About, items: &Aggregate, received: Option<u64>) -> String {
    let there = items.done + items.skipped + items.unchanged;
    let mut cards = vec![
        count("rows", "Items", items.rows, ""),
        count("done", "Downloaded", items.done, "done"),
        count("skipped", "Already there", items.skipped, "skipped"),
        count("unchanged", "Not changed", items.unchanged, "unchanged"),
        count("failed", "Failed", items.failed, "failed"),
        figure(
            "size",
            "Size of all files",
            items.size,
            &format::bytes(items.size),
        ),
    ];
    if let Some(time) = elapsed(about) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        cards.push(figure("time", "Time", millis, &duration(time)));
        if let Some(received) = received {
            let speed = format::rate(received, time);
            cards.push(figure("speed", "Average speed", received, &speed));
        }
    }
    if items.cancelled > 0 {
        cards.push(count("cancelled", "Stopped", items.cancelled, ""));
    }
    if items.noted > 0 {
        let name = "Failed commands of complete files";
        cards.push(count("commands", name, items.noted, ""));
    }
    if items.retries > 0 {
        cards.push(count("retries", "Repeated requests", items.retries, ""));
    }
    let bar = bar(items, there);
    let cards = cards.concat();
    format!(
        "<section aria-labelledby=\"totals\"><h2 id=\"totals\">Totals</h2>\n{bar}\
         <dl class=\"cards\">{cards}</dl></section>\n"
    )
}

/// Returns how long the run took, if that is known.
fn elapsed(about: &About) -> Option<Duration> {
    about.ended?.duration_since(about.started?).ok()
}

fn count(id: &str, name: &str, count: u64, class: &str) -> String {
    let class = match (class, count) {
        ("", _) | (_, 0) => String::new(),
        (class, _) => format!(" class=\"{class}\""),
    };
    format!(
        "<div{class}><dt>{name}</dt><dd id=\"{id}\" data-value=\"{count}\">{}</dd></div>\n",
        number(count)
    )
}

fn figure(id: &str, name: &str, value: u64, shown: &str) -> String {
    format!("<div><dt>{name}</dt><dd id=\"{id}\" data-value=\"{value}\">{shown}</dd></div>\n")
}

/// Returns a bar with the shares of items that have their files, and of those that failed.
fn bar(items: &Aggregate, there: u64) -> String {
    if items.rows == 0 {
        return String::new();
    }
    let share = |count: u64| count as f64 * 100.0 / items.rows as f64;
    let parts = [
        ("done", items.done),
        ("skipped", items.skipped),
        ("unchanged", items.unchanged),
        ("failed", items.failed),
    ];
    let mut at = 0.0;
    let rectangles = parts.map(|(class, count)| {
        let (x, width) = (at, share(count));
        at += width;
        match count {
            0 => String::new(),
            _ => format!(
                "<rect class=\"{class}\" x=\"{x:.2}%\" width=\"{width:.2}%\" height=\"100%\"/>"
            ),
        }
    });
    let rectangles = rectangles.concat();
    format!(
        "<svg class=\"bar\" role=\"img\" aria-label=\"{} of {} items have their files\">\
         {rectangles}</svg>\n",
        number(there),
        number(items.rows)
    )
}
