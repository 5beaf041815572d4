//! From aria2's options to what the engine is told about a download.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use haulage::{
    CookieJar, Credentials, Destination, Environment, Error, ErrorKind, Existing, FileNames,
    NoProxy, Priority, Proxy, Request, RetryFailed, RunOptions, StateDir, Verification,
};
use http::HeaderValue;
use http::header::REFERER;

use super::{Folders, Options, value};
use crate::queue::{Counts, Download, ListRun};

/// The options that hold for a download: its own, then those for all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effective<'a> {
    pub(crate) own: &'a Options,
    pub(crate) global: &'a Options,
}

/// What a run is made of.
#[derive(Debug)]
pub(crate) enum Plan {
    File(Box<FilePlan>),
    List(Box<ListPlan>),
}

/// What the engine is told about a file.
#[derive(Debug)]
pub(crate) struct FilePlan {
    pub(crate) options: RunOptions,
    pub(crate) request: Request,
    /// The file that its cookies are read from.
    pub(crate) cookies: Option<PathBuf>,
}

/// What is known of a list before it is opened.
#[derive(Debug, Clone)]
pub(crate) struct ListPlan {
    /// Where its files go.
    pub(crate) folder: PathBuf,
    /// Options of `haul` that were given for it.
    pub(crate) options: Vec<(String, Option<String>)>,
    /// Names its run among all of the folder.
    pub(crate) title: String,
    /// How its rows have ended so far.
    pub(crate) counts: Counts,
    /// Whether rows that have failed are tried again.
    pub(crate) retries_failed: bool,
    pub(crate) priority: Priority,
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// Most requests in flight at once; 0 for no limit of its own.
    pub(crate) connections: u16,
    /// Whether only public addresses are connected to.
    pub(crate) public_only: bool,
    /// Whether servers name files; otherwise its options decide.
    pub(crate) names_from_server: bool,
}

/// How servers are reached, as far as an option says it.
#[derive(Debug, Clone)]
enum Through {
    Unsaid,
    /// Directly.
    Nothing,
    Proxy(Proxy),
}

impl Through {
    /// Returns what counts, if `all` is for all schemes: a proxy for one of them comes first.
    fn or(self, all: &Self) -> Self {
        match (&self, all) {
            (Self::Proxy(_), _) | (Self::Nothing, Self::Unsaid) => self,
            _ => all.clone(),
        }
    }
}

impl ListPlan {
    /// Adds what the daemon itself decides to the options of the list's run.
    pub(crate) fn complete(&self, options: &mut RunOptions) {
        options.destination = Destination::Directory(self.folder.clone());
        options.state_dir = StateDir::Keep;
        options.title.clone_from(&self.title);
        options.priority = self.priority;
        options.limit_rate = self.limit_rate.or(options.limit_rate);
        if self.connections > 0 {
            options.jobs = Some(self.connections.into());
        }
        options.route.public_only |= self.public_only;
        options.attempt_details = true;
        if self.names_from_server {
            options.file_names = FileNames::FromServer;
        }
        if self.retries_failed {
            options.retry_failed = RetryFailed::All;
        }
    }
}

impl FilePlan {
    /// Reads the cookies, which takes its time.
    ///
    /// # Errors
    /// Of kind `input`, when the file cannot be read, or is none of cookies.
    pub(crate) fn read_cookies(&mut self) -> Result<(), Error> {
        let Some(path) = &self.cookies else {
            return Ok(());
        };
        let text = std::fs::read(path).map_err(|cause| {
            let what = format!("the cookies cannot be read: {cause}");
            Error::new(ErrorKind::Input, what).caused_by(cause)
        })?;
        self.options.cookies = Some(CookieJar::parse_netscape(&text)?);
        Ok(())
    }
}

