//! What a call fails with.

use serde_json::{Value, json};

/// A failure of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) message: String,
    /// Whether it had no valid token.
    pub(crate) is_refusal: bool,
}

impl RpcError {
    /// Returns the failure of a method, which has the code 1 whatever went wrong.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
            is_refusal: false,
        }
    }

    /// Returns the failure of a call without a valid token.
    pub(crate) fn unauthorized() -> Self {
        Self {
            is_refusal: true,
            ..Self::new("Unauthorized")
        }
    }

    /// Returns a failure of the protocol (JSON-RPC 2.0 §5.1).
    pub(crate) fn of_protocol(code: i64) -> Self {
        let message = match code {
            -32700 => "Parse error.",
            -32602 => "Invalid params.",
            _ => "Invalid Request.",
        };
        Self {
            code,
            ..Self::new(message)
        }
    }

    /// Returns the status of the HTTP response that has only this failure.
    pub(crate) fn http_status(&self) -> u16 {
        match self.code {
            -32700 | -32602 => 500,
            _ => 400,
        }
    }

    /// Returns the error object.
    pub(crate) fn to_json(&self) -> Value {
        json!({"code": self.code, "message": self.message})
    }
}
