//! The address at which metrics are served.

use std::io;
use std::net::{TcpListener, ToSocketAddrs as _};
use std::str::FromStr;

use crate::exit::Problem;
use crate::report::format;

/// A name or an address, and a port, as in `127.0.0.1:9100`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetricsAddress(String);

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let what = "write a name or an address, and a port, as in 127.0.0.1:9100 or [::1]:9100";
        let (host, port) = text.rsplit_once(':').ok_or(what)?;
        let is_whole = !host.contains(':') || host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || !is_whole || port.parse::<u16>().is_err() {
            return Err(what.to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl MetricsAddress {
    /// Returns whether the system chooses the port.
    pub(super) fn is_any_port(&self) -> bool {
        let port = self.0.rsplit_once(':').map(|(_, port)| port.parse());
        port == Some(Ok(0_u16))
    }

    /// Listens at the address.
    ///
    /// # Errors
    /// When it is in use, or is none of this machine.
    pub(super) fn listen(&self) -> Result<TcpListener, Problem> {
        let listen = || {
            let addresses: Vec<_> = self.0.to_socket_addrs()?.collect();
            let listener = TcpListener::bind(&addresses[..])?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        listen().map_err(|cause: io::Error| {
            let why = match cause.kind() {
                io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
                _ => format::io(&cause),
            };
            let hint = "choose another port; port 0 stands for any free one";
            Problem::usage(format!("cannot serve metrics at {}: {why}", self.0)).hint(hint)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_has_a_host_and_a_port() {
        for text in ["127.0.0.1:0", "[::1]:9100", "localhost:9100", "0.0.0.0:1"] {
            assert_eq!(text.parse(), Ok(MetricsAddress(text.to_owned())));
        }
        for text in [
            "",
            "9100",
            ":9100",
            "::1:9100",
            "a:",
            "a:99999",
            "a:b",
            "http://a:1",
        ] {
            let address: Result<MetricsAddress, _> = text.parse();
            assert!(address.is_err(), "{text}");
        }
    }

    #[test]
    fn address_in_use_is_a_problem_of_the_command_line() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = MetricsAddress(taken.local_addr().unwrap().to_string());
        let problem = address.listen().unwrap_err();
        assert_eq!(problem.exit, crate::exit::Exit::Usage);
        assert!(problem.message.contains("another program listens there"));
    }
}
