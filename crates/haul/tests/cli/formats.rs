//! Formats of lists: the same items give the same files and results, however they are written.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Decimal128Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Int16Array, ListArray, RecordBatch, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use origin::{Body, Origin, Script};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{Ran, Sandbox};

const ITEMS: usize = 1000;

fn origin() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::ok(Body::of(format!("the file {}", request.path())))
    });
    origin
}

/// The URL and the name of each item; every third has no name.
fn items(origin: &Origin) -> Vec<(String, Option<String>)> {
    let item = |at: usize| {
        let name = (!at.is_multiple_of(3)).then(|| format!("sub/{}/n {at}.txt", at % 7));
        (origin.url(&format!("/d/{at}?a=b,c;d")), name)
    };
    (0..ITEMS).map(item).collect()
}

fn table(items: &[(String, Option<String>)], separator: char) -> String {
    let mut text = ["id", "url", "name"].join(&separator.to_string()) + "\n";
    for (at, (url, name)) in items.iter().enumerate() {
        let name = name.as_deref().unwrap_or_default();
        let cells = [&*at.to_string(), &format!("\"{url}\""), name];
        text += &(cells.join(&separator.to_string()) + "\n");
    }
    text
}

fn batch(items: &[(String, Option<String>)]) -> RecordBatch {
    let urls: StringArray = items.iter().map(|(url, _)| Some(url)).collect();
    let names: StringArray = items.iter().map(|(_, name)| name.as_deref()).collect();
    let columns: [(&str, ArrayRef); 2] = [("url", Arc::new(urls)), ("name", Arc::new(names))];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Writes the items in each format, and returns the names of the lists.
fn write_lists(sandbox: &Sandbox, items: &[(String, Option<String>)]) -> Vec<&'static str> {
    let field = |name: &Option<String>| name.as_ref().map(|name| format!("\tout={name}"));
    let option = |name: &Option<String>| name.as_ref().map(|name| format!("\n out={name}"));
    let text = items
        .iter()
        .map(|(url, name)| format!("{url}{}\n", field(name).unwrap_or_default()));
    sandbox.write("list.txt", &text.collect::<String>());
    let aria2 = items
        .iter()
        .map(|(url, name)| format!("{url}{}\n", option(name).unwrap_or_default()));
    sandbox.write("aria2.txt", &aria2.collect::<String>());
    sandbox.write("list.csv", &table(items, ','));
    sandbox.write("list.tsv", &table(items, '\t'));
    sandbox.write(
        "semicolon.csv",
        &format!("\u{feff}{}", table(items, ';').replace('\n', "\r\n")),
    );
    let jsonl = items.iter().map(|(url, name)| {
        serde_json::json!({"url": url, "name": name, "more": [1]}).to_string() + "\n"
    });
    sandbox.write("list.jsonl", &jsonl.collect::<String>());
    let batch = batch(items);
    let mut stream = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    sandbox.write_bytes("list.arrows", &stream.into_inner().unwrap());
    let mut file = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    file.write(&batch).unwrap();
    sandbox.write_bytes("list.arrow", &file.into_inner().unwrap());
    let mut parquet =
        parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    parquet.write(&batch).unwrap();
    sandbox.write_bytes("list.parquet", &parquet.into_inner().unwrap());
    let zst = zstd::encode_all(table(items, ',').as_bytes(), 1).unwrap();
    sandbox.write_bytes("list.csv.zst", &zst);
    vec![
        "list.txt",
        "aria2.txt",
        "list.csv",
        "list.tsv",
        "semicolon.csv",
        "list.jsonl",
        "list.arrows",
        "list.arrow",
        "list.parquet",
        "list.csv.zst",
    ]
}

/// The content of each file below a folder.
fn files(sandbox: &Sandbox, folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for name in sandbox.names(folder) {
        let path = format!("{folder}/{name}");
        if sandbox.path().join(&path).is_dir() {
            found.extend(files(sandbox, &path));
        } else {
            let (_, below) = path.split_once('/').unwrap();
            found.insert(below.to_owned(), sandbox.read(&path));
        }
    }
    found
}

/// The results, without what differs from run to run and from format to format.
fn results(sandbox: &Sandbox, name: &str) -> BTreeMap<u64, serde_json::Value> {
    let rows = sandbox.rows(name).into_iter().map(|mut row| {
        let fields = row.as_object_mut().unwrap();
        for field in ["input", "line", "started", "duration_ms", "id", "more"] {
            fields.remove(field);
        }
        (row["row"].as_u64().unwrap(), row)
    });
    rows.collect()
}

#[test]
fn the_same_items_in_any_format_give_the_same_files_and_results() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let items = items(&origin);
    check_same(&sandbox, &write_lists(&sandbox, &items), &[]);
}

