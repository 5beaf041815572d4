//! What the system tells of its hosts and processes (proc(5)).

use std::fs;

/// What tells this host, and this start of it, from others. What the system does not say is empty.
#[derive(Debug, Default)]
pub(crate) struct Host {
    pub(crate) name: String,
    /// Distinguishes hosts of one name.
    pub(crate) machine: String,
    /// Changes each time that the host is started.
    pub(crate) boot: String,
    /// The namespace of the numbers of processes.
    pub(crate) namespace: String,
}

/// Returns what is known of this host.
pub(crate) fn host() -> Host {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    Host {
        name: read("/proc/sys/kernel/hostname"),
        machine: read("/etc/machine-id"),
        boot: read("/proc/sys/kernel/random/boot_id"),
        namespace: namespace.to_string_lossy().into_owned(),
    }
}

/// Returns when a process was started, in clock ticks since the host was started: field 22 of
/// `/proc/PID/stat` (proc(5)). `None` if that cannot be read.
pub(crate) fn started(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it, in parentheses, may contain anything.
    let (_, fields) = text.rsplit_once(") ")?;
    fields.split(' ').nth(19)?.parse().ok()
}
