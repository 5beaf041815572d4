//! Lists of checksums: what `sha256sum` and its like write, a checksum and a name a line.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::iter::FusedIterator;
use std::path::Path;
use std::sync::Arc;

use super::armour::Armour;
use super::base::Base;
use super::decompressed::Decompressed;
use super::lines::{Line, Lines};
use super::list_name;
use crate::checksum::{Algorithm, Checksum};
use crate::error::{Error, ErrorKind};
use crate::redact::redacted;
use crate::request::Row;

/// Those that a number of hex digits stands for.
const BY_LENGTH: [Algorithm; 4] = [
    Algorithm::Md5,
    Algorithm::Sha1,
    Algorithm::Sha256,
    Algorithm::Sha512,
];
/// The fewest hex digits that are taken for a checksum.
const FEWEST: usize = 8;

/// A list of checksums, read as its rows are asked for: a `SHA256SUMS` file and its like.
///
/// A line is what GNU's tools write, `HEX  NAME` or `HEX *NAME`, or what BSD's do, `SHA256 (NAME) =
/// HEX`; one that begins with a backslash has `\\`, `\n` and `\r` in its name escaped. Without a
/// tag the number of hex digits tells the algorithm: 32 MD5, 40 SHA-1, 64 SHA-256, 128 SHA-512; in
/// a list called `B3SUMS`, `….b3` or the like, 64 are BLAKE3. Blank lines, and lines that start
/// with `#`, are skipped, and so is what PGP puts around a text that it signs (RFC 9580 §7); the
/// signature is not checked. Any other line is one row, good or bad. The name is where the file is,
/// seen from the base URL, and what it is called here, folders included.
///
/// ```
/// use haulage::source::Checksums;
///
/// let list = "d41d8cd98f00b204e9800998ecf8427e  a/b c.bin\n";
/// let list = Checksums::new(list.as_bytes(), "MD5SUMS", "http://host.example/MD5SUMS")?;
/// let rows: Result<Vec<_>, _> = list.collect();
/// assert_eq!(rows.unwrap()[0].url(), "http://host.example/a/b%20c.bin");
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug)]
pub struct Checksums<R> {
    lines: Lines<R>,
    armour: Armour,
    base: Base,
    /// What 64 hex digits are.
    of_64: Algorithm,
}

impl Checksums<Decompressed<File>> {
    /// Opens a list, which may be compressed; the names in it are relative to `base`.
    ///
    /// # Errors
    /// When it cannot be opened, and as [`new`](Self::new).
    pub fn open(path: &Path, base: &str) -> io::Result<Self> {
        let reader = Decompressed::new(File::open(path)?);
        Self::new(reader, path.to_string_lossy(), base).map_err(io::Error::other)
    }
}

impl<R: Read> Checksums<R> {
    /// Creates a list from a reader. `input` is the name of the list in the places of its rows. The
    /// names in it are relative to `base` (RFC 3986 §5), which may be the URL of the list itself.
    ///
    /// # Errors
    /// Of kind `input`, when `base` is no absolute `http` or `https` URL.
    pub fn new(reader: R, input: impl Into<Arc<str>>, base: &str) -> Result<Self, Error> {
        Ok(Self::of(
            Lines::new(reader, input.into()),
            Base::parse(base)?,
        ))
    }

    /// Creates a list from the lines that have not been read yet.
    pub(super) fn of(lines: Lines<R>, base: Base) -> Self {
        let of_64 = if list_name::is_of_blake3(lines.input()) {
            Algorithm::Blake3
        } else {
            Algorithm::Sha256
        };
        Self {
            lines,
            armour: Armour::default(),
            base,
            of_64,
        }
    }

    /// Takes the error that ended the list too early; `None` if there was none. A line that the
    /// error cut off is not a row.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.lines.take_error()
    }
}

