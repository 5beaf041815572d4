//! Entries of a list of exceptions that match nothing. Pure.

use std::net::IpAddr;

use url::Host;

/// Returns what is wrong with an entry of a list, and what to write instead; `None` if the entry
/// may match a host.
pub(super) fn problem(entry: &str) -> Option<String> {
    let advice = advice(entry)?;
    // There may be a password before it.
    let shown = match entry.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => entry.to_owned(),
    };
    Some(format!("{shown:?} matches no host; {advice}"))
}

fn advice(entry: &str) -> Option<String> {
    if let Some((_, rest)) = entry.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        return Some(write_host(without_port(host).unwrap_or(host)));
    }
    if entry == "*" {
        return Some("* stands for every host only if it is alone".to_owned());
    }
    if let Some(block) = block(entry) {
        return Some(format!("for a block of addresses, write {block}"));
    }
    if let Some((address, bits)) = entry.split_once('/') {
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        return Some(match bare.parse::<IpAddr>() {
            Ok(address) => {
                let most = if address.is_ipv4() { 32 } else { 128 };
                let is_block = bits.parse::<u32>().is_ok_and(|bits| bits <= most);
                if is_block {
                    return None;
                }
                format!("after the slash, write the bits of the block, 0 to {most}")
            }
            Err(_) => write_host(address),
        });
    }
    if entry.starts_with('[') && entry.ends_with(']') || entry.parse::<IpAddr>().is_ok() {
        return None;
    }
    if let Some(host) = without_port(entry) {
        return Some(format!("{}, without a port", write_host(host)));
    }
    if let Some(name) = entry.strip_prefix("*.") {
        let name = write_host(name);
        return Some(format!("{name}, which stands for the names below it, too"));
    }
    let name = entry.trim_matches('.');
    match Host::parse(name) {
        Ok(Host::Domain(ascii)) if ascii.eq_ignore_ascii_case(name) => None,
        Ok(Host::Domain(ascii)) => Some(write_host(&ascii)),
        Ok(Host::Ipv4(address)) => Some(write_host(&address.to_string())),
        _ => Some("write the name or the address of a host".to_owned()),
    }
}

fn write_host(host: &str) -> String {
    if host.is_empty() {
        return "write the name or the address of a host".to_owned();
    }
    format!("write {host}")
}

/// Returns the host of `HOST:PORT`; `None` if there is no port.
fn without_port(entry: &str) -> Option<&str> {
    let (host, port) = entry.rsplit_once(':')?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    let has_one_colon = !host.contains(':') || host.ends_with(']');
    (is_port && has_one_colon && !host.is_empty()).then_some(host)
}

/// Returns the block that is meant by the beginning of an IPv4 address, with a `*` or without:
/// `127.*`, `10.0.`.
fn block(entry: &str) -> Option<String> {
    let parts: Vec<_> = entry.split('.').collect();
    let numbers: Vec<u8> = parts.iter().map_while(|part| part.parse().ok()).collect();
    let rest = &parts[numbers.len()..];
    let is_beginning = (1..4).contains(&numbers.len())
        && parts.len() > 1
        && parts.len() <= 4
        && !rest.is_empty()
        && rest.iter().all(|part| part.is_empty() || *part == "*");
    let bits = numbers.len() * 8;
    let [a, b, c] = std::array::from_fn(|nth| numbers.get(nth).copied().unwrap_or(0));
    is_beginning.then(|| format!("{a}.{b}.{c}.0/{bits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_without_effect_has_the_right_form_in_its_advice() {
        for (entry, advice) in [
            ("127.*", "write 127.0.0.0/8"),
            ("10.0.", "write 10.0.0.0/16"),
            ("192.168.1.*", "write 192.168.1.0/24"),
            ("192.168.*.*", "write 192.168.0.0/16"),
            ("192.168.1.1/33", "0 to 32"),
            ("192.168.1.1/x", "0 to 32"),
            ("2001:db8::/129", "0 to 128"),
            ("http://a.example/x", "write a.example"),
            ("https://me:hush@a.example:8443/", "write a.example"),
            ("a.example/x", "write a.example"),
            ("example:80", "write example, without a port"),
            ("127.0.0.1:80", "write 127.0.0.1, without a port"),
            ("[::1]:80", "write [::1], without a port"),
            ("*.example", "write example, which stands"),
            ("*", "only if it is alone"),
            ("münchen.example", "write xn--mnchen-3ya.example"),
            ("127.1", "write 127.0.0.1"),
            ("<local>", "write the name"),
            ("..", "write the name"),
        ] {
            let problem = problem(entry).unwrap_or_else(|| panic!("{entry}"));
            assert!(problem.contains(advice), "{problem}");
            assert!(!problem.contains("hush"), "{problem}");
        }
    }

    #[test]
    fn entry_that_may_match_is_no_problem() {
        for entry in [
            "example",
            ".example",
            "example.",
            "A.Example",
            "a_b.example",
            "127.0.0.1",
            "127.0.0.0/8",
            "::1",
            "[::1]",
            "fd00::/8",
            "[fd00::]/8",
            "0.0.0.0/0",
        ] {
            assert_eq!(problem(entry), None, "{entry}");
        }
    }
}
