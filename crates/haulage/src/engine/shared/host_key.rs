//! How a host is named in the schedule: by its origin, and by the route to it where that is not the
//! engine's first.
//!
//! Connections are shared only within a route, so an origin that is reached by two routes is two
//! hosts there.

use std::borrow::Cow;

use crate::fetch::origin;
use crate::http_url::HttpUrl;

/// Stands between the number of a route and an origin: no origin contains it.
const SEPARATOR: char = ' ';

/// Returns the key of a URL's host on a route. On the first route, 0, that is its origin.
pub(crate) fn of(route: u32, url: &HttpUrl) -> Cow<'_, str> {
    let origin = origin::key(url);
    match route {
        0 => Cow::Borrowed(origin),
        route => Cow::Owned(format!("{route}{SEPARATOR}{origin}")),
    }
}

/// Returns the number of a key's route, and its origin.
pub(crate) fn split(key: &str) -> (u32, &str) {
    let number = |text: &str| text.parse().unwrap_or_default();
    match key.split_once(SEPARATOR) {
        Some((route, origin)) => (number(route), origin),
        None => (0, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_route_and_origin() {
        let url = HttpUrl::of("https://a.example/x?y");
        for route in [0, 1, 70_000] {
            let key = of(route, &url);
            assert_eq!(split(&key), (route, "https://a.example"), "{key}");
        }
        assert_eq!(of(0, &url), origin::key(&url));
    }
}
