//! The types of carried columns, as lists in Parquet and Arrow have them.

#[cfg(feature = "parquet")]
use std::collections::BTreeMap;
use std::io::Read;
#[cfg(feature = "parquet")]
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "parquet")]
use arrow_schema::{DataType, Field};
use haulage::source::List;

/// The types of the columns that lists carry, by name. Several lists may tell them while they are
/// read.
#[derive(Debug, Clone, Default)]
pub(crate) struct CarriedTypes {
    /// A column that has different types in different lists has none.
    #[cfg(feature = "parquet")]
    types: Arc<Mutex<BTreeMap<String, Option<DataType>>>>,
}

#[cfg(feature = "parquet")]
impl CarriedTypes {
    /// Takes note of the types of a list.
    pub(crate) fn note<R: Read>(&self, list: &List<R>) {
        let columns = list.carried_types();
        if columns.is_empty() {
            return;
        }
        let mut types = self.types.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, found) in columns {
            let found = kept(found);
            types
                .entry(name.clone())
                .and_modify(|known| {
                    *known = known.take().filter(|known| Some(known) == found.as_ref());
                })
                .or_insert(found);
        }
    }

    /// Returns the types that are known so far.
    pub(crate) fn known(&self) -> BTreeMap<String, DataType> {
        let types = self.types.lock().unwrap_or_else(PoisonError::into_inner);
        let known = types.iter();
        known
            .filter_map(|(name, found)| Some((name.clone(), found.clone()?)))
            .collect()
    }
}

#[cfg(not(feature = "parquet"))]
impl CarriedTypes {
    /// Takes note of the types of a list: without Parquet, no list has any.
    pub(crate) fn note<R: Read>(&self, _list: &List<R>) {}
}

/// Returns the type that a column keeps in results; `None` if its values cannot be read back from
/// JSON as that type.
#[cfg(feature = "parquet")]
fn kept(found: &DataType) -> Option<DataType> {
    let kept_field = |field: &Field| {
        let kept = kept(field.data_type())?;
        Some(Field::new(field.name(), kept, true))
    };
    match found {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Binary
        | DataType::FixedSizeBinary(_)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::Timestamp(..) => Some(found.clone()),
        DataType::LargeUtf8 | DataType::Utf8View => Some(DataType::Utf8),
        DataType::LargeBinary | DataType::BinaryView => Some(DataType::Binary),
        // What a dictionary stands for.
        DataType::Dictionary(_, value) => kept(value),
        DataType::List(item) | DataType::LargeList(item) => {
            Some(DataType::List(Arc::new(kept_field(item)?)))
        }
        DataType::Struct(fields) => {
            let fields: Option<Vec<_>> = fields.iter().map(|field| kept_field(field)).collect();
            Some(DataType::Struct(fields?.into()))
        }
        _ => None,
    }
}
