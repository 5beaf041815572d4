//! The sections of docs/errors.md: one for each kind of error, and below `http` one for each HTTP
//! status that people meet.

use haulage::ErrorKind;

// A link to the page, so that a package of this crate has it too.
const PAGE: &str = include_str!("errors.md");

/// Returns all sections: the heading of each, and the section with its heading.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    headed(PAGE, "\n## ")
}

/// Returns what follows each occurrence of `mark`: the rest of its line, and all up to the next.
fn headed(
    text: &'static str,
    mark: &'static str,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let sections = text.split(mark).skip(1).map(str::trim_end);
    sections.map(|section| (section.lines().next().unwrap_or_default(), section))
}

/// Returns the section of a kind, which begins with the name of the kind; empty if there is none.
pub(super) fn of_kind(kind: ErrorKind) -> &'static str {
    let mut sections = sections();
    let found = sections.find(|(heading, _)| *heading == kind.name());
    found.map_or("", |(_, section)| section)
}

/// Returns what a kind means, in one sentence.
pub(crate) fn summary(kind: ErrorKind) -> &'static str {
    of_kind(kind).lines().nth(2).unwrap_or_default()
}

/// Returns the section of an HTTP status, which begins with the status; `None` if there is none.
pub(crate) fn of_status(status: u16) -> Option<&'static str> {
    let is_of = |heading: &str| {
        let words = heading.split(|character: char| !character.is_ascii_digit());
        words.into_iter().any(|word| word.parse() == Ok(status))
    };
    let mut sections = headed(of_kind(ErrorKind::Http), "\n### ");
    let found = sections.find(|(heading, _)| is_of(heading));
    found.map(|(_, section)| section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_section_and_each_section_is_of_a_kind() {
        let headings: Vec<_> = sections().map(|(heading, _)| heading).collect();
        assert_eq!(headings, ErrorKind::ALL.map(ErrorKind::name));
        for kind in ErrorKind::ALL {
            let summary = summary(kind);
            assert!(summary.ends_with('.') && summary.len() < 76, "{summary:?}");
            assert!(!summary.contains(". "), "{summary:?}");
            let blank = of_kind(kind).lines().skip(1).step_by(2).take(2);
            assert!(blank.into_iter().all(str::is_empty), "{kind}");
        }
    }

    #[test]
    fn statuses_that_people_meet_are_found() {
        for status in [
            400, 401, 403, 404, 410, 416, 429, 451, 500, 502, 503, 504, 522,
        ] {
            let section = of_status(status).unwrap();
            assert!(section.contains(&status.to_string()), "{section}");
        }
        assert!(of_status(404).unwrap().starts_with("404 Not Found"));
        assert_eq!(of_status(40), None);
        assert_eq!(of_status(418), None);
    }

    #[test]
    fn lines_fit_a_terminal_of_80_columns() {
        let too_long = PAGE.lines().find(|line| line.chars().count() > 80);
        assert_eq!(too_long, None);
    }
}
