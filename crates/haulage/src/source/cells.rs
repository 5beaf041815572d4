//! Rows of tables: what their columns are for, and how the cells of a row become a request.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::base::{Base, request_for};
use super::options::{Columns, ListOptions, input};
use super::prefix::UrlParser;
use crate::checksum::{Algorithm, Checksum};
use crate::error::Error;
use crate::redact::redacted;
use crate::request::{BadRow, Request, Row};
use crate::row_location::RowLocation;

/// What a column is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Url,
    Name,
    /// The path of the file, in the results of a run.
    Path,
    /// Why the file has another name than its URL asks for, in the results of a run.
    Renamed,
    /// A checksum of this algorithm; `None` if the cell tells it.
    Checksum(Option<Algorithm>),
    Size,
    Header(HeaderName),
    /// Carried to the outcome, under this name.
    Carried(Arc<str>),
    Unused,
}

/// Columns by which the results of a run are recognised.
const OF_RESULTS: [&str; 5] = ["row", "status", "final_url", "attempts", "verified"];
/// The columns of a run's results in a table, in their order. After them come its hashes, and what
/// is carried.
pub const RESULT_COLUMNS: [&str; 24] = [
    "row",
    "input",
    "line",
    "url",
    "name",
    "checksum",
    "final_url",
    "status",
    "path",
    "renamed",
    "bytes",
    "http_status",
    "error_kind",
    "error_message",
    "attempts",
    "segments",
    "resumed",
    "restarted",
    "started",
    "duration_ms",
    "etag",
    "last_modified",
    "content_type",
    "verified",
];
/// What results have besides: the error as an object, and carried values without a column.
const BESIDES: [&str; 2] = ["error", "carried"];

/// Decides what columns are for.
#[derive(Debug, Clone)]
pub(super) struct Roles {
    columns: Columns,
    carries: bool,
}

impl Roles {
    pub(super) fn new(options: &ListOptions) -> Self {
        Self {
            columns: options.columns.clone(),
            carries: options.carries,
        }
    }

    /// Returns what each of the columns is for.
    ///
    /// # Errors
    /// Of kind `input`, if a column that is needed, or was asked for, is not there.
    pub(super) fn of(&self, names: &[&str]) -> Result<Vec<Role>, Error> {
        self.check(names)?;
        let is_results = OF_RESULTS.iter().all(|name| names.contains(name));
        let has_exact_url = names.contains(&"url");
        let role = |name: &&str| match self.role(name, is_results) {
            // `URL` beside `url` is another column.
            Role::Url if self.columns.url.is_none() && has_exact_url && *name != "url" => {
                self.carried(name)
            }
            role => role,
        };
        Ok(names.iter().map(role).collect())
    }

    /// Checks that the columns that are needed, or were asked for, are there.
    fn check(&self, names: &[&str]) -> Result<(), Error> {
        let wanted = [
            (
                "--url-column",
                Some(self.columns.url.as_deref().unwrap_or("url")),
            ),
            ("--name-column", self.columns.name.as_deref()),
            ("--checksum-column", self.columns.checksum.as_deref()),
            ("--size-column", self.columns.size.as_deref()),
        ];
        let headers = self.columns.headers.iter();
        let headers = headers.map(|(_, column)| ("--header-column", Some(column.as_str())));
        for (option, column) in wanted.into_iter().chain(headers) {
            let Some(column) = column.filter(|column| !column.is_empty()) else {
                continue;
            };
            let is_default = option == "--url-column" && self.columns.url.is_none();
            let is_it =
                |name: &&str| *name == column || is_default && name.eq_ignore_ascii_case(column);
            if !names.iter().any(is_it) {
                return Err(input(format!(
                    "it has no column {column:?}; its columns are: {}; {option} says which one is meant",
                    listed(names)
                )));
            }
        }
        Ok(())
    }

    fn role(&self, name: &str, is_results: bool) -> Role {
        let columns = &self.columns;
        let is =
            |given: &Option<String>, default: &str| given.as_deref().unwrap_or(default) == name;
        let header = columns.headers.iter().find(|(_, column)| column == name);
        if name.is_empty() {
            return self.carried(name);
        }
        match &columns.url {
            Some(url) if url == name => return Role::Url,
            None if name.eq_ignore_ascii_case("url") => return Role::Url,
            Some(_) | None => {}
        }
        if let Some((header, _)) = header {
            return Role::Header(header.clone());
        }
        if is(&columns.name, "name") {
            return Role::Name;
        }
        if is(&columns.checksum, "checksum") {
            return Role::Checksum(Algorithm::named(name));
        }
        if is_results {
            return match name {
                "path" => Role::Path,
                "renamed" => Role::Renamed,
                _ if RESULT_COLUMNS.contains(&name) || BESIDES.contains(&name) => Role::Unused,
                _ => Algorithm::named(name).map_or_else(
                    || self.carried(name),
                    |algorithm| Role::Checksum(Some(algorithm)),
                ),
            };
        }
        if is(&columns.size, "size") {
            return Role::Size;
        }
        self.carried(name)
    }

