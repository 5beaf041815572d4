//! The options that say what the columns of a table are for.

use clap::Args;

use crate::values::{Delimiter, HeaderColumn};

// What the columns of a list are for. A doc comment would become the help of `haul config`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct TableColumns {
    /// Column with the URL, in a table (CSV, JSON lines) [default: url, in capitals or not]
    #[arg(
        long,
        value_name = "COLUMN",
        requires = "inputs",
        help_heading = "Input"
    )]
    pub(crate) url_column: Option<String>,

    /// Column with the name for the file, in a table [default: name, if there is one]
    ///
    /// An empty COLUMN ('') means that no column has names, even if one is called name. The same
    /// goes for checksums and sizes.
    #[arg(
        long,
        value_name = "COLUMN",
        requires = "inputs",
        help_heading = "Input"
    )]
    pub(crate) name_column: Option<String>,

    /// Column with the checksum of the file, in a table [default: checksum, if there is one]
    ///
    /// A checksum is ALGO=HEX. Digits alone will do if the column is called like an algorithm (such
    /// as sha256), or if they are as many as those of an MD5, SHA-1, SHA-256 or SHA-512.
    #[arg(
        long,
        value_name = "COLUMN",
        requires = "inputs",
        help_heading = "Input"
    )]
    pub(crate) checksum_column: Option<String>,

    /// Column with the size of the file in bytes, in a table [default: size, if there is one]
    ///
    /// A file of another size fails, as a rule before it is downloaded: it may be the page of a
    /// login.
    #[arg(
        long,
        value_name = "COLUMN",
        requires = "inputs",
        help_heading = "Input"
    )]
    pub(crate) size_column: Option<String>,

    /// Column whose values are sent as a header, in a table: referer, or Referer=page; repeatable
    ///
    /// NAME=COLUMN sends the values of COLUMN in the header NAME; without NAME=, the column is
    /// called like the header. A row whose cell is empty sends none.
    #[arg(
        long = "header-column",
        value_name = "[NAME=]COLUMN",
        requires = "inputs",
        help_heading = "Input"
    )]
    pub(crate) header_columns: Vec<HeaderColumn>,

    /// Character between the cells of a CSV list; the header tells it if it is , ; | or a TAB
    #[arg(
        long,
        value_name = "CHARACTER",
        requires = "inputs",
        help_heading = "Input"
    )]
    pub(crate) delimiter: Option<Delimiter>,
}
