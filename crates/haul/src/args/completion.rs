//! The options about a command that is run for each complete file.

use std::num::NonZeroUsize;
use std::thread;

use clap::Args;

// What is done with each complete file. A doc comment would become the help of `haul config`.
#[derive(Debug, Args)]
#[group(skip)]
#[expect(
    clippy::struct_field_names,
    reason = "they are named like the options, among those of others"
)]
pub(crate) struct Completion {
    /// Run CMD for each file once it is complete: 'unzip -q {}'
    ///
    /// There is no shell: CMD is split into words as a shell would, and {} stands for the absolute
    /// path of the file. The environment has HAUL_PATH (the same path), HAUL_URL, HAUL_BYTES,
    /// HAUL_STATUS and the other fields of --results. Within sh -c '…', write "$HAUL_PATH" and not
    /// {}: a name from a list could be a command. What CMD prints goes to standard error. If
    /// CMD fails, that is noted in the item's results (error), and the item counts as done;
    /// --on-complete-fails changes that. CMD runs for files that are downloaded, not for those that
    /// were there already. A run that is interrupted waits
    /// for the commands that run; the next run of the same list runs the others.
    #[arg(long, value_name = "CMD", help_heading = "Files")]
    pub(crate) on_complete: Option<String>,

    /// Run at most N such commands at once [default: one for each CPU]
    #[arg(
        long,
        value_name = "N",
        requires = "on_complete",
        help_heading = "Files"
    )]
    pub(crate) on_complete_jobs: Option<NonZeroUsize>,

    /// Let an item fail (error kind: command) if its command fails; the file stays
    ///
    /// The next run of the same list does not download the file again, but runs the command again.
    #[arg(long, requires = "on_complete", help_heading = "Files")]
    pub(crate) on_complete_fails: bool,
}

impl Completion {
    /// Returns how many commands may run at once.
    pub(crate) fn jobs(&self) -> NonZeroUsize {
        let cpus = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.on_complete_jobs.unwrap_or_else(cpus)
    }
}
