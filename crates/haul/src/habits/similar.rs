//! Typing errors: which option was meant.

/// Returns the option that differs from `typed` by a typing error: one letter too many, too few,
/// another, or two exchanged; in a long name two such errors. `None` when there is none, since a guess
/// at what another word means would mislead.
pub(super) fn nearest<'a>(typed: &str, options: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = typed.trim_start_matches('-');
    let allowed = match name.len() {
        0..=2 => return None,
        3..=8 => 1,
        _ => 2,
    };
    let distance = |option: &str| strsim::osa_distance(name, option.trim_start_matches('-'));
    options
        .map(|option| (distance(option), option))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, option)| option)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const OPTIONS: [&str; 6] = [
        "--exists",
        "--retries",
        "--timeout",
        "--max-time",
        "--retry-failed",
        "--limit-rate",
    ];

    #[test]
    fn a_typing_error_finds_its_option() {
        for (typed, meant) in [
            ("--exsits", "--exists"),
            ("--exist", "--exists"),
            ("--retires", "--retries"),
            ("--retry-faild", "--retry-failed"),
            ("--limitrate", "--limit-rate"),
            ("--timeouts", "--timeout"),
        ] {
            assert_eq!(nearest(typed, OPTIONS.into_iter()), Some(meant), "{typed}");
        }
    }

    #[test]
    fn another_word_finds_nothing() {
        for typed in [
            "--retry",
            "--max-tries",
            "--cookie",
            "--ex",
            "--",
            "--proxy",
        ] {
            assert_eq!(nearest(typed, OPTIONS.into_iter()), None, "{typed}");
        }
    }
}
