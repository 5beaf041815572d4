//! HTTP Digest (RFC 7616): the response to a challenge. Pure: who calls it counts, and chooses the
//! client's nonce.

use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512_256};

use super::Credentials;
use super::challenge::Challenge;

/// A challenge that can be responded to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DigestChallenge {
    realm: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    algorithm: Algorithm,
    /// The algorithm as the server wrote it; `None` if it did not, which means MD5.
    algorithm_name: Option<String>,
    /// The first hash covers both nonces too (`-sess`).
    is_session: bool,
    /// `None` as in RFC 2069, which has no counter.
    protection: Option<Protection>,
    /// The user is sent as a hash (§3.4.4).
    hashes_user: bool,
    /// Only the nonce was too old; user and password were right (§3.3).
    pub(crate) is_stale: bool,
}

/// From the weakest to the one that is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha512_256,
    Sha256,
}

/// The quality of protection, `qop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    Auth,
    /// Covers the body too, which a GET does not have.
    AuthInt,
}

impl Algorithm {
    const ALL: [(Self, &str); 3] = [
        (Self::Md5, "MD5"),
        (Self::Sha512_256, "SHA-512-256"),
        (Self::Sha256, "SHA-256"),
    ];

    /// Returns the algorithm of a name, and whether it is the `-sess` variant.
    fn named(name: &str) -> Option<(Self, bool)> {
        let (length, suffix) = (name.len().saturating_sub(5), "-sess");
        let (base, is_session) = match name.split_at_checked(length) {
            Some((base, end)) if end.eq_ignore_ascii_case(suffix) => (base, true),
            _ => (name, false),
        };
        let mut all = Self::ALL.iter();
        let (algorithm, _) = all.find(|(_, known)| known.eq_ignore_ascii_case(base))?;
        Some((*algorithm, is_session))
    }

    /// Returns the hash of these parts with colons between them, in hex digits.
    fn hash(self, parts: &[&[u8]]) -> String {
        let text = parts.join(&b':');
        match self {
            Self::Md5 => hex(&Md5::digest(&text)),
            Self::Sha256 => hex(&Sha256::digest(&text)),
            Self::Sha512_256 => hex(&Sha512_256::digest(&text)),
        }
    }
}

impl DigestChallenge {
    /// Returns the challenge with the best algorithm among those that a server offers, the first
    /// one of several; `None` if none can be responded to.
    pub(crate) fn best(offered: &[Challenge]) -> Option<Self> {
        let usable = offered.iter().filter_map(Self::of);
        // `max_by_key` would return the last one.
        usable.reduce(|best, next| {
            if next.algorithm > best.algorithm {
                next
            } else {
                best
            }
        })
    }

    fn of(challenge: &Challenge) -> Option<Self> {
        if !challenge.is("Digest") {
            return None;
        }
        let text = |name| challenge.get(name).map(String::from_utf8_lossy);
        let is_true = |name| text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let algorithm_name = text("algorithm").map(String::from);
        let (algorithm, is_session) = Algorithm::named(algorithm_name.as_deref().unwrap_or("MD5"))?;
        let protection = match text("qop") {
            None => None,
            Some(offered) => {
                let offers = |name: &str| {
                    let mut all = offered.split([',', ' ', '\t']);
                    all.any(|one| one.eq_ignore_ascii_case(name))
                };
                match (offers("auth"), offers("auth-int")) {
                    (true, _) => Some(Protection::Auth),
                    (false, true) => Some(Protection::AuthInt),
                    (false, false) => return None,
                }
            }
        };
        Some(Self {
            realm: challenge.get("realm").unwrap_or_default().to_vec(),
            nonce: challenge.get("nonce")?.to_vec(),
            opaque: challenge.get("opaque").map(<[u8]>::to_vec),
            algorithm,
            algorithm_name,
            is_session,
            protection,
            hashes_user: is_true("userhash"),
            is_stale: is_true("stale"),
        })
    }

