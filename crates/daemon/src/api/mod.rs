//! The daemon's own API, `/api/v1`: from a request to its response.

mod error;
mod events;
mod hosts;
mod items;
mod json;
mod new_run;
mod query;
mod recorded;
mod route;
mod runs;
mod upload;
mod view;

use std::sync::Arc;

use self::error::ApiError;
pub(crate) use self::events::tell;
use self::json::{JSON, json_text};
pub(crate) use self::route::PREFIX;
use self::route::Route;
use crate::hub::Hub;
use crate::response::{Body, full};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;

/// The description of the API (`OpenAPI` 3.1).
const DESCRIPTION: &str = include_str!("openapi.json");
/// A field that a form of a foreign page cannot send.
const OWN_FIELD: &str = "x-haul";

/// Returns the response to a request whose path begins with [`PREFIX`]. One with status 401 was a
/// guess.
pub(crate) async fn respond(request: Request<Incoming>, hub: &Arc<Hub>) -> Response<Body> {
    let response = answer(request, hub).await;
    hub.settled().await;
    response.unwrap_or_else(ApiError::into_response)
}

async fn answer(request: Request<Incoming>, hub: &Arc<Hub>) -> Result<Response<Body>, ApiError> {
    admit(request.headers(), hub)?;
    let uri = request.uri().clone();
    let path = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let route = Route::of(request.method(), path)?;
    if route.is_change() && !hub.secret().is_set() && may_be_a_form(request.headers()) {
        return Err(ApiError::may_be_a_form());
    }
    let query = uri.query().unwrap_or_default();
    match route {
        Route::Status => Ok(runs::status(hub)),
        Route::ChangeLimits => runs::change_limits(hub, request.into_body()).await,
        Route::AddRun => new_run::add(hub, request, query).await,
        Route::Runs => runs::list(hub, query).await,
        Route::Purge => runs::purge(hub).await,
        Route::Run(id) => runs::one(hub, id),
        Route::ChangeRun(id) => runs::change(hub, id, request.into_body()).await,
        Route::RemoveRun(id) => runs::remove(hub, id, query).await,
        Route::Act(id, action) => runs::act(hub, id, action).await,
        Route::Items(id) => items::list(hub, id, query).await,
        Route::Results(id) => recorded::results(hub, id, query).await,
        Route::Report(id) => recorded::report(hub, id).await,
        Route::Hosts => Ok(hosts::list(hub)),
        Route::Events => Ok(events::listen(hub)),
        Route::Description => Ok(json_text(StatusCode::OK, DESCRIPTION.into())),
    }
}

/// Returns whether a client has shown the secret in the head of a request, if there is one.
pub(crate) fn is_admitted(headers: &HeaderMap, hub: &Hub) -> bool {
    admit(headers, hub).is_ok()
}

/// Checks that a client has shown the secret, if there is one.
fn admit(headers: &HeaderMap, hub: &Hub) -> Result<(), ApiError> {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let is_right = hub.secret().admits(token);
    is_right.then_some(()).ok_or_else(ApiError::unauthorized)
}

/// Returns whether a form of any page could send a request with this head.
fn may_be_a_form(headers: &HeaderMap) -> bool {
    !is_json(headers) && !headers.contains_key(OWN_FIELD)
}

/// Returns whether the body of a request is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    essence(headers).is_some_and(|essence| essence.eq_ignore_ascii_case(JSON))
}

/// Returns the type of the body of a request, without its parameters; `None` if it is not told.
fn essence(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim())
}

/// Returns the response with the metrics of the process. One with status 401 was a guess.
pub(crate) fn metrics(headers: &HeaderMap, hub: &Hub) -> Response<Body> {
    if let Err(error) = admit(headers, hub) {
        return error.into_response();
    }
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let engine = hub.look(|service| service.runner.engine().clone());
    let metrics = hub.tools.metrics(&engine, accept.unwrap_or_default());
    let mut response = Response::new(full(metrics.text));
    let content_type = HeaderValue::from_static(metrics.content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
