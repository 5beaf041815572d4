//! The name that a server gives a file (`Content-Disposition`, RFC 6266): known only with the head of its response.

use http::header::{CONTENT_DISPOSITION, HeaderMap};

use super::core::Core;
use super::item::Item;
use super::lock;
use super::present::There;
use crate::options::Naming;
use crate::plan::disposition;
use crate::plan::name::TargetName;
use crate::plan::registry::Claim;
use crate::request::Request;

impl Core {
    /// Whether a row's name is known only once its server has answered; then nothing is known before of what stands there.
    pub(super) fn is_named_later(&self, request: &Request) -> bool {
        self.options.naming == Naming::ByServer && request.name.is_none()
    }

    /// An item's response has this head: the item gets the name that its server proposes, if that is one, and what stands at
    /// whichever name it has now decides whether the body is wanted.
    pub(super) fn name_by_server(&self, item: &mut Item, headers: &HeaderMap) -> There {
        if !self.is_named_later(&item.request) {
            return There::Nothing;
        }
        // Once: what another attempt proposes would leave the first name taken by nobody.
        if item.keys.by_server.is_none()
            && let Some(wanted) = proposed(item, headers)
        {
            let claim =
                lock(&self.names).claim(wanted, item.request.url(), &item.request.checksums);
            // The same name for the same URL, by an earlier row: this one keeps the URL's own name.
            if let Claim::Mine { name, key } = claim {
                item.target = name;
                item.keys.by_server = Some(key);
            }
        }
        self.there(&item.target, &item.request)
    }
}

fn proposed(item: &Item, headers: &HeaderMap) -> Option<TargetName> {
    let field = headers.get(CONTENT_DISPOSITION)?;
    let proposed = disposition::file_name(field.as_bytes())?;
    item.target
        .named_by_server(&proposed, item.request.url())
        .filter(|name| *name != item.target)
}