/// Downloads each list of all items with these arguments, and checks that the files and results are
/// the same.
fn check_same(sandbox: &Sandbox, lists: &[&str], more: &[&str]) {
    let mut expected = None;
    for list in lists {
        let arguments = ["-q", "-d", "out", "-i", list, "--results", "results.jsonl"];
        let ran = sandbox.haul(&[&arguments[..], more].concat());
        assert_eq!(ran.code, Some(0), "{list}: {}", ran.stderr);
        std::fs::remove_dir_all(sandbox.path().join("out/.haul")).unwrap();
        let found = (files(sandbox, "out"), results(sandbox, "results.jsonl"));
        assert_eq!(found.0.len(), ITEMS, "{list}");
        assert_eq!(found.1.len(), ITEMS, "{list}");
        std::fs::remove_dir_all(sandbox.path().join("out")).unwrap();
        match &expected {
            None => expected = Some(found),
            Some(expected) => assert!(found == *expected, "{list}"),
        }
    }
}

/// The body of each file whose checksum lists have, and that checksum.
const BODY: &str = "the same bytes";
const SUM: &str = "7d95d9eeb9c191ad25da1c2014f6985c9a3094bf5065029ea0a79767f0522ce6";

#[test]
fn the_same_items_with_checksums_are_the_same_in_a_metalink() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    origin.under("/d/", |_| Script::ok(Body::of(BODY)));
    let base = origin.url("/d/");
    let each = |line: &dyn Fn(&str) -> String| -> String {
        let names = (0..ITEMS).map(|at| format!("f{at}.bin"));
        names.map(|name| line(&name)).collect()
    };
    let text = each(&|name| format!("{base}{name}\tout={name}\tsha256={SUM}\n"));
    sandbox.write("list.txt", &text);
    let csv = each(&|name| format!("{base}{name},{name},sha256={SUM}\n"));
    sandbox.write("list.csv", &format!("url,name,checksum\n{csv}"));
    sandbox.write("SHA256SUMS", &each(&|name| format!("{SUM}  {name}\n")));
    let four = each(&|name| {
        format!(
            "<file name=\"{name}\"><hash type=\"sha-256\">{SUM}</hash><url>{base}{name}</url></file>\n"
        )
    });
    sandbox.write(
        "list.meta4",
        &format!("<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">{four}</metalink>"),
    );
    let three = each(&|name| {
        format!(
            "<file name=\"{name}\"><verification><hash type=\"sha256\">{SUM}</hash></verification><resources><url type=\"http\">{base}{name}</url></resources></file>\n"
        )
    });
    sandbox.write(
        "list.metalink",
        &format!("<metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\"><files>{three}</files></metalink>"),
    );
    let lists = [
        "list.txt",
        "list.csv",
        "SHA256SUMS",
        "list.meta4",
        "list.metalink",
    ];
    check_same(&sandbox, &lists, &["--base-url", &base]);
}

#[test]
fn the_same_items_are_the_same_in_a_sitemap() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let urls: Vec<_> = (0..ITEMS)
        .map(|at| origin.url(&format!("/d/{at}")))
        .collect();
    sandbox.write("list.txt", &urls.join("\n"));
    let entries = urls
        .iter()
        .map(|url| format!("<url><loc>{url}</loc></url>\n"));
    let entries: String = entries.collect();
    sandbox.write(
        "sitemap.xml",
        &format!(
            "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{entries}</urlset>"
        ),
    );
    check_same(&sandbox, &["list.txt", "sitemap.xml"], &[]);
}

#[test]
fn formats_are_found_out_by_content_too_and_that_is_said() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let items = &items(&origin)[..3];
    for list in write_lists(&sandbox, items) {
        if list == "list.txt" {
            continue;
        }
        let bytes = std::fs::read(sandbox.path().join(list)).unwrap();
        sandbox.write_bytes("unnamed", &bytes);
        let ran = sandbox.haul(&["-d", list.trim_end_matches('.'), "-i", "unnamed", "-d", "a"]);
        assert_eq!(ran.code, Some(0), "{list}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("unnamed is read as"),
            "{list}: {}",
            ran.stderr
        );
        if list == "list.parquet" {
            continue;
        }
        let stdin = std::fs::File::open(sandbox.path().join("unnamed")).unwrap();
        let mut command = sandbox.command(&["-i", "-", "-d", "b"]);
        let ran: Ran = command.stdin(stdin).output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{list}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("- is read as"),
            "{list}: {}",
            ran.stderr
        );
    }
    let stdin = std::fs::File::open(sandbox.path().join("list.parquet")).unwrap();
    let mut command = sandbox.command(&["-i", "-", "-d", "c"]);
    let ran: Ran = command
        .stdin(stdin)
        .stderr(Stdio::piped())
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("from a file"), "{}", ran.stderr);
}

