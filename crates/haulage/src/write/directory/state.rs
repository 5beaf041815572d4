//! Where the state of a destination is kept, and the errors when a run cannot use it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::owner::{Life, Owner};
use super::workspace::{PARTS, Space};
use super::{STATE, WORKSPACE};
use crate::error::{Error, ErrorKind};
use crate::event::Warning;
use crate::sys::mount::is_remote;
use crate::write::place_of_state::{LeftRun, Sharing, StatePlace};
use crate::write::scratch::Held;

/// Returns the path of the database in which runs of lists record what later runs into a folder
/// need. The path to the folder contains no links. The workspace may still be a link: the
/// caller has to check that before it opens the database.
pub(crate) fn state_in(folder: &Path) -> io::Result<PathBuf> {
    Ok(folder.canonicalize()?.join(WORKSPACE).join(STATE))
}

/// Returns where a run keeps its state, and the state that others have left.
pub(super) fn state_place(
    path: &Path,
    root: &OwnedFd,
    space: &Space,
    moment: Held,
) -> io::Result<StatePlace> {
    let lists = state_in(path)?;
    let parts = lists.with_file_name(PARTS);
    let shares_locks = space.locks.files && space.locks.ranges;
    let (database, sharing, readable) = match &space.own {
        // Only the run that holds the lock of that folder opens it.
        Some(own) => {
            let readable = shares_locks && !is_remote(root) && lists.is_file();
            let own = parts.join(own).join(STATE);
            (own, Sharing::AloneWithoutLocks, readable.then_some(lists))
        }
        None if !shares_locks => (lists, Sharing::AloneWithoutLocks, None),
        None if is_remote(root) => (lists, Sharing::Alone, None),
        None => (lists, Sharing::WithReaders, None),
    };
    let left = space.left.iter().map(|run| LeftRun {
        database: parts.join(run).join(STATE),
        run: run.as_str().into(),
    });
    Ok(StatePlace {
        left: left.collect(),
        database,
        sharing,
        lists: readable,
        warnings: (!space.locks.files)
            .then(|| Warning::NoLocks(path.to_owned()))
            .into_iter()
            .collect(),
        moment: Some(moment),
    })
}

/// Returns the error for a workspace that cannot be opened, with what to do about it: the
/// destination itself may be fine.
pub(super) fn unusable(path: &Path, cause: io::Error) -> Error {
    let workspace = path.join(WORKSPACE);
    let is_there = workspace.symlink_metadata().is_ok();
    let shown = workspace.display();
    let disk = |what: String| Error::new(ErrorKind::Disk, what);
    match cause.kind() {
        io::ErrorKind::NotADirectory => {
            let what = format!("{shown}, or {PARTS} in it, is no folder; move it away");
            disk(what).caused_by(cause)
        }
        io::ErrorKind::PermissionDenied if is_there => disk(format!(
            "{shown} cannot be written; it may belong to another user: remove it, or choose another folder with --dir"
        ))
        .caused_by(cause),
        _ => Error::disk(&format!("cannot use the folder {}", path.display()), cause),
    }
}

/// Returns the error for a destination from which another run keeps this one out. It names the file
/// to be removed should that not be true.
pub(super) fn busy(path: &Path, owner: Option<&Owner>, mark: Option<&str>) -> Error {
    let shown = path.display();
    let who = owner.map_or_else(|| "another run".to_owned(), Owner::named);
    let title = owner.map(|owner| owner.title.as_str());
    let what = title.filter(|title| !title.is_empty()).unwrap_or("a list");
    let waits = format!("{who}, which is downloading {what} into {shown}");
    // Of a process on this machine, it is known whether it runs.
    let is_sure = owner.is_some_and(|owner| owner.life() == Life::Alive);
    let advice = mark.filter(|_| !is_sure).map_or_else(String::new, |mark| {
        let mark = path.join(WORKSPACE).join(mark);
        format!("; if it does not run any more, remove {}", mark.display())
    });
    Error::new(
        ErrorKind::Disk,
        format!(
            "another run is using the folder {shown}: {who} is downloading {what}; wait for it, or choose another with --dir{advice}"
        ),
    )
    .held_by(format!("{waits}{advice}"))
}
