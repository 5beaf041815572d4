//! Finds what is meant for a shell in a command that no shell reads. Pure.

/// Returns the first word of a command that is an operator of a shell, such as `|` or `2>log`, and
/// not in quotes; `None` if there is none.
pub(super) fn first(line: &str) -> Option<&str> {
    words(line).find(|word| is_operator(word))
}

/// Returns the words of a command as they are written, with their quotes.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    let mut is_escaped = false;
    line.split(move |character: char| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        match (quote, character) {
            (Some('\''), '\\') => {}
            (_, '\\') => is_escaped = true,
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, _) => return character.is_ascii_whitespace(),
            (Some(_), _) => {}
        }
        false
    })
}

fn is_operator(word: &str) -> bool {
    // `;` and `&` may follow a word at once.
    let is_list = |character| matches!(character, '|' | '&' | ';');
    let ends_list = !word.ends_with("\\;") && word.ends_with(';');
    let redirects = word.trim_start_matches(|digit: char| digit.is_ascii_digit());
    !word.is_empty()
        && (word.chars().all(is_list)
            || ends_list
            || word.starts_with("&>")
            || redirects.starts_with(['<', '>']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_outside_of_quotes_are_found() {
        for (line, operator) in [
            ("gzip -k {} && rm {}", Some("&&")),
            ("cat {} | wc -l", Some("|")),
            ("wc -c {} > size", Some(">")),
            ("wc -c {} >size", Some(">size")),
            ("wc {} 2>/dev/null", Some("2>/dev/null")),
            ("wc {} &> log", Some("&>")),
            ("gzip {}; true", Some("{};")),
            ("gzip {} &", Some("&")),
            ("a || b", Some("||")),
            ("tr a b < {}", Some("<")),
            ("sh -c 'gzip {} && rm {}; true > log'", None),
            (r#"sh -c "cat {} | wc""#, None),
            (r"find {} -exec wc {} \;", None),
            ("find {} -exec wc {} ';'", None),
            (r"echo \> a\ '>' \'", None),
            ("echo 'a;' \"b >\" c", None),
            (r"echo 'a\' > b", Some(">")),
            ("curl http://h/?a=1&b=2 -d a|b", None),
            ("gzip -9 {}", None),
            ("", None),
        ] {
            assert_eq!(first(line), operator, "{line}");
        }
    }
}
