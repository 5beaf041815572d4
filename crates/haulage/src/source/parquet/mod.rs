//! Lists in Parquet files: read group by group, and only the columns that are needed.

mod checked;
mod layout;
mod walk;

use std::fs::File;
use std::io;
use std::iter::FusedIterator;
use std::sync::Arc;

use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;

use self::checked::Checked;
use super::batch::{BatchRows, Projection, ROWS, unusable};
use super::decoding::guarded;
use super::options::ListOptions;
use crate::error::Error;
use crate::request::Row;

/// A list in a Parquet file, read on demand. [`Columns`](super::Columns) tells which columns are
/// used. The place of a row is its number in the file, from 1.
pub struct Parquet {
    input: Arc<str>,
    batches: ParquetRecordBatchReader,
    rows: BatchRows,
    carried: Vec<(String, DataType)>,
    has_ended: bool,
    error: Option<io::Error>,
}

impl Parquet {
    /// Opens a list. `input` is its name in the places of its rows.
    ///
    /// # Errors
    /// Of kind `input`, if the file is not Parquet, a column that is needed is not there, or the
    /// base URL is not an absolute `http` or `https` URL.
    pub fn new(
        file: File,
        input: impl Into<Arc<str>>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        Self::of(file, input.into(), options)
    }

    /// Opens a list in memory.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of_bytes(
        bytes: bytes::Bytes,
        input: &str,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        Self::of(bytes, input.into(), options)
    }

    fn of(
        reader: impl ChunkReader + 'static,
        input: Arc<str>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        let base = options.base()?;
        let builder = open(reader, &input).map_err(|cause| unusable(&cause))?;
        let projection = Projection::of(builder.schema(), options)?;
        let carried = projection.carried(builder.schema());
        let columns = projection.columns.iter().copied();
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
        let builder = builder.with_projection(mask).with_batch_size(ROWS);
        let batches = guarded(&input, || builder.build().map_err(io::Error::other));
        Ok(Self {
            batches: batches.map_err(|cause| unusable(&cause))?,
            rows: BatchRows::new(Arc::clone(&input), base, projection),
            input,
            carried,
            has_ended: false,
            error: None,
        })
    }

    /// Returns the names and types of the columns that are carried to the outcomes.
    #[must_use]
    pub fn carried(&self) -> &[(String, DataType)] {
        &self.carried
    }

    /// Takes the error that ended the list early; `None` if there was none.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}

impl Parquet {
    /// Adds the next rows; returns `false` at the end.
    fn add_rows(&mut self) -> io::Result<bool> {
        let Some(batch) = self.batches.next() else {
            return Ok(false);
        };
        let added = batch.and_then(|batch| self.rows.add(&batch));
        added.map(|()| true).map_err(io::Error::other)
    }
}

impl Iterator for Parquet {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            if let Some(row) = self.rows.next() {
                return Some(row);
            }
            if self.has_ended {
                return None;
            }
            let input = Arc::clone(&self.input);
            match guarded(&input, || self.add_rows()) {
                Ok(is_any) => self.has_ended = !is_any,
                Err(cause) => {
                    self.has_ended = true;
                    self.error = Some(cause);
                }
            }
        }
    }
}

impl FusedIterator for Parquet {}

impl std::fmt::Debug for Parquet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Parquet").finish_non_exhaustive()
    }
}

/// Reads the footer of a file. `input` is its name.
fn open<R: ChunkReader + 'static>(
    reader: R,
    input: &Arc<str>,
) -> io::Result<ParquetRecordBatchReaderBuilder<Checked<R>>> {
    guarded(input, || {
        let checked = Checked::new(reader).map_err(io::Error::other)?;
        ParquetRecordBatchReaderBuilder::try_new(checked).map_err(io::Error::other)
    })
}

