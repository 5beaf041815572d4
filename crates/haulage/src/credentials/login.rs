//! Which login a request gets: pure. The one rule is that a login goes to the origin that it was
//! given for. The nearest to the row wins.
//!
//! | given | goes to |
//! |---|---|
//! | `Authorization` of the row | the origin of the URL as given |
//! | userinfo of a URL | its origin: that of a row, of a mirror, or of a redirect |
//! | `Authorization` for some hosts | these hosts |
//! | `Authorization` of the run, `-u`, a token | the origin of the URL as given |
//! | a machine of a netrc file | each origin whose host has that name (curl CVE-2024-11053) |
//! | the `default` of a netrc file | the origin of the URL as given |

use super::Credentials;
use super::bearer::BearerFile;
use super::netrc::Netrc;

/// What was given for a run, beside its headers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Logins {
    /// Its headers have an `Authorization`.
    pub(crate) has_header: bool,
    pub(crate) user: Option<Credentials>,
    pub(crate) bearer: Option<BearerFile>,
    pub(crate) netrc: Option<Netrc>,
}

/// Where a request goes, as far as logins are concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoginTarget<'a> {
    /// The host as its URL has it.
    pub(crate) host: &'a str,
    /// It is at the origin of the URL as given.
    pub(crate) at_home: bool,
    /// The userinfo of its URL.
    pub(crate) in_url: Option<&'a Credentials>,
    /// Its row has an `Authorization`.
    pub(crate) has_own_header: bool,
    /// An `Authorization` was given for its host.
    pub(crate) has_host_header: bool,
    /// The netrc that was given for its host, in place of that of its run.
    pub(crate) host_netrc: Option<&'a Netrc>,
}

/// What a request logs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login<'a> {
    /// Nothing was given for its origin.
    None,
    /// An `Authorization` that was given by hand.
    Header,
    /// A user and a password, and where they come from.
    Pair(&'a Credentials, Source),
    Bearer(&'a BearerFile),
}

/// Where a user and a password come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Url,
    /// [`RunOptions::credentials`](crate::RunOptions::credentials).
    User,
    Netrc,
}

/// Returns what a request logs in with. `logins` are those of its run, if there are any.
pub(crate) fn choose<'a>(logins: Option<&'a Logins>, target: LoginTarget<'a>) -> Login<'a> {
    if target.at_home && target.has_own_header {
        return Login::Header;
    }
    if target.in_url.is_none() && target.has_host_header {
        return Login::Header;
    }
    let of_run = logins.and_then(|logins| logins.netrc.as_ref());
    let netrc = target.host_netrc.or(of_run);
    if let Some(pair) = target.in_url {
        return with_password(pair, Source::Url, netrc, target.host);
    }
    if let Some(logins) = logins.filter(|_| target.at_home) {
        if logins.has_header {
            return Login::Header;
        }
        if let Some(pair) = &logins.user {
            return with_password(pair, Source::User, netrc, target.host);
        }
        if let Some(bearer) = &logins.bearer {
            return Login::Bearer(bearer);
        }
    }
    let found = netrc.and_then(|netrc| {
        let of_machine = netrc.of_machine(target.host, None);
        of_machine.or_else(|| netrc.default_login().filter(|_| target.at_home))
    });
    found.map_or(Login::None, |pair| Login::Pair(pair, Source::Netrc))
}

/// Returns a pair that was given. Without a password, that of a netrc entry of the same user is
/// taken, as curl does.
fn with_password<'a>(
    pair: &'a Credentials,
    source: Source,
    netrc: Option<&'a Netrc>,
    host: &str,
) -> Login<'a> {
    let netrc = netrc.filter(|_| pair.password.is_empty());
    match netrc.and_then(|netrc| netrc.of_machine(host, Some(&pair.user))) {
        Some(found) => Login::Pair(found, Source::Netrc),
        None => Login::Pair(pair, source),
    }
}

