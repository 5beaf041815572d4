//! A page about a run: totals, charts, errors. It is one file that loads nothing.
//!
//! `aggregate` sums up items, `page` writes HTML; both are pure. `file` makes a page of the events
//! of a run, `command` one of what is recorded.

mod aggregate;
mod command;
mod file;
mod html;
mod page;

#[cfg(feature = "program")]
pub(crate) use self::command::of_list;
pub(crate) use self::command::print;
pub(crate) use self::file::{PageFile, PagePlan};
