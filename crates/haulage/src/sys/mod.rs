//! Calls that not every system has, one idea a file. What is built on them has no condition for a
//! system: where a call is missing, its function says so in the way in which a file system or a
//! kernel does that lacks it, and the caller takes its substitute.
//!
//! Linux has them all, and macOS some. `--cfg portable` takes away on Linux what other systems do
//! not have, so that the substitutes are tested (`.ci/run portable`).

pub(crate) mod certificates;
pub(crate) mod flush;
pub(crate) mod host_lock;
pub(crate) mod interface;
pub(crate) mod mount;
pub(crate) mod process;
pub(crate) mod rename;
pub(crate) mod splice;
pub(crate) mod tcp;
pub(crate) mod unnamed;
