//! What an engine and a run may do, and how: validated structs, whose defaults are the library's
//! own.

mod engine;
mod environment;
mod host;
mod interface;
mod network;
pub(crate) mod proxies;
mod tls;

use std::fmt;
use std::io::Write;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::checksum::Algorithm;
use crate::completed_file::OnComplete;
use crate::cookies::CookieJar;
use crate::credentials::Credentials;
use crate::credentials::bearer::BearerFile;
use crate::credentials::netrc::Netrc;
use crate::error::{Error, ErrorKind};
use crate::priority::Priority;
use crate::sync::lock;

pub use self::engine::EngineOptions;
pub use self::environment::Environment;
pub use self::host::{HostLimits, HostOptions, HostPattern};
pub use self::interface::Interface;
pub use self::network::{
    AddressFamily, HttpVersion, PlainHttp, Resolve, Roots, Route, TlsOptions, Verification,
};
pub use self::proxies::{NoProxy, Proxies, Proxy};
pub use self::tls::{Identity, PemFile, PinnedKeys, TlsVersion};

/// What can be chosen about a run. [`Engine::run`](crate::Engine::run) checks it.
///
/// ```
/// use haulage::RunOptions;
///
/// let mut options = RunOptions::new("downloads");
/// options.max_size = Some(1 << 30);
/// assert_eq!(options.retry.retries, 5);
/// ```
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is on or off, whatever the others are"
)]
#[non_exhaustive]
pub struct RunOptions {
    /// Whether anything is fetched at all.
    pub purpose: Purpose,
    /// Where the files go.
    pub destination: Destination,
    /// Whether robots.txt is obeyed (RFC 9309), and the `Crawl-delay` in it: each host is asked for
    /// its own once, before anything else, and the group counts that has the name with which the
    /// `User-Agent` begins.
    pub robots: bool,
    /// Most requests of this run in flight at once, within what its engine allows
    /// ([`EngineOptions::jobs`]); `None` sets no limit of its own.
    pub jobs: Option<usize>,
    /// How urgent it is, compared with other runs of its engine.
    pub priority: Priority,
    /// Bytes per second of this run's files, within the limits of its engine; `None` sets no limit.
    /// [`Run::limit_rate`](crate::Run::limit_rate) changes it.
    pub limit_rate: Option<NonZeroU64>,
    /// Most requests at once for one file; 1 lets each file come as one. Those beyond the first
    /// count as requests to its host.
    pub split: usize,
    /// Bytes: of a file, a remainder that is smaller is not split, unless connections are open and
    /// have nothing else to do: then one of less than 1/32 of this is not.
    pub min_split_size: u64,
    /// When an attempt is repeated.
    pub retry: RetryPolicy,
    /// The run stops, as if it were cancelled, when this number of items has failed; `None` lets
    /// any number fail.
    pub max_errors: Option<u64>,
    /// To resolve a name, connect and shake hands.
    pub connect_timeout: Duration,
    /// Without a byte received; also for the head of a response as a whole.
    pub timeout: Duration,
    /// Bytes per second: a body that comes more slowly for as long as [`timeout`](Self::timeout)
    /// fails as one that does not come. Time in which the disk is behind does not count.
    pub lowest_speed: u64,
    /// The most that one item may take, from its first request on: attempts, redirects and waits
    /// included. `None` sets no limit.
    pub max_time: Option<Duration>,
    /// Bytes of one file, as saved; a larger one fails. `None` sets no limit.
    pub max_size: Option<u64>,
    /// Most redirects that one item follows.
    pub max_redirects: u32,
    /// Where plain http may be spoken.
    pub plain_http: PlainHttp,
    /// How servers are reached. Runs share connections only if their routes are equal.
    pub route: Route,
    /// Sent with each request to the origin of the URL as given. At another origin only those that
    /// tell nothing about the user go along.
    pub headers: HeaderMap,
    /// What is different for some hosts.
    pub hosts: Vec<HostOptions>,
    /// The `User-Agent` of each request; `None` sends none.
    pub user_agent: Option<HeaderValue>,
    /// Logs in at the origin of each URL as given, unless the URL has its own: with HTTP Basic, or
    /// with Digest where the server asks for it.
    pub credentials: Option<Credentials>,
    /// Cookies that all requests of the run share; what responses set is added to them. A `Cookie`
    /// in [`headers`](Self::headers) is sent with them, in one line. With `None`, cookies that are
    /// set during an item's redirects are sent on its later hops, and no others.
    pub cookies: Option<CookieJar>,
    /// Sends the token of this file to the origin of each URL as given, unless the URL has
    /// credentials of its own.
    pub bearer: Option<BearerFile>,
    /// Logs in at each host that has no other login, also where a redirect leads. Its `default` is
    /// only for the origins of URLs as given.
    pub netrc: Option<Netrc>,
    /// How files are named that their rows do not name.
    pub layout: Layout,
    /// Whether servers name their files.
    pub file_names: FileNames,
    /// Whether names are made safe for every system. Otherwise they keep what the destination's
    /// file system accepts, such as `:`.
    pub portable_names: bool,
    /// Whether files have the times that their servers give (`Last-Modified`); otherwise those at
    /// which they were written. An existing file can be recognised by such a time.
    pub server_times: bool,
    /// What happens when the target is there.
    pub existing: Existing,
    /// Which of the rows that have failed in an earlier run are tried again.
    pub retry_failed: RetryFailed,
    /// What becomes of the content codings that a file comes in.
    pub content_encoding: ContentEncoding,
    /// Bytes that are to stay free on the destination's file system: before a run would leave
    /// fewer, it stops, and can be resumed. 0 turns that off; `None` stands for
    /// [`DEFAULT_MIN_FREE`](Self::DEFAULT_MIN_FREE), or 2% of the file system if that is less.
    pub min_free: Option<u64>,
    /// What a power cut may cost.
    pub durability: Durability,
    /// Computed for every file, and put into its outcome.
    pub hashes: Vec<Algorithm>,
    /// What is done with each complete file before its row ends; `None` does nothing. A file that
    /// was there already counts only if an earlier run has downloaded it, and its row had not
    /// ended, or failed, when that run did.
    pub on_complete: Option<OnComplete>,
    /// Whether the run is recorded in `.haul/` in the destination, and with whom it shares that.
    pub state_dir: StateDir,
    /// Whether each request for an item is told as
    /// [`Event::Attempted`](crate::Event::Attempted), with its times.
    pub attempt_details: bool,
    /// What is downloaded, in a few words: the name of a list. A run that has to wait for this one
    /// shows it.
    pub title: String,
    /// The command line that started it, for people; it must contain nothing secret. Empty if there
    /// is none.
    pub command: String,
    /// Whether the run is [sampled](crate::Run::samples) although it is not recorded.
    pub samples: bool,
    /// Names below the destination that no row gets, since the caller writes there: relative paths
    /// with `/`. A row that asks for one gets another name, as it does if an earlier row has its
    /// name.
    pub reserved_names: Vec<String>,
}

