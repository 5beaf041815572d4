use super::*;
use crate::source::Columns;

fn read(list: &[u8], options: &ListOptions) -> (Vec<(u64, String)>, Option<String>) {
    let mut rows = Csv::new(list, "list.csv", options).unwrap();
    let read = rows.by_ref().map(|row| summary(&row)).collect();
    let error = rows.take_error().map(|error| error.to_string());
    (read, error)
}

fn summary(row: &Row) -> (u64, String) {
    match row {
        Ok(request) => {
            let carried = request.carried().into_iter();
            let carried = carried.map(|(name, value)| format!(" {name}={value}"));
            let text = format!("{}{}", request.url(), carried.collect::<String>());
            (request.location.as_ref().unwrap().line, text)
        }
        Err(bad) => (
            bad.location.as_ref().unwrap().line,
            format!("{}: {}", bad.text, bad.error),
        ),
    }
}

fn carrying() -> ListOptions {
    ListOptions {
        carries: true,
        ..ListOptions::default()
    }
}

fn urls(list: &str) -> Vec<(u64, String)> {
    let (rows, error) = read(list.as_bytes(), &ListOptions::default());
    assert_eq!(error, None);
    rows
}

#[test]
fn a_table_as_excel_writes_it() {
    let list = "\u{feff}ID;Url;Beschreibung\r\n1;http://h/a;\"two\r\nlines; and \"\"quotes\"\"\"\r\n\r\n\
                2;http://h/b;\r\n;;\r\n";
    let (rows, error) = read(list.as_bytes(), &carrying());
    assert_eq!(error, None);
    assert_eq!(
        rows[0],
        (
            2,
            r#"http://h/a ID="1" Beschreibung="two\r\nlines; and \"quotes\"""#.to_owned()
        )
    );
    assert_eq!(
        rows[1],
        (5, r#"http://h/b ID="2" Beschreibung="""#.to_owned())
    );
    assert!(
        rows[2].0 == 6 && rows[2].1.contains("has no URL"),
        "{rows:?}"
    );
    assert_eq!(count(list.as_bytes()).unwrap(), 3);
}

#[test]
fn any_delimiter_is_found_or_told() {
    for list in [
        "id,url\n1,http://h/a?b;c\n",
        "id\turl\n1\thttp://h/a?b;c\n",
        "id|url\n1|http://h/a?b;c",
        "sep=,\r\nid,url\r\n1,http://h/a?b;c",
        "url\nhttp://h/a?b;c",
    ] {
        let rows = urls(list);
        assert_eq!(rows.len(), 1, "{list}");
        assert_eq!(rows[0].1, "http://h/a?b;c", "{list}");
        assert_eq!(count(list.as_bytes()).unwrap(), 1, "{list}");
    }
    let options = ListOptions {
        delimiter: Some(b'^'),
        ..ListOptions::default()
    };
    assert_eq!(read(b"id^url\n1^http://h/a", &options).0[0].1, "http://h/a");
}

#[test]
fn a_bad_row_fails_alone() {
    let long = "x".repeat(3 << 20);
    let list = format!(
        "url,name\nnonsense,\nhttp://h/a,b,c\n{long},x\nhttp://h/b,../x\nhttp://h/c\nhttp://h/d,,\n"
    );
    let rows = urls(&list);
    for (row, says) in rows.iter().zip([
        "no scheme",
        "3 cells, and the header has 2",
        "longer than 1 MiB",
        "..",
        "http://h/c",
        "http://h/d",
    ]) {
        assert!(row.1.contains(says), "{says}: {:.200}", row.1);
    }
    assert_eq!(
        rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        [2, 3, 4, 5, 6, 7]
    );
    let latin = b"url,a\nhttp://h/\xe9,\nhttp://h/b,\xe9\n";
    let (rows, _) = read(latin, &carrying());
    assert!(rows[0].1.contains("UTF-8"), "{rows:?}");
    assert_eq!(rows[1].1, "http://h/b a=\"\u{fffd}\"");
}

#[test]
fn a_quote_that_is_not_closed_ends_the_list_and_says_where() {
    let (rows, error) = read(
        b"url,a\nhttp://h/a,\"x\"\nhttp://h/b,\"y\nhttp://h/c,z\n",
        &ListOptions::default(),
    );
    assert_eq!(rows, [(2, "http://h/a".to_owned())]);
    assert!(error.unwrap().contains("line 3"));
    // Inside of a cell without quotes, one is a character like any other.
    let rows = urls("url,a\nhttp://h/a,5\" disk\nhttp://h/b,x\n");
    assert_eq!(rows.len(), 2);
}

#[test]
fn a_missing_column_ends_the_list_before_its_first_row() {
    let columns = Columns {
        url: Some("link".into()),
        ..Columns::default()
    };
    let options = ListOptions {
        columns,
        ..ListOptions::default()
    };
    let (rows, error) = read(b"url,title\nhttp://h/a,b\n", &options);
    assert!(rows.is_empty());
    let error = error.unwrap();
    assert!(
        error.contains("\"link\"") && error.contains("url, title"),
        "{error}"
    );
}

#[test]
fn names_checksums_sizes_and_headers_are_used() {
    let columns = Columns {
        headers: vec![(http::header::REFERER, "page".into())],
        ..Columns::default()
    };
    let options = ListOptions {
        columns,
        ..ListOptions::default()
    };
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    let list =
        format!("url,name,checksum,size,page\nhttp://h/a,b/c,{md5},7,http://h/\nhttp://h/a,,,,\n");
    let rows: Result<Vec<_>, _> = Csv::new(list.as_bytes(), "-", &options).unwrap().collect();
    let rows = rows.unwrap();
    assert_eq!(rows[0].name.as_ref().unwrap().as_str(), "b/c");
    assert_eq!(rows[0].checksums[0].to_string(), format!("md5={md5}"));
    assert_eq!(rows[0].size(), Some(7));
    assert_eq!(rows[0].headers().unwrap()["referer"], "http://h/");
    assert!(rows[1].name.is_none() && rows[1].size().is_none() && rows[1].headers().is_none());
}
