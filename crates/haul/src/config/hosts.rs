//! Options for some hosts: the sections of the configuration file.
//!
//! What is given on the command line, or in the environment, counts more than a section.

use std::ffi::OsStr;
use std::fmt;

use clap::{Command, FromArgMatches as _};
use haulage::{HostLimits, HostOptions, HostPattern, Proxy};
use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, REFERER, USER_AGENT};

use super::effective::Level;
use super::file::Section;
use super::keys::Keys;
use super::setting::{Setting, Source, Value};
use super::{Configured, Typed, problem};
use crate::args::{Arguments, Download};
use crate::exit::Problem;
use crate::logins;
use crate::proxy;

/// Options that a section may have.
const OPTIONS: [&str; 7] = [
    "per-host",
    "delay",
    "header",
    "proxy",
    "proxy-user",
    "netrc",
    "netrc-file",
];

/// What a login of the command line, or of the environment, takes the place of in a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replaced {
    /// A header.
    Authorization,
    /// Each option about a netrc.
    Netrc,
}

/// All options that log in at servers.
const LOGINS: [(&str, Replaced); 6] = [
    ("user", Replaced::Authorization),
    ("user-file", Replaced::Authorization),
    ("bearer-file", Replaced::Authorization),
    ("netrc", Replaced::Netrc),
    ("netrc-optional", Replaced::Netrc),
    ("netrc-file", Replaced::Netrc),
];

/// What is different for some hosts.
pub(crate) struct HostSection {
    pub(super) hosts: HostPattern,
    pub(super) source: Source,
    pub(super) settings: Vec<Setting>,
    /// What its options are: of all others it has the defaults.
    options: Box<Download>,
}

impl fmt::Debug for HostSection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HostSection({}, …)", self.hosts)
    }
}

