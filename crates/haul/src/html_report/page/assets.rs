//! The style and the scripts of the page, and the policy that allows nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The charts of uPlot, and what draws them, searches and copies.
pub(super) const SCRIPTS: [&str; 2] = [haulage_uplot::SCRIPT, include_str!("../assets/page.js")];
const STYLES: [&str; 2] = [haulage_uplot::STYLE, include_str!("../assets/page.css")];

/// Returns the style sheet.
pub(super) fn style() -> String {
    STYLES.concat()
}

/// Returns the Content Security Policy (CSP 3): only these scripts and this style count, and
/// nothing is loaded or sent.
pub(super) fn policy() -> String {
    let [library, script] = SCRIPTS.map(hash);
    let style = hash(&style());
    format!(
        "default-src 'none'; script-src {library} {script}; style-src {style}; \
         base-uri 'none'; form-action 'none'"
    )
}

/// Returns the source expression for an inline element with this content.
fn hash(content: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_styles_end_only_where_they_should() {
        for content in SCRIPTS.iter().chain(&STYLES) {
            let lower = content.to_ascii_lowercase();
            assert!(!lower.contains("</script") && !lower.contains("</style"));
            assert!(!lower.contains("<!--"));
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let own = [SCRIPTS[1], STYLES[1]];
        assert!(own.iter().all(|content| !content.contains("://")));
        for name in ["@import", "url("] {
            assert!(!style().contains(name), "{name}");
        }
    }

    #[test]
    fn hash_is_the_one_of_the_standard() {
        // The example of CSP 3, §8.3.
        assert_eq!(
            hash("doSomething();"),
            "'sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc='"
        );
    }
}
