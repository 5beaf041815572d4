//! Lists in Arrow's IPC format: a stream of record batches, or a file of them.

mod messages;

use std::io::{self, Read};
use std::iter::FusedIterator;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_schema::DataType;

use self::messages::Messages;
use super::base::Base;
use super::batch::{BatchRows, Projection, ROWS, unusable};
use super::decoding::guarded;
use super::lines::{Lines, Rest};
use super::options::ListOptions;
use crate::error::Error;
use crate::request::Row;

/// What a file begins with, with the least padding; a stream follows.
const MAGIC: &[u8; 8] = b"ARROW1\0\0";

/// A list in Arrow's IPC format, a stream or a file, read on demand.
/// [`Columns`](super::Columns) tells which columns are used. The place of a row is its number, from
/// 1.
pub struct Arrow<R: Read> {
    state: State<R>,
    input: Arc<str>,
    options: ListOptions,
    error: Option<io::Error>,
}

enum State<R: Read> {
    /// Nothing has been read.
    Unread(Rest<R>, Option<Base>),
    Reading(Box<Reading<R>>),
    Ended,
}

struct Reading<R: Read> {
    batches: StreamReader<Messages<Rest<R>>>,
    rows: BatchRows,
    /// The positions of the columns that are used or carried.
    columns: Vec<usize>,
    carried: Vec<(String, DataType)>,
    /// What is left of a batch: its rows are made a few at a time.
    batch: Option<RecordBatch>,
}

impl<R: Read> Arrow<R> {
    /// Creates a list from a reader. `input` is its name in the places of its rows.
    ///
    /// # Errors
    /// Of kind `input`, if the base URL is not an absolute `http` or `https` URL.
    pub fn new(
        reader: R,
        input: impl Into<Arc<str>>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        let lines = Lines::new(reader, input.into());
        Ok(Self::of(lines, options.base()?, options))
    }

    /// Creates a list from what is left of a reader.
    pub(super) fn of(lines: Lines<R>, base: Option<Base>, options: &ListOptions) -> Self {
        Self {
            input: lines.input().into(),
            state: State::Unread(lines.into_rest(), base),
            options: options.clone(),
            error: None,
        }
    }

    /// Reads the schema, if it has not been read.
    ///
    /// # Errors
    /// Of kind `input`, if it is not in Arrow's format, or a column that is needed is not there.
    pub(super) fn prepare(&mut self) -> Result<(), Error> {
        let unread = matches!(self.state, State::Unread(..));
        if unread
            && let State::Unread(reader, base) = std::mem::replace(&mut self.state, State::Ended)
        {
            let reading = Reading::begin(reader, base, &self.input, &self.options)?;
            self.state = State::Reading(Box::new(reading));
        }
        Ok(())
    }

    /// Returns the names and types of the columns that are carried to the outcomes; none before the
    /// schema has been read.
    #[must_use]
    pub fn carried(&self) -> &[(String, DataType)] {
        match &self.state {
            State::Reading(reading) => &reading.carried,
            State::Unread(..) | State::Ended => &[],
        }
    }

    /// Takes the error that ended the list early; `None` if there was none.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}

impl<R: Read> Reading<R> {
    fn begin(
        mut reader: Rest<R>,
        base: Option<Base>,
        input: &Arc<str>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        let begun = Beginning::read(&mut reader).map_err(|cause| unusable(&cause))?;
        let messages = Messages::new(put_back(&begun.first, reader), begun.is_file);
        let open = || StreamReader::try_new(messages, None).map_err(io::Error::other);
        let batches = guarded(input, open).map_err(|cause| unusable(&cause))?;
        let projection = Projection::of(&batches.schema(), options)?;
        Ok(Self {
            carried: projection.carried(&batches.schema()),
            columns: projection.columns.clone(),
            rows: BatchRows::new(Arc::clone(input), base, projection),
            batches,
            batch: None,
        })
    }
}

/// How a list begins.
struct Beginning {
    /// Whether it is a file: a stream with a footer after it.
    is_file: bool,
    /// The first bytes of the stream.
    first: Vec<u8>,
}

impl Beginning {
    /// Reads what is before the stream in a file, and the first bytes of the stream.
    fn read(reader: &mut impl Read) -> io::Result<Self> {
        let mut is_file = false;
        loop {
            let mut first = Vec::new();
            let wanted = MAGIC.len() as u64;
            reader.by_ref().take(wanted).read_to_end(&mut first)?;
            if is_file && first == [0; 8] {
                // More padding: how much there is, is up to the writer.
            } else if !is_file && first == MAGIC {
                is_file = true;
            } else {
                return Ok(Self { is_file, first });
            }
        }
    }
}

/// Returns a reader of the messages of a stream that checks them.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn arrow_messages(reader: impl Read) -> impl Read {
    Messages::new(reader, false)
}

