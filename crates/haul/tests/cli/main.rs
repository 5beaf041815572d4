//! The command as its users meet it: the real binary, against an origin on loopback.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on shall say where"
)]

mod addresses;
mod checking;
mod client;
mod coming_from;
mod config;
mod cookies;
mod credentials;
mod demo;
mod downloads;
mod explain;
mod fetched_lists;
mod first_contact;
mod formats;
mod html_reports;
mod interruptions;
mod lists;
mod logs;
mod metrics;
mod on_complete;
mod option_files;
mod output;
mod places;
mod proxies;
mod readme;
mod recorded;
mod recorded_formats;
mod reports;
mod results;
mod serve;
mod sharing;
mod snapshots;
mod targets;
mod terminal;
mod upgrades;
mod usage;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that the command runs in, with a download folder in it.
struct Sandbox {
    folder: TempDir,
}

/// What a run left behind.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Returns whether this process ignores SIGHUP, and so its children do.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1 is the lowest bit.
    ignored.is_some_and(|mask| mask & 1 != 0)
}

impl Sandbox {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, such as a list.
    fn write(&self, name: &str, text: &str) {
        self.write_bytes(name, text.as_bytes());
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test makes the files that it needs"
    )]
    fn write_bytes(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(name), bytes).unwrap();
    }

    /// Makes a folder and those above it.
    fn make(&self, folder: &str) {
        std::fs::create_dir_all(self.path().join(folder)).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    /// The names in one of its folders, sorted.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().join(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Waits until this many parts have at least `bytes` bytes each.
    #[track_caller]
    fn wait_for_parts(&self, count: usize, bytes: u64) {
        let started = Instant::now();
        let is_large = |length: &u64| *length >= bytes;
        while lengths_below(&self.path().join(".haul/part"))
            .into_iter()
            .filter(is_large)
            .count()
            < count
        {
            assert!(started.elapsed() < PATIENCE, "there are no such parts");
            std::thread::yield_now();
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let haul = env!("CARGO_BIN_EXE_haul");
        let mut command = if ignores_hangups() {
            // As under nohup, which haul would inherit.
            let mut command = Command::new("env");
            command.args(["--default-signal=HUP", haul]);
            command
        } else {
            Command::new(haul)
        };
        // Not the configuration of whoever runs the tests.
        let configured = std::env::vars_os().map(|(name, _)| name);
        command.env_remove("CLICOLOR_FORCE");
        for name in configured.filter(|name| name.as_encoded_bytes().starts_with(b"HAUL_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.path())
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env_remove("RUST_LOG")
            .env_remove("http_proxy")
            .env_remove("https_proxy")
            .env_remove("HTTPS_PROXY")
            .env_remove("all_proxy")
            .env_remove("ALL_PROXY")
            .env_remove("no_proxy")
            .env_remove("NO_PROXY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn haul(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// The rows of a results file.
    fn rows(&self, name: &str) -> Vec<serde_json::Value> {
        self.read(name)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// The lengths of all files below a folder; what goes away meanwhile is passed over.
fn lengths_below(folder: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => lengths_below(&entry.path()),
            Ok(about) => vec![about.len()],
            Err(_) => Vec::new(),
        })
        .collect()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
