//! The runs of a destination, and how they went over time: beside the rows, for a report.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Row, Transaction, params};

use super::columns::number;
use super::record::{of_millis, to_millis};
use super::schema;
use crate::latencies::{Latencies, LatencyCounts};
use crate::options::RunOptions;
use crate::series::{HostSample, Sample, Series};
use crate::sync::lock;

/// The most runs of a destination: when there are more, the oldest ones are removed.
const MAX_RUNS: i64 = 20;

/// A run, as it is recorded while it goes on.
#[derive(Debug)]
pub(crate) struct RunRecord {
    started: SystemTime,
    ended: Option<SystemTime>,
    is_complete: bool,
    title: String,
    command: String,
    series: Arc<Mutex<Series>>,
    latencies: Arc<LatencyCounts>,
    /// Its number in the database; `None` before it is recorded.
    id: Option<i64>,
}

/// A run that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRun {
    /// When it started.
    pub started: SystemTime,
    /// When it ended; `None` while it goes on, and if it was killed.
    pub ended: Option<SystemTime>,
    /// Whether it came to its end without being stopped.
    pub complete: bool,
    /// The version of the library that it was run with.
    pub version: String,
    /// What was downloaded ([`RunOptions::title`]).
    pub title: String,
    /// Its command line ([`RunOptions::command`]); empty if there was none.
    pub command: String,
    /// How it went over time.
    pub samples: Vec<Sample>,
    /// How long responses took; none of a version that did not record that.
    pub latencies: Latencies,
}

impl RunRecord {
    /// Returns the record of a run that starts now, and is sampled in `series` and `latencies`.
    pub(crate) fn new(
        options: &RunOptions,
        series: Arc<Mutex<Series>>,
        latencies: Arc<LatencyCounts>,
    ) -> Self {
        Self {
            started: SystemTime::now(),
            ended: None,
            is_complete: false,
            title: options.title.clone(),
            command: options.command.clone(),
            series,
            latencies,
            id: None,
        }
    }

    /// Notes that it has ended. `is_complete`: it was not stopped.
    pub(super) fn end(&mut self, is_complete: bool) {
        self.ended = Some(SystemTime::now());
        self.is_complete = is_complete;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Returns whether there is something to record.
    pub(super) fn is_changed(&self) -> bool {
        self.has_ended() || lock(&self.series).has_new()
    }

    /// Notes that its samples were not recorded after all.
    pub(super) fn retake_samples(&self) {
        lock(&self.series).retake();
    }

    /// Forgets that something was recorded: the database is a new one.
    pub(super) fn forget_recorded(&mut self) {
        self.id = None;
        lock(&self.series).retake();
    }
}

/// Records what is new of a run, if anything is.
pub(super) fn record(transaction: &Transaction<'_>, run: &mut RunRecord) -> rusqlite::Result<()> {
    if !run.is_changed() {
        return Ok(());
    }
    let id = if let Some(id) = run.id {
        id
    } else {
        let next = "SELECT coalesce(max(id), 0) + 1 FROM run";
        let next = transaction.query_row(next, [], |row| row.get(0))?;
        forget(transaction, next - MAX_RUNS)?;
        next
    };
    transaction
        .prepare_cached(
            "INSERT INTO run (id, started, ended, complete, version, title, command, latencies) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (id) DO UPDATE SET ended = ?3, complete = ?4, latencies = ?8",
        )?
        .execute(params![
            id,
            to_millis(run.started),
            run.ended.map(to_millis),
            run.is_complete,
            env!("CARGO_PKG_VERSION"),
            run.title,
            run.command,
            run.latencies.get().to_text()
        ])?;
    let new = lock(&run.series).take_new();
    if new.replaces {
        for table in ["sample", "sample_host"] {
            transaction.execute(&format!("DELETE FROM {table} WHERE run = ?1"), [id])?;
        }
    }
    add_samples(transaction, id, &new.samples)?;
    run.id = Some(id);
    Ok(())
}

fn add_samples(
    transaction: &Transaction<'_>,
    run: i64,
    samples: &[Sample],
) -> rusqlite::Result<()> {
    let mut add_sample = transaction.prepare_cached(
        "INSERT OR REPLACE INTO sample (run, at, span, bytes, ended, failed, in_flight, allowed) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let mut add_host = transaction.prepare_cached(
        "INSERT OR REPLACE INTO sample_host (run, at, host, in_flight, allowed) \
         VALUES (?, ?, ?, ?, ?)",
    )?;
    for sample in samples {
        let at = millis(sample.at);
        add_sample.execute(params![
            run,
            at,
            millis(sample.span),
            number(sample.bytes),
            number(sample.ended),
            number(sample.failed),
            number(sample.in_flight as u64),
            number(sample.limit as u64)
        ])?;
        for host in &sample.hosts {
            add_host.execute(params![
                run,
                at,
                host.host,
                number(host.in_flight as u64),
                number(host.limit as u64)
            ])?;
        }
    }
    Ok(())
}

/// Removes the runs up to this number.
fn forget(transaction: &Transaction<'_>, last: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM run WHERE id <= ?1", [last])?;
    transaction.execute("DELETE FROM sample WHERE run <= ?1", [last])?;
    transaction.execute("DELETE FROM sample_host WHERE run <= ?1", [last])?;
    Ok(())
}

/// Returns the runs in a database, the first one first; none if it is of an older version.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<RecordedRun>> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < number(schema::WITH_RUNS as u64) {
        return Ok(Vec::new());
    }
    let latencies = if version < number(schema::WITH_LATENCIES as u64) {
        "NULL"
    } else {
        "latencies"
    };
    let sql = format!(
        "SELECT started, ended, complete, version, title, command, id, {latencies} FROM run \
         ORDER BY id"
    );
    let mut statement = connection.prepare(&sql)?;
    let runs = statement.query_map([], |row| {
        Ok(RecordedRun {
            started: of_millis(row.get(0)?),
            ended: row.get::<_, Option<i64>>(1)?.map(of_millis),
            complete: row.get(2)?,
            version: row.get(3)?,
            title: row.get(4)?,
            command: row.get(5)?,
            samples: samples(connection, row.get(6)?)?,
            latencies: match row.get_ref(7)?.as_str_or_null()? {
                Some(text) => Latencies::of_text(text),
                None => Latencies::default(),
            },
        })
    })?;
    runs.collect()
}

