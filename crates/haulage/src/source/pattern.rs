//! URL patterns: curl's globbing grammar, expanded one URL at a time.

mod grammar;

use std::fmt::Write as _;
use std::iter::FusedIterator;

use crate::error::{Error, ErrorKind};
use crate::request::{BadRow, Request, Row};

/// A URL with sets `{a,b}` and ranges `[1-20]`, which stands for one URL for each combination; the
/// rightmost varies fastest. The grammar is curl's, plus `{<name>}`, which repeats the value of the
/// set with that name.
///
/// ```
/// use haulage::source::Pattern;
///
/// let pattern = Pattern::parse("http://host.example/{<cc>cn,in}/[01-10].gif")?.output("#<cc>-#2.gif")?;
/// assert_eq!(pattern.len(), Some(20));
/// let second = pattern.into_iter().nth(1).unwrap().unwrap();
/// assert_eq!(second.url(), "http://host.example/cn/02.gif");
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    url: Vec<Piece>,
    sets: Vec<Set>,
    name: Option<Vec<Piece>>,
}

impl Pattern {
    /// Parses a pattern. A text without sets stands for itself; whether it is a URL is checked only
    /// when it is expanded.
    ///
    /// # Errors
    /// Of kind `input`, with the column, if it breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (url, sets) = grammar::pattern(text)?;
        Ok(Self {
            url,
            sets,
            name: None,
        })
    }

    /// Creates a pattern that stands for exactly this text, whatever characters it contains.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self {
            url: vec![Piece::Text(text.to_owned())],
            sets: Vec::new(),
            name: None,
        }
    }

    /// Returns how many URLs the pattern stands for; `None` if that is 2⁶⁴ or more.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a pattern stands for at least one URL"
    )]
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        self.sets.iter().try_fold(1_u64, |product, set| {
            product.checked_mul(set.values.count())
        })
    }

    /// Sets the template for the names of the files: `#1` stands for the current value of the first
    /// set, `#<name>` for that of the set with this name. If the pattern has no sets, the template
    /// is the name.
    ///
    /// # Errors
    /// Of kind `input`, if the template refers to a set that the pattern does not have, or gives
    /// several files the same name.
    pub fn output(self, template: &str) -> Result<Self, Error> {
        let name = match self.sets.as_slice() {
            [] => vec![Piece::Text(template.to_owned())],
            sets => grammar::template(template, sets)?,
        };
        let varies = name.iter().any(|piece| matches!(piece, Piece::Set(_)));
        if !varies && self.len() != Some(1) {
            return Err(input(format!(
                "every file would have the same name, {template:?}; use #1 in it for what the first set stands for"
            )));
        }
        Ok(Self {
            name: Some(name),
            ..self
        })
    }
}

impl Pattern {
    /// Returns the URLs as texts, with the logins in them, in the order of the rows. Some may be no
    /// URLs.
    pub fn into_texts(self) -> impl Iterator<Item = String> {
        let mut rows = self.into_iter();
        std::iter::from_fn(move || {
            let text = (!rows.ended).then(|| rows.text_of(&rows.pattern.url));
            rows.advance();
            text
        })
    }
}

impl IntoIterator for Pattern {
    type Item = Row;
    type IntoIter = Expansion;

    fn into_iter(self) -> Expansion {
        Expansion {
            left: self.len(),
            places: vec![0; self.sets.len()],
            ended: false,
            pattern: self,
        }
    }
}

/// The rows of a [`Pattern`], created on demand.
#[derive(Debug, Clone)]
pub struct Expansion {
    pattern: Pattern,
    /// The index of each set's next value.
    places: Vec<u64>,
    /// How many rows are left; `None` if that does not fit into 64 bits.
    left: Option<u64>,
    ended: bool,
}

impl Expansion {
    fn text_of(&self, pieces: &[Piece]) -> String {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Set(index) => self.pattern.sets[*index]
                    .values
                    .write(self.places[*index], &mut text),
            }
        }
        text
    }

    /// Moves to the next combination; the last set varies fastest.
    fn advance(&mut self) {
        self.left = self.left.map(|left| left.saturating_sub(1));
        for (place, set) in self.places.iter_mut().zip(&self.pattern.sets).rev() {
            *place += 1;
            if *place < set.values.count() {
                return;
            }
            *place = 0;
        }
        self.ended = true;
    }
}

