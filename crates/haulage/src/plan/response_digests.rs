//! Reads the digests that a response gives for its file. Pure.
//!
//! | field | refers to |
//! |---|---|
//! | `Repr-Digest` (RFC 9530 §3) | the whole representation, also in a 206 |
//! | `x-goog-hash` (Google Cloud Storage) | the whole object as it is stored, also in a 206 |
//! | `Content-Digest` (RFC 9530 §2) | the content of this response, which in a 206 is a part |
//! | `Digest` (RFC 3230) | the whole; but readings differ (RFC 9530 §1.3) |
//! | `Content-MD5` (RFC 1864) | the whole or the part; readings differ (RFC 7231 appendix B) |
//!
//! All of them refer to bytes as they are sent, with their content codings (RFC 9530 §1.2). A
//! malformed digest is ignored and is no error, because the file can be saved without it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use http::header::CONTENT_ENCODING;
use http::{HeaderName, StatusCode};

use crate::checksum::{Algorithm, Checksum};
use crate::plan::coding;
use crate::plan::fields::Fields;

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const DIGEST: HeaderName = HeaderName::from_static("digest");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const GOOG_HASH: HeaderName = HeaderName::from_static("x-goog-hash");
const GOOG_STORED: HeaderName = HeaderName::from_static("x-goog-stored-content-encoding");

/// The fields that contain digests.
static FIELDS: [HeaderName; 5] = [REPR_DIGEST, CONTENT_DIGEST, DIGEST, CONTENT_MD5, GOOG_HASH];

/// Algorithms, the strongest first. BLAKE3 has no name in any of these fields.
const STRONGEST_FIRST: [Algorithm; 5] = [
    Algorithm::Sha512,
    Algorithm::Sha256,
    Algorithm::Sha1,
    Algorithm::Md5,
    Algorithm::Crc32c,
];

/// The digests of a whole file, of its bytes as they are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResponseDigests {
    /// The strongest first, each algorithm once.
    pub(crate) checksums: Vec<Checksum>,
    /// Whether the bytes are sent in a content coding. If it is undone, the checksums are not those
    /// of the saved file: they hold for the bytes before decoding.
    pub(crate) is_encoded: bool,
}

/// Returns the digests that a response gives. Only a 200 and a 206 contain a file; the body of any
/// other response is a message.
pub(crate) fn read(status: StatusCode, headers: &Fields) -> ResponseDigests {
    let is_whole = status == StatusCode::OK;
    let says_something = FIELDS.iter().any(|field| headers.contains_key(field));
    if !says_something || !is_whole && status != StatusCode::PARTIAL_CONTENT {
        return ResponseDigests::default();
    }
    let codings = list(headers, &CONTENT_ENCODING);
    let is_encoded = !codings.is_empty();
    // The most reliable fields come first.
    let mut claims = dictionary(headers, &REPR_DIGEST);
    if is_whole {
        claims.extend(dictionary(headers, &CONTENT_DIGEST));
    }
    // An object that is stored in a coding may be sent without it, but its hash is still that of
    // the stored bytes.
    if codings == list(headers, &GOOG_STORED) {
        claims.extend(pairs(headers, &GOOG_HASH, goog_algorithm));
    }
    // If the whole file is sent without a coding, all readings agree.
    if is_whole && !is_encoded {
        claims.extend(pairs(headers, &DIGEST, digest_algorithm));
        claims.extend(content_md5(headers));
    }
    let checksum = |algorithm| {
        let claim = claims.iter().find(|claim| claim.algorithm() == algorithm);
        claim.cloned()
    };
    ResponseDigests {
        checksums: STRONGEST_FIRST.into_iter().filter_map(checksum).collect(),
        is_encoded,
    }
}

/// Returns the algorithm for a key of `Repr-Digest` and `Content-Digest`; `None` if it is unknown.
/// Their CRC-32C is left out: RFC 9530 does not define its byte order, and SCTP, which it refers
/// to, sends the lowest byte first.
fn key_algorithm(key: &[u8]) -> Option<Algorithm> {
    match key {
        b"sha-512" => Some(Algorithm::Sha512),
        b"sha-256" => Some(Algorithm::Sha256),
        b"sha" => Some(Algorithm::Sha1),
        b"md5" => Some(Algorithm::Md5),
        _ => None,
    }
}