fn samples(connection: &Connection, run: i64) -> rusqlite::Result<Vec<Sample>> {
    let sql = "SELECT at, span, bytes, ended, failed, in_flight, allowed FROM sample \
               WHERE run = ?1 ORDER BY at";
    let mut statement = connection.prepare_cached(sql)?;
    let samples = statement.query_map([run], |row| {
        Ok(Sample {
            at: Duration::from_millis(unsigned(row, 0)?),
            span: Duration::from_millis(unsigned(row, 1)?),
            bytes: unsigned(row, 2)?,
            ended: unsigned(row, 3)?,
            failed: unsigned(row, 4)?,
            in_flight: count(row, 5)?,
            limit: count(row, 6)?,
            hosts: Vec::new(),
        })
    })?;
    let mut samples = samples.collect::<rusqlite::Result<Vec<Sample>>>()?;
    add_hosts(connection, run, &mut samples)?;
    Ok(samples)
}

/// Adds their hosts to the samples of a run.
fn add_hosts(connection: &Connection, run: i64, samples: &mut [Sample]) -> rusqlite::Result<()> {
    let sql = "SELECT at, host, in_flight, allowed FROM sample_host WHERE run = ?1 \
               ORDER BY at, in_flight DESC, host";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([run])?;
    // Few hosts have many samples: each name is kept once.
    let mut hosts: HashSet<Arc<str>> = HashSet::new();
    let mut samples = samples.iter_mut();
    let mut sample = samples.next();
    while let Some(row) = rows.next()? {
        let at = Duration::from_millis(unsigned(row, 0)?);
        while sample.as_ref().is_some_and(|sample| sample.at < at) {
            sample = samples.next();
        }
        if let Some(sample) = sample.as_mut().filter(|sample| sample.at == at) {
            let name = row.get_ref(1)?.as_str()?;
            let host = hosts.get(name).cloned().unwrap_or_else(|| name.into());
            hosts.insert(Arc::clone(&host));
            sample.hosts.push(HostSample {
                host,
                in_flight: count(row, 2)?,
                limit: count(row, 3)?,
            });
        }
    }
    Ok(())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    Ok(u64::try_from(number).unwrap_or_default())
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    let number: i64 = row.get(column)?;
    Ok(usize::try_from(number).unwrap_or_default())
}

#[cfg(test)]
mod tests;
