//! What is raised: an input, a destination or certificates that cannot be used. Items never raise.

use haul_command::embedded::{Exit, Problem, with_keywords};
use haulage::{Error, ErrorKind};
use pyo3::exceptions::PyException;
use pyo3::{PyErr, create_exception};

create_exception!(
    haulage,
    HaulageError,
    PyException,
    "Something that a run cannot go on with. Items never raise: they end as failed outcomes."
);
create_exception!(
    haulage,
    InputError,
    HaulageError,
    "An option, a list or a source that cannot be used."
);
create_exception!(
    haulage,
    DestinationError,
    HaulageError,
    "A destination that cannot be used: not writable, full, or in use by another run."
);
create_exception!(
    haulage._haulage,
    Busy,
    DestinationError,
    "A destination that another run uses, which records the rows of a list."
);
create_exception!(
    haulage,
    TlsError,
    HaulageError,
    "Certificates or keys that cannot be used."
);

/// Returns the exception for a failure that ends a run, or keeps it from starting.
pub(crate) fn raised(error: &Error) -> PyErr {
    let message = with_keywords(&error.to_string());
    match error.kind() {
        ErrorKind::Disk | ErrorKind::Exists | ErrorKind::Name => DestinationError::new_err(message),
        ErrorKind::Tls => TlsError::new_err(message),
        ErrorKind::Input => InputError::new_err(message),
        _ => HaulageError::new_err(message),
    }
}

/// Returns the exception for a run that could not be opened.
pub(crate) fn unopened(error: &Error) -> PyErr {
    match error.busy_with() {
        Some(_) => Busy::new_err(with_keywords(&error.to_string())),
        None => raised(error),
    }
}

/// Returns the exception for what the options of a run cannot be.
pub(crate) fn of_problem(problem: &Problem) -> PyErr {
    let message = match &problem.hint {
        Some(hint) => format!("{problem}; {hint}"),
        None => problem.to_string(),
    };
    match problem.exit {
        Exit::Destination => DestinationError::new_err(message),
        _ => InputError::new_err(message),
    }
}
