//! Which request is for what: pure.

use http::Method;

use super::error::ApiError;

/// Where everything of the API is.
pub(crate) const PREFIX: &str = "/api/v1/";

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Status,
    ChangeLimits,
    AddRun,
    Runs,
    Purge,
    Run(&'a str),
    ChangeRun(&'a str),
    RemoveRun(&'a str),
    Act(&'a str, Action),
    Items(&'a str),
    Results(&'a str),
    Report(&'a str),
    Hosts,
    Events,
    Description,
}

/// What is done to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Pause,
    Resume,
    Retry,
}

impl<'a> Route<'a> {
    /// Returns what a request is for, given its path after [`PREFIX`].
    ///
    /// # Errors
    /// When there is nothing at this path, or when it cannot be used with this method.
    pub(super) fn of(method: &Method, path: &'a str) -> Result<Self, ApiError> {
        let parts: Vec<_> = path.split('/').collect();
        let get = |route| Self::with(method, &[(Method::GET, route)]);
        let post = |route| Self::with(method, &[(Method::POST, route)]);
        match *parts.as_slice() {
            ["status"] => get(Self::Status),
            ["limits"] => Self::with(method, &[(Method::PATCH, Self::ChangeLimits)]),
            ["runs"] => Self::with(
                method,
                &[(Method::GET, Self::Runs), (Method::POST, Self::AddRun)],
            ),
            ["runs", "purge"] => post(Self::Purge),
            ["runs", id] => Self::with(
                method,
                &[
                    (Method::GET, Self::Run(id)),
                    (Method::PATCH, Self::ChangeRun(id)),
                    (Method::DELETE, Self::RemoveRun(id)),
                ],
            ),
            ["runs", id, "pause"] => post(Self::Act(id, Action::Pause)),
            ["runs", id, "resume"] => post(Self::Act(id, Action::Resume)),
            ["runs", id, "retry"] => post(Self::Act(id, Action::Retry)),
            ["runs", id, "items"] => get(Self::Items(id)),
            ["runs", id, "results"] => get(Self::Results(id)),
            ["runs", id, "report"] => get(Self::Report(id)),
            ["hosts"] => get(Self::Hosts),
            ["events"] => get(Self::Events),
            ["openapi.json"] => get(Self::Description),
            _ => Err(ApiError::nothing_there()),
        }
    }

    fn with(method: &Method, routes: &[(Method, Self)]) -> Result<Self, ApiError> {
        let found = routes.iter().find(|(known, _)| known == method);
        found.map(|(_, route)| route.clone()).ok_or_else(|| {
            let methods = routes.iter().map(|(method, _)| method.as_str());
            ApiError::method_not_allowed(&methods.collect::<Vec<_>>().join(", "))
        })
    }

    /// Returns whether it changes something.
    pub(super) fn is_change(&self) -> bool {
        matches!(
            self,
            Self::ChangeLimits
                | Self::AddRun
                | Self::Purge
                | Self::ChangeRun(_)
                | Self::RemoveRun(_)
                | Self::Act(..)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_method_say_what_is_wanted() {
        let of = |method: Method, path: &'static str| {
            Route::of(&method, path).map_err(|error| error.status.as_u16())
        };
        assert_eq!(of(Method::GET, "runs/a"), Ok(Route::Run("a")));
        assert_eq!(of(Method::DELETE, "runs/a"), Ok(Route::RemoveRun("a")));
        assert_eq!(of(Method::POST, "runs/purge"), Ok(Route::Purge));
        assert_eq!(
            of(Method::POST, "runs/a/retry"),
            Ok(Route::Act("a", Action::Retry))
        );
        for path in ["", "runs/", "runs/a/b", "runs/a/items/1", "status/"] {
            let expected = if path == "runs/" { 200 } else { 404 };
            let status = of(Method::GET, path).err().unwrap_or(200);
            assert_eq!(status, expected, "{path}");
        }
        assert_eq!(of(Method::PUT, "runs"), Err(405));
        assert_eq!(of(Method::GET, "limits"), Err(405));
    }

    #[test]
    fn description_has_all_routes_and_no_others() {
        let document: serde_json::Value = serde_json::from_str(super::super::DESCRIPTION).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let methods = ["get", "post", "put", "patch", "delete", "head"];
        let mut routes = 0;
        for (template, operations) in paths {
            let Some(path) = template.strip_prefix(PREFIX) else {
                continue;
            };
            for method in methods {
                let is_described = operations.get(method).is_some();
                let path = path.replace("{id}", "a");
                let method = method.to_ascii_uppercase().parse().unwrap();
                let found = Route::of(&method, &path);
                assert_eq!(found.is_ok(), is_described, "{method} {template}");
                routes += usize::from(is_described);
            }
        }
        // As many as there are variants, with one for each action.
        assert_eq!(routes, 17);
    }
}