impl RunOptions {
    /// The default of [`split`](Self::split).
    pub const DEFAULT_SPLIT: usize = 4;
    /// The default of [`min_split_size`](Self::min_split_size), 16 MiB.
    pub const DEFAULT_MIN_SPLIT_SIZE: u64 = 16 << 20;
    /// The default of [`connect_timeout`](Self::connect_timeout).
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// The default of [`timeout`](Self::timeout).
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
    /// The default of [`lowest_speed`](Self::lowest_speed).
    pub const DEFAULT_LOWEST_SPEED: u64 = 1;
    /// The default of [`max_redirects`](Self::max_redirects).
    pub const DEFAULT_MAX_REDIRECTS: u32 = 10;
    /// What stays free of a large file system by default, 64 MiB: see [`min_free`](Self::min_free).
    pub const DEFAULT_MIN_FREE: u64 = 64 << 20;
    /// The default of [`Destination::Memory`], 256 MiB.
    pub const DEFAULT_MEMORY: u64 = 256 << 20;
    /// The longest timeout or wait: beyond it, clocks overflow.
    pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(24 * 365);
    /// The default of [`user_agent`](Self::user_agent): it names the project and where to complain.
    pub const DEFAULT_USER_AGENT: &str = concat!(
        "haulage/",
        env!("CARGO_PKG_VERSION"),
        " (+",
        env!("CARGO_PKG_REPOSITORY"),
        ")"
    );

