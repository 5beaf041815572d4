//! The completion script for zsh: a function for the download, and one for each subcommand.

use std::fmt::Write as _;

use super::{Form, Switch, Values, quoted};

pub(super) fn script(forms: &[Form]) -> String {
    let subcommands = forms.get(1..).unwrap_or_default();
    let names: Vec<_> = subcommands.iter().map(|form| &*form.name).collect();
    let mut script = format!(
        "#compdef haul
# Completions of haul for zsh.

_haul() {{
    # A subcommand stands first, and has options of its own.
    if (( CURRENT > 2 )) && [[ $words[2] == ({}) ]]; then
        local subcommand=$words[2]
        shift words
        (( CURRENT-- ))
        _haul_$subcommand
    else
        _haul_
    fi
}}

_haul_commands() {{
    if (( CURRENT == 2 )); then
        local -a commands
        commands=(
",
        names.join("|")
    );
    for form in subcommands {
        let about = format!("{}:{}", form.name, form.about.replace(':', "\\:"));
        // Writing to memory does not fail.
        let _ = writeln!(script, "            {}", quoted(&about));
    }
    script.push_str(
        "        )
        _describe -t commands command commands
    fi
    _urls
}

_haul_folders() { _files -/ }
",
    );
    for form in forms {
        function(&mut script, form);
    }
    script.push_str(
        "
if [[ $funcstack[1] == _haul ]]; then
    _haul \"$@\"
else
    compdef _haul haul
fi
",
    );
    script
}

fn function(script: &mut String, form: &Form) {
    let _ = write!(script, "\n_haul_{}() {{\n    _arguments -s -S", form.name);
    for option in &form.options {
        let _ = write!(script, " \\\n        {}", specification(option));
    }
    let operands = match &form.operands {
        _ if form.name.is_empty() => Some("*:URL:_haul_commands".to_owned()),
        Values::Nothing => None,
        values => Some(format!("1:{}:{}", form.name, action(values))),
    };
    if let Some(operands) = operands {
        let _ = write!(script, " \\\n        {}", quoted(&operands));
    }
    script.push_str("\n}\n");
}

/// Returns an option as `_arguments` takes it: `'(-j --jobs)'{-j+,--jobs=}'[help]:N: '`.
fn specification(option: &Switch) -> String {
    let has_value = option.values != Values::Nothing;
    let long = format!("--{}{}", option.long, if has_value { "=" } else { "" });
    let (names, excluded) = match option.short {
        Some(short) => (
            format!("{{-{short}{},{long}}}", if has_value { "+" } else { "" }),
            format!("(-{short} --{})", option.long),
        ),
        None => (long, String::new()),
    };
    let mut rest = format!("[{}]", escaped(&option.help, &['[', ']', ':', '\\']));
    if has_value {
        let name = escaped(&option.value_name, &[':', '\\']);
        let _ = write!(rest, ":{name}:{}", action(&option.values));
    }
    let repeated = if option.is_repeatable {
        "'*'".to_owned()
    } else if excluded.is_empty() {
        String::new()
    } else {
        quoted(&excluded)
    };
    format!("{repeated}{names}{}", quoted(&rest))
}

fn action(values: &Values) -> String {
    match values {
        Values::Nothing | Values::Text => " ".to_owned(),
        Values::Files => "_files".to_owned(),
        Values::Folders => "_haul_folders".to_owned(),
        Values::Choices(choices) => {
            let choices: Vec<_> = choices
                .iter()
                .map(|(value, help)| {
                    if help.is_empty() {
                        value.clone()
                    } else {
                        let help = escaped(help, &[':', '\\', '"', '$', '`']);
                        format!("{value}\\:\"{help}\"")
                    }
                })
                .collect();
            format!("(({}))", choices.join(" "))
        }
        Values::Prefixes(prefixes) => format!("{{compadd -S \"\" -- {}}}", prefixes.join(" ")),
    }
}

/// Puts a backslash before each of these characters.
fn escaped(text: &str, special: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if special.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
