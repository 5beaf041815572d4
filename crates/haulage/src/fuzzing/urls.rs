//! URLs, of lists and of redirects.

use super::choice;
use crate::credentials::Credentials;
use crate::fetch::redirect::next_hop;
use crate::http_url::{HttpUrl, split_scheme};
use crate::options::PlainHttp;
use crate::plan::fields::Value;
use crate::redact::{redacted, without_userinfo};
use crate::request::Request;
use crate::source::prefix::UrlParser;

/// Parses each line as a URL, and as a reference that is seen from the line before it.
pub fn url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parser = UrlParser::default();
    let mut base: Option<HttpUrl> = None;
    for line in text.split('\n') {
        let parsed = HttpUrl::parse(line);
        assert_eq!(parser.parse(line), parsed, "after another");
        if let Some(base) = &base
            && let Ok((joined, _)) = base.join(line)
        {
            check_url(&joined);
        }
        if let Ok((url, credentials)) = parsed {
            check_url(&url);
            if credentials.is_none() {
                check_target(&url, line);
            }
            base = Some(url);
        }
        check_shown(line);
    }
}

/// Checks that a URL can be sent and recorded.
fn check_url(url: &HttpUrl) {
    let target = url.target();
    assert!(target.starts_with('/'));
    assert!(
        target
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"#\"<>".contains(&byte)),
        "{target:?}"
    );
    let authority = url.authority();
    assert!(!authority.is_empty() && authority.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!authority.contains(['@', '/', '?', '#', '\\']), "{url}");
    assert!(matches!(url.scheme(), "http" | "https"));
    assert_eq!(format!("{}{target}", url.origin()), url.as_str());
    assert!(!url.path().contains('?'));
    let (host, port) = url.host_and_port();
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    assert_eq!(format!("{host}{port}"), authority);
    assert_eq!(HttpUrl::parse(url.as_str()), Ok((url.clone(), None)));
}

/// Checks that a request target is what was given where all of that may be sent.
fn check_target(url: &HttpUrl, given: &str) {
    let (_, after_scheme) = split_scheme(given).unwrap_or_default();
    let after_scheme = after_scheme.strip_prefix("//").unwrap_or_default();
    let Some(slash) = after_scheme.find('/').filter(|slash| *slash > 0) else {
        return;
    };
    let (authority, target) = after_scheme.split_at(slash);
    let may_be_sent = target
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"#\"<>".contains(&byte));
    let path = target.split('?').next().unwrap_or_default();
    let has_dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    if may_be_sent && !has_dots && !authority.contains(['?', '#', '\\']) {
        assert_eq!(url.target(), target);
    }
}

/// Checks that what is shown of a text has no userinfo left in it, and is short.
fn check_shown(text: &str) {
    let shown = redacted(text);
    assert!(shown.chars().count() <= 200);
    for text in [&shown, &without_userinfo(text)] {
        if let Ok((_, Some(credentials))) = HttpUrl::parse(text) {
            // It stands for what is left out.
            assert_eq!(credentials, Credentials::new("…", ""));
        }
    }
    if let Ok(request) = Request::new(text) {
        let given = HttpUrl::parse(request.url());
        assert_eq!(given, Ok((request.url.clone(), None)));
    }
}

/// Follows a redirect to where a `Location` points.
pub fn redirect(data: &[u8]) {
    let (from, location) = choice(data);
    let current = match from % 3 {
        0 => "http://h:81/a/b?c",
        1 => "https://user.example/a/../b/",
        _ => "https://[::1]/?q",
    };
    let Ok((current, _)) = HttpUrl::parse(current) else {
        return;
    };
    for plain_http in [PlainHttp::Never, PlainHttp::Anywhere] {
        if let Ok((next, _)) = next_hop(&current, Some(Value(location)), plain_http) {
            check_url(&next);
            assert!(!location.contains(&b'\n'));
            let is_step_down = current.scheme() == "https" && next.scheme() == "http";
            assert!(!is_step_down || plain_http == PlainHttp::Anywhere);
        }
    }
}
