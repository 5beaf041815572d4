//! Runs for people: a table of all, or all about one.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::report::escape::printable;
use crate::report::format::{bytes, fit, pad, rate, time_left};

/// The shortest ID that is shown.
const ID: usize = 16;
/// The width of the longest state.
const STATE: usize = 7;
/// The width of `100000/100000`.
const ITEMS: usize = 13;
/// The width of `1023.9 KiB/s`.
const RATE: usize = 12;
/// The width of `12:34:56`.
const LEFT: usize = 8;
/// What is between two columns.
const GAP: &str = "  ";

/// Returns the table of runs, for a terminal of this width.
pub(super) fn of_runs(runs: &[Value], width: usize) -> String {
    if runs.is_empty() {
        return "no runs\n".to_owned();
    }
    let mut text = String::new();
    line(
        &mut text,
        ["id", "state", "items", "rate", "left", "name"],
        width,
    );
    for run in runs {
        let cells = [
            &*text_of(run, "id"),
            &text_of(run, "state"),
            &items(run),
            &speed(run),
            &left(run),
            &text_of(run, "name"),
        ];
        line(&mut text, cells, width);
    }
    text
}

/// Returns all about one run, and the items of it that have failed.
pub(super) fn of_run(run: &Value, failed: &Value, width: usize) -> String {
    let mut text = String::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to memory does not fail.
            let _ = writeln!(text, "{name:<9}{value}");
        }
    };
    for name in ["id", "name", "dir", "state"] {
        add(name, &text_of(run, name));
    }
    if let Some(position) = run["position"].as_u64() {
        add("position", &(position + 1).to_string());
    }
    add("items", &all_items(run));
    add("bytes", &size(run));
    add("rate", &speed(run));
    add("left", &left(run));
    add(
        "error",
        &printable(run["error"]["message"].as_str().unwrap_or_default()),
    );
    let items = failed["items"].as_array().map_or(&[][..], Vec::as_slice);
    for item in items {
        let url = text_of(item, "url");
        let why = printable(item["error"]["message"].as_str().unwrap_or_default());
        let _ = writeln!(
            text,
            "{}",
            fit(&format!("failed   {url}: {why}"), width.max(40))
        );
    }
    let more = failed["total"].as_u64().unwrap_or_default();
    let more = more.saturating_sub(items.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "… and {more} more that failed");
    }
    text
}

fn line(text: &mut String, [id, state, items, rate, left, name]: [&str; 6], width: usize) {
    let fixed = ID + STATE + ITEMS + RATE + LEFT + 5 * GAP.len();
    let name = fit(name, width.saturating_sub(fixed).max(12));
    // Writing to memory does not fail.
    let _ = writeln!(
        text,
        "{}{GAP}{}{GAP}{items:>ITEMS$}{GAP}{rate:>RATE$}{GAP}{left:>LEFT$}{GAP}{name}",
        pad(id, ID),
        pad(state, STATE),
    );
}

/// Returns a text of an object, which can be shown on a terminal.
fn text_of(value: &Value, name: &str) -> String {
    printable(value[name].as_str().unwrap_or_default()).into_owned()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

/// Returns how many items are over, of how many.
fn items(run: &Value) -> String {
    let items = &run["items"];
    let over = ["done", "skipped", "failed"].map(|name| number(items, name));
    let over: u64 = over.iter().sum();
    match items["total"].as_u64() {
        Some(total) => format!("{over}/{total}"),
        None => format!("{over}/?"),
    }
}

fn all_items(run: &Value) -> String {
    let items_of = &run["items"];
    let counts = ["done", "skipped", "failed", "active"];
    let counts = counts.map(|name| (number(items_of, name), name));
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let of = format!("{} over", items(run));
    if counts.is_empty() {
        of
    } else {
        format!("{of}: {}", counts.join(", "))
    }
}

fn size(run: &Value) -> String {
    let here = bytes(number(run, "bytes"));
    match run["size"].as_u64() {
        Some(size) => format!("{here} of {}", bytes(size)),
        None => here,
    }
}

fn speed(run: &Value) -> String {
    if run["state"] == "active" {
        rate(number(run, "rate"), Duration::from_secs(1))
    } else {
        String::new()
    }
}

fn left(run: &Value) -> String {
    let eta = run["eta"].as_u64().map(Duration::from_secs);
    eta.map(time_left).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run() -> Value {
        json!({
            "id": "00000000000000aa", "name": "a\u{1b}[2J list", "dir": "/srv", "state": "active",
            "position": null, "bytes": 2048, "size": null, "rate": 1024, "eta": 65,
            "items": {"total": 200, "done": 3, "skipped": 1, "failed": 1, "active": 4},
            "error": null,
        })
    }

    #[test]
    fn runs_are_lines_of_a_table() {
        let table = of_runs(&[run()], 100);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines[1],
            "00000000000000aa  active           5/200     1.0 KiB/s      1:05  a\\u{1b}[2J list"
        );
        assert!(lines.iter().all(|line| line.len() <= 100));
        assert_eq!(of_runs(&[], 80), "no runs\n");
    }

    #[test]
    fn one_run_is_told_with_what_has_failed() {
        let item = json!({"url": "http://h/a", "error": {"message": "no"}});
        let text = of_run(&run(), &json!({"total": 9, "items": [item]}), 80);
        assert!(text.contains("items    5/200 over: 3 done, 1 skipped, 1 failed, 4 active\n"));
        assert!(text.contains("failed   http://h/a: no\n… and 8 more that failed\n"));
        assert!(!text.contains('\u{1b}'));
    }
}
