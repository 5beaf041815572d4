//! Raises the soft limit of open file descriptors to the hard limit. Its usual value of 1024 is for
//! programs that use `select`.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    // If this fails, the run still works, but slower.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}