impl<R: Read> Iterator for Checksums<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            let line = self.lines.next_of_any_kind()?;
            if let Some(line) = row_of(&mut self.armour, line) {
                return Some(request_of(line, &self.base, self.of_64));
            }
        }
    }
}

impl<R: Read> FusedIterator for Checksums<R> {}

/// Returns how many rows a list with these lines has. Fails if they cannot be read to the end.
pub(super) fn count(mut lines: Lines<impl Read>) -> io::Result<u64> {
    let (mut armour, mut rows) = (Armour::default(), 0);
    while let Some(line) = lines.next_of_any_kind() {
        rows += u64::from(row_of(&mut armour, line).is_some());
    }
    lines.take_error().map_or(Ok(rows), Err)
}

/// Returns whether a line looks like a line of a checksum list, even if its algorithm is not known.
pub(super) fn is_entry(line: &str) -> bool {
    Entry::of(line).is_some()
}

/// Returns the line without what PGP added to it; `None` if it is not a row (a blank line, a
/// comment, or a line of PGP's own).
fn row_of<'a>(armour: &mut Armour, line: Line<'a>) -> Option<Line<'a>> {
    armour.text_of(line).filter(Line::says_something)
}

fn request_of(line: Line<'_>, base: &Base, of_64: Algorithm) -> Row {
    let refused = |error| line.refused(line.bytes, error);
    let text = line.text().map_err(refused)?;
    let entry = Entry::of(text).ok_or_else(|| {
        refused(input(
            "the line is no checksum and a name; write HEX, two spaces and the name, or SHA256 (NAME) = HEX",
        ))
    })?;
    let request = || {
        let checksum = Checksum::from_hex(entry.algorithm(of_64)?, entry.hex)?;
        let name = entry.name()?;
        base.file(&name)?.named(&name)?.checksum(checksum)
    };
    match request() {
        Ok(request) => Ok(request.read_at(line.location())),
        Err(error) => Err(line.refused(entry.name.as_bytes(), error)),
    }
}

/// What a line says.
struct Entry<'a> {
    /// The algorithm, in BSD's format.
    tag: Option<&'a str>,
    hex: &'a str,
    name: &'a str,
    is_escaped: bool,
}

impl<'a> Entry<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (is_escaped, line) = match line.strip_prefix('\\') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (tag, hex, name) = untagged(line).or_else(|| tagged(line))?;
        Some(Self {
            tag,
            hex,
            name,
            is_escaped,
        })
    }

    fn algorithm(&self, of_64: Algorithm) -> Result<Algorithm, Error> {
        match self.tag {
            // As OpenSSL has them.
            Some("SHA2-256") => Ok(Algorithm::Sha256),
            Some("SHA2-512") => Ok(Algorithm::Sha512),
            Some(tag) => tag.parse(),
            None if self.hex.len() == 64 => Ok(of_64),
            None => {
                let has_length = |known: &Algorithm| 2 * known.digest_length() == self.hex.len();
                BY_LENGTH.into_iter().find(has_length).ok_or_else(|| {
                    input(format!(
                        "{} hex digits are no checksum that is known: md5 has 32, sha1 40, sha256 64, sha512 128",
                        self.hex.len()
                    ))
                })
            }
        }
    }

    /// Returns the name of the file, unescaped. Fails for `-`, and for an unknown escape.
    fn name(&self) -> Result<Cow<'a, str>, Error> {
        if self.name == "-" {
            return Err(input(
                "`-` is no name: the checksum is of what was read from standard input",
            ));
        }
        if self.is_escaped {
            unescaped(self.name).map(Cow::Owned)
        } else {
            Ok(Cow::Borrowed(self.name))
        }
    }
}

