//! The parameters of a path, by name. `help.txt` documents each.

use http::{HeaderName, HeaderValue, StatusCode};

use crate::query::value::Value;
use crate::script::{RangeLie, Script};

/// Applies the value of a parameter to a script.
type Apply = fn(Script, &Value) -> Result<Script, String>;

/// Default offset at which a head is cut: within its second line.
const WITHIN_HEAD: u64 = 20;

pub(super) const NAMES: &[(&str, Apply)] = &[
    // The response.
    ("status", status),
    ("redirect", redirect),
    ("header", |script, value| {
        let (name, value) = value.header()?;
        header(script, &name, value.bytes())
    }),
    ("etag", etag),
    ("last_modified", |script, value| {
        header(script, "last-modified", value.bytes())
    }),
    ("retry_after", |script, value| {
        header(script, "retry-after", value.bytes())
    }),
    ("ranges", |script, _| Ok(script.ranges())),
    ("lie", |script, value| Ok(script.range_lie(lie(value)?))),
    // Its framing.
    ("chunked", |script, _| Ok(script.chunked())),
    ("without_length", |script, _| Ok(script.without_length())),
    ("length", |script, value| {
        header(script, "content-length", value.bytes())
    }),
    ("raw", |script, value| {
        Ok(script.unframed(value.bytes().to_vec()))
    }),
    ("raw_at", |script, value| {
        let (offset, value) = value.split_size()?;
        Ok(script.raw_at(offset, value.bytes().to_vec()))
    }),
    // Delays.
    ("delay", |script, value| Ok(script.delay(value.time()?))),
    ("delay_at", |script, value| {
        let (offset, value) = value.split_size()?;
        Ok(script.delay_at(offset, value.time()?))
    }),
    ("drip", |script, value| {
        let (bytes, value) = value.split_size()?;
        Ok(script.drip(bytes, value.time()?))
    }),
    ("drip_head", |script, value| {
        let (bytes, value) = value.split_size()?;
        Ok(script.drip_head(bytes, value.time()?))
    }),
    ("stall", |script, _| Ok(script.stall())),
    ("stall_head", |script, value| {
        Ok(script.stall_head_at(value.size_or(WITHIN_HEAD)?))
    }),
    ("stall_at", |script, value| {
        Ok(script.stall_at(value.size()?))
    }),
    // Early ends.
    ("close", |script, _| Ok(script.close())),
    ("close_head", |script, value| {
        Ok(script.close_head_at(value.size_or(WITHIN_HEAD)?))
    }),
    ("close_at", |script, value| {
        Ok(script.close_at(value.size()?))
    }),
    ("truncate_head", |script, value| {
        Ok(script.truncate_head_at(value.size_or(WITHIN_HEAD)?))
    }),
    ("truncate_at", |script, value| {
        Ok(script.truncate_at(value.size()?))
    }),
    ("reset", |script, _| Ok(script.reset())),
    ("reset_head", |script, value| {
        Ok(script.reset_head_at(value.size_or(WITHIN_HEAD)?))
    }),
    ("reset_at", |script, value| {
        Ok(script.reset_at(value.size()?))
    }),
    ("close_on_reuse", |script, _| Ok(script.close_on_reuse())),
    ("reset_on_reuse", |script, _| Ok(script.reset_on_reuse())),
    // Floods.
    ("headers", |script, value| {
        Ok(script.flood_headers(value.count()?))
    }),
    ("header_bytes", |script, value| {
        Ok(script.flood_header(value.size()?))
    }),
    ("trailers", |script, value| {
        Ok(script.flood_trailers(value.count()?))
    }),
    ("early", |script, value| {
        let (status, number) = value.early()?;
        Ok(script.early(status, number))
    }),
    // HTTP/2.
    ("flood", |script, value| {
        let (frames, number) = value.frames()?;
        Ok(script.flood(frames, number))
    }),
    ("flood_at", |script, value| {
        let (offset, value) = value.split_size()?;
        let (frames, number) = value.frames()?;
        Ok(script.flood_at(offset, frames, number))
    }),
    ("goaway", |script, _| Ok(script.goaway())),
    ("goaway_at", |script, value| {
        Ok(script.goaway_at(value.size()?))
    }),
    ("abandon", |script, value| {
        Ok(script.abandon(value.reason()?))
    }),
    ("abandon_at", |script, value| {
        let (offset, value) = value.split_size()?;
        Ok(script.abandon_at(offset, value.reason()?))
    }),
    ("rst_stream", |script, value| {
        Ok(script.reset_stream(value.reason()?))
    }),
    ("rst_stream_at", |script, value| {
        let (offset, value) = value.split_size()?;
        Ok(script.reset_stream_at(offset, value.reason()?))
    }),
];

fn status(mut script: Script, value: &Value) -> Result<Script, String> {
    script.status = value.status()?;
    Ok(script)
}

fn redirect(mut script: Script, value: &Value) -> Result<Script, String> {
    if script.status == StatusCode::OK {
        script.status = StatusCode::FOUND;
    }
    header(script, "location", value.bytes())
}

/// Quotes may be left out.
fn etag(script: Script, value: &Value) -> Result<Script, String> {
    if value.bytes().contains(&b'"') {
        header(script, "etag", value.bytes())
    } else {
        header(script, "etag", &[b"\"", value.bytes(), b"\""].concat())
    }
}

fn header(mut script: Script, name: &str, value: &[u8]) -> Result<Script, String> {
    let nonsense = || format!("{:?} is no header", String::from_utf8_lossy(value));
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| nonsense())?;
    let value = HeaderValue::from_bytes(value).map_err(|_| nonsense())?;
    script.headers.append(name, value);
    Ok(script)
}

fn lie(value: &Value) -> Result<RangeLie, String> {
    Ok(match &*value.text() {
        "ignore" => RangeLie::Ignore,
        "wrong_start" => RangeLie::WrongStart,
        "wrong_end" => RangeLie::WrongEnd,
        "wrong_total" => RangeLie::WrongTotal,
        "shorter" => RangeLie::Shorter,
        "unasked" => RangeLie::Unasked,
        "multipart" => RangeLie::Multipart,
        "unknown_unit" => RangeLie::UnknownUnit,
        "unlabelled" => RangeLie::Unlabelled,
        "ignores_if_range" => RangeLie::IgnoresIfRange,
        "unsatisfiable" => RangeLie::Unsatisfiable,
        other => return Err(format!("`{other}` is no lie about ranges")),
    })
}