/// Returns a reader with bytes that were read from it.
fn put_back<R: Read>(bytes: &[u8], rest: Rest<R>) -> Rest<R> {
    let (read, reader) = rest.into_inner();
    let at = usize::try_from(read.position()).unwrap_or(usize::MAX);
    let left = read.into_inner();
    let left = left.get(at..).unwrap_or_default();
    io::Cursor::new([bytes, left].concat()).chain(reader)
}

impl<R: Read> Reading<R> {
    /// Returns the next row; `None` at the end.
    fn next(&mut self, input: &Arc<str>) -> io::Result<Option<Row>> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some(row));
            }
            if !guarded(input, || self.add_rows())? {
                return Ok(None);
            }
        }
    }

    /// Adds the next rows; returns `false` at the end.
    fn add_rows(&mut self) -> io::Result<bool> {
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => match self.batches.next() {
                Some(batch) => batch.map_err(io::Error::other)?,
                None => return Ok(false),
            },
        };
        let rows = batch.num_rows().min(ROWS);
        let first = batch.slice(0, rows).project(&self.columns);
        let first = first.map_err(io::Error::other)?;
        self.rows.add(&first).map_err(io::Error::other)?;
        let left = batch.num_rows() - rows;
        self.batch = (left > 0).then(|| batch.slice(rows, left));
        Ok(true)
    }
}

impl<R: Read> Iterator for Arrow<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let prepared = self.prepare().map_err(io::Error::other);
        let row = prepared.and_then(|()| match &mut self.state {
            State::Reading(reading) => reading.next(&self.input),
            State::Unread(..) | State::Ended => Ok(None),
        });
        row.unwrap_or_else(|error| {
            self.state = State::Ended;
            self.error = Some(error);
            None
        })
    }
}

impl<R: Read> FusedIterator for Arrow<R> {}

impl<R: Read> std::fmt::Debug for Arrow<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut list = formatter.debug_struct("Arrow");
        list.field("input", &self.input).finish_non_exhaustive()
    }
}