    /// Returns the `Authorization` of a GET for a request target (§3.4). `count` is that of the
    /// requests with this nonce, from 1; `client_nonce` is the same for all of them.
    pub(crate) fn respond(
        &self,
        login: &Credentials,
        target: &str,
        count: u32,
        client_nonce: &str,
    ) -> Vec<u8> {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let (user, password) = (&login.user[..], &login.password[..]);
        let (realm, client) = (&self.realm[..], client_nonce.as_bytes());
        let mut secret = hash(&[user, realm, password]);
        if self.is_session {
            secret = hash(&[secret.as_bytes(), &self.nonce, client]);
        }
        let request = match self.protection {
            Some(Protection::AuthInt) => {
                hash(&[b"GET", target.as_bytes(), hash(&[b""]).as_bytes()])
            }
            Some(Protection::Auth) | None => hash(&[b"GET", target.as_bytes()]),
        };
        let count = format!("{count:08x}");
        let protection = self.protection.map(|protection| match protection {
            Protection::Auth => "auth",
            Protection::AuthInt => "auth-int",
        });
        let response = match protection {
            Some(name) => hash(&[
                secret.as_bytes(),
                &self.nonce,
                count.as_bytes(),
                client,
                name.as_bytes(),
                request.as_bytes(),
            ]),
            None => hash(&[secret.as_bytes(), &self.nonce, request.as_bytes()]),
        };
        let user_hash = self.hashes_user.then(|| hash(&[user, realm]));
        let user = user_hash.as_ref().map_or(user, String::as_bytes);

        let mut value = Writer::new();
        value.quoted("username", user);
        value.quoted("realm", realm);
        value.quoted("nonce", &self.nonce);
        value.quoted("uri", target.as_bytes());
        value.quoted("response", response.as_bytes());
        if let Some(name) = &self.algorithm_name {
            value.plain("algorithm", name);
        }
        if let Some(opaque) = &self.opaque {
            value.quoted("opaque", opaque);
        }
        if let Some(name) = protection {
            value.plain("qop", name);
            value.plain("nc", &count);
        }
        if protection.is_some() || self.is_session {
            value.quoted("cnonce", client);
        }
        if self.hashes_user {
            value.plain("userhash", "true");
        }
        value.0
    }
}

/// Writes the parameters of an `Authorization`.
struct Writer(Vec<u8>);

impl Writer {
    fn new() -> Self {
        Self(b"Digest".to_vec())
    }

    fn name(&mut self, name: &str) {
        let is_first = !self.0.contains(&b'=');
        self.0
            .extend_from_slice(if is_first { b" " } else { b", " });
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
    }

    fn plain(&mut self, name: &str, value: &str) {
        self.name(name);
        self.0.extend_from_slice(value.as_bytes());
    }