    /// Returns the defaults, with this folder as the destination, created when missing.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            purpose: Purpose::Download,
            destination: Destination::Directory(directory.into()),
            robots: false,
            jobs: None,
            priority: Priority::Normal,
            limit_rate: None,
            split: Self::DEFAULT_SPLIT,
            min_split_size: Self::DEFAULT_MIN_SPLIT_SIZE,
            retry: RetryPolicy::default(),
            max_errors: None,
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            timeout: Self::DEFAULT_TIMEOUT,
            lowest_speed: Self::DEFAULT_LOWEST_SPEED,
            max_time: None,
            max_size: None,
            max_redirects: Self::DEFAULT_MAX_REDIRECTS,
            plain_http: PlainHttp::AsGiven,
            route: Route::default(),
            headers: HeaderMap::new(),
            hosts: Vec::new(),
            user_agent: Some(HeaderValue::from_static(Self::DEFAULT_USER_AGENT)),
            credentials: None,
            cookies: None,
            bearer: None,
            netrc: None,
            layout: Layout::Flat,
            file_names: FileNames::FromUrl,
            portable_names: false,
            server_times: true,
            existing: Existing::Auto,
            retry_failed: RetryFailed::Transient,
            durability: Durability::Batch,
            content_encoding: ContentEncoding::Keep,
            min_free: None,
            hashes: Vec::new(),
            on_complete: None,
            state_dir: StateDir::Keep,
            attempt_details: false,
            title: String::new(),
            command: String::new(),
            samples: false,
            reserved_names: Vec::new(),
        }
    }

    /// Returns the defaults, with memory as the destination: each outcome carries the bytes of its
    /// file, and the engine holds at most [`DEFAULT_MEMORY`](Self::DEFAULT_MEMORY) of them.
    #[must_use]
    pub fn in_memory() -> Self {
        let mut options = Self::new("");
        options.destination = Destination::Memory {
            limit: Self::DEFAULT_MEMORY,
        };
        options
    }

    /// Checks what the types leave open.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let refuse = |what: &str| Err(Error::new(ErrorKind::Input, what));
        if self.jobs == Some(0) {
            return refuse("jobs must be at least 1");
        }
        if self.split == 0 {
            return refuse("split must be at least 1, which lets each file come as one");
        }
        if self.credentials.is_some() && self.bearer.is_some() {
            return refuse("one login at a time: give a user and a password, or a token");
        }
        if self.max_errors == Some(0) {
            return refuse("max-errors must be at least 1");
        }
        if self.connect_timeout.is_zero()
            || self.timeout.is_zero()
            || self.max_time.is_some_and(|time| time.is_zero())
        {
            return refuse("a timeout of 0 leaves no time for anything; choose a longer one");
        }
        let waits = [
            self.connect_timeout,
            self.timeout,
            self.retry.base,
            self.retry.cap,
            self.retry.max_time,
            self.max_time.unwrap_or_default(),
        ];
        if waits.iter().any(|wait| *wait > Self::LONGEST_WAIT) {
            return refuse("a timeout of more than a year is none; choose a shorter one");
        }
        let is_given = |name: &&HeaderName| self.headers.contains_key(*name);
        if self.existing == Existing::Refresh
            && let Some(name) = CONDITIONS.iter().find(is_given)
        {
            return Err(Error::new(
                ErrorKind::Input,
                format!("the header {name} is haul's own to send with --exists refresh"),
            ));
        }
        self.hosts.iter().try_for_each(HostOptions::validate)?;
        self.headers.keys().try_for_each(check_header)
    }
}

