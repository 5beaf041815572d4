//! Netrc files, read as curl reads them: a login for each machine.
//!
//! Tokens are separated by blanks and line ends. One that begins with `"` ends at the next `"`,
//! and may have escapes. A macro (`macdef`) ends at an empty line. Words that are not known are
//! passed over. The file is bytes, since a login need not be UTF-8.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use url::Host;

use super::{Credentials, file};
use crate::error::{Error, ErrorKind};

/// The logins of a netrc file. A clone shares them. `Debug` shows how many there are.
///
/// ```
/// use haulage::{Netrc, RunOptions};
///
/// let mut options = RunOptions::new("downloads");
/// options.netrc = Some(Netrc::parse("machine example.org login me password \"a secret\"")?);
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Netrc(Arc<Entries>);

#[derive(Default, PartialEq, Eq)]
struct Entries {
    /// By the name of the machine, in the order of the file.
    machines: HashMap<Box<str>, Vec<Entry>>,
    /// The first `default`.
    default: Option<Entry>,
}

#[derive(Default, PartialEq, Eq)]
struct Entry {
    credentials: Credentials,
    has_login: bool,
    has_password: bool,
}

/// What the words that follow are about.
enum Machine {
    /// None yet, or one that no URL can name.
    None,
    Named(Box<str>),
    Default,
}

impl Netrc {
    /// Reads a netrc file. Blocks.
    ///
    /// # Errors
    /// Of kind `input`, for a file that cannot be read or parsed.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = file::read(path)?;
        Self::parse(text).map_err(|error| file::unusable(path, &format!("is no netrc: {error}")))
    }

    /// Parses the text of a netrc file. A login need not be UTF-8; it is sent as it is. An entry
    /// whose machine cannot be the host of a URL is left out.
    ///
    /// # Errors
    /// Of kind `input`, for a quote that does not end in its line, for a word such as `login`
    /// without a value, and for text in UTF-16.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        let text = text.as_ref();
        if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") {
            let what = "it is in UTF-16; save it in UTF-8";
            return Err(Error::new(ErrorKind::Input, what));
        }
        let mut words = Words::new(text);
        let mut entries = Entries::default();
        // Before the first machine, nothing is kept.
        let mut current = Entry::default();
        let mut machine = Machine::None;
        while let Some((line, word)) = words.keyword()? {
            let mut value = || words.value(line, &word);
            match word.to_ascii_lowercase().as_slice() {
                b"machine" => {
                    let next = normalised(&value()?).map_or(Machine::None, Machine::Named);
                    let before = std::mem::replace(&mut machine, next);
                    entries.add(before, std::mem::take(&mut current));
                }
                b"default" => {
                    let before = std::mem::replace(&mut machine, Machine::Default);
                    entries.add(before, std::mem::take(&mut current));
                }
                b"login" | b"user" => {
                    current.credentials.user = value()?;
                    current.has_login = true;
                }
                b"password" => {
                    current.credentials.password = value()?;
                    current.has_password = true;
                }
                b"account" => drop(value()?),
                b"macdef" => words.skip_macro(),
                _ => {}
            }
        }
        entries.add(machine, current);
        Ok(Self(Arc::new(entries)))
    }

    /// Returns the first login for a host, written as in a URL; with a `user`, the first one that
    /// is of that user. `None` if there is none.
    pub(crate) fn of_machine(&self, host: &str, user: Option<&[u8]>) -> Option<&Credentials> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let mut entries = self.0.machines.get(host)?.iter();
        let is_of_user = |entry: &&Entry| {
            user.is_none_or(|user| entry.has_login && entry.credentials.user == user)
        };
        entries.find(is_of_user).map(|entry| &entry.credentials)
    }

    /// Returns the login for hosts that have none of their own; `None` if there is none.
    pub(crate) fn default_login(&self) -> Option<&Credentials> {
        self.0.default.as_ref().map(|entry| &entry.credentials)
    }
}

impl Entries {
    /// Adds what stood behind a machine. An entry that says neither who logs in nor how is none
    /// (curl CVE-2025-0167).
    fn add(&mut self, machine: Machine, entry: Entry) {
        if !entry.has_login && !entry.has_password {
            return;
        }
        match machine {
            Machine::Named(name) => self.machines.entry(name).or_default().push(entry),
            Machine::Default => {
                self.default.get_or_insert(entry);
            }
            Machine::None => {}
        }
    }
}

impl fmt::Debug for Netrc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machines = self.0.machines.len();
        write!(formatter, "Netrc({machines} machines, …)")
    }
}

/// Returns a machine's name as a URL has it: in lower case, a name beyond ASCII as A-labels, an
/// IPv6 address in brackets. `None` for what is not UTF-8: no URL has such a host.
fn normalised(name: &[u8]) -> Option<Box<str>> {
    let name = str::from_utf8(name).ok()?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_bare_ipv6 = name.contains(':') && !name.starts_with('[');
    let parsed = if is_bare_ipv6 {
        Host::parse(&format!("[{name}]"))
    } else {
        Host::parse(name)
    };
    let name = parsed.map_or_else(|_| name.to_ascii_lowercase(), |host| host.to_string());
    Some(name.into_boxed_str())
}

