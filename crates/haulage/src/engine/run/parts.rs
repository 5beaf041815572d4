//! The files that a run is writing, and existing ones: how their bytes are verified, and which of
//! them the next request or the next run can resume.

use std::sync::Arc;

use crate::checksum::{Algorithm, Checksum};
use crate::engine::item::progress::Progress;
use crate::error::Error;
use crate::http_url::HttpUrl;
use crate::options::{ContentEncoding, RunOptions};
use crate::outcome::Verified;
use crate::plan::coding;
use crate::plan::fields::Fields;
use crate::plan::head::{Entity, Head};
use crate::plan::name::TargetName;
use crate::plan::range_set::RangeSet;
use crate::plan::response_digests;
use crate::plan::resume::Identity;
use crate::pool::BlockingPool;
use crate::request::Request;
use crate::state::State;
use crate::write::{
    Assemblies, Assembly, Content, Expected, Hashes, Owner, PartWriter, PathKind, Rechecks,
    Storage, Writer,
};

/// Bytes. A shorter file is fetched again in about the time that a request for the rest takes. Not
/// more than what counts as progress (see [`RetryState`](crate::schedule::retry::RetryState)): that
/// has to be kept.
const WORTH_KEEPING: u64 = 64 << 10;

/// The files of a run.
pub(crate) struct Parts {
    pub(crate) writer: Arc<Writer>,
    pub(crate) rechecks: Arc<Rechecks>,
    pub(crate) storage: Arc<Storage>,
    pub(crate) pool: Arc<BlockingPool>,
    /// The parts that this run, or a later one, can resume.
    assemblies: Arc<Assemblies>,
    /// The records of earlier runs; `None` if nothing is recorded.
    state: Option<Arc<State>>,
    hashes: Vec<Algorithm>,
    codings: ContentEncoding,
    max_size: Option<u64>,
}

impl Parts {
    pub(crate) fn new(
        options: &RunOptions,
        storage: Arc<Storage>,
        pool: Arc<BlockingPool>,
        writer: Arc<Writer>,
        rechecks: Arc<Rechecks>,
        state: Option<Arc<State>>,
    ) -> Self {
        let assemblies = state.as_ref().map(|state| state.assemblies());
        Self {
            writer,
            rechecks,
            storage,
            pool,
            assemblies: assemblies.unwrap_or_default(),
            state,
            hashes: options.hashes.clone(),
            codings: options.content_encoding,
            max_size: options.max_size,
        }
    }

    /// Returns what is done with the bytes of a response with these header fields besides saving
    /// them; `None` for nothing.
    ///
    /// # Errors
    /// When they have a coding that cannot be undone.
    pub(crate) fn content_of(
        &self,
        request: &Request,
        entity: &Entity,
        headers: &Fields,
    ) -> Result<Option<Box<Content>>, Error> {
        let codings = coding::to_undo(headers, self.codings == ContentEncoding::Decode)?;
        // Without a coding to undo, the size is checked as the bytes are received.
        let most = self.max_size.filter(|_| !codings.is_empty());
        let (hashes, expected) = self.expected_of(request, entity);
        Content::asked(&codings, most, hashes, expected)
    }

    /// Returns what is done with bytes that are those of the file, besides saving them; `None` for
    /// nothing.
    pub(crate) fn plain_content(
        &self,
        request: &Request,
        entity: &Entity,
    ) -> Result<Option<Box<Content>>, Error> {
        let (hashes, expected) = self.expected_of(request, entity);
        Content::asked(&[], None, hashes, expected)
    }

    fn expected_of(&self, request: &Request, entity: &Entity) -> (Hashes, Expected) {
        let expected = Expected {
            checksums: request.checksums.clone(),
            digest: entity.digest.clone(),
            pieces: request
                .usable_pieces()
                .filter(|_| request.checksums.is_empty())
                .map(|(pieces, total)| (pieces.clone(), total)),
        };
        let all = expected.checksums.iter().chain(&expected.digest);
        (Hashes::new(&self.hashes, all), expected)
    }

    /// Returns the hashes that are to be computed of a request's file.
    pub(crate) fn hashes_of(&self, request: &Request) -> Hashes {
        Hashes::new(&self.hashes, &request.checksums)
    }

    /// Keeps those of a file's hashes that the user has asked for: its server may have had others
    /// computed.
    pub(crate) fn asked_for(&self, request: &Request, mut hashes: Vec<Checksum>) -> Vec<Checksum> {
        hashes.retain(|hash| {
            let is_same = |checksum: &Checksum| checksum.algorithm() == hash.algorithm();
            self.hashes.contains(&hash.algorithm()) || request.checksums.iter().any(is_same)
        });
        hashes
    }

    /// Returns the checksum that a response states for its file; `None` if it states none, or the
    /// request has its own. Where codings are undone, the response speaks of another file.
    pub(crate) fn digest_of(&self, request: &Request, head: &Head) -> Option<Checksum> {
        if request.is_checked() {
            return None;
        }
        let digests = response_digests::read(head.status, &head.fields);
        if digests.is_encoded && self.codings == ContentEncoding::Decode {
            return None;
        }
        digests.checksums.into_iter().next()
    }

