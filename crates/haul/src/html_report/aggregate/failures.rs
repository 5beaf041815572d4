//! The items that failed, in few bytes: a page has thousands of them. Each URL is written as what
//! differs from the URL before it, and each reason as the number of one that is written once.

use std::collections::HashMap;

use haulage::{Error, Outcome};

use super::errors::start;
use crate::html_report::html;

/// The most failures that are kept.
const MAX_FAILURES: usize = 10_000;
/// The most bytes that they take in the page, and their reasons.
const MAX_LIST_BYTES: usize = 160_000;
const MAX_REASONS_BYTES: usize = 25_000;
/// The longest reason, in bytes.
const MAX_REASON: usize = 120;
/// The longest URL, in bytes. A longer one is cut, and ends in `…`.
const MAX_URL: usize = 1000;

/// The first items that failed.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// Items that failed, those that are not kept included.
    total: u64,
    /// URLs, with the numbers of their reasons.
    kept: Vec<(Box<str>, usize)>,
    /// The kind and the message of each reason, as JSON.
    reasons: Vec<String>,
    reason_bytes: usize,
    numbers: HashMap<String, usize>,
}

/// Failures as the page has them.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// Items that failed.
    pub(crate) total: u64,
    /// How many of them are in the page.
    pub(crate) shown: usize,
    /// JSON that may stand in a page. `reasons` has the kind and the message of each reason. `list`
    /// has four members for each failure: how many UTF-16 units its URL has in common with the
    /// start, and with the end, of the URL before; what is between; and the number of the reason.
    pub(crate) json: String,
}

impl Failures {
    pub(super) fn add(&mut self, outcome: &Outcome, error: &Error) {
        self.total += 1;
        if self.kept.len() == MAX_FAILURES {
            return;
        }
        let mut url = start(&outcome.url, MAX_URL).to_owned();
        if url.len() < outcome.url.len() {
            url.push('…');
        }
        let reason = self.number(error);
        self.kept.push((url.into(), reason));
    }

    /// Returns the number of the reason for a failure. When there is no room for its message, the
    /// reason is the kind alone.
    fn number(&mut self, error: &Error) -> usize {
        let of = |message: &str| format!("[\"{}\",{}]", error.kind(), html::json_text(message));
        let mut reason = of(start(&error.to_string(), MAX_REASON));
        if let Some(number) = self.numbers.get(&reason) {
            return *number;
        }
        if self.reason_bytes + reason.len() > MAX_REASONS_BYTES {
            reason = of("");
        }
        let next = self.reasons.len();
        let number = *self.numbers.entry(reason.clone()).or_insert(next);
        if number == next {
            self.reason_bytes += reason.len();
            self.reasons.push(reason);
        }
        number
    }

    /// Returns them, sorted by their URLs, as far as there is room for them.
    pub(crate) fn encoded(&self) -> Encoded {
        let mut sorted: Vec<_> = self.kept.iter().collect();
        sorted.sort_unstable();
        let mut list = String::new();
        let mut before = "";
        let mut shown = 0;
        for (url, reason) in sorted {
            let (start, end) = common(before, url);
            let end = url.len() - end;
            let rest = html::json_text(&url[start..end]);
            let units = |text: &str| text.encode_utf16().count();
            let (start, end) = (units(&url[..start]), units(&url[end..]));
            let separator = if shown == 0 { "" } else { "," };
            let failure = format!("{separator}{start},{end},{rest},{reason}");
            if list.len() + failure.len() > MAX_LIST_BYTES {
                break;
            }
            list.push_str(&failure);
            before = url;
            shown += 1;
        }
        let (total, reasons) = (self.total, self.reasons.join(","));
        Encoded {
            total,
            shown,
            json: format!("{{\"reasons\":[{reasons}],\"list\":[{list}]}}"),
        }
    }
}