/// Splits `HEX  NAME` (a text file), `HEX *NAME` (a binary file) or `HEX NAME` (written by hand)
/// into no tag, the hex digits and the name; `None` if the line has another format.
fn untagged(line: &str) -> Option<(Option<&str>, &str, &str)> {
    let digits = line.bytes().take_while(u8::is_ascii_hexdigit).count();
    let (hex, rest) = line.split_at(digits);
    let name = rest.strip_prefix([' ', '\t'])?;
    (digits >= FEWEST).then(|| (None, hex, name.strip_prefix([' ', '*']).unwrap_or(name)))
}

/// Splits `SHA256 (NAME) = HEX`, with or without the spaces, into the tag, the hex digits and the
/// name; `None` if the line has another format.
fn tagged(line: &str) -> Option<(Option<&str>, &str, &str)> {
    let (tag, rest) = line.split_once('(')?;
    let tag = tag.strip_suffix(' ').unwrap_or(tag);
    // The name may have parentheses too.
    let (name, hex) = rest.rsplit_once(')')?;
    let hex = hex.trim_start().strip_prefix('=')?.trim();
    let is_tag = |byte: u8| byte.is_ascii_alphanumeric() || b"-/".contains(&byte);
    let is_entry = !tag.is_empty() && tag.bytes().all(is_tag) && !hex.is_empty();
    is_entry.then_some((Some(tag), hex, name))
}

/// Returns a name as it was before GNU's tools escaped it. Fails if a backslash is not followed by
/// a backslash, `n` or `r`.
fn unescaped(name: &str) -> Result<String, Error> {
    let mut plain = String::with_capacity(name.len());
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('r') => '\r',
                _ => {
                    return Err(input(format!(
                        "{:?} is escaped in a way that is not known: after a backslash comes \\, n or r",
                        redacted(name)
                    )));
                }
            },
            other => other,
        });
    }
    Ok(plain)
}

