//! Results as tables with typed columns: Parquet, and Arrow (an IPC file). They are made from the
//! rows as JSON, once the types of all columns are known, in bounded memory.

mod kind;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use haulage::Algorithm;
use haulage::source::{in_utc, with_zones};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use self::kind::Kind;
use super::MAX_CARRIED;
use crate::report::row::ResultRow;

/// Rows and bytes of JSON that are turned into columns at once.
const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 8 << 20;
/// Rows of a row group, and bytes of memory at which one ends earlier.
const GROUP_ROWS: usize = 64 << 10;
const GROUP_BYTES: usize = 128 << 20;
/// The column for the members that have none of their own.
const MORE: &str = "carried";

/// The format of a table with typed columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnFormat {
    Parquet,
    /// An Arrow IPC file.
    Arrow,
}

/// Exact types of carried columns, by their names in the results, where the list has told them.
/// Others are inferred from the values. The JSON of a value must be what `arrow-json` reads as such
/// a type.
pub(crate) type KnownTypes = BTreeMap<String, DataType>;

/// Which columns a table has, as far as its rows are known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    hashes: BTreeSet<Algorithm>,
    carried: Vec<(Arc<str>, Kind)>,
    places: HashMap<Arc<str>, usize>,
    known: KnownTypes,
    has_more: bool,
}

impl Shape {
    /// Returns the shape of rows that have at most these hashes, and carry nothing.
    pub(crate) fn with_hashes(hashes: impl IntoIterator<Item = Algorithm>) -> Self {
        Self {
            hashes: hashes.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Returns the same, with the exact types of carried columns.
    pub(crate) fn with_types(self, known: KnownTypes) -> Self {
        Self { known, ..self }
    }

    /// Adds the columns of a row.
    pub(crate) fn add(&mut self, row: &ResultRow<'_>) {
        self.hashes
            .extend(row.hashes.0.iter().map(haulage::Checksum::algorithm));
        for (at, (name, value)) in row.carried.iter().enumerate() {
            let at = match self.carried.get(at) {
                Some((own, _)) if own == name => Some(at),
                _ => self.places.get(name).copied(),
            };
            match at {
                Some(at) => self.carried[at].1.add(value),
                None if self.carried.len() < MAX_CARRIED => {
                    self.places.insert(Arc::clone(name), self.carried.len());
                    let mut kind = Kind::default();
                    kind.add(value);
                    self.carried.push((Arc::clone(name), kind));
                }
                None => self.has_more = true,
            }
        }
    }

    /// Returns the fields of the rows, with `error` as a structure.
    fn row_fields(&self) -> Vec<Field> {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let number = |name: &str| Field::new(name, DataType::Int64, true);
        let count = |name: &str| Field::new(name, DataType::Int32, true);
        let error = DataType::Struct(vec![text("kind"), text("message")].into());
        let started = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let mut fields = vec![
            number("row"),
            text("input"),
            number("line"),
            text("url"),
            text("name"),
            text("checksum"),
            text("final_url"),
            text("status"),
            text("path"),
            text("renamed"),
            number("bytes"),
            Field::new("http_status", DataType::Int16, true),
            Field::new("error", error, true),
            count("attempts"),
            count("segments"),
            number("resumed"),
            text("restarted"),
            Field::new("started", started, true),
            number("duration_ms"),
            text("etag"),
            text("last_modified"),
            text("content_type"),
            text("verified"),
        ];
        fields.extend(self.hashes.iter().map(|algorithm| text(algorithm.name())));
        fields.extend(self.carried.iter().map(|(name, kind)| {
            let known = self.known.get(&**name).cloned();
            Field::new(&**name, known.unwrap_or_else(|| kind.data_type()), true)
        }));
        fields.extend(self.has_more.then(|| text(MORE)));
        fields
    }

    /// Returns whether a carried column has JSON as its text.
    fn is_json(&self, place: usize) -> bool {
        let (name, kind) = &self.carried[place];
        kind.is_json() && !self.known.contains_key(&**name)
    }

    /// Returns whether a row has to be changed before its columns can be read.
    fn changes_rows(&self) -> bool {
        self.has_more || (0..self.carried.len()).any(|place| self.is_json(place))
    }
}

/// Writes rows, given as lines of JSON, as a table.
pub(crate) struct Encoder<W: Write + Send> {
    shape: Shape,
    changes_rows: bool,
    decoder: Decoder,
    schema: SchemaRef,
    table: Table<W>,
    /// Bytes that the decoder has.
    fed: usize,
    changed: String,
}

enum Table<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<FileWriter<W>>),
}

