//! What a later run needs to know: the outcome of each row, in an `SQLite` database below `.haul/`.
//! (Also the rows that this run spills to disk, in a database without a name.)
//!
//! One thread records rows in groups, about once a second. First it syncs everything that was
//! written, then it commits the group, so that what is recorded as done survives a power cut. The
//! next run finds a row by its place in its list, which is its key in the database, or, if another
//! row is there now, by what it requests.

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
