//! The completion script for bash: one function that looks at the word before the cursor. It needs
//! no bash-completion, and works with bash 3.2 of macOS.

use std::fmt::Write as _;

use super::{Form, Switch, Values, quoted};

const HEAD: &str = r#"# Completions of haul for bash.

# Offers those of the words in $1 that begin with what is typed.
_haul_words() {
    COMPREPLY=($(compgen -P "$prefix" -W "$1" -- "$current"))
}

# Offers files (-f) or folders (-d).
_haul_paths() {
    local IFS=$'\n'
    COMPREPLY=($(compgen -P "$prefix" "$1" -- "$current"))
    compopt -o filenames 2>/dev/null
}

_haul() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local prefix='' subcommand=''
    # As a rule bash makes `--option=value` three words.
    if [[ $current == = ]]; then
        current=''
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    elif [[ $current == --*=* ]]; then
        before=${current%%=*} prefix=${current%%=*}= current=${current#*=}
    fi
    COMPREPLY=()
"#;

pub(super) fn script(forms: &[Form]) -> String {
    let subcommands = forms.get(1..).unwrap_or_default();
    let names: Vec<_> = subcommands.iter().map(|form| &*form.name).collect();
    let mut script = HEAD.to_owned();
    // Writing to memory does not fail.
    let _ = writeln!(
        script,
        "    if ((COMP_CWORD > 1)); then
        case ${{COMP_WORDS[1]}} in
            {}) subcommand=${{COMP_WORDS[1]}} ;;
        esac
    fi
    case $subcommand,$before in",
        names.join("|")
    );
    for form in forms {
        for option in &form.options {
            values_of(&mut script, form, option);
        }
    }
    script.push_str("    esac\n    case $subcommand,$current in\n");
    for form in forms {
        let words: Vec<_> = form.options.iter().flat_map(spellings).collect();
        let _ = writeln!(
            script,
            "        {},-*) _haul_words {} ;;",
            form.name,
            quoted(&words.join(" "))
        );
    }
    for form in forms {
        let offer = if form.name.is_empty() {
            format!(
                "((COMP_CWORD == 1)) && _haul_words {}",
                quoted(&names.join(" "))
            )
        } else {
            offer(&form.operands)
        };
        let _ = writeln!(script, "        {},*) {offer} ;;", form.name);
    }
    script.push_str("    esac\n}\n\ncomplete -F _haul haul\n");
    script
}

/// Adds what is offered after an option that takes a value.
fn values_of(script: &mut String, form: &Form, option: &Switch) {
    if option.values == Values::Nothing {
        return;
    }
    let patterns: Vec<_> = spellings(option)
        .map(|spelling| format!("{},{spelling}", form.name))
        .collect();
    let _ = writeln!(
        script,
        "        {}) {}; return ;;",
        patterns.join("|"),
        offer(&option.values)
    );
}

fn offer(values: &Values) -> String {
    match values {
        Values::Nothing | Values::Text => ":".to_owned(),
        Values::Files => "_haul_paths -f".to_owned(),
        Values::Folders => "_haul_paths -d".to_owned(),
        Values::Choices(choices) => {
            let words: Vec<_> = choices.iter().map(|(value, _)| &**value).collect();
            format!("_haul_words {}", quoted(&words.join(" ")))
        }
        Values::Prefixes(prefixes) => format!(
            "_haul_words {}; compopt -o nospace 2>/dev/null",
            quoted(&prefixes.join(" "))
        ),
    }
}

/// Returns how an option is typed: `--jobs`, `-j`.
fn spellings(option: &Switch) -> impl Iterator<Item = String> {
    let short = option.short.map(|short| format!("-{short}"));
    std::iter::once(format!("--{}", option.long)).chain(short)
}
