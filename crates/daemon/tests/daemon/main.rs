//! The daemon as its clients meet it, on loopback, with downloads from the scripted origin.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on shall say where"
)]

mod api;
mod attacks;
mod client;
mod described;
mod downloads;
mod restarts;
mod runs;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use haulage::{EngineOptions, RunOptions};
use haulage_daemon::{Access, Problem, Settings};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::client::Client;

/// Folders for a daemon, which outlive it.
struct Sandbox {
    folder: TempDir,
}

/// A daemon that runs until it is dropped.
struct Daemon {
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), Problem>>>,
}

impl Sandbox {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path("files").join(name)).unwrap()
    }

    fn settings(&self) -> Settings {
        let mut defaults = RunOptions::new("");
        defaults.retry.base = std::time::Duration::ZERO;
        Settings {
            listen: "127.0.0.1:0".to_owned(),
            dir: self.path("files"),
            allowed_dirs: Vec::new(),
            state: self.path("state"),
            access: Access::Generated,
            allowed_origins: Vec::new(),
            max_concurrent_downloads: None,
            tls: None,
            engine: EngineOptions::default(),
            defaults,
            tools: std::sync::Arc::new(tools::TextTools::default()),
        }
    }

    fn start(&self) -> Daemon {
        Daemon::start(self.settings())
    }
}

impl Daemon {
    fn start(settings: Settings) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let ready = |about: &haulage_daemon::Ready| ready.send(about.clone()).unwrap();
            let stopped = async {
                let _ = stopped.await;
            };
            haulage_daemon::run(settings, ready, stopped)
        });
        let Ok(ready) = is_ready.recv_timeout(client::PATIENCE) else {
            panic!("{:?}", thread.join().unwrap());
        };
        let authority = ready.url.split('/').nth(2).unwrap().to_owned();
        let secret = ready
            .secret_file
            .as_deref()
            .map(secret_in)
            .unwrap_or_default();
        Self {
            client: Client { authority, secret },
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Waits until it has ended by itself.
    fn wait(mut self) {
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test may write what it likes")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn secret_in(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}
