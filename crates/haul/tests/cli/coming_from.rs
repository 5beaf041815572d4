//! The tables for users of other programs, in `docs`: the options of haul in them exist.

use std::path::Path;
use std::process::Command;

/// Returns the long options in the last column of the tables.
fn options_on_the_right(markdown: &str) -> impl Iterator<Item = &str> {
    markdown
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| ")?
                .strip_suffix(" |")?
                .rsplit_once(" | ")
        })
        .flat_map(|(_, right)| {
            right.split(|each: char| each != '-' && each != '.' && !each.is_ascii_alphanumeric())
        })
        .filter(|word| word.starts_with("--"))
}

#[test]
fn options_that_stand_for_those_of_others_exist() {
    let help = Command::new(env!("CARGO_BIN_EXE_haul"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let known: Vec<_> = help
        .split(|each: char| each.is_whitespace() || each == ',')
        .collect();
    for name in ["docs/coming-from.md", "docs/zh/coming-from.md"] {
        let page = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(name);
        let markdown = std::fs::read_to_string(page).unwrap();
        let mut count = 0;
        for option in options_on_the_right(&markdown) {
            assert!(known.contains(&option), "{name}: {option}");
            count += 1;
        }
        assert!(count > 60, "{name}: {count}");
    }
}