    fn carried(&self, name: &str) -> Role {
        if self.carries {
            Role::Carried(name.into())
        } else {
            Role::Unused
        }
    }
}

/// Returns names for a message: the first ones, if there are many.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 30;
    // A name may have line breaks, which a message has not.
    let shown = names.iter().take(SHOWN).map(|name| name.escape_debug());
    let shown: Vec<_> = shown.map(|name| name.to_string()).collect();
    let mut text = shown.join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    redacted(&text)
}

/// The cells of one row. An empty cell says nothing.
#[derive(Debug, Default)]
pub(super) struct Cells {
    url: Option<String>,
    name: Option<String>,
    path: Option<String>,
    is_renamed: bool,
    checksums: Vec<(Option<Algorithm>, String)>,
    size: Option<String>,
    headers: Vec<(HeaderName, String)>,
    carried: Vec<(Arc<str>, Arc<str>)>,
}

impl Cells {
    /// Adds the text of a cell; `role` is that of its column.
    pub(super) fn add(&mut self, role: &Role, text: &str) {
        if let Role::Carried(name) = role {
            return self.carry(name, &json_text(text));
        }
        if text.is_empty() {
            return;
        }
        let text = text.to_owned();
        match role {
            Role::Url => self.url = Some(text),
            Role::Name => self.name = Some(text),
            Role::Path => self.path = Some(text),
            Role::Renamed => self.is_renamed = true,
            Role::Checksum(algorithm) => self.checksums.push((*algorithm, text)),
            Role::Size => self.size = Some(text),
            Role::Header(name) => self.headers.push((name.clone(), text)),
            Role::Carried(_) | Role::Unused => {}
        }
    }

    /// Adds a value that is carried to the outcome, as JSON.
    pub(super) fn carry(&mut self, name: &Arc<str>, json: &str) {
        self.carried.push((Arc::clone(name), json.into()));
    }

    /// Returns the row of these cells.
    pub(super) fn into_row(
        self,
        base: Option<&Base>,
        urls: &mut UrlParser,
        location: RowLocation,
    ) -> Row {
        let text = redacted(self.url.as_deref().unwrap_or_default());
        match self.into_request(base, urls) {
            Ok(request) => Ok(request.read_at(location)),
            Err(error) => Err(BadRow {
                text,
                location: Some(location),
                error,
            }),
        }
    }

    fn into_request(self, base: Option<&Base>, urls: &mut UrlParser) -> Result<Request, Error> {
        let url = self.url.ok_or_else(|| input("the row has no URL"))?;
        let mut request = request_for(url.trim(), base, urls)?;
        let path = self.path.filter(|_| self.is_renamed);
        if let Some(name) = path.or(self.name) {
            request = request.named(&name)?;
        }
        for (algorithm, text) in self.checksums {
            for text in several(text.trim()) {
                request = request.checksum(checksum(algorithm, text)?)?;
            }
        }
        if let Some(size) = &self.size {
            request = request.sized(size_of(size)?);
        }
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).map_err(|_| {
                input(format!(
                    "the header {name} has a character that cannot be sent, such as a line break"
                ))
            })?;
            request = request.header(name, value)?;
        }
        for (name, value) in self.carried {
            request = request.carrying(name, value);
        }
        Ok(request)
    }
}

/// Returns the JSON string of a text (RFC 8259 §7).
pub(super) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns the checksums in a cell: one, or, as in the results of a run, several `ALGO=HEX` that
/// are separated by spaces.
fn several(text: &str) -> impl Iterator<Item = &str> {
    let is_list = text.split(' ').all(|one| one.contains('='));
    let whole = (!is_list).then_some(text).into_iter();
    let parts = is_list.then(|| text.split(' ')).into_iter().flatten();
    whole.chain(parts)
}

/// Parses a checksum: `ALGO=HEX`, `ALGO:HEX`, or only digits, if the column or their number tells
/// the algorithm.
fn checksum(algorithm: Option<Algorithm>, text: &str) -> Result<Checksum, Error> {
    if let Some((name, hex)) = text.split_once(['=', ':']) {
        return Checksum::from_hex(name.trim().to_ascii_lowercase().parse()?, hex.trim());
    }
    let algorithm = match algorithm {
        Some(algorithm) => algorithm,
        None => of_length(text)?,
    };
    Checksum::from_hex(algorithm, text)
}