/// Checks that a header may be given by hand.
///
/// # Errors
/// Of kind `input`, if it may not.
pub(crate) fn check_header(name: &HeaderName) -> Result<(), Error> {
    if FRAMING.contains(name) {
        let what = format!("the header {name} is haul's own to send");
        return Err(Error::new(ErrorKind::Input, what));
    }
    Ok(())
}

/// Whether anything is fetched at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Files are fetched and saved.
    Download,
    /// Each item that would be fetched ends as [`Status::Planned`](crate::Status::Planned), with
    /// the path that it would have. No request is sent, and nothing is made: not even the
    /// destination.
    Plan,
}

/// What files are named after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileNames {
    /// The URL as given.
    FromUrl,
    /// The name in `Content-Disposition` (RFC 6266), made safe, takes the place of the file's own,
    /// within the layout's folders. So it is known only when the server has answered: a row whose
    /// file is there already costs a request, though not its body.
    FromServer,
}

/// Headers that say how messages are framed, what becomes of their connection, or which parts are
/// wanted: one given by hand would break that.
const FRAMING: [HeaderName; 9] = [
    http::header::CONNECTION,
    http::header::CONTENT_LENGTH,
    http::header::RANGE,
    http::header::IF_RANGE,
    http::header::TE,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Headers that ask whether a file has changed (RFC 9110 §13.1): the answer to one given by hand is
/// not about the file that is there.
const CONDITIONS: [HeaderName; 2] = [http::header::IF_NONE_MATCH, http::header::IF_MODIFIED_SINCE];

/// When an attempt is repeated: after `base × 2ⁿ`, at most `cap`, times a random part of it ("full
/// jitter").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Consecutive failed attempts without progress, after the first. An attempt makes progress
    /// when it keeps at least 64 KiB that the next one resumes from.
    pub retries: u32,
    /// The longest wait before the first repetition.
    pub base: Duration,
    /// The longest wait before any.
    pub cap: Duration,
    /// How long an item is retried without progress; where nothing can be kept, from its first
    /// request on. A host that has answered nothing for so long is given up.
    pub max_time: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 5,
            base: Duration::from_secs(1),
            cap: Duration::from_mins(1),
            max_time: Duration::from_mins(10),
        }
    }
}

/// How files are named that their rows do not name. Each gives the same names on every run of a
/// list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// By the last segment of the URL's path: `b.gif`.
    #[default]
    Flat,
    /// By the host, with its port where it is not the scheme's own, and the path:
    /// `host_8080/a/b.gif`.
    Tree,
    /// By a hash of the URL as given, in 65,536 folders: `ab/cd/abcd….gif` (the first 32 hex digits
    /// of its SHA-256).
    Hashed,
    /// By the row's number: `000000042.gif`.
    Row,
}

/// What happens when the target is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Existing {
    /// Its name alone proves nothing. A file that an earlier run has recorded for its row, and that
    /// has the recorded size, is skipped without a request. Any other is read and compared with the
    /// checksum of its row; without one, a GET shows whether it has the length of the response, and
    /// its `Last-Modified` if there is one: then it is skipped too, and the body is not read. A
    /// file that differs is compared with the new one once that is complete: it is replaced if the
    /// new one begins with all of it (it was a partial download, or is the same). Otherwise both
    /// are kept, and the new one gets its distinct name, `stem~HHHHHHHH.ext`. A file that another
    /// tool has marked as unfinished (`NAME.aria2`, `NAME.part`, …) is never skipped by its length.
    #[default]
    Auto,
    /// It is taken as it is, and no request is sent; where its row has a checksum, it is read and
    /// compared with that first.
    Skip,
    /// Its server is asked whether it has changed since, and it is replaced if so, atomically, once
    /// the new one is complete. A file that an earlier run has recorded, and that has the recorded
    /// size, is asked for by its `ETag` and modification time (RFC 9110 §13.1). Any other is
    /// compared with the length and the `Last-Modified` of an ordinary response. Where its row has
    /// a checksum, it is read and compared with that, and fetched if it differs. What is no file is
    /// dealt with as by [`Overwrite`](Self::Overwrite).
    Refresh,
    /// It is fetched and replaced, atomically, once the new one is complete. A link is replaced
    /// itself, not what it leads to.
    Overwrite,
    /// It stays, and the new one gets a free name: `a.1.gif`, `a.2.gif`, …
    Rename,
    /// It stays, and its row fails before anything is asked.
    Fail,
}