impl<W: Write + Send> Encoder<W> {
    /// Begins a table for rows of this shape.
    pub(crate) fn new(shape: Shape, format: ColumnFormat, out: W) -> io::Result<Self> {
        let fields = shape.row_fields();
        let schema = Arc::new(Schema::new(table_fields(&fields)));
        let table = match format {
            ColumnFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(GROUP_ROWS))
                    .build();
                let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties));
                Table::Parquet(Box::new(writer.map_err(of_parquet)?))
            }
            ColumnFormat::Arrow => {
                let writer = FileWriter::try_new(out, &schema);
                Table::Arrow(Box::new(writer.map_err(of_arrow)?))
            }
        };
        // One more than there ever are at once, so that it never refuses a row.
        let fields: Vec<_> = fields.iter().map(field_in_utc).collect();
        let decoder = ReaderBuilder::new(Arc::new(Schema::new(fields)))
            .with_batch_size(BATCH_ROWS + 1)
            .build_decoder();
        Ok(Self {
            changes_rows: shape.changes_rows(),
            shape,
            decoder: decoder.map_err(of_arrow)?,
            schema,
            table,
            fed: 0,
            changed: String::new(),
        })
    }

    /// Adds a row: a line of JSON.
    pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let changed = if self.changes_rows {
            self.changed.clear();
            change(&self.shape, line, &mut self.changed)?;
            self.changed.as_bytes()
        } else {
            line
        };
        self.decoder.decode(changed).map_err(of_arrow)?;
        self.fed += changed.len();
        if self.decoder.len() >= BATCH_ROWS || self.fed >= BATCH_BYTES {
            self.batch()?;
        }
        Ok(())
    }

    /// Ends the table, and returns what it was written to.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.batch()?;
        match self.table {
            Table::Parquet(writer) => writer.into_inner().map_err(of_parquet),
            Table::Arrow(mut writer) => {
                writer.finish().map_err(of_arrow)?;
                writer.into_inner().map_err(of_arrow)
            }
        }
    }

    fn batch(&mut self) -> io::Result<()> {
        self.fed = 0;
        let Some(batch) = self.decoder.flush().map_err(of_arrow)? else {
            return Ok(());
        };
        let columns = table_columns(batch.columns(), &self.schema)?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(of_arrow)?;
        match &mut self.table {
            Table::Parquet(writer) => {
                writer.write(&batch).map_err(of_parquet)?;
                if writer.memory_size() >= GROUP_BYTES {
                    writer.flush().map_err(of_parquet)?;
                }
                Ok(())
            }
            Table::Arrow(writer) => writer.write(&batch).map_err(of_arrow),
        }
    }
}

/// Returns the fields of a table: those of the rows, with the parts of `error` as fields.
fn table_fields(fields: &[Field]) -> Vec<Field> {
    let fields = fields.iter().flat_map(|field| match field.data_type() {
        DataType::Struct(parts) if field.name() == "error" => parts
            .iter()
            .map(|part| {
                let name = format!("error_{}", part.name());
                Field::new(name, part.data_type().clone(), true)
            })
            .collect(),
        _ => vec![field.clone()],
    });
    fields.collect()
}

/// Returns the columns of the rows as those of a table with these fields. `error` comes before all
/// carried columns.
fn table_columns(columns: &[ArrayRef], table: &Schema) -> io::Result<Vec<ArrayRef>> {
    let mut has_error = false;
    let parts = columns
        .iter()
        .flat_map(|column| match column.as_struct_opt() {
            Some(error) if !has_error => {
                has_error = true;
                error.columns().to_vec()
            }
            _ => vec![Arc::clone(column)],
        });
    let columns = parts.zip(table.fields());
    columns
        .map(|(column, field)| with_zones(&column, field.data_type()).map_err(of_arrow))
        .collect()
}

/// Returns a field whose times are in UTC, which needs no database of zones, as JSON has them.
fn field_in_utc(field: &Field) -> Field {
    let utc = in_utc(field.data_type());
    let found = utc.unwrap_or_else(|| field.data_type().clone());
    field.clone().with_data_type(found)
}

/// Adds a row to `out` with the text of JSON where a column holds JSON, and with members that have
/// no column in one for all of them.
fn change(shape: &Shape, line: &[u8], out: &mut String) -> io::Result<()> {
    let Members(members) = serde_json::from_slice(line)?;
    let mut more = String::new();
    out.push('{');
    for (name, value) in members {
        let place = shape.places.get(&*name).copied();
        let is_more = place.is_none() && shape.has_more && !is_own(shape, &name);
        let (object, is_text) = match place {
            _ if is_more => (&mut more, false),
            Some(place) => (&mut *out, shape.is_json(place) && value.get() != "null"),
            None => (&mut *out, false),
        };
        if !object.is_empty() && !object.ends_with('{') {
            object.push(',');
        }
        object.push_str(&text(&name));
        object.push(':');
        if is_text {
            object.push_str(&text(value.get()));
        } else {
            object.push_str(value.get());
        }
    }
    if !more.is_empty() {
        out.push_str(",\"carried\":");
        out.push_str(&text(&format!("{{{more}}}")));
    }
    out.push_str("}\n");
    Ok(())
}

/// Returns whether a member is one of all results, or a hash.
fn is_own(shape: &Shape, name: &str) -> bool {
    name == "error"
        || crate::report::row::FIELDS.contains(&name)
        || shape
            .hashes
            .iter()
            .any(|algorithm| algorithm.name() == name)
}

/// Returns the JSON string of a text.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The members of an object, in order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

fn of_arrow(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, cause) => cause,
        other => io::Error::other(other),
    }
}

fn of_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => *cause,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests;