/// Returns the algorithm for a name in `Digest`, in upper or lower case (RFC 3230 §4.1.1); `None`
/// if it is unknown.
fn digest_algorithm(name: &[u8]) -> Option<Algorithm> {
    key_algorithm(&name.to_ascii_lowercase())
}

/// Returns the algorithm for a name in `x-goog-hash`; `None` if it is unknown. Its CRC-32C has the
/// highest byte first, as ours does.
fn goog_algorithm(name: &[u8]) -> Option<Algorithm> {
    match name {
        b"crc32c" => Some(Algorithm::Crc32c),
        b"md5" => Some(Algorithm::Md5),
        _ => None,
    }
}

/// Reads the digests of a structured field: a dictionary whose values are byte sequences (RFC 9530
/// §2, §3; RFC 8941 §3.2, §3.3.5). Skips unknown algorithms. A field with anything else in it, such
/// as parameters, gives no digests at all, as RFC 8941 §4.2 demands for malformed ones: no such
/// digest is defined.
fn dictionary(headers: &Fields, name: &HeaderName) -> Vec<Checksum> {
    let mut claims = Vec::new();
    for member in members(headers, name) {
        let Some((key, bytes)) = digest_member(member) else {
            return Vec::new();
        };
        if let Some(algorithm) = key_algorithm(key) {
            // If a key occurs twice, the last one counts.
            claims.retain(|claim: &Checksum| claim.algorithm() != algorithm);
            claims.extend(checksum(algorithm, bytes));
        }
    }
    claims
}

/// Splits `key=:base64:` into its key and its decoded bytes; `None` if it is malformed.
fn digest_member(member: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let equals = member.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let is_key = key
        .first()
        .is_some_and(|first| first.is_ascii_lowercase() || *first == b'*')
        && key.iter().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(byte)
        });
    let base64 = value.strip_prefix(b":")?.strip_suffix(b":")?;
    let bytes = STANDARD_PAD_INDIFFERENT.decode(base64).ok()?;
    is_key.then_some((key, bytes))
}

/// Reads the digests of a field with the older syntax, `NAME=base64`. Skips those that are
/// malformed or unknown.
fn pairs(
    headers: &Fields,
    name: &HeaderName,
    algorithm: fn(&[u8]) -> Option<Algorithm>,
) -> Vec<Checksum> {
    members(headers, name)
        .filter_map(|member| {
            let equals = member.iter().position(|byte| *byte == b'=')?;
            let bytes = STANDARD_PAD_INDIFFERENT
                .decode(&member[equals + 1..])
                .ok()?;
            checksum(algorithm(&member[..equals])?, bytes)
        })
        .collect()
}

fn content_md5(headers: &Fields) -> Option<Checksum> {
    let mut values = members(headers, &CONTENT_MD5);
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let bytes = STANDARD_PAD_INDIFFERENT.decode(value).ok()?;
    checksum(Algorithm::Md5, bytes)
}

/// Creates a checksum from a digest; `None` if its length is wrong for the algorithm.
fn checksum(algorithm: Algorithm, digest: Vec<u8>) -> Option<Checksum> {
    (digest.len() == algorithm.digest_length()).then(|| Checksum::of_digest(algorithm, digest))
}

