//! The command line as clap reads it: a mirror of the contract, with nothing decided yet.

#![expect(
    rustdoc::invalid_html_tags,
    reason = "what documents an argument here is its help"
)]

mod choices;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use haulage::{Algorithm, Checksum, Options, RetryPolicy};

pub(crate) use self::choices::{
    Durability, Ended, Exists, InputFormat, Layout, Progress, RetryFailed, RowFormat,
};
use crate::exit::{Exit, Problem};
use crate::habits::Habits;
use crate::report;
use crate::values::{
    Header, HostAddresses, Rate, ResultsTarget, Size, Span, User, at_least_one, segments,
};

/// Downloads URLs, and lists of URLs of any length, into complete files.
///
/// A file has its name only once it is complete; what is not lives in DIR/.haul, and running the same command again
/// fetches what is not there yet.
#[derive(Debug, Parser)]
#[command(
    name = "haul",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    override_usage = "haul [OPTIONS] URL...\n       haul [OPTIONS] -i LIST\n       haul <COMMAND>",
    after_long_help = EXIT_STATUS
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) download: Download,
}

const EXIT_STATUS: &str = "\
Exit status:
    0  every item is done, was there already, or has not changed
    1  the run finished, some items failed
    2  the command line or a list could not be used
    3  the destination could not be used; run the same command again to go on
  130  interrupted; run the same command again to go on";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download 20 flags from a server inside this program, to see it work
    Demo(Demo),
    /// Print what became of each item, from what is recorded in a folder
    ///
    /// As JSON, one row a line, with the fields of --results; or as a list that -i reads, so that what failed can be tried by itself:
    /// haul results DIR --status failed --format text > failed.txt
    Results(Recorded),
    /// Print completions for a shell
    Completions { shell: Shell },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where the flags go
    #[arg(short, long = "dir", value_name = "DIR", default_value = "downloads")]
    pub(crate) directory: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Recorded {
    /// The folder that a list was downloaded to
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Only those that ended so; may be given several times
    #[arg(long = "status", value_name = "STATUS", value_enum)]
    pub(crate) statuses: Vec<Ended>,
    /// How they are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = RowFormat::Jsonl)]
    pub(crate) format: RowFormat,
}

/// What a download takes.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches on a command line are either there or not"
)]
pub(crate) struct Download {
    /// What to download
    ///
    /// A URL may be a pattern, as in curl: {a,b}, [1-20], [001-100:2], [a-z]. With a name, as in {<cc>cn,in,us},
    /// {<cc>} repeats what that name stands for.
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,

    /// Read URLs from this file, one a line; - is standard input
    ///
    /// After the URL, separated by tabs: out=NAME names the file, label=TEXT is what progress calls it, ALGO=HEX (as in
    /// sha256=…) is its checksum, and further URLs are mirrors, each asked when those before it have failed, or, with a
    /// checksum, for shares of a large file. Blank lines and lines that start with # are skipped. A list compressed with
    /// gzip or zstd is read as it is. May be given several times.
    #[arg(short, long = "input", value_name = "FILE", help_heading = "Input")]
    pub(crate) inputs: Vec<PathBuf>,