/// Returns how many rows a file has, as its footer says. `input` is its name.
///
/// # Errors
/// If it is not Parquet.
pub(super) fn count(file: File, input: &str) -> io::Result<u64> {
    let builder = open(file, &Arc::from(input))?;
    let rows = builder.metadata().file_metadata().num_rows();
    Ok(u64::try_from(rows).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

    use arrow_array::RecordBatchReader as _;
    use arrow_array::{
        ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
    };
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;

    /// Writes columns to a file with row groups of 100 rows.
    fn file_of(columns: Vec<(String, ArrayRef)>) -> File {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let groups = WriterProperties::builder().set_max_row_group_row_count(Some(100));
        let mut writer =
            ArrowWriter::try_new(&mut file, batch.schema(), Some(groups.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    /// Returns a table with the columns of LAION's files: nulls among the URLs, 50 columns in all.
    fn laion(rows: u32) -> File {
        let url = |row: u32| (row % 10 != 3).then(|| format!("http://h/{row}.jpg"));
        let text = |row: u32| (!row.is_multiple_of(7)).then(|| format!("a \"picture\" {row}\n"));
        let urls: StringArray = (0..rows).map(url).collect();
        let texts: StringArray = (0..rows).map(text).collect();
        let widths: Int64Array = (0..rows).map(|row| Some(i64::from(row))).collect();
        let similarity: Float64Array = (0..rows).map(|row| Some(f64::from(row) / 8.0)).collect();
        let times: TimestampMillisecondArray = (0..rows).map(|row| Some(i64::from(row))).collect();
        let mut columns: Vec<(String, ArrayRef)> = vec![
            ("URL".to_owned(), Arc::new(urls)),
            ("TEXT".to_owned(), Arc::new(texts)),
            ("WIDTH".to_owned(), Arc::new(widths)),
            ("similarity".to_owned(), Arc::new(similarity)),
            ("seen".to_owned(), Arc::new(times)),
        ];
        for at in columns.len()..50 {
            let values: Int64Array = (0..rows).map(|row| Some(i64::from(row))).collect();
            columns.push((format!("column{at}"), Arc::new(values)));
        }
        file_of(columns)
    }

    #[test]
    fn a_table_as_laion_has_it() {
        let options = ListOptions {
            carries: true,
            ..ListOptions::default()
        };
        let mut list = Parquet::new(laion(1234), "laion.parquet", &options).unwrap();
        assert_eq!(list.carried().len(), 49);
        let rows: Vec<_> = list.by_ref().collect();
        assert!(list.take_error().is_none());
        assert_eq!(rows.len(), 1234);
        for (at, row) in rows.iter().enumerate() {
            let (location, url) = match row {
                Ok(request) => (&request.location, request.url()),
                Err(bad) => {
                    assert!(bad.error.to_string().contains("no URL"), "{}", bad.error);
                    (&bad.location, "")
                }
            };
            assert_eq!(location.as_ref().unwrap().line, at as u64 + 1);
            assert_eq!(url.is_empty(), at % 10 == 3);
        }
        let carried = rows[8].as_ref().unwrap().carried();
        let carried: Vec<_> = carried
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(
            carried[..4],
            [
                ("TEXT", r#""a \"picture\" 8\n""#),
                ("WIDTH", "8"),
                ("similarity", "1.0"),
                ("seen", r#""1970-01-01T00:00:00.008""#),
            ]
        );
        assert_eq!(&*rows[7].as_ref().unwrap().carried()[0].1, "null");
        assert_eq!(count(laion(1234), "a").unwrap(), 1234);
    }

    #[test]
    fn only_the_columns_that_are_needed_are_read() {
        let list = Parquet::new(laion(10), "a.parquet", &ListOptions::default()).unwrap();
        assert_eq!(list.batches.schema().fields().len(), 1);
        assert_eq!(list.flatten().count(), 9);
    }

    #[test]
    fn a_file_that_contradicts_itself_is_an_error() {
        let mut bytes = Vec::new();
        laion(3).read_to_end(&mut bytes).unwrap();
        let footer = bytes.len() - 8;
        let length = u32::from_le_bytes(bytes[footer..footer + 4].try_into().unwrap());
        let mut unusable = 0;
        for at in footer - length as usize..footer {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x1F;
            let options = ListOptions::default();
            let list = Parquet::of_bytes(damaged.into(), "a.parquet", &options);
            let rows = list.map(|mut list| {
                let rows = list.by_ref().count();
                (rows, list.take_error())
            });
            unusable += usize::from(!matches!(rows, Ok((3, None))));
        }
        assert!(unusable > 0);
    }

    #[test]
    fn a_file_that_is_cut_or_is_something_else_says_so() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"PAR1 and nothing else").unwrap();
        let options = ListOptions::default();
        let error = Parquet::new(file, "a.parquet", &options).unwrap_err();
        assert!(error.to_string().contains("Parquet"), "{error}");
        let columns: Vec<(String, ArrayRef)> =
            vec![("href".to_owned(), Arc::new(StringArray::from(vec!["x"])))];
        let error = Parquet::new(file_of(columns), "a.parquet", &options).unwrap_err();
        assert!(error.to_string().contains("columns are: href"), "{error}");
    }
}
