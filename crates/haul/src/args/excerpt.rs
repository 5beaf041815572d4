//! The options that take only some rows of the input.

use clap::Args;
use haulage::source::Shard;

// Which rows are taken. A doc comment would become the help of `haul config`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Excerpt {
    /// Take only the hosts of part I of N, such as 2/5: to share a list among N machines
    ///
    /// Each host belongs to one part, the same one on every machine, so each host still has one
    /// client. Rows keep their numbers. Machines that save into one folder should use
    /// --layout=tree, hashed or row: with flat, they may want the same name for different files.
    #[arg(long, value_name = "I/N", help_heading = "Input")]
    pub(crate) shard: Option<Shard>,

    /// Take only the first N rows, to try a list
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "sample",
        help_heading = "Input"
    )]
    pub(crate) head: Option<usize>,

    /// Take only N rows, chosen at random from the whole list, to try it
    ///
    /// The whole list is read first. The same list gives the same rows each time, so that the run
    /// can be resumed.
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub(crate) sample: Option<usize>,
}