impl Iterator for Expansion {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.ended {
            return None;
        }
        let url = self.text_of(&self.pattern.url);
        let name = self.pattern.name.as_deref().map(|name| self.text_of(name));
        self.advance();
        let request = Request::new(&url).and_then(|request| match &name {
            Some(name) => request.named(name),
            None => Ok(request),
        });
        Some(request.map_err(|error| BadRow::new(&url, error)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let exact = self.left.and_then(|left| usize::try_from(left).ok());
        (exact.unwrap_or(usize::MAX), exact)
    }
}

impl FusedIterator for Expansion {}

/// A part of a URL or of a template.
#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    /// The value of the set with this index.
    Set(usize),
}

#[derive(Debug, Clone)]
struct Set {
    name: Option<String>,
    values: Values,
}

/// The values of a set, at least one.
#[derive(Debug, Clone)]
enum Values {
    List(Vec<String>),
    /// `width` is the minimum number of digits.
    Numbers {
        first: u64,
        step: u64,
        count: u64,
        width: usize,
    },
    Letters {
        first: u8,
        step: u64,
        count: u64,
    },
}

impl Values {
    fn count(&self) -> u64 {
        match self {
            Self::List(values) => values.len() as u64,
            Self::Numbers { count, .. } | Self::Letters { count, .. } => *count,
        }
    }

    /// Appends the value at index `place`, which must be less than [`count`](Self::count).
    fn write(&self, place: u64, text: &mut String) {
        match self {
            Self::List(values) => {
                let value = usize::try_from(place)
                    .ok()
                    .and_then(|place| values.get(place));
                text.push_str(value.map_or("", String::as_str));
            }
            Self::Numbers {
                first, step, width, ..
            } => {
                // Writing to a string cannot fail.
                let _ = write!(text, "{:0width$}", first + place * step);
            }
            Self::Letters { first, step, .. } => {
                // Within the alphabet, since `place` is below the count.
                text.extend(u8::try_from(u64::from(*first) + place * step).map(char::from));
            }
        }
    }
}

