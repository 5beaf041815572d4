//! What a 401 means for the user: what was refused, or which option would help. Pure. No secret is
//! part of it.

use super::challenge::Challenge;
use super::digest::DigestChallenge;
use super::login::{Login, Source};
use super::netrc::Netrc;

/// Where the request went that was answered with 401.
pub(crate) struct Refused<'a> {
    /// The host as its URL has it.
    pub(crate) host: &'a str,
    /// It is the origin of the URL as given.
    pub(crate) at_home: bool,
    /// The netrc that was given for the host.
    pub(crate) netrc: Option<&'a Netrc>,
    pub(crate) login: Login<'a>,
}

/// Returns what to say after a 401, in words that fit after a semicolon.
pub(crate) fn unauthorized(refused: &Refused<'_>, offered: &[Challenge]) -> String {
    let host = refused.host;
    let takes = Takes::of(offered);
    if let Some(unsupported) = takes.unsupported(offered) {
        return unsupported;
    }
    match refused.login {
        Login::None => takes.what_to_give(refused),
        Login::Header => "it refused the Authorization header that was given".to_owned(),
        Login::Bearer(_) if takes.pair && !takes.token => {
            "it takes no token: give a user and a password with -u USER or --netrc".to_owned()
        }
        Login::Bearer(bearer) => format!("it refused the token in {}", bearer.path().display()),
        Login::Pair(..) if DigestChallenge::best(offered).is_some_and(|best| best.is_stale) => {
            "each of its nonces had expired when it was used; a shorter --delay may help".to_owned()
        }
        Login::Pair(..) if takes.token && !takes.pair => {
            "it takes no user and password: give a token with --bearer-file FILE".to_owned()
        }
        Login::Pair(pair, Source::Url | Source::User)
            if pair.password.is_empty()
                && let Some(netrc) = refused.netrc =>
        {
            let file = netrc.shown();
            format!("no password was sent: {file} has no entry of this user for {host}")
        }
        Login::Pair(_, Source::Url) => "it refused the user and password of the URL".to_owned(),
        Login::Pair(_, Source::User) => {
            "it refused the user and password given with -u or --user-file".to_owned()
        }
        Login::Pair(_, Source::Netrc) => {
            let file = refused.netrc.map_or("the netrc file".into(), Netrc::shown);
            format!("it refused the user and password that {file} has for {host}")
        }
    }
}

/// Returns what to say of a user with a colon, which HTTP Basic cannot send (RFC 7617 §2).
pub(crate) fn colon_in_user(source: Source, host: &str, netrc: Option<&Netrc>) -> String {
    let user = match (source, netrc) {
        (Source::Url, _) => "the user in the URL".to_owned(),
        (Source::Netrc, Some(netrc)) => format!("the user for {host} in {}", netrc.shown()),
        (Source::User | Source::Netrc, _) => "the user".to_owned(),
    };
    format!("{user} has a colon; HTTP Basic needs one without")
}

/// What a server takes, as far as haul can give it.
struct Takes {
    pair: bool,
    token: bool,
}

impl Takes {
    fn of(offered: &[Challenge]) -> Self {
        let offers = |scheme| offered.iter().any(|one| one.is(scheme));
        Self {
            pair: offers("Basic") || DigestChallenge::best(offered).is_some(),
            token: offers("Bearer"),
        }
    }

    /// Returns what to say if nothing of what is offered is supported.
    fn unsupported(&self, offered: &[Challenge]) -> Option<String> {
        let first = offered.first().filter(|_| !self.pair && !self.token)?;
        Some(if first.is("Digest") {
            "it asks for Digest with an algorithm that haul does not support".to_owned()
        } else {
            let scheme: String = first.scheme.chars().take(40).collect();
            format!("it asks for {scheme} authentication, which haul does not support")
        })
    }

