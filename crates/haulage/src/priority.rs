//! Which runs go first.

/// How urgent a run is, compared with the other runs of its engine.
///
/// Work of a run with a higher priority is requested first wherever both wait: at a host, and for a
/// slot in all. Requests that are in flight are not stopped for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// After all others.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    /// How many there are.
    pub(crate) const COUNT: usize = 3;
}