fn input(message: String) -> Error {
    Error::new(ErrorKind::Input, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::name::RelativeName;

    fn urls(pattern: &str) -> Vec<String> {
        let pattern = Pattern::parse(pattern).unwrap();
        let length = pattern.len().unwrap();
        let rows: Vec<_> = pattern
            .into_iter()
            .map(|row| row.map_or_else(|bad| bad.text, |request| request.url().to_owned()))
            .collect();
        assert_eq!(rows.len() as u64, length);
        rows
    }

    fn names(pattern: &str, template: &str) -> Vec<RelativeName> {
        let pattern = Pattern::parse(pattern).unwrap().output(template).unwrap();
        pattern
            .into_iter()
            .map(|row| row.unwrap().name.unwrap())
            .collect()
    }

    fn relative<const N: usize>(names: [&str; N]) -> Vec<RelativeName> {
        names
            .map(|name| RelativeName::from_user(name).unwrap())
            .into()
    }

    #[test]
    fn curls_documented_examples_are_read_as_curl_reads_them() {
        assert_eq!(
            urls("http://site.{one,two,three}.com"),
            [
                "http://site.one.com",
                "http://site.two.com",
                "http://site.three.com"
            ]
        );
        let files = urls("ftp://ftp.example.com/file[1-100].txt");
        assert_eq!(
            (files.len(), files[99].as_str()),
            (100, "ftp://ftp.example.com/file100.txt")
        );
        let files = urls("ftp://ftp.example.com/file[001-100].txt");
        assert_eq!(
            (files[8].as_str(), files[99].as_str()),
            (
                "ftp://ftp.example.com/file009.txt",
                "ftp://ftp.example.com/file100.txt"
            )
        );
        assert_eq!(urls("ftp://ftp.example.com/file[a-z].txt").len(), 26);
        let files = urls("http://example.com/archive[1996-1999]/vol[1-4]/part{a,b,c}.html");
        assert_eq!(files.len(), 48);
        assert_eq!(files[1], "http://example.com/archive1996/vol1/partb.html");
        assert_eq!(files[3], "http://example.com/archive1996/vol2/parta.html");
        assert_eq!(files[47], "http://example.com/archive1999/vol4/partc.html");
        let files = urls("http://example.com/file[1-100:10].txt");
        assert_eq!(
            (files.len(), files[9].as_str()),
            (10, "http://example.com/file91.txt")
        );
        let files = urls("http://example.com/file[a-z:2].txt");
        assert_eq!(
            (files.len(), files[12].as_str()),
            (13, "http://example.com/filey.txt")
        );
        assert_eq!(
            names("http://{one,two}.example.com", "file_#1.txt"),
            relative(["file_one.txt", "file_two.txt"])
        );
        assert_eq!(
            names("http://{site,host}.host[1-2].com", "#1_#2"),
            relative(["site_1", "site_2", "host_1", "host_2"])
        );
        assert_eq!(
            names("http://h/{<day>mon,tue}/[<n>1-2]", "#<n>/#<day>#"),
            relative(["1/mon#", "2/mon#", "1/tue#", "2/tue#"])
        );
    }

    #[test]
    fn what_is_no_set_stays_as_it_is() {
        for text in [
            "http://[::1]:80/",
            "http://[fe80::1%25eth0]/a",
            "http://[::ffff:1.2.3.4]/",
            "http://h/?a[]=1",
            "http://h/a,b#c",
            "http://h/ä",
        ] {
            assert_eq!(Pattern::parse(text).unwrap().len(), Some(1));
            assert_eq!(urls(text), [text]);
        }
        assert_eq!(urls("http://h/\\{a\\}\\[1-2\\]"), ["http://h/{a}[1-2]"]);
        assert_eq!(
            urls("http://h/{a\\,b,\\},\\\\ä,}"),
            ["http://h/a,b", "http://h/}", "http://h/\\ä", "http://h/"]
        );
        assert_eq!(
            urls("http://[::1]/[08-10]"),
            ["http://[::1]/08", "http://[::1]/09", "http://[::1]/10"]
        );
        assert_eq!(
            urls("http://h/[0-2][5-5]"),
            ["http://h/05", "http://h/15", "http://h/25"]
        );
        assert_eq!(urls("http://h/{<a,b}"), ["http://h/<a", "http://h/b"]);
        let literal = Pattern::literal("http://h/{a,b}[1-2]")
            .output("#1")
            .unwrap();
        let rows: Vec<_> = literal.into_iter().map(Result::unwrap).collect();
        assert_eq!((rows.len(), rows[0].url()), (1, "http://h/{a,b}[1-2]"));
        assert_eq!(rows[0].name, relative(["#1"]).pop());
    }

    #[test]
    fn a_name_repeats_its_set() {
        assert_eq!(
            urls("http://h/{<cc>cn,in}/{<cc>}.gif"),
            ["http://h/cn/cn.gif", "http://h/in/in.gif"]
        );
        assert_eq!(
            urls("http://h/[<n>08-09]-{<n>}-{<n>}"),
            ["http://h/08-08-08", "http://h/09-09-09"]
        );
        // A repeated set has no number of its own.
        assert_eq!(
            names("http://h/{<a>x}{<a>}{y,z}", "#1#2"),
            relative(["xy", "xz"])
        );
    }

    #[test]
    fn what_breaks_the_grammar_says_where() {
        for (pattern, column, says) in [
            ("http://h/{a", 10, "not closed with `}`"),
            ("http://ä/[1-2", 10, "not closed with `]`"),
            ("http://h/a}", 11, "`}` closes nothing"),
            ("http://h/]", 10, "`]` closes nothing"),
            ("http://h/{a]", 12, "`]` closes nothing"),
            ("http://h/{}", 10, "empty"),
            ("http://h/{a,{b}}", 13, "cannot stand in a set"),
            ("http://h/[x]", 10, "no range"),
            ("http://h/[1-]", 10, "no range"),
            ("http://h/[-1-2]", 10, "no range"),
            ("http://h/[1-+2]", 10, "no range"),
            ("http://h/[1-2:]", 10, "no range"),
            ("http://h/[a-9]", 10, "no range"),
            ("http://h/[aa-bb]", 10, "no range"),
            ("http://h/[1-99999999999999999999]", 10, "no range"),
            ("http://h/[A-z]", 10, "upper or in lower"),
            ("http://h/[9-1]", 10, "counts down"),
            ("http://h/[z-a]", 10, "counts down"),
            ("http://h/[1-9:0]", 10, "step"),
            ("http://h/[1-9:9]", 10, "step"),
            ("http://h/[5-5:2]", 10, "step"),
            ("http://h/[0-18446744073709551615]", 10, "too long"),
            (
                &format!("http://h/[{}-1]", "0".repeat(70_000)),
                10,
                "no range",
            ),
            ("http://h/{<a>}{<a>x}", 10, "does not stand before"),
            ("http://h/{<a>x}{<a>y}", 16, "taken"),
            ("http://h/{<a>x}[<a>1-2]", 16, "taken"),
            ("http://h/[<a>]", 10, "no range"),
        ] {
            let message = Pattern::parse(pattern).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("column {column} of")),
                "{pattern}: {message}"
            );
            assert!(
                message.contains(says) && message.contains("--globoff"),
                "{pattern}: {message}"
            );
        }
    }

    #[test]
    fn a_template_that_cannot_name_each_file_is_refused() {
        for (template, says) in [
            ("#3.gif", "has no set 3"),
            ("#0", "has no set 0"),
            ("#99999999999999999999", "has no set 99999999999999999999"),
            ("#<y>", "has no set <y>"),
            ("a.gif", "the same name"),
            ("#.gif", "the same name"),
        ] {
            let pattern = Pattern::parse("http://h/{<x>a,b}[1-2]").unwrap();
            let message = pattern.output(template).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
        assert_eq!(names("http://h/a", "c#1.gif"), relative(["c#1.gif"]));
        assert_eq!(names("http://h/{a}", "c.gif"), relative(["c.gif"]));
    }

    #[test]
    fn a_bad_expansion_fails_alone() {
        let pattern = Pattern::parse("http://u:secret@{h,a b}/{a,..}")
            .unwrap()
            .output("#2")
            .unwrap();
        let rows: Vec<_> = pattern.into_iter().collect();
        let kinds: Vec<_> = rows
            .iter()
            .map(|row| row.as_ref().err().map(|bad| bad.error.kind()))
            .collect();
        assert_eq!(
            kinds,
            [
                None,
                Some(ErrorKind::Name),
                Some(ErrorKind::Input),
                Some(ErrorKind::Input)
            ]
        );
        assert_eq!(rows[1].as_ref().unwrap_err().text, "http://h/..");
    }

    #[test]
    fn more_than_can_be_counted_is_still_made_lazily() {
        let pattern = Pattern::parse("http://h/[0-9999999999][0-9999999999]").unwrap();
        assert_eq!(pattern.len(), None);
        let mut rows = pattern.into_iter();
        assert_eq!(rows.size_hint(), (usize::MAX, None));
        assert_eq!(rows.nth(11).unwrap().unwrap().url(), "http://h/011");
    }

    proptest! {
        #[test]
        fn it_has_as_many_rows_as_it_says_and_all_differ(
            sets in proptest::collection::vec((0..40_u64, 0..6_u64, 1..4_u64, 0..3_u8), 0..4),
        ) {
            let mut text = "http://h/".to_owned();
            for (first, more, step, form) in sets {
                let last = first + more;
                let step = step.min(more.max(1));
                let _ = match form {
                    0 => write!(text, "x[{first}-{last}:{step}]"),
                    1 => write!(text, "x[0{first}-{last}]"),
                    _ => write!(text, "x{{{}}}", (first..=last).map(|value| value.to_string()).collect::<Vec<_>>().join(",")),
                };
            }
            let pattern = Pattern::parse(&text).unwrap();
            let length = usize::try_from(pattern.len().unwrap()).unwrap();
            let mut rows = pattern.into_iter();
            let mut seen = std::collections::HashSet::new();
            for left in (0..length).rev() {
                prop_assert!(seen.insert(rows.next().unwrap().unwrap().url().to_owned()));
                prop_assert_eq!(rows.size_hint(), (left, Some(left)));
            }
            prop_assert!(rows.next().is_none() && rows.next().is_none());
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "[\\[\\]{}<>,:\\\\0-9a-z#%ä-]{0,24}", template in "[#<>0-9a-c]{0,8}") {
            if let Ok(pattern) = Pattern::parse(&text)
                && let Ok(pattern) = pattern.output(&template)
            {
                let most = pattern.len().unwrap_or(u64::MAX).min(20);
                prop_assert_eq!(pattern.into_iter().take(20).count() as u64, most);
            }
        }
    }

    #[test]
    fn texts_are_all_urls_with_their_logins() {
        let texts = |text: &str| -> Vec<_> { Pattern::parse(text).unwrap().into_texts().collect() };
        let expected = ["http://u:p@h/1", "http://u:p@h/2"];
        assert_eq!(texts("http://u:p@h/[1-2]"), expected);
        assert_eq!(texts("http://h/{a}"), ["http://h/a"]);
        assert_eq!(texts(r"http://h/\{a\}"), ["http://h/{a}"]);
    }
}