/// Checks the sections of a file, and leaves out what counts less than the command line and the
/// environment.
///
/// # Errors
/// One problem for each value that cannot be used.
pub(super) fn read(
    command: &mut Command,
    sections: Vec<Section>,
    typed: &Typed,
    configured: &Configured,
) -> Result<Vec<HostSection>, Vec<Problem>> {
    let mut read = Vec::new();
    let mut problems = Vec::new();
    let stronger = Stronger::than_a_file(&Keys::of(command), typed, configured)?;
    for section in sections {
        match HostSection::read(command, section, &stronger) {
            Ok(section) => read.push(section),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() {
        Ok(read)
    } else {
        Err(problems)
    }
}

impl HostSection {
    fn read(
        command: &mut Command,
        section: Section,
        stronger: &Stronger,
    ) -> Result<Self, Vec<Problem>> {
        let source = section.source;
        let hosts = section
            .hosts
            .parse::<HostPattern>()
            .map_err(|error| vec![Problem::usage(format!("{source}: {error}"))])?;
        let misplaced = section
            .settings
            .iter()
            .find(|setting| !OPTIONS.contains(&&*setting.key.long));
        if let Some(setting) = misplaced {
            let what = format!(
                "{}: \"{}\" is for all hosts",
                setting.source, setting.key.long
            );
            let hint = match &*setting.key.long {
                "user" | "user-file" | "bearer-file" => {
                    "a section has netrc-file, or header = \"Authorization: …\"; above the sections it is for all hosts".to_owned()
                }
                "cookie" => {
                    "a section has header = \"Cookie: …\"; above the sections it is for all hosts".to_owned()
                }
                _ => format!(
                    "put it above the sections; one for some hosts may have {}",
                    OPTIONS.join(", ")
                ),
            };
            return Err(vec![Problem::usage(what).hint(hint)]);
        }
        let has = |long: &str| {
            section
                .settings
                .iter()
                .any(|setting| setting.key.long == long)
        };
        if has("proxy-user") && !has("proxy") {
            let what = format!("{source}: \"proxy-user\" is for the proxy of the section");
            let hint = "give the section a proxy, or put proxy-user above the sections";
            return Err(vec![Problem::usage(what).hint(hint)]);
        }
        let mut settings = Level::check(command, section.settings)?.into_settings();
        settings.retain(|setting| !stronger.options.contains(&setting.key.long));
        for setting in &mut settings {
            if let ("header", Value::Texts(headers)) = (&*setting.key.long, &mut setting.value) {
                headers.retain(|header| !stronger.has_header(header));
            }
        }
        let words = std::iter::once("haul".into()).chain(settings.iter().flat_map(Setting::words));
        let words: Vec<_> = words.collect();
        let options = command
            .try_get_matches_from_mut(words)
            .and_then(|matches| Arguments::from_arg_matches(&matches))
            .map_err(|error| problem(&error))?
            .into_download();
        Ok(Self {
            hosts,
            source,
            settings,
            options: Box::new(options),
        })
    }
}

/// What counts more than a section.
struct Stronger {
    options: Vec<String>,
    headers: Vec<HeaderName>,
}

impl Stronger {
    fn than_a_file(
        keys: &Keys,
        typed: &Typed,
        configured: &Configured,
    ) -> Result<Self, Vec<Problem>> {
        let is_stronger = |long: &str| {
            let found = configured
                .settings
                .iter()
                .find(|setting| setting.key.long == long);
            match found {
                Some(setting) => matches!(setting.source, Source::Variable(_)),
                None => keys.iter().any(|key| key.long == long && typed.has(key)),
            }
        };
        let single = OPTIONS
            .into_iter()
            // What is given for another proxy is not for that of a section.
            .filter(|long| !matches!(*long, "header" | "proxy-user") && is_stronger(long));
        let mut options: Vec<_> = single.map(str::to_owned).collect();
        // What is given of a kind counts more than all of that kind here.
        let logs_in = |replaced| {
            let mut all = LOGINS.into_iter();
            all.any(|(long, known)| known == replaced && is_stronger(long))
        };
        if logs_in(Replaced::Netrc) {
            options.extend(["netrc", "netrc-file"].map(str::to_owned));
        }
        if ["proxy", "noproxy"].into_iter().any(is_stronger) {
            options.extend(["proxy", "proxy-user"].map(str::to_owned));
        }
        let mut headers = Vec::new();
        if is_stronger("header") {
            let given = Arguments::from_arg_matches(&typed.matches);
            let given = given.map_err(|error| problem(&error))?.into_download();
            headers.extend(given.headers.into_iter().map(|header| header.name));
        }
        headers.extend(logs_in(Replaced::Authorization).then_some(AUTHORIZATION));
        headers.extend(is_stronger("cookie").then_some(COOKIE));
        headers.extend(is_stronger("user-agent").then_some(USER_AGENT));
        headers.extend(is_stronger("referer").then_some(REFERER));
        Ok(Self { options, headers })
    }

    /// Returns whether there is a header with the name of this one, which is as it was written.
    fn has_header(&self, header: &OsStr) -> bool {
        let name = header_name(header);
        self.headers
            .iter()
            .any(|known| known.as_str().eq_ignore_ascii_case(&name))
    }
}

/// Returns the name of a header that is as it was written.
pub(super) fn header_name(header: &OsStr) -> String {
    let header = header.to_string_lossy();
    let name = header.split([':', ';']).next().unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

/// Returns what an engine may ask of the hosts of sections.
pub(crate) fn limits(sections: &[HostSection]) -> Vec<HostLimits> {
    let limits = sections.iter().map(|section| {
        let mut limits = HostLimits::new(section.hosts.clone());
        limits.per_host = section.options.per_host;
        limits.delay = section.options.delay.map(|delay| delay.0);
        limits
    });
    limits.collect()
}

/// Returns what a run sends to the hosts of sections.
///
/// # Errors
/// When a netrc file cannot be used.
pub(crate) fn options(sections: &[HostSection]) -> Result<Vec<HostOptions>, Problem> {
    let options = sections.iter().map(|section| {
        let mut options = HostOptions::new(section.hosts.clone());
        for header in &section.options.headers {
            let value = header.value.clone();
            let added = options.headers.try_append(header.name.clone(), value);
            added.map_err(|_| Problem::usage(format!("{}: too many headers", section.source)))?;
        }
        options.netrc = logins::netrc(&section.options.logins)
            .map_err(|problem| problem.in_context(&section.source.to_string()))?;
        Ok(options)
    });
    options.collect()
}

/// Returns the proxies of the hosts of sections; `None` for those that are connected to directly.
///
/// # Errors
/// When one cannot be used.
pub(crate) fn proxies(
    sections: &[HostSection],
    download: &Download,
) -> Result<Vec<(HostPattern, Option<Proxy>)>, Problem> {
    let mut proxies = Vec::new();
    for section in sections {
        match section.options.proxy.as_deref() {
            None => {}
            Some("") => proxies.push((section.hosts.clone(), None)),
            Some(text) => {
                let proxy = proxy(section, text, download)?;
                proxies.push((section.hosts.clone(), Some(proxy)));
            }
        }
    }
    Ok(proxies)
}

/// Returns the proxy of a section, with the section's login if it has none in its URL. That of all
/// other proxies is not meant for this one.
fn proxy(section: &HostSection, text: &str, download: &Download) -> Result<Proxy, Problem> {
    // The values are not repeated: they may have a password in them.
    let wrong = |key, error| Problem::usage(format!("{}: {key}: {error}", section.source));
    let proxy = Proxy::parse(text).map_err(|error| wrong("proxy", error))?;
    match &section.options.proxy_user {
        Some(user) if !proxy.has_credentials() => {
            let credentials = proxy::credentials(user, download)?;
            let with = proxy.with_credentials(credentials);
            with.map_err(|error| wrong("proxy-user", error))
        }
        _ => Ok(proxy),
    }
}
