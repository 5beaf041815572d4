//! A new run: a list in the body of a request, or in JSON, with options.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use haulage::Request as Row;
use haulage::source::ListFormat;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::json::json_response;
use super::query::Query;
use super::route::PREFIX;
use super::runs::seen;
use super::upload::{read_json, save, written};
use super::{essence, is_json};
use crate::hub::Hub;
use crate::lists::NewFile;
use crate::queue::{Gid, ListRun};
use crate::response::Body;
use crate::service::{NewList, Service};
use crate::tools::{ListFile, Refused};

/// The option that says what a list is written in.
const FORMAT: &str = "input-format";
/// The option with the limit of a run's rate.
const LIMIT_RATE: &str = "limit-rate";
/// The most bytes of a name.
const MAX_NAME: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    urls: Option<Vec<String>>,
    list: Option<String>,
    format: Option<String>,
    name: Option<String>,
    dir: Option<String>,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    priority: i32,
    #[serde(default)]
    options: Map<String, Value>,
}

/// Adds a run.
pub(super) async fn add(
    hub: &Arc<Hub>,
    request: Request<Incoming>,
    query: &str,
) -> Result<Response<Body>, ApiError> {
    let is_json = is_json(request.headers());
    let format = format_of(request.headers());
    let body = request.into_body();
    let gid = hub.change(Service::new_gid).await?;
    let (new, file) = if is_json {
        Query::read(query, &[])?;
        let wanted: Wanted = read_json(body).await?;
        let (list, is_of_urls) = wanted.list()?;
        let new = wanted.into_new(hub, is_of_urls).await?;
        (new, write(hub, gid, list).await?)
    } else {
        let mut wanted = Wanted::of_query(query)?;
        wanted.format = wanted.format.or(format);
        let new = wanted.into_new(hub, false).await?;
        let (content, file) = create(hub, gid).await?;
        save(body, content).await?;
        (new, file)
    };
    add_written(hub, gid, new, file).await
}

