//! The queries of requests: each has the parameters that it may have, and no others.

use super::error::ApiError;

/// The parameters of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the parameters, which must be among these.
    ///
    /// # Errors
    /// When there is another one.
    pub(super) fn read(query: &str, known: &[&str]) -> Result<Self, ApiError> {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let pairs: Vec<_> = pairs.collect();
        let unknown = pairs
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()));
        match unknown {
            Some((name, _)) => Err(ApiError::malformed(format!(
                "there is no parameter {name:?} here"
            ))),
            None => Ok(Self(pairs)),
        }
    }

    /// Returns the value of a parameter; `None` if it is not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the values of a parameter that are separated by commas.
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.get(name).unwrap_or_default().split(',');
        values.map(str::trim).filter(|value| !value.is_empty())
    }

    /// Returns the number that a parameter is; `default` if it is not there.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn number<N: std::str::FromStr>(
        &self,
        name: &str,
        default: N,
    ) -> Result<N, ApiError> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .parse()
                .map_err(|_| ApiError::malformed(format!("{name}: {value:?} is no such number"))),
        }
    }

    /// Returns whether a switch is on; `false` if it is not there.
    ///
    /// # Errors
    /// When it is neither `true` nor `false`.
    pub(super) fn switch(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(value) => Err(ApiError::malformed(format!(
                "{name}: {value:?} is neither true nor false"
            ))),
        }
    }
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) limit: usize,
}

/// The default length of a page, and the most that it may have.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

impl Page {
    /// Reads `offset` and `limit`.
    ///
    /// # Errors
    /// When they are no numbers.
    pub(super) fn of(query: &Query) -> Result<Self, ApiError> {
        Ok(Self {
            offset: query.number("offset", 0)?,
            limit: query.number("limit", DEFAULT_LIMIT)?.min(MAX_LIMIT),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_or_refused() {
        let query = Query::read(
            "state=a,%20b,&limit=5000&paused=true&name=x+y",
            &["state", "limit", "paused", "name"],
        )
        .unwrap();
        assert_eq!(query.list("state").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(query.get("name"), Some("x y"));
        assert_eq!(query.switch("paused"), Ok(true));
        let page = Page::of(&query).unwrap();
        assert_eq!((page.offset, page.limit), (0, 1000));
        assert!(Query::read("colour=red", &["state"]).is_err());
        assert!(query.switch("name").is_err());
        assert!(query.number("name", 0_u32).is_err());
    }
}
