//! What a later run needs to know: the outcome of each row, in an `SQLite` database below `.haul/`.
//! (Also the rows that this run spills to disk, in a database without a name.)
//!
//! One thread records rows in groups, about once a second. First it syncs everything that was
//! written, then it commits the group, so that what is recorded as done survives a power cut. The
//! next run finds a row by its place in its list, which is its key in the database, or, if another
//! row is there now, by what it requests.

mod columns;
mod damage;
mod keeper;
mod left;
mod lists;
mod lookup;
mod parts;
mod prior_record;
mod record;
mod recorded_runs;
mod request_key;
mod results;
mod row_query;
mod runs;
mod schema;
mod spill_store;
mod store;

pub(crate) use self::keeper::{Ending, State};
pub(crate) use self::parts::WORTH_RECORDING;
pub(crate) use self::prior_record::PriorRecord;
pub use self::recorded_runs::recorded_runs;
pub(crate) use self::request_key::RequestKey;
pub use self::results::{Results, results, results_of};
pub use self::row_query::{QueriedRows, RowQuery, query_rows};
pub use self::runs::RecordedRun;
pub(crate) use self::runs::RunRecord;
pub(crate) use self::spill_store::{SpillStore, Waiting};
