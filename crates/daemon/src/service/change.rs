//! What clients ask for.

use std::num::NonZeroU64;
use std::path::PathBuf;

use haulage::Expected;

use super::{PartialFile, Runner, Service, What, codes};
use crate::options::{Effective, Folders, Options, Scope, scope, urgency};
use crate::queue::{Download, Ending, Gid, ListRun, State, Whence};

/// Options whose change needs no new run.
const CHANGED_AT_ONCE: &[&str] = &["max-download-limit"];

/// An option that cannot be used, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadOption(pub(crate) String);

/// A list that is to be one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewList {
    pub(crate) name: String,
    /// Where its files go, as [`Folders::resolve`] returned it.
    pub(crate) folder: PathBuf,
    pub(crate) priority: i32,
    /// In bytes per second; `None` for no limit.
    pub(crate) limit_rate: Option<NonZeroU64>,
    pub(crate) is_paused: bool,
    pub(crate) list: ListRun,
}

impl<R: Runner> Service<R> {
    /// Returns what tells the folder that a client means: the folders that files may be saved to,
    /// and the name of that in which they are if no other is named.
    pub(crate) fn folders_and_default(&self) -> (Folders, String) {
        let default = self.global.get("dir").unwrap_or_default();
        (self.folders.clone(), default.to_owned())
    }

    /// Adds a list under this name, which must be new.
    pub(crate) fn add_list(&mut self, gid: Gid, new: NewList) {
        let mut options = Options::default();
        // Any text is a folder here.
        let _ = options.set("dir", &new.folder.to_string_lossy());
        if let Some(rate) = new.limit_rate {
            // A number that a type has checked.
            let _ = options.set("max-download-limit", &rate.to_string());
        }
        let mut download = Download::new(gid, Vec::new(), options);
        download.name = new.name;
        download.priority = new.priority;
        download.list = Some(new.list);
        if new.is_paused {
            download.state = State::Paused;
        }
        let position = self.queue.position_for(new.priority);
        self.insert(download, Some(position));
        self.schedule();
    }

    fn insert(&mut self, mut download: Download, position: Option<usize>) {
        download.created = self.now();
        self.queue.add(download, position);
    }

    /// Lets a download that has failed, or was removed, wait for another run. Of a list, all rows
    /// are tried again that have failed. Returns whether it had.
    pub(crate) fn retry(&mut self, gid: Gid) -> bool {
        let has_failed =
            |download: &Download| matches!(download.state, State::Error | State::Removed);
        if !self.queue.get(gid).is_some_and(has_failed) {
            return false;
        }
        self.queue.change(gid, |download| {
            if let Some(list) = &mut download.list {
                list.retries_failed = true;
            }
        });
        self.queue.wait_again(gid);
        self.move_behind_equals(gid);
        self.schedule();
        true
    }

    /// Changes how urgent a download is, and moves it in the queue.
    pub(crate) fn set_priority(&mut self, gid: Gid, priority: i32) {
        self.queue
            .change(gid, |download| download.priority = priority);
        self.runner.set_priority(gid, urgency(priority));
        if self.queue.position(gid).is_some() {
            self.queue.reposition(gid, 0, Whence::End);
            self.move_behind_equals(gid);
        }
    }

