//! Decisions, all of them pure: the names of files, what the head of a response means, what is
//! known about a file, and which bytes may be joined.

pub(crate) mod accepted;
pub(crate) mod coding;
mod component;
pub(crate) mod conditional;
pub(crate) mod content_range;
pub(crate) mod disposition;
pub(crate) mod existing;
pub(crate) mod fields;
pub(crate) mod head;
pub(crate) mod layout;
pub(crate) mod mirrors;
pub(crate) mod name;
pub(crate) mod ramp;
pub(crate) mod range_set;
pub(crate) mod registry;
pub(crate) mod response_digests;
pub(crate) mod resume;
pub(crate) mod retry_after;
pub(crate) mod robots;
pub(crate) mod segments;
pub(crate) mod silence;
pub(crate) mod size;
pub(crate) mod validator;