/// Adds the run of a list whose file is there.
async fn add_written(
    hub: &Arc<Hub>,
    gid: Gid,
    mut new: NewList,
    file: NewFile,
) -> Result<Response<Body>, ApiError> {
    let checking = Arc::clone(hub);
    let (folder, options) = (new.folder.clone(), new.list.options.clone());
    let checked = tokio::task::spawn_blocking(move || {
        let path = checking.lists.path(gid);
        let list = ListFile::new(&path, &options, &folder);
        let opened = checking.tools.open(&list);
        let counted = opened.map(|opened| (checking.tools.count(&list), opened.options.limit_rate));
        // The file must not be lost when its run is not.
        checking.lists.flush().map(|()| counted)
    });
    let checked = written(checked.await)?;
    let path = hub.lists.path(gid).to_string_lossy().into_owned();
    // Clients know it by its name.
    let in_words = |refused: Refused| ApiError::input(refused.0.replace(&path, &new.name));
    (new.list.total, new.limit_rate) = checked.map_err(in_words)?;
    // It can be changed from now on.
    new.list.options.retain(|(name, _)| !is_limit_rate(name));
    if new.list.total == Some(0) {
        return Err(ApiError::input("the list is empty"));
    }
    let run = hub.change(|service| {
        // From now on, it goes when its run does.
        file.keep();
        service.add_list(gid, new);
        seen(service, gid)
    });
    let mut response = json_response(StatusCode::CREATED, &run.await?);
    if let Ok(location) = HeaderValue::from_str(&format!("{PREFIX}runs/{gid}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Returns whether an option is the rate of a run, in any of the forms that options may have.
fn is_limit_rate(name: &str) -> bool {
    name.replace(['.', '_'], "-") == LIMIT_RATE
}

/// Returns the format that the type of a body tells; `None` if it tells none.
fn format_of(headers: &HeaderMap) -> Option<String> {
    let essence = essence(headers)?.to_ascii_lowercase();
    let format = match essence.as_str() {
        "text/csv" | "text/tab-separated-values" => ListFormat::Csv,
        "application/x-ndjson" | "application/jsonl" => ListFormat::Jsonl,
        "application/metalink4+xml" => ListFormat::Metalink,
        _ => return None,
    };
    Some(format.name().to_owned())
}

async fn create(hub: &Arc<Hub>, gid: Gid) -> Result<(File, NewFile), ApiError> {
    let lists = hub.lists.clone();
    written(tokio::task::spawn_blocking(move || lists.create(gid)).await)
}

/// Writes a list to its file, and flushes it.
async fn write(hub: &Arc<Hub>, gid: Gid, list: String) -> Result<NewFile, ApiError> {
    let (mut content, file) = create(hub, gid).await?;
    let writing = tokio::task::spawn_blocking(move || {
        content.write_all(list.as_bytes())?;
        content.sync_all().map(|()| file)
    });
    written(writing.await)
}

impl Wanted {
    fn of_query(query: &str) -> Result<Self, ApiError> {
        let query = Query::read(
            query,
            &["name", "format", "dir", "paused", "priority", "options"],
        )?;
        let options = query.get("options").map(serde_json::from_str).transpose();
        let options = options
            .map_err(|error| ApiError::malformed(format!("options: this is no object: {error}")))?;
        let text = |name| query.get(name).map(str::to_owned);
        Ok(Self {
            format: text("format"),
            name: text("name"),
            dir: text("dir"),
            paused: query.switch("paused")?,
            priority: query.number("priority", 0)?,
            options: options.unwrap_or_default(),
            ..Self::default()
        })
    }

    /// Returns the text of the list, and whether it is made of URLs.
    fn list(&self) -> Result<(String, bool), ApiError> {
        match (&self.urls, &self.list) {
            (Some(urls), None) => Ok((of_urls(urls)?, true)),
            (None, Some(list)) => Ok((list.clone(), false)),
            _ => Err(ApiError::input("give either urls or list")),
        }
    }

    async fn into_new(self, hub: &Hub, is_of_urls: bool) -> Result<NewList, ApiError> {
        let mut options = Vec::new();
        for (name, value) in &self.options {
            add_option(&mut options, name, value)?;
        }
        if is_of_urls && (self.format.is_some() || options.iter().any(|(name, _)| name == FORMAT)) {
            return Err(ApiError::input("format is for a list, not for urls"));
        }
        let named = || ListFormat::of_name(self.name.as_deref()?).map(ListFormat::name);
        let format = if is_of_urls {
            Some("text")
        } else {
            self.format.as_deref().or_else(named)
        };
        if let Some(format) = format.filter(|format| *format != "auto") {
            options.push((FORMAT.to_owned(), Some(format.to_owned())));
        }
        let dir = self.dir.unwrap_or_default();
        let folder = folder_of(hub, dir).await?;
        let name = self.name.filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| match self.urls.as_deref() {
            // Without its userinfo.
            Some([url]) => Row::new(url).map_or_else(|_| String::new(), |row| row.url().to_owned()),
            Some(urls) => format!("{} URLs", urls.len()),
            None => "a list".to_owned(),
        });
        if name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(ApiError::input(format!(
                "name: at most {MAX_NAME} bytes, in one line"
            )));
        }
        Ok(NewList {
            name,
            folder,
            priority: self.priority,
            limit_rate: None,
            is_paused: self.paused,
            list: ListRun {
                options,
                ..ListRun::default()
            },
        })
    }
}

/// Returns the folder that a client means.
///
/// # Errors
/// When files may not be saved to it.
async fn folder_of(hub: &Hub, dir: String) -> Result<PathBuf, ApiError> {
    let (folders, default) = hub.look(Service::folders_and_default);
    let dir = if dir.is_empty() { default } else { dir };
    // The disk is asked, and that takes its time.
    let resolved = tokio::task::spawn_blocking(move || folders.resolve(&dir).ok_or(dir));
    let resolved = resolved
        .await
        .map_err(|_| ApiError::internal("the folder cannot be found"))?;
    resolved.map_err(|dir| {
        ApiError::input(format!(
            "dir: {dir:?} is no folder that the daemon may use; start it with --allow-dir"
        ))
    })
}

/// Adds an option of `haul`: a switch is `true` or `false`, and one that may be repeated a list.
fn add_option(
    options: &mut Vec<(String, Option<String>)>,
    name: &str,
    value: &Value,
) -> Result<(), ApiError> {
    let text = match value {
        Value::Bool(is_on) => is_on.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(|value| !value.is_array()) => {
            return values
                .iter()
                .try_for_each(|value| add_option(options, name, value));
        }
        Value::Array(_) | Value::Object(_) | Value::Null => {
            return Err(ApiError::input(format!(
                "options: {name} needs a text, a number, true, false, or a list of them"
            )));
        }
    };
    options.push((name.to_owned(), Some(text)));
    Ok(())
}

/// Returns the list of these URLs, one a line.
fn of_urls(urls: &[String]) -> Result<String, ApiError> {
    let is_line = |url: &str| {
        !url.starts_with('#') && !url.contains(|letter: char| letter.is_control() || letter == ' ')
    };
    let mut list = String::new();
    for url in urls {
        if !is_line(url) || Row::new(url).is_err() {
            return Err(ApiError::input(format!(
                "urls: {url:?} is no URL to download"
            )));
        }
        list.push_str(url);
        list.push('\n');
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rate_of_a_run_is_known_in_each_form() {
        for name in ["limit-rate", "limit_rate", "limit.rate"] {
            assert!(is_limit_rate(name), "{name}");
        }
        assert!(!is_limit_rate("limit-rate-per-host"));
    }

    #[test]
    fn urls_are_lines_of_a_list() {
        let list = |urls: &[&str]| {
            let urls: Vec<_> = urls.iter().map(|&url| url.to_owned()).collect();
            of_urls(&urls).ok()
        };
        assert_eq!(
            list(&["http://h/a", "https://h/b?c"]).unwrap(),
            "http://h/a\nhttps://h/b?c\n"
        );
        for url in [
            "",
            "h",
            "ftp://h/",
            "http://h/\nhttp://i/",
            "http://h/\tout=x",
            "#http://h/",
        ] {
            assert_eq!(list(&[url]), None, "{url:?}");
        }
    }

    #[test]
    fn options_have_values_of_json() {
        let mut options = Vec::new();
        for (name, value) in [
            ("retries", json!(3)),
            ("robots", json!(true)),
            ("header", json!(["A: b", "C: d"])),
        ] {
            add_option(&mut options, name, &value).unwrap();
        }
        let expected = [
            ("retries", "3"),
            ("robots", "true"),
            ("header", "A: b"),
            ("header", "C: d"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), Some(value.to_owned())));
        assert_eq!(options, expected);
        for value in [json!(null), json!({}), json!([[1]])] {
            assert!(add_option(&mut options, "x", &value).is_err(), "{value}");
        }
    }
}