#[test]
fn folders_and_patterns_are_lists_of_all_their_files() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    sandbox.make("lists/day=2");
    sandbox.write("lists/a.csv", &format!("url\n{}\n", origin.url("/a")));
    sandbox.write("lists/day=2/b.txt", &origin.url("/b"));
    sandbox.write(
        "lists/day=2/c.csv",
        &format!("href\n{}\n", origin.url("/c")),
    );
    sandbox.write("lists/_SUCCESS", "nothing");
    sandbox.write(
        "lists/z.jsonl",
        &format!("{{\"url\": {:?}}}\n", origin.url("/z")),
    );
    let ran = sandbox.haul(&["-d", "out", "-i", "lists", "--results", "r.jsonl"]);
    // One of them cannot be read: that is said, and stops no other.
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("day=2/c.csv") && ran.stderr.contains("href"),
        "{}",
        ran.stderr
    );
    assert_eq!(sandbox.names("out"), [".haul", "a", "b", "z"]);
    let inputs: Vec<_> = sandbox
        .rows("r.jsonl")
        .iter()
        .map(|row| row["input"].clone())
        .collect();
    assert!(inputs.contains(&"lists/day=2/b.txt".into()), "{inputs:?}");
    let ran = sandbox.haul(&["-d", "more", "-i", "lists/*.csv"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("more"), [".haul", "a"]);
    for nothing in ["lists/*.tsv", "out/.haul/part"] {
        let ran = sandbox.haul(&["-i", nothing]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("names no file"), "{}", ran.stderr);
    }
}

