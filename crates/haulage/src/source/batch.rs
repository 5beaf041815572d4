//! Rows of Arrow record batches.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryArray, LargeBinaryArray, LargeStringArray, RecordBatch, StringArray,
    StringViewArray,
};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_json::writer::{EncoderOptions, make_encoder};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use serde_json::Value;

use super::base::Base;
use super::cells::{Cells, Role, Roles};
use super::options::{ListOptions, input};
use super::prefix::UrlParser;
use super::zones::column_in_utc;
use crate::error::Error;
use crate::request::Row;
use crate::row_location::RowLocation;

/// Rows that are made at once.
pub(super) const ROWS: usize = 1024;

/// Makes the rows of record batches, in order.
pub(super) struct BatchRows {
    input: Arc<str>,
    base: Option<Base>,
    urls: UrlParser,
    roles: Vec<Role>,
    /// The rows of the last batch that have not been returned.
    cells: VecDeque<Cells>,
    /// The number of the last row, from 1.
    row: u64,
}

/// The columns of a file that are read.
pub(super) struct Projection {
    /// Their positions in the schema.
    pub(super) columns: Vec<usize>,
    roles: Vec<Role>,
}

impl Projection {
    /// Chooses the columns that are used or carried.
    ///
    /// # Errors
    /// Of kind `input`, if a column that is needed is not there.
    pub(super) fn of(schema: &Schema, options: &ListOptions) -> Result<Self, Error> {
        let names: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| &**field.name())
            .collect();
        let roles = Roles::new(options).of(&names)?;
        let used = roles.into_iter().enumerate();
        let used = used.filter(|(_, role)| *role != Role::Unused);
        let (columns, roles) = used.unzip();
        Ok(Self { columns, roles })
    }

    /// Returns the names and types of the columns that are carried.
    pub(super) fn carried(&self, schema: &Schema) -> Vec<(String, DataType)> {
        let columns = self.columns.iter().zip(&self.roles);
        columns
            .filter(|(_, role)| matches!(role, Role::Carried(_)))
            .map(|(column, _)| {
                let field = schema.field(*column);
                (field.name().clone(), field.data_type().clone())
            })
            .collect()
    }
}

impl BatchRows {
    pub(super) fn new(input: Arc<str>, base: Option<Base>, projection: Projection) -> Self {
        Self {
            input,
            base,
            urls: UrlParser::default(),
            roles: projection.roles,
            cells: VecDeque::new(),
            row: 0,
        }
    }

    /// Returns the next row; `None` if another batch is needed.
    pub(super) fn next(&mut self) -> Option<Row> {
        let cells = self.cells.pop_front()?;
        self.row += 1;
        let location = RowLocation {
            input: Arc::clone(&self.input),
            line: self.row,
        };
        Some(cells.into_row(self.base.as_ref(), &mut self.urls, location))
    }

    /// Adds the rows of a batch that has the columns of the projection.
    ///
    /// # Errors
    /// If a value cannot be represented.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut rows = Vec::new();
        rows.resize_with(batch.num_rows(), Cells::default);
        let schema = batch.schema();
        for ((role, column), field) in self.roles.iter().zip(batch.columns()).zip(schema.fields()) {
            let column = &column_in_utc(column)?;
            if let Role::Carried(name) = role {
                carry(name, field, column, &mut rows)?;
                continue;
            }
            let texts = Texts::of(column)?;
            for (at, cells) in rows.iter_mut().enumerate() {
                if column.is_valid(at) {
                    cells.add(role, &texts.get(at)?);
                }
            }
        }
        self.cells.extend(rows);
        Ok(())
    }
}

/// Carries the values of a column as JSON. Those that have no form in JSON are texts.
fn carry(
    name: &Arc<str>,
    field: &FieldRef,
    column: &ArrayRef,
    rows: &mut [Cells],
) -> Result<(), ArrowError> {
    let options = EncoderOptions::default();
    let field = Field::clone(field).with_data_type(column.data_type().clone());
    let field = FieldRef::new(field);
    let Ok(mut encoder) = make_encoder(&field, column, &options) else {
        let texts = Texts::of(column)?;
        for (at, cells) in rows.iter_mut().enumerate() {
            let text = column.is_valid(at).then(|| texts.get(at)).transpose()?;
            cells.carry(name, &Value::from(text).to_string());
        }
        return Ok(());
    };
    let mut json = Vec::new();
    for (at, cells) in rows.iter_mut().enumerate() {
        json.clear();
        if encoder.is_null(at) {
            json.extend_from_slice(b"null");
        } else {
            encoder.encode(at, &mut json);
        }
        cells.carry(name, &String::from_utf8_lossy(&json));
    }
    Ok(())
}

