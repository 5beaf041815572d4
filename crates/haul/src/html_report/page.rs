//! The page: everything that has to be read is HTML, and a script draws the charts, searches and
//! copies. Nothing is loaded from elsewhere.

mod assets;
mod charts;
mod errors;
mod requested;
mod tables;
mod totals;

use std::time::SystemTime;

use haulage::{Latencies, RecordedRun, Sample};

use super::aggregate::Aggregate;

/// What a page shows.
pub(super) struct Page<'a> {
    pub(super) about: About,
    pub(super) items: &'a Aggregate,
    /// How the run went over time; empty if that is unknown.
    pub(super) samples: Vec<Sample>,
    /// How long responses took; none if that is unknown.
    pub(super) latencies: Latencies,
    /// The runs that the items are of, the first one first; empty if it is one.
    pub(super) runs: &'a [RecordedRun],
}

/// What was requested, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    /// The name of the list; empty for URLs of a command line.
    pub(super) title: String,
    /// The command line, without what is secret; empty if it is unknown.
    pub(super) command: String,
    pub(super) destination: String,
    /// `None` if it is unknown.
    pub(super) started: Option<SystemTime>,
    /// `None` if it is unknown.
    pub(super) ended: Option<SystemTime>,
    /// The version of haul that ran; empty if it is unknown.
    pub(super) version: String,
    pub(super) ending: Ending,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// It was stopped, and can be resumed.
    Stopped,
    /// It goes on, or it was killed.
    Open,
    /// That was not recorded.
    Unknown,
}

/// Returns the page.
pub(super) fn render(page: Page<'_>) -> String {
    let failures = page.items.failures.encoded();
    let charts = charts::Charts::new(page.samples, &page.latencies, page.items);
    let title = totals::title(&page.about);
    let body = [
        totals::header(&page.about, page.items),
        totals::section(&page.about, page.items, charts.received()),
        requested::section(&page.about),
        charts.over_time(),
        errors::section(page.items, &failures),
        charts.distributions(),
        tables::slowest(page.items),
        tables::hosts(page.items),
        tables::runs(page.runs),
    ];
    let body = body.concat();
    let policy = assets::policy();
    let style = assets::style();
    let data = charts.data(&failures.json);
    let [library, script] = assets::SCRIPTS;
    let own = env!("CARGO_PKG_VERSION");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"haul {own}\">\n\
         <title>{title} – haul report</title>\n<style>{style}</style>\n</head>\n<body>\n\
         {body}<footer><p>Made by haul {own}. This file is complete: it loads nothing.</p></footer>\n\
         <script type=\"application/json\" id=\"data\">{data}</script>\n\
         <script>{library}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests;
