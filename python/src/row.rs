//! From what a Python source yields to a row: a URL, a dict, or a `haulage.Request`.

use haulage::{BadRow, Checksum, Error, ErrorKind, Request, Row};
use http::{HeaderName, HeaderValue};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString};

/// Returns the row for what a source has yielded. Whatever cannot be used becomes a bad row, so
/// that it fails alone.
pub(crate) fn read(item: &Bound<'_, PyAny>) -> Row {
    if let Ok(url) = item.cast::<PyString>() {
        return match url.to_str() {
            Ok(url) => Request::new(url).map_err(|error| BadRow::new(url, error)),
            Err(_) => Err(refused(
                item,
                "a URL has no lone surrogates in it".to_owned(),
            )),
        };
    }
    if is_missing(item) {
        return Err(refused(item, "the URL is missing".to_owned()));
    }
    let fields = if let Ok(dict) = item.cast::<PyDict>() {
        Fields::Keys(dict)
    } else if item.hasattr("url").unwrap_or(true) {
        Fields::Attributes(item)
    } else {
        let what = "it is neither a str, a dict with a \"url\", nor a haulage.Request";
        return Err(refused(item, what.to_owned()));
    };
    request(&fields).map_err(|failure| {
        let url = fields.get("url").ok().flatten();
        let text = url.and_then(|url| Some(url.str().ok()?.to_string()));
        let error = match failure {
            Failure::Row(error) => error,
            Failure::Python(error) => input(error.to_string()),
        };
        match text {
            Some(url) => BadRow::new(&url, error),
            None => BadRow::new(&shown(item), error),
        }
    })
}

/// Why a row cannot be used.
enum Failure {
    Row(Error),
    Python(PyErr),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Row(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

/// Where the fields of a row are.
enum Fields<'a, 'py> {
    Keys(&'a Bound<'py, PyDict>),
    Attributes(&'a Bound<'py, PyAny>),
}

impl<'py> Fields<'_, 'py> {
    /// Returns a field; `None` where it is missing, is `None`, or is the NaN of a table's empty
    /// cell.
    fn get(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = match self {
            Self::Keys(dict) => dict.get_item(name)?,
            Self::Attributes(object) => object.getattr_opt(name)?,
        };
        Ok(value.filter(|value| !is_missing(value)))
    }

    fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        let Some(value) = self.get(name)? else {
            return Ok(None);
        };
        match value.extract() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(no_text(name, "is", &value)),
        }
    }

    /// Refuses a key that means nothing, which may be a typing error.
    fn check(&self) -> Result<(), Failure> {
        let Self::Keys(dict) = self else {
            return Ok(());
        };
        for key in dict.keys() {
            let name = key.extract::<String>().unwrap_or_default();
            if !NAMES.contains(&name.as_str()) {
                let key = key.repr()?;
                let what = format!("a row has no field {key}; there are {}", NAMES.join(", "));
                return Err(input(what).into());
            }
        }
        Ok(())
    }
}

/// The fields of a row.
const NAMES: [&str; 7] = [
    "url", "name", "label", "checksum", "mirrors", "headers", "size",
];

fn request(fields: &Fields<'_, '_>) -> Result<Request, Failure> {
    fields.check()?;
    let url = fields
        .text("url")?
        .ok_or_else(|| input("it has no \"url\"".to_owned()))?;
    let mut request = Request::new(&url)?;
    if let Some(name) = fields.text("name")? {
        request = request.named(&name)?;
    }
    if let Some(label) = fields.text("label")? {
        request = request.labelled(&label);
    }
    if let Some(size) = fields.get("size")? {
        let bytes: u64 = size.extract().map_err(|_| {
            input(format!(
                "its \"size\" is {}, not a number of bytes",
                kind(&size)
            ))
        })?;
        request = request.sized(bytes);
    }
    for checksum in checksums(fields)? {
        request = request.checksum(checksum)?;
    }
    if let Some(mirrors) = fields.get("mirrors")? {
        for mirror in several(&mirrors, "mirrors")? {
            request = request.mirror(&text(&mirror, "mirrors")?)?;
        }
    }
    if let Some(headers) = fields.get("headers")? {
        for (name, value) in pairs(&headers, "headers")? {
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_| input(format!("{name:?} is no name of a header")))?;
            let value = HeaderValue::try_from(value)
                .map_err(|_| input(format!("the header {name} has a value that cannot be sent")))?;
            request = request.header(name, value)?;
        }
    }
    Ok(request)
}

