//! Which sections count for a URL, and what of each: pure.

use haulage::Request;

use super::HostSection;
use super::hosts::header_name;
use super::setting::{Setting, Value};

/// Returns the sections that are for the host of a request, the narrowest first, each with its
/// options that count there: without those that a narrower one has.
pub(super) fn sections<'a>(
    all: &'a [HostSection],
    request: &Request,
) -> Vec<(&'a HostSection, Vec<Setting>)> {
    let is_for = |section: &&HostSection| request.is_at(&section.hosts);
    let mut matching: Vec<_> = all.iter().filter(is_for).collect();
    matching.sort_by(|one, other| other.hosts.compare_narrowness(&one.hosts));
    let mut narrower = Vec::new();
    let counting = matching.into_iter().map(|section| {
        let mut settings = section.settings.clone();
        settings.retain_mut(|setting| counts(setting, &narrower));
        narrower.extend(settings.iter().flat_map(kinds));
        (section, settings)
    });
    counting.collect()
}

/// Returns whether something of an option counts, and takes away what does not.
fn counts(setting: &mut Setting, narrower: &[String]) -> bool {
    match &mut setting.value {
        Value::Texts(headers) if setting.key.long == "header" => {
            headers.retain(|header| !narrower.contains(&kind_of_header(&header_name(header))));
            !headers.is_empty()
        }
        _ => kinds(setting).iter().all(|kind| !narrower.contains(kind)),
    }
}

/// Returns what an option sets, as names; each has one value for a host. Both options about a netrc
/// set the same.
fn kinds(setting: &Setting) -> Vec<String> {
    match (&*setting.key.long, &setting.value) {
        ("header", Value::Texts(headers)) => headers
            .iter()
            .map(|header| kind_of_header(&header_name(header)))
            .collect(),
        // It may be turned off in a narrower section, where it then says nothing.
        ("netrc", Value::Switch(false)) => Vec::new(),
        ("netrc" | "netrc-file", _) => vec!["netrc".to_owned()],
        (long, _) => vec![long.to_owned()],
    }
}

fn kind_of_header(name: &str) -> String {
    format!("header {name}")
}
