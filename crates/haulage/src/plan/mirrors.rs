//! Decides which URL of an item is requested next: first the URL as given, then its mirrors. Each
//! failure leads to the next one. Pure.

/// Which of its URLs an item uses, and which ones it will not use again.
#[derive(Debug, Default)]
pub(crate) struct Mirrors {
    at: usize,
    /// Whether each URL has been given up; URLs beyond its end have not.
    gone: Vec<bool>,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextUrl {
    /// Request another URL at once.
    Other,
    /// All have failed: request the first usable one again, after a wait.
    Round,
    /// No usable URL is left.
    Nothing,
}

impl Mirrors {
    /// Returns the index of the URL that is requested now: 0 is the URL as given.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Returns the indices of the other URLs, of `count` in all, that may be requested as well.
    pub(crate) fn others(&self, count: usize) -> impl Iterator<Item = usize> {
        (0..count).filter(|nth| *nth != self.at && self.is_usable(*nth))
    }

    /// Requests the URL of this index from now on.
    pub(crate) fn go_to(&mut self, nth: usize) {
        self.at = nth;
    }

    fn is_usable(&self, nth: usize) -> bool {
        !self.gone.get(nth).copied().unwrap_or(false)
    }

    /// Notes that the current URL has failed, moves to the next of the `count` URLs, and returns
    /// what to do. A URL whose failure is not `transient` is left out from now on.
    pub(crate) fn failed(&mut self, count: usize, transient: bool) -> NextUrl {
        if !transient {
            self.gone.resize(self.gone.len().max(self.at + 1), false);
            self.gone[self.at] = true;
        }
        let usable = |nth: &usize| self.is_usable(*nth);
        if let Some(other) = (self.at + 1..count).find(usable) {
            self.at = other;
            NextUrl::Other
        } else if let Some(first) = (0..count).find(usable) {
            self.at = first;
            NextUrl::Round
        } else {
            NextUrl::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_mirrors_what_may_pass_is_asked_again() {
        assert_eq!(Mirrors::default().failed(1, true), NextUrl::Round);
        assert_eq!(Mirrors::default().failed(1, false), NextUrl::Nothing);
    }

    #[test]
    fn each_is_asked_in_turn_and_those_that_are_gone_are_left_out() {
        let mut mirrors = Mirrors::default();
        let mut steps = Vec::new();
        for transient in [true, false, true, true, true, false, false] {
            let next = mirrors.failed(3, transient);
            steps.push((mirrors.at(), next));
        }
        assert_eq!(
            steps,
            [
                (1, NextUrl::Other),
                (2, NextUrl::Other),
                (0, NextUrl::Round),
                (2, NextUrl::Other),
                (0, NextUrl::Round),
                (2, NextUrl::Other),
                (2, NextUrl::Nothing),
            ]
        );
    }
}
