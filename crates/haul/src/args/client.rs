//! The arguments of the commands that talk to a daemon.

use std::path::PathBuf;

use clap::{Args, ValueHint};

// Which daemon is talked to. A doc comment would become the help of the commands.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct DaemonAt {
    /// Talk to the daemon at this address, such as http://127.0.0.1:6800 [default: that of --state]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) at: Option<String>,
    /// Folder of the daemon's queue and secret [default: $XDG_STATE_HOME/haul, or
    /// ~/.local/state/haul]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state: Option<PathBuf>,
    /// Secret of the daemon; other users of this machine may see it in the list of processes
    #[arg(long, value_name = "SECRET", conflicts_with = "secret_file")]
    pub(crate) rpc_secret: Option<String>,
    /// Read the secret from this file [default: that of the daemon of --state]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) secret_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// URLs to download, or patterns such as {a,b} or [1-20]
    #[arg(value_name = "URL", value_hint = ValueHint::Url, required_unless_present = "input")]
    pub(crate) urls: Vec<String>,
    /// Send this list to the daemon; - is standard input
    ///
    /// It may be in any format that haul -i reads from one file, of at most 64 MiB. The name of the
    /// file tells the format.
    #[arg(
        short,
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with = "urls"
    )]
    pub(crate) input: Option<PathBuf>,
    /// Save files to this folder, which the daemon must allow [default: that of the daemon]
    #[arg(short, long = "dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// Begin when haul resume says so
    #[arg(long)]
    pub(crate) paused: bool,
    /// Name of the run [default: that of the list, or the URL]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAt,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Show this run alone, and which of its items have failed; the beginning of an ID is enough
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Print JSON, as the daemon's API returns it
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAt,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// IDs of runs, as in haul status; the beginning of each is enough
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(crate) ids: Vec<String>,
    /// All runs that are not over
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAt,
}
