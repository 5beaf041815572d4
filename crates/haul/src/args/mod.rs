//! The command line as clap reads it: a mirror of the contract, with nothing decided yet.

#![expect(
    clippy::doc_markdown,
    reason = "what documents an argument here is its help"
)]

mod choices;
mod client;
mod columns;
mod completion;
mod defaults;
mod excerpt;
mod logins;
mod serve;
pub(crate) mod short_help;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use haulage::{Algorithm, Checksum, EngineOptions, ErrorKind, Interface, RetryPolicy, RunOptions};

pub(crate) use self::choices::{
    Durability, Ended, Exists, InputFormat, Layout, Progress, RetryFailed, RowFormat, TlsMax,
};
pub(crate) use self::client::{AddArgs, DaemonAt, RunsArgs, StatusArgs};
pub(crate) use self::columns::TableColumns;
pub(crate) use self::completion::Completion;
pub(crate) use self::defaults::{Defaults, is_of_the_daemon};
pub(crate) use self::excerpt::Excerpt;
pub(crate) use self::logins::Logins;
pub(crate) use self::serve::ServeArgs;
use crate::explain::{Topic, TopicParser};
use crate::metrics::{MetricsAddress, PromFile};
use crate::password::Prompt;
use crate::values::{
    Header, HostAddresses, HostFilter, Rate, ResultsTarget, Since, Size, Span, User, at_least_one,
    country_codes, error_kinds, segments,
};

/// Downloads URLs, and lists of URLs of any length
///
/// A file appears under its name only when it is complete. Incomplete data is kept in DIR/.haul:
/// run the same command again to resume.
#[derive(Debug, Parser)]
#[command(
    name = "haul",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    disable_help_subcommand = true,
    disable_version_flag = true,
    override_usage = "haul [OPTIONS] URL...\n       haul [OPTIONS] -i LIST\n       haul <COMMAND>",
    after_help = format!("{EXIT_STATUS}\n\n{EXAMPLES}")
)]
// Nothing refers to the group of all options, which takes time at each start.
#[group(skip)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) download: Download,

    /// Print version; with -v, also how it was built
    #[arg(short = 'V', long, action = clap::ArgAction::Version, display_order = 1000)]
    version: Option<bool>,
}

/// Commands to start from, for the help and the manual page.
pub(crate) const EXAMPLES: &str = "\
Examples:
  haul https://example.org/x.iso              into the current folder
  haul -d photos -i urls.txt                  a list, one URL per line
  haul -o - https://example.org/a.tgz | tar xz
  haul 'https://example.org/{a,b}/[1-20].gif' -o '#1-#2.gif'
  haul --checksum sha256=HEX URL              fails unless the checksum matches
  haul results photos --status failed         what an earlier run failed to get";

/// What the exit status tells.
pub(crate) const EXIT_STATUS: &str = "\
Exit status:
    0  every item is done, existed already, or has not changed
    1  the run finished, but some items failed
    2  the command line, the configuration or a list could not be used
    3  the destination could not be used; run the same command again to resume
  130  interrupted; run the same command again to resume";

/// The help of `--config`.
const CONFIG: &str = "Read default options from this TOML file [default: \
    $XDG_CONFIG_HOME/haul/config.toml, or ~/.config/haul/config.toml]";
const CONFIG_FORMAT: &str = "Its lines are options without their dashes: jobs = 8, robots = true, \
    header = [\"X-A: 1\", \"X-B: 2\"]. A section [host.\"data.example.org\"], or \
    [host.\"*.example.org\"], has per-host, delay, header, proxy, proxy-user, netrc and \
    netrc-file for these hosts only; :PORT, or :* for any port, may follow the name, and https:// may precede it.";
const CONFIG_ORDER: &str = "The environment sets options too: HAUL_JOBS=8, HAUL_ROBOTS=1. The \
    command line counts more than the environment, and that more than the file. An option that may \
    be repeated, such as --header, replaces all values of the file. --robots=false turns off what \
    the file turns on. haul config shows what counts.";