/// Returns how many rows a list has.
///
/// # Errors
/// If reading fails.
pub(super) fn count(mut reader: impl Read) -> io::Result<u64> {
    let begun = Beginning::read(&mut reader)?;
    let messages = Messages::new(io::Cursor::new(begun.first).chain(reader), begun.is_file);
    let batches = StreamReader::try_new(messages, None);
    let mut rows = 0;
    for batch in batches.map_err(io::Error::other)? {
        rows += batch.map_err(io::Error::other)?.num_rows() as u64;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use arrow_ipc::writer::{FileWriter, StreamWriter};

    use super::*;

    /// Ends a stream: no more messages.
    const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

    fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
        let urls: StringArray = rows
            .clone()
            .map(|row| Some(format!("http://h/{row}")))
            .collect();
        let numbers: Int64Array = rows.map(Some).collect();
        let columns: [(&str, ArrayRef); 2] = [("n", Arc::new(numbers)), ("url", Arc::new(urls))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    /// Returns the same rows as a stream and as a file.
    fn written() -> [Vec<u8>; 2] {
        let batches = [batch(0..3000), batch(3000..3001)];
        let schema = batches[0].schema();
        let mut stream = StreamWriter::try_new(Vec::new(), &schema).unwrap();
        let mut file = FileWriter::try_new(Vec::new(), &schema).unwrap();
        for batch in &batches {
            stream.write(batch).unwrap();
            file.write(batch).unwrap();
        }
        [stream.into_inner().unwrap(), file.into_inner().unwrap()]
    }

    #[test]
    fn streams_and_files_have_the_same_rows() {
        let options = ListOptions {
            carries: true,
            ..ListOptions::default()
        };
        for bytes in written() {
            let mut list = Arrow::new(&bytes[..], "list", &options).unwrap();
            let rows: Vec<_> = list.by_ref().map(Result::unwrap).collect();
            assert!(list.take_error().is_none());
            assert_eq!(rows.len(), 3001);
            for (at, row) in rows.iter().enumerate() {
                assert_eq!(row.url(), format!("http://h/{at}"));
                assert_eq!(row.location.as_ref().unwrap().line, at as u64 + 1);
                assert_eq!(&*row.carried()[0].1, at.to_string());
            }
            assert_eq!(count(&bytes[..]).unwrap(), 3001);
        }
    }

    #[test]
    fn what_a_message_says_of_its_size_takes_no_memory() {
        let urls = RecordBatch::try_from_iter([(
            "url",
            Arc::new(StringArray::from(vec!["http://h/a"; 1000])) as ArrayRef,
        )])
        .unwrap();
        let options = arrow_ipc::writer::IpcWriteOptions::default()
            .try_with_compression(Some(arrow_ipc::CompressionType::ZSTD))
            .unwrap();
        let mut stream =
            StreamWriter::try_new_with_options(Vec::new(), &urls.schema(), options).unwrap();
        stream.write(&urls).unwrap();
        let bytes = stream.into_inner().unwrap();
        let read = |bytes: &[u8]| {
            let mut list = Arrow::new(bytes, "list", &ListOptions::default()).unwrap();
            (list.by_ref().count(), list.take_error())
        };
        assert_eq!(read(&bytes).0, 1000);
        // The length of the text when it is decompressed, before its bytes.
        let length = 10_000_i64.to_le_bytes();
        let at = bytes
            .windows(8)
            .position(|window| window == length)
            .unwrap();
        let mut huge = bytes.clone();
        huge[at..at + 8].copy_from_slice(&(1_i64 << 50).to_le_bytes());
        let (rows, error) = read(&huge);
        assert_eq!(rows, 0);
        let error = error.unwrap().to_string();
        assert!(
            error.contains("too long when it is decompressed"),
            "{error}"
        );
    }

    #[test]
    fn a_list_that_is_cut_ends_with_an_error() {
        for bytes in written() {
            let cut = &bytes[..40_000];
            let mut list = Arrow::new(cut, "list", &ListOptions::default()).unwrap();
            let rows = list.by_ref().count();
            assert!(rows < 3001 && list.take_error().is_some(), "{rows}");
        }
    }

    #[test]
    fn a_file_without_its_footer_ends_with_an_error() {
        let [stream, file] = written();
        let read = |bytes: &[u8]| {
            let mut list = Arrow::new(bytes, "list", &ListOptions::default()).unwrap();
            let rows = list.by_ref().count();
            (rows, list.take_error().map(|error| error.to_string()))
        };
        // The mark at the end of a stream is optional.
        assert_eq!(read(&stream[..stream.len() - 8]), (3001, None));
        let after = file.windows(8).rposition(|bytes| bytes == END).unwrap();
        for end in [after, after + 4, after + 8, file.len() - 10, file.len() - 1] {
            let (rows, error) = read(&file[..end]);
            assert_eq!(rows, 3001, "{end} of {}", file.len());
            let error = error.unwrap();
            assert!(error.contains("cut"), "{end} of {}: {error}", file.len());
            assert!(count(&file[..end]).is_err());
        }
        let (rows, error) = read(MAGIC);
        assert!(rows == 0 && error.is_some());
    }

    #[test]
    fn what_is_no_list_ends_with_an_error() {
        let mut list = Arrow::new(&b"no"[..], "list", &ListOptions::default()).unwrap();
        assert!(list.next().is_none() && list.take_error().is_some());
    }
}