impl<'a> Effective<'a> {
    /// Returns the value of an option; `None` if it was not given.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.own.get(name).or_else(|| self.global.get(name))
    }

    fn is(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value == "true")
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Returns the limit of an option in bytes per second; `None` for none.
    pub(crate) fn rate(&self, name: &str) -> Option<NonZeroU64> {
        NonZeroU64::new(self.number(name)?)
    }

    /// Returns the folder that the file goes to, without a look at the disk.
    pub(crate) fn shown_folder(&self, folders: &Folders) -> PathBuf {
        match self.get("dir").filter(|dir| !dir.is_empty()) {
            Some(dir) => folders.default().join(dir),
            None => folders.default().to_owned(),
        }
    }

    /// Returns the folder that the file goes to.
    ///
    /// # Errors
    /// Of kind `refused`, if that is none that files may be saved to.
    pub(crate) fn folder(&self, folders: &Folders) -> Result<PathBuf, Error> {
        let dir = self.get("dir").unwrap_or_default();
        folders.resolve(dir).ok_or_else(|| outside(dir))
    }

    /// Returns what the engine is told about a download. `base` has what holds for all that is not
    /// given here.
    ///
    /// # Errors
    /// When the options, or the URLs, cannot be used.
    pub(crate) fn plan(
        &self,
        download: &Download,
        base: &RunOptions,
        folders: &Folders,
    ) -> Result<FilePlan, Error> {
        let mut options = base.clone();
        options.attempt_details = true;
        options.priority = urgency(download.priority);
        options.destination = Destination::Directory(self.folder(folders)?);
        options.state_dir = StateDir::RemoveWhenDone;
        if let Some(existing) = self.existing() {
            // What is there may be what an earlier run of this download has saved.
            let is_own = download.begun && matches!(existing, Existing::Rename | Existing::Fail);
            options.existing = if is_own { Existing::Auto } else { existing };
        }
        if let Some(server_times) = self.is("remote-time") {
            options.server_times = server_times;
        }
        options.limit_rate = self.rate("max-download-limit");
        self.split(&mut options, download.uris.len());
        self.times(&mut options);
        self.headers(&mut options)?;
        self.route(&mut options)?;
        if let Some(user) = self.get("http-user") {
            let password = self.get("http-passwd").unwrap_or_default();
            options.credentials = Some(Credentials::new(user, password));
        }
        let cookies = self.get("load-cookies").filter(|path| !path.is_empty());
        let cookies = cookies.map(|path| folders.resolve(path).ok_or_else(|| outside(path)));
        Ok(FilePlan {
            options,
            request: self.request(download)?,
            cookies: cookies.transpose()?,
        })
    }

    /// Returns what is known of a list before it is opened.
    ///
    /// # Errors
    /// Of kind `refused`, if its folder is none that files may be saved to.
    pub(crate) fn plan_list(
        &self,
        download: &Download,
        list: &ListRun,
        base: &RunOptions,
        folders: &Folders,
    ) -> Result<ListPlan, Error> {
        Ok(ListPlan {
            folder: self.folder(folders)?,
            options: list.options.clone(),
            title: download.title(),
            counts: list.counts,
            retries_failed: list.retries_failed,
            priority: urgency(download.priority),
            limit_rate: self.rate("max-download-limit"),
            connections: list.connections,
            public_only: base.route.public_only,
            names_from_server: base.file_names == FileNames::FromServer,
        })
    }

    /// Returns what is done with a file that is there; `None` if nothing is given about it.
    fn existing(&self) -> Option<Existing> {
        if self.is("conditional-get") == Some(true) {
            return Some(Existing::Refresh);
        }
        if self.is("allow-overwrite") == Some(true) {
            return Some(Existing::Overwrite);
        }
        if self.is("continue") == Some(true) {
            return Some(Existing::Auto);
        }
        self.is("auto-file-renaming").map(|renames| {
            if renames {
                Existing::Rename
            } else {
                Existing::Fail
            }
        })
    }

    fn split(&self, options: &mut RunOptions, uris: usize) {
        let number = |name| {
            self.number(name)
                .and_then(|number| usize::try_from(number).ok())
        };
        if let Some(split) = number("split") {
            options.split = split;
        }
        if let Some(connections) = number("max-connection-per-server") {
            options.split = options.split.min(connections.saturating_mul(uris.max(1)));
        }
        if let Some(size) = self.number("min-split-size") {
            options.min_split_size = size;
        }
    }

    fn times(&self, options: &mut RunOptions) {
        if let Some(tries) = self.number("max-tries") {
            let retries = tries.checked_sub(1).unwrap_or(u64::MAX);
            options.retry.retries = u32::try_from(retries).unwrap_or(u32::MAX);
        }
        if let Some(wait) = self.number("retry-wait") {
            options.retry.base = Duration::from_secs(wait);
            options.retry.cap = options.retry.cap.max(options.retry.base);
        }
        if let Some(time) = self.number("timeout") {
            options.timeout = Duration::from_secs(time);
        }
        if let Some(time) = self.number("connect-timeout") {
            options.connect_timeout = Duration::from_secs(time);
        }
        if let Some(speed) = self.number("lowest-speed-limit") {
            options.lowest_speed = speed;
        }
    }

    fn headers(&self, options: &mut RunOptions) -> Result<(), Error> {
        if let Some(agent) = self.get("user-agent") {
            let agent = HeaderValue::from_str(agent).map_err(|_| wrong("user-agent"))?;
            options.user_agent = (!agent.is_empty()).then_some(agent);
        }
        if let Some(referer) = self.get("referer") {
            let referer = HeaderValue::from_str(referer).map_err(|_| wrong("referer"))?;
            options.headers.insert(REFERER, referer);
        }
        let lines = self.get("header").unwrap_or_default();
        for (name, value) in value::headers(lines).map_err(|_| wrong("header"))? {
            options.headers.append(name, value);
        }
        Ok(())
    }

    fn route(&self, options: &mut RunOptions) -> Result<(), Error> {
        if self.is("check-certificate") == Some(false) {
            options.route.tls.verification = Verification::Insecure;
        }
        let all = self.proxy("all-proxy")?;
        let proxies = &mut options.route.proxies;
        for (name, proxy) in [
            ("http-proxy", &mut proxies.http),
            ("https-proxy", &mut proxies.https),
        ] {
            match self.proxy(name)?.or(&all) {
                Through::Unsaid => continue,
                Through::Nothing => {
                    *proxy = None;
                    options.route.environment = Environment::Ignored;
                }
                Through::Proxy(given) => *proxy = Some(given),
            }
            proxies.hosts.clear();
        }
        if let Some(hosts) = self.get("no-proxy") {
            options.route.proxies.bypass = NoProxy::parse(hosts);
        }
        Ok(())
    }

    /// Returns what an option says of proxies.
    fn proxy(&self, name: &str) -> Result<Through, Error> {
        let proxy = match self.get(name) {
            None => return Ok(Through::Unsaid),
            Some("") => return Ok(Through::Nothing),
            Some(proxy) => Proxy::parse(proxy)?,
        };
        let Some(user) = self.get(&format!("{name}-user")) else {
            return Ok(Through::Proxy(proxy));
        };
        let password = self.get(&format!("{name}-passwd")).unwrap_or_default();
        let proxy = proxy.with_credentials(Credentials::new(user, password))?;
        Ok(Through::Proxy(proxy))
    }

    fn request(&self, download: &Download) -> Result<Request, Error> {
        let (first, mirrors) = download
            .uris
            .split_first()
            .ok_or_else(|| Error::new(ErrorKind::Input, "there is no URL left"))?;
        let mut request = Request::new(first)?;
        for mirror in mirrors {
            // aria2 is given the same URL several times to open several connections.
            if mirror != first {
                request = request.mirror(mirror)?;
            }
        }
        if let Some(name) = self.get("out").filter(|name| !name.is_empty()) {
            request = request.named(name)?;
        }
        if let Some(size) = download.size {
            request = request.sized(size);
        }
        if let Some(pieces) = &download.pieces {
            request = request.pieces(pieces.clone());
        }
        if let Some(checksum) = self.get("checksum") {
            let checksum = value::checksum(checksum).map_err(|_| wrong("checksum"))?;
            request = request.checksum(checksum)?;
        }
        Ok(request)
    }
}

