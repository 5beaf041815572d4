//! How a list is read.

use http::HeaderName;

use super::base::Base;
use super::format::ListFormat;
use crate::error::{Error, ErrorKind};

/// How a list is read. The default suits a list whose format its name or its first bytes tell.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// The format; `None` if the name of the list or its first bytes tell it.
    pub format: Option<ListFormat>,
    /// An absolute URL to which relative URLs and names are relative (RFC 3986 §5); `None` if there
    /// are none.
    pub base_url: Option<String>,
    /// What the columns of a table are for.
    pub columns: Columns,
    /// The byte between the cells of a CSV list; `None` if the header tells it.
    pub delimiter: Option<u8>,
    /// Whether columns without a purpose are carried to the outcomes
    /// ([`Outcome::carried`](crate::Outcome::carried)). If not, they are not read.
    pub carries: bool,
    /// The countries whose mirrors come first in a Metalink, as codes (ISO 3166-1 alpha-2) with
    /// commas between them; `None` for none.
    pub location: Option<String>,
}

/// The names of the columns of a table (CSV, JSON lines, Parquet, Arrow) that are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// The URL; `None` for `url`, in capitals or not.
    pub url: Option<String>,
    /// The file's name; `None` for `name`, if there is such a column. No column has an empty name.
    pub name: Option<String>,
    /// A checksum; `None` for `checksum`, if there is such a column.
    pub checksum: Option<String>,
    /// The file's length in bytes; `None` for `size`, if there is such a column.
    pub size: Option<String>,
    /// Headers to send, each with the column that has its value.
    pub headers: Vec<(HeaderName, String)>,
}

impl ListOptions {
    /// Returns the parsed base URL; `None` if there is none.
    ///
    /// # Errors
    /// Of kind `input`, if it is not an absolute `http` or `https` URL.
    pub(super) fn base(&self) -> Result<Option<Base>, Error> {
        self.base_url.as_deref().map(Base::parse).transpose()
    }
}

/// Returns an error for a list, or for a row of one.
pub(super) fn input(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Input, message.into())
}
