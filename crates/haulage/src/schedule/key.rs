//! The key of a host: its origin, after the number of its route if that is not the first route.
//!
//! Connections are shared only within a route, so an origin that is reached by two routes is two
//! hosts here.

use std::borrow::Cow;

/// Separates the number of a route from the origin; no origin contains it.
const SEPARATOR: char = ' ';

/// Returns the key of an origin on a route. On the first route, 0, that is the origin itself.
pub(crate) fn of(route: u32, origin: &str) -> Cow<'_, str> {
    match route {
        0 => Cow::Borrowed(origin),
        route => Cow::Owned(format!("{route}{SEPARATOR}{origin}")),
    }
}

/// Returns the number of a key's route, and its origin.
pub(crate) fn split(key: &str) -> (u32, &str) {
    match key.split_once(SEPARATOR) {
        Some((route, origin)) => (route.parse().unwrap_or_default(), origin),
        None => (0, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_route_and_origin() {
        let origin = "https://a.example";
        for route in [0, 1, 70_000] {
            let key = of(route, origin);
            assert_eq!(split(&key), (route, origin), "{key}");
        }
        assert_eq!(of(0, origin), origin);
    }
}
