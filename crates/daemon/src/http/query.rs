//! Calls in the query of a GET request: `method`, `id`, and `params`, which is base64 of JSON.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// Returns the call of a query, or the batch that its `params` are if there is no `method`; `None`
/// if it is none.
pub(super) fn call(query: &str) -> Option<Value> {
    let (mut method, mut id, mut params) = (None, None, None);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "method" => method = Some(percent_decode_str(value).decode_utf8().ok()?),
            "id" => id = Some(percent_decode_str(value).decode_utf8().ok()?),
            "params" => params = Some(value),
            // A script of any page could read the response.
            "jsoncallback" => return None,
            _ => {}
        }
    }
    let params = params.map(decoded);
    match (method, params) {
        (None, Some(params)) => params,
        (None, None) => None,
        (Some(method), params) => {
            let mut call = json!({"jsonrpc": "2.0", "method": method});
            if let Some(id) = id {
                call["id"] = Value::String(id.into_owned());
            }
            if let Some(params) = params {
                call["params"] = params?;
            }
            Some(call)
        }
    }
}

/// Returns the JSON that is encoded with base64; `None` if it is none.
fn decoded(value: &str) -> Option<Value> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&STANDARD, config);
    let text: Vec<u8> = percent_decode_str(value).collect();
    serde_json::from_slice(&base64.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_is_a_call_or_a_batch() {
        let expected = json!({"jsonrpc": "2.0", "id": "foo", "method": "aria2.getVersion", "params": ["token:s3"]});
        for params in [
            "WyJ0b2tlbjpzMyJd",
            "WyJ0b2tlbjpzMyJd%3D%3D",
            "WyJ0b2tlbjpzMyJd&x",
        ] {
            let query = format!("method=aria2.getVersion&id=foo&params={params}");
            let found = call(&query);
            let has_padding = params.ends_with("%3D");
            assert_eq!(found, (!has_padding).then(|| expected.clone()), "{params}");
        }
        assert_eq!(call("params=W10%3D"), Some(json!([])));
        assert_eq!(
            call("method=a"),
            Some(json!({"jsonrpc": "2.0", "method": "a"}))
        );
        for query in [
            "",
            "id=1",
            "method=a&params=!!",
            "params=!!",
            "method=a&jsoncallback=f",
            "method=%ff",
        ] {
            assert_eq!(call(query), None, "{query}");
        }
    }
}
