//! Cookies: those that servers set, and cookie files.

use super::first_line;
use crate::cookies::netscape;
use crate::cookies::set_cookie::{self, MAX_COOKIE_BYTES};
use crate::cookies::{Cookie, CookieJar, CookieTarget};
use crate::http_url::HttpUrl;

/// When it is.
const NOW: i64 = 1_900_000_000;

/// Reads a `Set-Cookie` from the second line on, of a response from the URL in the first one.
/// Checks that a cookie is only ever of the host that sets it, or of a domain above it that is no
/// public suffix; that it comes back from a file; and that it can be sent.
pub fn set_cookie(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (url, _) = first_line(&text);
    let end = data.iter().position(|byte| *byte == b'\n');
    let line = end.map_or(&b""[..], |end| &data[end + 1..]);
    let Ok((url, _)) = HttpUrl::parse(url) else {
        return;
    };
    let target = CookieTarget::of(&url);
    let Some(cookie) = set_cookie::read(line, &target, NOW) else {
        return;
    };
    let length = cookie.name.len() + cookie.value.len();
    assert!(length > 0 && length <= MAX_COOKIE_BYTES);
    assert!(target.is_https || !cookie.is_secure);
    assert!(target.matches_domain(&cookie.domain));
    assert!(cookie.is_host_only || psl::domain_str(&cookie.domain).is_some());
    assert!(
        cookie
            .expires
            .is_none_or(|expires| (0..=NOW + 400 * 86_400).contains(&expires))
    );
    // In a file, a time of 0 stands for the end of the session; what has expired is not written.
    if cookie.expires != Some(0) {
        comes_back(std::slice::from_ref(&cookie));
    }
    let jar = CookieJar::new();
    let is_sent_back = jar
        .add(url.as_str(), &String::from_utf8_lossy(line))
        .is_ok()
        && jar.len() == 1
        && cookie.is_for(&target, NOW);
    if is_sent_back {
        assert!(jar.cookie_for(&url, None).is_some());
    }
}

/// Reads a cookie file. Checks that its cookies come back from a file that is written, and that
/// line ends, comments and a byte-order mark change nothing.
pub fn cookie_file(data: &[u8]) {
    let mut skipped = 0;
    let Ok(cookies) = netscape::read(data, |_| skipped += 1) else {
        return;
    };
    comes_back(&cookies);
    let mut lines = b"\xEF\xBB\xBF# a comment\n".to_vec();
    let data = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    for line in data.split(|byte| *byte == b'\n') {
        lines.extend(line);
        lines.extend(if line.ends_with(b"\r") {
            &b"\n"[..]
        } else {
            b"\r\n"
        });
    }
    let again = netscape::read(&lines, |_| skipped -= 1);
    assert!(again.is_ok_and(|again| again == cookies));
    assert_eq!(skipped, 0, "the same lines are skipped");
    assert!(CookieJar::parse_netscape(data).is_ok_and(|jar| jar.len() <= cookies.len()));
}

fn comes_back(cookies: &[Cookie]) {
    let mut text = Vec::new();
    netscape::write(cookies, &mut text);
    let again = netscape::read(&text, |error| panic!("{error}"));
    assert!(again.is_ok_and(|again| again == cookies));
}
