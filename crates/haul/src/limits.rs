//! Raises the soft limit of open file descriptors to the hard limit. Its usual value of 1024, or
//! 256 on macOS, is for programs that use `select`.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most that macOS allows, whatever the hard limit is (`OPEN_MAX` in setrlimit(2)).
const MAX_ON_MACOS: u64 = 10_240;

pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let set = |current| {
        let maximum = limit.maximum;
        setrlimit(Resource::Nofile, Rlimit { current, maximum })
    };
    let is_less = limit.current.is_some_and(|now| now < MAX_ON_MACOS);
    if set(limit.maximum).is_err() && is_less {
        // If this fails too, the run still works, but slower.
        let _ = set(Some(MAX_ON_MACOS));
    }
}
