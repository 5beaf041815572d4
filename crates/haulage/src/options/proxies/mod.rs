//! Which proxy requests go through, if any.

mod no_proxy;
mod proxy;
mod useless;

pub use self::no_proxy::NoProxy;
pub use self::proxy::Proxy;
pub(crate) use self::proxy::{ProxyScheme, Socks};

use super::HostPattern;
use crate::error::Error;
use crate::fetch::origin::Origin;

/// The proxies of a [`Route`](super::Route); none by default.
///
/// ```
/// use haulage::{Proxies, Proxy, RunOptions};
///
/// # fn main() -> Result<(), haulage::Error> {
/// let mut options = RunOptions::new("downloads");
/// options.route.proxies = Proxies::all(Proxy::parse("socks5h://127.0.0.1:1080")?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proxies {
    /// For http URLs; `None` connects to their servers directly.
    pub http: Option<Proxy>,
    /// For https URLs.
    pub https: Option<Proxy>,
    /// Hosts that are connected to directly all the same.
    pub bypass: NoProxy,
    /// For some hosts alone, whatever else is said here; `None` connects to them directly. Where
    /// several patterns are for one host, the narrowest counts.
    pub hosts: Vec<(HostPattern, Option<Proxy>)>,
}

impl Proxies {
    /// Returns this proxy for all URLs.
    #[must_use]
    pub fn all(proxy: Proxy) -> Self {
        Self {
            http: Some(proxy.clone()),
            https: Some(proxy),
            ..Self::default()
        }
    }