    /// Moves the last one of the queue, which is this one, to where it would be if it were added
    /// now.
    fn move_behind_equals(&mut self, gid: Gid) {
        let priority = self.queue.get(gid).map(|download| download.priority);
        let position = self
            .queue
            .position_before(gid, priority.unwrap_or_default());
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        self.queue.reposition(gid, position, Whence::Start);
    }

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
            let is_path = matches!(
                name.as_str(),
                "dir" | "load-cookies" | "log" | "save-session"
            );
            let is_inside = !is_path || value.is_empty() || self.folders.resolve(&value).is_some();
            if !is_inside || options.set(&name, &value).is_err() {
                return Err(BadOption(name));
            }
        }
        self.tell_unfollowed(&options);
        Ok(options)
    }

    /// Adds a download at this position of the queue, or at its end, and returns its name; `None`
    /// if the name that its options give it is taken, or is none. What is expected of its file
    /// has no checksum: that is an option.
    pub(crate) fn add(
        &mut self,
        uris: Vec<String>,
        mut options: Options,
        expected: Expected,
        position: Option<usize>,
    ) -> Option<Gid> {
        let gid = match options.take("gid") {
            Some(name) => Gid::parse(&name).filter(|gid| self.queue.get(*gid).is_none())?,
            None => self.new_gid(),
        };
        let paused = options.take("pause").is_some_and(|value| value == "true");
        let mut download = Download::new(gid, uris, options);
        (download.size, download.total) = (expected.length, expected.length);
        download.pieces = expected.pieces;
        if paused {
            download.state = State::Paused;
        }
        // With lists of several priorities, the end is that of its own.
        let position = position.or_else(|| Some(self.queue.position_for(0)));
        self.insert(download, position);
        Some(gid)
    }

    /// Returns a name that no download has.
    pub(crate) fn new_gid(&mut self) -> Gid {
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
                self.tell(What::Pause, gid);
            }
            Some(_) => {}
        }
        self.schedule();
        true
    }

    /// Pauses all files.
    pub(crate) fn pause_files(&mut self) {
        // In this order, nothing starts meanwhile.
        let all = self.queue.queued().chain(self.queue.active());
        let files = all.filter(|download| !download.is_list());
        let files: Vec<_> = files.map(|download| download.gid).collect();
        for gid in files {
            self.pause(gid);
        }
    }

    /// Lets all paused files wait for their turn.
    pub(crate) fn unpause_files(&mut self) {
        let files = self.queue.queued().filter(|download| !download.is_list());
        let files: Vec<_> = files.map(|download| download.gid).collect();
        for gid in files {
            self.queue.unpause(gid);
        }
        self.schedule();
    }

    /// Lets a paused download wait for its turn. Returns whether it was paused.
    pub(crate) fn unpause(&mut self, gid: Gid) -> bool {
        let is_done = self.queue.unpause(gid);
        self.schedule();
        is_done
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
            kind: String::new(),
        };
        self.stop(gid, State::Removed, ending);
        self.tell(What::Stop, gid);
        self.schedule();
        true
    }

    /// Takes a download out again that was added and cannot be recorded.
    pub(crate) fn withdraw(&mut self, gid: Gid) {
        self.remove(gid);
        self.queue.forget(gid);
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

    /// Changes how many requests of a download may be in flight at once; 0 leaves that to haul. If
    /// it is active, it goes on with that.
    pub(crate) fn limit_connections(&mut self, gid: Gid, most: u16) {
        let Some(download) = self.queue.get(gid) else {
            return;
        };
        if connections(download) == most {
            return;
        }
        let per_server = self.effective(download).get("max-connection-per-server");
        let holds_back = per_server
            .and_then(|number| number.parse::<u16>().ok())
            .is_some_and(|number| number < most);
        self.queue.change(gid, |download| {
            if let Some(list) = &mut download.list {
                list.connections = most;
            } else if most == 0 {
                download.options.take("split");
            } else {
                // Numbers that these options may have.
                let _ = download.options.set("split", &most.to_string());
                if holds_back {
                    let number = most.min(16).to_string();
                    let _ = download.options.set("max-connection-per-server", &number);
                }
            }
        });
        self.run_again(gid);
    }

    /// Changes the URLs of a download that is not over.
    pub(crate) fn change_uris(&mut self, gid: Gid, uris: Vec<String>) {
        self.queue.change(gid, |download| download.uris = uris);
        self.run_again(gid);
    }

    /// Lets the log be written as these options will have it, with those that hold for all. It has
    /// its folders, as files have.
    ///
    /// # Errors
    /// When it cannot be written. Then nothing changes.
    pub(crate) fn change_log(&mut self, options: &Options) -> Result<(), BadOption> {
        if options.get("log").is_none() && options.get("log-level").is_none() {
            return Ok(());
        }
        let effective = Effective {
            own: options,
            global: &self.global,
        };
        let bad = || BadOption("log".to_owned());
        let log = effective.log(&self.folders).map_err(|_| bad())?;
        self.runner.write_log(log.as_ref()).map_err(|_| bad())
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

/// Returns how many requests of a download may be in flight at once; 0 if that is left to haul.
pub(crate) fn connections(download: &Download) -> u16 {
    if let Some(list) = &download.list {
        return list.connections;
    }
    let split = download.options.get("split");
    split.and_then(|split| split.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::fake;

    #[test]
    fn retried_run_stands_where_its_priority_says() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = fake::service(folder.path());
        let gid = |number| Gid::new(number).unwrap();
        let mut add = |number: u64, priority| {
            let list = NewList {
                folder: folder.path().to_owned(),
                priority,
                ..NewList::default()
            };
            service.add_list(gid(number), list);
        };
        // Two are active; one fails.
        add(1, 5);
        add(2, 0);
        for (number, priority) in [(3, 9), (4, 5), (5, 1), (6, -1)] {
            add(number, priority);
        }
        service.remove(gid(1));
        assert!(service.retry(gid(1)));
        let queued = service.queue.queued();
        let queued: Vec<_> = queued.map(|download| download.gid.number()).collect();
        // The third one is active now.
        assert_eq!(queued, [4, 1, 5, 6]);
    }
}
