//! The local end of connections: an address or a network interface.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// Maximum bytes in the name of a network interface (`IFNAMSIZ` without the NUL, netdevice(7)).
const MAX_NAME: usize = 15;

/// The local end of connections: an address of this machine, or a network interface.
///
/// ```
/// use haulage::Interface;
///
/// let address: Interface = "192.0.2.7".parse()?;
/// assert_eq!(address, Interface::Address([192, 0, 2, 7].into()));
/// let name: Interface = "eth0".parse()?;
/// assert_eq!(name, Interface::Name("eth0".into()));
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interface {
    /// Connections have this local address, and go only to addresses of its family.
    Address(IpAddr),
    /// Packets are sent through the interface of this name. Only Linux can do that
    /// (`SO_BINDTODEVICE`, socket(7)).
    Name(Box<str>),
}

impl FromStr for Interface {
    type Err = Error;

    /// Reads an address, or the name of an interface. An IPv6 address may stand in brackets.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse() {
            return Ok(Self::Address(address));
        }
        // The characters that Linux allows in a name.
        let is_name = !matches!(text, "" | "." | "..")
            && text.len() <= MAX_NAME
            && !text
                .contains(|each: char| each.is_whitespace() || matches!(each, '/' | ':' | '\0'));
        if is_name {
            Ok(Self::Name(text.into()))
        } else {
            Err(Error::new(
                ErrorKind::Input,
                format!(
                    "{text:?} is neither an address nor the name of a network interface; write it as in 192.0.2.7 or eth0"
                ),
            ))
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Name(name) => name.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_an_address_or_a_name() {
        for (text, expected) in [
            ("127.0.0.1", Some("127.0.0.1")),
            ("[2001:db8::0:1]", Some("2001:db8::1")),
            ("eth0.100", Some("eth0.100")),
            ("", None),
            ("..", None),
            ("a/b", None),
            ("fe80::1%eth0", None),
            ("a name", None),
            ("sixteen-letters!", None),
        ] {
            let parsed = Interface::from_str(text).ok();
            let parsed = parsed.map(|interface| interface.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }
}
