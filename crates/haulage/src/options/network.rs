//! How the network is spoken to: which protocols, addresses and certificates are good enough.

use std::net::IpAddr;

use super::tls::{Identity, PemFile, PinnedKeys, TlsVersion};
use super::{Environment, Interface, Proxies};
use crate::error::{Error, ErrorKind};

/// How servers are reached. Connections are shared only by runs with equal routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// Which version of HTTP is spoken.
    pub http: HttpVersion,
    /// Addresses for names that are not to be looked up; of several for one name and port the last
    /// counts.
    pub resolve: Vec<Resolve>,
    /// Which addresses may be connected to.
    pub addresses: AddressFamily,
    /// Whether only addresses are connected to that are globally reachable by the registries of
    /// IANA. It holds for each connection, of redirects, mirrors and robots.txt too, for addresses
    /// in [`resolve`](Self::resolve) too, and for an IPv4 address in an IPv6 one (NAT64). An item
    /// whose host has no such address fails with the kind
    /// [`Refused`](crate::ErrorKind::Refused).
    pub public_only: bool,
    /// What connections are made from; `None` leaves that to the system.
    pub interface: Option<Interface>,
    /// Whom to trust.
    pub tls: TlsOptions,
    /// Which proxies requests go through.
    pub proxies: Proxies,
    /// Whether the variables of the environment count that name proxies.
    pub environment: Environment,
    /// Whom to trust where the connection to a proxy is itself encrypted.
    pub proxy_tls: TlsOptions,
}

impl Route {
    /// Reads the variables that count with a function that returns the value of one. Whatever they
    /// say, two routes that lead the same way are equal afterwards.
    ///
    /// # Errors
    /// Of kind `input`, for a proxy that cannot be used.
    pub(crate) fn read_environment(
        &mut self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(), Error> {
        match std::mem::take(&mut self.environment) {
            Environment::Ignored => Ok(()),
            Environment::Read => {
                self.proxies.add(Proxies::from_environment(variable)?);
                Ok(())
            }
        }
    }
}

/// Where plain http may be spoken, which anybody on the way can read and change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlainHttp {
    /// Nowhere: http URLs, and redirects to them, are refused.
    Never,
    /// Where a URL as given says so. A redirect from https to http is refused.
    #[default]
    AsGiven,
    /// Wherever a redirect leads, too.
    Anywhere,
}

/// Which version of HTTP is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpVersion {
    /// Over TLS what the server prefers of HTTP/2 and HTTP/1.1 (ALPN, RFC 7301), and HTTP/1.1
    /// without.
    #[default]
    Negotiated,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, with and without TLS (RFC 9113 §3.3). A server that does not speak it fails.
    Http2PriorKnowledge,
}

/// The addresses of a host, in place of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// As it stands in a URL; `None` for any.
    pub(crate) host: Option<Box<str>>,
    pub(crate) port: u16,
    pub(crate) addresses: Vec<IpAddr>,
}

impl Resolve {
    /// Creates an entry with the addresses of a host and port; the host `*` stands for any host
    /// that has no entry of its own.
    ///
    /// # Errors
    /// Of kind `input`, when this is no name of a host, or there is no address.
    pub fn new(host: &str, port: u16, addresses: Vec<IpAddr>) -> Result<Self, Error> {
        let refuse = |why: String| Error::new(ErrorKind::Input, why);
        if addresses.is_empty() {
            return Err(refuse(format!(
                "there is no address for {host:?}; give one"
            )));
        }
        let host = match host {
            "*" => None,
            // As in a URL: in lower case, and in ASCII.
            name => match url::Host::parse(name) {
                Ok(url::Host::Domain(name)) => Some(name.into_boxed_str()),
                Ok(_) => {
                    return Err(refuse(format!(
                        "{name:?} is an address already; write the name that is in the URL"
                    )));
                }
                Err(cause) => {
                    let error = refuse(format!("{name:?} is not the name of a host: {cause}"));
                    return Err(error.caused_by(cause));
                }
            },
        };
        Ok(Self {
            host,
            port,
            addresses,
        })
    }
}

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressFamily {
    /// All.
    #[default]
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

/// Whom to trust over TLS, and what to show to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// Which certificates may vouch for a server.
    pub roots: Roots,
    /// Whether they must.
    pub verification: Verification,
    /// The public keys that servers may have, whichever authority has signed their certificates;
    /// empty allows any. They count with [`Verification::Insecure`], too.
    pub pinned_keys: PinnedKeys,
    /// By which certificate servers that ask for one know us; `None` shows none.
    pub identity: Option<Identity>,
    /// The oldest version of TLS that is spoken; `None` is 1.2.
    pub min_version: Option<TlsVersion>,
    /// The newest version of TLS that is spoken; `None` is 1.3.
    pub max_version: Option<TlsVersion>,
}

/// Which certificates may vouch for a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roots {
    /// The system's; the ones built in where the system has none.
    #[default]
    System,
    /// Those in this PEM file, and no others. A server that presents exactly one of them is trusted
    /// too, even if it is self-signed, as long as its name and dates are right.
    File(PemFile),
    /// Those in these PEM files, and in folders of such files; otherwise as [`File`](Self::File).
    /// What is no certificate in a folder is passed over.
    Files(Vec<PemFile>),
    /// Those in the files of the system, which `SSL_CERT_FILE` and `SSL_CERT_DIR` name; otherwise
    /// as [`Files`](Self::Files). They are read when the first connection over TLS needs them,
    /// since they are many.
    SystemFiles(Vec<PemFile>),
}

/// Whether a server must prove who it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verification {
    /// It must.
    #[default]
    Full,
    /// It need not: anybody between here and there can read and change everything.
    Insecure,
}
