//! From arguments to what a run is made of: the only place that maps one to the other.

mod outputs;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use haulage::source::{Columns, ListFormat, ListOptions, Pattern};
use haulage::{
    AddressFamily, Checksum, ContentEncoding, Durability, EngineOptions, Existing, FileNames,
    HttpVersion, Layout, PlainHttp, Purpose, Request, RetryFailed, RunOptions, StateDir,
};
use http::header::{HeaderValue, REFERER, USER_AGENT};

use self::outputs::{Outputs, SaveTarget};
use crate::args::{self, Arguments, Download, Exists, InputFormat, Progress};
use crate::config::{self, HostSection};
use crate::cookies::{self, CookieFile};
use crate::exit::Problem;
use crate::html_report::PagePlan;
use crate::input::{Excerpt, GivenAs, Inputs};
use crate::logins;
use crate::metrics::MetricsPlan;
use crate::on_complete;
use crate::output::Reader;
use crate::proxy;
use crate::report::{Detail, Display, Form, Items, ResultsPlan, Volume};
use crate::start::WhenBusy;
use crate::target::{self, Target};
use crate::tls;
use crate::trace;
use crate::values::{Delimiter, Header, HeaderColumn, Rate, ResultsTarget, header_value};

/// What a run is made of.
pub(crate) struct Settings {
    pub(crate) engine: EngineOptions,
    pub(crate) options: RunOptions,
    pub(crate) inputs: Inputs,
    pub(crate) display: Display,
    pub(crate) results: ResultsPlan,
    /// The page that is written about it; `None` if none is wanted.
    pub(crate) page: Option<PagePlan>,
    /// The file that gets a line for each request, item and event.
    pub(crate) log_file: Option<PathBuf>,
    pub(crate) metrics: MetricsPlan,
    /// Who reads the file that goes to standard output.
    pub(crate) reader: Option<Reader>,
    /// Where its cookies are written.
    pub(crate) cookie_file: Option<CookieFile>,
    /// What is said before it begins, each a line.
    pub(crate) notes: Vec<String>,
    /// What to say even with --quiet: a promise that cannot be kept.
    pub(crate) warnings: Vec<String>,
    /// What becomes of it while another run keeps it out.
    pub(crate) when_busy: WhenBusy,
}

/// What a run and its engine are told, apart from where the rows come from and the files go.
pub(crate) struct Basis {
    pub(crate) engine: EngineOptions,
    pub(crate) options: RunOptions,
    /// What is said before it begins, each a line.
    pub(crate) notes: Vec<String>,
    /// What to say even with --quiet: a promise that cannot be kept.
    pub(crate) warnings: Vec<String>,
}

impl Basis {
    /// Decides what was left open, with what is configured for some hosts.
    ///
    /// # Errors
    /// When something cannot be used, or be read.
    pub(crate) fn new(
        download: &Download,
        hosts: &[HostSection],
        given_as: GivenAs,
    ) -> Result<Self, Problem> {
        let mut options = options(download, given_as)?;
        let skipped = cookies::give(&mut options, download)?;
        options.hosts = config::hosts::options(hosts)?;
        options.route.proxies.hosts = config::hosts::proxies(hosts, download)?;
        options.route.proxy_tls = tls::proxy_options(download, &options.route.proxies)?;
        tls::read_files(&mut options.route, download)?;
        let mut engine = engine(download);
        engine.hosts = config::hosts::limits(hosts);
        let cookies = cookies::note(&options, download);
        let notes = skipped
            .into_iter()
            .chain(cookies)
            .chain(proxy::useless_exceptions(download, &options.route))
            .chain(proxy::unread_variable(download, &options.route));
        let notes = notes.filter(|_| !download.dry_run);
        let notes = notes.chain(logins::notes(&download.logins)).collect();
        let warnings = proxy::warning(&options.route).into_iter();
        let warnings = warnings.filter(|_| !download.dry_run).collect();
        Ok(Self {
            engine,
            options,
            notes,
            warnings,
        })
    }
}