/// The values of a column as texts.
enum Texts<'a> {
    Short(&'a StringArray),
    Long(&'a LargeStringArray),
    Views(&'a StringViewArray),
    ShortBytes(&'a BinaryArray),
    LongBytes(&'a LargeBinaryArray),
    /// Numbers, dictionaries and the like, as `arrow-cast` shows them.
    Others(ArrayFormatter<'a>),
}

impl<'a> Texts<'a> {
    fn of(column: &'a dyn Array) -> Result<Self, ArrowError> {
        Ok(match column.data_type() {
            DataType::Utf8 => Self::Short(column.as_string()),
            DataType::LargeUtf8 => Self::Long(column.as_string()),
            DataType::Utf8View => Self::Views(column.as_string_view()),
            DataType::Binary => Self::ShortBytes(column.as_binary()),
            DataType::LargeBinary => Self::LongBytes(column.as_binary()),
            _ => Self::Others(ArrayFormatter::try_new(column, &FormatOptions::new())?),
        })
    }

    /// Returns a value that is not null. Bytes are UTF-8, as a rule.
    fn get(&self, at: usize) -> Result<Cow<'_, str>, ArrowError> {
        Ok(match self {
            Self::Short(texts) => Cow::Borrowed(texts.value(at)),
            Self::Long(texts) => Cow::Borrowed(texts.value(at)),
            Self::Views(texts) => Cow::Borrowed(texts.value(at)),
            Self::ShortBytes(bytes) => String::from_utf8_lossy(bytes.value(at)),
            Self::LongBytes(bytes) => String::from_utf8_lossy(bytes.value(at)),
            Self::Others(values) => Cow::Owned(values.value(at).try_to_string()?),
        })
    }
}

/// Returns an error for a file that cannot be used.
pub(super) fn unusable(cause: &dyn std::error::Error) -> Error {
    input(cause.to_string())
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{ListBuilder, TimestampMillisecondBuilder};
    use arrow_array::types::{Int32Type, IntervalDayTimeType};
    use arrow_array::{
        DictionaryArray, Float64Array, Int64Array, IntervalDayTimeArray, TimestampMillisecondArray,
    };
    use arrow_schema::TimeUnit;

    use super::*;

    #[test]
    fn columns_of_any_type_are_texts() {
        let words: DictionaryArray<Int32Type> = vec!["a", "b"].into_iter().collect();
        let columns: [(ArrayRef, &str); 8] = [
            (Arc::new(StringArray::from(vec!["x", "b"])), "b"),
            (Arc::new(LargeStringArray::from(vec!["x", "b"])), "b"),
            (Arc::new(StringViewArray::from(vec!["x", "b"])), "b"),
            (Arc::new(BinaryArray::from(vec![&b"x"[..], b"b"])), "b"),
            (Arc::new(LargeBinaryArray::from(vec![&b"x"[..], b"b"])), "b"),
            (Arc::new(words), "b"),
            (Arc::new(Int64Array::from(vec![1, 12])), "12"),
            (Arc::new(Float64Array::from(vec![1.0, 12.0])), "12.0"),
        ];
        for (column, text) in columns {
            let texts = Texts::of(&column).unwrap();
            assert_eq!(texts.get(1).unwrap(), text, "{}", column.data_type());
        }
    }

    /// Returns what is carried of a column, row by row.
    fn carried(column: ArrayRef) -> Vec<String> {
        let urls: ArrayRef = Arc::new(StringArray::from(vec!["http://h/"; column.len()]));
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("url", urls, false),
            ("more", column, true),
        ]);
        let batch = batch.unwrap();
        let options = ListOptions {
            carries: true,
            ..ListOptions::default()
        };
        let projection = Projection::of(&batch.schema(), &options).unwrap();
        let mut rows = BatchRows::new("list".into(), None, projection);
        rows.add(&batch).unwrap();
        std::iter::from_fn(|| rows.next())
            .map(|row| row.unwrap().carried()[0].1.to_string())
            .collect()
    }

    #[test]
    fn times_with_a_zone_are_carried_in_utc() {
        let time = || TimestampMillisecondArray::from(vec![Some(1500), None]);
        for zone in ["UTC", "Europe/Paris", "+02:00", "no zone"] {
            let times: ArrayRef = Arc::new(time().with_timezone(zone));
            let expected = ["\"1970-01-01T00:00:01.500Z\"", "null"];
            assert_eq!(carried(times), expected, "{zone}");
        }
        let tokyo = DataType::Timestamp(TimeUnit::Millisecond, Some("Asia/Tokyo".into()));
        let times = TimestampMillisecondBuilder::new().with_data_type(tokyo);
        let mut lists = ListBuilder::new(times);
        lists.append_value([Some(1500), None]);
        let expected = ["[\"1970-01-01T00:00:01.500Z\",null]"];
        assert_eq!(carried(Arc::new(lists.finish())), expected);
    }

    #[test]
    fn values_without_a_form_in_json_are_carried_as_texts() {
        let spans =
            IntervalDayTimeArray::from(vec![Some(IntervalDayTimeType::make_value(3, 0)), None]);
        assert_eq!(carried(Arc::new(spans)), ["\"3 days\"", "null"]);
    }
}