/// Returns the comma-separated members of all lines of a field, including empty ones.
fn members<'a>(headers: &'a Fields, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let lines = headers.get_all(name.clone());
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// Returns the codings that a field lists, in lower case, without those that mean none.
fn list(headers: &Fields, name: &HeaderName) -> Vec<Vec<u8>> {
    headers
        .list(name)
        .filter(|coding| !coding::is_none(coding))
        .map(<[u8]>::to_ascii_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    // Of `{"hello": "world"}` and a line feed, as in RFC 9530 appendix B.1.
    const SHA256: &str = "RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=";
    const SHA256_HEX: &str =
        "sha256=44aff4ab2d7c3250525675a08f0cfa9591168cffe51791c5f5bbc417c15a6c38";
    // As in RFC 9530 §3.
    const SHA512: &str =
        "YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==";
    // Of nothing.
    const SHA1: &str = "2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
    const SHA1_HEX: &str = "sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709";
    const MD5: &str = "1B2M2Y8AsgTpgAmY7PhCfg==";
    const MD5_HEX: &str = "md5=d41d8cd98f00b204e9800998ecf8427e";
    // Of `123456789`, for which every description of CRC-32C gives e3069283.
    const CRC32C: &str = "4waSgw==";
    const CRC32C_HEX: &str = "crc32c=e3069283";

    fn digests(status: u16, fields: &[(&'static str, &str)]) -> ResponseDigests {
        let headers = fields
            .iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_str(value).unwrap();
                (HeaderName::from_static(name), value)
            })
            .collect();
        read(StatusCode::from_u16(status).unwrap(), &headers)
    }

    fn shown(status: u16, fields: &[(&'static str, &str)]) -> Vec<String> {
        let checksums = digests(status, fields).checksums;
        checksums.iter().map(Checksum::to_string).collect()
    }

    #[test]
    fn each_field_vouches_for_a_whole_file() {
        for (name, value, checksum) in [
            ("repr-digest", format!("sha-256=:{SHA256}:"), SHA256_HEX),
            ("content-digest", format!("sha-256=:{SHA256}:"), SHA256_HEX),
            ("repr-digest", format!("sha=:{SHA1}:"), SHA1_HEX),
            ("repr-digest", format!("md5=:{MD5}:"), MD5_HEX),
            ("digest", format!("SHA-256={SHA256}"), SHA256_HEX),
            ("digest", format!("sha-256={SHA256}"), SHA256_HEX),
            ("digest", format!("SHA={SHA1}"), SHA1_HEX),
            ("digest", format!("MD5={MD5}"), MD5_HEX),
            ("content-md5", MD5.to_owned(), MD5_HEX),
            ("x-goog-hash", format!("md5={MD5}"), MD5_HEX),
            ("x-goog-hash", format!("crc32c={CRC32C}"), CRC32C_HEX),
            // RFC 8941 §4.2.7: padding may be missing.
            (
                "repr-digest",
                "md5=:1B2M2Y8AsgTpgAmY7PhCfg:".to_owned(),
                MD5_HEX,
            ),
        ] {
            assert_eq!(shown(200, &[(name, &value)]), [checksum], "{name}: {value}");
        }
        let ResponseDigests { checksums, .. } =
            digests(200, &[("repr-digest", &format!("sha-512=:{SHA512}:"))]);
        assert_eq!(checksums[0].algorithm(), Algorithm::Sha512);
        assert_eq!(checksums[0].digest()[..3], [0x60, 0xc0, 0x1a]);
    }

    #[test]
    fn the_strongest_comes_first_from_whichever_field() {
        let two = format!("md5=:{MD5}: , x=:AA==:,\tsha-512=:{SHA512}:");
        let fields = [
            ("x-goog-hash", &*format!("crc32c={CRC32C}")),
            ("x-goog-hash", &format!("md5={MD5}")),
            ("repr-digest", &two),
            ("repr-digest", &format!("sha-256=:{SHA256}:")),
            ("digest", &format!("UNIXsum=30637, sha={SHA1}")),
        ];
        let all = shown(200, &fields);
        assert!(all[0].starts_with("sha512="), "{all:?}");
        assert_eq!(all[1..], [SHA256_HEX, SHA1_HEX, MD5_HEX, CRC32C_HEX]);
        let one_line = format!("crc32c={CRC32C},md5={MD5}");
        let fields = [("x-goog-hash", &*one_line)];
        assert_eq!(shown(200, &fields), [MD5_HEX, CRC32C_HEX]);
    }

    #[test]
    fn of_two_that_differ_the_clearer_field_counts() {
        const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAA==";
        let ours = format!("md5=:{MD5}:");
        let other = format!("md5=:{ZEROS}:");
        for fields in [
            [("repr-digest", &*ours), ("content-digest", &*other)],
            [
                ("content-digest", &ours),
                ("repr-digest", &format!("md5=:{ZEROS}:, Md5=1")),
            ],
            [
                ("content-digest", &ours),
                ("x-goog-hash", &format!("md5={ZEROS}")),
            ],
            [
                ("x-goog-hash", &format!("md5={MD5}")),
                ("digest", &format!("md5={ZEROS}")),
            ],
            [("digest", &format!("md5={MD5}")), ("content-md5", ZEROS)],
            // Within a dictionary, the last one (RFC 8941 §3.2).
            [("repr-digest", &other), ("repr-digest", &ours)],
        ] {
            assert_eq!(shown(200, &fields), [MD5_HEX], "{fields:?}");
        }
    }

    #[test]
    fn of_a_part_only_what_speaks_of_the_whole_counts() {
        let dictionary = format!("sha-256=:{SHA256}:");
        let digest = format!("sha-256={SHA256}");
        let hash = format!("crc32c={CRC32C}");
        for (name, value, of_part) in [
            ("repr-digest", &*dictionary, Some(SHA256_HEX)),
            ("x-goog-hash", &hash, Some(CRC32C_HEX)),
            ("content-digest", &dictionary, None),
            ("digest", &digest, None),
            ("content-md5", MD5, None),
        ] {
            let fields = [(name, value)];
            assert!(shown(206, &fields).iter().eq(of_part.iter()), "{name}");
            for status in [203, 204, 404, 416, 500] {
                assert_eq!(digests(status, &fields), ResponseDigests::default());
            }
        }
    }

    #[test]
    fn with_a_coding_what_is_sent_is_not_the_file() {
        let dictionary = format!("sha-256=:{SHA256}:");
        let gzip = ("content-encoding", "gzip");
        for name in ["repr-digest", "content-digest"] {
            let digests = digests(200, &[(name, &dictionary), gzip]);
            assert_eq!((digests.checksums.len(), digests.is_encoded), (1, true));
        }
        let plain = [
            ("repr-digest", &*dictionary),
            ("content-encoding", "identity"),
        ];
        assert!(!digests(200, &plain).is_encoded);
        for (name, value) in [
            ("digest", format!("sha-256={SHA256}")),
            ("content-md5", MD5.to_owned()),
        ] {
            assert_eq!(shown(200, &[(name, &value), gzip]), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_hash_of_what_is_stored_counts_where_that_is_sent() {
        let stored = "x-goog-stored-content-encoding";
        for (codings, counts) in [
            (&[][..], true),
            (&[(stored, "identity")], true),
            (&[(stored, "gzip"), ("content-encoding", "GZIP")], true),
            // It was decoded on the way.
            (&[(stored, "gzip")], false),
            // It was encoded on the way.
            (&[(stored, "identity"), ("content-encoding", "gzip")], false),
            (&[("content-encoding", "gzip")], false),
        ] {
            let hash = format!("crc32c={CRC32C}");
            let mut fields = vec![("x-goog-hash", &*hash)];
            fields.extend(codings);
            assert_eq!(
                shown(200, &fields).len(),
                usize::from(counts),
                "{codings:?}"
            );
        }
    }

    #[test]
    fn what_is_malformed_vouches_for_nothing() {
        let good = format!("sha-256=:{SHA256}:");
        for value in [
            String::new(),
            "sha-256".to_owned(),
            "sha-256=".to_owned(),
            "sha-256=:".to_owned(),
            "sha-256=::".to_owned(),
            format!("sha-256={SHA256}"),
            format!("sha-256=\"{SHA256}\""),
            format!("sha-256=:{SHA256}"),
            format!("sha-256={SHA256}:"),
            format!("sha-256 =:{SHA256}:"),
            format!("sha-256= :{SHA256}:"),
            format!("sha-256=: {SHA256}:"),
            format!("SHA-256=:{SHA256}:"),
            format!("sha-512=:{SHA256}:"),
            format!("md5=:{SHA256}:"),
            format!("sha-256=:{MD5}:"),
            "sha-256=:????:".to_owned(),
            "sha-256=:44aff4ab2d7c3250525675a08f0cfa9591168cffe51791c5f5bbc417c15a6c38:".to_owned(),
            format!("crc32c=:{CRC32C}:"),
            format!("{good};p=1"),
            format!("{good},"),
            format!(",{good}"),
            format!("{good}, x"),
            format!("{good}, x=1"),
            format!("{good}, x=\"a,b\""),
            format!("{good}, =:AA==:"),
            format!("{good}, X=:AA==:"),
            format!("{good}, 1=:AA==:"),
            format!("{good} {good}"),
            // The last one counts, and has the wrong length.
            format!("{good}, sha-256=:AA==:"),
        ] {
            for name in ["repr-digest", "content-digest"] {
                assert_eq!(shown(200, &[(name, &value)]), [""; 0], "{value}");
            }
        }
        for (name, value) in [
            ("digest", format!("sha-256=:{SHA256}:")),
            ("digest", format!("sha-512={SHA256}")),
            ("digest", format!("id-sha-256={SHA256}")),
            ("digest", format!("sha-256 = {SHA256}")),
            ("digest", "crc32c=e3069283".to_owned()),
            ("digest", "sha-256".to_owned()),
            ("content-md5", format!("{MD5}, {MD5}")),
            ("content-md5", "d41d8cd98f00b204e9800998ecf8427e".to_owned()),
            ("content-md5", String::new()),
            ("x-goog-hash", format!("sha256={SHA256}")),
            ("x-goog-hash", format!("crc32c={MD5}")),
            ("x-goog-hash", "crc32c=e3069283".to_owned()),
        ] {
            assert_eq!(shown(200, &[(name, &value)]), [""; 0], "{name}: {value}");
        }
        // In the older fields, a malformed member does not affect the others.
        let mixed = format!("sha-256=?, md5={MD5}, ,=");
        assert_eq!(shown(200, &[("digest", &mixed)]), [MD5_HEX]);
    }

    /// Returns a strategy for values of fields, most of them almost valid.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        let pieces = vec![
            "sha-256", "sha-512", "sha", "md5", "crc32c", "MD5", "=", ":", "=:", ",", ", ", ";",
            "\"", "*", SHA256, SHA512, SHA1, MD5, CRC32C, "gzip", "identity", "AA==", " ",
        ];
        let near = proptest::collection::vec(proptest::sample::select(pieces), 0..12);
        let any =
            proptest::collection::vec(prop_oneof![b' '..=b'~', 0x80..=255_u8, Just(b'\t')], 0..60);
        prop_oneof![near.prop_map(|pieces| pieces.concat().into_bytes()), any]
    }

    proptest! {
        #[test]
        fn any_fields_are_read_and_each_algorithm_comes_once(
            fields in proptest::collection::vec((0..7_usize, value()), 0..8),
            is_whole: bool,
        ) {
            let name = |at: usize| {
                [REPR_DIGEST, CONTENT_DIGEST, DIGEST, CONTENT_MD5, GOOG_HASH, GOOG_STORED, CONTENT_ENCODING][at].clone()
            };
            let headers = fields
                .iter()
                .map(|(at, value)| (name(*at), HeaderValue::from_bytes(value).unwrap()))
                .collect();
            let status = if is_whole { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
            let digests = read(status, &headers);
            let places = digests.checksums.iter().map(|checksum| {
                assert_eq!(checksum.digest().len(), checksum.algorithm().digest_length());
                STRONGEST_FIRST.iter().position(|algorithm| *algorithm == checksum.algorithm())
            });
            let places: Vec<_> = places.collect();
            prop_assert!(places.is_sorted_by(|one, next| one < next));
        }

        #[test]
        fn what_is_written_is_read(digest: [u8; 32]) {
            let text = base64::prelude::BASE64_STANDARD.encode(digest);
            let checksum = Checksum::of_digest(Algorithm::Sha256, digest);
            for (name, value) in [
                ("repr-digest", format!("sha-256=:{text}:")),
                ("digest", format!("SHA-256={text}")),
            ] {
                let digests = digests(200, &[(name, &value)]);
                prop_assert_eq!(&digests.checksums, std::slice::from_ref(&checksum));
            }
        }
    }
}
