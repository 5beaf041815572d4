//! SOCKS 4 and 4A: one message each way. Pure.

use std::net::{IpAddr, Ipv4Addr};

use super::Destination;

/// Bytes of an answer.
pub(crate) const REPLY: usize = 8;

/// What SOCKS 4A has in the place of an address (`0.0.0.x`, with `x` not 0): a name follows.
const NAMED: Ipv4Addr = Ipv4Addr::new(0, 0, 0, 1);

/// Returns the request for a connection; `None` for an IPv6 address, which SOCKS 4 has no room for.
pub(crate) fn request(to: Destination<'_>, port: u16, user: &[u8]) -> Option<Vec<u8>> {
    let (address, name) = match to {
        Destination::Address(IpAddr::V4(address)) => (address, None),
        Destination::Address(IpAddr::V6(_)) => return None,
        Destination::Name(name) => (NAMED, Some(name)),
    };
    let mut request = vec![4, 1];
    request.extend_from_slice(&port.to_be_bytes());
    request.extend_from_slice(&address.octets());
    request.extend_from_slice(user);
    request.push(0);
    if let Some(name) = name {
        request.extend_from_slice(name.as_bytes());
        request.push(0);
    }
    Some(request)
}

/// What a proxy has answered, if it is not "granted".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What came is no answer of SOCKS 4.
    NotSocks,
    /// Rejected or failed: the protocol does not say which.
    Failed,
    /// It wants to know from an identd here who the user is.
    Login,
}

/// Judges an answer.
pub(crate) fn judge(reply: [u8; REPLY]) -> Result<(), Refusal> {
    match reply {
        [0, 90, ..] => Ok(()),
        [0, 91, ..] => Err(Refusal::Failed),
        [0, 92 | 93, ..] => Err(Refusal::Login),
        _ => Err(Refusal::NotSocks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_as_the_protocol_has_it() {
        let to = Destination::Address(Ipv4Addr::new(10, 0, 0, 1).into());
        let expected = [4, 1, 0, 80, 10, 0, 0, 1, b'm', b'e', 0];
        assert_eq!(request(to, 80, b"me").unwrap(), expected);
        let to = Destination::Name("h");
        let expected = [4, 1, 1, 187, 0, 0, 0, 1, 0, b'h', 0];
        assert_eq!(request(to, 443, b"").unwrap(), expected);
        let to = Destination::Address("::1".parse().unwrap());
        assert_eq!(request(to, 443, b""), None);
    }

    #[test]
    fn reply_is_judged_by_its_code() {
        let judged = |version, code| judge([version, code, 0, 0, 0, 0, 0, 0]);
        assert_eq!(judged(0, 90), Ok(()));
        assert_eq!(judged(0, 91), Err(Refusal::Failed));
        assert_eq!(judged(0, 93), Err(Refusal::Login));
        assert_eq!(judged(0, 0), Err(Refusal::NotSocks));
        assert_eq!(judged(5, 90), Err(Refusal::NotSocks));
    }
}