/// The words of a file.
struct Words<'a> {
    rest: &'a [u8],
    /// The present line, from 1.
    line: usize,
    /// No word of the present line has been read.
    at_line_start: bool,
}

impl<'a> Words<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            rest: text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text),
            line: 1,
            at_line_start: true,
        }
    }

    /// Passes over blanks and line ends.
    fn skip_blanks(&mut self) {
        let is_blank = |byte: &&u8| byte.is_ascii_whitespace();
        let length = self.rest.iter().take_while(is_blank).count();
        let (blanks, rest) = self.rest.split_at(length);
        let lines = memchr::memchr_iter(b'\n', blanks).count();
        self.line += lines;
        self.at_line_start |= lines > 0;
        self.rest = rest;
    }

    /// Passes over the rest of the present line.
    fn skip_line(&mut self) {
        self.rest = &self.rest[end_of_line(self.rest)..];
    }

    /// Passes over a macro: its name, and all lines up to an empty one.
    fn skip_macro(&mut self) {
        loop {
            self.skip_line();
            let Some(next) = self.rest.strip_prefix(b"\n") else {
                return;
            };
            self.rest = next;
            self.line += 1;
            self.at_line_start = true;
            if next[..end_of_line(next)].trim_ascii().is_empty() {
                return;
            }
        }
    }

    /// Returns the next word that may be a keyword, and its line. What begins with `#` there is a
    /// comment up to the end of its line.
    fn keyword(&mut self) -> Result<Option<(usize, Vec<u8>)>, Error> {
        loop {
            self.skip_blanks();
            if !self.rest.starts_with(b"#") {
                break;
            }
            self.skip_line();
        }
        let line = self.line;
        Ok(self.word()?.map(|word| (line, word)))
    }

    /// Returns the value that follows a keyword. It may begin with `#`, unless that stands at the
    /// beginning of a line.
    fn value(&mut self, line: usize, keyword: &[u8]) -> Result<Vec<u8>, Error> {
        loop {
            self.skip_blanks();
            if !(self.at_line_start && self.rest.starts_with(b"#")) {
                break;
            }
            self.skip_line();
        }
        let missing = || {
            let keyword = String::from_utf8_lossy(keyword);
            syntax(line, &format!("nothing follows {keyword:?}"))
        };
        self.word()?.ok_or_else(missing)
    }

    /// Returns the word that begins here.
    fn word(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.at_line_start = false;
        if let Some(quoted) = self.rest.strip_prefix(b"\"") {
            return self.quoted(quoted).map(Some);
        }
        let end = self.rest.iter().position(u8::is_ascii_whitespace);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        Ok(Some(word.to_owned()))
    }

    /// Returns what stands in quotes, up to the closing one.
    fn quoted(&mut self, text: &'a [u8]) -> Result<Vec<u8>, Error> {
        let mut word = Vec::new();
        let mut bytes = text.iter().copied().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.rest = &text[at + 1..];
                    return Ok(word);
                }
                b'\\' => match bytes.next() {
                    Some((_, b'n')) => word.push(b'\n'),
                    Some((_, b'r')) => word.push(b'\r'),
                    Some((_, b't')) => word.push(b'\t'),
                    Some((_, b'\n')) | None => break,
                    Some((_, other)) => word.push(other),
                },
                b'\n' => break,
                other => word.push(other),
            }
        }
        Err(syntax(self.line, "a quote (\") does not end in its line"))
    }
}

/// Returns how many bytes come before the next line end.
fn end_of_line(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).unwrap_or(text.len())
}

