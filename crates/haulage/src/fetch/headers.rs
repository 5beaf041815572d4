//! What a request says of us: pure decisions about headers and credentials.

use std::borrow::Cow;
use std::cmp::Reverse;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};

use super::origin;
use super::request_target::RequestTarget;
use crate::cookies::{self, CookieJar};
use crate::credentials::Credentials;
use crate::credentials::advice;
use crate::credentials::bearer::BearerFile;
use crate::credentials::login::{self, Login, Logins, Source};
use crate::credentials::netrc::Netrc;
use crate::error::{Error, ErrorKind};
use crate::http_url::HttpUrl;
use crate::options::{ContentEncoding, HostOptions, RunOptions};
use crate::plan::coding::ACCEPTED;

/// Headers that tell nothing about the user, so that any origin may have them. Whatever else was
/// given with `-H` stays with the origin of the URL as given: a list of what is secret would never
/// be complete (curl CVE-2018-1000007).
const HARMLESS: [HeaderName; 7] = [
    ACCEPT,
    ACCEPT_ENCODING,
    http::header::ACCEPT_LANGUAGE,
    http::header::CACHE_CONTROL,
    http::header::DNT,
    http::header::PRAGMA,
    USER_AGENT,
];

/// Returns whether a header of this name tells nothing about the user.
pub(crate) fn is_harmless(name: &HeaderName) -> bool {
    HARMLESS.contains(name)
}

/// The headers of every request of a run.
pub(crate) struct Headers {
    given: Given,
    /// For the origin of a URL as given.
    own: HeaderMap,
    /// For any other, where a redirect led; `None` if they are the same.
    elsewhere: Option<HeaderMap>,
    /// `None` if none were given.
    logins: Option<Box<Logins>>,
    /// For some hosts alone, those with the narrowest patterns first.
    hosts: Box<[HostOptions]>,
}

/// The options that headers are made from.
#[derive(PartialEq, Eq)]
struct Given {
    content_encoding: ContentEncoding,
    user_agent: Option<HeaderValue>,
    credentials: Option<Credentials>,
    headers: HeaderMap,
    bearer: Option<BearerFile>,
    netrc: Option<Netrc>,
    hosts: Vec<HostOptions>,
}

impl Given {
    fn of(options: &RunOptions) -> Self {
        Self {
            content_encoding: options.content_encoding,
            user_agent: options.user_agent.clone(),
            credentials: options.credentials.clone(),
            headers: options.headers.clone(),
            bearer: options.bearer.clone(),
            netrc: options.netrc.clone(),
            hosts: options.hosts.clone(),
        }
    }
}

impl Headers {
    /// Returns whether they are those of a run with these options.
    pub(crate) fn are_of(&self, options: &RunOptions) -> bool {
        self.given == Given::of(options)
    }

    pub(crate) fn new(options: &RunOptions) -> Result<Self, Error> {
        let mut own = HeaderMap::new();
        own.insert(ACCEPT, HeaderValue::from_static("*/*"));
        if options.content_encoding == ContentEncoding::Decode {
            own.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
        }
        if let Some(agent) = &options.user_agent {
            own.insert(USER_AGENT, agent.clone());
        }
        if let Some(credentials) = &options.credentials {
            own.insert(AUTHORIZATION, basic(credentials)?);
        }
        // What is given by hand replaces what is ours, and may itself be given twice.
        for name in options.headers.keys() {
            own.remove(name);
        }
        own.extend(options.headers.clone());
        if own.contains_key(COOKIE)
            && let Some(cookie) = cookies::join(own.get_all(COOKIE))
        {
            own.insert(COOKIE, cookie);
        }
        let is_harmless = |name: &HeaderName| HARMLESS.contains(name);
        let elsewhere = (!own.keys().all(is_harmless)).then(|| {
            let harmless = own.iter().filter(|(name, _)| is_harmless(name));
            let harmless = harmless.map(|(name, value)| (name.clone(), value.clone()));
            harmless.collect()
        });
        let logins = Logins {
            has_header: options.headers.contains_key(AUTHORIZATION),
            user: options.credentials.clone(),
            bearer: options.bearer.clone(),
            netrc: options.netrc.clone(),
        };
        let says_something = |host: &&HostOptions| !host.headers.is_empty() || host.netrc.is_some();
        let mut hosts: Vec<_> = options
            .hosts
            .iter()
            .filter(says_something)
            .cloned()
            .collect();
        hosts.sort_by_key(|host| Reverse(host.hosts.rank()));
        Ok(Self {
            given: Given::of(options),
            own,
            elsewhere,
            logins: (!logins.are_none()).then(|| Box::new(logins)),
            hosts: hosts.into(),
        })
    }

