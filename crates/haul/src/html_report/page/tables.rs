//! Tables, each with a caption and headings.

use haulage::RecordedRun;

use super::requested::time;
use crate::html_report::aggregate::Aggregate;
use crate::html_report::html::{duration, number, short_text, text};
use crate::report::format;

/// The most hosts that are shown.
const MAX_HOSTS: usize = 25;
/// The longest URL or host, in bytes.
const MAX_TEXT: usize = 250;

/// A table that is being written.
pub(super) struct Table {
    id: &'static str,
    caption: &'static str,
    headings: Vec<String>,
    rows: String,
    note: String,
}

impl Table {
    pub(super) fn new(caption: &'static str, id: &'static str) -> Self {
        Self {
            id,
            caption,
            headings: Vec::new(),
            rows: String::new(),
            note: String::new(),
        }
    }

    /// Adds a column of texts.
    pub(super) fn text(mut self, heading: &str) -> Self {
        self.headings
            .push(format!("<th scope=\"col\">{heading}</th>"));
        self
    }

    /// Adds a column of numbers.
    pub(super) fn number(mut self, heading: &str) -> Self {
        self.headings
            .push(format!("<th scope=\"col\" class=\"number\">{heading}</th>"));
        self
    }

    /// Adds a row: the HTML of its cells.
    pub(super) fn row(&mut self, cells: &[String]) {
        self.rows.push_str("<tr>");
        self.rows.extend(cells.iter().map(String::as_str));
        self.rows.push_str("</tr>\n");
    }

    /// Sets the HTML of a note below the table.
    pub(super) fn note(&mut self, note: String) {
        self.note = note;
    }

    /// Returns the HTML.
    pub(super) fn finish(self) -> String {
        let Self {
            id,
            caption,
            headings,
            rows,
            note,
        } = self;
        let headings = headings.concat();
        let note = match &*note {
            "" => String::new(),
            note => format!("<p class=\"note\">{note}</p>"),
        };
        format!(
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{id}\">\
             <table><caption id=\"{id}\">{caption}</caption>\n\
             <thead><tr>{headings}</tr></thead>\n<tbody>{rows}</tbody></table>{note}</div>\n"
        )
    }
}

/// Returns the section on the items that took the longest.
pub(super) fn slowest(items: &Aggregate) -> String {
    let slowest = items.slowest.items();
    if slowest.is_empty() {
        return String::new();
    }
    let mut table = Table::new("From the first request until the end", "slow")
        .number("Time")
        .number("Size")
        .number("Requests")
        .text("Result")
        .text("URL");
    for item in slowest {
        table.row(&[
            cell(&duration(item.time)),
            cell(&format::bytes(item.bytes)),
            cell(&number(item.attempts.into())),
            format!("<td>{}</td>", item.status),
            format!("<td class=\"url\">{}</td>", short_text(&item.url, MAX_TEXT)),
        ]);
    }
    section("slowest", "Slowest items", &table.finish())
}

/// Returns the section on hosts.
pub(super) fn hosts(items: &Aggregate) -> String {
    let largest = items.hosts.largest(MAX_HOSTS);
    if largest.is_empty() {
        return String::new();
    }
    let mut table = Table::new("Hosts with the most items", "host-items")
        .text("Host")
        .number("Items")
        .number("Failed")
        .number("Size");
    let shown = largest.len();
    for (host, count) in largest {
        table.row(&[
            format!(
                "<th scope=\"row\" class=\"host\">{}</th>",
                short_text(host, MAX_TEXT)
            ),
            cell(&number(count.rows)),
            cell(&number(count.failed)),
            cell(&format::bytes(count.size)),
        ]);
    }
    let more = items.hosts.count() - shown;
    let others = items.hosts.others().rows;
    table.note(match (more, others) {
        (0, 0) => String::new(),
        (more, 0) => format!("And {} more hosts.", number(more as u64)),
        (more, others) => format!(
            "And {} more hosts, and others with {} items.",
            number(more as u64),
            number(others)
        ),
    });
    section("hosts", "Hosts", &table.finish())
}

/// Returns the section on the runs that were recorded; nothing if there is no more than one.
pub(super) fn runs(runs: &[RecordedRun]) -> String {
    if runs.len() < 2 {
        return String::new();
    }
    let mut table = Table::new("The last runs into this folder", "run-table")
        .text("Started")
        .text("Ended")
        .number("Items ended")
        .number("Failed")
        .number("Received")
        .text("List");
    for run in runs.iter().rev() {
        let sum = |of: fn(&haulage::Sample) -> u64| run.samples.iter().map(of).sum::<u64>();
        let ended = match (run.ended, run.complete) {
            (None, _) => "not recorded".to_owned(),
            (Some(ended), true) => time(ended),
            (Some(ended), false) => format!("{} (stopped)", time(ended)),
        };
        table.row(&[
            format!("<th scope=\"row\">{}</th>", time(run.started)),
            format!("<td>{}</td>", text(&ended)),
            cell(&number(sum(|sample| sample.ended))),
            cell(&number(sum(|sample| sample.failed))),
            cell(&format::bytes(sum(|sample| sample.bytes))),
            format!(
                "<td class=\"url\">{}</td>",
                short_text(&run.title, MAX_TEXT)
            ),
        ]);
    }
    section("runs", "Runs", &table.finish())
}

fn cell(number: &str) -> String {
    format!("<td class=\"number\">{number}</td>")
}

fn section(id: &str, heading: &str, content: &str) -> String {
    format!(
        "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{heading}</h2>\n{content}</section>\n"
    )
}
