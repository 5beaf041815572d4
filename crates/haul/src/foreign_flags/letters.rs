//! Short options, alone or several in one word: `-L`, `-fsSLO`, `-x16`, `-qO-`. Some letters mean
//! different things in curl, wget and aria2c; what follows the letter tells which one was meant.

use std::ffi::OsString;

use super::Scan;
use super::table::{self, Takes};

/// The context of a letter.
struct After<'a> {
    /// The rest of its word.
    rest: &'a str,
    /// The next word; `None` if there is none, or it is an option.
    next: Option<&'a str>,
    /// The words before the letter's.
    earlier: &'a [OsString],
    /// The words after the letter's.
    later: &'a [OsString],
}

impl<'a> After<'a> {
    /// Returns what the letter's value would be: the rest of its word, or else the next word;
    /// `None` if there is neither. An `=` before it is removed, as in aria2c's `-x=16`.
    fn value(&self) -> Option<&'a str> {
        if self.rest.is_empty() {
            self.next
        } else {
            Some(self.rest.strip_prefix('=').unwrap_or(self.rest))
        }
    }

    fn is_number(&self) -> bool {
        self.value().is_some_and(is_number)
    }

    /// Returns whether `-x` is wget's, which takes no value: only a URL, or nothing, follows it,
    /// there is no other URL, and there is no list.
    fn is_wgets_x(&self) -> bool {
        !self.has_url() && !self.has_list() && self.stands_alone()
    }

    /// Returns whether the command line has another URL, before the letter or after its value.
    fn has_url(&self) -> bool {
        let is_url = |word: &OsString| word.to_str().is_some_and(|word| word.contains("://"));
        let mut others = self.earlier.iter().chain(self.later.iter().skip(1));
        others.any(is_url)
    }

    /// Returns whether the command line has a list.
    fn has_list(&self) -> bool {
        let is_list = |word: &OsString| {
            let word = word.to_str().unwrap_or_default();
            word.starts_with("-i") || word.starts_with("--input")
        };
        self.earlier.iter().chain(self.later).any(is_list)
    }

    /// Returns whether the letter has no value: a URL, or nothing, follows it.
    fn stands_alone(&self) -> bool {
        self.value().is_none_or(|value| value.contains("://"))
    }
}

impl Scan<'_> {
    /// Reads one word of short options, given without its dash: keeps our own, and answers those of
    /// other programs.
    pub(super) fn letters(&mut self, word: &str) {
        if self.whole_word_flag(word) {
            return;
        }
        let mut own = String::from("-");
        let problems = self.problems.len();
        let mut letters = word.char_indices();
        while let Some((at, letter)) = letters.next() {
            let rest = letters.as_str();
            let end = match self.own.short(letter) {
                Some(takes) if !self.is_foreign_here(letter, at > 0, rest) => {
                    own.push(letter);
                    match takes {
                        Takes::Nothing => false,
                        Takes::Value => return self.own_with_value(&own, rest),
                    }
                }
                _ => self.foreign(letter, at > 0, rest),
            };
            // One problem for each word is enough.
            if end || self.problems.len() > problems {
                break;
            }
        }
        if own.len() > 1 {
            self.kept.push(OsString::from(own));
        }
    }

    fn own_with_value(&mut self, own: &str, rest: &str) {
        self.kept.push(format!("{own}{rest}").into());
        if rest.is_empty() {
            let last = own.chars().next_back().unwrap_or_default();
            self.keep_value(&format!("-{last}"), "");
        }
    }

    /// Answers a word that is one of wget's options of two letters, such as `-nc`. Returns whether
    /// it was one.
    fn whole_word_flag(&mut self, word: &str) -> bool {
        let pair = matches!(word, "nc" | "nd" | "nH" | "np" | "nv");
        let flag = pair
            .then(|| self.foreign_flag(&format!("-{word}")))
            .flatten();
        if let Some(flag) = flag {
            self.answer(&format!("-{word}"), flag, None);
        }
        flag.is_some()
    }

    /// Returns whether a letter that is also ours is meant as another program's: aria2c's `-k1M`,
    /// or curl's `-s`, which takes no number.
    fn is_foreign_here(&self, letter: char, has_company: bool, rest: &str) -> bool {
        if !self.accepts_foreign {
            return false;
        }
        let after = self.after(rest);
        match letter {
            'e' => after.value().is_some_and(is_wgets_setting),
            'k' => after.value().is_some_and(is_size),
            // axel's `-n`: the number of connections.
            'n' => after.is_number(),
            'x' => after.is_number() || after.is_wgets_x(),
            's' if rest.is_empty() => !after.is_number() && (has_company || after.stands_alone()),
            's' => {
                let is_number = rest.starts_with(|first: char| first.is_ascii_digit());
                !is_number && rest.chars().all(|letter| self.is_known(letter))
            }
            // wget's `-b`, to run in the background, and `-E`, to change extensions.
            'b' | 'E' => after.value().is_none_or(is_url),
            _ => false,
        }
    }

    /// Answers a letter of another program, or reports it as unknown. Returns whether the word ends
    /// here: the rest of it was the letter's value, or the letter is unknown.
    fn foreign(&mut self, letter: char, has_company: bool, rest: &str) -> bool {
        // curl's `-s` beside other letters needs no answer: errors are shown anyway, and progress
        // only on a terminal.
        if letter == 's' && self.accepts_foreign && (has_company || !rest.is_empty()) {
            return false;
        }
        let typed = format!("-{letter}");
        let after = self.after(rest);
        let name = meaning(letter, &after).unwrap_or(&typed);
        if name == "-C -" && self.accepts_foreign {
            if rest.is_empty() {
                self.left.next();
            }
            return true;
        }
        let Some(flag) = self.foreign_flag(name) else {
            self.unknown(&typed);
            return true;
        };
        // aria2c allows `-ctrue` for a switch.
        let is_switch = matches!(rest, "true" | "=true" | "false" | "=false");
        let takes_rest = !rest.is_empty() && (flag.takes == Takes::Value || is_switch);
        if is_switch && flag.takes == Takes::Nothing {
            let value = format!("={}", rest.trim_start_matches('='));
            self.answer(&typed, flag, Some(value));
            return true;
        }
        self.answer(&typed, flag, takes_rest.then(|| rest.to_owned()));
        takes_rest
    }

    fn is_known(&self, letter: char) -> bool {
        let typed = format!("-{letter}");
        self.own.short(letter).is_some() || letter == 'C' || table::find(&typed).is_some()
    }

    fn after<'a>(&'a self, rest: &'a str) -> After<'a> {
        After {
            rest,
            next: self.next_value(),
            earlier: &self.kept,
            later: self.left.as_slice(),
        }
    }
}

