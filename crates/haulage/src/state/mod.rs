//! What a later run needs to know: what became of each row, in an `SQLite` database below `.haul/`.
//! (And what this run puts aside for a while, in one without a name.)
//!
//! Rows are recorded in groups, about once a second, by one thread: first everything that was
//! written is synced, then the group is committed, so that what is recorded as done would survive a
//! power cut. The next run finds a row by its place in its list, which is how they were recorded,
//! and where that has another row now, by what it asks for.

mod aside;
mod ask;
mod columns;
mod damage;
mod keeper;
mod known;
mod left;
mod lists;
mod lookup;
mod parts;
mod record;
mod results;
mod schema;
mod store;

pub(crate) use self::aside::{Aside, Waiting};
pub(crate) use self::ask::Ask;
pub(crate) use self::keeper::{Ending, State};
pub(crate) use self::known::Known;
pub use self::results::{Results, results};
