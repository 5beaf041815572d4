//! What logins are read from: netrc files, and `WWW-Authenticate`.

use http::HeaderValue;

use super::first_line;
use crate::credentials::Credentials;
use crate::credentials::challenge::{self, Challenge};
use crate::credentials::digest::DigestChallenge;
use crate::credentials::netrc::Netrc;

/// Parses a netrc file; then writes one with what its first lines say, and reads it back.
pub fn netrc(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // It means nothing but at the beginning.
    let text = text.trim_start_matches('\u{feff}');
    if let Ok(netrc) = Netrc::parse(text) {
        let commented = Netrc::parse(&format!("# comment\n{text}\n"));
        assert!(commented.is_ok_and(|commented| commented == netrc));
        // Nothing of it is shown.
        assert!(format!("{netrc:?}").ends_with(" machines, …)"));
    }
    let (user, rest) = first_line(text);
    let (password, _) = first_line(rest);
    let written = format!(
        "macdef m\n{}\n\nmachine h.example login {} password {}\n",
        user.trim(),
        quoted(user),
        quoted(password)
    );
    let Ok(netrc) = Netrc::parse(&written) else {
        panic!("{written:?}");
    };
    let expected = Credentials {
        user: user.to_owned(),
        password: password.to_owned(),
    };
    assert_eq!(
        netrc.of_machine("h.example", None),
        Some(&expected),
        "{written:?}"
    );
    assert_eq!(netrc.of_machine("h.example", Some(user)), Some(&expected));
    assert_eq!(netrc.of_machine("other.example", None), None);
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\r', "\\r"))
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
    let login = Credentials {
        user: "me \"\\".to_owned(),
        password: "secret".to_owned(),
    };
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
