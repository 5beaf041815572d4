//! What the daemon does with its queue: starts what may start, and changes what is asked for.
//! Everything that takes time is done by its [`Runner`].

mod change;
mod codes;
#[cfg(test)]
pub(crate) mod fake;
mod runner;
mod session;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use haulage::{ErrorKind, RunOptions};

pub(crate) use self::change::{BadOption, NewList, connections};
pub(crate) use self::runner::{Finish, Live, LiveRows, PartialFile, Runner};
use crate::options::{Effective, Folders, Options, Plan, Scope, is_followed, scope};
use crate::queue::{Batch, Counts, Download, Ending, Gid, Queue, State};

/// Names what the daemon logs.
const TARGET: &str = "haulage::daemon";
/// The default of `max-concurrent-downloads`.
pub(crate) const DEFAULT_CONCURRENT: usize = 5;
/// The default of `max-download-result`.
const DEFAULT_RESULTS: usize = 1000;

/// The downloads and their options, and who runs them.
#[derive(Debug)]
pub(crate) struct Service<R> {
    pub(crate) queue: Queue,
    /// Those that hold for all downloads.
    pub(crate) global: Options,
    pub(crate) folders: Folders,
    /// What holds for a download of which nothing else is said.
    base: RunOptions,
    pub(crate) runner: R,
    /// What clients are told of, in order.
    notices: Vec<Notice>,
    /// Options that it has said it does not follow.
    told: BTreeSet<String>,
    /// Whether the options for all have changed since they were last recorded.
    global_changed: bool,
    /// Whether it was asked to end.
    is_ending: bool,
    /// Names this process to its clients.
    session: String,
    seeds: fastrand::Rng,
    clock: Clock,
}

/// Tells the time.
pub(crate) type Clock = fn() -> SystemTime;

/// Something that has happened to a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) what: What,
    pub(crate) gid: Gid,
}

/// What clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Start,
    Pause,
    Stop,
    Complete,
    Error,
}

/// What is to be recorded.
#[derive(Debug, Default)]
pub(crate) struct Unrecorded {
    pub(crate) batch: Batch,
    /// How many have stopped in all.
    pub(crate) stopped_total: u64,
    /// The options for all; `None` if they have not changed.
    pub(crate) global: Option<Options>,
}

impl Unrecorded {
    /// Returns whether there is nothing to record.
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.global.is_none()
    }

    /// Adds what has changed after it.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.batch.absorb(later.batch);
        self.stopped_total = later.stopped_total;
        self.global = later.global.or(self.global.take());
    }
}

impl<R: Runner> Service<R> {
    /// Returns a service for these downloads. Nothing starts before [`schedule`](Self::schedule).
    pub(crate) fn new(
        queue: Queue,
        global: Options,
        folders: Folders,
        base: RunOptions,
        runner: R,
        mut seeds: fastrand::Rng,
        clock: Clock,
    ) -> Self {
        let session = (0..5).map(|_| format!("{:08x}", seeds.u32(..)));
        let mut service = Self {
            session: session.collect(),
            queue,
            global,
            folders,
            base,
            runner,
            notices: Vec::new(),
            told: BTreeSet::new(),
            global_changed: false,
            is_ending: false,
            seeds,
            clock,
        };
        let rate = service.global_options().rate("max-overall-download-limit");
        service.runner.limit_all(rate);
        let global = service.global.clone();
        if service.change_log(&global).is_err() {
            tracing::warn!(target: TARGET, "the log is not written: its file cannot be opened");
        }
        service
    }

    /// Starts what waits, as long as more may be active.
    pub(crate) fn schedule(&mut self) {
        let most = self.max_active();
        while !self.is_ending
            && self.queue.counts()[0] < most
            && let Some(gid) = self.queue.start_next()
        {
            let now = self.now();
            self.queue.change(gid, |download| {
                download.started.get_or_insert(now);
            });
            self.tell(What::Start, gid);
            self.run(gid);
        }
        let most = self.number("max-download-result", DEFAULT_RESULTS);
        self.queue.forget_all_but(most);
    }