impl Settings {
    /// Decides what was left open, with what is configured for some hosts.
    ///
    /// # Errors
    /// When something cannot be used, or be read.
    pub(crate) fn new(download: &Download, hosts: &[HostSection]) -> Result<Self, Problem> {
        let target = Target::of(download)?;
        let mut inputs = inputs(download, &target)?;
        let Basis {
            engine,
            mut options,
            mut notes,
            warnings,
        } = Basis::new(download, hosts, inputs.given_as)?;
        inputs.fetcher.set_options(&engine, &options);
        inputs.fetch_lists(&list_options(download))?;
        if !download.dry_run {
            notes.extend_from_slice(&inputs.notes);
        }
        let place = SaveTarget::of(&target);
        let (destination, reader) = target.open()?;
        options.on_complete = on_complete::of(
            download,
            &destination,
            engine.jobs,
            inputs.told_by(),
            &mut notes,
        )?;
        options.destination = destination;
        let Outputs {
            results,
            page,
            log_file,
            metrics,
            reserved,
        } = Outputs::of(download, &inputs, &place)?;
        options.reserved_names = reserved;
        options.samples = page.is_some();
        let to_output = |(target, _): &(ResultsTarget, Form)| *target == ResultsTarget::Output;
        let uses_stdout = reader.is_some() || results.targets.iter().any(to_output);
        let cookie_file = CookieFile::of(&options, download)?;
        let is_watched = log_file.is_some() || metrics.is_some();
        options.attempt_details = is_watched || download.verbose;
        Ok(Self {
            engine,
            options,
            cookie_file,
            inputs,
            display: display(download, Attended::now(uses_stdout)),
            results,
            page,
            log_file,
            metrics,
            reader,
            warnings,
            notes,
            when_busy: when_busy(download),
        })
    }

    /// Returns whether the command line is recorded, or shown in a report.
    pub(crate) fn shows_command(&self) -> bool {
        self.page.is_some() || self.options.state_dir == StateDir::Keep
    }

    /// Notes the command line, without what is secret: it is recorded, and shown in reports.
    pub(crate) fn name_command(&mut self, command: String) {
        if let Some(page) = &mut self.page {
            page.command.clone_from(&command);
        }
        self.options.command = command;
    }
}

/// Returns what the run does when its destination is in use.
pub(crate) fn when_busy(download: &Download) -> WhenBusy {
    if download.no_wait {
        WhenBusy::Fail
    } else {
        WhenBusy::Wait
    }
}

fn engine(download: &Download) -> EngineOptions {
    let mut options = EngineOptions::default();
    options.jobs = download.jobs;
    options.per_host = download.per_host;
    options.per_proxy = download.per_proxy;
    options.delay = download.delay.map(|delay| delay.0).unwrap_or_default();
    options.limit_rate = download.limit_rate.and_then(Rate::limit);
    options.limit_rate_per_host = download.limit_rate_per_host.and_then(Rate::limit);
    options
}

