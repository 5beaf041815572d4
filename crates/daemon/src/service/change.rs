//! What clients ask for.

use super::{Notice, PartialFile, Runner, Service, What, codes};
use crate::options::{Options, Scope, scope};
use crate::queue::{Download, Ending, Gid, State};

/// Options whose change needs no new run.
const CHANGED_AT_ONCE: &[&str] = &["max-download-limit"];

/// An option that cannot be used, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadOption(pub(crate) String);

impl<R: Runner> Service<R> {
    /// Returns the options of these that may be given for one download, or for all.
    ///
    /// # Errors
    /// When one of them cannot have its value, or leads out of the folders.
    pub(crate) fn options(
        &mut self,
        given: impl IntoIterator<Item = (String, String)>,
        may: impl Fn(Scope) -> bool,
    ) -> Result<Options, BadOption> {
        let mut options = Options::default();
        for (name, value) in given {
            if !scope(&name).is_some_and(&may) {
                continue;
            }
            let is_path = matches!(name.as_str(), "dir" | "load-cookies" | "save-session");
            let is_inside = !is_path || value.is_empty() || self.folders.resolve(&value).is_some();
            if !is_inside || options.set(&name, &value).is_err() {
                return Err(BadOption(name));
            }
        }
        self.tell_unfollowed(&options);
        Ok(options)
    }

    /// Adds a download at this position of the queue, or at its end, and returns its name; `None`
    /// if the name that its options give it is taken, or is none.
    pub(crate) fn add(
        &mut self,
        uris: Vec<String>,
        mut options: Options,
        size: Option<u64>,
        position: Option<usize>,
    ) -> Option<Gid> {
        let gid = match options.take("gid") {
            Some(name) => Gid::parse(&name).filter(|gid| self.queue.get(*gid).is_none())?,
            None => self.new_gid(),
        };
        let paused = options.take("pause").is_some_and(|value| value == "true");
        let mut download = Download::new(gid, uris, options);
        (download.size, download.total) = (size, size);
        if paused {
            download.state = State::Paused;
        }
        self.queue.add(download, position);
        Some(gid)
    }

    fn new_gid(&mut self) -> Gid {
        loop {
            let gid = Gid::new(self.seeds.u64(..));
            if let Some(gid) = gid.filter(|gid| self.queue.get(*gid).is_none()) {
                return gid;
            }
        }
    }

    /// Pauses a download. Returns whether it could be paused.
    pub(crate) fn pause(&mut self, gid: Gid) -> bool {
        self.note_progress(gid);
        match self.queue.pause(gid) {
            None => return false,
            Some(State::Active) => {
                self.runner.stop(gid, PartialFile::Keep);
                self.notices.push(Notice {
                    what: What::Pause,
                    gid,
                });
            }
            Some(_) => {}
        }
        self.schedule();
        true
    }

    /// Pauses all downloads.
    pub(crate) fn pause_all(&mut self) {
        let queued = self.queue.queued().map(|download| download.gid);
        let active = self.queue.active().map(|download| download.gid);
        // In this order, nothing starts meanwhile.
        let all: Vec<_> = queued.chain(active).collect();
        for gid in all {
            self.pause(gid);
        }
    }

    /// Lets all paused downloads wait for their turn.
    pub(crate) fn unpause_all(&mut self) {
        let queued: Vec<_> = self.queue.queued().map(|download| download.gid).collect();
        for gid in queued {
            self.queue.unpause(gid);
        }
        self.schedule();
    }

    /// Removes a download that is not over. Returns whether it was not.
    pub(crate) fn remove(&mut self, gid: Gid) -> bool {
        if self.queue.remove_queued(gid) {
            return true;
        }
        let is_active = |download: &Download| download.state == State::Active;
        if !self.queue.get(gid).is_some_and(is_active) {
            return false;
        }
        self.note_progress(gid);
        self.runner.stop(gid, PartialFile::Discard);
        let ending = Ending {
            code: codes::REMOVED,
            message: String::new(),
        };
        self.queue.stop(gid, State::Removed, ending);
        self.notices.push(Notice {
            what: What::Stop,
            gid,
        });
        self.schedule();
        true
    }

    /// Changes options of a download that is not over. If it is active, it goes on with them.
    pub(crate) fn change_options(&mut self, gid: Gid, options: &Options) {
        let rate = |service: &Self| {
            let download = service.queue.get(gid)?;
            service.effective(download).rate("max-download-limit")
        };
        let before = self.queue.get(gid).map(|download| download.options.clone());
        self.queue
            .change(gid, |download| download.options.extend(options));
        let before = before.unwrap_or_default();
        let changed = |(name, value): &(&str, &str)| before.get(name) != Some(*value);
        let needs_run = |(name, _): (&str, &str)| {
            crate::options::is_followed(name) && !CHANGED_AT_ONCE.contains(&name)
        };
        if options.iter().filter(changed).any(needs_run) {
            self.run_again(gid);
        } else if options.get("max-download-limit").is_some() {
            let rate = rate(self);
            self.runner.limit(gid, rate);
        }
    }

    /// Changes the URLs of a download that is not over.
    pub(crate) fn change_uris(&mut self, gid: Gid, uris: Vec<String>) {
        self.queue.change(gid, |download| download.uris = uris);
        self.run_again(gid);
    }

    /// Changes options that hold for all downloads.
    pub(crate) fn change_global(&mut self, options: &Options) {
        self.global.extend(options);
        self.global_changed = true;
        if options.get("max-overall-download-limit").is_some() {
            let rate = self.global_options().rate("max-overall-download-limit");
            self.runner.limit_all(rate);
        }
        self.schedule();
    }

    /// Lets an active download go on with what it is told now.
    fn run_again(&mut self, gid: Gid) {
        let is_active = |download: &Download| download.state == State::Active;
        if self.queue.get(gid).is_some_and(is_active) {
            self.note_progress(gid);
            self.runner.stop(gid, PartialFile::Keep);
            self.run(gid);
            self.schedule();
        }
    }
}