fn input(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Input, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::name::RelativeName;
    use crate::request::BadRow;

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn list<'a>(bytes: &'a [u8], name: &str) -> Checksums<&'a [u8]> {
        Checksums::new(bytes, name, "http://host.example/d/SUMS").unwrap()
    }

    fn only(line: &str) -> Row {
        let mut list = list(line.as_bytes(), "SUMS");
        let row = list.next().unwrap();
        assert!(list.next().is_none());
        row
    }

    /// Returns a row's URL, name and checksum.
    fn told(row: Row) -> (String, RelativeName, String) {
        let request = row.unwrap();
        let [checksum] = &request.checksums[..] else {
            panic!("one checksum a line");
        };
        (
            request.url().to_owned(),
            request.name.clone().unwrap(),
            checksum.to_string(),
        )
    }

    fn named(name: &str) -> RelativeName {
        RelativeName::from_user(name).unwrap()
    }

    fn refused(line: &str) -> BadRow {
        only(line).unwrap_err()
    }

    #[test]
    fn each_format_names_a_file_below_the_base_and_its_checksum() {
        let (sha512, upper) = ("0".repeat(128), MD5.to_uppercase());
        for (line, url, name, checksum) in [
            (format!("{MD5}  a"), "a", "a", format!("md5={MD5}")),
            (
                format!("{MD5} *a.bin"),
                "a.bin",
                "a.bin",
                format!("md5={MD5}"),
            ),
            (format!("{upper} a"), "a", "a", format!("md5={MD5}")),
            (format!("{SHA1}\ta"), "a", "a", format!("sha1={SHA1}")),
            (
                format!("{SHA256}  ./b/c"),
                "b/c",
                "b/c",
                format!("sha256={SHA256}"),
            ),
            (
                format!("{sha512}  a b"),
                "a%20b",
                "a b",
                format!("sha512={sha512}"),
            ),
            (
                format!("{MD5}   a "),
                "%20a%20",
                " a ",
                format!("md5={MD5}"),
            ),
            (
                format!("SHA256 (a (1)) = {SHA256}"),
                "a%20%281%29",
                "a (1)",
                format!("sha256={SHA256}"),
            ),
            (
                format!("SHA2-256(a)= {SHA256}\r"),
                "a",
                "a",
                format!("sha256={SHA256}"),
            ),
            (
                format!("BLAKE3 (a) = {SHA256}"),
                "a",
                "a",
                format!("blake3={SHA256}"),
            ),
            (
                "CRC32C (a) = 00000001".into(),
                "a",
                "a",
                "crc32c=00000001".into(),
            ),
            (
                format!("MD5 (a) = x) = {MD5}"),
                "a%29%20%3D%20x",
                "a) = x",
                format!("md5={MD5}"),
            ),
            (
                format!("{MD5}  a (b) = c"),
                "a%20%28b%29%20%3D%20c",
                "a (b) = c",
                format!("md5={MD5}"),
            ),
        ] {
            let expected = (
                format!("http://host.example/d/{url}"),
                named(name),
                checksum,
            );
            assert_eq!(told(only(&line)), expected, "{line}");
        }
    }

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        for (name, url) in [
            ("a?b#c", "a%3Fb%23c"),
            ("100%25.txt", "100%2525.txt"),
            ("http://other.example/x", "http%3A//other.example/x"),
            ("c:d", "c%3Ad"),
            ("x\\y", "x%5Cy"),
            ("日本/語", "%E6%97%A5%E6%9C%AC/%E8%AA%9E"),
            ("a-b_c.d~e", "a-b_c.d~e"),
        ] {
            let (found, ..) = told(only(&format!("{MD5}  {name}")));
            assert_eq!(found, format!("http://host.example/d/{url}"));
        }
    }

    #[test]
    fn a_line_that_begins_with_a_backslash_is_unescaped_and_no_other() {
        for (line, name) in [
            (format!("\\{MD5}  a\\nb\\\\c\\r"), "a\nb\\c\r"),
            (format!("\\SHA256 (a\\\\b) = {SHA256}"), "a\\b"),
            (format!("{MD5}  a\\nb"), "a\\nb"),
        ] {
            assert_eq!(told(only(&line)).1, named(name), "{line}");
        }
        for end in ["a\\", "a\\tb"] {
            let message = refused(&format!("\\{MD5}  {end}")).error.to_string();
            assert!(message.contains("escaped"), "{message}");
        }
    }

    #[test]
    fn sixty_four_digits_are_blake3_where_the_lists_name_says_so() {
        for (name, algorithm) in [
            ("SHA256SUMS", "sha256="),
            ("-", "sha256="),
            ("d/B3SUMS", "blake3="),
            ("x.iso.b3", "blake3="),
        ] {
            let line = format!("{SHA256}  a\n");
            let (.., checksum) = told(list(line.as_bytes(), name).next().unwrap());
            assert!(checksum.starts_with(algorithm), "{name}: {checksum}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_used_fails_alone_and_says_why() {
        for (line, kind, says) in [
            (format!("{MD5}  ../a"), ErrorKind::Name, "without `..`"),
            (format!("{MD5}  /etc/passwd"), ErrorKind::Name, "absolute"),
            (
                format!("{MD5}  //other.example/a"),
                ErrorKind::Name,
                "absolute",
            ),
            (
                format!("\\{MD5}  a\\\\..\\\\b"),
                ErrorKind::Name,
                "without `..`",
            ),
            (format!("{MD5}  "), ErrorKind::Name, "names no file"),
            (format!("{MD5} "), ErrorKind::Name, "names no file"),
            (format!("{MD5}  -"), ErrorKind::Input, "standard input"),
            (MD5.to_owned(), ErrorKind::Input, "no checksum and a name"),
            ("a".to_owned(), ErrorKind::Input, "no checksum and a name"),
            (format!("{MD5}0  a"), ErrorKind::Input, "33 hex digits"),
            (
                format!("{}  a", "0".repeat(96)),
                ErrorKind::Input,
                "96 hex digits",
            ),
            (
                format!("SHA384 (a) = {MD5}"),
                ErrorKind::Input,
                "there are sha256",
            ),
            (
                format!("SHA256 (a) = {MD5}"),
                ErrorKind::Input,
                "64 hex digits",
            ),
            (
                "SIZE (a) = 12".to_owned(),
                ErrorKind::Input,
                "there are sha256",
            ),
        ] {
            let bad = refused(&line);
            assert_eq!(bad.error.kind(), kind, "{line}");
            assert!(
                bad.error.to_string().contains(says),
                "{line}: {}",
                bad.error
            );
            assert_eq!(bad.location.unwrap().line, 1);
        }
        assert_eq!(refused(&format!("{MD5}  ../a")).text, "../a");
    }

    #[test]
    fn comments_blanks_signatures_and_unreadable_lines_stop_no_row() {
        let mut text = format!(
            "\u{feff}# sums\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n\r\n{MD5}  a\r\n"
        )
        .into_bytes();
        text.extend(MD5.bytes());
        text.extend(b"  \xff\n");
        text.extend(vec![b'0'; 300_000]);
        text.extend(format!("\n{SHA1}  b\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n").bytes());
        text.extend(b"-----END PGP SIGNATURE-----\n");
        let rows: Vec<_> = list(&text, "SUMS").collect();
        let lines = rows.iter().map(|row| match row {
            Ok(request) => (request.location.as_ref().unwrap().line, "good".to_owned()),
            Err(bad) => (bad.location.as_ref().unwrap().line, bad.error.to_string()),
        });
        let lines: Vec<_> = lines.collect();
        assert_eq!(
            lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [6, 7, 8, 9]
        );
        for (at, says) in [(0, "good"), (1, "UTF-8"), (2, "64 KiB"), (3, "good")] {
            assert!(lines[at].1.contains(says), "{:?}", lines[at]);
        }
        let counted = count(Lines::new(&text[..], "SUMS".into())).unwrap();
        assert_eq!(counted, 4);
    }

    #[test]
    fn a_password_of_the_base_is_for_its_host_and_is_not_seen() {
        let line = format!("{MD5}  a\n");
        let base = "http://u:secret@host.example/";
        let mut list = Checksums::new(line.as_bytes(), "SUMS", base).unwrap();
        assert!(!format!("{list:?}").contains("secret"));
        let request = list.next().unwrap().unwrap();
        assert_eq!(request.url(), "http://host.example/a");
        assert_eq!(request.credentials.unwrap().password, b"secret");
        assert!(Checksums::new(&b""[..], "SUMS", "d/").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_none_and_as_many_as_are_counted(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(vec![
                        &b"\n"[..], b"\r\n", b"\\", b"#", b" ", b"  ", b" *", b"(", b") = ", b"SHA256 (", b"MD5", b"..", b"/", b"- ",
                        b"-----BEGIN PGP SIGNED MESSAGE-----\n", b"-----BEGIN PGP SIGNATURE-----\n",
                        b"-----END PGP SIGNATURE-----\n", b"Hash: SHA256\n", b"\xEF\xBB\xBF", MD5.as_bytes(), SHA256.as_bytes(),
                    ]).prop_map(<[u8]>::to_vec),
                    proptest::collection::vec(any::<u8>(), 0..20),
                ],
                0..40,
            ),
        ) {
            let text = pieces.concat();
            let rows: Vec<_> = list(&text, "SUMS").collect();
            for row in &rows {
                match row {
                    Ok(request) => {
                        prop_assert!(request.url().starts_with("http://host.example/d/"), "{}", request.url());
                        prop_assert!(request.name.is_some() && request.checksums.len() == 1);
                    }
                    Err(bad) => prop_assert!(bad.text.chars().count() <= 200 && bad.location.is_some()),
                }
            }
            prop_assert_eq!(count(Lines::new(&text[..], "SUMS".into())).unwrap(), rows.len() as u64);
        }
    }
}
