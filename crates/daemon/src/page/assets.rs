//! The files of the page, as they are in the program.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// A file of the page.
pub(super) struct Asset {
    /// Where a browser finds it.
    path: &'static str,
    pub(super) content: &'static str,
}

/// Returns the file of `crates/daemon/page` with this name, which is at `/page/NAME`.
macro_rules! own {
    ($name:literal) => {
        Asset::new(
            concat!("/page/", $name),
            include_str!(concat!("../../page/", $name)),
        )
    };
}

static ASSETS: &[Asset] = &[
    Asset::new("/", include_str!("../../page/index.html")),
    Asset::new("/page/vendor/uPlot.iife.min.js", haulage_uplot::SCRIPT),
    Asset::new("/page/vendor/uPlot.min.css", haulage_uplot::STYLE),
    own!("css/controls.css"),
    own!("css/layout.css"),
    own!("css/lists.css"),
    own!("css/theme.css"),
    own!("icon.svg"),
    own!("js/announcer.js"),
    own!("js/api.js"),
    own!("js/before-paint.js"),
    own!("js/daemon.js"),
    own!("js/events.js"),
    own!("js/format.js"),
    own!("js/history.js"),
    own!("js/html.js"),
    own!("js/list-name.js"),
    own!("js/main.js"),
    own!("js/options.js"),
    own!("js/paged-list.js"),
    own!("js/preferences.js"),
    own!("js/progress.js"),
    own!("js/secret.js"),
    own!("js/store.js"),
    own!("js/texts.js"),
    own!("js/texts/en.js"),
    own!("js/texts/zh.js"),
    own!("js/views/add.js"),
    own!("js/views/app.js"),
    own!("js/views/confirm.js"),
    own!("js/views/details.js"),
    own!("js/views/dialog.js"),
    own!("js/views/drop.js"),
    own!("js/views/grid.js"),
    own!("js/views/header.js"),
    own!("js/views/help.js"),
    own!("js/views/hosts.js"),
    own!("js/views/icons.js"),
    own!("js/views/items.js"),
    own!("js/views/limits.js"),
    own!("js/views/notices.js"),
    own!("js/views/plot.js"),
    own!("js/views/progress-bar.js"),
    own!("js/views/run-limits.js"),
    own!("js/views/runs.js"),
    own!("js/views/search-field.js"),
    own!("js/views/segments.js"),
    own!("js/views/sign-in.js"),
    own!("js/views/toolbar.js"),
    own!("js/visibility.js"),
    own!("js/window.js"),
    own!("vendor/htm-LICENSE"),
    own!("vendor/htm.mjs"),
    own!("vendor/preact-LICENSE"),
    own!("vendor/preact-hooks.mjs"),
    own!("vendor/preact.mjs"),
];

/// Returns the file at a path.
pub(super) fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    const fn new(path: &'static str, content: &'static str) -> Self {
        Self { path, content }
    }

    /// Returns its media type.
    pub(super) fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.') {
            Some((_, "js" | "mjs")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ if self.path == "/" => "text/html; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// Returns its entity tag, a hash of its content.
    pub(super) fn etag(&self) -> HeaderValue {
        let hash = Sha256::digest(self.content);
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..12]));
        HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }
}

#[cfg(test)]
mod tests;