    /// Returns the headers that are for the host of a URL alone; `None` if there are none.
    fn of_host(&self, url: &HttpUrl) -> Option<Cow<'_, HeaderMap>> {
        let mut matching = self.hosts.iter().filter(|host| host.hosts.matches(url));
        let mut headers = Cow::Borrowed(&matching.next()?.headers);
        for wider in matching {
            let added: Vec<_> = wider
                .headers
                .iter()
                .filter(|(name, _)| !headers.contains_key(*name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            for (name, value) in added {
                headers.to_mut().append(name, value);
            }
        }
        Some(headers)
    }

    /// Returns the file with the run's token, if there is one.
    pub(crate) fn bearer(&self) -> Option<&BearerFile> {
        self.logins.as_ref()?.bearer.as_ref()
    }

    /// Returns the netrc that was given for the host of a request.
    pub(crate) fn netrc(&self, target: &RequestTarget<'_>) -> Option<&Netrc> {
        let of_run = || self.logins.as_ref()?.netrc.as_ref();
        self.netrc_of_host(target.url()).or_else(of_run)
    }

    /// Returns the netrc that was given for the host of a URL alone.
    fn netrc_of_host(&self, url: &HttpUrl) -> Option<&Netrc> {
        let mut matching = self.hosts.iter().filter(|host| host.hosts.matches(url));
        matching.find_map(|host| host.netrc.as_ref())
    }

    /// Returns what a request for `target` logs in with.
    pub(crate) fn login<'a>(&'a self, target: &RequestTarget<'a>) -> Login<'a> {
        let of_run = self.logins.is_some() || !self.hosts.is_empty();
        if !of_run && !target.may_have_login() {
            return Login::None;
        }
        let (at_home, in_url) = place(target);
        let place = login::LoginTarget {
            host: target.url().host_and_port().0,
            at_home,
            in_url,
            has_own_header: target
                .headers
                .is_some_and(|headers| headers.contains_key(AUTHORIZATION)),
            host_netrc: self.netrc_of_host(target.url()),
            has_host_header: self
                .of_host(target.url())
                .is_some_and(|headers| headers.contains_key(AUTHORIZATION)),
        };
        login::choose(self.logins.as_deref(), place)
    }

    /// Returns the headers of a request at `host` for `target`, which logs in with `login`.
    /// `authorization` takes the place of what that would send, such as the response to a Digest
    /// challenge; `conditions` are those of this request alone.
    ///
    /// # Errors
    /// Of kind `input`, for credentials that cannot be sent.
    pub(crate) fn of<'a>(
        &'a self,
        host: &'a HeaderValue,
        target: &RequestTarget<'a>,
        conditions: &'a HeaderMap,
        login: Login<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<RequestHeaders<'a>, Error> {
        let (at_home, _) = place(target);
        let authorization = match (authorization, login) {
            (Some(authorization), _) => Some(authorization),
            // Those of the run are in its headers.
            (None, Login::None | Login::Header | Login::Pair(_, Source::User)) => None,
            (None, Login::Pair(pair, source)) if pair.user.contains(&b':') => {
                let (host, _) = target.url().host_and_port();
                let what = advice::colon_in_user(source, host, self.netrc(target));
                return Err(Error::new(ErrorKind::Input, what));
            }
            (None, Login::Pair(pair, Source::Url | Source::Netrc)) => Some(basic(pair)?),
            (None, Login::Bearer(bearer)) => Some(bearer.value()),
        };
        Ok(RequestHeaders {
            host,
            common: match &self.elsewhere {
                Some(elsewhere) if !at_home => elsewhere,
                _ => &self.own,
            },
            of_host: self.of_host(target.url()),
            given: target.headers,
            at_home,
            authorization,
            cookie: None,
            conditions,
        })
    }
}