fn options(download: &Download, given_as: GivenAs) -> Result<RunOptions, Problem> {
    let mut options = RunOptions::new(&download.directory);
    options.split = download.split;
    options.min_split_size = download.min_split_size.0;
    options.retry.retries = download.retries;
    options.retry.max_time = download.retry_max_time.0;
    options.max_errors = if download.fail_early {
        Some(1)
    } else {
        download.max_errors
    };
    options.purpose = if download.dry_run {
        Purpose::Plan
    } else {
        Purpose::Download
    };
    options.connect_timeout = download.connect_timeout.0;
    options.timeout = download.timeout.0;
    options.lowest_speed = download.lowest_speed.0;
    options.robots = download.robots;
    options.max_time = download.max_time.map(|time| time.0);
    options.max_size = download.max_size.map(|size| size.0);
    options.max_redirects = download.max_redirects;
    options.plain_http = match (download.https_only, download.allow_downgrade) {
        (true, _) => PlainHttp::Never,
        (false, false) => PlainHttp::AsGiven,
        (false, true) => PlainHttp::Anywhere,
    };
    options.route.http = match (download.http1, download.http2_prior_knowledge) {
        (true, _) => HttpVersion::Http1,
        (false, false) => HttpVersion::Negotiated,
        (false, true) => HttpVersion::Http2PriorKnowledge,
    };
    options.route.resolve = download
        .resolve
        .iter()
        .map(|given| given.0.clone())
        .collect();
    options.route.addresses = match (download.ipv4, download.ipv6) {
        (true, _) => AddressFamily::Ipv4,
        (false, false) => AddressFamily::Any,
        (false, true) => AddressFamily::Ipv6,
    };
    options.route.public_only = download.public_only;
    options.route.interface.clone_from(&download.interface);
    options.user_agent = match download.user_agent.as_str() {
        "" => None,
        text => {
            Some(header_value(text).map_err(|why| Problem::usage(format!("--user-agent: {why}")))?)
        }
    };
    let is_replaced = |header: &Header| header.name == REFERER;
    if let Some(url) = download.referer.as_deref().filter(|url| !url.is_empty())
        && !download.headers.iter().any(is_replaced)
    {
        options.headers.insert(REFERER, referer(url)?);
    }
    for header in &download.headers {
        if header.name == USER_AGENT {
            options.user_agent = Some(header.value.clone());
        } else {
            let (name, value) = (header.name.clone(), header.value.clone());
            let added = options.headers.try_append(name, value);
            added.map_err(|_| Problem::usage("there are too many headers"))?;
        }
    }
    logins::read(&mut options, download)?;
    options.route.tls = tls::options(download)?;
    options.route.proxies = proxy::proxies(download)?;
    files(&mut options, download);
    options.state_dir = match given_as {
        GivenAs::Urls => StateDir::RemoveWhenDone,
        GivenAs::List => StateDir::Keep,
    };
    options.title = title(&download.inputs);
    Ok(options)
}

/// Returns the value of a `Referer` (RFC 9110 §10.1.3): a URL, of which the fragment is not sent.
///
/// # Errors
/// When it cannot be sent, or has a user, who would be told to the server.
fn referer(url: &str) -> Result<HeaderValue, Problem> {
    const OPTION: &str = "--referer";
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let what = format!("{OPTION}: leave the user and the password out of the URL");
        return Err(Problem::usage(what));
    }
    if url.ends_with(";auto") {
        let what = format!("{OPTION}: haul has no ;auto: it sends no Referer to other hosts");
        return Err(Problem::usage(what));
    }
    let url = url.split('#').next().unwrap_or_default();
    header_value(url).map_err(|why| Problem::usage(format!("{OPTION}: {why}")))
}

/// Returns a title for a run of lists, which is shown to runs that wait for it; empty if there are
/// no lists.
pub(crate) fn title(lists: &[PathBuf]) -> String {
    let Some(first) = lists.first() else {
        return String::new();
    };
    let first = if is_stdin(first) {
        "a list from its standard input".to_owned()
    } else {
        config::without_login(&first.display().to_string())
    };
    match lists.len() {
        1 => first,
        many => format!("{first} and {} more", many - 1),
    }
}

