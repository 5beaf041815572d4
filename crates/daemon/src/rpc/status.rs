//! What clients are told about a download. Scalars are strings, as with aria2.

use haulage::Request;
use serde_json::{Map, Value, json};

use crate::queue::{Download, State};
use crate::service::{Live, Runner, Service};

/// The length of what the bitfield counts, in bytes.
const PIECE: u64 = 1 << 20;

/// A download with how it goes now.
pub(super) struct Status<'a> {
    download: &'a Download,
    live: Live,
    path: String,
    dir: String,
}

impl<'a> Status<'a> {
    /// Looks at a download.
    pub(super) fn of<R: Runner>(service: &Service<R>, download: &'a Download) -> Self {
        let live = service.runner.live(download.gid).unwrap_or_else(|| Live {
            completed: download.completed,
            ..Live::default()
        });
        let folder = service.folder_of(download);
        let out = service
            .effective(download)
            .get("out")
            .filter(|out| !out.is_empty());
        let named = live.name.as_deref();
        let named = named.map(|name| service.path_of(download, name));
        let named = named.or_else(|| out.map(|out| folder.join(out)));
        let path = match (&download.path, named) {
            (Some(path), _) if download.state.is_stopped() => path.clone(),
            (_, Some(named)) => named.to_string_lossy().into_owned(),
            (Some(path), None) => path.clone(),
            (None, None) => String::new(),
        };
        let dir = folder.to_string_lossy().into_owned();
        Self {
            download,
            live: Live {
                total: live.total.or(download.total),
                ..live
            },
            path,
            dir,
        }
    }

    /// Returns the keys that are asked for; all, if none is.
    pub(super) fn to_json(&self, keys: &[&str]) -> Value {
        let mut all = Map::new();
        let mut put = |key: &str, value: &dyn Fn() -> Value| {
            if keys.is_empty() || keys.contains(&key) {
                all.insert(key.to_owned(), value());
            }
        };
        let download = self.download;
        let total = self.live.total.unwrap_or(0);
        let text = |number: u64| Value::String(number.to_string());
        put("gid", &|| download.gid.to_string().into());
        put("status", &|| download.state.name().into());
        put("totalLength", &|| text(total));
        put("completedLength", &|| text(self.live.completed));
        put("uploadLength", &|| text(0));
        put("downloadSpeed", &|| text(self.live.speed));
        put("uploadSpeed", &|| text(0));
        put("connections", &|| text(self.live.connections as u64));
        put("pieceLength", &|| text(PIECE));
        put("numPieces", &|| text(total.div_ceil(PIECE)));
        if total > 0 {
            put("bitfield", &|| bitfield(self.live.completed, total).into());
        }
        put("dir", &|| self.dir.as_str().into());
        put("files", &|| self.files());
        if let Some(ending) = &download.ending {
            put("errorCode", &|| text(ending.code.into()));
            put("errorMessage", &|| ending.message.as_str().into());
        }
        Value::Object(all)
    }

    /// Returns the one file, in a list.
    pub(super) fn files(&self) -> Value {
        json!([{
            "index": "1",
            "path": self.path,
            "length": self.live.total.unwrap_or(0).to_string(),
            "completedLength": self.live.completed.to_string(),
            "selected": "true",
            "uris": uris(self.download),
        }])
    }

    /// Returns the servers that the file comes from.
    pub(super) fn servers(&self) -> Value {
        let servers = self.download.uris.iter().take(1).map(|uri| {
            json!({
                "uri": shown(uri),
                "currentUri": self.live.redirected.as_deref().unwrap_or(&shown(uri)),
                "downloadSpeed": self.live.speed.to_string(),
            })
        });
        json!([{"index": "1", "servers": servers.collect::<Value>()}])
    }
}

/// Returns the URLs of a download. The first one is in use as soon as it has begun.
pub(super) fn uris(download: &Download) -> Value {
    let has_begun = download.begun && !matches!(download.state, State::Waiting | State::Paused);
    let uris = download.uris.iter().enumerate().map(|(at, uri)| {
        let is_used = at == 0 && has_begun;
        let status = if is_used { "used" } else { "waiting" };
        json!({"uri": uri, "status": status})
    });
    uris.collect()
}

/// Returns a URL without userinfo.
fn shown(uri: &str) -> String {
    Request::new(uri).map_or_else(|_| String::new(), |request| request.url().to_owned())
}

/// Returns which pieces are here, a bit for each, as hex digits. Only how many bytes are here is
/// known: the first pieces stand for them.
fn bitfield(completed: u64, total: u64) -> String {
    let pieces = total.div_ceil(PIECE);
    let here = if completed >= total {
        pieces
    } else {
        completed / PIECE
    };
    let digits = pieces.div_ceil(8) * 2;
    let digit = |at: u64| {
        let bits = here.saturating_sub(at * 4).min(4);
        ['0', '8', 'c', 'e', 'f'][usize::try_from(bits).unwrap_or(4)]
    };
    (0..digits).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitfield_has_a_bit_for_each_piece() {
        for (completed, total, bits) in [
            (0, 300_000, "00"),
            (300_000, 300_000, "80"),
            (PIECE, 3 * PIECE, "80"),
            (5 * PIECE + 1, 9 * PIECE, "f800"),
            (9 * PIECE, 9 * PIECE, "ff80"),
            (8 * PIECE, 8 * PIECE, "ff"),
        ] {
            assert_eq!(bitfield(completed, total), bits, "{completed} of {total}");
        }
    }
}