fn syntax(line: usize, what: &str) -> Error {
    Error::new(ErrorKind::Input, format!("line {line}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(netrc: &str, host: &str, user: Option<&str>) -> Option<(String, String)> {
        let netrc = Netrc::parse(netrc).unwrap();
        let found = netrc.of_machine(host, user.map(str::as_bytes))?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some((text(&found.user), text(&found.password)))
    }

    #[track_caller]
    fn assert_login(netrc: &str, user: &str, password: &str) {
        let expected = Some((user.to_owned(), password.to_owned()));
        assert_eq!(found(netrc, "h.example", None), expected, "{netrc:?}");
    }

    #[test]
    fn machine_has_a_login_however_it_is_laid_out() {
        for netrc in [
            "machine h.example login u password p",
            "machine h.example\n\tlogin u\r\n\tpassword p\n",
            "MACHINE H.Example LOGIN u PASSWORD p",
            "machine\nh.example\nlogin\nu\npassword\np",
            "machine h.example password p login u",
            "machine h.example account a login u password p",
            "\u{feff}machine h.example. user u password p",
            "machine g login x password y\nmachine h.example login u password p machine i",
            "default login x password y\nmachine h.example login u password p",
            "machine h.example port 80 login u password p",
        ] {
            assert_login(netrc, "u", "p");
        }
        let netrc = "machine g.example login u password p";
        assert_eq!(found(netrc, "h.example", None), None);
        assert_eq!(found(netrc, "x.g.example", None), None);
    }

    #[test]
    fn quoted_value_may_have_blanks_and_escapes() {
        assert_login(
            r#"machine h.example login "a b" password "c\"d\\e""#,
            "a b",
            "c\"d\\e",
        );
        assert_login(
            r#"machine h.example login "\n\r\t" password """#,
            "\n\r\t",
            "",
        );
        assert_login(
            r#"machine "h.example" login u"v password "\x""#,
            "u\"v",
            "x",
        );
        assert_login(r#"machine h.example login "u"password p"#, "u", "p");
    }

    #[test]
    fn comment_is_skipped_but_a_value_may_begin_with_a_hash() {
        assert_login(
            "# machine h.example login x\nmachine h.example login u password p",
            "u",
            "p",
        );
        assert_login(
            "machine h.example # mine\n # login x\nlogin u password #p",
            "u",
            "#p",
        );
        assert_login(
            "machine h.example login u # password x\npassword p",
            "u",
            "p",
        );
        assert_login("machine h.example login u password\n# it is:\np", "u", "p");
    }

    #[test]
    fn macro_ends_at_an_empty_line() {
        let netrc = "macdef init\nmachine h.example login x password y\nbye\n \t\n\
                     machine h.example login u password p\nmacdef m\nlogin z";
        assert_login(netrc, "u", "p");
        assert_login(
            "machine h.example login u macdef m\npassword x\n\npassword p",
            "u",
            "p",
        );
        assert_eq!(
            found("macdef m\nmachine h.example login x", "h.example", None),
            None
        );
    }

    #[test]
    fn user_chooses_between_entries_of_one_machine() {
        let netrc = "machine h.example login a password 1\nmachine h.example login b password 2";
        let of = |user| found(netrc, "h.example", user).map(|(_, password)| password);
        assert_eq!(of(None).as_deref(), Some("1"));
        assert_eq!(of(Some("b")).as_deref(), Some("2"));
        assert_eq!(of(Some("c")), None);
    }

    #[test]
    fn entry_takes_nothing_from_another_one() {
        let netrc = "machine a login u password secret\nmachine h.example login v\nmachine b";
        assert_login(netrc, "v", "");
        assert_eq!(
            found("machine h.example machine a login u", "h.example", None),
            None
        );
        assert_eq!(
            found("login u password p machine h.example", "h.example", None),
            None
        );
        let netrc = Netrc::parse("default\nmachine a login u password p").unwrap();
        assert!(netrc.default_login().is_none());
    }

    #[test]
    fn default_is_for_no_machine_by_name() {
        let netrc = Netrc::parse("machine a login u default login v password q").unwrap();
        assert!(netrc.of_machine("default", None).is_none());
        let default = netrc.default_login().unwrap();
        assert_eq!(default, &Credentials::new("v", "q"));
    }

    #[test]
    fn machine_is_compared_as_urls_are() {
        for (machine, host) in [
            ("::1", "[::1]"),
            ("[0:0::1]", "[::1]"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("127.1", "127.0.0.1"),
            ("h", "h."),
        ] {
            let netrc = format!("machine {machine} login u password p");
            assert!(found(&netrc, host, None).is_some(), "{machine}");
        }
    }

    #[test]
    fn login_that_is_not_utf8_is_kept_as_it_is() {
        let netrc = b"machine \xFF login x password y\n\
                      machine h.example login j\xFCrgen password \"p\xE9\\\"\"\n\
                      machine i.example login u password p # \xFC\n";
        let netrc = Netrc::parse(netrc).unwrap();
        let of = |host| netrc.of_machine(host, None).unwrap();
        assert_eq!(of("h.example"), &Credentials::new(b"j\xFCrgen", b"p\xE9\""));
        assert_eq!(of("i.example"), &Credentials::new("u", "p"));
        assert!(netrc.of_machine("h.example", Some(b"j\xFCrgen")).is_some());
        assert_eq!(netrc.0.machines.len(), 2);
        for utf16 in [b"\xFF\xFEm\0", b"\xFE\xFF\0m"] {
            let error = Netrc::parse(utf16).unwrap_err().to_string();
            assert_eq!(error, "it is in UTF-16; save it in UTF-8");
        }
    }

    #[test]
    fn mistake_is_named_with_its_line_and_no_secret() {
        for (netrc, says) in [
            ("machine h login u\npassword \"secret", "line 2: a quote"),
            (
                "machine h password \"secret\\\n\" login u",
                "line 1: a quote",
            ),
            ("machine h\nlogin", "line 2: nothing follows \"login\""),
            ("\n\nmachine", "line 3: nothing follows"),
        ] {
            let error = Netrc::parse(netrc).unwrap_err().to_string();
            assert!(error.starts_with(says), "{netrc:?}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let netrc = Netrc::parse("machine h login u password secret").unwrap();
        assert_eq!(format!("{netrc:?}"), "Netrc(1 machines, …)");
    }
}
