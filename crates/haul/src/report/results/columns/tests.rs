use std::time::{Duration, UNIX_EPOCH};

use arrow_array::types::{Int16Type, Int64Type, TimestampMillisecondType};

use super::*;
use crate::report::row::{CarriedNames, write_line};

/// Writes rows that carry this, and reads them back.
fn table(format: ColumnFormat, rows: &[Vec<(&str, &str)>]) -> Vec<RecordBatch> {
    let mut shape = Shape::default();
    let mut names = CarriedNames::default();
    let mut lines = String::new();
    let mut outcome = crate::report::results::tests::outcome();
    outcome.started = UNIX_EPOCH + Duration::from_millis(1_500);
    outcome.http_status = Some(404);
    for (at, row) in rows.iter().enumerate() {
        outcome.row = at as u64;
        outcome.carried = row
            .iter()
            .map(|(name, value)| (Arc::from(*name), Arc::from(*value)))
            .collect();
        let row = ResultRow::new(&outcome, &mut names);
        shape.add(&row);
        write_line(&row, &mut lines);
    }
    let mut encoder = Encoder::new(shape, format, Vec::new()).unwrap();
    for line in lines.split_inclusive('\n') {
        encoder.line(line.as_bytes()).unwrap();
    }
    let written = encoder.finish().unwrap();
    match format {
        ColumnFormat::Parquet => {
            let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
                bytes::Bytes::from(written),
            );
            let reader = reader.unwrap().with_batch_size(1 << 20).build().unwrap();
            reader.map(Result::unwrap).collect()
        }
        ColumnFormat::Arrow => {
            let file = io::Cursor::new(written);
            let reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
            reader.map(Result::unwrap).collect()
        }
    }
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(name).unwrap();
    let column = column.as_string::<i32>().iter();
    column.map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn fields_have_their_types_and_carried_columns_those_of_their_values() {
    for format in [ColumnFormat::Parquet, ColumnFormat::Arrow] {
        let batches = table(
            format,
            &[
                vec![
                    ("id", "7"),
                    ("t", "\"é\""),
                    ("status", "true"),
                    ("x", "[1, \"\\ud800\"]"),
                ],
                vec![
                    ("id", "null"),
                    ("t", "\"\\u202e\""),
                    ("x", "\"a\""),
                    ("f", "1.50"),
                ],
                vec![("f", "2"), ("x", "null"), ("bad", "no JSON")],
            ],
        );
        let [batch] = &batches[..] else {
            panic!("{} batches", batches.len());
        };
        let field = |name: &str| batch.schema().field_with_name(name).unwrap().clone();
        for (name, data_type) in [
            ("row", DataType::Int64),
            ("bytes", DataType::Int64),
            ("http_status", DataType::Int16),
            ("attempts", DataType::Int32),
            ("error_kind", DataType::Utf8),
            (
                "started",
                DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            ),
            ("id", DataType::Int64),
            ("list_status", DataType::Boolean),
            ("f", DataType::Float64),
        ] {
            assert_eq!(field(name).data_type(), &data_type, "{format:?} {name}");
        }
        let names: Vec<_> = batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        assert_eq!(names[..24], crate::report::row::FIELDS);
        let id = batch
            .column_by_name("id")
            .unwrap()
            .as_primitive::<Int64Type>();
        assert_eq!(id.iter().collect::<Vec<_>>(), [Some(7), None, None]);
        let status = batch
            .column_by_name("http_status")
            .unwrap()
            .as_primitive::<Int16Type>();
        assert_eq!(status.value(2), 404);
        let started = batch.column_by_name("started").unwrap();
        assert_eq!(
            started.as_primitive::<TimestampMillisecondType>().value(0),
            1500
        );
        assert_eq!(texts(batch, "error_kind")[0].as_deref(), Some("input"));
        assert_eq!(
            texts(batch, "t")[..2],
            [Some("é".to_owned()), Some("\u{202e}".to_owned())]
        );
        assert_eq!(
            texts(batch, "x"),
            [
                Some("[1, \"\\ud800\"]".to_owned()),
                Some("\"a\"".to_owned()),
                None
            ]
        );
        assert_eq!(texts(batch, "bad")[2].as_deref(), Some("no JSON"));
    }
}

#[test]
fn many_columns_share_one() {
    let names: Vec<String> = (0..MAX_CARRIED + 3).map(|at| format!("c{at}")).collect();
    let row: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let batches = table(ColumnFormat::Arrow, &[vec![("c0", "2")], row]);
    assert_eq!(
        texts(&batches[0], MORE),
        [
            None,
            Some("{\"c1000\":1,\"c1001\":1,\"c1002\":1}".to_owned())
        ]
    );
}

#[test]
fn no_rows_are_a_table_too() {
    for format in [ColumnFormat::Parquet, ColumnFormat::Arrow] {
        let rows: usize = table(format, &[]).iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 0);
    }
}

#[test]
fn more_rows_than_one_batch_are_all_there() {
    let rows: Vec<_> = (0..=2 * BATCH_ROWS).map(|_| vec![("a", "{}")]).collect();
    for format in [ColumnFormat::Parquet, ColumnFormat::Arrow] {
        let batches = table(format, &rows);
        let read: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(read, rows.len(), "{format:?}");
    }
}