/// Returns how many bytes two texts have in common at their starts, and then at their ends. Both
/// are cut between characters.
fn common(before: &str, text: &str) -> (usize, usize) {
    let same = |(a, b): &(char, char)| a == b;
    let starts = before.chars().zip(text.chars()).take_while(same);
    let first = starts.map(|(a, _)| a.len_utf8()).sum();
    let (before, text) = (&before[first..], &text[first..]);
    let ends = before.chars().rev().zip(text.chars().rev());
    let last = ends.take_while(same).map(|(a, _)| a.len_utf8()).sum();
    (first, last)
}

#[cfg(test)]
pub(crate) mod tests {
    use haulage::{ErrorKind, Status};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Reads what the page reads: the URL, kind and message of each failure.
    pub(crate) fn decoded(json: &str) -> Vec<(String, String, String)> {
        let all: Value = serde_json::from_str(json).unwrap();
        let list = all["list"].as_array().unwrap();
        let mut before: Vec<u16> = Vec::new();
        let failures = list.chunks(4).map(|failure| {
            let number = |at: usize| usize::try_from(failure[at].as_u64().unwrap()).unwrap();
            let mut url = before[..number(0)].to_vec();
            url.extend(failure[2].as_str().unwrap().encode_utf16());
            url.extend(&before[before.len() - number(1)..]);
            before = url;
            let reason = &all["reasons"][number(3)];
            let text = |at: usize| reason[at].as_str().unwrap().to_owned();
            (String::from_utf16(&before).unwrap(), text(0), text(1))
        });
        failures.collect()
    }

    fn add(failures: &mut Failures, url: &str, message: &str) {
        let error = || Error::new(ErrorKind::Http, message);
        let outcome = Outcome::new(0, url, Status::Failed(error()));
        failures.add(&outcome, &error());
    }

    #[test]
    fn ten_thousand_failures_of_a_list_fit() {
        let mut failures = Failures::default();
        for nth in 0..20_000 {
            let url = format!("https://data.example.org/images/{nth:07}.jpg?size=large");
            add(&mut failures, &url, "the server answered 404 Not Found");
        }
        let encoded = failures.encoded();
        assert_eq!((encoded.shown, encoded.total), (10_000, 20_000));
        let decoded = decoded(&encoded.json);
        assert_eq!(decoded.len(), 10_000);
        assert!(decoded[9999].0.ends_with("/images/0009999.jpg?size=large"));
        assert_eq!(decoded[9999].1, "http");
    }

    #[test]
    fn urls_that_have_nothing_in_common_are_bounded() {
        let mut failures = Failures::default();
        for nth in 0..10_000_u64 {
            let random = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let url = format!("{random:x}").repeat(100);
            add(&mut failures, &url, &format!("{nth} ").repeat(100));
        }
        let encoded = failures.encoded();
        assert!((100..1000).contains(&encoded.shown), "{}", encoded.shown);
        assert!(encoded.json.len() <= MAX_LIST_BYTES + MAX_REASONS_BYTES + 1000);
        let decoded = decoded(&encoded.json);
        assert!(decoded.iter().any(|(url, _, _)| url.ends_with('…')));
        assert!(decoded.iter().any(|(_, _, message)| message.is_empty()));
    }

    #[test]
    fn markup_in_a_url_stays_a_text() {
        let mut failures = Failures::default();
        let url = "http://a/</script><script>alert(1)</script>&\u{2028}<!--";
        add(&mut failures, url, "<b>");
        let json = failures.encoded().json;
        assert!(!json.contains(['<', '>', '&', '\u{2028}']), "{json}");
        let expected = (url.to_owned(), "http".to_owned(), "<b>".to_owned());
        assert_eq!(decoded(&json), [expected]);
    }

    proptest! {
        #[test]
        fn any_urls_come_back(urls in prop::collection::vec("[ab😀é<]{0,6}", 1..20)) {
            let mut failures = Failures::default();
            for url in &urls {
                add(&mut failures, url, "m");
            }
            let found: Vec<_> = decoded(&failures.encoded().json).into_iter().map(|one| one.0).collect();
            let mut urls = urls;
            urls.sort();
            prop_assert_eq!(found, urls);
        }
    }
}
