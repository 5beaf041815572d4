//! `--on-complete CMD`: runs a command for each file that is complete, before its row ends.

mod command;
mod operators;
mod variables;
mod workers;

use std::num::NonZeroUsize;
use std::sync::mpsc::Sender;

use haulage::{Destination, OnComplete};
use rustix::process::{Resource, getrlimit};

use self::command::Command;
use self::workers::Workers;
use crate::args::Download;
use crate::exit::Problem;

/// Returns what the command line asks to be done with each complete file; `None` if nothing. What
/// the commands print goes to `said`, line by line. There are at most `requests` requests at once.
/// Adds to `notes` what people have to know.
///
/// # Errors
/// If the command cannot be run, or there are no files that it could be run for.
pub(crate) fn of(
    download: &Download,
    destination: &Destination,
    requests: usize,
    said: Sender<String>,
    notes: &mut Vec<String>,
) -> Result<Option<OnComplete>, Problem> {
    let options = &download.on_complete;
    let Some(line) = &options.on_complete else {
        return Ok(None);
    };
    if download.dry_run {
        return Ok(None);
    }
    let refuse = |why: String| Problem::usage(format!("--on-complete: {why}"));
    let Destination::Directory(folder) = destination else {
        return Err(
            refuse("the file goes where no command could read it".to_owned())
                .hint("leave out -o, or let -o name a file"),
        );
    };
    let command = Command::parse(line, folder).map_err(refuse)?;
    let limit = getrlimit(Resource::Nofile).current;
    let jobs = within(options.jobs(), requests, limit);
    if options.on_complete_jobs.is_some_and(|wanted| jobs < wanted) {
        notes.push(format!(
            "at most {jobs} commands of --on-complete run at once: this process may open {} files \
             (ulimit -n)",
            limit.unwrap_or_default()
        ));
    }
    let workers = Workers::new(command, jobs, options.on_complete_fails, said);
    Ok(Some(OnComplete::new(move |file| workers.add(file))))
}

/// Descriptors that haul holds for a command that runs or is being started.
const PER_COMMAND: u64 = 5;
/// Descriptors of a request.
const PER_REQUEST: u64 = 4;

/// Lowers the number of commands that run at once to what a limit of descriptors allows, beside so
/// many requests.
fn within(jobs: NonZeroUsize, requests: usize, limit: Option<u64>) -> NonZeroUsize {
    let Some(limit) = limit else { return jobs };
    let for_requests = PER_REQUEST.saturating_mul(requests as u64);
    // A quarter is for what else is open. The engine has fewer requests if there are not enough.
    let left = (limit - limit / 4).saturating_sub(for_requests);
    let most = left.max(limit / 8) / PER_COMMAND;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    NonZeroUsize::new(most).map_or(NonZeroUsize::MIN, |most| jobs.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_bounded_by_the_descriptors() {
        for (jobs, limit, most) in [
            (1000, Some(256), 6),
            (2, Some(256), 2),
            (1000, Some(1024), 102),
            (1000, Some(1 << 20), 1000),
            (1000, Some(8), 1),
            (1000, Some(0), 1),
            (1000, None, 1000),
        ] {
            let jobs = NonZeroUsize::new(jobs).unwrap();
            assert_eq!(within(jobs, 64, limit).get(), most, "{limit:?}");
        }
    }
}
