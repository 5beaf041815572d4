//! Before the first request: rows are read and named, and looked up on the disk and in the records
//! of earlier runs.

pub(crate) mod existing;
pub(crate) mod reader;
pub(crate) mod recall;
mod repair;
