use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;

/// Returns what stands between two marks, each time.
fn between<'a>(text: &'a str, start: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    let rests = text.split(start).skip(1);
    rests.filter_map(move |rest| rest.split_once(end).map(|(found, _)| found))
}

/// Returns the scripts that are ours.
fn own_scripts() -> impl Iterator<Item = &'static Asset> {
    let is_own = |asset: &&Asset| asset.path.starts_with("/page/js/");
    ASSETS.iter().filter(is_own)
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_file_of_the_folder_is_in_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
    let mut files = Vec::new();
    files_below(&root, &mut files);
    assert!(files.len() > 30);
    for file in files {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
        let is_left_out = matches!(name, "index.html" | "vendor/README.md");
        let path = format!("/page/{name}");
        assert!(is_left_out || find(&path).is_some(), "{name}");
    }
}

#[test]
fn what_the_page_loads_is_there() {
    let page = find("/").unwrap().content;
    let loaded = between(page, "href=\"", '"').chain(between(page, "src=\"", '"'));
    for path in loaded {
        assert!(find(path).is_some(), "{path}");
    }
    for script in ASSETS.iter().filter(|asset| asset.path.contains("js")) {
        for name in between(script.content, "from \"", '"') {
            let mut path = Path::new(script.path).parent().unwrap().to_owned();
            for part in Path::new(name).components() {
                match part {
                    std::path::Component::ParentDir => {
                        path.pop();
                    }
                    std::path::Component::Normal(part) => path.push(part),
                    _ => {}
                }
            }
            let path = path.to_str().unwrap();
            assert!(find(path).is_some(), "{}: {path}", script.path);
        }
    }
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    let page = find("/").unwrap().content;
    for word in ["<style", " style=", "onload", "onclick", "javascript:"] {
        assert!(!page.contains(word), "{word}");
    }
    for script in between(page, "<script", '>') {
        assert!(script.contains("src="));
    }
    for asset in ASSETS.iter().filter(|asset| !asset.path.contains("vendor")) {
        for (at, _) in asset.content.match_indices("://") {
            let rest = &asset.content[at + 3..];
            let is_fine = rest.starts_with("example.org/") || rest.starts_with("www.w3.org/");
            assert!(is_fine, "{}: {:.40}", asset.path, rest);
        }
        for word in ["@import", "url("] {
            assert!(!asset.content.contains(word), "{}: {word}", asset.path);
        }
    }
}

#[test]
fn text_never_becomes_html_or_code() {
    let words = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "eval(",
        "new Function",
        "document.write",
        "srcdoc",
    ];
    for script in own_scripts() {
        for word in words {
            assert!(!script.content.contains(word), "{}: {word}", script.path);
        }
    }
}

/// Returns the texts of a table by their keys; each stands in a line of its own.
fn table(language: &str) -> BTreeMap<&'static str, &'static str> {
    let asset = find(&format!("/page/js/texts/{language}.js")).unwrap();
    let lines = asset.content.lines().filter(|line| line.starts_with("  "));
    let mut table = BTreeMap::new();
    for line in lines {
        let line = line.trim().strip_prefix('"').unwrap();
        let (key, rest) = line.split_once("\": \"").unwrap();
        let text = rest.strip_suffix("\",").unwrap();
        assert!(!text.is_empty(), "{key}");
        assert_eq!(table.insert(key, text), None, "{key}");
    }
    table
}

#[test]
fn both_languages_have_the_same_texts() {
    let [english, chinese] = ["en", "zh"].map(table);
    let keys = |table: &BTreeMap<&'static str, _>| table.keys().copied().collect::<Vec<_>>();
    assert_eq!(keys(&english), keys(&chinese));
    for (key, text) in &english {
        let names = |text: &'static str| {
            let mut names: Vec<_> = between(text, "{", '}').collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        assert_eq!(names(text), names(chinese[key]), "{key}");
        assert!(!chinese[key].contains(" | "), "{key}");
        assert!(text.is_ascii() || text.contains(['…', '“', '↑']), "{key}");
    }
}

#[test]
fn every_text_is_used_and_every_used_text_exists() {
    let english = table("en");
    let scripts: String = own_scripts()
        .filter(|asset| !asset.path.contains("/texts/"))
        .map(|asset| asset.content)
        .collect();
    for key in between(&scripts, "text(\"", '"') {
        assert!(english.contains_key(key), "{key}");
    }
    let named = between(&scripts, "nameOf(\"", '"');
    let named = named.map(|kind| format!("{kind}-"));
    let made = between(&scripts, "text(`", '$').map(str::to_owned);
    let made: Vec<_> = made.chain(named).collect();
    for key in english.keys() {
        let is_made = made.iter().any(|start| key.starts_with(start));
        assert!(is_made || scripts.contains(&format!("\"{key}\"")), "{key}");
    }
}