/// Returns whether a request goes to the origin of the URL as given, and the userinfo that was
/// given for where it goes.
pub(crate) fn place<'a>(target: &RequestTarget<'a>) -> (bool, Option<&'a Credentials>) {
    match target.hop {
        None => (true, target.credentials),
        Some(hop) => {
            let at_home = origin::key(&hop.url) == origin::key(target.given);
            let given = target.credentials.filter(|_| at_home);
            (at_home, hop.credentials.as_ref().or(given))
        }
    }
}

/// The headers of one request. What is more its own takes the place of what is less.
pub(crate) struct RequestHeaders<'a> {
    host: &'a HeaderValue,
    common: &'a HeaderMap,
    /// For its host alone.
    of_host: Option<Cow<'a, HeaderMap>>,
    /// Given for its row alone.
    given: Option<&'a HeaderMap>,
    /// It goes to the origin of the URL as given.
    at_home: bool,
    authorization: Option<HeaderValue>,
    /// All cookies, those given by hand too; `None` if no jar has any.
    cookie: Option<HeaderValue>,
    conditions: &'a HeaderMap,
}

impl RequestHeaders<'_> {
    /// Adds the cookies that a jar has for this URL.
    pub(crate) fn add_cookies(&mut self, jar: &CookieJar, url: &HttpUrl) {
        let given = self.given.filter(|_| self.at_home);
        let by_hand = given.and_then(|given| given.get(COOKIE));
        let of_host = self.of_host.as_ref();
        let by_hand = by_hand.or_else(|| of_host?.get(COOKIE));
        let by_hand = by_hand.or_else(|| self.common.get(COOKIE));
        self.cookie = jar.cookie_for(url, by_hand);
    }

    pub(super) fn host(&self) -> &HeaderValue {
        self.host
    }

    /// Returns all header fields except `Host`.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let common = self.common.iter().filter(|(name, _)| {
            let is_replaced = self.is_replaced(name)
                || self.authorization.is_some() && *name == AUTHORIZATION
                || self.given.is_some_and(|given| given.contains_key(*name))
                || self
                    .of_host
                    .as_ref()
                    .is_some_and(|own| own.contains_key(*name));
            !is_replaced
        });
        let of_host = self.of_host.as_deref().into_iter().flatten();
        let of_host = of_host.filter(|(name, _)| {
            let is_replaced = self.is_replaced(name)
                || self.authorization.is_some() && *name == AUTHORIZATION
                || self.sends_given(name)
                    && self.given.is_some_and(|given| given.contains_key(*name));
            !is_replaced
        });
        let is_given = |name: &HeaderName| self.given.is_some_and(|own| own.contains_key(name));
        let authorization = self.authorization.iter().filter(move |_| {
            // Elsewhere it is that of a hop.
            !self.at_home || !is_given(&AUTHORIZATION)
        });
        let given = self
            .given
            .into_iter()
            .flatten()
            .filter(|(name, _)| self.sends_given(name) && !self.is_replaced(name));
        common
            .chain(of_host)
            .chain(given)
            .chain(authorization.map(|value| (&AUTHORIZATION, value)))
            .chain(self.cookie.iter().map(|value| (&COOKIE, value)))
            .chain(self.conditions)
    }

    /// Returns whether a header of its row may be sent where it goes.
    fn sends_given(&self, name: &HeaderName) -> bool {
        self.at_home || HARMLESS.contains(name)
    }

    /// Returns whether what this request alone sends takes the place of a header.
    fn is_replaced(&self, name: &HeaderName) -> bool {
        *name == HOST
            || self.conditions.contains_key(name)
            || self.cookie.is_some() && *name == COOKIE
    }
}

