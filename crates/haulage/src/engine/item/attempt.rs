//! How an attempt at an item ends.

use std::time::Duration;

use super::Segments;
use super::existing::ExistingCheck;
use crate::error::Error;
use crate::fetch::route::Hop;
use crate::plan::head::Entity;
use crate::plan::name::TargetName;
use crate::write::PartWriter;

/// How an attempt at an item ended.
pub(crate) enum AttemptEnd {
    /// The body is complete, and waits to be committed.
    Received(PartWriter, Entity),
    /// A file stands at the name that the server has given, and decides about the item.
    AtName(ExistingCheck),
    /// The server says that the file, which this describes, has not changed.
    Unchanged(Entity),
    /// The file that this describes is at this name already, as far as length and time tell.
    Exists(Entity, TargetName),
    /// The item goes on at another URL, after this time.
    Redirected(Box<Hop>, Duration),
    /// Its URL as given has got cookies while it was sent elsewhere: it goes there once more.
    Home,
    /// Its response has brought its segment; others bring the rest.
    Segmented(Segments),
    /// A part of the file is there: the next request asks for the rest.
    Resume,
    /// What was brought cannot be used, for this reason: the file is fetched from its beginning.
    Restart(Error),
    /// The request goes again at once, as if it had not been sent.
    Resend,
    Failed(Error),
    /// There is no connection for it yet: it waits.
    PutBack,
}
