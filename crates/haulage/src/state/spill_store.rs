//! Rows of hosts that do not respond, spilled from memory to disk, for this run only.
//!
//! They are in a database without a name, in the folder for temporary files. It disappears with the
//! process, however that ends.

use http::{HeaderMap, HeaderName, HeaderValue};
use rusqlite::{Connection, Row, params};

use super::columns::number;
use super::request_key::{RecordLocation, RequestKey};
use crate::fetch::headers;
use crate::plan::name::{RelativeName, TargetName};
use crate::plan::registry::Key;
use crate::request::Request;
use crate::row_location::RowLocation;

/// A row that has its name, but for which no request has been sent.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) row: u64,
    pub(crate) request: Request,
    pub(crate) target: TargetName,
    pub(crate) key: Key,
}

/// Spilled rows, by host.
pub(crate) struct SpillStore(Connection);

const SCHEMA: &str = "
    CREATE TABLE waiting (
        host TEXT, row INTEGER, target TEXT, key INTEGER, url TEXT, given TEXT, mirrors TEXT, name TEXT, label TEXT, input TEXT,
        line INTEGER, checksums TEXT, ask INTEGER, fields TEXT, list INTEGER, at INTEGER, size TEXT, headers BLOB,
        carried TEXT, PRIMARY KEY (host, row)
    ) WITHOUT ROWID;";
const INSERT: &str =
    "INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

impl Waiting {
    /// Returns whether a request may be written to disk: not one with a password, nor one with a
    /// header that may be as good as one, nor one with the hashes of pieces, which few rows have.
    pub(crate) fn may_be_written(request: &Request) -> bool {
        let mut mirrors = request.mirrors.iter();
        let headers = request.headers().map(HeaderMap::keys);
        request.credentials.is_none()
            && request.piece_hashes().is_none()
            && mirrors.all(|(_, credentials)| credentials.is_none())
            && headers.into_iter().flatten().all(headers::is_harmless)
    }
}

impl SpillStore {
    pub(crate) fn new() -> rusqlite::Result<Self> {
        // Without a name: SQLite keeps it in memory, and on disk once it is too large.
        let connection = Connection::open("")?;
        connection.pragma_update(None, "cache_size", -512)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(connection))
    }

    /// Creates a database without its table, so that it accepts no rows.
    #[cfg(test)]
    pub(crate) fn broken() -> rusqlite::Result<Self> {
        Ok(Self(Connection::open("")?))
    }

    /// Adds rows of a host, all or nothing.
    pub(crate) fn put(&mut self, host: &str, rows: &[Waiting]) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for waiting in rows {
                let request = &waiting.request;
                let key = request.key.as_ref();
                let recorded = key.and_then(|key| key.recorded);
                let location = request.location.as_ref();
                let mirrors = request.mirrors.iter().map(|(url, _)| url.as_str());
                let checksums = request.checksums.iter().map(ToString::to_string);
                insert.execute(params![
                    host,
                    number(waiting.row),
                    waiting.target.as_str(),
                    waiting.key.to_bits(),
                    request.url.as_str(),
                    request.given,
                    joined(mirrors),
                    request.name.as_ref().map(RelativeName::as_str),
                    request.label,
                    location.map(|location| &location.input),
                    location.map(|location| number(location.line)),
                    joined(checksums),
                    key.map(|key| key.hash),
                    key.and_then(|key| key.fields.as_ref()),
                    recorded.map(|recorded| recorded.list),
                    recorded.map(|recorded| number(recorded.row)),
                    request.size().map(|size| size.to_string()),
                    request.headers().map(lines_of),
                    json_of(request)?,
                ])?;
            }
        }
        transaction.commit()
    }

    /// Takes out the first rows of a host, at most `most`.
    pub(crate) fn take(&mut self, host: &str, most: usize) -> rusqlite::Result<Vec<Waiting>> {
        let transaction = self.0.transaction()?;
        let rows: Vec<Waiting> = transaction
            .prepare_cached("SELECT * FROM waiting WHERE host = ?1 ORDER BY row LIMIT ?2")?
            .query_map(params![host, number(most as u64)], waiting)?
            .collect::<rusqlite::Result<_>>()?;
        if let Some(last) = rows.last() {
            transaction
                .prepare_cached("DELETE FROM waiting WHERE host = ?1 AND row <= ?2")?
                .execute(params![host, number(last.row)])?;
        }
        transaction.commit()?;
        Ok(rows)
    }

    /// Returns the keys of all rows.
    pub(crate) fn keys(&self) -> rusqlite::Result<Vec<Key>> {
        let mut keys = self.0.prepare("SELECT key FROM waiting")?;
        let keys = keys.query_map([], |row| Ok(Key::of_bits(row.get(0)?)))?;
        keys.collect()
    }
}

