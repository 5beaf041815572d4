//! The priority of a run.

/// How urgent a run is, compared with the other runs of its engine.
///
/// Where work of several runs waits, for a host or for a slot, that of the run with the highest
/// priority is requested first. Requests in flight are not stopped for it.
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
    /// Number of priorities.
    pub(crate) const COUNT: usize = 3;
}