    /// Starts a run of a download that is active.
    fn run(&mut self, gid: Gid) {
        let Some(download) = self.queue.get(gid) else {
            return;
        };
        let options = self.effective(download);
        let plan = match &download.list {
            None => options
                .plan(download, &self.base, &self.folders)
                .map(|plan| Plan::File(Box::new(plan))),
            Some(list) => options
                .plan_list(download, list, &self.base, &self.folders)
                .map(|plan| Plan::List(Box::new(plan))),
        };
        match plan {
            Ok(plan) => self.runner.start(gid, plan),
            Err(error) => {
                self.end(gid, Finish::failed(&error));
            }
        }
    }

    /// Notes that a run has ended by itself, and starts what follows.
    pub(crate) fn finish(&mut self, gid: Gid, finish: Finish) {
        self.end(gid, finish);
        self.schedule();
    }

    fn end(&mut self, gid: Gid, finish: Finish) {
        self.note_progress(gid);
        let Some(download) = self.queue.get(gid) else {
            return;
        };
        let folder = self.folder_of(download);
        let (state, what, ending) = match finish {
            Finish::Complete { name, bytes } => {
                let path = folder.join(name).to_string_lossy().into_owned();
                self.queue.change(gid, |download| {
                    (download.total, download.completed) = (Some(bytes), bytes);
                    download.path = Some(path);
                });
                (State::Complete, What::Complete, complete())
            }
            Finish::List { last_error } => {
                let counts = download.list.as_ref().map(|list| list.counts);
                match of_rows(counts.unwrap_or_default(), last_error) {
                    None => (State::Complete, What::Complete, complete()),
                    Some(ending) => (State::Error, What::Error, ending),
                }
            }
            Finish::Failed {
                kind,
                code,
                message,
            } => {
                let kind = kind.name().to_owned();
                let ending = Ending {
                    code,
                    message,
                    kind,
                };
                (State::Error, What::Error, ending)
            }
        };
        self.stop(gid, state, ending);
        self.tell(what, gid);
    }

    /// Stops a download that is active, in this state.
    fn stop(&mut self, gid: Gid, state: State, ending: Ending) {
        let now = self.now();
        self.queue.change(gid, |download| {
            download.ended = Some(now);
            if let Some(list) = &mut download.list {
                list.retries_failed = false;
            }
        });
        self.queue.stop(gid, state, ending);
    }

    /// Tells clients what has happened to a download. Those of aria2 know no lists.
    fn tell(&mut self, what: What, gid: Gid) {
        let Some(download) = self.queue.get(gid) else {
            return;
        };
        log(what, download);
        if !download.is_list() {
            self.notices.push(Notice { what, gid });
        }
    }

    /// Returns the time in milliseconds since 1970.
    fn now(&self) -> u64 {
        let since = (self.clock)().duration_since(SystemTime::UNIX_EPOCH);
        u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }

    /// Remembers how a download has gone so far.
    fn note_progress(&mut self, gid: Gid) {
        let Some(live) = self.runner.live(gid) else {
            return;
        };
        let path = self.queue.get(gid).zip(live.name.as_deref());
        let path = path.map(|(download, name)| self.path_of(download, name));
        self.queue.change(gid, |download| {
            download.total = live.total.or(download.total);
            download.completed = live.completed;
            if let (Some(list), Some(rows)) = (&mut download.list, live.rows) {
                list.counts = rows.counts;
                list.total = rows.total.or(list.total);
            }
            if let Some(path) = path {
                download.path = Some(path.to_string_lossy().into_owned());
            }
        });
    }

    /// Returns the options that hold for a download.
    pub(crate) fn effective<'a>(&'a self, download: &'a Download) -> Effective<'a> {
        Effective {
            own: &download.options,
            global: &self.global,
        }
    }