/// Sets the options about files: their names, what happens to existing ones, and the like.
fn files(options: &mut RunOptions, download: &Download) {
    options.file_names = if download.content_disposition {
        FileNames::FromServer
    } else {
        FileNames::FromUrl
    };
    options.portable_names = download.portable_names;
    options.layout = layout(download.layout);
    options.existing = match download.exists {
        Exists::Auto => Existing::Auto,
        Exists::Skip => Existing::Skip,
        Exists::Refresh => Existing::Refresh,
        Exists::Overwrite => Existing::Overwrite,
        Exists::Rename => Existing::Rename,
        Exists::Fail => Existing::Fail,
    };
    options.durability = match download.durability {
        args::Durability::None => Durability::None,
        args::Durability::Batch => Durability::Batch,
        args::Durability::Each => Durability::Each,
    };
    options.retry_failed = match download.retry_failed {
        args::RetryFailed::All => RetryFailed::All,
        args::RetryFailed::Transient => RetryFailed::Transient,
        args::RetryFailed::None => RetryFailed::None,
    };
    if download.compressed {
        options.content_encoding = ContentEncoding::Decode;
    }
    options.min_free = download.min_free.map(|size| size.0);
    options.hashes.clone_from(&download.hashes);
}

fn inputs(download: &Download, target: &Target) -> Result<Inputs, Problem> {
    if download.urls.is_empty() && download.inputs.is_empty() {
        return Err(Problem::usage("nothing to do: no URL was given")
            .hint("give one, or a list with -i FILE; haul --help says more"));
    }
    if let Some(argument) = download.urls.iter().find(|url| !url.contains("://")) {
        return Err(no_url(argument));
    }
    if let Some(quoted) = download
        .urls
        .iter()
        .find(|url| url.starts_with(['"', '\'']))
    {
        return Err(Problem::usage(format!("{quoted} has quotes around it"))
            .hint("leave out the quotes that are part of the URL"));
    }
    if let Some(other) = download.urls.iter().find(|url| has_other_scheme(url)) {
        Request::new(other)?;
    }
    if download.inputs.iter().filter(|path| is_stdin(path)).count() > 1 {
        return Err(Problem::usage(
            "standard input can be read only once: give -i - once",
        ));
    }
    target.check(download)?;
    check_checksums(download)?;
    let mut inputs = Inputs::new();
    for url in &download.urls {
        let pattern = if download.globoff {
            Pattern::literal(url)
        } else {
            Pattern::parse(url)?
        };
        if !download.checksums.is_empty() && pattern.len() != Some(1) {
            return Err(one_checksum("the URL is a pattern that stands for several"));
        }
        let pattern = match target {
            Target::File { name, .. } => pattern.output(name)?,
            Target::StandardOutput | Target::Device(_) if pattern.len() != Some(1) => {
                return Err(target::one_output(
                    download,
                    "the URL is a pattern that stands for several",
                ));
            }
            Target::Folder(_) | Target::StandardOutput | Target::Device(_) => pattern,
        };
        inputs.add_pattern(pattern, &download.checksums);
    }
    for path in &download.inputs {
        add_list(&mut inputs, path, download)?;
    }
    inputs.excerpt = Excerpt {
        shard: download.excerpt.shard,
        head: download.excerpt.head,
        sample: download.excerpt.sample,
    };
    Ok(inputs)
}

/// Adds the list at a path, as the options about lists say.
///
/// # Errors
/// When it cannot be opened, or is no list.
pub(crate) fn add_list(
    inputs: &mut Inputs,
    path: &Path,
    download: &Download,
) -> Result<(), Problem> {
    inputs.add_list(path, &list_options(download))
}

/// Returns how files are named.
pub(crate) fn layout(given: args::Layout) -> Layout {
    match given {
        args::Layout::Flat => Layout::Flat,
        args::Layout::Tree => Layout::Tree,
        args::Layout::Hashed => Layout::Hashed,
        args::Layout::Row => Layout::Row,
    }
}

/// Returns the format of a list; `None` if it is to be found out.
pub(crate) fn list_format(given: InputFormat) -> Option<ListFormat> {
    match given {
        InputFormat::Auto => None,
        InputFormat::Text => Some(ListFormat::Text),
        InputFormat::Checksums => Some(ListFormat::Checksums),
        InputFormat::Aria2 => Some(ListFormat::Aria2),
        InputFormat::Csv => Some(ListFormat::Csv),
        InputFormat::Jsonl => Some(ListFormat::Jsonl),
        InputFormat::Parquet => Some(ListFormat::Parquet),
        InputFormat::Arrow => Some(ListFormat::Arrow),
        InputFormat::Metalink => Some(ListFormat::Metalink),
        InputFormat::Sitemap => Some(ListFormat::Sitemap),
    }
}