/// Returns the entry of the table that a letter with several meanings stands for; `None` means the
/// entry of the letter itself.
fn meaning(letter: char, after: &After<'_>) -> Option<&'static str> {
    let value = after.value();
    let number = after.is_number();
    Some(match letter {
        'C' => match value {
            Some("-") => "-C -",
            Some(value) if is_number(value) => "-C OFFSET",
            _ => "-c",
        },
        'D' if !after.stands_alone() => "--dump-header",
        'F' if value.is_some_and(|value| !value.contains("://") && value.contains('=')) => "--form",
        'K' if !after.stands_alone() => "-K FILE",
        'O' if names_file(after) => "-O FILE",
        'T' if number => "--read-timeout",
        'U' if value.is_some_and(is_login) => "-U LOGIN",
        'T' => "--upload-file",
        'e' if value.is_some_and(is_wgets_setting) => "--execute",
        'R' if !after.stands_alone() => "--reject",
        'k' => "-k SIZE",
        'l' if !after.stands_alone() && !number => "-l FILE",
        'm' if number => "-m N",
        'n' if number => "--num-connections",
        'r' if value.is_some_and(is_range) => "--range",
        't' if number => "-t N",
        't' => "--tries",
        'w' if number => "--wait",
        'w' => "--write-out",
        'x' if number => "--max-connection-per-server",
        _ => return None,
    })
}

/// Returns whether `-O` is wget's, which is followed by a file name; curl's is followed by nothing
/// of its own, as in `-OC-`.
fn names_file(after: &After<'_>) -> bool {
    if after.rest.is_empty() {
        let is_name = |next: &str| next == "-" || after.has_url() && !next.contains("://");
        after.next.is_some_and(is_name)
    } else {
        after.rest.contains(['.', '/', '-']) && !after.rest.ends_with("C-")
    }
}

pub(super) fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
        && text.starts_with(|first: char| first.is_ascii_digit())
}

/// Returns whether a text is a URL. The value of a cookie may hold one.
fn is_url(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.contains('='))
}

/// Returns whether a text is a setting of wget's, as in `robots=off`.
fn is_wgets_setting(text: &str) -> bool {
    let name = text.split_once('=').map(|(name, _)| name.trim_end());
    name.is_some_and(|name| {
        let is_part = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
        !name.is_empty() && name.chars().all(is_part)
    })
}

/// Returns whether a text is aria2c's size, as in `1M`.
fn is_size(text: &str) -> bool {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'k', 'm', 'g']);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether a text is the login of curl's proxy, as in `me:secret`; names of browsers have a
/// slash or a space.
fn is_login(text: &str) -> bool {
    text.contains(':') && !text.contains(['/', ' '])
}

/// Returns whether a text is curl's range, as in `0-499` or `500-`.
fn is_range(text: &str) -> bool {
    text.contains('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b','))
}
