//! `haul config`: the value of each option, and where it is from, as a file in TOML.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use clap::{ArgMatches, Command};
use haulage::Request;

use super::keys::{Key, Keys, Takes};
use super::secrets::is_secret;
use super::setting::{Setting, Value};
use super::{Configured, HostSection, Typed, of_host};
use crate::exit::{Exit, Problem};
use crate::{printed, report};

/// What stands for the rest of a value that is not shown.
const HIDDEN: &str = "…";

/// Prints the options of a command line, and says what is wrong with the file.
pub(crate) fn print(
    command: &Command,
    typed: &Typed,
    configured: &Configured,
) -> Result<Exit, Problem> {
    for warning in &configured.warnings {
        report::tell(warning);
    }
    let mut urls = typed.urls().peekable();
    let text = if urls.peek().is_none() {
        shown(&Keys::of(command), typed, configured)
    } else {
        let mut text = options(&Keys::of(command), typed, configured);
        for url in urls {
            add_sections_for(&mut text, &Request::new(url)?, &configured.hosts);
        }
        text
    };
    printed::print(text.as_bytes())
}

/// Returns all options, and all sections.
pub(super) fn shown(keys: &Keys, typed: &Typed, configured: &Configured) -> String {
    let mut text = options(keys, typed, configured);
    for section in &configured.hosts {
        add_section(&mut text, section, &section.settings);
    }
    text
}

/// Adds the sections that are for the host of a request.
pub(super) fn add_sections_for(text: &mut String, request: &Request, all: &[HostSection]) {
    let sections = of_host::sections(all, request);
    let url = request.url();
    let _ = match sections.len() {
        0 => writeln!(text, "\n# no section is for {url}"),
        _ => writeln!(text, "\n# for {url}"),
    };
    for (section, settings) in sections {
        add_section(text, section, &settings);
    }
}

fn options(keys: &Keys, typed: &Typed, configured: &Configured) -> String {
    let mut text = String::new();
    for key in keys.iter() {
        let value = value_of(key, typed.download());
        let is_default = configured.source(key).is_none() && !typed.has(key);
        // Writing to memory does not fail.
        let _ = match (shown_value(key, &value), configured.source(key)) {
            (None, _) if is_default && key.long == "proxy" => {
                let variables = "http_proxy, https_proxy and all_proxy count";
                writeln!(text, "# proxy is not set; {variables}")
            }
            (None, _) if is_default => writeln!(text, "# {} is not set", name(key)),
            (None, _) => Ok(()),
            (Some(value), _) if is_default => writeln!(text, "# {} = {value}", name(key)),
            (Some(value), Some(source)) => writeln!(text, "{} = {value}  # {source}", name(key)),
            (Some(value), None) => writeln!(text, "{} = {value}  # --{}", name(key), key.long),
        };
    }
    text
}

fn add_section(text: &mut String, section: &HostSection, settings: &[Setting]) {
    let hosts = quoted(&section.hosts.to_string());
    let _ = writeln!(text, "\n[host.{hosts}]  # {}", section.source);
    for setting in settings {
        if let Some(value) = shown_value(&setting.key, &setting.value) {
            let _ = writeln!(
                text,
                "{} = {value}  # {}",
                name(&setting.key),
                setting.source
            );
        }
    }
}

/// Returns the value of an option, given or not.
fn value_of(key: &Key, matches: &ArgMatches) -> Value {
    if key.takes == Takes::Nothing {
        return Value::Switch(matches.get_flag(&key.id));
    }
    let texts = matches.get_raw(&key.id).into_iter().flatten();
    Value::Texts(texts.map(OsStr::to_owned).collect())
}

/// Returns a value in TOML; `None` if there is none.
fn shown_value(key: &Key, value: &Value) -> Option<String> {
    let one = |text: &OsString| in_toml(&without_secrets(key, &text.to_string_lossy()));
    match value {
        Value::Switch(on) => Some(on.to_string()),
        Value::Texts(texts) if key.takes == Takes::Several && !texts.is_empty() => {
            let texts: Vec<_> = texts.iter().map(one).collect();
            Some(format!("[{}]", texts.join(", ")))
        }
        // Of an option that is given twice, the last one counts.
        Value::Texts(texts) => texts.last().map(one),
    }
}

/// Returns a value of an option as others may see it.
fn without_secrets(key: &Key, text: &str) -> String {
    if !is_secret(key, text) {
        return text.to_owned();
    }
    match text.split_once(':') {
        Some((name, _)) if key.long == "header" => format!("{name}: {HIDDEN}"),
        _ => HIDDEN.to_owned(),
    }
}

/// Returns the name of an option as TOML has it: a dot would make two of it.
fn name(key: &Key) -> String {
    if key.long.contains('.') {
        quoted(&key.long)
    } else {
        key.long.clone()
    }
}

fn in_toml(text: &str) -> String {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = text == "0" || !text.starts_with('0');
    if is_number && is_canonical && text.parse::<i64>().is_ok() {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Returns a basic string. What could change how a terminal shows it is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            character if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(long: &str, takes: Takes) -> Key {
        Key {
            id: long.to_owned(),
            long: long.to_owned(),
            takes,
            is_path: false,
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for (long, text, expected) in [
            ("user", "me:pw", "…"),
            ("proxy-user", "me:pw", "…"),
            ("cookie", "a=b", "…"),
            ("header", "Authorization: Bearer x", "Authorization: …"),
            ("header", "X-Key;", "…"),
            ("header", "Accept-Language: zh", "Accept-Language: zh"),
            ("proxy", "http://me:pw@proxy:3128", "…"),
            ("proxy", "me:pw@proxy:3128", "…"),
            ("proxy", "http://proxy:3128", "http://proxy:3128"),
            ("referer", "https://me:pw@host/x", "…"),
            ("user-agent", "me@example.org", "me@example.org"),
            ("jobs", "8", "8"),
        ] {
            let key = key(long, Takes::One);
            assert_eq!(without_secrets(&key, text), expected, "{long} {text}");
        }
    }

    #[test]
    fn values_are_toml_that_reads_as_the_same() {
        for text in [
            "8",
            "08",
            "",
            "30s",
            "a\"b\\c",
            "é\t\n\u{1b}\u{7f}\u{85}",
            "1.5",
            "99999999999999999999",
        ] {
            let document = format!("a = {}\n", in_toml(text));
            let table = toml::de::DeTable::parse(&document).unwrap();
            let (_, value) = table.get_ref().iter().next().unwrap();
            let read = match value.get_ref() {
                toml::de::DeValue::String(read) => read.clone().into_owned(),
                toml::de::DeValue::Integer(read) => read.as_str().to_owned(),
                other => panic!("{other:?}"),
            };
            assert_eq!(read, text);
        }
    }
}
