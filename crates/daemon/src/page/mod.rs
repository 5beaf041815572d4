//! The page at `/`: what it consists of, and what a browser lets it do.
//!
//! Nothing in it is secret, so anyone who reaches the daemon may load it. What it shows comes from
//! `/api/v1`, with the secret.

mod assets;

use self::assets::Asset;
use crate::response::{Body, empty, full, text};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

/// What the page may do (CSP 3): load and ask the daemon, and nothing else. Its scripts cannot make
/// HTML of text (`require-trusted-types-for`), and no other page can show it in a frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
);
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Returns whether a path belongs to the page.
pub(crate) fn has(path: &str) -> bool {
    path == "/" || path.starts_with("/page/")
}

/// Returns the response to a request for a path of the page.
pub(crate) fn respond(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    has_secret: bool,
) -> Response<Body> {
    if path == "/page/access.json" && method == Method::GET {
        return access(has_secret);
    }
    let Some(asset) = assets::find(path) else {
        return text(StatusCode::NOT_FOUND, "the page has no such file\n");
    };
    if method != Method::GET && method != Method::HEAD {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    let etag = asset.etag();
    let is_known = is_listed(headers, &etag);
    let mut response = if is_known {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        Response::new(full(asset.content))
    };
    describe(response.headers_mut(), asset, etag);
    response
}

fn describe(headers: &mut HeaderMap, asset: &Asset, etag: HeaderValue) {
    let fixed = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.content_type())),
        // A newer daemon may have another page: the browser asks each time.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (ETAG, etag),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (OPENER_POLICY, HeaderValue::from_static("same-origin")),
        (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    ];
    headers.extend(fixed.map(|(name, value)| (Some(name), value)));
}

/// Says whether there is a secret to ask for.
fn access(has_secret: bool) -> Response<Body> {
    let mut response = Response::new(full(format!("{{\"secret\":{has_secret}}}")));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Returns whether `If-None-Match` lists an entity tag (RFC 9110, §13.1.2).
fn is_listed(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter();
    known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag.as_bytes() == etag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, known: Option<&HeaderValue>) -> Response<Body> {
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            headers.insert(IF_NONE_MATCH, known.clone());
        }
        respond(&Method::GET, path, &headers, true)
    }

    #[test]
    fn page_may_do_nothing_but_ask_the_daemon() {
        for path in ["/", "/page/js/main.js", "/page/css/theme.css"] {
            let response = get(path, None);
            let policy = response.headers()[CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap();
            assert!(policy.starts_with("default-src 'none';"));
            for word in ["unsafe", "http:", "https:", "*"] {
                assert!(!policy.contains(word), "{word}");
            }
            assert!(policy.contains("frame-ancestors 'none'"));
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }

    #[test]
    fn files_have_the_types_that_browsers_insist_on() {
        for (path, content_type) in [
            ("/", "text/html; charset=utf-8"),
            ("/page/js/main.js", "text/javascript; charset=utf-8"),
            ("/page/vendor/preact.mjs", "text/javascript; charset=utf-8"),
            (
                "/page/vendor/uPlot.iife.min.js",
                "text/javascript; charset=utf-8",
            ),
            ("/page/css/theme.css", "text/css; charset=utf-8"),
            ("/page/icon.svg", "image/svg+xml"),
            ("/page/vendor/htm-LICENSE", "text/plain; charset=utf-8"),
        ] {
            let response = get(path, None);
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], content_type, "{path}");
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let first = get("/", None);
        let etag = &first.headers()[ETAG];
        assert_eq!(first.headers()[CACHE_CONTROL], "no-cache");
        let list = format!("\"other\", W/{}", etag.to_str().unwrap());
        for known in [etag.clone(), HeaderValue::from_str(&list).unwrap()] {
            let again = get("/", Some(&known));
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(again.headers()[ETAG], etag);
        }
        let other = HeaderValue::from_static("\"other\"");
        assert_eq!(get("/", Some(&other)).status(), StatusCode::OK);
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        for path in ["/page/", "/page/../Cargo.toml", "/page/js", "/page/js/"] {
            assert!(has(path));
            assert_eq!(get(path, None).status(), StatusCode::NOT_FOUND, "{path}");
        }
        for path in ["/jsonrpc", "/page", "/api/v1/status", "//"] {
            assert!(!has(path), "{path}");
        }
        let posted = respond(&Method::POST, "/", &HeaderMap::new(), true);
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
