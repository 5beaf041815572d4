//! The daemon's own API, `/api/v1`: from a request to its response.

mod error;
mod feed;
mod hosts;
mod items;
mod new_run;
mod query;
mod recorded;
mod route;
mod runs;
mod upload;
mod view;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;

use self::error::ApiError;
pub(crate) use self::feed::Feed;
pub(crate) use self::route::PREFIX;
use self::route::Route;
use crate::http::{Body, Server, full};

/// The description of the API (`OpenAPI` 3.1).
const DESCRIPTION: &str = include_str!("openapi.json");
const JSON: &str = "application/json";
/// A field that a form of a foreign page cannot send.
const OWN_FIELD: &str = "x-haul";

/// Returns the response to a request whose path begins with [`PREFIX`].
pub(crate) async fn respond(request: Request<Incoming>, server: &Server) -> Response<Body> {
    match answer(request, server).await {
        Ok(response) => response,
        Err(error) => {
            if error.status == StatusCode::UNAUTHORIZED {
                server.turnstile.refuse().await;
            }
            error.into_response()
        }
    }
}

async fn answer(request: Request<Incoming>, server: &Server) -> Result<Response<Body>, ApiError> {
    admit(request.headers(), server)?;
    let uri = request.uri().clone();
    let path = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let route = Route::of(request.method(), path)?;
    if route.is_change() && !server.hub.secret().is_set() && may_be_a_form(request.headers()) {
        return Err(ApiError::may_be_a_form());
    }
    let query = uri.query().unwrap_or_default();
    let hub = &server.hub;
    match route {
        Route::Status => Ok(runs::status(hub)),
        Route::ChangeLimits => runs::change_limits(hub, request.into_body()).await,
        Route::AddRun => new_run::add(hub, request, query).await,
        Route::Runs => runs::list(hub, query),
        Route::Purge => runs::purge(hub).await,
        Route::Run(id) => runs::one(hub, id),
        Route::ChangeRun(id) => runs::change(hub, id, request.into_body()).await,
        Route::RemoveRun(id) => runs::remove(hub, id, query).await,
        Route::Act(id, action) => runs::act(hub, id, action).await,
        Route::Items(id) => items::list(hub, id, query).await,
        Route::Results(id) => recorded::results(hub, id, query).await,
        Route::Report(id) => recorded::report(hub, id).await,
        Route::Hosts => Ok(hosts::list(hub)),
        Route::Events => Ok(feed::listen(hub)),
        Route::Description => Ok(json_text(StatusCode::OK, DESCRIPTION.into())),
    }
}

/// Checks that a client has shown the secret, if there is one.
pub(crate) fn admit(headers: &HeaderMap, server: &Server) -> Result<(), ApiError> {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let is_right = server.hub.secret().admits(token);
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

/// Returns the metrics of the process.
pub(crate) async fn metrics(headers: &HeaderMap, server: &Server) -> Response<Body> {
    if let Err(error) = admit(headers, server) {
        server.turnstile.refuse().await;
        return error.into_response();
    }
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let engine = server.hub.look(|service| service.runner.engine().clone());
    let metrics = server
        .hub
        .tools
        .metrics(&engine, accept.unwrap_or_default());
    let mut response = Response::new(full(metrics.text));
    let content_type = HeaderValue::from_static(metrics.content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Returns a response with a value as JSON.
fn json_response(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Writing JSON to memory does not fail for what is written here.
    json_text(status, serde_json::to_vec(value).unwrap_or_default().into())
}

fn json_text(status: StatusCode, text: Bytes) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