/// Returns the `Host` header of requests to the origin of `url`. Callers that send it many requests
/// keep the value.
pub(crate) fn host(url: &HttpUrl) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(origin::authority(url)).map_err(|cause| {
        Error::new(ErrorKind::Input, format!("{url} has no usable host")).caused_by(cause)
    })
}

/// Returns the `Authorization` value of the Basic scheme (RFC 7617 §2), marked as sensitive. Fails
/// if the user name contains a colon.
pub(in crate::fetch) fn basic(credentials: &Credentials) -> Result<HeaderValue, Error> {
    if credentials.user.contains(&b':') {
        return Err(Error::new(
            ErrorKind::Input,
            "a user name cannot contain a colon",
        ));
    }
    let pair = [&credentials.user[..], &credentials.password].join(&b':');
    let text = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::from_str(&text).map_err(|cause| {
        Error::new(ErrorKind::Input, "these credentials cannot be sent").caused_by(cause)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::request_target::Hop;

    const ANY: HeaderValue = HeaderValue::from_static("any.example");

    /// Returns the headers of a request without conditions.
    fn of(
        headers: &Headers,
        given: &HttpUrl,
        hop: Option<(&HttpUrl, Option<&Credentials>)>,
        credentials: Option<&Credentials>,
    ) -> HeaderMap {
        let conditions = HeaderMap::new();
        let host = ANY;
        let hop = hop.map(|(url, credentials)| Hop {
            url: url.clone(),
            credentials: credentials.cloned(),
            cookies: None,
            cookies_at_home: None,
        });
        let target = RequestTarget {
            given,
            credentials,
            headers: None,
            hop: hop.as_ref(),
        };
        let login = headers.login(&target);
        let of = headers.of(&host, &target, &conditions, login, None);
        let of = of.unwrap();
        assert_eq!(of.host(), ANY);
        let fields = of.fields();
        fields
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn url(text: &str) -> HttpUrl {
        HttpUrl::of(text)
    }

    fn secretive() -> Headers {
        let mut options = RunOptions::new(".");
        options.credentials = Some(Credentials {
            user: "me".into(),
            password: "secret".into(),
        });
        options
            .headers
            .insert("x-api-key", HeaderValue::from_static("secret"));
        options
            .headers
            .insert(COOKIE, HeaderValue::from_static("secret"));
        options.headers.insert(
            http::header::ACCEPT_LANGUAGE,
            HeaderValue::from_static("zh"),
        );
        Headers::new(&options).unwrap()
    }

    #[test]
    fn secrets_go_to_the_origin_of_the_url_as_given() {
        let headers = of(&secretive(), &url("http://a.example/x"), None, None);
        assert_eq!(headers[AUTHORIZATION], "Basic bWU6c2VjcmV0");
        assert_eq!(headers["x-api-key"], "secret");
        assert_eq!(headers[ACCEPT], "*/*");
    }

    #[test]
    fn another_scheme_host_or_port_gets_none_of_them() {
        let given = url("http://a.example/x");
        let own = Credentials {
            user: "u".into(),
            password: "p".into(),
        };
        for hop in [
            "https://a.example/x",
            "http://b.example/x",
            "http://a.example:81/x",
        ] {
            let headers = of(&secretive(), &given, Some((&url(hop), None)), Some(&own));
            for name in ["authorization", "cookie", "x-api-key"] {
                assert!(!headers.contains_key(name), "{hop} got {name}");
            }
            assert_eq!(headers["accept-language"], "zh");
            assert!(headers.contains_key(USER_AGENT));
        }
    }

    #[test]
    fn back_home_they_are_sent_again_and_a_url_brings_its_own() {
        let given = url("http://a.example/x");
        let home = url("http://a.example/y");
        let headers = of(&secretive(), &given, Some((&home, None)), None);
        assert!(headers.contains_key(AUTHORIZATION));
        let own = Credentials {
            user: "u".into(),
            password: "p".into(),
        };
        let headers = of(&secretive(), &given, None, Some(&own));
        assert_eq!(headers.get_all(AUTHORIZATION).iter().count(), 1);
        assert_eq!(headers[AUTHORIZATION], "Basic dTpw");
    }

    #[test]
    fn headers_of_a_host_go_there_at_any_hop_and_nowhere_else() {
        let mut options = RunOptions::new(".");
        options
            .headers
            .insert("x-api-key", HeaderValue::from_static("all"));
        for (hosts, fields) in [
            (
                "*.example",
                &[("x-api-key", "wide"), ("x-wide", "wide")][..],
            ),
            ("b.example", &[("x-api-key", "b"), ("authorization", "b")]),
        ] {
            let mut host = HostOptions::new(hosts.parse().unwrap());
            for (name, value) in fields {
                host.headers.append(*name, HeaderValue::from_static(value));
            }
            options.hosts.push(host);
        }
        let headers = Headers::new(&options).unwrap();
        let own = Credentials {
            user: "u".into(),
            password: "p".into(),
        };
        let (home, b, other) = (
            url("http://a.test/"),
            url("http://b.example/"),
            url("http://b.example:81/"),
        );
        let shown = |map: &HeaderMap| {
            ["x-api-key", "x-wide", "authorization"].map(|name| {
                let values: Vec<_> = map.get_all(name).iter().collect();
                assert!(values.len() < 2, "{name}: {values:?}");
                values
                    .first()
                    .map(|value| value.to_str().unwrap().to_owned())
            })
        };
        let some = |text: &str| Some(text.to_owned());
        let at_home = of(&headers, &home, None, None);
        assert_eq!(shown(&at_home), [some("all"), None, None]);
        let led_to = of(&headers, &home, Some((&b, None)), Some(&own));
        assert_eq!(shown(&led_to), [some("b"), some("wide"), some("b")]);
        let with_login = of(&headers, &b, None, Some(&own));
        let basic = some("Basic dTpw");
        assert_eq!(shown(&with_login), [some("b"), some("wide"), basic]);
        let elsewhere = of(&headers, &b, Some((&other, None)), None);
        assert_eq!(shown(&elsewhere), [None, None, None]);
    }

    #[test]
    fn what_is_given_by_hand_replaces_what_is_ours() {
        let mut options = RunOptions::new(".");
        options
            .headers
            .insert(USER_AGENT, HeaderValue::from_static("mine"));
        let headers = of(
            &Headers::new(&options).unwrap(),
            &url("http://a/"),
            None,
            None,
        );
        assert_eq!(
            headers.get_all(USER_AGENT).iter().collect::<Vec<_>>(),
            ["mine"]
        );
    }

    #[test]
    fn what_is_this_requests_own_replaces_what_is_everyones() {
        let mut options = RunOptions::new(".");
        for name in [HOST, http::header::RANGE, http::header::IF_MATCH] {
            options
                .headers
                .insert(name, HeaderValue::from_static("mine"));
        }
        let headers = Headers::new(&options).unwrap();
        let mut conditions = HeaderMap::new();
        conditions.insert(http::header::RANGE, HeaderValue::from_static("bytes=1-"));
        let given = url("http://a/");
        let host = ANY;
        let target = RequestTarget {
            given: &given,
            credentials: None,
            headers: None,
            hop: None,
        };
        let login = headers.login(&target);
        let of = headers.of(&host, &target, &conditions, login, None);
        let of = of.unwrap();
        let names = [HOST, http::header::RANGE, http::header::IF_MATCH];
        let found = names.map(|name| {
            let values = of.fields().filter(|(known, _)| **known == name);
            values
                .filter_map(|(_, value)| value.to_str().ok())
                .collect::<Vec<_>>()
        });
        assert_eq!(found, [vec![], vec!["bytes=1-"], vec!["mine"]]);
    }
}
