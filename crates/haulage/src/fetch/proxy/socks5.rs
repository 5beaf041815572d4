//! SOCKS 5 (RFC 1928), with user and password (RFC 1929). Pure.

use std::net::IpAddr;

use super::Destination;
use crate::credentials::Credentials;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// How the proxy wants its user to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Not at all.
    None,
    Login,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What came is no answer of SOCKS 5.
    NotSocks,
    /// The proxy accepts none of the ways to log in that it was offered.
    NoMethod,
    /// It does not accept user and password.
    Login,
    /// It has answered with this code (RFC 1928 §6).
    Code(u8),
}

impl Refusal {
    /// Returns what it says, and whether trying again may help.
    pub(crate) fn explain(self) -> (&'static str, bool) {
        match self {
            Self::NotSocks => ("it is no answer of SOCKS 5", false),
            Self::NoMethod | Self::Login => ("it did not accept the login", false),
            Self::Code(1) => ("general failure", true),
            Self::Code(2) => ("its rules do not allow it", false),
            Self::Code(3) => ("the network cannot be reached from there", true),
            Self::Code(4) => ("the host cannot be found or reached from there", true),
            Self::Code(5) => ("the server refused the connection", true),
            Self::Code(6) => ("the server is too far away (TTL expired)", true),
            Self::Code(7) => ("it does not support that", false),
            Self::Code(8) => ("it does not support addresses of this kind", false),
            Self::Code(_) => ("unknown reason", true),
        }
    }

    /// Returns whether it is about the address, so that another one of the same server may do.
    pub(crate) fn is_of_address(self) -> bool {
        matches!(self, Self::Code(1 | 3..=6 | 8..))
    }
}

/// Returns the first message: in which ways we could log in (RFC 1928 §3).
pub(crate) fn greeting(has_login: bool) -> &'static [u8] {
    if has_login {
        &[VERSION, 2, NO_LOGIN, LOGIN]
    } else {
        &[VERSION, 1, NO_LOGIN]
    }
}

/// Returns whether these bytes may be an answer to the first message.
pub(crate) fn is_reply([version, method]: [u8; 2]) -> bool {
    version == VERSION && matches!(method, NO_LOGIN | LOGIN | NONE_ACCEPTABLE)
}

/// Reads the proxy's choice.
pub(crate) fn method(reply: [u8; 2], has_login: bool) -> Result<Method, Refusal> {
    match reply {
        [VERSION, NO_LOGIN] => Ok(Method::None),
        [VERSION, LOGIN] if has_login => Ok(Method::Login),
        [VERSION, NONE_ACCEPTABLE | LOGIN] => Err(Refusal::NoMethod),
        _ => Err(Refusal::NotSocks),
    }
}

/// Returns the message with user and password (RFC 1929 §2), each of which has at most 255 bytes;
/// `None` for longer ones.
pub(crate) fn login(credentials: &Credentials) -> Option<Vec<u8>> {
    let mut message = vec![1];
    for text in [&credentials.user, &credentials.password] {
        message.push(u8::try_from(text.len()).ok()?);
        message.extend_from_slice(text);
    }
    Some(message)
}

/// Reads whether they are accepted. Some proxies give the wrong version, 5.
pub(crate) fn login_reply(reply: [u8; 2]) -> Result<(), Refusal> {
    match reply {
        [1 | VERSION, 0] => Ok(()),
        [1 | VERSION, _] => Err(Refusal::Login),
        _ => Err(Refusal::NotSocks),
    }
}

/// Returns the request for a connection (RFC 1928 §4); `None` for a name of more than 255 bytes.
pub(crate) fn request(to: Destination<'_>, port: u16) -> Option<Vec<u8>> {
    let mut request = vec![VERSION, 1, 0];
    match to {
        Destination::Address(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend_from_slice(&address.octets());
        }
        Destination::Address(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend_from_slice(&address.octets());
        }
        Destination::Name(name) => {
            request.extend_from_slice(&[NAME, u8::try_from(name.len()).ok()?]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Some(request)
}

/// Judges the first two bytes of the answer.
pub(crate) fn code(reply: [u8; 2]) -> Result<(), Refusal> {
    match reply {
        [VERSION, 0] => Ok(()),
        [VERSION, code] => Err(Refusal::Code(code)),
        _ => Err(Refusal::NotSocks),
    }
}

/// Returns how many bytes follow the next three: the rest of the address that the proxy uses, which
/// is of no interest, and its port.
pub(crate) fn rest([_reserved, kind, first]: [u8; 3]) -> Result<usize, Refusal> {
    match kind {
        IPV4 => Ok(3 + 2),
        IPV6 => Ok(15 + 2),
        NAME => Ok(usize::from(first) + 2),
        _ => Err(Refusal::NotSocks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_the_rfcs_have_them() {
        let to = Destination::Address("10.0.0.1".parse().unwrap());
        assert_eq!(request(to, 80).unwrap(), [5, 1, 0, 1, 10, 0, 0, 1, 0, 80]);
        let to = Destination::Address("::1".parse().unwrap());
        let six = request(to, 443).unwrap();
        assert_eq!((six.len(), six[3], &six[20..]), (22, 4, &[1, 187][..]));
        let to = Destination::Name("ab");
        assert_eq!(request(to, 1).unwrap(), [5, 1, 0, 3, 2, b'a', b'b', 0, 1]);
        assert_eq!(request(Destination::Name(&"x".repeat(256)), 1), None);
        let credentials = Credentials {
            user: "me".into(),
            password: "x".into(),
        };
        let message = [1, 2, b'm', b'e', 1, b'x'];
        assert_eq!(login(&credentials).unwrap(), message);
    }

    #[test]
    fn replies_are_told_apart() {
        assert_eq!(method([5, 0], false), Ok(Method::None));
        assert_eq!(method([5, 2], true), Ok(Method::Login));
        assert_eq!(method([5, 2], false), Err(Refusal::NoMethod));
        assert_eq!(method([5, 255], true), Err(Refusal::NoMethod));
        assert_eq!(method([b'H', b'T'], true), Err(Refusal::NotSocks));
        assert_eq!(login_reply([1, 0]), Ok(()));
        assert_eq!(login_reply([1, 1]), Err(Refusal::Login));
        assert_eq!(code([5, 0]), Ok(()));
        assert_eq!(code([5, 5]), Err(Refusal::Code(5)));
        assert_eq!(code([4, 0]), Err(Refusal::NotSocks));
        for (kind, first, expected) in [(1, 9, 5), (4, 9, 17), (3, 9, 11), (3, 0, 2)] {
            assert_eq!(rest([0, kind, first]), Ok(expected));
        }
        assert_eq!(rest([0, 2, 0]), Err(Refusal::NotSocks));
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        let passes = (0..=9).filter(|code| Refusal::Code(*code).explain().1);
        assert_eq!(passes.collect::<Vec<_>>(), [0, 1, 3, 4, 5, 6, 9]);
        assert!(Refusal::Code(8).is_of_address());
        assert!(!Refusal::Code(2).is_of_address());
        assert!(!Refusal::Login.is_of_address());
    }
}