#[test]
fn a_table_without_the_column_is_refused_before_anything_is_created() {
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", "href,title\nhttp://a.example/,x\n");
    let ran = sandbox.haul(&["-d", "out", "-i", "list.csv"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    for says in ["no column \"url\"", "href, title", "--url-column"] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
    assert!(!sandbox.has("out"));
}

#[test]
fn columns_of_a_list_without_columns_are_noted() {
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", "link,file\nnonsense,x\n");
    let noted = |arguments: &[&str]| {
        let ran = sandbox.haul(&[&["-i", "list.txt"], arguments].concat());
        ran.stderr.contains("which has no columns")
    };
    assert!(noted(&["--url-column", "link"]));
    assert!(!noted(&[]));
    assert!(!noted(&["--url-column", "link", "--input-format", "csv"]));
}

#[test]
fn columns_set_names_checksums_sizes_and_headers() {
    let origin = Origin::plain();
    origin.under("/a", |request| {
        let token = request.headers["x-token"].to_str().unwrap();
        Script::ok(Body::of(token.to_owned()))
    });
    origin.on("/b", Script::ok(Body::of("<html>log in</html>")));
    let sandbox = Sandbox::new();
    sandbox.write(
        "list.csv",
        &format!(
            "link,file,bytes,token\n{},n,6,secret\n{},m,6,\n",
            origin.url("/a"),
            origin.url("/b")
        ),
    );
    let ran = sandbox.haul(&[
        "-i",
        "list.csv",
        "--url-column",
        "link",
        "--name-column",
        "file",
        "--size-column",
        "bytes",
        "--header-column",
        "X-Token=token",
    ]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(sandbox.read("n"), "secret");
    assert!(
        !sandbox.has("m") && ran.stderr.contains("19"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_part_of_a_list_keeps_its_numbers_and_what_is_recorded_of_the_rest() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    let urls: Vec<_> = (0..50).map(|at| origin.url(&format!("/{at}"))).collect();
    sandbox.write("list.txt", &urls.join("\n"));
    let rows = |arguments: &[&str]| {
        let all = [
            &[
                "-i",
                "list.txt",
                "-d",
                "out",
                "--layout",
                "row",
                "--results",
                "r.jsonl",
            ],
            arguments,
        ];
        let ran = sandbox.haul(&all.concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let mut rows: Vec<_> = sandbox
            .rows("r.jsonl")
            .iter()
            .map(|row| row["row"].as_u64().unwrap())
            .collect();
        rows.sort_unstable();
        rows
    };
    let whole = rows(&[]);
    assert_eq!(whole, (0..50).collect::<Vec<_>>());
    let requests = origin.log().len();
    assert_eq!(rows(&["--head", "3"]), [0, 1, 2]);
    let sample = rows(&["--sample", "5"]);
    assert_eq!(sample.len(), 5);
    assert_eq!(sample, rows(&["--sample", "5"]));
    let parts = [rows(&["--shard", "1/2"]), rows(&["--shard", "2/2"])];
    // There is one host.
    assert!(
        parts.contains(&whole) && parts.contains(&Vec::new()),
        "{parts:?}"
    );
    assert_eq!(rows(&[]), whole);
    assert_eq!(
        origin.log().len(),
        requests,
        "each is known, so none is requested again"
    );
    let ran = sandbox.haul(&["-i", "list.txt", "--shard", "3/2"]);
    assert!(
        ran.code == Some(2) && ran.stderr.contains("no part 3 of 2"),
        "{}",
        ran.stderr
    );
}

/// Writes a Parquet list of two rows with columns of many types.
fn write_typed(sandbox: &Sandbox, origin: &Origin) {
    let urls = StringArray::from(vec![origin.url("/a"), origin.url("/b")]);
    let tags: DictionaryArray<Int32Type> = vec!["x", "y"].into_iter().collect();
    let lists =
        ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("url", Arc::new(urls)),
        ("small", Arc::new(Int16Array::from(vec![Some(7), None]))),
        ("share", Arc::new(Float32Array::from(vec![0.25, 1.0]))),
        (
            "seen",
            Arc::new(TimestampMicrosecondArray::from(vec![
                0,
                1_700_000_000_000_001,
            ])),
        ),
        (
            "updated",
            Arc::new(
                TimestampMicrosecondArray::from(vec![0, 1_700_000_000_000_001])
                    .with_timezone("Europe/Paris"),
            ),
        ),
        ("day", Arc::new(Date32Array::from(vec![0, 20_000]))),
        (
            "opens",
            Arc::new(Time64MicrosecondArray::from(vec![
                Some(3_600_000_001),
                None,
            ])),
        ),
        (
            "key",
            Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\0\xff"), None])),
        ),
        (
            "price",
            Arc::new(
                Decimal128Array::from(vec![Some(-1999), None])
                    .with_precision_and_scale(30, 2)
                    .unwrap(),
            ),
        ),
        ("tag", Arc::new(tags)),
        ("numbers", Arc::new(lists)),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    sandbox.write_bytes("typed.parquet", &writer.into_inner().unwrap());
}

#[test]
fn carried_columns_keep_their_types() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    write_typed(&sandbox, &origin);
    let results = ["--results", "r.parquet", "--results", "r.arrow"];
    let ran = sandbox.haul(
        &[
            &["-i", "typed.parquet", "-d", "out", "-j", "1"],
            &results[..],
        ]
        .concat(),
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let file = |name| std::fs::File::open(sandbox.path().join(name)).unwrap();
    let parquet = ParquetRecordBatchReaderBuilder::try_new(file("r.parquet")).unwrap();
    let parquet = parquet.build().unwrap().next().unwrap().unwrap();
    let mut arrow = arrow_ipc::reader::FileReader::try_new(file("r.arrow"), None).unwrap();
    for batch in [parquet, arrow.next().unwrap().unwrap()] {
        let column = |name: &str| batch.column_by_name(name).unwrap();
        for (name, shown) in [
            ("small", "Int16"),
            ("share", "Float32"),
            ("seen", "Timestamp(µs)"),
            ("updated", "Timestamp(µs, \"Europe/Paris\")"),
            ("day", "Date32"),
            ("opens", "Time64(µs)"),
            ("key", "Binary"),
            ("price", "Decimal128(30, 2)"),
            ("tag", "Utf8"),
            ("numbers", "List(Int64)"),
        ] {
            assert_eq!(column(name).data_type().to_string(), shown, "{name}");
        }
        for name in ["seen", "updated"] {
            let seen = column(name).as_primitive::<TimestampMicrosecondType>();
            assert_eq!(seen.values(), &[0, 1_700_000_000_000_001], "{name}");
        }
        let opens = column("opens").as_primitive::<Time64MicrosecondType>();
        assert_eq!(opens.value(0), 3_600_000_001);
        assert_eq!(column("key").as_binary::<i32>().value(0), b"\0\xff");
        let price = column("price").as_primitive::<Decimal128Type>();
        assert_eq!(price.value(0), -1999);
        assert_eq!(column("small").null_count(), 1);
    }
}

#[test]
fn a_column_that_differs_between_lists_loses_no_value() {
    let (origin, sandbox) = (origin(), Sandbox::new());
    write_typed(&sandbox, &origin);
    sandbox.write(
        "more.csv",
        &format!("url,small,day\n{},many,soon\n", origin.url("/c")),
    );
    let ran = sandbox.haul(&[
        "-i",
        "typed.parquet",
        "-i",
        "more.csv",
        "-d",
        "out",
        "--results",
        "r.parquet",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = sandbox.haul(&["-i", "r.parquet", "-d", "again", "--results", "r.jsonl"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let rows = sandbox.rows("r.jsonl");
    let mut small: Vec<_> = rows.iter().map(|row| row["small"].to_string()).collect();
    small.sort();
    // Numbers and texts in one column are JSON in a text.
    assert_eq!(small, [r#""7""#, r#""\"many\"""#, "null"], "{rows:?}");
}
