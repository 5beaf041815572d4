//! Netrc files, read as curl reads them: a login for each machine.
//!
//! Tokens are separated by blanks and line ends. One that begins with `"` ends at the next `"`,
//! and may have escapes. A macro (`macdef`) ends at an empty line. Words that are not known are
//! passed over.

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
    None,
    Named(String),
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
        Self::parse(&text).map_err(|error| file::unusable(path, &format!("is no netrc: {error}")))
    }

    /// Parses the text of a netrc file.
    ///
    /// # Errors
    /// Of kind `input`, for a quote that does not end in its line, and for a word such as `login`
    /// without a value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut words = Words::new(text);
        let mut entries = Entries::default();
        // Before the first machine, nothing is kept.
        let mut current = Entry::default();
        let mut machine = Machine::None;
        while let Some((line, word)) = words.keyword()? {
            let mut value = || words.value(line, &word);
            match word.to_ascii_lowercase().as_str() {
                "machine" => {
                    let next = Machine::Named(normalised(&value()?));
                    let before = std::mem::replace(&mut machine, next);
                    entries.add(before, std::mem::take(&mut current));
                }
                "default" => {
                    let before = std::mem::replace(&mut machine, Machine::Default);
                    entries.add(before, std::mem::take(&mut current));
                }
                "login" | "user" => {
                    current.credentials.user = value()?;
                    current.has_login = true;
                }
                "password" => {
                    current.credentials.password = value()?;
                    current.has_password = true;
                }
                "account" => drop(value()?),
                "macdef" => words.skip_macro(),
                _ => {}
            }
        }
        entries.add(machine, current);
        Ok(Self(Arc::new(entries)))
    }

    /// Returns the first login for a host, written as in a URL; with a `user`, the first one that
    /// is of that user. `None` if there is none.
    pub(crate) fn of_machine(&self, host: &str, user: Option<&str>) -> Option<&Credentials> {
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
            Machine::Named(name) => self.machines.entry(name.into()).or_default().push(entry),
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
/// IPv6 address in brackets.
fn normalised(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_bare_ipv6 = name.contains(':') && !name.starts_with('[');
    let parsed = if is_bare_ipv6 {
        Host::parse(&format!("[{name}]"))
    } else {
        Host::parse(name)
    };
    parsed.map_or_else(|_| name.to_ascii_lowercase(), |host| host.to_string())
}

/// The words of a file.
struct Words<'a> {
    rest: &'a str,
    /// The present line, from 1.
    line: usize,
    /// No word of the present line has been read.
    at_line_start: bool,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.strip_prefix('\u{feff}').unwrap_or(text),
            line: 1,
            at_line_start: true,
        }
    }

    /// Passes over blanks and line ends.
    fn skip_blanks(&mut self) {
        let blank = |letter: char| letter.is_ascii_whitespace();
        let word = self.rest.find(|letter| !blank(letter));
        let (blanks, rest) = self.rest.split_at(word.unwrap_or(self.rest.len()));
        let lines = blanks.matches('\n').count();
        self.line += lines;
        self.at_line_start |= lines > 0;
        self.rest = rest;
    }

    /// Passes over the rest of the present line.
    fn skip_line(&mut self) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
    }

    /// Passes over a macro: its name, and all lines up to an empty one.
    fn skip_macro(&mut self) {
        loop {
            self.skip_line();
            let Some(next) = self.rest.strip_prefix('\n') else {
                return;
            };
            self.rest = next;
            self.line += 1;
            self.at_line_start = true;
            let end = next.find('\n').unwrap_or(next.len());
            if next[..end].trim().is_empty() {
                return;
            }
        }
    }

    /// Returns the next word that may be a keyword, and its line. What begins with `#` there is a
    /// comment up to the end of its line.
    fn keyword(&mut self) -> Result<Option<(usize, String)>, Error> {
        loop {
            self.skip_blanks();
            if !self.rest.starts_with('#') {
                break;
            }
            self.skip_line();
        }
        let line = self.line;
        Ok(self.word()?.map(|word| (line, word)))
    }

    /// Returns the value that follows a keyword. It may begin with `#`, unless that stands at the
    /// beginning of a line.
    fn value(&mut self, line: usize, keyword: &str) -> Result<String, Error> {
        loop {
            self.skip_blanks();
            if !(self.at_line_start && self.rest.starts_with('#')) {
                break;
            }
            self.skip_line();
        }
        let missing = || syntax(line, &format!("nothing follows {keyword:?}"));
        self.word()?.ok_or_else(missing)
    }

    /// Returns the word that begins here.
    fn word(&mut self) -> Result<Option<String>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.at_line_start = false;
        if let Some(quoted) = self.rest.strip_prefix('"') {
            return self.quoted(quoted).map(Some);
        }
        let blank = |letter: char| letter.is_ascii_whitespace();
        let end = self.rest.find(blank).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Some(word.to_owned()))
    }

    /// Returns what stands in quotes, up to the closing one.
    fn quoted(&mut self, text: &'a str) -> Result<String, Error> {
        let mut word = String::new();
        let mut letters = text.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &text[at + 1..];
                    return Ok(word);
                }
                '\\' => match letters.next() {
                    Some((_, 'n')) => word.push('\n'),
                    Some((_, 'r')) => word.push('\r'),
                    Some((_, 't')) => word.push('\t'),
                    Some((_, '\n')) | None => break,
                    Some((_, other)) => word.push(other),
                },
                '\n' => break,
                other => word.push(other),
            }
        }
        Err(syntax(self.line, "a quote (\") does not end in its line"))
    }
}

fn syntax(line: usize, what: &str) -> Error {
    Error::new(ErrorKind::Input, format!("line {line}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(netrc: &str, host: &str, user: Option<&str>) -> Option<(String, String)> {
        let netrc = Netrc::parse(netrc).unwrap();
        let found = netrc.of_machine(host, user)?;
        Some((found.user.clone(), found.password.clone()))
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
        assert_eq!((&*default.user, &*default.password), ("v", "q"));
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
