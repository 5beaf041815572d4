//! Finds the script for a request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::query;
use crate::request::Request;
use crate::script::Script;

/// A script for the first request, the second, and so on; the last one is used for all later ones.
///
/// Made from one [`Script`], from an array of them or from a `Vec`.
#[derive(Clone, Debug)]
pub struct Sequence {
    first: Vec<Arc<Script>>,
    last: Arc<Script>,
}

impl From<Script> for Sequence {
    fn from(script: Script) -> Self {
        Self {
            first: Vec::new(),
            last: Arc::new(script),
        }
    }
}

/// # Panics
///
/// When there are none.
impl From<Vec<Script>> for Sequence {
    #[expect(
        clippy::expect_used,
        reason = "a script is written by whoever reads the panic"
    )]
    fn from(scripts: Vec<Script>) -> Self {
        let mut first: Vec<_> = scripts.into_iter().map(Arc::new).collect();
        let last = first.pop().expect("a sequence of at least one script");
        Self { first, last }
    }
}

impl<const N: usize> From<[Script; N]> for Sequence {
    fn from(scripts: [Script; N]) -> Self {
        Vec::from(scripts).into()
    }
}

/// The routes of one origin. They can be added while it runs.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    exact: HashMap<String, Exact>,
    /// The longest prefix comes first.
    prefixes: Vec<(String, Function)>,
    /// How often each path was requested, and each path with its query, if it has one.
    asked: HashMap<String, u64>,
}

#[derive(Debug)]
struct Exact {
    sequence: Sequence,
    asked: usize,
}

#[derive(Clone)]
struct Function(Arc<dyn Fn(&Request) -> Script + Send + Sync>);

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

impl Routes {
    pub(crate) fn on(&self, path: &str, sequence: Sequence) {
        let route = Exact { sequence, asked: 0 };
        self.table().exact.insert(path.to_owned(), route);
    }

    pub(crate) fn under(
        &self,
        prefix: &str,
        function: impl Fn(&Request) -> Script + Send + Sync + 'static,
    ) {
        let mut table = self.table();
        table.prefixes.retain(|(other, _)| other != prefix);
        let place = table
            .prefixes
            .partition_point(|(other, _)| other.len() > prefix.len());
        table
            .prefixes
            .insert(place, (prefix.to_owned(), Function(Arc::new(function))));
    }

    pub(crate) fn count(&self, target: &str) -> u64 {
        self.table().asked.get(target).copied().unwrap_or(0)
    }

    /// Counts the request.
    pub(crate) fn note(&self, request: &mut Request) {
        let mut table = self.table();
        if request.path().len() < request.target.len() {
            table.count(&request.target);
        }
        request.nth = table.count(request.path());
    }

    /// Finds what to do for it.
    pub(crate) fn script(&self, request: &Request) -> Arc<Script> {
        let mut table = self.table();
        if let Some(route) = table.exact.get_mut(request.path()) {
            return route.next();
        }
        let function = table.function(request.path());
        // Unlocked first: the function may ask this origin for its counts.
        drop(table);
        Arc::new(match function {
            Some(Function(function)) => function(request),
            None => query::script(request).unwrap_or_else(|| Script::status(404)),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count(&mut self, target: &str) -> u64 {
        // `entry` would allocate a key each time.
        if let Some(count) = self.asked.get_mut(target) {
            *count += 1;
            return *count;
        }
        self.asked.insert(target.to_owned(), 1);
        1
    }

    fn function(&self, path: &str) -> Option<Function> {
        let mut prefixes = self.prefixes.iter();
        prefixes
            .find(|(prefix, _)| path.starts_with(prefix.as_str()))
            .map(|(_, f)| f.clone())
    }
}

impl Exact {
    fn next(&mut self) -> Arc<Script> {
        let script = self
            .sequence
            .first
            .get(self.asked)
            .unwrap_or(&self.sequence.last);
        self.asked += 1;
        Arc::clone(script)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use http::{HeaderMap, Method, Version};

    use super::*;

    pub(crate) fn request(target: &str) -> Request {
        Request {
            method: Method::GET,
            target: target.to_owned(),
            headers: HeaderMap::new(),
            version: Version::HTTP_11,
            connection: 1,
            nth: 1,
        }
    }

    fn status(routes: &Routes, target: &str) -> u16 {
        let mut request = request(target);
        routes.note(&mut request);
        routes.script(&request).status.as_u16()
    }

    #[test]
    fn the_last_of_a_sequence_repeats() {
        let routes = Routes::default();
        assert_eq!(status(&routes, "/a"), 404);
        routes.on(
            "/a",
            [
                Script::status(503),
                Script::status(429),
                Script::status(200),
            ]
            .into(),
        );
        let statuses: Vec<u16> = (0..4).map(|_| status(&routes, "/a?x")).collect();
        assert_eq!(statuses, [503, 429, 200, 200]);
        assert_eq!(routes.count("/a"), 5);
        assert_eq!(routes.count("/a?x"), 4);
        assert_eq!(routes.count("/b"), 0);
    }

    #[test]
    fn the_exact_path_wins_then_the_longest_prefix() {
        let routes = Routes::default();
        routes.under("/", |_| Script::status(201));
        routes.under("/a/", |request| {
            Script::status(if request.nth > 1 { 299 } else { 202 })
        });
        routes.on("/a/b", Script::status(203).into());
        assert_eq!(status(&routes, "/x"), 201);
        assert_eq!(status(&routes, "/a/c"), 202);
        assert_eq!(status(&routes, "/a/c"), 299);
        assert_eq!(status(&routes, "/a/b"), 203);
        routes.under("/", |_| Script::status(204));
        assert_eq!(
            status(&routes, "/x"),
            204,
            "the newer one replaces the older"
        );
    }

    #[test]
    fn a_query_is_decoded() {
        let request = request("/a?b=1%202&c&b=3");
        assert_eq!(request.path(), "/a");
        assert_eq!(request.query("b").as_deref(), Some("1 2"));
        assert_eq!(request.query("c").as_deref(), Some(""));
        assert_eq!(request.query("d"), None);
    }
}