/// Returns the checksums of a row: `"sha256=…"`, several of these, or `{"sha256": "…"}`.
fn checksums(fields: &Fields<'_, '_>) -> Result<Vec<Checksum>, Failure> {
    let Some(given) = fields.get("checksum")? else {
        return Ok(Vec::new());
    };
    if given.cast::<PyDict>().is_ok() {
        let of_pair = |(name, hex): (String, String)| -> Result<Checksum, Failure> {
            Ok(Checksum::from_hex(name.parse()?, &hex)?)
        };
        return pairs(&given, "checksum")?
            .into_iter()
            .map(of_pair)
            .collect();
    }
    let of_text = |each: &Bound<'_, PyAny>| -> Result<Checksum, Failure> {
        Ok(text(each, "checksum")?.parse()?)
    };
    several(&given, "checksum")?.iter().map(of_text).collect()
}

/// Returns the elements of a sequence; a str stands for itself.
fn several<'py>(given: &Bound<'py, PyAny>, of: &str) -> Result<Vec<Bound<'py, PyAny>>, Failure> {
    if given.cast::<PyString>().is_ok() {
        return Ok(vec![given.clone()]);
    }
    let Ok(elements) = given.try_iter() else {
        let what = format!("its {of:?} is {}, not a str or a list", kind(given));
        return Err(input(what).into());
    };
    Ok(elements.collect::<PyResult<_>>()?)
}

/// Returns the pairs of a dict, or of a sequence of pairs.
fn pairs(given: &Bound<'_, PyAny>, of: &str) -> Result<Vec<(String, String)>, Failure> {
    let pairs = match given.cast::<PyDict>() {
        Ok(dict) => dict.items().extract(),
        Err(_) => given.extract(),
    };
    let pairs: PyResult<Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>> = pairs;
    let Ok(pairs) = pairs else {
        let what = format!("its {of:?} is {}, not a dict", kind(given));
        return Err(input(what).into());
    };
    let texts = |(name, value)| Ok((text(name, of)?, text(value, of)?));
    pairs
        .iter()
        .map(|(name, value)| texts((name, value)))
        .collect()
}

fn text(value: &Bound<'_, PyAny>, of: &str) -> Result<String, Failure> {
    let text = value.extract();
    text.map_err(|_| no_text(of, "has a value", value))
}

fn no_text(of: &str, is: &str, value: &Bound<'_, PyAny>) -> Failure {
    let what = match value.cast::<PyString>() {
        Ok(_) => format!("its {of:?} has lone surrogates in it"),
        Err(_) => format!("its {of:?} {is} {}, not a str", kind(value)),
    };
    input(what).into()
}

fn is_missing(value: &Bound<'_, PyAny>) -> bool {
    let is_nan = |number: &Bound<'_, PyFloat>| number.value().is_nan();
    value.is_none() || value.cast::<PyFloat>().is_ok_and(is_nan)
}

fn refused(item: &Bound<'_, PyAny>, why: String) -> BadRow {
    BadRow::new(&shown(item), input(why))
}

/// Returns how an object that is no row is shown.
fn shown(item: &Bound<'_, PyAny>) -> String {
    let text = item.repr().map(|text| text.to_string());
    text.unwrap_or_else(|_| kind(item))
}

/// Returns the name of an object's type.
fn kind(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().name().map(|name| name.to_string());
    format!("of type {}", name.unwrap_or_else(|_| "unknown".to_owned()))
}

fn input(message: String) -> Error {
    Error::new(ErrorKind::Input, message)
}
