//! Calls that not every system has. What is built on them has no condition for a system.

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
