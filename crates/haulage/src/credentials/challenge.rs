//! Parses `WWW-Authenticate` (RFC 9110 §11.6.1), which says how a client can log in. Pure.
//!
//! A field is a list of challenges, and a challenge may contain a list of parameters, both
//! separated by commas. After a comma, a name and `=` are a parameter; anything else is the next
//! challenge.

/// One of the ways to log in that a server offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The authentication scheme, such as `Basic`.
    pub(crate) scheme: String,
    /// Names in lower case, and values without quotes and escapes.
    parameters: Vec<(String, Vec<u8>)>,
}

impl Challenge {
    /// Returns whether it is of a scheme (in whatever case).
    pub(crate) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Returns the first value of a parameter, whose name is in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        let mut all = self.parameters.iter();
        let (_, value) = all.find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// Maximum number of challenges, and of parameters of each, that are read.
const MAX_ENTRIES: usize = 64;

/// Parses all fields of a response. What cannot be parsed is passed over, up to the next comma.
pub(crate) fn parse<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Vec<Challenge> {
    let mut all = Vec::new();
    for field in fields {
        let mut rest = Text(field);
        // A parameter belongs to the challenge before it in the same field.
        let mut current: Option<Challenge> = None;
        while all.len() < MAX_ENTRIES && !rest.0.is_empty() {
            let follows_comma = rest.skip(b" \t,").contains(&b',');
            match rest.member() {
                Some(Member::Parameter(name, value)) => {
                    if let Some(challenge) = &mut current
                        && challenge.parameters.len() < MAX_ENTRIES
                    {
                        challenge.parameters.push((name, value));
                    }
                }
                // A word without a comma before it is a token68.
                Some(Member::Scheme(_)) if current.is_some() && !follows_comma => {}
                Some(Member::Scheme(scheme)) => {
                    let begun = Challenge {
                        scheme,
                        ..Challenge::default()
                    };
                    all.extend(current.replace(begun));
                }
                None => rest.skip_member(),
            }
        }
        if all.len() < MAX_ENTRIES {
            all.extend(current);
        }
    }
    all
}

/// An element of a field.
enum Member {
    /// The scheme that begins a challenge.
    Scheme(String),
    Parameter(String, Vec<u8>),
}

struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Takes as many of these bytes as stand here.
    fn skip(&mut self, bytes: &[u8]) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !bytes.contains(byte));
        let (skipped, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        skipped
    }

    /// Passes over what is up to the next comma outside quotes.
    fn skip_member(&mut self) {
        let mut is_quoted = false;
        let mut is_escaped = false;
        let end = self.0.iter().position(|byte| {
            let was_escaped = std::mem::take(&mut is_escaped);
            match byte {
                b'\\' if is_quoted && !was_escaped => is_escaped = true,
                b'"' if !was_escaped => is_quoted = !is_quoted,
                b',' => return !is_quoted,
                _ => {}
            }
            false
        });
        self.0 = &self.0[end.unwrap_or(self.0.len())..];
    }

    fn token(&mut self) -> Option<String> {
        let is_token =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let end = self.0.iter().position(|byte| !is_token(byte));
        let (token, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        if token.is_empty() {
            return None;
        }
        self.0 = rest;
        Some(String::from_utf8_lossy(token).into_owned())
    }

    /// Takes a parameter, or the scheme of a challenge. A scheme may be followed by its first
    /// parameter, or by a `token68`, without a comma.
    fn member(&mut self) -> Option<Member> {
        let before = self.0;
        let name = self.token()?;
        self.skip(b" \t");
        if self.0.first() != Some(&b'=') {
            return Some(Member::Scheme(name));
        }
        self.0 = &self.0[1..];
        self.skip(b" \t");
        let value = match self.0.first() {
            Some(b'"') => self.quoted(),
            _ => self.token().map(String::into_bytes),
        };
        let Some(value) = value else {
            // Most likely a token68 with padding.
            self.0 = before;
            return None;
        };
        Some(Member::Parameter(name.to_ascii_lowercase(), value))
    }

    /// Takes a quoted string (RFC 9110 §5.6.4). `None` if it has no end.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        let mut bytes = self.0.iter().enumerate().skip(1);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(value);
                }
                b'\\' => value.push(*bytes.next()?.1),
                other => value.push(*other),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses these fields and returns each challenge as a string: `scheme name=value name=value`.
    fn shown(fields: &[&str]) -> Vec<String> {
        let parsed = parse(fields.iter().map(|field| field.as_bytes()));
        let shown = parsed.iter().map(|challenge| {
            let parameters = challenge.parameters.iter();
            parameters.fold(challenge.scheme.clone(), |shown, (name, value)| {
                format!("{shown} {name}={}", String::from_utf8_lossy(value))
            })
        });
        shown.collect()
    }

    #[test]
    fn challenges_are_told_apart_in_one_field_and_in_several() {
        let digest = r#"Digest realm="a, b", qop="auth,auth-int", algorithm=SHA-256, nonce="n\"1""#;
        let expected = [
            "Digest realm=a, b qop=auth,auth-int algorithm=SHA-256 nonce=n\"1",
            "Basic realm=c",
            "Negotiate",
        ];
        let one = format!("{digest}, Basic realm=\"c\", Negotiate");
        assert_eq!(shown(&[&one]), expected);
        assert_eq!(shown(&[digest, "Basic realm=c", "Negotiate"]), expected);
        assert_eq!(
            shown(&["Negotiate, Basic realm=c"]),
            ["Negotiate", "Basic realm=c"]
        );
    }

    #[test]
    fn odd_spelling_is_read() {
        for (field, expected) in [
            ("basic REALM = \"x\"", &["basic realm=x"][..]),
            (",, Basic ,realm=\"x\" ,", &["Basic realm=x"]),
            (
                "Negotiate YWJj, Basic realm=x",
                &["Negotiate", "Basic realm=x"],
            ),
            (
                "Negotiate YWJj==, Basic realm=x",
                &["Negotiate", "Basic realm=x"],
            ),
            ("Basic realm=\"open", &["Basic"]),
            (
                "Basic realm=x;, Digest nonce=y",
                &["Basic realm=x", "Digest nonce=y"],
            ),
            ("realm=x", &[]),
            ("\"x, Basic\", Digest", &["Digest"]),
            ("", &[]),
        ] {
            assert_eq!(shown(&[field]), expected, "{field}");
        }
    }

    #[test]
    fn number_of_challenges_is_bounded() {
        let many = "Basic, ".repeat(10_000);
        assert_eq!(parse([many.as_bytes()]).len(), MAX_ENTRIES);
        let many = format!("Digest {}", "a=b, ".repeat(10_000));
        assert_eq!(parse([many.as_bytes()])[0].parameters.len(), MAX_ENTRIES);
    }
}
