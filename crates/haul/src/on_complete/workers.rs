//! The threads that run the command: as many at once as are allowed, and no more than there are
//! files.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use haulage::{CompletedFile, Error, ErrorKind};

use super::command::Command;

/// The threads that run a command.
pub(super) struct Workers {
    files: Sender<CompletedFile>,
    shared: Arc<Shared>,
}

struct Shared {
    command: Command,
    most: usize,
    /// Whether a row fails if the command does.
    fails: bool,
    waiting: Mutex<Receiver<CompletedFile>>,
    /// How many files wait, or are being worked on.
    open: AtomicUsize,
    threads: AtomicUsize,
    said: Mutex<Sender<String>>,
}

impl Workers {
    /// Creates them, without a thread. `said` receives what the commands print.
    pub(super) fn new(
        command: Command,
        most: NonZeroUsize,
        fails: bool,
        said: Sender<String>,
    ) -> Self {
        let (files, waiting) = mpsc::channel();
        let shared = Arc::new(Shared {
            command,
            most: most.get(),
            fails,
            waiting: Mutex::new(waiting),
            open: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
            said: Mutex::new(said),
        });
        Self { files, shared }
    }

    /// Adds a file, for which the command runs when its turn comes.
    pub(super) fn add(&self, file: CompletedFile) {
        let open = self.shared.open.fetch_add(1, Ordering::AcqRel) + 1;
        if !self.see_to_thread(open) {
            self.shared.open.fetch_sub(1, Ordering::AcqRel);
            return self.shared.end(
                file,
                Some("there is no thread that could run it".to_owned()),
            );
        }
        // The threads end after the last sender, which is this one.
        let _ = self.files.send(file);
    }

    /// Starts another thread if there is work for it; returns whether there is any thread.
    fn see_to_thread(&self, open: usize) -> bool {
        let threads = &self.shared.threads;
        let one_more = |now: usize| (now < open && now < self.shared.most).then_some(now + 1);
        if threads
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .is_err()
        {
            return true;
        }
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("haul-on-complete".into());
        if thread.spawn(move || shared.work()).is_ok() {
            return true;
        }
        threads.fetch_sub(1, Ordering::AcqRel) > 1
    }
}

impl Shared {
    /// Runs the command for one file after another, until there will be no more.
    fn work(&self) {
        loop {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let file = waiting.recv();
            drop(waiting);
            let Ok(file) = file else {
                return;
            };
            self.complete(file);
            self.open.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn complete(&self, file: CompletedFile) {
        if file.is_stopped() {
            return file.cancel();
        }
        let ran = self.command.run(file.outcome());
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        for line in ran.lines {
            // After the end of the run, nobody listens.
            let _ = said.send(format!("{}: {line}", file.outcome().label));
        }
        drop(said);
        if ran.failure.is_some() && file.is_stopped() {
            // What has stopped the run may have stopped the command too.
            return file.cancel();
        }
        self.end(file, ran.failure);
    }

    fn end(&self, file: CompletedFile, failure: Option<String>) {
        match failure {
            None => file.end(),
            Some(failure) if self.fails => {
                file.fail(format!(
                    "the file is complete, but its command failed: {failure}"
                ));
            }
            Some(failure) => {
                let message = format!("its command failed: {failure}");
                file.end_with_note(Error::new(ErrorKind::Command, message));
            }
        }
    }
}
