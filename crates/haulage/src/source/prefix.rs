//! Most URLs of a list begin alike, so what precedes their path is parsed only once.

use crate::http_url::{HttpUrl, Parsed, UrlError};

/// Parses URLs as [`HttpUrl::parse`] does. A URL whose origin is written like that of the one
/// before takes a fraction of the time.
#[derive(Debug, Default)]
pub(crate) struct UrlParser {
    last: Option<Origin>,
}

/// What precedes a path.
#[derive(Debug)]
struct Origin {
    written: Box<str>,
    normalised: Box<str>,
}

impl UrlParser {
    /// Parses a URL as [`HttpUrl::parse`] does. Fails if the text is not an `http` or `https` URL.
    pub(crate) fn parse(&mut self, text: &str) -> Result<Parsed, UrlError> {
        if let Some(last) = &self.last
            && let Some(rest) = text.strip_prefix(&*last.written)
            && rest.starts_with('/')
        {
            return HttpUrl::new(&last.normalised, rest.trim_end_matches(' '))
                .map(|url| (url, None));
        }
        let parsed = HttpUrl::parse(text)?;
        if let Some(written) = before_path(text) {
            self.last = Some(Origin {
                written: written.into(),
                normalised: parsed.0.origin().into(),
            });
        }
        Ok(parsed)
    }
}

/// Returns what precedes the path; `None` unless that is `http://` or `https://` and a host without
/// special characters: no userinfo, no escapes and no further slashes.
fn before_path(text: &str) -> Option<&str> {
    let authority = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))?;
    let (host, path) = authority.split_at(authority.find('/')?);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_plain)).then(|| &text[..text.len() - path.len()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_that_begin_alike_are_the_same_as_without_it() {
        let mut parser = UrlParser::default();
        for text in [
            "http://h/a/b.gif",
            "http://h/c%2e/../d",
            "http://h//e",
            "http://h:80/f",
            "http://h:80/g?h#i",
            "http://h:80/.",
            "HTTP://H/j",
            "HTTP://H/k",
            "http://u:p@h/l",
            "http://u:p@h/m",
            "http://h",
            "http://h?x",
            "http://h/n o ",
            "http://h/\t",
            "http://h/a\tb",
            "http:///h/p",
            "http://h\\q/r",
            "http://h\\q/s",
            "nonsense",
        ] {
            assert_eq!(parser.parse(text), HttpUrl::parse(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_texts_one_after_another_are_the_same_as_without_it(
            texts in proptest::collection::vec(
                "(http|https|HTTP|ftp):(/|//|///)(a|A\\.b|u@a|\\[::1\\]|1\\.2)(:80|:81|)(/|\\\\|)[a-z./%2eA?#@:\\\\ \t-]{0,12}", 1..6,
            ),
        ) {
            let mut parser = UrlParser::default();
            for text in texts {
                prop_assert_eq!(parser.parse(&text), HttpUrl::parse(&text), "{}", text);
            }
        }
    }
}
