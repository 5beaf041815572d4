//! What logins are read from: netrc files, and `WWW-Authenticate`.

use http::HeaderValue;

use crate::credentials::Credentials;
use crate::credentials::challenge::{self, Challenge};
use crate::credentials::digest::DigestChallenge;
use crate::credentials::netrc::Netrc;

/// Parses a netrc file; then writes one with what its first lines say, and reads it back.
pub fn netrc(data: &[u8]) {
    let mut text = data;
    // It means nothing but at the beginning.
    while let Some(rest) = text.strip_prefix(b"\xEF\xBB\xBF") {
        text = rest;
    }
    if let Ok(netrc) = Netrc::parse(text) {
        let commented = Netrc::parse([&b"# comment\n"[..], text, b"\n"].concat());
        assert!(commented.is_ok_and(|commented| commented == netrc));
        // Nothing of it is shown.
        assert!(format!("{netrc:?}").ends_with(" machines, …)"));
    }
    let mut lines = text.split(|byte| *byte == b'\n');
    let user = lines.next().unwrap_or_default();
    let password = lines.next().unwrap_or_default();
    let mut written = b"macdef m\n".to_vec();
    written.extend(user.trim_ascii());
    written.extend(b"\n\nmachine h.example login ");
    written.extend(quoted(user));
    written.extend(b" password ");
    written.extend(quoted(password));
    let Ok(netrc) = Netrc::parse(&written) else {
        panic!("{:?}", written.escape_ascii().to_string());
    };
    let expected = Credentials::new(user, password);
    assert_eq!(
        netrc.of_machine("h.example", None),
        Some(&expected),
        "{:?}",
        written.escape_ascii().to_string()
    );
    assert_eq!(netrc.of_machine("h.example", Some(user)), Some(&expected));
    assert_eq!(netrc.of_machine("other.example", None), None);
}

fn quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in text {
        match byte {
            b'\\' | b'"' => quoted.extend([b'\\', *byte]),
            b'\r' => quoted.extend(b"\\r"),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    quoted
}

/// Parses each line as a `WWW-Authenticate`, and responds to the best Digest challenge.
pub fn www_authenticate(data: &[u8]) {
    let fields: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let all = challenge::parse(fields.iter().copied());
    let each = fields.iter().flat_map(|field| challenge::parse([*field]));
    let each: Vec<Challenge> = each.take(all.len()).collect();
    assert_eq!(all, each, "fields are independent of one another");
    assert!(all.len() <= data.len());
    let Some(best) = DigestChallenge::best(&all) else {
        return;
    };
    let login = Credentials::new("me \"\\", "secret");
    let response = best.respond(&login, "/a?b", 7, "c");
    assert_eq!(response, best.respond(&login, "/a?b", 7, "c"));
    // What it repeats of the server is read back the same. Control characters cannot be sent.
    if HeaderValue::from_bytes(&response).is_ok() {
        let sent = challenge::parse([&response[..]]);
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(sent[0].get("nonce"), Some(&best.nonce[..]));
        assert_eq!(sent[0].get("uri"), Some(&b"/a?b"[..]));
        assert!(sent[0].get("username").is_some());
        assert!(!response.windows(6).any(|bytes| bytes == b"secret"));
    }
}
