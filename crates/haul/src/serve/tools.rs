//! What the daemon takes from the command: options by their names, lists, results and reports.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};

use haulage::source::count_rows_of_file;
use haulage::{Algorithm, Checksum, Engine, Error, ErrorKind, Event};
use haulage_daemon::{
    ListFile, LogLevel, MetricsText, OpenList, RecordedList, Refused, ResultsFormat, Tools,
};

use super::log;
use crate::config::HostSection;
use crate::embedded;
use crate::exit::Problem;
use crate::explain;
use crate::html_report;
use crate::input::Count;
use crate::metrics::Exposition;
use crate::report::row::{CarriedNames, ResultRow, write_line};
use crate::report::{Csv, Sources};

/// The options that clients may give. None of them reads or writes a file of this machine, runs a
/// program, or holds for all runs together, but `limit-rate`, which is the run's own here.
const ALLOWED: [&str; 45] = [
    "allow-downgrade",
    "base-url",
    "checksum-column",
    "compressed",
    "connect-timeout",
    "content-disposition",
    "cookie",
    "delimiter",
    "exists",
    "fail-early",
    "hash",
    "header",
    "header-column",
    "http1.1",
    "http2-prior-knowledge",
    "https-only",
    "input-format",
    "insecure",
    "ipv4",
    "ipv6",
    "layout",
    "limit-rate",
    "lowest-speed",
    "max-errors",
    "max-redirects",
    "max-size",
    "max-time",
    "metalink-location",
    "min-split-size",
    "name-column",
    "noproxy",
    "portable-names",
    "proxy",
    "public-only",
    "referer",
    "retries",
    "retry-failed",
    "retry-max-time",
    "robots",
    "size-column",
    "split",
    "timeout",
    "url-column",
    "user",
    "user-agent",
];

/// The command, as far as the daemon needs it.
#[derive(Debug, Default)]
pub(super) struct CommandTools {
    /// Options that were given for all that the daemon downloads.
    defaults: Vec<(String, Option<OsString>)>,
    /// What is configured for some hosts.
    hosts: Vec<HostSection>,
    metrics: Exposition,
}

impl CommandTools {
    pub(super) fn new(defaults: Vec<(String, Option<OsString>)>, hosts: Vec<HostSection>) -> Self {
        Self {
            defaults,
            hosts,
            metrics: Exposition::default(),
        }
    }
}

impl Tools for CommandTools {
    fn open(&self, list: &ListFile<'_>) -> Result<OpenList, Refused> {
        let given = given(list)?;
        let all = [self.defaults.as_slice(), &given].concat();
        let options = embedded::options_with_hosts(Some(list.folder), &all, &self.hosts);
        let options = options.map_err(refused)?;
        let rows = embedded::list(list.path, &given).map_err(refused)?;
        let mut run = options.run;
        // That of the daemon holds for all runs together.
        let own = embedded::options(Some(list.folder), &given).map_err(refused)?;
        run.limit_rate = own.engine.limit_rate;
        Ok(OpenList {
            options: run,
            rows: rows.rows,
            broken: rows.broken,
        })
    }

    fn count(&self, list: &ListFile<'_>) -> Option<u64> {
        let counts = embedded::counts(list.path, &given(list).ok()?).ok()?;
        let [Count::Files(_, Some(format))] = counts.as_slice() else {
            return None;
        };
        let file = File::open(list.path).ok()?;
        let name = list.path.to_string_lossy();
        count_rows_of_file(file, &name, *format).ok().flatten()
    }

    fn write_results(
        &self,
        of: &RecordedList<'_>,
        format: ResultsFormat,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        match format {
            ResultsFormat::Jsonl => write_jsonl(of, out),
            ResultsFormat::Csv => write_csv(of, out),
        }
    }

    fn report(&self, of: &RecordedList<'_>) -> Result<String, Error> {
        html_report::of_list(of.folder, of.input, of.title, of.name)
    }

    fn explain(&self, kind: ErrorKind) -> &'static str {
        explain::summary(kind)
    }

    fn count_event(&self, event: &Event) {
        self.metrics.event(event);
    }

    fn write_log(&self, log: Option<(File, LogLevel)>) {
        log::write(log.map(|(file, level)| (file, level.into())));
    }

    fn metrics(&self, engine: &Engine, accept: &str) -> MetricsText {
        let (content_type, text) = self.metrics.text(engine, accept);
        MetricsText { content_type, text }
    }
}

/// Returns the options of a list, if clients may give them.
fn given(list: &ListFile<'_>) -> Result<Vec<(String, Option<OsString>)>, Refused> {
    let option = |(name, value): &(String, Option<String>)| {
        let keyword = |name: &str| name.replace(['-', '.'], "_");
        let is_allowed = |allowed: &str| keyword(allowed) == keyword(name);
        if !ALLOWED.iter().any(|allowed| is_allowed(allowed)) {
            return Err(Refused(format!(
                "there is no option {name:?} for runs of the daemon"
            )));
        }
        Ok((name.clone(), value.as_ref().map(OsString::from)))
    };
    list.options.iter().map(option).collect()
}

fn refused(problem: Problem) -> Refused {
    Refused(match problem.hint {
        Some(hint) => format!("{}; {hint}", problem.message),
        None => problem.message,
    })
}

fn write_jsonl(of: &RecordedList<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let (mut names, mut line) = (CarriedNames::default(), String::new());
    for outcome in haulage::results_of(of.folder, of.input)? {
        line.clear();
        write_line(&ResultRow::new(&outcome?, &mut names), &mut line);
        out.write_all(line.as_bytes()).map_err(unwritten)?;
    }
    Ok(())
}

fn write_csv(of: &RecordedList<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let mut csv = Csv::new(',', Sources::WithoutColumns, &hashes(of)?);
    let (mut names, mut text) = (CarriedNames::default(), String::new());
    for outcome in haulage::results_of(of.folder, of.input)? {
        text.clear();
        csv.row(&ResultRow::new(&outcome?, &mut names), &mut text);
        out.write_all(text.as_bytes()).map_err(unwritten)?;
    }
    text.clear();
    csv.finish(&mut text);
    out.write_all(text.as_bytes()).map_err(unwritten)
}

/// Returns the hashes that any of the rows has: the columns come first.
fn hashes(of: &RecordedList<'_>) -> Result<Vec<Algorithm>, Error> {
    let mut found = Vec::new();
    for outcome in haulage::results_of(of.folder, of.input)? {
        for algorithm in outcome?.hashes.iter().map(Checksum::algorithm) {
            if !found.contains(&algorithm) {
                found.push(algorithm);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn unwritten(cause: io::Error) -> Error {
    Error::new(ErrorKind::Disk, "the results cannot be sent").caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_clients_may_give_are_options() {
        assert!(ALLOWED.is_sorted());
        let known = embedded::option_names();
        for name in ALLOWED {
            assert!(known.iter().any(|option| option.name == name), "{name}");
        }
    }

    #[test]
    fn options_that_read_files_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in [
            ("netrc-file", "/etc/passwd"),
            ("cacert", "/etc/passwd"),
            ("load-cookies", "/etc/passwd"),
            ("on-complete", "rm -rf /"),
            ("interface", "lo"),
            ("jobs", "9"),
            ("colour", "red"),
        ] {
            let options = [(name.to_owned(), Some(value.to_owned()))];
            let refused = Tools::open(
                &CommandTools::default(),
                &ListFile::new(folder.path(), &options, folder.path()),
            );
            assert!(refused.unwrap_err().0.contains(name), "{name}");
        }
    }
}
