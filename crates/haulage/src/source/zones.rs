//! Times with a zone, as times in UTC: the names of zones, such as `Europe/Paris`, need a database,
//! and the instant is the same without it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, make_array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};

/// Returns the type whose times are in UTC; `None` if the type has no times with a zone.
#[must_use]
pub fn in_utc(found: &DataType) -> Option<DataType> {
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
        DataType::Dictionary(key, value) => {
            DataType::Dictionary(key.clone(), Box::new(in_utc(value)?))
        }
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

/// Returns a column as one of another type, which differs only in the zones of times: no value
/// changes.
///
/// # Errors
/// If the types differ in more.
pub fn with_zones(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == wanted {
        return Ok(Arc::clone(column));
    }
    let data = column.to_data();
    let of_children: Vec<&DataType> = match wanted {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => vec![item.data_type()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::Dictionary(_, value) => vec![value],
        _ => Vec::new(),
    };
    let children = data.child_data().iter().zip(of_children);
    let children = children.map(|(child, wanted)| {
        with_zones(&make_array(child.clone()), wanted).map(|child| child.to_data())
    });
    let children = children.collect::<Result<Vec<_>, _>>()?;
    let changed = data
        .into_builder()
        .data_type(wanted.clone())
        .child_data(children);
    changed.build().map(make_array)
}

/// Returns a column with its times in UTC.
///
/// # Errors
/// If it cannot be changed.
pub(super) fn column_in_utc(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    in_utc(column.data_type())
        .map_or_else(|| Ok(Arc::clone(column)), |utc| with_zones(column, &utc))
}
