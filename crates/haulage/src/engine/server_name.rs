//! The name that a server gives a file (`Content-Disposition`, RFC 6266): known only with the head
//! of its response.

use std::sync::Arc;

use http::header::CONTENT_DISPOSITION;
use tokio::sync::oneshot;

use super::core::Core;
use super::item::{AtName, Item};
use super::present::There;
use crate::options::Naming;
use crate::plan::disposition;
use crate::plan::fields::Fields;
use crate::plan::name::TargetName;
use crate::plan::registry::{Claim, Settled};
use crate::request::Request;
use crate::sync::lock;

impl Core {
    /// Whether a row's name is known only once its server has answered; then nothing is known
    /// before of what stands there.
    pub(super) fn is_named_later(&self, request: &Request) -> bool {
        self.options.naming == Naming::ByServer && request.name.is_none()
    }

    /// An item's response has this head: the item gets the name that its server proposes, if that
    /// is one, and what stands at whichever name it has now decides whether the body is wanted.
    pub(super) async fn name_by_server(
        self: &Arc<Self>,
        item: &mut Item,
        headers: &Fields,
    ) -> There {
        if !self.is_named_later(&item.request) {
            return There::Nothing;
        }
        let is_done = self.claim(item, headers);
        if item.at_name == AtName::Compared {
            return There::Nothing;
        }
        let (core, target, request) = (Arc::clone(self), item.target.clone(), item.request.clone());
        let (tell, told) = oneshot::channel();
        self.pool.call(move || {
            let there = if is_done {
                core.there_already(&target, &request)
            } else {
                core.there(&target, &request)
            };
            // Nobody may wait any more.
            let _ = tell.send(there);
        });
        told.await.unwrap_or(There::Nothing)
    }

    /// Claims the name that an item is to have; says whether an identical row has saved its file
    /// under it.
    fn claim(&self, item: &mut Item, headers: &Fields) -> bool {
        // Once: what another attempt proposes would leave the first name taken by nobody.
        if item.keys.by_server.is_some() {
            return false;
        }
        let wanted = self
            .proposed(item, headers)
            .unwrap_or_else(|| item.target.clone());
        let (url, checksums) = (item.request.url(), &item.request.checksums);
        match lock(&self.names).claim(wanted, url, checksums) {
            Claim::Mine { name, key } => {
                item.target = name;
                item.keys.by_server = Some(key);
                false
            }
            Claim::Same {
                name,
                state: Settled::Done,
                ..
            } => {
                item.target = name;
                true
            }
            // Its own name; or that of an identical row which is under way, and then this one keeps
            // the URL's own.
            Claim::Same { .. } => false,
        }
    }

    fn proposed(&self, item: &Item, headers: &Fields) -> Option<TargetName> {
        let field = headers.get(CONTENT_DISPOSITION)?;
        let proposed = disposition::file_name(field.as_bytes())?;
        let accepted = || self.accepted_names();
        item.target
            .named_by_server(&proposed, item.request.url(), &accepted)
    }
}
