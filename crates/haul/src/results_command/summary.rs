//! Counts of recorded rows: by status, by host and by error.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use haulage::{Outcome, Request};
use serde::Serialize;

use crate::exit::Problem;
use crate::report::escape::printable;
use crate::report::format::{bytes, fit, pad, width};

/// Hosts that are shown.
const HOSTS: usize = 20;
/// Stands for the host of rows that are no URL.
const NO_HOST: &str = "(no URL)";

/// Counts of rows, and the bytes of their files.
#[derive(Debug, Default)]
pub(super) struct Totals {
    all: Count,
    statuses: BTreeMap<&'static str, Count>,
    errors: BTreeMap<&'static str, u64>,
    hosts: HashMap<String, Count>,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Count {
    rows: u64,
    failed: u64,
    bytes: u64,
}

/// The totals as JSON, for programs.
#[derive(Debug, Serialize)]
pub(super) struct Figures<'a> {
    rows: u64,
    failed: u64,
    bytes: u64,
    statuses: &'a BTreeMap<&'static str, Count>,
    errors: &'a BTreeMap<&'static str, u64>,
    /// How many hosts there are.
    host_count: usize,
    /// The first ones by failures, then by rows.
    hosts: Vec<HostFigures<'a>>,
}

#[derive(Debug, Serialize)]
struct HostFigures<'a> {
    /// `None` for rows that are no URL.
    host: Option<&'a str>,
    #[serde(flatten)]
    count: Count,
}

impl Count {
    fn add(&mut self, outcome: &Outcome) {
        self.rows += 1;
        self.failed += u64::from(outcome.error().is_some());
        self.bytes += outcome.bytes;
    }
}

impl Totals {
    pub(super) fn of(
        rows: impl Iterator<Item = Result<Outcome, Problem>>,
    ) -> Result<Self, Problem> {
        let mut totals = Self::default();
        for outcome in rows {
            totals.add(&outcome?);
        }
        Ok(totals)
    }

    fn add(&mut self, outcome: &Outcome) {
        self.all.add(outcome);
        let status = self.statuses.entry(outcome.status.name());
        status.or_default().add(outcome);
        if let Some(error) = outcome.error() {
            *self.errors.entry(error.kind().name()).or_default() += 1;
        }
        let request = Request::new(&outcome.url);
        let host = request.as_ref().map_or("", |request| request.origin());
        // As a rule, it is known.
        if let Some(count) = self.hosts.get_mut(host) {
            count.add(outcome);
        } else {
            self.hosts.entry(host.to_owned()).or_default().add(outcome);
        }
    }

    /// Returns the first hosts by failures, then by rows.
    fn top_hosts(&self) -> Vec<(&str, Count)> {
        let hosts = self.hosts.iter();
        let mut hosts: Vec<_> = hosts.map(|(host, count)| (&**host, *count)).collect();
        let rank = |(host, count): &(&str, Count)| {
            (Reverse(count.failed), Reverse(count.rows), host.to_string())
        };
        hosts.sort_by_cached_key(rank);
        hosts.truncate(HOSTS);
        hosts
    }

    pub(super) fn figures(&self) -> Figures<'_> {
        let hosts = self.top_hosts().into_iter();
        Figures {
            rows: self.all.rows,
            failed: self.all.failed,
            bytes: self.all.bytes,
            statuses: &self.statuses,
            errors: &self.errors,
            host_count: self.hosts.len(),
            hosts: hosts
                .map(|(host, count)| HostFigures {
                    host: Some(host).filter(|host| !host.is_empty()),
                    count,
                })
                .collect(),
        }
    }

    /// Adds tables of at most this width to `out`.
    pub(super) fn write(&self, most: usize, out: &mut String) {
        let rows = |count: &Count| vec![count.rows.to_string(), bytes(count.bytes)];
        let statuses = self.statuses.iter();
        let statuses = statuses.map(|(status, count)| ((*status).to_owned(), rows(count)));
        let all = ("all".to_owned(), rows(&self.all));
        let statuses = statuses.chain([all]).collect();
        write_table(["status", "rows", "size"], statuses, most, out);
        if !self.errors.is_empty() {
            let errors = self.errors.iter();
            let errors = errors.map(|(kind, rows)| ((*kind).to_owned(), vec![rows.to_string()]));
            out.push('\n');
            write_table(["error", "rows"], errors.collect(), most, out);
        }
        let hosts = self.top_hosts().into_iter().map(|(host, count)| {
            let host = if host.is_empty() { NO_HOST } else { host };
            let cells = [
                count.failed.to_string(),
                count.rows.to_string(),
                bytes(count.bytes),
            ];
            (printable(host).into_owned(), cells.to_vec())
        });
        let hosts: Vec<_> = hosts.collect();
        if !hosts.is_empty() {
            out.push('\n');
            let more = self.hosts.len() - hosts.len();
            write_table(["host", "failed", "rows", "size"], hosts, most, out);
            if more > 0 {
                // Writing to memory does not fail.
                let _ = writeln!(out, "and {more} more hosts");
            }
        }
    }
}

/// Adds a table to `out`: a column of texts, and columns of numbers.
fn write_table<const N: usize>(
    header: [&str; N],
    rows: Vec<(String, Vec<String>)>,
    most: usize,
    out: &mut String,
) {
    let mut widths = header.map(width);
    for (first, others) in &rows {
        let cells = std::iter::once(first).chain(others);
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(self::width(cell));
        }
    }
    let numbers: usize = widths[1..].iter().map(|width| width + 2).sum();
    widths[0] = widths[0].min(most.saturating_sub(numbers).max(20));
    let header = (
        header[0].to_owned(),
        header[1..].iter().map(ToString::to_string).collect(),
    );
    for (first, others) in std::iter::once(header).chain(rows) {
        out.push_str(&pad(&fit(&first, widths[0]), widths[0]));
        for (cell, width) in others.iter().zip(&widths[1..]) {
            let _ = write!(out, "  {cell:>width$}");
        }
        out.push('\n');
    }
}