// Options of a subcommand are defined when they are needed: those of `haul config` are many.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Download 20 flags from a built-in server, to see haul at work
    Demo(Demo),
    /// Print the recorded result of each item of a list
    ///
    /// With --format text the output is a list that -i reads. To retry only what failed: haul
    /// results DIR --status failed --format text > failed.txt, and then haul -d DIR -i failed.txt
    /// --retry-failed all
    Results(ResultsArgs),
    /// Write a page about the recorded runs: totals, charts, errors
    ///
    /// The page is one HTML file that loads nothing. It sums up the recorded result of each item,
    /// and draws how the last run went over time, also if it was killed. --report writes such a
    /// page at the end of a run.
    Report(ReportArgs),
    /// Read the files of a list, and compare them with what is known of them
    ///
    /// The size and the checksums come from what is recorded in DIR, or from the rows of LIST. With
    /// a Metalink, haul says which pieces are damaged; a download of LIST fetches only those. The
    /// output is a list of the files that are missing or not as they should be, and of the rows
    /// that were recorded as failed, each below a comment that says why. To download them again:
    /// haul check DIR > wrong.txt, and then haul -d DIR -i wrong.txt --exists overwrite. The exit
    /// status is 1 if there are any.
    Check(CheckArgs),
    /// Run a daemon that clients of aria2 can use
    ///
    /// It speaks aria2's JSON-RPC at /jsonrpc, over POST, GET and WebSocket. Clients add downloads,
    /// pause, move and remove them, and change their options; the queue survives a restart. By
    /// default only programs of this machine that know the secret can use it. A line on standard
    /// error says where it listens, and where the secret is. It ends with SIGTERM or Ctrl-C, and
    /// goes on from there when it is started again. Options of downloads, also those of the
    /// environment and the configuration file, are the defaults of all that it downloads.
    Serve(Box<ServeArgs>),
    /// Add URLs or a list to the queue of the daemon, as one run, and print its ID
    ///
    /// The daemon of haul serve downloads it when its turn comes. URLs are in order; a list may be
    /// in any format that haul -i reads.
    Add(Box<AddArgs>),
    /// Show what the daemon has done, does, and has to do
    Status(StatusArgs),
    /// Pause runs of the daemon
    Pause(RunsArgs),
    /// Let paused runs of the daemon go on when their turn comes
    Resume(RunsArgs),
    /// Remove runs of the daemon; those that are over are forgotten
    ///
    /// Files that are complete stay.
    Remove(RunsArgs),
    /// Explain a kind of error, or an HTTP status, and say what to do about it
    ///
    /// Without KIND, the kinds are listed, with one line each.
    Explain {
        /// Kind of error, as in messages and results, or an HTTP status such as 404
        #[arg(value_name = "KIND", value_parser = TopicParser)]
        topic: Option<Topic>,
    },
    /// Show the options of a command line, the environment and the configuration file
    ///
    /// Takes the options of a download, and downloads nothing. Each option is a line in the format
    /// of the configuration file, with its origin behind it; what has its default is a comment.
    /// Passwords, and headers that may contain one, are shown as "…". With URLs, only sections that
    /// are for their hosts are shown, the narrowest first, without what a narrower one replaces.
    Config(Box<Download>),
    /// Print the completion script for a shell
    Completions {
        /// The shell that reads the script
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Download the flags into this folder
    #[arg(
        short,
        long = "dir",
        value_name = "DIR",
        default_value = "downloads",
        value_hint = ValueHint::DirPath
    )]
    pub(crate) directory: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ResultsArgs {
    /// Folder that a list was downloaded to
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    /// Print only items with this status; may be repeated
    #[arg(long = "status", value_name = "STATUS", value_enum)]
    pub(crate) statuses: Vec<Ended>,
    /// Print only items of this host: example.org, *.example.org, https://example.org:8443; may be
    /// repeated
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<HostFilter>,
    /// Print only items that failed with this kind of error; may be repeated
    #[arg(long = "error", value_name = "KIND", value_parser = error_kinds())]
    pub(crate) errors: Vec<ErrorKind>,
    /// Print only items that ended since this time: 2h or 3d ago, 2026-11-29, 2026-11-29T08:00:00Z
    ///
    /// A time without a zone is UTC.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Since>,
    /// Print counts by status, error and host, and the size of all files, instead of items
    ///
    /// The 20 hosts with the most failures are shown. With --format jsonl it is a JSON object.
    #[arg(long)]
    pub(crate) summary: bool,
    /// Output format [default: table on a terminal, jsonl elsewhere]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<RowFormat>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folder that a list was downloaded to
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    /// Write the page to this file; - is standard output [default: -]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Folder that a list was downloaded to, or a list
    #[arg(value_name = "DIR|LIST", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,
    /// Folder with the files of LIST [default: the current folder]
    #[arg(short, long = "dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// Format of LIST
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = InputFormat::Auto)]
    pub(crate) input_format: InputFormat,
    /// Resolve relative URLs in LIST, and names in a list of checksums, against this URL
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// How the files of LIST are named that its rows do not name
    #[arg(long, value_name = "LAYOUT", value_enum, default_value_t = Layout::Flat)]
    pub(crate) layout: Layout,
}