/// Returns the algorithm whose checksums have as many digits.
fn of_length(digits: &str) -> Result<Algorithm, Error> {
    match digits.len() {
        32 => Ok(Algorithm::Md5),
        40 => Ok(Algorithm::Sha1),
        64 => Ok(Algorithm::Sha256),
        128 => Ok(Algorithm::Sha512),
        _ => Err(input(format!(
            "{:?} is not a checksum; write ALGO=HEX, or the digits of an MD5 (32), SHA-1 (40), SHA-256 (64) or SHA-512 \
             (128)",
            redacted(digits)
        ))),
    }
}

/// Parses a length in bytes. Programs that know no missing integers write `12.0`.
fn size_of(text: &str) -> Result<u64, Error> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_whole = fraction.bytes().all(|digit| digit == b'0');
    let is_number = whole.bytes().all(|digit| digit.is_ascii_digit());
    let size = (is_whole && is_number)
        .then(|| whole.parse().ok())
        .flatten();
    size.ok_or_else(|| {
        input(format!(
            "the size {:?} is not a number of bytes; --size-column '' ignores the column",
            redacted(text)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(options: &ListOptions, names: &[&str]) -> Result<Vec<Role>, String> {
        Roles::new(options)
            .of(names)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn columns_have_their_usual_names_or_those_that_were_given() {
        let carrying = ListOptions {
            carries: true,
            ..ListOptions::default()
        };
        assert_eq!(
            roles(&carrying, &["URL", "name", "checksum", "size", "TEXT", ""]).unwrap(),
            [
                Role::Url,
                Role::Name,
                Role::Checksum(None),
                Role::Size,
                Role::Carried("TEXT".into()),
                Role::Carried("".into())
            ]
        );
        let given = ListOptions {
            columns: Columns {
                url: Some("href".into()),
                name: Some(String::new()),
                checksum: Some("md5".into()),
                size: None,
                headers: vec![(http::header::REFERER, "page".into())],
            },
            ..ListOptions::default()
        };
        assert_eq!(
            roles(&given, &["url", "href", "name", "md5", "page"]).unwrap(),
            [
                Role::Unused,
                Role::Url,
                Role::Unused,
                Role::Checksum(Some(Algorithm::Md5)),
                Role::Header(http::header::REFERER)
            ]
        );
        let both = roles(&carrying, &["URL", "url"]).unwrap();
        assert_eq!(both, [Role::Carried("URL".into()), Role::Url]);
    }

    #[test]
    fn a_missing_column_lists_those_that_are_there() {
        let error = roles(&ListOptions::default(), &["href", "title"]).unwrap_err();
        assert!(
            error.contains("no column \"url\"") && error.contains("href, title"),
            "{error}"
        );
        let columns = Columns {
            size: Some("length".into()),
            ..Columns::default()
        };
        let options = ListOptions {
            columns,
            ..ListOptions::default()
        };
        let error = roles(&options, &["url", "size"]).unwrap_err();
        assert!(
            error.contains("length") && error.contains("--size-column"),
            "{error}"
        );
    }

    #[test]
    fn results_are_a_list_of_what_they_are_about() {
        let names = [
            "row",
            "url",
            "final_url",
            "status",
            "path",
            "renamed",
            "bytes",
            "attempts",
            "verified",
            "sha256",
            "size",
            "TEXT",
            "name",
        ];
        let options = ListOptions {
            carries: true,
            ..ListOptions::default()
        };
        let roles = roles(&options, &names).unwrap();
        assert_eq!(roles[4..7], [Role::Path, Role::Renamed, Role::Unused]);
        assert_eq!(roles[9], Role::Checksum(Some(Algorithm::Sha256)));
        assert_eq!(roles[10], Role::Carried("size".into()));
        assert_eq!(roles[12], Role::Name);
    }

    #[test]
    fn checksums_and_sizes_are_read_as_people_write_them() {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        for text in [md5.to_owned(), format!("md5={md5}"), format!("MD5: {md5}")] {
            let sum = checksum(None, &text).unwrap();
            assert_eq!(sum.to_string(), format!("md5={md5}"), "{text}");
        }
        let both = several("crc32c=00000001 md5=x");
        assert_eq!(both.collect::<Vec<_>>(), ["crc32c=00000001", "md5=x"]);
        assert_eq!(several("MD5: x").collect::<Vec<_>>(), ["MD5: x"]);
        let crc = checksum(Some(Algorithm::Crc32c), "00000001").unwrap();
        assert_eq!(crc.to_string(), "crc32c=00000001");
        assert!(
            checksum(None, "abc")
                .unwrap_err()
                .to_string()
                .contains("ALGO=HEX")
        );
        assert_eq!(size_of(" 12.00 ").unwrap(), 12);
        for text in ["XL", "-1", "1.5", "1e3", ".", "99999999999999999999"] {
            let error = size_of(text).unwrap_err().to_string();
            assert!(error.contains("number of bytes"), "{text}");
        }
    }
}
