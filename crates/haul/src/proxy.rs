//! Which proxies are used: those of the command line, else those of the environment.

use std::env;

use haulage::{Credentials, Environment, NoProxy, Proxies, Proxy, Route};

use crate::args::Download;
use crate::exit::Problem;
use crate::password::{self, At};
use crate::values::User;

/// Returns the proxies of a download.
pub(crate) fn proxies(download: &Download) -> Result<Proxies, Problem> {
    of(download, Environment::variable)
}

/// Returns the proxies of a run, from its options and from the environment, as curl does: `-x`
/// replaces the variables that name proxies, and `--noproxy` the one with exceptions,
/// independently. `-x ''` turns proxies off. Fails if a value cannot be used.
fn of(download: &Download, variable: impl Fn(&str) -> Option<String>) -> Result<Proxies, Problem> {
    let mut proxies = match download.proxy.as_deref() {
        None => Proxies::from_environment(&variable).map_err(|error| {
            Problem::usage(error.to_string()).hint("-x '' downloads without a proxy")
        })?,
        Some("") => Proxies::default(),
        // The value is not repeated: it may have a password in it.
        Some(text) => Proxies::all(
            Proxy::parse(text).map_err(|error| Problem::usage(format!("--proxy: {error}")))?,
        ),
    };
    proxies.bypass = match &download.noproxy {
        Some(list) => {
            if let Some(problem) = NoProxy::problems(list).first() {
                return Err(Problem::usage(format!("--noproxy: {problem}")));
            }
            NoProxy::parse(list)
        }
        None => NoProxy::from_environment(&variable),
    };
    if let Some(user) = &download.proxy_user {
        let credentials = credentials(user, download)?;
        for proxy in [&mut proxies.http, &mut proxies.https] {
            if let Some(known) = proxy.take_if(|proxy| !proxy.has_credentials()) {
                let with = known.with_credentials(credentials.clone());
                let refused = |error| Problem::usage(format!("--proxy-user: {error}"));
                *proxy = Some(with.map_err(refused)?);
            }
        }
    }
    Ok(proxies)
}

/// Returns the login for a proxy; asks for the password if there is none.
pub(crate) fn credentials(user: &User, download: &Download) -> Result<Credentials, Problem> {
    Ok(Credentials {
        user: user.name.clone(),
        password: match &user.password {
            Some(password) => password.clone(),
            // Nothing is sent.
            None if download.dry_run => Vec::new(),
            None => password::ask(&user.shown(), At::Proxy, None, download.prompt)?,
        },
    })
}

/// Returns what to say of entries of a variable with exceptions that have no effect.
pub(crate) fn useless_exceptions(download: &Download, route: &Route) -> Vec<String> {
    let proxies = &route.proxies;
    let has_none = proxies.http.is_none() && proxies.https.is_none();
    if download.noproxy.is_some() || has_none {
        return Vec::new();
    }
    let value = |name| {
        let value = env::var_os(name).filter(|value| !value.is_empty())?;
        Some((name, value.to_string_lossy().into_owned()))
    };
    let Some((name, list)) = ["no_proxy", "NO_PROXY"].into_iter().find_map(value) else {
        return Vec::new();
    };
    let problems = NoProxy::problems(&list).into_iter();
    problems
        .map(|problem| format!("{name}: {problem}"))
        .collect()
}

/// Returns what to say of a variable that is not read, though others like it are.
pub(crate) fn unread_variable(download: &Download, route: &Route) -> Option<String> {
    let is_set = || env::var_os("HTTP_PROXY").is_some_and(|value| !value.is_empty());
    let is_missed = download.proxy.is_none() && route.proxies.http.is_none() && is_set();
    is_missed.then(|| {
        "HTTP_PROXY is set, but haul reads only http_proxy, in lower case, as curl does".to_owned()
    })
}

/// Returns what to say where a proxy keeps `--public-only` from doing all that it promises.
pub(crate) fn warning(route: &Route) -> Option<String> {
    let mut proxies = route.proxies.iter();
    let proxy = proxies.find(|proxy| route.public_only && proxy.resolves_names())?;
    Some(format!(
        "--public-only cannot check the hosts that proxy {proxy} looks up; with socks5:// or socks4:// haul looks them up itself"
    ))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::command_line;

    fn chosen(words: &[&str], set: &[(&str, &str)]) -> Result<Proxies, Problem> {
        let words = ["haul", "http://a/"]
            .iter()
            .chain(words)
            .map(OsString::from);
        let download = command_line::parse(words).unwrap().download;
        of(&download, |name| {
            let set = set.iter().find(|(known, _)| *known == name);
            set.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn command_line_replaces_the_environment() {
        let set = [("http_proxy", "me:x@e:1"), ("no_proxy", "a")];
        let from_environment = Proxies::from_environment(|name| {
            let set = set.iter().find(|(known, _)| *known == name);
            set.map(|(_, value)| (*value).to_owned())
        });
        let from_environment = from_environment.unwrap();
        assert_eq!(chosen(&[], &set).unwrap(), from_environment);
        assert!(from_environment.https.is_none());

        let proxies = chosen(&["-x", "socks5h://o:2"], &set).unwrap();
        assert_eq!(proxies.http, Some(Proxy::parse("socks5h://o:2").unwrap()));
        assert_eq!(proxies.https, proxies.http);
        assert_eq!(proxies.bypass, NoProxy::parse("a"));

        let proxies = chosen(&["-x", "", "--noproxy", "b"], &set).unwrap();
        assert_eq!((proxies.http, proxies.https), (None, None));
        assert_eq!(proxies.bypass, NoProxy::parse("b"));
        assert_eq!(
            chosen(&["--noproxy="], &set).unwrap().bypass,
            NoProxy::default()
        );
    }

    #[test]
    fn proxy_user_is_for_proxies_without_one() {
        let set = [("http_proxy", "me:x@e:1"), ("https_proxy", "f:1")];
        let proxies = chosen(&["--proxy-user", "you:y"], &set).unwrap();
        assert_eq!(proxies.http, Some(Proxy::parse("me:x@e:1").unwrap()));
        assert_eq!(proxies.https, Some(Proxy::parse("you:y@f:1").unwrap()));
    }

    #[test]
    fn proxy_that_cannot_be_used_is_named_without_its_password() {
        for (words, set, says) in [
            (
                &["-x", "ftp://me:hush@p"][..],
                &[][..],
                "--proxy: the scheme",
            ),
            (&[], &[("ALL_PROXY", "me:hush@p:x")], "ALL_PROXY: the port"),
            (
                &["-x", "socks5://p", "--proxy-user", "me:hush\n"],
                &[],
                "--proxy-user: user and password",
            ),
        ] {
            let problem = chosen(words, set).unwrap_err().to_string();
            assert!(problem.starts_with(says), "{problem}");
            assert!(!problem.contains("hush"), "{problem}");
        }
        assert!(chosen(&["-x", ""], &[("ALL_PROXY", "p:x")]).is_ok());
    }
}
