//! One download, as the daemon remembers it.

use haulage::PieceHashes;
use serde::{Deserialize, Serialize};

use super::{Gid, ListRun, pieces};
use crate::options::Options;

/// Where a download is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It is being downloaded.
    Active,
    /// It begins when its turn comes.
    Waiting,
    /// It stays where it is in the queue until somebody lets it go on.
    Paused,
    /// Its file is complete.
    Complete,
    /// It has failed.
    Error,
    /// It was removed while it was active.
    Removed,
}

impl State {
    /// Returns the name that clients know.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Complete => "complete",
            Self::Error => "error",
            Self::Removed => "removed",
        }
    }

    /// Returns whether it is over.
    pub(crate) const fn is_stopped(self) -> bool {
        matches!(self, Self::Complete | Self::Error | Self::Removed)
    }
}

/// A file, or a list of files, that somebody wants, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Download {
    pub(crate) gid: Gid,
    pub(crate) state: State,
    /// Orders it among those of its kind: queued, active, or stopped.
    pub(crate) rank: i64,
    /// The URLs of the file: the first one, then its mirrors.
    pub(crate) uris: Vec<String>,
    /// What was given for it alone.
    pub(crate) options: Options,
    /// Whether a run of it has ever begun: what is on the disk may be its own.
    pub(crate) begun: bool,
    /// The length that the file must have; `None` if it may have any.
    pub(crate) size: Option<u64>,
    /// The hashes of its pieces; `None` if they are not known.
    #[serde(default, with = "pieces", skip_serializing_if = "Option::is_none")]
    pub(crate) pieces: Option<PieceHashes>,
    /// The length of the file; `None` while it is not known.
    pub(crate) total: Option<u64>,
    /// Bytes of the file that were here when it last stopped.
    pub(crate) completed: u64,
    /// The file's path, once it is known.
    pub(crate) path: Option<String>,
    /// How it ended; `None` while it is not over.
    pub(crate) ending: Option<Ending>,
    /// What people call it; empty if it is named after its file.
    #[serde(default)]
    pub(crate) name: String,
    /// Those with a higher one are added before others.
    #[serde(default)]
    pub(crate) priority: i32,
    /// Milliseconds since 1970; 0 if an older version has added it.
    #[serde(default)]
    pub(crate) created: u64,
    /// When its first run began, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) started: Option<u64>,
    /// When it was over, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) ended: Option<u64>,
    /// The list that it is; `None` if it is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) list: Option<ListRun>,
}

/// How a download ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    /// One of aria2's exit statuses.
    pub(crate) code: u8,
    /// Says why it failed; empty if it has not.
    pub(crate) message: String,
    /// The kind of the error that it failed with; empty if it has not.
    #[serde(default)]
    pub(crate) kind: String,
}

impl Download {
    /// Returns whether it is a list.
    pub(crate) fn is_list(&self) -> bool {
        self.list.is_some()
    }

    /// Returns what its runs are called where the engine records them.
    pub(crate) fn title(&self) -> String {
        format!("{} ({})", self.name, self.gid)
    }

    /// Returns a download that has not begun.
    pub(crate) fn new(gid: Gid, uris: Vec<String>, options: Options) -> Self {
        Self {
            gid,
            state: State::Waiting,
            rank: 0,
            uris,
            options,
            begun: false,
            size: None,
            pieces: None,
            total: None,
            completed: 0,
            path: None,
            ending: None,
            name: String::new(),
            priority: 0,
            created: 0,
            started: None,
            ended: None,
            list: None,
        }
    }
}