// What a download takes. As a doc comment, this would become the help of `haul config`.
#[derive(Debug, Args)]
#[group(skip)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches on a command line are either there or not"
)]
pub(crate) struct Download {
    /// URLs to download
    ///
    /// A URL may be a pattern, as in curl: {a,b}, [1-20], [001-100:2], [a-z]. A set may have a
    /// name, as in {<cc>cn,in,us}: then {<cc>} repeats its value.
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) urls: Vec<String>,

    /// Read URLs from this list; - is standard input
    ///
    /// FILE may be in one of many formats, which --input-format names. It may also be a folder, or
    /// a pattern in quotes such as 'urls/*.parquet': all files in it are read, one after another.
    /// FILE may also be a URL: then the list is fetched first, and relative URLs in it are relative
    /// to that. Files compressed with gzip, zstd, bzip2 or xz are decompressed. May be repeated.
    ///
    /// A list of text has one URL per line. Fields may follow the URL, separated by TABs: out=NAME
    /// sets the file name, label=TEXT the name shown in progress output, ALGO=HEX (such as
    /// sha256=…) the expected checksum; further URLs are mirrors. A mirror is used when the URLs
    /// before it have failed; with a checksum, parts of a large file are downloaded from several
    /// mirrors at once. Blank lines and lines that start with # are skipped.
    #[arg(
        short,
        long = "input",
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Input"
    )]
    pub(crate) inputs: Vec<PathBuf>,

    /// Format of the lists
    ///
    /// A table has a header, which names its columns; the column url has the URLs, and --url-column
    /// and the options after it say what other columns are for. Columns without a purpose appear in
    /// the results. A TSV is a table too.
    ///
    /// A list of checksums is the output of sha256sum and similar tools: HEX, two spaces, NAME; or
    /// SHA256 (NAME) = HEX. Each name is resolved against --base-url, and used as the local file
    /// name. Without a tag, 32 digits are MD5, 40 SHA-1, 64 SHA-256 (BLAKE3 in a list called B3SUMS
    /// or *.b3), 128 SHA-512. A PGP signature is skipped, not verified.
    ///
    /// In a Metalink, each file is one item: its best URL, with the others as mirrors, its name,
    /// size and checksums. With the hashes of its pieces, only the damaged pieces of a file that
    /// exists are fetched.
    ///
    /// In a sitemap, each loc is one item. The sitemaps that an index names are fetched and read,
    /// if they are at the same origin as --base-url, or else as the first of them.
    #[arg(
        long, value_name = "FORMAT", value_enum, default_value_t = InputFormat::Auto,
        requires = "inputs", help_heading = "Input"
    )]
    pub(crate) input_format: InputFormat,

    /// Resolve relative URLs in a list, and names in a list of checksums, against this URL
    ///
    /// This works like a link in a web page: what follows the last slash of this URL is ignored. So
    /// for a list of checksums, the URL of the list itself will do.
    #[arg(long, value_name = "URL", requires = "inputs", help_heading = "Input")]
    pub(crate) base_url: Option<String>,

    /// Use mirrors in these countries first: codes as in a Metalink, separated by commas
    ///
    /// The codes are those of ISO 3166-1, such as de or de,fr. Among mirrors of these countries,
    /// and among the others, the order of the Metalink counts.
    #[arg(
        long,
        value_name = "LOCATION",
        value_parser = country_codes,
        help_heading = "Input"
    )]
    pub(crate) metalink_location: Option<String>,

    #[command(flatten)]
    pub(crate) columns: TableColumns,

    #[command(flatten)]
    pub(crate) excerpt: Excerpt,

    /// List the URLs and file names; send no request, write nothing
    ///
    /// Each item is a line on standard output in the format that -i reads: the URL, a TAB,
    /// out=NAME.
    #[arg(long, conflicts_with = "results", help_heading = "Input")]
    pub(crate) dry_run: bool,

    /// Turn off URL patterns: {} and [] have no special meaning
    #[arg(short, long, help_heading = "Input")]
    pub(crate) globoff: bool,

    /// Download into this folder
    ///
    /// It is created if it is missing.
    #[arg(
        short,
        long = "dir",
        value_name = "DIR",
        default_value = ".",
        value_hint = ValueHint::DirPath,
        help_heading = "Files"
    )]
    pub(crate) directory: PathBuf,

    /// Save under this name; - is standard output
    ///
    /// DIR/, or a folder that exists, saves the file in that folder under its own name. The name is
    /// relative to --dir. It may be absolute or contain ..; .haul is then in the folder of the
    /// file.
    ///
    /// With a URL pattern, #1 is replaced by the value of its first set, and #<name> by that of the
    /// set with this name.
    ///
    /// Standard output, and a device such as /dev/null, get the bytes as they arrive: an attempt
    /// that fails midway cannot be retried, and a wrong checksum only shows in the exit status.
    #[arg(
        short,
        long,
        value_name = "NAME",
        value_hint = ValueHint::FilePath,
        help_heading = "Files"
    )]
    pub(crate) output: Option<String>,

    /// How to name files for which neither -o nor the list gives a name
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Layout::Flat, help_heading = "Files")]
    pub(crate) layout: Layout,

    /// Let the server name the file (Content-Disposition)
    ///
    /// The name is made safe. It is known only when the server has responded, so a file that exists
    /// costs a request. -o, and out= in a list, take precedence.
    #[arg(long, help_heading = "Files")]
    pub(crate) content_disposition: bool,

    /// Use only file names that are valid on every system
    ///
    /// By default a name keeps the characters that the file system of the destination accepts, such
    /// as : and ?. A name with characters that it does not accept is changed, and gets ~ and 8
    /// digits that depend on the URL.
    #[arg(long, help_heading = "Files")]
    pub(crate) portable_names: bool,

    /// What to do when the file exists
    ///
    /// A file is known if an earlier run has recorded it and it still has the recorded size. With
    /// auto, a known file is skipped without a request; with refresh, the server is asked whether
    /// it has changed.
    ///
    /// Any other file is compared: with its checksum or, if there is none, with the size and time
    /// (Last-Modified) of the server's response. The body of the response is downloaded only if
    /// they differ. A file next to NAME.aria2, NAME.part, NAME.crdownload or the like never counts
    /// as complete.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Exists::Auto, help_heading = "Files")]
    pub(crate) exists: Exists,

    /// Stop when the file system has less free space than this: 500K, 64M, 1G; 0 turns this off
    /// [default: 64M, or 2% of the file system if that is less]
    ///
    /// The run ends with status 3. Free some space, and run the same command again to resume.
    #[arg(long, value_name = "SIZE", help_heading = "Files")]
    pub(crate) min_free: Option<Size>,

    /// Fail with status 3, instead of waiting, if another run downloads a list into the same folder
    ///
    /// Runs of URLs never wait, neither for one another nor for a list.
    #[arg(long, help_heading = "Files")]
    pub(crate) no_wait: bool,

    /// When to flush files to disk
    ///
    /// This matters for power cuts and system crashes only: whatever is chosen, complete files
    /// survive when haul itself is killed.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Durability::Batch, help_heading = "Files")]
    pub(crate) durability: Durability,

    /// Expected checksum of the file, such as sha256=HEX, for one URL
    ///
    /// Algorithms: sha256, sha512, sha1, md5, blake3, crc32c. May be repeated with another
    /// algorithm. In a list, ALGO=HEX after the URL and a TAB does the same. If the file exists, it
    /// is read and compared.
    #[arg(long = "checksum", value_name = "ALGO=HEX", help_heading = "Files")]
    pub(crate) checksums: Vec<Checksum>,

    /// Compute this hash of every file, and add it to the results
    ///
    /// Algorithms: sha256, sha512, sha1, md5, blake3, crc32c. Existing files are read for it. May
    /// be repeated.
    #[arg(long = "hash", value_name = "ALGO", help_heading = "Files")]
    pub(crate) hashes: Vec<Algorithm>,

    /// Maximum concurrent requests
    ///
    /// haul starts with up to 32 and adds more while that makes it faster.
    #[arg(
        short, long, value_name = "N", value_parser = at_least_one,
        default_value_t = EngineOptions::DEFAULT_JOBS,
        help_heading = "Speed and limits"
    )]
    pub(crate) jobs: usize,

    /// Maximum concurrent requests to one host [default: 16 over HTTP/1.1; what the server allows
    /// over HTTP/2]
    ///
    /// haul finds the right number for each host: it starts with four (16 over HTTP/2, or --split),
    /// adds more while throughput grows, stops when responses get slower, and halves the number on
    /// refusals and timeouts. -v shows each change.
    #[arg(
        long, value_name = "N", value_parser = at_least_one,
        help_heading = "Speed and limits"
    )]
    pub(crate) per_host: Option<usize>,

    /// Minimum time between two requests to one host, such as 500ms, 2s, 1m
    #[arg(long, value_name = "TIME", help_heading = "Speed and limits")]
    pub(crate) delay: Option<Span>,

    /// Obey robots.txt, including its Crawl-delay
    ///
    /// It is requested once from each host, before anything else. A URL that it disallows fails.
    /// The rules that apply are those for the product name at the start of --user-agent: haulage.
    #[arg(long, help_heading = "Speed and limits")]
    pub(crate) robots: bool,

    /// Maximum bytes per second in total, such as 1.5M
    ///
    /// Takes the units of --max-size; /s may follow. 0 is no limit.
    #[arg(long, value_name = "RATE", help_heading = "Speed and limits")]
    pub(crate) limit_rate: Option<Rate>,

    /// Maximum bytes per second from one host
    #[arg(long, value_name = "RATE", help_heading = "Speed and limits")]
    pub(crate) limit_rate_per_host: Option<Rate>,

    /// Maximum segments of one file at once; 1 turns segments off
    ///
    /// A large file starts as one request. If it no longer gets faster and more than two seconds
    /// are left, or if it stalls, other connections download ranges from its end; with 5 or more,
    /// all are tried at once. Each segment counts as a request (--per-host, -j). Segments are used
    /// only if the server supports ranges and identifies the version of the file, and only if they
    /// make it faster. With a checksum, mirrors serve segments too.
    #[arg(
        short, long, value_name = "N", value_parser = segments,
        default_value_t = RunOptions::DEFAULT_SPLIT,
        help_heading = "Speed and limits"
    )]
    pub(crate) split: usize,

    /// Minimum size of a remainder to split, such as 500K, 16M, 1G
    ///
    /// Connections that are open and have nothing else to do split smaller ones, down to 1/32 of
    /// this size, and take over the rest of a response that has stopped.
    #[arg(
        long, value_name = "SIZE",
        default_value_t = Size(RunOptions::DEFAULT_MIN_SPLIT_SIZE),
        help_heading = "Speed and limits"
    )]
    pub(crate) min_split_size: Size,

    /// Maximum retries in a row without progress
    ///
    /// An attempt makes progress when it keeps at least 64 KiB from which the next one resumes. If
    /// the server does not support resuming, no attempt makes progress.
    #[arg(
        long, value_name = "N",
        default_value_t = RetryPolicy::default().retries,
        help_heading = "Retries and timeouts"
    )]
    pub(crate) retries: u32,

    /// Which of the items that failed in an earlier run to try again
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = RetryFailed::Transient, help_heading = "Retries and timeouts")]
    pub(crate) retry_failed: RetryFailed,

    /// Stop when the first item fails
    #[arg(
        long,
        conflicts_with = "max_errors",
        help_heading = "Retries and timeouts"
    )]
    pub(crate) fail_early: bool,

    /// Stop when this many items have failed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Retries and timeouts")]
    pub(crate) max_errors: Option<u64>,

    /// Stop retrying an item after this long without progress
    ///
    /// If the server does not support resuming, the time counts from the item's first request. If a
    /// server asks for a longer wait (Retry-After, with any status), its item fails at once. If a
    /// host has not answered for this long, all items that wait for it fail.
    #[arg(
        long, value_name = "TIME",
        default_value_t = Span(RetryPolicy::default().max_time),
        help_heading = "Retries and timeouts"
    )]
    pub(crate) retry_max_time: Span,

    /// Maximum time to connect, such as 500ms, 30s, 5m, 1h
    #[arg(
        long, value_name = "TIME",
        default_value_t = Span(RunOptions::DEFAULT_CONNECT_TIMEOUT),
        help_heading = "Retries and timeouts"
    )]
    pub(crate) connect_timeout: Span,

    /// Maximum time without receiving a byte
    #[arg(
        long, value_name = "TIME",
        default_value_t = Span(RunOptions::DEFAULT_TIMEOUT),
        help_heading = "Retries and timeouts"
    )]
    pub(crate) timeout: Span,

    /// Maximum size of a file, such as 500, 10K, 1.5M, 2G; a larger one fails
    ///
    /// K, M, G, T and KiB, MiB, … are powers of 1024; KB, MB, … are powers of 1000.
    #[arg(long, value_name = "SIZE", help_heading = "Speed and limits")]
    pub(crate) max_size: Option<Size>,

    /// Maximum time for one item, including retries and waits; then it fails
    #[arg(long, value_name = "TIME", help_heading = "Retries and timeouts")]
    pub(crate) max_time: Option<Span>,

    /// Minimum bytes per second: a file that is slower for --timeout counts as stalled
    ///
    /// Takes the units of --max-size. 0 turns this off.
    #[arg(
        long, value_name = "RATE",
        default_value_t = Rate(RunOptions::DEFAULT_LOWEST_SPEED),
        help_heading = "Retries and timeouts"
    )]
    pub(crate) lowest_speed: Rate,

    /// Maximum redirects to follow for one item
    #[arg(
        long, value_name = "N",
        default_value_t = RunOptions::DEFAULT_MAX_REDIRECTS,
        help_heading = "Requests"
    )]
    pub(crate) max_redirects: u32,

    /// Connect to these addresses for this host and port instead of looking it up; * is any host
    #[arg(
        long,
        value_name = "HOST:PORT:ADDRESS[,ADDRESS]...",
        help_heading = "Network"
    )]
    pub(crate) resolve: Vec<HostAddresses>,

    /// Connect to IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = "Network")]
    pub(crate) ipv4: bool,

    /// Connect to IPv6 addresses only
    #[arg(short = '6', long, help_heading = "Network")]
    pub(crate) ipv6: bool,

    /// Refuse addresses that are not public, such as 127.0.0.1, 10.0.0.0/8 and 169.254.169.254
    ///
    /// For lists from people you do not trust. Each address is checked just before haul connects to
    /// it, for redirects, mirrors and --resolve too. A name must have at least one public address;
    /// the others are left out. Public is what the registries of IANA call globally reachable.
    /// Through a proxy that looks names up itself, haul cannot enforce this.
    #[arg(long, help_heading = "Network")]
    pub(crate) public_only: bool,

    /// Connect from this address of this machine, or by this network interface, such as eth0
    ///
    /// With an address, haul connects only to addresses of the same family (IPv4 or IPv6).
    #[arg(long, value_name = "ADDRESS|NAME", help_heading = "Network")]
    pub(crate) interface: Option<Interface>,

    /// Use HTTP/1.1 even where HTTP/2 could be negotiated
    #[arg(
        long = "http1.1",
        conflicts_with = "http2_prior_knowledge",
        help_heading = "Network"
    )]
    pub(crate) http1: bool,

    /// Use HTTP/2 only, without TLS too; fails if the server does not support it
    #[arg(long, help_heading = "Network")]
    pub(crate) http2_prior_knowledge: bool,

    /// Refuse plain http: URLs, and redirects to them
    #[arg(long, conflicts_with = "allow_downgrade", help_heading = "Requests")]
    pub(crate) https_only: bool,

    /// Follow redirects from https to plain http, which others can read and change on the way
    #[arg(long, help_heading = "Requests")]
    pub(crate) allow_downgrade: bool,

    /// Send this header with each request
    ///
    /// 'NAME;' sends a header without a value. Headers that may identify you are sent only to the
    /// origin of the URL as given, not to other hosts that it redirects to. May be repeated.
    #[arg(
        short = 'H',
        long = "header",
        value_name = "NAME: VALUE",
        help_heading = "Requests"
    )]
    pub(crate) headers: Vec<Header>,

    /// Request compression (gzip, br, zstd); save decompressed
    ///
    /// Without it, the bytes are saved as sent. Deflate is decoded too, but not requested.
    /// Decompressed data is limited to 64 MiB plus 250 times what was received; beyond that the
    /// file fails. Checksums and hashes are those of the saved file.
    #[arg(long, help_heading = "Requests")]
    pub(crate) compressed: bool,

    /// Send this User-Agent; '' sends none
    #[arg(
        short = 'A', long, value_name = "TEXT",
        default_value = RunOptions::DEFAULT_USER_AGENT,
        help_heading = "Requests"
    )]
    pub(crate) user_agent: String,

    /// Send this Referer: the page that links to the files
    ///
    /// It is sent only to the origin of the URL as given, not to other hosts that it redirects to.
    /// -H 'Referer: URL' takes its place.
    #[arg(
        short = 'e',
        long,
        value_name = "URL",
        alias = "referrer",
        help_heading = "Requests"
    )]
    pub(crate) referer: Option<String>,

    #[command(flatten)]
    pub(crate) logins: Logins,

    /// Send these cookies, and let all requests share cookies
    ///
    /// These are sent to the origin of each URL as given. Cookies that servers set are sent with
    /// all later requests to them. Without this option, --load-cookies and --save-cookies, cookies
    /// that are set during the redirects of an item are sent on its later hops, and no others. May
    /// be repeated.
    #[arg(
        short = 'b',
        long = "cookie",
        value_name = "NAME=VALUE[; NAME=VALUE]...",
        help_heading = "Logins and cookies"
    )]
    pub(crate) cookies: Vec<String>,

    /// Read cookies from this file, and let all requests share cookies
    ///
    /// The file is in the Netscape format (cookies.txt), as browser extensions, curl, wget and
    /// yt-dlp write it. A line that is no cookie is skipped with a warning. A cookie is sent only
    /// to the host or domain that it is for.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Logins and cookies"
    )]
    pub(crate) load_cookies: Option<PathBuf>,

    /// Write all cookies to this file at the end, and let all requests share cookies
    ///
    /// Session cookies are written too. The file may be that of --load-cookies. Only you can read
    /// it: whoever has it is logged in where you are.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Logins and cookies"
    )]
    pub(crate) save_cookies: Option<PathBuf>,

    /// Trust only the certificates in this PEM file
    ///
    /// They may be certificates of authorities or of servers. A server that presents exactly one of
    /// them is trusted, even if it is self-signed, as long as its dates are valid and its name is
    /// the host in the URL. Without --cacert and --capath, the file that SSL_CERT_FILE and the
    /// folders that SSL_CERT_DIR name are used, and if neither is set, the system's certificates.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Certificates and TLS"
    )]
    pub(crate) cacert: Option<PathBuf>,

    /// Trust only the certificates in the PEM files of this folder
    #[arg(
        long,
        value_name = "DIR",
        value_hint = ValueHint::DirPath,
        help_heading = "Certificates and TLS"
    )]
    pub(crate) capath: Option<PathBuf>,

    /// Show this certificate, in a PEM file, to servers that ask for one
    ///
    /// The certificates of authorities between it and the one that the server trusts follow it in
    /// the file, and its private key too, unless --key names another file.
    #[arg(
        short = 'E',
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Certificates and TLS"
    )]
    pub(crate) cert: Option<PathBuf>,

    /// Read the private key of --cert from this PEM file; it must not be encrypted
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        requires = "cert",
        help_heading = "Certificates and TLS"
    )]
    pub(crate) key: Option<PathBuf>,

    /// Accept only servers with one of these public keys: sha256//BASE64;…, or a PEM or DER file
    ///
    /// The key is checked after the certificate, and with --insecure instead of it. To get the
    /// hash: openssl x509 -in CERT -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst
    /// -sha256 -binary | base64
    #[arg(
        long = "pinnedpubkey",
        value_name = "HASHES|FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Certificates and TLS"
    )]
    pub(crate) pinned_keys: Option<String>,

    /// Use TLS 1.3 only, instead of 1.2 and 1.3
    #[arg(long = "tlsv1.3", help_heading = "Certificates and TLS")]
    pub(crate) tls13: bool,

    /// Maximum version of TLS
    #[arg(
        long,
        value_name = "VERSION",
        value_enum,
        help_heading = "Certificates and TLS"
    )]
    pub(crate) tls_max: Option<TlsMax>,

    /// Accept any certificate: others can read and change everything on the way
    #[arg(short = 'k', long, help_heading = "Certificates and TLS")]
    pub(crate) insecure: bool,

    /// Use this proxy, such as http://HOST:PORT
    ///
    /// The form is [SCHEME://][USER:PASSWORD@]HOST[:PORT]; '' uses no proxy.
    ///
    /// Schemes: http (the default), https, socks4, socks4a, socks5, socks5h. With socks4 and
    /// socks5, names are looked up here (--resolve, -4, -6); with all others, by the proxy. Without
    /// -x, the proxies in the variables http_proxy, https_proxy and all_proxy are used.
    ///
    /// An HTTP proxy forwards requests for http URLs; for https URLs haul asks it for a tunnel
    /// (CONNECT). --per-host counts requests to a host, not to the proxy.
    #[arg(short = 'x', long, value_name = "URL", help_heading = "Proxies")]
    pub(crate) proxy: Option<String>,

    /// Connect to these hosts without a proxy: names, addresses, CIDR blocks; * is every host
    ///
    /// A list, separated by commas: example.org,10.0.0.0/8,::1. A name stands for the names below
    /// it too. A block matches addresses in URLs; no name is looked up for it. An entry that can
    /// match no host is refused. Replaces the variable no_proxy.
    #[arg(long, value_name = "LIST", help_heading = "Proxies")]
    pub(crate) noproxy: Option<String>,

    /// Log in to the proxy (HTTP Basic, SOCKS 5)
    ///
    /// It is for the proxy of -x, or of the variables, unless that has a user in its URL. A host
    /// section of the configuration has a proxy-user of its own for its proxy.
    ///
    /// Without :PASSWORD, haul asks for the password on the terminal. Other users of this machine
    /// can see a password on the command line, but not USER:PASSWORD@ in the URL of a variable.
    #[arg(
        long,
        value_name = "USER[:PASSWORD]",
        value_parser = User::parser(),
        help_heading = "Proxies"
    )]
    pub(crate) proxy_user: Option<User>,

    /// Trust only the certificates in this PEM file for an https proxy
    ///
    /// Without it, what SSL_CERT_FILE and SSL_CERT_DIR name is trusted, and if neither is set, the
    /// system's certificates. --cacert and --insecure are for servers.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Proxies"
    )]
    pub(crate) proxy_cacert: Option<PathBuf>,

    /// Maximum concurrent requests through the proxy [default: no limit]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Proxies")]
    pub(crate) per_proxy: Option<usize>,

    #[command(flatten)]
    pub(crate) on_complete: Completion,

    /// Write a row for each item to this file: .jsonl, .csv, .parquet, .arrow; - is standard output
    ///
    /// The ending of the name sets the format; .ndjson and .tsv are known too, and - gets JSON
    /// lines. A row is written when its item ends, with the columns of a table (--input-format)
    /// that have no purpose. A Parquet or Arrow file is written at the end of the run, also if it
    /// was interrupted; until then its rows are in FILE.partial.jsonl. The file is a list for -i:
    /// what failed is downloaded, and what is there is compared with its checksum. May be repeated.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Reports"
    )]
    pub(crate) results: Vec<ResultsTarget>,

    /// Write a page about the run to this file, in HTML: totals, charts, errors
    ///
    /// The page is written when the run is over, also if it was interrupted. It is one file that
    /// loads nothing, and shows the command line without passwords. haul report makes such a page
    /// later, of what a run of a list has recorded.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with = "dry_run",
        help_heading = "Reports"
    )]
    pub(crate) report: Option<PathBuf>,

    /// Add a line of JSON for each request, each item and each event to this file
    ///
    /// A line has the time, the level, a message, and fields. That of a request has its URL,
    /// address, protocol, status or error, bytes, and how long look-up, connection, TLS, the first
    /// byte and the body took. Several runs may add to one file. Nothing else of the run depends on
    /// it: if it cannot be written to, haul says so once.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Reports"
    )]
    pub(crate) log_file: Option<PathBuf>,

    /// Serve metrics for Prometheus at this address while the run goes on: http://ADDR/metrics
    ///
    /// Port 0 stands for any free port; haul says which one it is. Whoever can reach the address
    /// can read the names of the hosts.
    #[arg(long, value_name = "HOST:PORT", help_heading = "Reports")]
    pub(crate) metrics: Option<MetricsAddress>,

    /// Write the metrics to this file, every 15 seconds and at the end; its name ends in .prom
    ///
    /// The file is for the textfile collector of the Prometheus node exporter. It is replaced as a
    /// whole each time.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        value_parser = PromFile::parser(),
        help_heading = "Reports"
    )]
    pub(crate) metrics_file: Option<PromFile>,

    /// How to show progress, on standard error
    #[arg(
        long, value_name = "HOW", value_enum,
        default_value_t = Progress::Auto,
        help_heading = "Reports"
    )]
    pub(crate) progress: Progress,

    /// Show errors only
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Reports")]
    pub(crate) quiet: bool,

    /// Show every request with its times, every redirect, and the cause of each failure
    #[arg(short, long, help_heading = "Reports")]
    pub(crate) verbose: bool,

    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with = "no_config",
        help = CONFIG,
        long_help = format!("{CONFIG}\n\n{CONFIG_FORMAT}\n\n{CONFIG_ORDER}"),
        help_heading = "Configuration"
    )]
    pub(crate) config: Option<PathBuf>,

    /// Read no configuration file
    #[arg(long, help_heading = "Configuration")]
    pub(crate) no_config: bool,

    // No option: a program that embeds the command decides it.
    #[arg(skip)]
    pub(crate) prompt: Prompt,
}

impl Arguments {
    /// Returns the options of a download, also if they are those of `haul config`.
    pub(crate) fn into_download(self) -> Download {
        match self.command {
            Some(Command::Config(download)) => *download,
            _ => self.download,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory as _;

    use super::*;
    use crate::command_line::{Stop, parse};

    fn parse_text(line: &str) -> Result<Arguments, Stop> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_definition() {
        Arguments::command().debug_assert();
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
        assert_eq!(download.jobs, EngineOptions::DEFAULT_JOBS);
        assert_eq!(download.per_host, None);
        assert_eq!(download.timeout.0, RunOptions::DEFAULT_TIMEOUT);
    }
}