    /// What the lines of the lists are
    ///
    /// A list of checksums is what sha256sum and its like write: HEX, two spaces, NAME; or SHA256 (NAME) = HEX. Each name is
    /// where the file is, seen from --base-url, and what it is called here. Without a tag 32 digits are MD5, 40 SHA-1, 64
    /// SHA-256 (in a list called B3SUMS or ….b3 BLAKE3), 128 SHA-512. A PGP signature is passed over, not checked.
    #[arg(
        long, value_name = "FORMAT", value_enum, default_value_t = InputFormat::Auto,
        requires = "inputs", help_heading = "Input"
    )]
    pub(crate) input_format: InputFormat,

    /// What relative URLs in a list, and the names in one of checksums, are relative to
    ///
    /// As for the links of a web page: its last part counts only when it ends with a slash. So for a list of checksums it
    /// may be the URL of the list itself.
    #[arg(long, value_name = "URL", requires = "inputs", help_heading = "Input")]
    pub(crate) base_url: Option<String>,

    /// Say what would be fetched, and to which name; ask for nothing, make nothing
    ///
    /// Each item is a line on standard output, as -i reads it: the URL, a tab, out=NAME.
    #[arg(long, conflicts_with = "results", help_heading = "Input")]
    pub(crate) dry_run: bool,

    /// Take {} and [] in a URL as they are
    #[arg(short, long, help_heading = "Input")]
    pub(crate) globoff: bool,

    /// Where the files go; created when missing
    #[arg(
        short,
        long = "dir",
        value_name = "DIR",
        default_value = ".",
        help_heading = "Files"
    )]
    pub(crate) directory: PathBuf,

    /// Save the one URL under this name
    ///
    /// With a pattern, #1 is what its first part stands for, and #<name> what the part of that name does. - is standard
    /// output: the bytes go out as they come, so an attempt that fails half-way is the last, and a wrong checksum is told of
    /// by the exit status alone.
    #[arg(short, long, value_name = "NAME", help_heading = "Files")]
    pub(crate) output: Option<String>,

    /// How files are named that neither -o nor their row in a list names
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Layout::Flat, help_heading = "Files")]
    pub(crate) layout: Layout,

    /// Let the server name the file (Content-Disposition)
    ///
    /// The name is made safe, and known only when the server has answered: a file that is there already costs a request.
    /// -o and out= in a list win.
    #[arg(long, help_heading = "Files")]
    pub(crate) content_disposition: bool,

    /// When a file is there already
    ///
    /// What refresh asks about is the file's modification time, which is the server's where the server said one
    /// (Last-Modified). So a file that was written to here since is taken for the server's, unless its row has another
    /// checksum. Mirrors are asked for the whole file; so is a server that names the file (--content-disposition), but its
    /// body is received only if it has changed.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Exists::Skip, help_heading = "Files")]
    pub(crate) exists: Exists,

    /// Stop before the destination's file system has less than this: 500K, 64M, 1G; 0 turns that off
    ///
    /// The run ends with status 3, and the same command goes on once there is room.
    #[arg(
        long, value_name = "SIZE",
        default_value_t = Size(Options::DEFAULT_MIN_FREE),
        help_heading = "Files"
    )]
    pub(crate) min_free: Size,

    /// What a power cut may cost
    ///
    /// What ends haul alone, kill -9 too, costs nothing that was named, whichever it is.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Durability::Batch, help_heading = "Files")]
    pub(crate) durability: Durability,

    /// Keep the one URL's file only if it has this checksum: sha256=HEX
    ///
    /// Or one of sha512, sha1, md5, blake3, crc32c; may be given once for each. In a list, ALGO=HEX after the URL and a
    /// tab does the same for its row. A file that is there already is read and held against it.
    #[arg(long = "checksum", value_name = "ALGO=HEX", help_heading = "Files")]
    pub(crate) checksums: Vec<Checksum>,

    /// Compute this of every file, and put it into the results: sha256, sha512, sha1, md5, blake3, crc32c
    ///
    /// Files that are there already are read for it. May be given several times.
    #[arg(long = "hash", value_name = "ALGO", help_heading = "Files")]
    pub(crate) hashes: Vec<Algorithm>,

    /// Most requests at once
    ///
    /// It begins with 32 at most, and goes up to this as long as more bring more.
    #[arg(
        short, long, value_name = "N", value_parser = at_least_one,
        default_value_t = Options::DEFAULT_JOBS,
        help_heading = "Pace"
    )]
    pub(crate) jobs: usize,

    /// Most requests at once to one host
    ///
    /// Each host begins with four, or as many as --split says. As long as more bring more, it gets more; half when it refuses some or
    /// does not answer; and no more while it takes longer to answer. -v tells each change.
    #[arg(
        long, value_name = "N", value_parser = at_least_one,
        default_value_t = Options::DEFAULT_PER_HOST,
        help_heading = "Pace"
    )]
    pub(crate) per_host: usize,

    /// Least time between two requests to one host: 500ms, 2s, 1m
    #[arg(long, value_name = "DUR", help_heading = "Pace")]
    pub(crate) delay: Option<Span>,

    /// Obey robots.txt, and the Crawl-delay in it
    ///
    /// Each host is asked for it once, before anything else. What it does not allow fails. The group counts that has the name with which
    /// --user-agent begins: haulage.
    #[arg(long, help_heading = "Requests")]
    pub(crate) robots: bool,

    /// Most bytes per second, of all files together: 500K, 5M, 1.5M/s; 0 is no limit
    #[arg(long, value_name = "RATE", help_heading = "Pace")]
    pub(crate) limit_rate: Option<Rate>,

    /// Most bytes per second from one host, segments and HTTP/2 streams included
    #[arg(long, value_name = "RATE", help_heading = "Pace")]
    pub(crate) limit_rate_per_host: Option<Rate>,

    /// Most segments of one file at once; 1 lets each file come as one
    ///
    /// A large file begins as one request. When what is left of it would take more than two seconds, idle connections to its host
    /// take the second half of the largest remainder. They count as requests to it (--per-host, -j). A server that does not want
    /// them, or is no faster with them, gets one request. Mirrors of a file that has a checksum take shares too.
    #[arg(
        short, long, value_name = "N", value_parser = segments,
        default_value_t = Options::DEFAULT_SPLIT,
        help_heading = "Pace"
    )]
    pub(crate) split: usize,

    /// Never split a remainder smaller than this: 500K, 16M, 1G
    #[arg(
        long, value_name = "SIZE",
        default_value_t = Size(Options::DEFAULT_MIN_SPLIT_SIZE),
        help_heading = "Pace"
    )]
    pub(crate) min_split_size: Size,

    /// Consecutive failed attempts without progress, after the first
    ///
    /// An attempt makes progress when it keeps at least 64 KiB that the next one resumes from. If the server does not support
    /// resuming, no attempt does.
    #[arg(
        long, value_name = "N",
        default_value_t = RetryPolicy::default().retries,
        help_heading = "Pace"
    )]
    pub(crate) retries: u32,

    /// Which of the items that failed in an earlier run are tried again
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = RetryFailed::Transient, help_heading = "Pace")]
    pub(crate) retry_failed: RetryFailed,

    /// Stop at the first item that fails
    #[arg(long, conflicts_with = "max_errors", help_heading = "Pace")]
    pub(crate) fail_early: bool,

    /// Stop when so many items have failed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Pace")]
    pub(crate) max_errors: Option<u64>,

    /// Stop retrying an item after this long without progress
    ///
    /// If the server does not support resuming, the time counts from the item's first request. A server that asks for a longer
    /// wait (Retry-After) fails its item at once. A host that has not answered for this long fails all items that wait for it.
    #[arg(
        long, value_name = "TIME",
        default_value_t = Span(RetryPolicy::default().max_time),
        help_heading = "Pace"
    )]
    pub(crate) retry_max_time: Span,

    /// Longest time to connect: 500ms, 30s, 5m, 1h
    #[arg(
        long, value_name = "TIME",
        default_value_t = Span(Options::DEFAULT_CONNECT_TIMEOUT),
        help_heading = "Pace"
    )]
    pub(crate) connect_timeout: Span,

    /// Longest time without a byte received
    #[arg(
        long, value_name = "TIME",
        default_value_t = Span(Options::DEFAULT_TIMEOUT),
        help_heading = "Pace"
    )]
    pub(crate) timeout: Span,

    /// Most bytes of one file: 500, 10K, 1.5M, 2G; a larger one fails
    ///
    /// K, M, G and T, or KiB and so on, are powers of 1024; KB and so on are powers of 1000.
    #[arg(long, value_name = "SIZE", help_heading = "Files")]
    pub(crate) max_size: Option<Size>,

    /// Longest time for one item, all its attempts and waits included; then it fails
    #[arg(long, value_name = "TIME", help_heading = "Pace")]
    pub(crate) max_time: Option<Span>,

    /// Bytes per second: a file that comes more slowly for --timeout has stalled
    ///
    /// As for --max-size: 500, 10K, 1.5M. 0 waits for any that comes at all.
    #[arg(
        long, value_name = "RATE",
        default_value_t = Rate(Options::DEFAULT_LOWEST_SPEED),
        help_heading = "Pace"
    )]
    pub(crate) lowest_speed: Rate,

    /// Most redirects that one item follows
    #[arg(
        long, value_name = "N",
        default_value_t = Options::DEFAULT_MAX_REDIRECTS,
        help_heading = "Requests"
    )]
    pub(crate) max_redirects: u32,

    /// Connect to these addresses for this host and port, without looking it up; * is any host
    #[arg(
        long,
        value_name = "HOST:PORT:ADDRESS[,ADDRESS]...",
        help_heading = "Requests"
    )]
    pub(crate) resolve: Vec<HostAddresses>,

    /// Connect to IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = "Requests")]
    pub(crate) ipv4: bool,

    /// Connect to IPv6 addresses only
    #[arg(short = '6', long, help_heading = "Requests")]
    pub(crate) ipv6: bool,

    /// Speak HTTP/1.1 where HTTP/2 could be negotiated
    #[arg(
        long = "http1.1",
        conflicts_with = "http2_prior_knowledge",
        help_heading = "Requests"
    )]
    pub(crate) http1: bool,

    /// Speak HTTP/2, without TLS too; a server that does not fails
    #[arg(long, help_heading = "Requests")]
    pub(crate) http2_prior_knowledge: bool,

    /// Refuse plain http: URLs, and redirects to them
    #[arg(long, conflicts_with = "allow_downgrade", help_heading = "Requests")]
    pub(crate) https_only: bool,

    /// Follow redirects from https to plain http, which anybody on the way can change
    #[arg(long, help_heading = "Requests")]
    pub(crate) allow_downgrade: bool,

    /// Send this header too; 'NAME;' sends one without a value
    ///
    /// A header that tells something about you goes only to the origin of the URL as given, not to where it redirects.
    #[arg(
        short = 'H',
        long = "header",
        value_name = "NAME: VALUE",
        help_heading = "Requests"
    )]
    pub(crate) headers: Vec<Header>,

    /// Let the server compress what it sends (gzip, br, zstd), and save what that was
    ///
    /// Without this, bytes are saved as they were sent. What a compression stands for is limited to 64 MiB and 250 times
    /// what was received; beyond that the file fails. Checksums and hashes are those of the file as it is saved.
    #[arg(long, help_heading = "Requests")]
    pub(crate) compressed: bool,

    /// Say who asks; '' says nothing
    #[arg(
        short = 'A', long, value_name = "TEXT",
        default_value = Options::DEFAULT_USER_AGENT,
        help_heading = "Requests"
    )]
    pub(crate) user_agent: String,

    /// Log in with HTTP Basic authentication
    ///
    /// Others on this machine may see the command line: in a list, USER:PASSWORD@ before the host of
    /// a URL does the same unseen.
    #[arg(short, long, value_name = "USER:PASSWORD", help_heading = "Requests")]
    pub(crate) user: Option<User>,

    /// Trust the certificates in this PEM file, and no others
    #[arg(long, value_name = "FILE", help_heading = "Requests")]
    pub(crate) cacert: Option<PathBuf>,

    /// Trust any certificate: anybody on the way can read and change everything
    #[arg(short = 'k', long, help_heading = "Requests")]
    pub(crate) insecure: bool,

    /// Write what became of each item to this file, which ends in .jsonl; - is standard output
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) results: Option<ResultsTarget>,

    /// What to show meanwhile, on standard error
    #[arg(
        long, value_name = "HOW", value_enum,
        default_value_t = Progress::Auto,
        help_heading = "Reports"
    )]
    pub(crate) progress: Progress,

    /// Only errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Reports")]
    pub(crate) quiet: bool,

    /// Every attempt, every redirect, and what caused each failure
    #[arg(short, long, help_heading = "Reports")]
    pub(crate) verbose: bool,
}

