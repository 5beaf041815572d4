//! Lists with an inline PGP signature (RFC 9580 §7): gives their text without the armour around it.
//! The signature is not checked.

use super::lines::Line;

/// Where a line is in a list that may be signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Armour {
    #[default]
    Outside,
    /// Between the first line of the message and the blank line before its text.
    Head,
    Text,
    Signature,
}

/// The line that begins a signed message.
pub(super) const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

impl Armour {
    /// Returns the line as it was before it was signed; `None` if it belongs to the armour and not
    /// to the text. A line that cannot be part of a signature always counts as text, so that no row
    /// is lost if the list ends within one.
    pub(super) fn text_of<'a>(&mut self, line: Line<'a>) -> Option<Line<'a>> {
        let bytes = line.bytes.trim_ascii_end();
        let (next, is_text) = match *self {
            Self::Outside if bytes == BEGIN => (Self::Head, false),
            Self::Outside | Self::Text if bytes == SIGNATURE => (Self::Signature, false),
            Self::Head if bytes.is_empty() => (Self::Text, false),
            Self::Head if is_header(bytes) => (Self::Head, false),
            Self::Signature if bytes == END => (Self::Outside, false),
            Self::Signature if is_header(bytes) || bytes.iter().copied().all(is_base64) => {
                (Self::Signature, false)
            }
            Self::Head | Self::Text => (Self::Text, true),
            Self::Outside | Self::Signature => (Self::Outside, true),
        };
        *self = next;
        let escaped = (next == Self::Text).then(|| line.bytes.strip_prefix(b"- "));
        is_text.then(|| line.with(escaped.flatten().unwrap_or(line.bytes)))
    }
}

/// Returns whether a line is a header of the armour, such as `Hash: SHA256`.
fn is_header(line: &[u8]) -> bool {
    let colon = line.windows(2).position(|pair| pair == b": ");
    colon.is_some_and(|colon| colon > 0 && line[..colon].iter().all(u8::is_ascii_alphanumeric))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::*;

    fn text_of(list: &str) -> Vec<String> {
        let mut lines = Lines::new(list.as_bytes(), "list".into());
        let mut armour = Armour::default();
        let mut text = Vec::new();
        while let Some(line) = lines.next_of_any_kind() {
            if let Some(line) = armour.text_of(line) {
                text.push(line.text().unwrap().to_owned());
            }
        }
        text
    }

    const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\none\r\n- -two\r\n\r\nthree: 3\r\n\
                          -----BEGIN PGP SIGNATURE-----\nVersion: GnuPG v2\n\niQIzBAEBCAAd+/==\n=abcd\n";

    #[test]
    fn what_was_put_around_a_signed_text_is_left_out() {
        let whole = format!("before\n{SIGNED}-----END PGP SIGNATURE-----\nafter: 4\n");
        assert_eq!(
            text_of(&whole),
            ["before", "one", "-two", "", "three: 3", "after: 4"]
        );
    }

    #[test]
    fn nothing_is_lost_where_it_is_broken() {
        let hash = "d41d8cd98f00b204e9800998ecf8427e";
        let broken = format!("{SIGNED}{hash}  a\n{hash}  b\n");
        assert_eq!(
            text_of(&broken)[4..],
            [format!("{hash}  a"), format!("{hash}  b")]
        );
        assert_eq!(
            text_of("-----BEGIN PGP SIGNED MESSAGE-----\na  b\nc\n"),
            ["a  b", "c"]
        );
        assert_eq!(
            text_of("a\n- b\n"),
            ["a", "- b"],
            "nothing is escaped outside of one"
        );
    }
}