/// Returns how the lists are read.
fn list_options(download: &Download) -> ListOptions {
    let columns = &download.columns;
    ListOptions {
        format: list_format(download.input_format),
        base_url: download.base_url.clone(),
        columns: Columns {
            url: columns.url_column.clone(),
            name: columns.name_column.clone(),
            checksum: columns.checksum_column.clone(),
            size: columns.size_column.clone(),
            headers: columns
                .header_columns
                .iter()
                .map(|HeaderColumn { header, column }| (header.clone(), column.clone()))
                .collect(),
        },
        delimiter: columns.delimiter.map(|Delimiter(byte)| byte),
        carries: !download.results.is_empty(),
        location: download.metalink_location.clone(),
    }
}

/// Returns whether a URL is for something else than HTTP, such as `ftp://`. A pattern may stand in
/// the scheme.
fn has_other_scheme(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_http = |name: &str| scheme.eq_ignore_ascii_case(name);
    !scheme.is_empty() && scheme.bytes().all(is_name) && !is_http("http") && !is_http("https")
}

/// Checks that `--checksum` is given for a single URL, and once at most for each algorithm.
fn check_checksums(download: &Download) -> Result<(), Problem> {
    if download.checksums.is_empty() {
        return Ok(());
    }
    if !download.inputs.is_empty() {
        return Err(one_checksum("there is a list"));
    }
    if download.urls.len() > 1 {
        return Err(one_checksum("there are several"));
    }
    check_algorithms(&download.checksums)
}

/// Checks that there is one checksum at most for each algorithm.
pub(crate) fn check_algorithms(checksums: &[Checksum]) -> Result<(), Problem> {
    let twice = |checksum: &&Checksum| {
        let same = |other: &&Checksum| other.algorithm() == checksum.algorithm();
        checksums.iter().filter(same).count() > 1
    };
    match checksums.iter().find(twice) {
        Some(checksum) => Err(Problem::usage(format!(
            "--checksum was given twice for {}; leave the right one",
            checksum.algorithm()
        ))),
        None => Ok(()),
    }
}

fn one_checksum(but: &str) -> Problem {
    Problem::usage(format!("--checksum is for the file of one URL, and {but}"))
        .hint("in a list, after each URL and a tab, sha256=HEX does that")
}

/// Returns the problem of an argument that is neither a URL nor a subcommand. Most likely it is a
/// URL without its scheme, or a list.
fn no_url(argument: &str) -> Problem {
    let (scheme, rest) = split_scheme(argument);
    let host = without_login(rest);
    let shown = if host == rest { argument } else { host };
    let problem = Problem::usage(format!("{shown} is not a URL: it has no ://"));
    if Path::new(argument).exists() {
        problem.hint(format!(
            "there is a file of that name; to read URLs from it: -i {argument}"
        ))
    } else if argument == "help" {
        problem.hint("did you mean haul --help?")
    } else if Arguments::command().find_subcommand(argument).is_some() {
        problem.hint(format!(
            "a command comes first, and its options after it: haul {argument}"
        ))
    } else {
        problem.hint(format!("did you mean {scheme}://{host}?"))
    }
}

/// Splits what should have been a URL into its scheme and the rest: `http:/host` and `https//host`
/// are typing errors.
fn split_scheme(argument: &str) -> (&str, &str) {
    for scheme in ["https", "http"] {
        let rest = argument.strip_prefix(scheme);
        if let Some(rest) = rest.filter(|rest| rest.starts_with([':', '/'])) {
            return (scheme, rest.trim_start_matches([':', '/']));
        }
    }
    ("https", argument.trim_start_matches('/'))
}

