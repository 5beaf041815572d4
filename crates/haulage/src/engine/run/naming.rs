//! The names of rows: which row has which, which rows are identical and wait for the first of them,
//! and where the files of ended rows are.
//!
//! Names and followers are under one lock, so a row either becomes a follower of an identical row
//! or learns how that row ended.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use crate::engine::item::Keys;
use crate::options::{self, Layout, Purpose, RunOptions};
use crate::plan::accepted::Accepted;
use crate::plan::layout;
use crate::plan::name::TargetName;
use crate::plan::registry::{Claim, Key, Names, Settled};
use crate::request::Request;
use crate::sync::lock;

/// The names of a run's rows.
pub(crate) struct Naming {
    layout: Layout,
    named_by: options::FileNames,
    purpose: Purpose,
    portable_names: bool,
    /// Whether files are kept in memory, so that equal names do not conflict.
    is_nameless: bool,
    /// What the destination accepts in names, once a row has needed to know.
    accepted: OnceLock<Accepted>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: Names,
    /// Rows that wait for an identical one in progress.
    followers: HashMap<Key, Vec<Follower>>,
}

/// The number and the request of a row that is identical to an earlier one.
pub(crate) type Follower = (u64, Request);

/// What happens to a row that claims a name.
pub(crate) enum Admitted {
    /// It has this name, and is to be fetched.
    Fresh(Request, TargetName, Key),
    /// It waits for an identical row in progress.
    Follows,
    /// An identical row has ended like this; its file is at this place if it was saved.
    EndsAs(Request, TargetName, Settled),
}

impl Naming {
    pub(crate) fn new(options: &RunOptions) -> Self {
        let mut names = Names::default();
        for name in &options.reserved_names {
            names.reserve(name);
        }
        Self {
            layout: options.layout,
            named_by: options.file_names,
            purpose: options.purpose,
            portable_names: options.portable_names,
            is_nameless: matches!(options.destination, options::Destination::Memory { .. }),
            accepted: OnceLock::new(),
            state: Mutex::new(State {
                names,
                followers: HashMap::new(),
            }),
        }
    }

    /// Returns whether a row's name is known only once its server has answered; then nothing is
    /// known before of what stands there.
    pub(crate) fn is_named_later(&self, request: &Request) -> bool {
        self.named_by == options::FileNames::FromServer && request.name.is_none()
    }

    /// Returns what names may hold beyond what every system takes. The first call asks the
    /// destination with `ask`.
    pub(crate) fn accepted(&self, ask: impl FnOnce() -> Accepted) -> Accepted {
        if self.portable_names {
            return Accepted::NOTHING;
        }
        *self.accepted.get_or_init(ask)
    }

    /// Returns the name that a row would have by itself.
    pub(crate) fn wanted(
        &self,
        row: u64,
        request: &Request,
        accepted: &dyn Fn() -> Accepted,
    ) -> TargetName {
        match &request.name {
            Some(name) => TargetName::of_user(name, request.url(), accepted),
            None => layout::name(self.layout, &request.url, request.url(), row, accepted),
        }
    }

    /// Claims a name for a row.
    pub(crate) fn admit(&self, row: u64, request: Request, wanted: TargetName) -> Admitted {
        let mut state = lock(&self.state);
        match self.claim(&mut state.names, wanted, row, &request) {
            Claim::Mine { name, key } => Admitted::Fresh(request, name, key),
            // Only the server's response tells under which name the first one's file was saved.
            Claim::Same {
                name,
                key,
                state: Settled::Done,
            } if self.is_named_later(&request) && self.purpose == Purpose::Download => {
                Admitted::Fresh(request, name, key)
            }
            Claim::Same {
                key,
                state: Settled::Pending,
                ..
            } => {
                let followers = state.followers.entry(key).or_default();
                followers.push((row, request));
                Admitted::Follows
            }
            Claim::Same {
                name,
                key,
                state: settled,
            } => {
                let place = match settled {
                    Settled::Failed(_) => None,
                    Settled::Done | Settled::Pending => state.names.place(key).cloned(),
                };
                Admitted::EndsAs(request, place.unwrap_or(name), settled)
            }
        }
    }

    /// Claims a row's name; where no other row can have it, that is not even noted.
    fn claim(&self, names: &mut Names, wanted: TargetName, row: u64, request: &Request) -> Claim {
        if self.is_nameless {
            let (name, key) = (wanted, Key::NONE);
            return Claim::Mine { name, key };
        }
        let (given, checksums) = (request.url(), &request.checksums);
        match (self.layout, &request.name) {
            (Layout::Row, Some(_)) => names.claim_beside_numbered(wanted, row, given, checksums),
            (Layout::Row, None) if self.named_by == options::FileNames::FromUrl => {
                names.claim_numbered(wanted, given, checksums)
            }
            _ => names.claim(wanted, given, checksums),
        }
    }

    /// Claims the name that a row's server has given its file.
    pub(crate) fn claim_from_server(&self, request: &Request, wanted: TargetName) -> Claim {
        let mut state = lock(&self.state);
        state.names.claim(wanted, request.url(), &request.checksums)
    }

    /// Gives a row another name than its own, by which identical rows find its file. Returns that
    /// name.
    pub(crate) fn claim_distinct(
        &self,
        key: Key,
        request: &Request,
        wanted: TargetName,
    ) -> TargetName {
        let mut state = lock(&self.state);
        let claim = state.names.claim(wanted, request.url(), &request.checksums);
        let (Claim::Mine { name, .. } | Claim::Same { name, .. }) = claim;
        state.names.moved(key, name.clone());
        name
    }

    /// Notes that a row's file is at another place than its name, for identical rows.
    pub(crate) fn moved(&self, key: Key, place: TargetName) {
        lock(&self.state).names.moved(key, place);
    }

    /// Notes how the item of these names ended, and returns the rows that waited for it.
    pub(crate) fn release(&self, keys: Keys, settled: Settled) -> Vec<Follower> {
        let mut state = lock(&self.state);
        let mut released = Vec::new();
        for key in [Some(keys.own), keys.by_server].into_iter().flatten() {
            state.names.settle(key, settled);
            // As a rule there are none at all.
            if !state.followers.is_empty() {
                released.extend(state.followers.remove(&key).into_iter().flatten());
            }
        }
        released
    }

    /// Takes out a row that waits for an identical one; `None` if it does not wait.
    pub(crate) fn remove_follower(&self, row: u64) -> Option<Follower> {
        let mut state = lock(&self.state);
        let mut all = state.followers.values_mut();
        all.find_map(|waiting| {
            let at = waiting.iter().position(|(waits, _)| *waits == row)?;
            Some(waiting.remove(at))
        })
    }
}
