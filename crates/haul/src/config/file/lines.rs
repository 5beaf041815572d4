//! Which line of a text a byte is in: pure.

/// The lines of a text. They are found once, so that each position costs a binary search.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// The first byte of each line.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// Finds the lines of a text.
    pub(super) fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n');
        let starts = std::iter::once(0).chain(ends.map(|(end, _)| end + 1));
        Self {
            text,
            starts: starts.collect(),
        }
    }

    /// Returns the line of a byte, counted from 1, and the text of that line before it.
    pub(super) fn position(&self, at: usize) -> (usize, &'a str) {
        // The first line begins at 0, so there is one.
        let line = self.count(|start| start <= at);
        let start = self.starts[line - 1];
        let rest = &self.text[start..];
        (line, rest.get(..at - start).unwrap_or(rest))
    }

    /// Returns how many lines begin at bytes of which `is_before` is true: the first ones.
    fn count(&self, mut is_before: impl FnMut(usize) -> bool) -> usize {
        self.starts.partition_point(|start| is_before(*start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_is_a_line_and_what_stands_before() {
        let lines = Lines::of("ab\n\né c");
        for (at, expected) in [
            (0, (1, "")),
            (2, (1, "ab")),
            (3, (2, "")),
            (4, (3, "")),
            (7, (3, "é ")),
            (8, (3, "é c")),
            (99, (3, "é c")),
        ] {
            assert_eq!(lines.position(at), expected, "{at}");
        }
        assert_eq!(Lines::of("").position(0), (1, ""));
    }

    #[test]
    fn position_in_a_long_text_takes_few_steps() {
        let text = "x = 1\n".repeat(100_000);
        let lines = Lines::of(&text);
        let mut steps = 0;
        for at in [0, text.len() / 2, text.len() - 1] {
            let line = lines.count(|start| {
                steps += 1;
                start <= at
            });
            assert_eq!(line, lines.position(at).0);
        }
        assert!(steps < 3 * 30, "{steps}");
    }
}
