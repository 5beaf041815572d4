//! Writes downloaded bytes to files: the only module that creates, writes and renames them.
//!
//! A network thread hands bytes over and continues; a pool of threads writes them, in order, to a
//! part below `.haul/`. Memory between the two is bounded for each part and in total. So a slow
//! disk slows the network instead of filling the memory, and a part that hangs stalls only its own
//! item.

mod assemblies;
mod assembly;
mod batch;
mod body;
mod budget;
mod commit;
mod committer;
mod content;
#[cfg(test)]
mod contract;
pub(crate) mod decode;
mod destination;
mod direct;
mod directory;
mod disk_budget;
#[cfg(test)]
pub(crate) mod fake;
mod hash;
mod memory;
mod output;
mod part;
mod piece_check;
pub(crate) mod pieces;
mod place_of_state;
mod preview;
mod recheck;
mod room;
pub(crate) mod scratch;
mod segment;
mod slot;
mod storage;
mod strictest;
mod syncs;
mod verify;
pub(crate) mod write_error;
mod writer;

pub(crate) use self::assemblies::Assemblies;
pub(crate) use self::assembly::{Assembly, Owner, SegmentClaim};
pub(crate) use self::budget::Reservation;
pub(crate) use self::commit::{Saved, Saving};
pub(crate) use self::content::{Content, Expected};
pub(crate) use self::decode::decode_beginning;
pub(crate) use self::destination::{PathKind, Seen};
pub(crate) use self::direct::{CopyError, DirectCopy, LowSpeedLimit};
pub(crate) use self::directory::{
    Directory, WAITING_FOR_NAMES, lacks_locks, lacks_sync, rename_damaged, state_in,
};
pub(crate) use self::disk_budget::DiskBudget;
pub(crate) use self::hash::Hashes;
pub(crate) use self::output::Stream;
pub(crate) use self::piece_check::PieceCheck;
pub(crate) use self::place_of_state::{LeftRun, Sharing, StatePlace};
pub(crate) use self::preview::Preview;
pub(crate) use self::recheck::{Rechecked, Rechecks};
pub(crate) use self::scratch::LastingParts;
pub(crate) use self::segment::Segment;
pub(crate) use self::slot::SegmentSlot;
pub(crate) use self::storage::Storage;
pub(crate) use self::strictest::Strictest;
pub(crate) use self::syncs::Syncs;
pub(crate) use self::verify::differing;
pub(crate) use self::writer::{PartWriter, Writer};