/// Returns a host and path without the name and password before them, which messages do not repeat.
/// A password may hold anything; an `@` after a `/` alone belongs to a path.
fn without_login(text: &str) -> &str {
    match text.rfind('@') {
        Some(at) if text[..at].contains(':') || !text[..at].contains('/') => &text[at + 1..],
        _ => text,
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether somebody looks at a bar, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attended {
    Yes,
    No,
}

impl Attended {
    /// Returns `Yes` if a progress bar can be shown now: standard error is a terminal that can move
    /// its cursor, and nothing else is written to a terminal: neither files (`uses_stdout`) nor
    /// what `RUST_LOG` asks for.
    pub(crate) fn now(uses_stdout: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        let shared = uses_stdout && std::io::stdout().is_terminal();
        let shared = shared || trace::is_wanted();
        if std::io::stderr().is_terminal() && !dumb && !shared {
            Self::Yes
        } else {
            Self::No
        }
    }
}

fn display(download: &Download, attended: Attended) -> Display {
    let volume = match (download.quiet, download.verbose) {
        (true, _) => Volume::Quiet,
        (false, true) => Volume::Verbose,
        (false, false) => Volume::Normal,
    };
    let detail = Detail {
        items: match download.progress {
            Progress::Plain => Items::All {
                at_once: download.jobs,
            },
            Progress::Files => Items::Ended,
            Progress::Auto | Progress::Bar | Progress::Json | Progress::None => Items::Failures,
        },
        volume,
    };
    match download.progress {
        Progress::Json => Display::Json(volume),
        Progress::Plain | Progress::None => Display::Lines(detail),
        Progress::Auto | Progress::Bar | Progress::Files => match (volume, attended) {
            (Volume::Quiet, _) => Display::Lines(detail),
            (_, Attended::Yes) => Display::Bar(detail),
            (_, Attended::No) => Display::Status(detail),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::num::NonZeroU64;

    use haulage::{Algorithm, Destination, Roots, Verification};

    use super::*;
    use crate::command_line;

    fn download(line: &str) -> Download {
        let words = std::iter::once("haul").chain(line.split(' '));
        command_line::parse(words.map(OsString::from))
            .unwrap()
            .download
    }

    fn refusal(line: &str) -> String {
        let download = download(line);
        let refused = Target::of(&download).and_then(|target| inputs(&download, &target));
        let Err(problem) = refused else {
            panic!("{line} was taken");
        };
        format!("{problem}; {}", problem.hint.as_deref().unwrap_or_default())
    }

    #[test]
    fn every_option_arrives() {
        let line = "http://a/ -d x -j 3 --per-host 2 --delay 1.5 --robots --limit-rate 5M --limit-rate-per-host 500K --retries 1 --retry-max-time 3m --connect-timeout 1 --timeout 2m --max-redirects 4 \
                    --lowest-speed 2K/s --max-size 1G --max-time 1h \
                    --https-only --http1.1 --resolve a:80:10.0.0.1 --resolve *:80:::1 -4 --public-only --interface eth0 \
                    -H X:1 -H X:2 -A me -u a:b --cacert ca.pem -k --exists overwrite --layout tree --hash md5 --hash BLAKE3 -x socks5h://p --per-proxy 5 --proxy-cacert p.pem --compressed --min-free 2G --no-wait --max-errors 7 --dry-run --content-disposition --portable-names";
        let engine = engine(&download(line));
        let options = options(&download(line), GivenAs::Urls).unwrap();
        assert!(matches!(&options.destination, Destination::Directory(path) if path == "x"));
        assert_eq!(
            (engine.jobs, engine.per_host, options.retry.retries),
            (3, Some(2), 1)
        );
        assert_eq!(
            (options.connect_timeout.as_secs(), options.timeout.as_secs()),
            (1, 120)
        );
        assert_eq!(options.retry.max_time.as_secs(), 180);
        assert_eq!(engine.per_proxy, Some(5));
        assert_eq!(engine.delay.as_millis(), 1500);
        assert!(options.robots);
        assert_eq!(engine.limit_rate, NonZeroU64::new(5 << 20));
        assert_eq!(engine.limit_rate_per_host, NonZeroU64::new(500 << 10));
        assert_eq!(options.max_errors, Some(7));
        assert_eq!(options.purpose, Purpose::Plan);
        assert_eq!(options.file_names, FileNames::FromServer);
        assert!(options.portable_names);
        assert_eq!(options.lowest_speed, 2048);
        assert_eq!(options.plain_http, PlainHttp::Never);
        assert_eq!(options.route.http, HttpVersion::Http1);
        assert_eq!(options.route.resolve.len(), 2);
        assert_eq!(options.route.addresses, AddressFamily::Ipv4);
        assert!(options.route.public_only);
        assert_eq!(options.route.interface.unwrap().to_string(), "eth0");
        assert_eq!(options.max_time.unwrap().as_secs(), 3600);
        assert_eq!(options.max_size, Some(1 << 30));
        assert_eq!(options.max_redirects, 4);
        assert_eq!(options.headers.get_all("x").iter().count(), 2);
        assert_eq!(options.user_agent.unwrap(), "me");
        assert_eq!(options.credentials.unwrap().user, b"a");
        assert_eq!(options.route.tls.roots, Roots::File("ca.pem".into()));
        assert_eq!(options.route.tls.verification, Verification::Insecure);
        assert!(options.route.proxies.http.is_some());
        let proxy_tls = tls::proxy_options(&download(line), &options.route.proxies).unwrap();
        assert_eq!(proxy_tls.roots, Roots::File("p.pem".into()));
        assert_eq!(options.layout, Layout::Tree);
        assert_eq!(options.existing, Existing::Overwrite);
        assert_eq!(options.content_encoding, ContentEncoding::Decode);
        assert_eq!(options.min_free, Some(2 << 30));
        assert_eq!(options.hashes, [Algorithm::Md5, Algorithm::Blake3]);
        assert_eq!(options.state_dir, StateDir::RemoveWhenDone);
    }

    #[test]
    fn run_of_lists_waits_for_another_one_unless_told_not_to() {
        let when_busy = |line: &str| Settings::new(&download(line), &[]).unwrap().when_busy;
        assert_eq!(when_busy("http://a/"), WhenBusy::Wait);
        assert_eq!(when_busy("http://a/ --no-wait"), WhenBusy::Fail);
        let lists = ["a.txt", "-", "b"].map(PathBuf::from);
        assert_eq!(title(&lists[..0]), "");
        assert_eq!(title(&lists[..1]), "a.txt");
        assert_eq!(title(&lists), "a.txt and 2 more");
        assert_eq!(title(&lists[1..2]), "a list from its standard input");
    }

    #[test]
    fn what_excludes_the_other_arrives_too() {
        let options = |line: &str| options(&download(line), GivenAs::Urls).unwrap();
        let plain_http = options("http://a/ --allow-downgrade").plain_http;
        assert_eq!(plain_http, PlainHttp::Anywhere);
        assert_eq!(options("http://a/").plain_http, PlainHttp::AsGiven);
        let http = options("http://a/ --http2-prior-knowledge").route.http;
        assert_eq!(http, HttpVersion::Http2PriorKnowledge);
        assert_eq!(options("http://a/").route.http, HttpVersion::Negotiated);
        let addresses = options("http://a/ -6").route.addresses;
        assert_eq!(addresses, AddressFamily::Ipv6);
        assert_eq!(options("http://a/").route.addresses, AddressFamily::Any);
        for (word, existing) in [
            ("auto", Existing::Auto),
            ("skip", Existing::Skip),
            ("refresh", Existing::Refresh),
            ("rename", Existing::Rename),
            ("fail", Existing::Fail),
        ] {
            let line = format!("http://a/ --exists {word}");
            assert_eq!(options(&line).existing, existing);
        }
    }

    #[test]
    fn the_user_agent_can_be_changed_and_left_out() {
        let agent = |line: &str| options(&download(line), GivenAs::List).unwrap().user_agent;
        assert_eq!(agent("http://a/").unwrap(), RunOptions::DEFAULT_USER_AGENT);
        assert_eq!(agent("http://a/ -H User-Agent:me").unwrap(), "me");
        assert_eq!(agent("http://a/ --user-agent="), None);
    }

    #[test]
    fn what_cannot_be_done_says_what_can() {
        for (line, says) in [
            ("example.org/a", "did you mean https://example.org/a?"),
            ("http:example.org/a", "did you mean http://example.org/a?"),
            ("u:se/cr@et@h/a", "did you mean https://h/a?"),
            ("http:/h/a", "did you mean http://h/a?"),
            ("https//h/a", "did you mean https://h/a?"),
            ("http:h/a", "did you mean http://h/a?"),
            ("me:pw@h/a", "did you mean https://h/a?"),
            ("http://a/ Cargo.toml", "-i Cargo.toml"),
            ("help", "haul --help"),
            ("-j 4 demo", "a command comes first"),
            ("-j 4", "nothing to do"),
            ("-i - -i -", "only once"),
            ("http://a/ http://b/ -o -", "give one URL"),
            ("http://a/{b,c} -o -", "give one URL"),
            ("-i Cargo.toml -o -", "-d DIR"),
            ("http://a/ -o - --results -", "--results FILE.jsonl"),
            ("http://a/ http://b/ -o x", "there are several"),
            ("http://a/ -i Cargo.toml -o x", "out=NAME"),
            (
                "-i Cargo.toml --base-url a/b",
                "--base-url: \"a/b\" is not a URL",
            ),
            (
                "-i Cargo.toml --input-format checksums",
                "--base-url URL says what the names",
            ),
            ("http://a/{b", "--globoff"),
            ("http://a/{b,c} --checksum crc32c=00000000", "sha256=HEX"),
            ("http://a/ http://b/ --checksum crc32c=00000000", "several"),
            ("-i Cargo.toml --checksum crc32c=00000000", "a list"),
            (
                "http://a/ --checksum crc32c=00000000 --checksum CRC32C=1a1a1a1a",
                "twice",
            ),
        ] {
            let refusal = refusal(line);
            assert!(refusal.contains(says), "{line}: {refusal}");
        }
    }

    #[test]
    fn a_bar_is_for_those_who_look() {
        let display = |line: &str, attended| display(&download(line), attended);
        assert!(matches!(
            display("http://a/", Attended::Yes),
            Display::Bar(_)
        ));
        for line in [
            "http://a/ -q",
            "http://a/ --progress none",
            "http://a/ --progress plain",
        ] {
            assert!(
                matches!(display(line, Attended::Yes), Display::Lines(_)),
                "{line}"
            );
        }
        for line in [
            "http://a/",
            "http://a/ --progress bar",
            "http://a/ --progress files",
        ] {
            let display = display(line, Attended::No);
            assert!(matches!(display, Display::Status(_)), "{line}");
        }
        for line in ["http://a/ -q", "http://a/ --progress none"] {
            let display = display(line, Attended::No);
            assert!(matches!(display, Display::Lines(_)), "{line}");
        }
        let files = Detail {
            items: Items::Ended,
            volume: Volume::Normal,
        };
        assert_eq!(
            display("http://a/ --progress files", Attended::Yes),
            Display::Bar(files)
        );
        assert!(matches!(
            display("http://a/ --progress json", Attended::Yes),
            Display::Json(_)
        ));
    }
}
