//! The completion script for fish: one `complete` command for each option.

use std::fmt::Write as _;

use super::{Form, Switch, Values};

pub(super) fn script(forms: &[Form]) -> String {
    let names: Vec<_> = forms.iter().skip(1).map(|form| &*form.name).collect();
    let mut script = format!(
        "# Completions of haul for fish.

# Succeeds when the command line is that of this subcommand; '' is a download.
function __haul_at
    set -l words (commandline -opc)
    set -l at ''
    if set -q words[2]; and contains -- $words[2] {}
        set at $words[2]
    end
    test \"$at\" = \"$argv[1]\"
end

# Succeeds when nothing but the command itself stands before the cursor.
function __haul_begins
    test (count (commandline -opc)) -eq 1
end

complete -c haul -f
",
        names.join(" ")
    );
    for form in forms {
        script.push('\n');
        let at = quoted(&format!("__haul_at '{}'", form.name));
        if !form.name.is_empty() {
            let (name, about) = (&form.name, quoted(&form.about));
            put(
                &mut script,
                &format!("-n __haul_begins -a {name} -d {about}"),
            );
        }
        if let Some(operands) = arguments(&form.operands) {
            put(&mut script, &format!("-n {at} {operands}"));
        }
        for option in &form.options {
            put(&mut script, &format!("-n {at} {}", flags(option)));
        }
    }
    script
}

fn put(script: &mut String, rest: &str) {
    // Writing to memory does not fail.
    let _ = writeln!(script, "complete -c haul {rest}");
}

fn flags(option: &Switch) -> String {
    let mut flags = String::new();
    if let Some(short) = option.short {
        let _ = write!(flags, "-s {short} ");
    }
    let _ = write!(flags, "-l {}", option.long);
    if option.values != Values::Nothing {
        // -r: a value must follow; -x: and it is not a file name.
        let is_file = option.values == Values::Files;
        flags.push_str(if is_file { " -r" } else { " -x" });
        if let Some(arguments) = arguments(&option.values) {
            let _ = write!(flags, " {arguments}");
        }
    }
    let _ = write!(flags, " -d {}", quoted(&option.help));
    flags
}

/// Returns what offers the values; `None` when nothing can be offered.
fn arguments(values: &Values) -> Option<String> {
    match values {
        Values::Nothing | Values::Text => None,
        Values::Files => Some("-F".to_owned()),
        Values::Folders => Some("-a '(__fish_complete_directories (commandline -ct))'".to_owned()),
        Values::Choices(choices) => {
            let lines: Vec<_> = choices
                .iter()
                .map(|(value, help)| format!("{value}\\t{}", quoted(help)))
                .collect();
            Some(format!("-a {}", quoted(&lines.join("\n"))))
        }
        Values::Prefixes(prefixes) => Some(format!("-a {}", quoted(&prefixes.join(" ")))),
    }
}

/// Quotes a text: within single quotes fish knows `\'` and `\\`.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
