//! How many requests the process's limit of descriptors is enough for.

use rustix::process::{Resource, getrlimit};

use crate::schedule::Caps;
use crate::write::WAITING_FOR_NAMES;

/// Descriptors of a run besides its requests, with room to spare: lists, results, threads, the
/// state.
const BESIDES: u64 = 40;
/// Descriptors of a request: a connection and a part. A body that goes to its file directly also
/// needs a pipe and the connection once more, but there are few of these.
const PER_REQUEST: u64 = 4;

/// Lowers caps to what the descriptors allow: fewer lanes take longer, and nothing fails.
pub(crate) fn within_limits(caps: Caps) -> Caps {
    within(caps, getrlimit(Resource::Nofile).current)
}

fn within(caps: Caps, limit: Option<u64>) -> Caps {
    let Some(limit) = limit else {
        return caps;
    };
    let besides = BESIDES + limit / WAITING_FOR_NAMES;
    let requests = limit.saturating_sub(besides) / PER_REQUEST;
    let requests = usize::try_from(requests).unwrap_or(usize::MAX).max(1);
    Caps {
        jobs: caps.jobs.min(requests),
        idle: caps.idle.min(requests),
        ..caps
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn with_few_descriptors_there_are_fewer_lanes_but_at_least_one() {
        let caps = Caps {
            jobs: 64,
            per_host: 16,
            streams: 16,
            start: 4,
            idle: 128,
            delay: Duration::ZERO,
        };
        for (limit, jobs, idle) in [
            (None, 64, 128),
            (Some(1 << 20), 64, 128),
            (Some(1024), 64, 128),
            (Some(100), 12, 12),
            (Some(10), 1, 1),
        ] {
            let within = within(caps, limit);
            assert_eq!((within.jobs, within.idle), (jobs, idle), "{limit:?}");
            assert_eq!(within.per_host, 16);
        }
    }
}