    /// Returns what an earlier run has brought of a request's file; `None` if nothing.
    pub(crate) fn take_up(&self, request: &Request) -> Option<Arc<Assembly>> {
        let (Some(state), Some(key)) = (&self.state, &request.key) else {
            return None;
        };
        let is_checked = request.is_checked();
        let location = request.location.as_ref();
        let input = location.map_or_else(Arc::default, |location| Arc::clone(&location.input));
        state.take_up(key, &input, request.url(), is_checked)
    }

    /// Begins a part for the file of a response from `source`, if another response could go on with
    /// it; otherwise returns `None`. A later run finds it only if the row `is_findable` there.
    pub(crate) fn begin(
        &self,
        request: &Request,
        source: &HttpUrl,
        head: &Head,
        entity: &Entity,
        is_findable: bool,
    ) -> Option<Arc<Assembly>> {
        let length = entity.length.filter(|length| *length >= WORTH_KEEPING)?;
        self.storage.kept()?;
        let identity = Identity::of(
            source.as_str(),
            head.status,
            &head.fields,
            Some(length),
            request.is_checked(),
        )?;
        let owner = owner_of(request).filter(|_| is_findable);
        let number = self.writer.next_number();
        let assembly = Arc::new(Assembly::new(number, identity, entity.clone(), owner));
        self.assemblies.add(&assembly);
        Some(assembly)
    }

    /// Returns a part with these bytes of its file, which were taken over from a damaged one. They
    /// may be joined with those of any response, since the whole file is compared with hashes.
    pub(crate) fn taken_over(
        &self,
        request: &Request,
        number: u64,
        total: u64,
        ranges: RangeSet,
    ) -> Arc<Assembly> {
        let identity = Identity {
            url: request.url.as_str().to_owned(),
            validator: None,
            total,
            is_checked: true,
        };
        let entity = Entity {
            length: Some(total),
            framing: Verified::Length,
            digest: None,
            etag: None,
            last_modified: None,
            content_type: None,
        };
        let assembly = Assembly::new(number, identity, entity, owner_of(request)).with(ranges);
        let assembly = Arc::new(assembly);
        self.assemblies.add(&assembly);
        assembly
    }

    /// Returns a part of which all bytes have been brought, ready to become the file.
    pub(crate) fn completed(
        &self,
        request: &Request,
        partial: &Arc<Assembly>,
    ) -> Result<(PartWriter, Entity), Error> {
        let content = self.plain_content(request, &partial.entity)?;
        let total = partial.identity.total;
        let part = self.writer.write_segment(total..total, 0, partial, content);
        Ok((part, partial.entity.clone()))
    }

    /// Forgets a part that has become a file.
    pub(crate) fn forget(&self, partial: &Assembly) {
        self.assemblies.forget(partial);
    }

    /// Returns how many bytes of an unfinished file another run of this engine can resume; 0 if
    /// they are too few. What has been handed to the disk counts, `received` bytes of it: it is
    /// written before the run is over.
    pub(crate) fn kept(&self, progress: &Progress, received: u64) -> u64 {
        let (Some(_), Some(partial)) = (&self.state, &progress.partial) else {
            return 0;
        };
        if partial.owner.is_none() {
            return 0;
        }
        let kept = partial.range_set().covered().max(received);
        if kept >= WORTH_KEEPING { kept } else { 0 }
    }

    /// Leaves a partial file to another run of the same engine that asks for the same, or to the
    /// next run.
    pub(crate) fn leave(&self, progress: &Progress) {
        if let (Some(state), Some(partial)) = (&self.state, &progress.partial) {
            state.leave(partial);
        }
    }

    /// Lets a partial file go while its item waits, if other files in memory wait for room.
    pub(crate) fn park(&self, progress: &Progress) {
        if let (Some(memory), Some(partial)) = (&self.storage.memory, &progress.partial) {
            memory.park(partial.number);
        }
    }

    /// Takes a partial file for another attempt. In memory it may have made room for others.
    pub(crate) fn take_back(&self, progress: &mut Progress) {
        if let (Some(memory), Some(partial)) = (&self.storage.memory, &progress.partial)
            && !memory.take_back(partial.number)
        {
            self.discard(progress);
        }
    }

    /// Discards what was brought of a file.
    pub(crate) fn discard(&self, progress: &mut Progress) {
        let Some(partial) = progress.partial.take() else {
            return;
        };
        progress.resumed = 0;
        progress.ignores_partial = false;
        self.assemblies.forget(&partial);
        let storage = Arc::clone(&self.storage);
        // If it cannot be removed now, the next run removes it.
        self.pool
            .call(move || drop(storage.scratch.remove(partial.number)));
    }

    /// Returns the length of the file at a name; 0 if there is none.
    pub(crate) fn length_of(&self, target: &TargetName) -> u64 {
        match self.storage.lookup.stat(target) {
            Ok(PathKind::File { length, .. }) => length,
            _ => 0,
        }
    }
}

/// Returns the row of a part, as it is recorded; `None` if nothing is.
fn owner_of(request: &Request) -> Option<Owner> {
    request.key.as_ref().map(|key| Owner {
        input: match &request.location {
            Some(location) => Arc::clone(&location.input),
            None => "".into(),
        },
        request_hash: key.hash,
        url: Arc::clone(&request.given),
    })
}
