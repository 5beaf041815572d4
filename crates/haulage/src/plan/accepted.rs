//! Which names a destination's file system accepts, beyond those that every system accepts.

/// A set of characters and forms of names that only some file systems accept: `:` and the like, and
/// a dot or a space at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Accepted(u16);

impl Accepted {
    /// Only what is safe everywhere.
    pub(crate) const NOTHING: Self = Self(0);
    /// What Linux's own file systems accept.
    pub(crate) const EVERYTHING: Self = Self((1 << Self::TRIALS.len()) - 1);

    /// A name to try for each member of the set. The member is accepted if a file can be created
    /// under that name, and its folder then lists exactly that name.
    pub(crate) const TRIALS: [&str; 10] = [
        "a\\a", "a<a", "a>a", "a:a", "a\"a", "a|a", "a?a", "a*a", "a.", "a ",
    ];
    const DOT: usize = 8;
    const SPACE: usize = 9;

    /// Returns the set whose members' trials, by their place in [`Self::TRIALS`], succeed.
    pub(crate) fn tried(mut succeeds: impl FnMut(&str) -> bool) -> Self {
        let bit = |(at, name): (usize, &&str)| u16::from(succeeds(name)) << at;
        Self(Self::TRIALS.iter().enumerate().map(bit).sum())
    }

    /// Returns the empty set, for callers that want one from a function.
    pub(crate) const fn nothing() -> Self {
        Self::NOTHING
    }

    /// Returns whether a character that is special somewhere may stand in a name. `/` and NUL never
    /// may.
    pub(super) fn character(self, character: char) -> bool {
        let tried = &Self::TRIALS[..Self::DOT];
        let at = tried
            .iter()
            .position(|name| name[1..].starts_with(character));
        at.is_some_and(|at| self.has(at))
    }

    /// Returns whether a name may end in a dot.
    pub(super) const fn final_dot(self) -> bool {
        self.has(Self::DOT)
    }

    /// Returns whether a name may begin or end in a space.
    pub(super) const fn outer_space(self) -> bool {
        self.has(Self::SPACE)
    }

    const fn has(self, at: usize) -> bool {
        self.0 & (1 << at) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_found() {
        assert_eq!(Accepted::tried(|_| true), Accepted::EVERYTHING);
        assert_eq!(Accepted::tried(|_| false), Accepted::NOTHING);
        let some = Accepted::tried(|name| name.contains(':'));
        assert!(some.character(':'));
        assert!(!some.character('?') && !some.final_dot() && !some.outer_space());
        for character in ['/', '\0', 'a'] {
            assert!(!Accepted::EVERYTHING.character(character), "{character:?}");
        }
    }
}