    fn quoted(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.0.push(b'"');
        for byte in value {
            if matches!(byte, b'"' | b'\\') {
                self.0.push(b'\\');
            }
            self.0.push(*byte);
        }
        self.0.push(b'"');
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::challenge::parse;

    fn login(user: &str, password: &str) -> Credentials {
        Credentials {
            user: user.into(),
            password: password.into(),
        }
    }

    fn best(fields: &[&str]) -> Option<DigestChallenge> {
        DigestChallenge::best(&parse(fields.iter().map(|field| field.as_bytes())))
    }

    /// Returns a function that returns, by name, a parameter of the response to the challenge in
    /// `field`; it is empty if it was not sent.
    fn sent(
        field: &str,
        login: &Credentials,
        target: &str,
        client_nonce: &str,
    ) -> impl Fn(&str) -> String {
        let value = best(&[field])
            .unwrap()
            .respond(login, target, 1, client_nonce);
        let parsed = parse([&value[..]]).remove(0);
        move |name| String::from_utf8(parsed.get(name).unwrap_or_default().to_vec()).unwrap()
    }

    const MD5: &str = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5,
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;

    fn rfc_7616_example(algorithm: &str) -> String {
        MD5.replace("MD5", algorithm).replace('\n', "")
    }

    const MUFASA_NONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    #[test]
    fn rfc_7616_section_3_9_1() {
        let mufasa = login("Mufasa", "Circle of Life");
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let field = rfc_7616_example(algorithm);
            let sent = sent(&field, &mufasa, "/dir/index.html", MUFASA_NONCE);
            for (name, expected) in [
                ("username", "Mufasa"),
                ("realm", "http-auth@example.org"),
                ("uri", "/dir/index.html"),
                ("algorithm", algorithm),
                ("nonce", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
                ("nc", "00000001"),
                ("cnonce", MUFASA_NONCE),
                ("qop", "auth"),
                ("response", response),
                ("opaque", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"),
            ] {
                assert_eq!(sent(name), expected, "{algorithm} {name}");
            }
        }
    }

    #[test]
    fn rfc_7616_section_3_9_2_with_a_hashed_user() {
        // The values of the RFC's own text are those of another hash (erratum 4897).
        let field = "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
                     nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", charset=UTF-8, \
                     userhash=true";
        let jason = login("J\u{e4}s\u{f8}n Doe", "Secret, or not?");
        let client_nonce = "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm";
        let sent = sent(field, &jason, "/doe.json", client_nonce);
        assert_eq!(
            sent("username"),
            "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
        );
        assert_eq!(
            sent("response"),
            "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c"
        );
        assert_eq!((&*sent("userhash"), &*sent("qop")), ("true", "auth"));
    }

    #[test]
    fn rfc_2617_and_rfc_2069_examples() {
        let mufasa = login("Mufasa", "Circle Of Life");
        let field = "Digest realm=\"testrealm@host.com\", \
                     nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
        let plain = sent(field, &mufasa, "/dir/index.html", "0a4f113b");
        assert_eq!(plain("response"), "670fd8c2df070c60b045671b8b24ff02");
        assert_eq!(
            (plain("nc"), plain("cnonce"), plain("algorithm")),
            Default::default()
        );
        let field = format!("{field}, qop=auth");
        let counted = sent(&field, &mufasa, "/dir/index.html", "0a4f113b");
        assert_eq!(counted("response"), "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn session_covers_both_nonces_and_auth_int_the_empty_body() {
        let mufasa = login("Mufasa", "Circle of Life");
        // Computed with Python's hashlib.
        for (algorithm, qop, response) in [
            ("MD5-sess", "auth", "e783283f46242139c486a698fec7211d"),
            (
                "SHA-256-sess",
                "auth",
                "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7",
            ),
            ("MD5", "auth-int", "8804a53d3640a40a4f73cea12c5ba451"),
        ] {
            let field = rfc_7616_example(algorithm).replace("auth, auth-int", qop);
            let sent = sent(&field, &mufasa, "/dir/index.html", MUFASA_NONCE);
            assert_eq!(sent("response"), response, "{algorithm} {qop}");
        }
    }

    #[test]
    fn best_algorithm_is_chosen_and_what_is_unknown_is_not() {
        let chosen = |fields: &[&str]| best(fields).map(|best| (best.algorithm, best.nonce));
        let (md5, sha) = ("Digest nonce=1", "Digest nonce=2, algorithm=sha-256");
        assert_eq!(
            chosen(&[md5, sha]),
            Some((Algorithm::Sha256, b"2".to_vec()))
        );
        assert_eq!(
            chosen(&[sha, md5]),
            Some((Algorithm::Sha256, b"2".to_vec()))
        );
        let twice = "Digest nonce=1, Digest nonce=2";
        assert_eq!(chosen(&[twice]), Some((Algorithm::Md5, b"1".to_vec())));
        for none in [
            "Basic realm=x",
            "Digest realm=x",
            "Digest nonce=1, algorithm=SHA-1",
            "Digest nonce=1, algorithm=-sess",
            "Digest nonce=1, qop=auth-conf",
            "Digest nonce=1, qop=\"\"",
        ] {
            assert_eq!(chosen(&[none]), None, "{none}");
        }
    }

    #[test]
    fn quotes_are_escaped_and_hashed_as_they_are() {
        let field = "Digest realm=\"a\\\"b\", nonce=n";
        let value = best(&[field])
            .unwrap()
            .respond(&login("u\\v", "p"), "/", 1, "c");
        let text = String::from_utf8(value).unwrap();
        assert!(
            text.starts_with(r#"Digest username="u\\v", realm="a\"b", nonce="n""#),
            "{text}"
        );
        // md5(md5("u\v:a\"b:p"):n:md5("GET:/"))
        assert!(
            text.contains("response=\"1af395366e5e70cc9c470459a41e7bce\""),
            "{text}"
        );
    }
}
