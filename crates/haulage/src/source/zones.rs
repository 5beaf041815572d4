//! Times with a zone, as times in UTC: the names of zones, such as `Europe/Paris`, need a database,
//! and the instant is the same without it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};

/// Returns the type whose times are in UTC; `None` if the type has no times with a zone.
fn in_utc(found: &DataType) -> Option<DataType> {
    let field = |field: &FieldRef| {
        let found = in_utc(field.data_type())?;
        Some(Arc::new(Field::clone(field).with_data_type(found)))
    };
    Some(match found {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::List(item) => DataType::List(field(item)?),
        DataType::LargeList(item) => DataType::LargeList(field(item)?),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(field(item)?, *length),
        DataType::Map(entries, is_sorted) => DataType::Map(field(entries)?, *is_sorted),
        DataType::Dictionary(_, value) => in_utc(value)?,
        DataType::Struct(fields) => {
            let changed: Vec<_> = fields.iter().map(field).collect();
            if changed.iter().all(Option::is_none) {
                return None;
            }
            let fields = fields.iter().zip(changed);
            DataType::Struct(
                fields
                    .map(|(field, changed)| changed.unwrap_or_else(|| Arc::clone(field)))
                    .collect(),
            )
        }
        _ => return None,
    })
}

/// Returns a column with its times in UTC.
///
/// # Errors
/// If a column of this type cannot be changed.
pub(super) fn column_in_utc(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match in_utc(column.data_type()) {
        None => Ok(Arc::clone(column)),
        Some(utc) => cast(column, &utc),
    }
}