/// Joins several values into one column, separated by TABs, which none of them contains; `None` if
/// there are no values.
fn joined<T: AsRef<str>>(all: impl Iterator<Item = T>) -> Option<String> {
    let all: Vec<T> = all.collect();
    let texts: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
    (!texts.is_empty()).then(|| texts.join("\t"))
}

/// Returns headers as lines, `NAME:VALUE`. A value has no line break in it.
fn lines_of(headers: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in headers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.push(b':');
        lines.extend_from_slice(value.as_bytes());
        lines.push(b'\n');
    }
    lines
}

/// Returns what [`lines_of`] was made from; `None` if it was made from something else.
fn headers_of(lines: &[u8]) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let lines = lines.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            Some((name, HeaderValue::from_bytes(&line[colon + 1..]).ok()?))
        })
        .collect()
}

/// Returns what a request carries, as JSON: names and values in turn; `None` if it is nothing.
fn json_of(request: &Request) -> rusqlite::Result<Option<String>> {
    let carried = request.extra.iter().flat_map(|extra| &extra.carried);
    let texts: Vec<&str> = carried
        .flat_map(|(name, value)| [&**name, &**value])
        .collect();
    if texts.is_empty() {
        return Ok(None);
    }
    let json = serde_json::to_string(&texts);
    json.map(Some).map_err(|_| strange("carried"))
}

/// Returns the request with what few rows have.
fn with_extra(mut request: Request, row: &Row<'_>) -> rusqlite::Result<Request> {
    if let Some(size) = row.get::<_, Option<String>>("size")? {
        request = request.sized(size.parse().map_err(|_| strange("size"))?);
    }
    if let Some(lines) = row.get::<_, Option<Vec<u8>>>("headers")? {
        for (name, value) in headers_of(&lines).ok_or_else(|| strange("headers"))? {
            let with_header = request.header(name, value);
            request = with_header.map_err(|_| strange("headers"))?;
        }
    }
    if let Some(json) = row.get::<_, Option<String>>("carried")? {
        let texts: Vec<String> = serde_json::from_str(&json).map_err(|_| strange("carried"))?;
        for pair in texts.chunks_exact(2) {
            request = request.carrying(pair[0].as_str().into(), pair[1].as_str().into());
        }
    }
    Ok(request)
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    let url: String = row.get("url")?;
    let given: String = row.get("given")?;
    let mut request = Request::new(&url).map_err(|_| strange("url"))?;
    request.given = given.into();
    if let Some(mirrors) = row.get::<_, Option<String>>("mirrors")? {
        for mirror in mirrors.split('\t') {
            request = request.mirror(mirror).map_err(|_| strange("mirrors"))?;
        }
    }
    if let Some(name) = row.get::<_, Option<String>>("name")? {
        request = request.named(&name).map_err(|_| strange("name"))?;
    }
    if let Some(checksums) = row.get::<_, Option<String>>("checksums")? {
        for checksum in checksums.split('\t') {
            let checksum = checksum.parse().map_err(|_| strange("checksums"))?;
            let checked = request.checksum(checksum);
            request = checked.map_err(|_| strange("checksums"))?;
        }
    }
    request.label = row.get("label")?;
    if let Some(input) = row.get("input")? {
        let line = row.get::<_, i64>("line")?.unsigned_abs();
        request.location = Some(RowLocation { input, line });
    }
    if let Some(hash) = row.get("ask")? {
        let list: Option<i64> = row.get("list")?;
        let at = row.get::<_, Option<i64>>("at")?.unwrap_or_default();
        request.key = Some(RequestKey {
            hash,
            fields: row.get("fields")?,
            recorded: list.map(|list| RecordLocation {
                list,
                row: at.unsigned_abs(),
            }),
        });
    }
    request = with_extra(request, row)?;
    let target: String = row.get("target")?;
    Ok(Waiting {
        row: row.get::<_, i64>("row")?.unsigned_abs(),
        request,
        target: TargetName::of_safe(target),
        key: Key::of_bits(row.get("key")?),
    })
}

