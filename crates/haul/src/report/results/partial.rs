//! Rows on their way to a Parquet or Arrow file. Such a file is written in one go, so during a run
//! its rows are lines of JSON in `NAME.partial.jsonl`, which stays if haul is killed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use super::columns::{ColumnFormat, Encoder, Shape};
use super::target::{cannot_write, create};
use crate::exit::Problem;
use crate::input::CarriedTypes;
use crate::report::row::ResultRow;

/// The rows of a table that is written at the end.
pub(super) struct Partial {
    /// The table.
    path: PathBuf,
    rows: PathBuf,
    format: ColumnFormat,
    shape: Shape,
    types: CarriedTypes,
    /// Whether `rows` is a file that this run has made, and not used.
    is_unused: bool,
}

impl Partial {
    /// Opens the file for the rows of this table. What is in either stays.
    ///
    /// # Errors
    /// If the file cannot be written, or if the table would replace something that is no file.
    pub(super) fn open(
        path: &Path,
        format: ColumnFormat,
        types: CarriedTypes,
    ) -> Result<(Self, File), Problem> {
        // A link stays: what it leads to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&path).is_ok_and(|about| !about.is_file()) {
            return Err(Problem::usage(format!(
                "cannot write the results to {}: it is not a regular file",
                path.display()
            ))
            .hint("write them to a file, or use --results - for JSON lines"));
        }
        let rows = beside(&path, ".partial.jsonl");
        let is_unused = !rows.exists();
        let file = create(&rows)?;
        let partial = Self {
            path,
            rows,
            format,
            shape: Shape::default(),
            types,
            is_unused,
        };
        Ok((partial, file))
    }

    /// Notes that the run has begun, so that the rows stay.
    pub(super) fn begin(&mut self) {
        self.is_unused = false;
    }

    /// Takes note of a row, which is written by the caller.
    pub(super) fn row(&mut self, row: &ResultRow<'_>) {
        self.shape.add(row);
    }

    /// Writes the table, and removes the rows.
    ///
    /// # Errors
    /// If the table cannot be written. The rows stay then.
    pub(super) fn close(mut self) -> Result<(), Problem> {
        let made = beside(&self.path, ".partial");
        let shape = std::mem::take(&mut self.shape);
        let typed = shape.clone().with_types(self.types.known());
        // Other lists may have other values in a column of the same name.
        let written = self
            .write(&made, typed)
            .or_else(|cause| match cause.kind() {
                io::ErrorKind::Other => self.write(&made, shape),
                _ => Err(cause),
            });
        written.map_err(|cause| {
            let _ = fs::remove_file(&made);
            let rows = self.rows.display();
            Problem::destination(cannot_write(&self.path, &cause))
                .hint(format!("all rows are in {rows}"))
        })?;
        // The table is there; rows that stay do no harm.
        let _ = fs::remove_file(&self.rows);
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "results are no file of the destination"
    )]
    fn write(&self, made: &Path, shape: Shape) -> io::Result<()> {
        let mut rows = BufReader::with_capacity(256 << 10, File::open(&self.rows)?);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(made)?;
        let mut encoder = Encoder::new(shape, self.format, BufWriter::new(file))?;
        let mut line = Vec::new();
        while rows.read_until(b'\n', &mut line)? > 0 {
            encoder.line(&line)?;
            line.clear();
        }
        let file = encoder.finish()?.into_inner()?;
        if let Ok(about) = fs::metadata(&self.path) {
            // As if it were written in place.
            file.set_permissions(about.permissions())?;
        }
        file.sync_all()?;
        fs::rename(made, &self.path)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.is_unused {
            let _ = fs::remove_file(&self.rows);
        }
    }
}

/// Returns the path of a file beside another, with this after its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