/// Reads the arguments of the process.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, Stop> {
    let command = Habits::augment_args(Arguments::command());
    let matches = command.try_get_matches_from(arguments)?;
    Habits::from_arg_matches(&matches)?.refuse()?;
    Ok(Arguments::from_arg_matches(&matches)?)
}

/// Why there are no arguments: a wrong one, or one such as `--help` that needs nothing further.
#[derive(Debug)]
pub(crate) enum Stop {
    Clap(clap::Error),
    Habit(Problem),
}

impl Stop {
    /// Says it, and with which status to end.
    pub(crate) fn show(&self) -> Exit {
        match self {
            Self::Habit(problem) => {
                report::show(problem);
                problem.exit
            }
            Self::Clap(error) => {
                // Who asks for help and closes the pipe has seen enough.
                let _ = error.print();
                if error.use_stderr() {
                    Exit::Usage
                } else {
                    Exit::Success
                }
            }
        }
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Habit(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(line: &str) -> Result<Arguments, Stop> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_definition() {
        Habits::augment_args(Arguments::command()).debug_assert();
    }

    #[test]
    fn urls_and_subcommands_live_together() {
        let arguments = parse_text("haul -d x http://a/ http://b/").unwrap();
        assert_eq!(arguments.download.urls, ["http://a/", "http://b/"]);
        assert!(arguments.command.is_none());
        let arguments = parse_text("haul demo -d x").unwrap();
        assert!(matches!(arguments.command, Some(Command::Demo(_))));
        assert!(parse_text("haul demo http://a/").is_err());
    }

    #[test]
    fn the_library_owns_the_defaults() {
        let download = parse_text("haul http://a/").unwrap().download;
        assert_eq!(download.jobs, Options::DEFAULT_JOBS);
        assert_eq!(download.per_host, Options::DEFAULT_PER_HOST);
        assert_eq!(download.timeout.0, Options::DEFAULT_TIMEOUT);
    }
}