/// Returns what a priority means to the engine.
pub(crate) fn urgency(priority: i32) -> Priority {
    match priority {
        ..0 => Priority::Low,
        0 => Priority::Normal,
        1.. => Priority::High,
    }
}

pub(super) fn outside(path: &str) -> Error {
    let what = format!("{path:?} is no folder that the daemon may use; start it with --allow-dir");
    Error::new(ErrorKind::Refused, what)
}

fn wrong(name: &str) -> Error {
    Error::new(
        ErrorKind::Input,
        format!("the option {name} cannot be used"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Gid;

    fn plan(pairs: &[(&str, &str)], begun: bool) -> FilePlan {
        plan_after(pairs, begun, &RunOptions::new(""))
    }

    fn plan_after(pairs: &[(&str, &str)], begun: bool, base: &RunOptions) -> FilePlan {
        let mut own = Options::default();
        for (name, value) in pairs {
            own.set(name, value).unwrap();
        }
        let uris = ["http://h/a", "http://h/a", "http://i/a"].map(str::to_owned);
        let mut download = Download::new(Gid::new(1).unwrap(), uris.into(), own.clone());
        download.begun = begun;
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::new(folder.path(), &[]).unwrap();
        let effective = Effective {
            own: &own,
            global: &Options::default(),
        };
        effective.plan(&download, base, &folders).unwrap()
    }

    #[test]
    fn every_option_that_is_followed_arrives() {
        let options = plan(
            &[
                ("split", "9"),
                ("max-connection-per-server", "2"),
                ("min-split-size", "2M"),
                ("max-download-limit", "10K"),
                ("max-tries", "3"),
                ("retry-wait", "7"),
                ("timeout", "8"),
                ("connect-timeout", "9"),
                ("lowest-speed-limit", "1K"),
                ("user-agent", "me"),
                ("referer", "http://r/"),
                ("header", "A: b\nC: d"),
                ("all-proxy", "http://p:1"),
                ("all-proxy-user", "u"),
                ("http-user", "u"),
                ("http-passwd", "p"),
                ("check-certificate", "false"),
                ("load-cookies", "c.txt"),
                ("remote-time", "false"),
            ],
            false,
        );
        assert!(options.cookies.unwrap().ends_with("c.txt"));
        let options = options.options;
        assert_eq!((options.split, options.min_split_size), (6, 2 << 20));
        assert_eq!(options.limit_rate, NonZeroU64::new(10 << 10));
        assert_eq!(
            (options.retry.retries, options.retry.base.as_secs()),
            (2, 7)
        );
        assert_eq!(
            (options.timeout.as_secs(), options.connect_timeout.as_secs()),
            (8, 9)
        );
        assert_eq!(options.lowest_speed, 1024);
        assert!(!options.server_times);
        assert_eq!(options.user_agent.unwrap(), "me");
        assert_eq!(options.headers["referer"], "http://r/");
        assert_eq!(
            (&options.headers["a"], &options.headers["c"]),
            (
                &HeaderValue::from_static("b"),
                &HeaderValue::from_static("d")
            )
        );
        assert!(options.route.proxies.http.unwrap().has_credentials());
        assert_eq!(options.credentials.unwrap().password, b"p");
        assert_eq!(options.route.tls.verification, Verification::Insecure);
    }

    #[test]
    fn proxy_of_a_scheme_comes_before_that_of_all() {
        let proxy = |text| Some(Proxy::parse(text).unwrap());
        let (one, all) = (proxy("http://one:1"), proxy("http://all:2"));
        let base = proxy("http://base:3");
        let (of_http, of_https) = (("http-proxy", "one:1"), ("https-proxy", "one:1"));
        let of_all = ("all-proxy", "all:2");
        for (pairs, http, https) in [
            (&[][..], &base, &base),
            (&[of_all], &all, &all),
            (&[of_http], &one, &base),
            (&[of_https], &base, &one),
            (&[of_http, of_all], &one, &all),
            (&[of_https, of_all], &all, &one),
            (&[("http-proxy", ""), of_all], &all, &all),
            (&[("http-proxy", "")], &None, &base),
            (&[of_https, ("all-proxy", "")], &None, &one),
            (&[("all-proxy", "")], &None, &None),
        ] {
            let mut options = RunOptions::new("");
            let given = &mut options.route.proxies;
            (given.http, given.https) = (base.clone(), base.clone());
            given.bypass = NoProxy::parse("near");
            let planned = plan_after(pairs, false, &options).options.route.proxies;
            assert_eq!((&planned.http, &planned.https), (http, https), "{pairs:?}");
            assert_eq!(planned.bypass, NoProxy::parse("near"));
        }
        let pairs = [
            of_http,
            ("http-proxy-user", "u"),
            ("http-proxy-passwd", "p"),
        ];
        let proxies = plan(&pairs, false).options.route.proxies;
        assert!(proxies.http.unwrap().has_credentials() && proxies.https.is_none());
    }

    #[test]
    fn existing_file_is_dealt_with_as_the_options_say() {
        for (pairs, begun, existing) in [
            (&[][..], false, Existing::Auto),
            (&[("allow-overwrite", "true")], false, Existing::Overwrite),
            (&[("conditional-get", "true")], false, Existing::Refresh),
            (&[("continue", "true")], false, Existing::Auto),
            (&[("auto-file-renaming", "true")], false, Existing::Rename),
            (&[("auto-file-renaming", "true")], true, Existing::Auto),
            (&[("auto-file-renaming", "false")], false, Existing::Fail),
            (&[("auto-file-renaming", "false")], true, Existing::Auto),
        ] {
            assert_eq!(plan(pairs, begun).options.existing, existing, "{pairs:?}");
        }
    }
}