    /// Returns the options that hold for all downloads.
    pub(crate) fn global_options(&self) -> Effective<'_> {
        Effective {
            own: &self.global,
            global: &self.global,
        }
    }

    /// Returns the folder that a download goes to.
    pub(crate) fn folder_of(&self, download: &Download) -> PathBuf {
        self.effective(download).shown_folder(&self.folders)
    }

    /// Returns the options of a run of which nothing else is said.
    pub(crate) fn base(&self) -> &RunOptions {
        &self.base
    }

    /// Returns the path of a download's file, which has this name now. The option `out` may put
    /// folders before it.
    pub(crate) fn path_of(&self, download: &Download, name: &str) -> PathBuf {
        let out = self.effective(download).get("out").map(Path::new);
        let below = out.and_then(Path::parent).unwrap_or(Path::new(""));
        self.folder_of(download).join(below).join(name)
    }

    /// Returns the `User-Agent` of a download of which nothing else is said.
    pub(crate) fn user_agent(&self) -> &str {
        let agent = self.base.user_agent.as_ref();
        agent
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default()
    }

    /// Returns what names this process to its clients.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// Takes what clients are to be told, in order.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Takes what is to be recorded.
    pub(crate) fn take_unrecorded(&mut self) -> Unrecorded {
        Unrecorded {
            batch: self.queue.take_changes(),
            stopped_total: self.queue.stopped_total(),
            global: std::mem::take(&mut self.global_changed).then(|| self.global.clone()),
        }
    }

    /// Asks the daemon to end.
    pub(crate) fn shut_down(&mut self) {
        self.is_ending = true;
    }

    /// Returns whether the daemon was asked to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Stops all runs, to go on with them in the next process.
    pub(crate) fn stop_all(&mut self) {
        self.is_ending = true;
        let active: Vec<_> = self.queue.active().map(|download| download.gid).collect();
        for gid in active {
            self.note_progress(gid);
            self.runner.stop(gid, PartialFile::Keep);
        }
    }

    /// Returns how many downloads may be active.
    pub(crate) fn max_active(&self) -> usize {
        self.number("max-concurrent-downloads", DEFAULT_CONCURRENT)
    }

    fn number(&self, name: &str, default: usize) -> usize {
        let given = self.global.get(name).and_then(|value| value.parse().ok());
        given.unwrap_or(default)
    }

    /// Says once of each option that it is not followed.
    fn tell_unfollowed(&mut self, options: &Options) {
        for (name, _) in options.iter() {
            if scope(name) != Some(Scope::Fixed)
                && !is_followed(name)
                && self.told.insert(name.to_owned())
            {
                tracing::warn!(target: TARGET, option = name, "option is kept and not followed");
            }
        }
    }
}

/// Returns how a list ends whose rows have ended like this; `None` if none has failed. That of one
/// row ends as its row does.
fn of_rows(counts: Counts, last_error: Option<(ErrorKind, String)>) -> Option<Ending> {
    let (failed, ended) = (counts.failed, counts.ended());
    let only = last_error.filter(|_| ended == 1);
    (failed > 0).then(|| match only {
        Some((kind, message)) => Ending {
            code: codes::of_kind(kind, None),
            message,
            kind: kind.name().to_owned(),
        },
        None => Ending {
            code: codes::of_kind(ErrorKind::Incomplete, None),
            message: format!("{failed} of {ended} rows have failed"),
            kind: "rows".to_owned(),
        },
    })
}

/// Logs what has happened to a download.
fn log(what: What, download: &Download) {
    let (gid, path) = (download.gid, download.path.as_deref());
    match what {
        What::Start => tracing::info!(target: TARGET, %gid, "download begins"),
        What::Pause => tracing::info!(target: TARGET, %gid, "download is paused"),
        What::Stop => tracing::info!(target: TARGET, %gid, "download is removed"),
        What::Complete => tracing::info!(target: TARGET, %gid, path, "download is complete"),
        What::Error => {
            let ending = download.ending.as_ref();
            let code = ending.map(|ending| ending.code);
            let why = ending.map(|ending| ending.message.as_str());
            tracing::error!(target: TARGET, %gid, code, why, "download has failed");
        }
    }
}

fn complete() -> Ending {
    Ending {
        code: codes::COMPLETE,
        message: String::new(),
        kind: String::new(),
    }
}