/// Which of the rows that have failed in an earlier run a later one tries again. What this side may
/// have changed meanwhile (a name, the disk, what stands there, a policy) is looked at again in any
/// case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryFailed {
    /// All of them.
    All,
    /// Those whose failure may have passed, or may have to do with an option that is another one
    /// now: a host that was silent, a status 503, a certificate that could not be trusted, but not
    /// a 404.
    #[default]
    Transient,
    /// None: they fail again as they did, without a request.
    None,
}

/// What a power cut may cost. Whatever ends the process alone costs nothing that was named or
/// recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Files are named and recorded as they come, and none of them is synced: after a power cut,
    /// what was named lately may be incomplete. What a later run goes on with within a file is
    /// synced all the same.
    None,
    /// A file has its name only once its bytes would survive, and is recorded as done only once its
    /// name would: in groups, about once a second.
    #[default]
    Batch,
    /// A file is named and recorded as with [`Batch`](Self::Batch), and its item ends only once it
    /// is recorded.
    Each,
}

/// Where files go.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Destination {
    /// A folder, created when missing, in which each file has its name.
    Directory(PathBuf),
    /// Memory: each outcome carries the bytes of its file
    /// ([`Outcome::content`](crate::Outcome::content)). Nothing is recorded, and identical rows are
    /// fetched once each.
    Memory {
        /// Bytes of files that the engine holds at once, until their outcomes are received; it
        /// begins no further file while they are used up. A larger file fails. A file of unknown
        /// length may use as many bytes again.
        limit: u64,
    },
    /// A stream, which takes the bytes of one file. They go out as they come, so that an attempt
    /// which fails after the first of them is the last one, and a checksum that is wrong is found
    /// out too late. Further files fail.
    Output(Output),
}

/// Something that bytes are written to, on a thread that may wait for it.
///
/// ```
/// use haulage::{Destination, RunOptions, Output};
///
/// let mut options = RunOptions::new(".");
/// options.destination = Destination::Output(Output::new(std::io::sink()));
/// ```
#[derive(Clone)]
pub struct Output(Arc<Mutex<dyn Write + Send>>);

impl Output {
    /// Writes to this.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, dyn Write + Send + 'static> {
        lock(&self.0)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Output(…)")
    }
}

/// What becomes of content codings (RFC 9110 §8.4): compression that is the server's own, not the
/// file's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentEncoding {
    /// None is asked for, and bytes are saved as they were sent, whatever their coding.
    #[default]
    Keep,
    /// gzip, br and zstd are asked for, and undone (`deflate` too), at most five on top of one
    /// another. Each may stand for 64 MiB and for 250 times what was received, no more. Hashes and
    /// checksums are those of the file as it is saved.
    Decode,
}

/// What of a run stays in `.haul/` in the destination, and which runs may use the destination at
/// the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateDir {
    /// What became of each row is recorded for the next run. Only one run at a time does that in a
    /// destination: while there is one, another one does not start ([`Error::busy_with`]).
    Keep,
    /// Nothing is recorded, unless something is left to resume. Any number of such runs share a
    /// destination, also with one that records. `.haul/` goes with the last of them if nothing else
    /// is in it.
    RemoveWhenDone,
}