impl Logins {
    /// Returns whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

impl<'a> Login<'a> {
    /// Returns the user and the password, if it has them.
    pub(crate) fn credentials(self) -> Option<&'a Credentials> {
        match self {
            Self::Pair(credentials, _) => Some(credentials),
            Self::None | Self::Header | Self::Bearer(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(user: &str, password: &str) -> Credentials {
        Credentials {
            user: user.into(),
            password: password.into(),
        }
    }

    fn target(host: &str, at_home: bool) -> LoginTarget<'_> {
        LoginTarget {
            host,
            at_home,
            in_url: None,
            has_own_header: false,
            has_host_header: false,
            host_netrc: None,
        }
    }

    fn netrc() -> Netrc {
        let text = "machine h login n password np machine h login u password up \
                    default login d password dp";
        Netrc::parse(text).unwrap()
    }

    /// Returns the login that is chosen for a request, as a text.
    fn chosen(logins: &Logins, target: LoginTarget<'_>) -> String {
        match choose(Some(logins), target) {
            Login::Pair(pair, source) => {
                let text = [&pair.user[..], &pair.password].join(&b':');
                format!("{source:?} {}", String::from_utf8(text).unwrap())
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn nearest_to_the_row_wins() {
        let in_url = pair("x", "xp");
        let mut logins = Logins {
            has_header: true,
            user: Some(pair("u", "p")),
            bearer: None,
            netrc: Some(netrc()),
        };
        let mut at = target("h", true);
        (at.in_url, at.has_own_header) = (Some(&in_url), true);
        assert_eq!(chosen(&logins, at), "Header");
        at.has_own_header = false;
        assert_eq!(chosen(&logins, at), "Url x:xp");
        at.in_url = None;
        assert_eq!(chosen(&logins, at), "Header");
        logins.has_header = false;
        assert_eq!(chosen(&logins, at), "User u:p");
        logins.user = None;
        assert_eq!(chosen(&logins, at), "Netrc n:np");
        assert_eq!(chosen(&logins, target("g", true)), "Netrc d:dp");
        logins.netrc = None;
        assert_eq!(chosen(&logins, at), "None");
    }

    #[test]
    fn elsewhere_only_a_url_and_a_machine_count() {
        let in_url = pair("x", "xp");
        let logins = Logins {
            has_header: true,
            user: Some(pair("u", "p")),
            bearer: None,
            netrc: Some(netrc()),
        };
        let mut at = target("g", false);
        at.has_own_header = true;
        assert_eq!(chosen(&logins, at), "None", "not even the default");
        at.in_url = Some(&in_url);
        assert_eq!(chosen(&logins, at), "Url x:xp");
        assert_eq!(chosen(&logins, target("h", false)), "Netrc n:np");
    }

    #[test]
    fn netrc_and_header_of_a_host_count_before_those_of_the_run() {
        let own = Netrc::parse("machine h login own password op default login od password odp");
        let own = own.unwrap();
        let logins = Logins {
            netrc: Some(netrc()),
            ..Logins::default()
        };
        for (logins, at_home) in [(Some(&logins), true), (Some(&logins), false), (None, false)] {
            let mut at = target("h", at_home);
            at.host_netrc = Some(&own);
            let Login::Pair(pair, Source::Netrc) = choose(logins, at) else {
                panic!("no login");
            };
            assert_eq!(pair.user, b"own");
            at.has_host_header = true;
            assert_eq!(choose(logins, at), Login::Header);
            // The default entry is for the origin of the URL as given alone.
            let mut at = target("g", at_home);
            at.host_netrc = Some(&own);
            assert_eq!(choose(logins, at).credentials().is_some(), at_home);
        }
    }

    #[test]
    fn user_without_a_password_gets_that_of_the_netrc() {
        let logins = Logins {
            user: Some(pair("u", "")),
            netrc: Some(netrc()),
            ..Logins::default()
        };
        assert_eq!(chosen(&logins, target("h", true)), "Netrc u:up");
        assert_eq!(chosen(&logins, target("g", true)), "User u:");
        let in_url = pair("n", "");
        let mut at = target("h", false);
        at.in_url = Some(&in_url);
        assert_eq!(chosen(&logins, at), "Netrc n:np");
    }
}
