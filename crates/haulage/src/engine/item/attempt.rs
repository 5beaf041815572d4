//! How an attempt at an item ends.

use std::time::Duration;

use super::Segments;
use super::existing::ExistingCheck;
use crate::error::Error;
use crate::fetch::request_target::Hop;
use crate::plan::head::Entity;
use crate::plan::name::TargetName;
use crate::write::PartWriter;

/// How an attempt at an item ended.
pub(crate) enum AttemptEnd {
    /// The body is complete, and waits to be committed.
    Received(PartWriter, Entity),
    /// Something exists at the name that the server gave; this says what happens to the item.
    AtName(ExistingCheck),
    /// The server says that the file, which this entity describes, has not changed.
    Unchanged(Entity),
    /// The file of this entity exists already at this name, judging by length and time.
    Exists(Entity, TargetName),
    /// The item continues at another URL, after this wait.
    Redirected(Box<Hop>, Duration),
    /// The URL where its redirects began has got cookies meanwhile: it is requested once more.
    Home,
    /// Its response has delivered its segment; other lanes deliver the rest.
    Segmented(Segments),
    /// A part of the file is received: the next request asks for the rest.
    Resume,
    /// The partial file cannot be used, for this reason: the download restarts.
    Restart(Error),
    /// The request is resent at once, as if it had not been sent.
    Resend,
    Failed(Error),
    /// There is no connection for it yet: it returns to its queue.
    PutBack,
}
