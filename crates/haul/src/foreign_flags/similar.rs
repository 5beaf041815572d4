//! Finds the option that was meant by a mistyped one.

/// Returns the option that differs from `typed` by a typing error, or the only one whose last word
/// it cuts short. `None` when there is none, since a guess at what another word means would
/// mislead: `--retry` is not `--retry-failed`.
pub(crate) fn meant<'a>(
    typed: &str,
    options: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    nearest(typed, options.clone()).or_else(|| {
        let is_cut = |option: &&str| {
            let rest = option.strip_prefix(typed).filter(|_| typed.len() > 4);
            rest.is_some_and(|rest| !rest.contains('-'))
        };
        let mut longer = options.filter(is_cut);
        longer.next().filter(|_| longer.next().is_none())
    })
}

/// Returns the option with one letter too many, too few, another, or two exchanged; in a long name
/// there may be two such errors.
fn nearest<'a>(typed: &str, options: impl Iterator<Item = &'a str>) -> Option<&'a str> {
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
    use super::meant;

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
        for (typed, option) in [
            ("--exsits", "--exists"),
            ("--exist", "--exists"),
            ("--retires", "--retries"),
            ("--retry-faild", "--retry-failed"),
            ("--limitrate", "--limit-rate"),
            ("--timeouts", "--timeout"),
            ("--limit-r", "--limit-rate"),
        ] {
            assert_eq!(meant(typed, OPTIONS.into_iter()), Some(option), "{typed}");
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
            "--limit",
            "--max",
        ] {
            assert_eq!(meant(typed, OPTIONS.into_iter()), None, "{typed}");
        }
    }
}
