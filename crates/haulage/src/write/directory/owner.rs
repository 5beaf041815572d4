//! Which process uses a folder: its host, its number and its start. Written into the folder, so
//! that others can tell whether the process still runs.

use std::sync::Mutex;

use rustix::process::{Pid, test_kill_process};

use crate::sync::lock;
use crate::sys;
use crate::sys::process::started;

/// This process, once it has been asked for, without a title: the rest does not change.
static THIS: Mutex<Option<Owner>> = Mutex::new(None);

/// A process, with what others need to find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) process: u32,
    /// When the process was started, in a unit of the system (`sys::process`). A later process with
    /// the same number has another time.
    started: Option<u64>,
    pub(super) host: String,
    /// Distinguishes hosts of one name.
    machine: String,
    /// Changes each time that the host is started.
    boot: String,
    /// The namespace of the process number.
    namespace: String,
    /// What it downloads, in a few words.
    pub(super) title: String,
}

/// Whether a process still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Dead,
    /// Not known: the process belongs to another host, or to another container.
    Unknown,
}

impl Owner {
    /// Returns this process as the owner.
    pub(super) fn this(title: &str) -> Self {
        let process = std::process::id();
        let mut known = lock(&THIS);
        // After a fork it is that of another process.
        let this = known.take().filter(|this| this.process == process);
        let this = this.filter(Self::is_complete);
        let this = this.unwrap_or_else(|| Self::read(process));
        Self {
            title: first_line(title),
            ..known.insert(this).clone()
        }
    }

    /// Returns whether all was read that hosts usually tell.
    fn is_complete(&self) -> bool {
        let all = [&self.host, &self.machine, &self.boot, &self.namespace];
        self.started.is_some() && all.iter().all(|text| !text.is_empty())
    }

    /// Reads what is known of this process, which has that number.
    fn read(process: u32) -> Self {
        let host = sys::process::host();
        Self {
            process,
            started: started(process),
            host: first_line(&host.name),
            machine: first_line(&host.machine),
            boot: first_line(&host.boot),
            namespace: host.namespace,
            title: String::new(),
        }
    }

    /// Returns the text in which the owner is written to a file.
    pub(super) fn to_text(&self) -> String {
        let started = self.started.map(|ticks| ticks.to_string());
        format!(
            "process {}\nstarted {}\nhost {}\nmachine {}\nboot {}\nnamespace {}\ntitle {}\n",
            self.process,
            started.unwrap_or_default(),
            self.host,
            self.machine,
            self.boot,
            self.namespace,
            self.title
        )
    }

    /// Returns the owner that a file's text names; `None` when the text is incomplete, or not of
    /// this form.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let whole = text.ends_with('\n');
        let mut lines = text.lines();
        let mut field = |name: &str| {
            let line = lines.next()?.strip_prefix(name)?;
            line.strip_prefix(' ').map(str::to_owned)
        };
        let owner = Self {
            process: field("process")?.parse().ok()?,
            started: field("started")?.parse().ok(),
            host: field("host")?,
            machine: field("machine")?,
            boot: field("boot")?,
            namespace: field("namespace")?,
            title: field("title")?,
        };
        whole.then_some(owner)
    }

    /// Returns whether the process still runs, as far as this process can tell.
    pub(super) fn life(&self) -> Life {
        self.life_seen_from(&Self::this(""), started)
    }

    fn life_seen_from(&self, here: &Self, started: impl Fn(u32) -> Option<u64>) -> Life {
        if self.boot.is_empty() || self.boot != here.boot {
            // After a restart, no process from before runs. Without the machine's number, a host of
            // this name may be another one.
            let same_machine = !self.machine.is_empty()
                && (&self.machine, &self.host) == (&here.machine, &here.host);
            return if same_machine && !self.boot.is_empty() && !here.boot.is_empty() {
                Life::Dead
            } else {
                Life::Unknown
            };
        }
        if self.namespace != here.namespace {
            return Life::Unknown;
        }
        match (self.started, started(self.process)) {
            (Some(then), Some(now)) if then == now => Life::Alive,
            (Some(_), Some(_)) => Life::Dead,
            _ if runs(self.process) => Life::Alive,
            _ => Life::Dead,
        }
    }

    /// Returns the owner in words: "process 1234 on HOST".
    pub(super) fn named(&self) -> String {
        if self.host.is_empty() {
            format!("process {}", self.process)
        } else {
            format!("process {} on {}", self.process, self.host)
        }
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).collect()
}

/// Returns whether a process of this number runs, where the system does not say when it
/// was started.
fn runs(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Owner {
        Owner {
            process: 10,
            started: Some(500),
            host: "h".into(),
            machine: "m".into(),
            boot: "b".into(),
            namespace: "pid:[1]".into(),
            title: "urls.txt".into(),
        }
    }

    #[test]
    fn owner_survives_being_written_and_read() {
        let this = Owner::this("a list\nwith two lines");
        assert_eq!(Owner::from_text(&this.to_text()).unwrap(), this);
        assert_eq!(this.title, "a list");
        let says_when = cfg!(all(target_os = "linux", not(portable)));
        assert_eq!(this.started.is_some(), says_when);
        let text = this.to_text();
        for half in ["", "process", "process x\n", &text[..text.len() - 1]] {
            assert_eq!(Owner::from_text(half), None, "{half:?}");
        }
    }

    #[test]
    fn process_is_alive_only_with_its_start_time() {
        let life = |owner: &Owner, ticks| owner.life_seen_from(&here(), |_| ticks);
        assert_eq!(life(&here(), Some(500)), Life::Alive);
        assert_eq!(
            life(&here(), Some(501)),
            Life::Dead,
            "its number was given away again"
        );
        let gone = Owner {
            process: 0x7fff_fff0,
            ..here()
        };
        assert_eq!(life(&gone, None), Life::Dead);
        let this = Owner::this("");
        // Where the system does not tell one start of the host from another, nothing is known.
        let alive = if this.boot.is_empty() {
            Life::Unknown
        } else {
            Life::Alive
        };
        assert_eq!(this.life(), alive);
    }

    #[test]
    fn process_of_another_host_is_unknown_and_of_another_boot_dead() {
        let life = |owner: Owner| owner.life_seen_from(&here(), |_| Some(500));
        let rebooted = Owner {
            boot: "c".into(),
            ..here()
        };
        assert_eq!(life(rebooted.clone()), Life::Dead);
        for other in [
            Owner {
                host: "i".into(),
                ..rebooted.clone()
            },
            Owner {
                machine: "n".into(),
                ..rebooted.clone()
            },
            Owner {
                machine: String::new(),
                ..rebooted.clone()
            },
            Owner {
                boot: String::new(),
                ..here()
            },
            Owner {
                namespace: "pid:[2]".into(),
                ..here()
            },
        ] {
            assert_eq!(life(other), Life::Unknown);
        }
    }
}
