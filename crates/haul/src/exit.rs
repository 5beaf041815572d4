//! The exit status of the command, and the problems that end it early.

use std::fmt;

use haulage::{Error, ErrorKind};

/// The exit status. Scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Every item is done, existed already, or has not changed.
    Success = 0,
    /// The run finished, and some items failed.
    SomeFailed = 1,
    /// The command line or a list could not be used.
    Usage = 2,
    /// The destination could not be used: the run stopped, and can be resumed.
    Destination = 3,
    /// A signal stopped the run.
    Interrupted = 130,
}

impl Exit {
    /// Returns the stronger of two statuses. One that the user must act on (a destination or a
    /// command line that cannot be used) is stronger than one that reports items that failed.
    #[must_use]
    pub(crate) fn or_worse(self, other: Self) -> Self {
        if other.strength() > self.strength() {
            other
        } else {
            self
        }
    }

    const fn strength(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::SomeFailed => 1,
            Self::Interrupted => 2,
            Self::Usage => 3,
            Self::Destination => 4,
        }
    }
}

/// Why the command cannot continue, in words for its user.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The exit status of the command.
    pub exit: Exit,
    /// What is wrong, in one line.
    pub message: String,
    /// What the user can do about it; `None` where that is not known.
    pub hint: Option<String>,
}

impl Problem {
    /// Creates a problem with the command line or a list, which ends with [`Exit::Usage`].
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
            hint: None,
        }
    }

    /// Creates a problem with writing, which ends with [`Exit::Destination`].
    pub(crate) fn destination(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Destination,
            ..Self::usage(message)
        }
    }

    /// Puts the place that the problem comes from before the message.
    #[must_use]
    pub(crate) fn in_context(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// Adds a hint: what the user can do about the problem.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Disk => Self::destination(error.to_string()),
            _ => Self::usage(error.to_string()),
        }
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_wins() {
        let rising = [
            Exit::Success,
            Exit::SomeFailed,
            Exit::Interrupted,
            Exit::Usage,
            Exit::Destination,
        ];
        for (at, weaker) in rising.into_iter().enumerate() {
            for stronger in rising.into_iter().skip(at) {
                assert_eq!(weaker.or_worse(stronger), stronger);
                assert_eq!(stronger.or_worse(weaker), stronger);
            }
        }
    }

    #[test]
    fn a_destination_that_cannot_be_used_is_not_a_usage_error() {
        let problem = Problem::from(Error::new(ErrorKind::Disk, "full"));
        assert_eq!(problem.exit, Exit::Destination);
        let problem = Problem::from(Error::new(ErrorKind::Input, "jobs must be at least 1"));
        assert_eq!(problem.exit, Exit::Usage);
    }
}