/// Returns the error for a column whose value we have never written.
fn strange(column: &str) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnName(column.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{FileNames, Layout};
    use crate::plan::accepted::Accepted;
    use crate::plan::layout;
    use crate::plan::registry::{Claim, Names};

    fn waiting(row: u64, request: Request) -> Waiting {
        let wanted = layout::name(
            Layout::Flat,
            &request.url,
            request.url(),
            row,
            &Accepted::nothing,
        );
        let claim = Names::default().claim(wanted, request.url(), &request.checksums);
        let Claim::Mine { name, key } = claim else {
            panic!("{claim:?}");
        };
        Waiting {
            row,
            request,
            target: name,
            key,
        }
    }

    fn full() -> Request {
        let request = Request::new("HTTP://h.example:80/a b/ü?x#y").unwrap();
        let request = request.mirror("https://m.example/1").unwrap();
        let request = request.mirror("https://n.example/2").unwrap();
        let request = request.named("dir/na\tme").unwrap().labelled("La\tbel");
        let sums = ["crc32c=00000001", "md5=d41d8cd98f00b204e9800998ecf8427e"];
        let mut request = sums.iter().fold(request, |request, sum| {
            request.checksum(sum.parse().unwrap()).unwrap()
        });
        request = request.sized(u64::MAX);
        for (name, value) in [
            ("accept", "a/b; c=\"d\""),
            ("accept", "\u{e9}"),
            ("dnt", ""),
        ] {
            let name = HeaderName::from_static(name);
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request = request.header(name, value).unwrap();
        }
        for (name, value) in [
            ("n", "1.50"),
            ("", "{\"a\": [\"\\n\"]}"),
            ("n", "not JSON\n"),
        ] {
            request = request.carrying(name.into(), value.into());
        }
        request.location = Some(RowLocation {
            input: "list".into(),
            line: 7,
        });
        request.key = Some(RequestKey {
            recorded: Some(RecordLocation { list: 3, row: 4 }),
            ..RequestKey::of(&request, Layout::Flat, FileNames::FromUrl)
        });
        request
    }

    #[test]
    fn rows_come_back_as_they_were_and_once() {
        let mut store = SpillStore::new().unwrap();
        let plain = |row| waiting(row, Request::new(&format!("http://h/{row}")).unwrap());
        let rows = [plain(5), waiting(2, full()), plain(9)];
        store.put("h", &rows).unwrap();
        store.put("other", &[plain(1)]).unwrap();
        let shown = |waiting: &Waiting| format!("{waiting:?}");
        let first = store.take("h", 2).unwrap();
        let expected = [&rows[1], &rows[0]].map(shown);
        assert_eq!(first.iter().map(shown).collect::<Vec<_>>(), expected);
        assert_eq!(store.keys().unwrap().len(), 2);
        let rest = store.take("h", 2).unwrap();
        assert_eq!(
            rest.iter().map(|one| one.row).collect::<Vec<_>>(),
            [9],
            "and no others"
        );
        assert!(store.take("h", 2).unwrap().is_empty());
    }

    #[test]
    fn passwords_stay_in_memory() {
        let open = Request::new("http://h/a").unwrap();
        assert!(Waiting::may_be_written(&open));
        let mirrored = open.mirror("http://u:secret@m/a").unwrap();
        let own = Request::new("http://u:secret@h/a").unwrap();
        let token = Request::new("http://h/a").unwrap();
        let token = token.header(
            HeaderName::from_static("x-token"),
            HeaderValue::from_static("secret"),
        );
        let token = token.unwrap().sized(1);
        for request in [mirrored, own, token] {
            assert!(!Waiting::may_be_written(&request));
        }
    }
}
