//! Limits of the process: as many descriptors as it may have. The soft limit of 1024 is for
//! programs that use `select`.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    // With fewer it works too, at a slower pace.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}
