//! aria2's JSON-RPC: from the body of a request to that of its response.

mod error;
mod metalink;
mod methods;
mod params;
mod secret;
mod status;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub(crate) use self::error::RpcError;
use self::params::Params;
pub(crate) use self::secret::Secret;
use crate::service::{Notice, Runner, Service, What};

/// The most calls of a batch, or of a `system.multicall`.
const MAX_CALLS: usize = 1000;

/// What is sent back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The status of the HTTP response.
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// Whether a call in it had no valid token.
    pub(crate) refused: bool,
    /// Whether a call in it had a valid token, or none was needed for any.
    pub(crate) admitted: bool,
}

/// Who calls: what they have shown of the secret so far.
struct Caller<'a> {
    secret: &'a Secret,
    /// A token was wrong. No other one is looked at then, so a request is one guess.
    has_guessed: bool,
    refused: bool,
    admitted: bool,
}

/// Answers the body of a request.
pub(crate) fn answer<R: Runner>(service: &mut Service<R>, secret: &Secret, body: &[u8]) -> Answer {
    match serde_json::from_slice(body) {
        Ok(request @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => {
            answer_value(service, secret, request)
        }
        Ok(_) | Err(_) => failed(&Value::Null, &RpcError::of_protocol(-32700)),
    }
}

/// Answers a request: a call, or a batch of calls.
pub(crate) fn answer_value<R: Runner>(
    service: &mut Service<R>,
    secret: &Secret,
    request: Value,
) -> Answer {
    let mut caller = Caller {
        secret,
        has_guessed: false,
        refused: false,
        admitted: !secret.is_set(),
    };
    let mut answer = match request {
        Value::Array(calls) if calls.len() > MAX_CALLS => {
            failed(&Value::Null, &RpcError::of_protocol(-32600))
        }
        Value::Array(calls) => {
            let calls = calls.iter().filter(|call| call.is_object());
            let bodies = calls.map(|call| answer_call(service, &mut caller, call).body);
            let body = Value::Array(bodies.collect());
            Answer {
                status: 200,
                body,
                refused: caller.refused,
                admitted: false,
            }
        }
        call => answer_call(service, &mut caller, &call),
    };
    answer.admitted = caller.admitted;
    answer
}

fn answer_call<R: Runner>(
    service: &mut Service<R>,
    caller: &mut Caller<'_>,
    call: &Value,
) -> Answer {
    let id = call.get("id").unwrap_or(&Value::Null);
    match call_method(service, caller, call) {
        Ok(result) => Answer {
            status: 200,
            body: json!({"id": id, "jsonrpc": "2.0", "result": result}),
            refused: caller.refused,
            admitted: false,
        },
        Err(error) => failed(id, &error),
    }
}

fn failed(id: &Value, error: &RpcError) -> Answer {
    Answer {
        status: error.http_status(),
        body: json!({"id": id, "jsonrpc": "2.0", "error": error.to_json()}),
        refused: error.is_refusal,
        admitted: false,
    }
}

fn call_method<R: Runner>(
    service: &mut Service<R>,
    caller: &mut Caller<'_>,
    call: &Value,
) -> Result<Value, RpcError> {
    let method = call.get("method").and_then(Value::as_str);
    let (Some(method), Some(_)) = (method, call.get("id")) else {
        return Err(RpcError::of_protocol(-32600));
    };
    let params = match call.get("params") {
        None => &[][..],
        Some(Value::Array(params)) => params,
        Some(_) => return Err(RpcError::of_protocol(-32602)),
    };
    if method == "system.multicall" {
        let params = without_token(params).1;
        return multicall(service, caller, Params(params));
    }
    admitted(service, caller, method, params)
}

/// Carries out a call if its token is right.
fn admitted<R: Runner>(
    service: &mut Service<R>,
    caller: &mut Caller<'_>,
    method: &str,
    params: &[Value],
) -> Result<Value, RpcError> {
    let (token, params) = without_token(params);
    let needs_token = !methods::OPEN.contains(&method);
    if needs_token && (caller.has_guessed || !caller.secret.admits(token)) {
        caller.has_guessed |= token.is_some();
        caller.refused = true;
        return Err(RpcError::unauthorized());
    }
    caller.admitted |= needs_token;
    methods::call(service, method, Params(params))
}

/// Carries out several calls. Each has its result in a list of one, or its error.
fn multicall<R: Runner>(
    service: &mut Service<R>,
    caller: &mut Caller<'_>,
    params: Params<'_>,
) -> Result<Value, RpcError> {
    let calls = params.list(0)?;
    if calls.len() > MAX_CALLS {
        return Err(RpcError::new(format!(
            "There are more than {MAX_CALLS} calls."
        )));
    }
    let results = calls
        .iter()
        .map(|call| match one_of_many(service, caller, call) {
            Ok(result) => json!([result]),
            Err(error) => error.to_json(),
        });
    Ok(results.collect())
}

fn one_of_many<R: Runner>(
    service: &mut Service<R>,
    caller: &mut Caller<'_>,
    call: &Value,
) -> Result<Value, RpcError> {
    let Some(call) = call.as_object() else {
        return Err(RpcError::new("system.multicall expected struct."));
    };
    let Some(method) = call.get("methodName").and_then(Value::as_str) else {
        return Err(RpcError::new("Missing methodName."));
    };
    if method == "system.multicall" {
        return Err(RpcError::new("Recursive system.multicall forbidden."));
    }
    let params = call.get("params").and_then(Value::as_array);
    admitted(service, caller, method, params.map_or(&[], Vec::as_slice))
}

/// Returns the token that the parameters begin with, and the others.
fn without_token(params: &[Value]) -> (Option<&str>, &[Value]) {
    let first = params.first().and_then(Value::as_str);
    match first.and_then(|first| first.strip_prefix("token:")) {
        Some(token) => (Some(token), &params[1..]),
        None => (None, params),
    }
}

/// Returns what is answered when a change could not be recorded.
pub(crate) fn not_recorded() -> Answer {
    let message = "The queue cannot be recorded; is the disk full?";
    failed(&Value::Null, &RpcError::new(message))
}

/// Returns the notification of something that has happened.
pub(crate) fn notification(notice: Notice) -> Value {
    let method = match notice.what {
        What::Start => "aria2.onDownloadStart",
        What::Pause => "aria2.onDownloadPause",
        What::Stop => "aria2.onDownloadStop",
        What::Complete => "aria2.onDownloadComplete",
        What::Error => "aria2.onDownloadError",
    };
    let gid = notice.gid.to_string();
    json!({"jsonrpc": "2.0", "method": method, "params": [{"gid": gid}]})
}
