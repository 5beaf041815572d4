//! Tests of the page.

use std::time::Duration;

use haulage::{Error, ErrorKind, Outcome, Status};

use super::*;

/// The most bytes of a page, whatever it is about.
const MAX_PAGE: usize = 400_000;

fn about() -> About {
    let start = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    About {
        title: "urls.txt".to_owned(),
        command: "haul -i urls.txt".to_owned(),
        destination: "/data/files".to_owned(),
        started: Some(start),
        ended: Some(start + Duration::from_secs(90)),
        version: "0.1.0".to_owned(),
        ending: Ending::Complete,
    }
}

fn rendered(about: About, items: &Aggregate) -> String {
    render(Page {
        about,
        items,
        samples: Vec::new(),
        latencies: Latencies::default(),
        runs: &[],
    })
}

fn outcome(row: u64, url: &str, status: Status) -> Outcome {
    let mut outcome = Outcome::new(row, url, status);
    outcome.attempts = 1;
    outcome.bytes = if outcome.error().is_some() { 0 } else { 1000 };
    outcome.duration = Duration::from_millis(row % 5000);
    outcome
}

fn failed(message: &str) -> Status {
    Status::Failed(Error::new(ErrorKind::Http, message))
}

/// Returns the only text between two others.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let parts: Vec<_> = page.split(start).collect();
    assert_eq!(parts.len(), 2, "{start} is there once");
    parts[1].split(end).next().unwrap()
}

#[test]
fn page_of_a_million_rows_is_small() {
    let mut items = Aggregate::default();
    for row in 0..1_000_000 {
        let url = format!(
            "https://data{}.example.org/images/{row:07}.jpg?size=large",
            row % 40
        );
        let status = if row % 20 == 0 {
            failed("the server answered 404 Not Found")
        } else {
            Status::Done
        };
        items.add(&outcome(row, &url, status));
    }
    let page = rendered(about(), &items);
    assert!(page.len() < MAX_PAGE, "{} bytes", page.len());
    assert!(page.contains("The page has 10,000 of 50,000 items"));
}

#[test]
fn page_of_hostile_rows_is_small() {
    let mut items = Aggregate::default();
    for row in 0..100_000_u64 {
        let random = row.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let noise = format!("<{random:x}'\"&").repeat(50);
        let url = format!("https://h{random:x}.example/{noise}");
        items.add(&outcome(row, &url, failed(&noise)));
    }
    let about = About {
        title: "<'\"&".repeat(10_000),
        command: "<'\"&".repeat(10_000),
        destination: "<'\"&".repeat(10_000),
        ..about()
    };
    let page = rendered(about, &items);
    assert!(page.len() < MAX_PAGE, "{} bytes", page.len());
}

#[test]
fn markup_in_urls_and_names_stays_a_text() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'";
    let mut items = Aggregate::default();
    items.add(&outcome(1, &format!("http://a/{hostile}"), failed(hostile)));
    items.add(&outcome(2, &format!("http://a/b{hostile}"), Status::Done));
    let about = About {
        title: hostile.to_owned(),
        command: hostile.to_owned(),
        destination: hostile.to_owned(),
        version: hostile.to_owned(),
        ..about()
    };
    let page = rendered(about, &items);
    let own = assets::SCRIPTS.concat() + &assets::style();
    for tag in ["<script", "</script", "<img", "<style"] {
        let expected = match tag {
            "<script" | "</script" => 3,
            "<style" => 1,
            _ => own.matches(tag).count(),
        };
        assert_eq!(page.matches(tag).count(), expected, "{tag}");
    }
    let data = between(&page, "id=\"data\">", "</script>");
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["failures"]["list"][2], format!("http://a/{hostile}"));
}

#[test]
fn numbers_can_be_read_without_a_script() {
    let mut items = Aggregate::default();
    for row in 0..1234 {
        items.add(&outcome(row, "http://a.example/x", Status::Done));
    }
    items.add(&outcome(9, "http://b.example/y", failed("404")));
    let page = rendered(about(), &items);
    for text in [
        "<dd id=\"done\" data-value=\"1234\">1,234</dd>",
        "<dd id=\"failed\" data-value=\"1\">1</dd>",
        "data-kind=\"http\" data-value=\"1\"",
        "The server answered with an error status, such as 404.",
        "1 item failed.",
        "1 min 30 s",
        "<span>haul</span> <span>-i</span> <span>urls.txt</span>",
        "2027-01-15 08:00:00 UTC",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn distributions_have_no_label_twice() {
    let mut items = Aggregate::default();
    let times = [0, 1, 2, 4, 9, 15, 40, 90, 150, 400, 900, 1500, 4000];
    for (row, millis) in (0..).zip(times) {
        let mut item = outcome(row, "http://a.example/x", Status::Done);
        item.duration = Duration::from_millis(millis);
        items.add(&item);
    }
    let page = rendered(about(), &items);
    let data = between(&page, "id=\"data\">", "</script>");
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let labels = data["times"]["labels"].as_array().unwrap();
    let labels: Vec<_> = labels.iter().map(|label| label.as_str().unwrap()).collect();
    assert_eq!(labels[..3], ["≤ 1 ms", "≤ 2 ms", "≤ 5 ms"]);
    assert_eq!(labels.last(), Some(&"≤ 5 s"));
    let distinct: std::collections::HashSet<_> = labels.iter().collect();
    assert_eq!(distinct.len(), labels.len(), "{labels:?}");
}

#[test]
fn tables_have_captions_and_headings() {
    let mut items = Aggregate::default();
    items.add(&outcome(1, "http://b.example/y", failed("404")));
    items.add(&outcome(2, "http://a.example/x", Status::Done));
    let page = rendered(about(), &items);
    let tables = page.matches("<table").count();
    assert!(tables >= 5, "{tables}");
    assert_eq!(page.matches("<caption").count(), tables);
    assert_eq!(page.matches("<thead><tr><th scope=\"col\"").count(), tables);
    assert!(!page.contains(" style="));
}

#[test]
fn end_of_a_run_is_told_in_words() {
    let mut items = Aggregate::default();
    items.add(&outcome(1, "http://a.example/x", Status::Done));
    for (ending, words) in [
        (Ending::Complete, "Every item has its file."),
        (Ending::Stopped, "Run the same command to resume it."),
        (Ending::Open, "it is still running, or it was killed"),
    ] {
        let page = rendered(About { ending, ..about() }, &items);
        assert!(page.contains(words), "{words}");
    }
    let page = rendered(about(), &Aggregate::default());
    assert!(page.contains("The list has no items."));
}
