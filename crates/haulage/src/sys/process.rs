//! What the system tells of its hosts and processes.

#[cfg(all(target_os = "linux", not(portable)))]
pub(crate) use self::linux::{host, started};
#[cfg(not(all(target_os = "linux", not(portable))))]
pub(crate) use self::portable::{host, started};

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

/// As proc(5) says.
#[cfg(all(target_os = "linux", not(portable)))]
mod linux {
    use std::fs;

    use super::Host;

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
}

#[cfg(not(all(target_os = "linux", not(portable))))]
mod portable {
    use super::Host;

    /// Returns what is known of this host.
    pub(crate) fn host() -> Host {
        let names = rustix::system::uname();
        Host {
            name: names.nodename().to_string_lossy().into_owned(),
            boot: boot().unwrap_or_default(),
            ..Host::default()
        }
    }

    /// Returns the session that began with the start of this host (sysctl(3)).
    #[cfg(target_vendor = "apple")]
    fn boot() -> Option<String> {
        let mut text = [0_u8; 64];
        let mut length = text.len();
        #[expect(unsafe_code, reason = "no crate offers it otherwise")]
        // SAFETY: the name ends with a zero byte, the kernel writes at most `length` bytes into
        // `text`, which has that many, and nothing is set.
        let done = unsafe {
            libc::sysctlbyname(
                c"kern.bootsessionuuid".as_ptr(),
                text.as_mut_ptr().cast(),
                &raw mut length,
                std::ptr::null_mut(),
                0,
            )
        };
        let text = text.get(..length).filter(|_| done == 0)?;
        let text = std::ffi::CStr::from_bytes_until_nul(text).ok()?;
        Some(text.to_string_lossy().into_owned())
    }

    /// Returns nothing: no process of this host is ever known to have ended.
    #[cfg(not(target_vendor = "apple"))]
    fn boot() -> Option<String> {
        None
    }

    /// Returns nothing: whether a process of this number runs is all that is known.
    pub(crate) fn started(_process: u32) -> Option<u64> {
        None
    }
}
