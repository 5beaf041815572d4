//! Targets for file names.

use std::collections::HashSet;

use super::{choice, first_line};
use crate::http_url::HttpUrl;
use crate::options::Layout;
use crate::plan::accepted::Accepted;
use crate::plan::layout as layouts;
use crate::plan::name::{RelativeName, TargetName};
use crate::plan::registry::{Claim, Names};
use crate::request::Request;

const LAYOUTS: [Layout; 4] = [Layout::Flat, Layout::Tree, Layout::Hashed, Layout::Row];

/// Names the file of a URL in every layout, as a user wants it, and as a server does. The first
/// line is the URL, the second is the user's name for it, the third is the server's.
pub fn layout(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (url, rest) = first_line(&text);
    let (wanted, proposed) = first_line(rest);
    for accepted in [Accepted::NOTHING, Accepted::EVERYTHING] {
        let accepts = || accepted;
        let mut names = Vec::new();
        if let Ok((parsed, _)) = HttpUrl::parse(url) {
            for layout in LAYOUTS {
                names.push(layouts::name(layout, &parsed, url, 7, &accepts));
            }
        }
        if let Ok(relative) = RelativeName::from_user(wanted) {
            names.push(TargetName::of_user(&relative, url, &accepts));
        }
        let servers = names
            .iter()
            .filter_map(|name| name.named_by_server(proposed, url, &accepts))
            .collect::<Vec<_>>();
        names.extend(servers);
        for name in &names {
            check_variants(name, url, accepted);
        }
    }
}

/// Checks a name, and those that are made of it where it is taken.
fn check_variants(name: &TargetName, url: &str, accepted: Accepted) {
    check_target(name.as_str(), accepted);
    let distinct = name.distinct(url);
    check_target(distinct.as_str(), accepted);
    assert_eq!(distinct.distinct(url), distinct);
    let numbered = name.numbered(url, u64::MAX);
    check_target(numbered.as_str(), accepted);
    assert_ne!(numbered, distinct);
    let copies = [name.copy(1), name.copy(u32::MAX)];
    for copy in &copies {
        check_target(copy.as_str(), accepted);
        assert_eq!(copy.folder(), name.folder());
        assert_ne!(copy, name);
    }
    assert_ne!(copies[0], copies[1]);
    assert_eq!(TargetName::of_recorded(name.as_str()).as_ref(), Some(name));
}

/// Checks that a path is safe to create: it stays below the destination, away from the state, and
/// each component is a plain name on a system that accepts this much.
pub(super) fn check_target(path: &str, accepted: Accepted) {
    assert!(path.len() < 2_400, "{} bytes", path.len());
    for component in path.split('/') {
        assert!(!matches!(component, "" | "." | ".."), "{path:?}");
        assert!(component.len() <= 255, "{path:?}");
        assert!(!component.contains(char::is_control), "{path:?}");
        let lower = component.to_lowercase();
        assert!(lower != ".haul" && lower != "haul~1");
        let stem = lower
            .split('.')
            .next()
            .unwrap_or_default()
            .trim_end_matches(' ');
        let is_port = |stem: &str| {
            let number = stem.strip_prefix("com").or(stem.strip_prefix("lpt"));
            number.is_some_and(|number| {
                "1 2 3 4 5 6 7 8 9 ¹ ² ³"
                    .split(' ')
                    .any(|one| one == number)
            })
        };
        let is_device = matches!(stem, "con" | "prn" | "aux" | "nul" | "conin$" | "conout$");
        assert!(!is_device && !is_port(stem), "{path:?}");
        if accepted == Accepted::NOTHING {
            assert!(!component.contains(['\\', '<', '>', ':', '"', '|', '?', '*']));
            assert!(!component.starts_with(' ') && !component.ends_with([' ', '.']));
        }
    }
}

/// Names the files of a list of URLs, one a line: no two get one name, nor one that differs in case
/// alone, and no file has the name of a folder.
pub fn registry(data: &[u8]) {
    let (which, data) = choice(data);
    let layout = LAYOUTS[usize::from(which % 4)];
    let text = String::from_utf8_lossy(data);
    let mut names = Names::default();
    let (mut files, mut folders) = (HashSet::new(), HashSet::new());
    for (row, line) in text.split('\n').take(200).enumerate() {
        let (url, wanted) = line.split_once('\t').unwrap_or((line, ""));
        let Ok(request) = Request::new(url) else {
            continue;
        };
        let given = request.url();
        let wanted = match RelativeName::from_user(wanted) {
            Ok(relative) => TargetName::of_user(&relative, given, &Accepted::nothing),
            Err(_) => layouts::name(layout, &request.url, given, row as u64, &Accepted::nothing),
        };
        let Claim::Mine { name, .. } = names.claim(wanted, given, &[]) else {
            continue;
        };
        check_target(name.as_str(), Accepted::NOTHING);
        let name = name.as_str().to_lowercase();
        for (slash, _) in name.match_indices('/') {
            folders.insert(name[..slash].to_owned());
        }
        assert!(files.insert(name.clone()), "{name:?} is taken");
    }
    assert!(files.is_disjoint(&folders), "a file and a folder");
}