    /// Returns which option gives a login for a host that has none.
    fn what_to_give(&self, refused: &Refused<'_>) -> String {
        let host = refused.host;
        // What was given for the URL does not go elsewhere.
        match (refused.netrc.map(Netrc::shown), self.pair, self.token) {
            (Some(file), ..) if !refused.at_home => format!("no entry for {host} in {file}"),
            (None, ..) if !refused.at_home => {
                format!("{host} needs a login of its own: put one into ~/.netrc, and give --netrc")
            }
            (_, false, true) => "give a token with --bearer-file FILE".to_owned(),
            (Some(file), ..) => format!("no entry for {host} in {file}: add one, or give -u USER"),
            (None, true, false) => "give a user and a password with -u USER or --netrc".to_owned(),
            (None, ..) => "give -u USER, --netrc or --bearer-file FILE".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{Credentials, challenge};

    fn said(login: Login<'_>, at_home: bool, netrc: Option<&Netrc>, field: &str) -> String {
        let refused = Refused {
            host: "h.example",
            at_home,
            netrc,
            login,
        };
        unauthorized(&refused, &challenge::parse([field.as_bytes()]))
    }

    #[test]
    fn without_a_login_the_option_that_helps_is_named() {
        let none = Login::None;
        for (field, says) in [
            ("Basic realm=x", "a password with -u USER or --netrc"),
            ("Digest nonce=x", "a password with -u USER or --netrc"),
            ("Bearer", "--bearer-file FILE"),
            (
                "Bearer, Basic realm=x",
                "give -u USER, --netrc or --bearer-file FILE",
            ),
            ("", "give -u USER, --netrc or --bearer-file FILE"),
            (
                "Negotiate, NTLM",
                "asks for Negotiate authentication, which",
            ),
            (
                "Digest nonce=x, algorithm=X",
                "an algorithm that haul does not",
            ),
        ] {
            let said = said(none, true, None, field);
            assert!(said.contains(says), "{field}: {said}");
        }
        let elsewhere = said(none, false, None, "Basic realm=x");
        assert!(
            elsewhere.contains("h.example needs a login of its own"),
            "{elsewhere}"
        );
    }

    #[test]
    fn netrc_without_the_host_is_named() {
        let none = Login::None;
        let netrc = Netrc::default().with_path("/home/me/.netrc");
        let netrc = Some(&netrc);
        for (login, at_home, field, expected) in [
            (
                none,
                false,
                "Basic realm=x",
                "no entry for h.example in /home/me/.netrc",
            ),
            (
                none,
                true,
                "Basic realm=x",
                "no entry for h.example in /home/me/.netrc: add one, or give -u USER",
            ),
            (none, true, "Bearer", "give a token with --bearer-file FILE"),
            (
                Login::Pair(&Credentials::new("me", ""), Source::User),
                true,
                "",
                "no password was sent: /home/me/.netrc has no entry of this user for h.example",
            ),
        ] {
            assert_eq!(said(login, at_home, netrc, field), expected);
        }
        let unnamed = said(none, false, Some(&Netrc::default()), "");
        assert_eq!(unnamed, "no entry for h.example in the netrc file");
    }

    #[test]
    fn login_that_is_refused_is_named_by_its_source() {
        let secret = Credentials {
            user: "me".into(),
            password: "secret".into(),
        };
        for (login, field, says) in [
            (
                Login::Pair(&secret, Source::Url),
                "Basic realm=x",
                "of the URL",
            ),
            (
                Login::Pair(&secret, Source::User),
                "",
                "with -u or --user-file",
            ),
            (
                Login::Pair(&secret, Source::Netrc),
                "Digest nonce=x",
                "has for h.example",
            ),
            (
                Login::Pair(&secret, Source::User),
                "Bearer",
                "--bearer-file",
            ),
            (Login::Header, "Basic realm=x", "the Authorization header"),
            (Login::Header, "NTLM", "asks for NTLM"),
            (
                Login::Pair(&secret, Source::User),
                "Digest nonce=x, stale=true",
                "a shorter --delay",
            ),
        ] {
            let said = said(login, true, Some(&Netrc::default()), field);
            assert!(said.contains(says) && !said.contains("secret"), "{said}");
        }
    }
}