    /// Reads the environment variables that curl reads, with a function that returns the value of
    /// one: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower case or, if that is
    /// not set, in upper case. An empty variable counts as one that is not set. `HTTP_PROXY` is
    /// never read: a CGI script's client sets it with a header (CVE-2016-5385).
    ///
    /// # Errors
    /// Of kind `input`, for a proxy that cannot be used.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let first = |names: &[&str]| {
            let set = names
                .iter()
                .filter_map(|name| Some((name, variable(name)?)));
            let (name, value) = set.into_iter().find(|(_, value)| !value.is_empty())?;
            Some(Proxy::parse(&value).map_err(|error| {
                let kind = error.kind();
                Error::new(kind, format!("{name}: {error}")).caused_by(error)
            }))
        };
        Ok(Self {
            http: first(&["http_proxy", "all_proxy", "ALL_PROXY"]).transpose()?,
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]).transpose()?,
            bypass: NoProxy::from_environment(&variable),
            hosts: Vec::new(),
        })
    }

    /// Adds what is not given here.
    pub(crate) fn add(&mut self, other: Self) {
        self.http = self.http.take().or(other.http);
        self.https = self.https.take().or(other.https);
        if self.bypass == NoProxy::default() {
            self.bypass = other.bypass;
        }
        self.hosts.extend(other.hosts);
    }

    /// Returns all proxies.
    pub fn iter(&self) -> impl Iterator<Item = &Proxy> {
        let of_hosts = self.hosts.iter().filter_map(|(_, proxy)| proxy.as_ref());
        self.http.iter().chain(&self.https).chain(of_hosts)
    }

    /// Returns whether all servers are connected to directly.
    pub(crate) fn is_none(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Returns the proxy for an origin; `None` where that is connected to directly.
    pub(crate) fn of(&self, origin: &Origin) -> Option<&Proxy> {
        let own = self
            .hosts
            .iter()
            .filter(|(hosts, _)| hosts.matches_origin(origin));
        if let Some((_, proxy)) = own.max_by_key(|(hosts, _)| hosts.rank()) {
            return proxy.as_ref();
        }
        let proxy = if origin.https {
            &self.https
        } else {
            &self.http
        };
        let proxy = proxy.as_ref()?;
        (!self.bypass.matches(&origin.host)).then_some(proxy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_url::HttpUrl;
    use crate::options::{Environment, Route};

    #[test]
    fn proxy_of_a_host_counts_more_than_all_others() {
        let mut proxies = Proxies::all(Proxy::parse("all").unwrap());
        proxies.bypass = NoProxy::parse("b.example");
        let own = |hosts: &str, proxy: Option<&str>| {
            (
                hosts.parse().unwrap(),
                proxy.map(|text| Proxy::parse(text).unwrap()),
            )
        };
        proxies.hosts = vec![
            own("*.example:*", Some("wide")),
            own("b.example", Some("narrow")),
            own("direct.example", None),
        ];
        for (url, expected) in [
            ("http://a/", "all:1080"),
            ("https://a.example:8443/", "wide:1080"),
            ("http://b.example/", "narrow:1080"),
            ("http://direct.example/", ""),
            ("http://direct.example:81/", "wide:1080"),
        ] {
            assert_eq!(chosen(&proxies, url), expected, "{url}");
        }
        proxies.hosts.remove(0);
        (proxies.http, proxies.https) = (None, None);
        assert!(!proxies.is_none());
        proxies.hosts.remove(0);
        assert!(proxies.is_none());
    }

    fn environment(set: &[(&str, &str)]) -> Result<Proxies, Error> {
        let value = |name: &str| {
            let set = set.iter().find(|(known, _)| *known == name);
            set.map(|(_, value)| (*value).to_owned())
        };
        Proxies::from_environment(value)
    }

    fn chosen(proxies: &Proxies, url: &str) -> String {
        let proxy = proxies.of(&Origin::of(&HttpUrl::of(url)));
        proxy.map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn environment_counts_only_if_it_is_to_be_read() {
        let variable = |name: &str| match name {
            "all_proxy" => Some("e:1".to_owned()),
            "no_proxy" => Some("n".to_owned()),
            _ => None,
        };
        let mut route = Route::default();
        route.read_environment(variable).unwrap();
        assert_eq!(route, Route::default());
        route.environment = Environment::Read;
        route.proxies.http = Some(Proxy::parse("own:1").unwrap());
        route.read_environment(variable).unwrap();
        for (url, expected) in [
            ("http://a/", "own:1"),
            ("https://a/", "e:1"),
            ("https://n/", ""),
        ] {
            assert_eq!(chosen(&route.proxies, url), expected, "{url}");
        }
        assert_eq!(route.environment, Environment::Ignored);
        route.environment = Environment::Read;
        let wrong = |_: &str| Some("ftp://p".to_owned());
        assert!(route.read_environment(wrong).is_err());
    }

    #[test]
    fn variables_are_read_as_curl_reads_them() {
        for (set, http, https) in [
            (&[][..], "", ""),
            (&[("http_proxy", "a")], "a:1080", ""),
            (&[("HTTP_PROXY", "a")], "", ""),
            (&[("https_proxy", "a:1"), ("HTTPS_PROXY", "b")], "", "a:1"),
            (&[("HTTPS_PROXY", "https://b")], "", "b:443"),
            (&[("all_proxy", "socks5h://c")], "c:1080", "c:1080"),
            (
                &[("ALL_PROXY", "c"), ("https_proxy", "d")],
                "c:1080",
                "d:1080",
            ),
            (
                &[("all_proxy", "c"), ("ALL_PROXY", "d")],
                "c:1080",
                "c:1080",
            ),
            // Empty is as good as not set.
            (
                &[("http_proxy", ""), ("all_proxy", "c")],
                "c:1080",
                "c:1080",
            ),
            (&[("no_proxy", "h"), ("all_proxy", "c")], "", ""),
            (&[("NO_PROXY", "*"), ("all_proxy", "c")], "", ""),
            (
                &[("no_proxy", "x"), ("NO_PROXY", "h"), ("http_proxy", "c")],
                "c:1080",
                "",
            ),
        ] {
            let proxies = environment(set).unwrap();
            assert_eq!(chosen(&proxies, "http://h/"), http, "{set:?}");
            assert_eq!(chosen(&proxies, "https://h/"), https, "{set:?}");
        }
        let refused = environment(&[("ALL_PROXY", "ftp://me:hush@c")]).unwrap_err();
        let says = refused.to_string();
        assert!(says.starts_with("ALL_PROXY: "), "{says}");
        assert!(!says.contains("hush"), "{says}");
    }
}
