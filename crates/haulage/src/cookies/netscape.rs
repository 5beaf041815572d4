//! Cookie files in the Netscape format, as curl, yt-dlp and browser extensions write and read them:
//! a cookie a line, seven fields separated by TABs. Pure.

use std::io::Write as _;

use super::cookie::Cookie;
use super::site::is_public_suffix;
use crate::error::{Error, ErrorKind};

/// Before the domain of a cookie that scripts do not see.
const HTTP_ONLY: &[u8] = b"#HttpOnly_";
const HEADING: &[u8] = b"# Netscape HTTP Cookie File\n";

/// Returns the cookies of a file. Those that have expired are among them. A line that is no cookie
/// is skipped; `on_skipped` gets its error, of kind `input`, with its number.
///
/// # Errors
/// Of kind `input`, where there is no cookie but such a line.
pub(crate) fn read(text: &[u8], mut on_skipped: impl FnMut(Error)) -> Result<Vec<Cookie>, Error> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    if is_json(text) {
        return Err(Error::new(
            ErrorKind::Input,
            "it is JSON; export the cookies in the Netscape format (cookies.txt)",
        ));
    }
    let mut cookies = Vec::new();
    let mut first_skipped = None;
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let cookie = match line.strip_prefix(HTTP_ONLY) {
            Some(line) => read_line(line, true),
            None if line.starts_with(b"#") || line.trim_ascii().is_empty() => continue,
            None => read_line(line, false),
        };
        match cookie {
            Ok(cookie) => cookies.push(cookie),
            Err(why) => {
                first_skipped.get_or_insert((at, why));
                on_skipped(bad_line(at, why));
            }
        }
    }
    match first_skipped {
        Some((at, why)) if cookies.is_empty() => Err(bad_line(at, why)),
        _ => Ok(cookies),
    }
}

fn bad_line(at: usize, why: &str) -> Error {
    Error::new(ErrorKind::Input, format!("line {}: {why}", at + 1))
}

/// Returns whether a text is JSON, as some browser extensions export it. A line of a cookie file
/// may begin with a bracket too, before an IPv6 address.
fn is_json(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let in_list = text.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    let is_list = in_list.is_some_and(|rest| rest.starts_with(b"{") || rest.starts_with(b"]"));
    is_list || text.starts_with(b"{")
}

fn read_line(line: &[u8], is_http_only: bool) -> Result<Cookie, &'static str> {
    let fields: Vec<_> = line.split(|byte| *byte == b'\t').collect();
    // A value that is empty may be missing, with its TAB.
    let (fields, value) = match fields.as_slice() {
        [fields @ .., value] if fields.len() == 6 => (fields, *value),
        fields if fields.len() == 6 => (fields, &b""[..]),
        _ if fields.len() < 6 && line.contains(&b' ') => {
            return Err("there are spaces between its fields; a cookie file has TABs there");
        }
        _ => return Err("it does not have the seven fields of a cookie, separated by TABs"),
    };
    let [domain, below, path, secure, expires, name] = fields else {
        return Err("it does not have the seven fields of a cookie, separated by TABs");
    };
    let (name, value) = (name.trim_ascii(), value.trim_ascii());
    let domain = domain_of(domain)?;
    let is_host_only = !truth(below)? || is_public_suffix(&domain);
    let is_secure = truth(secure)?;
    let expires = time(expires)?;
    if !path.starts_with(b"/") {
        return Err("the path of the cookie (its third field) does not begin with /");
    }
    if line
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        return Err("there is a control character in it");
    }
    if name.is_empty() && value.is_empty() {
        return Err("the cookie has neither a name nor a value");
    }
    if name.contains(&b';') || value.contains(&b';') || name.contains(&b'=') {
        return Err("its name has a ; or = in it, or its value a ;");
    }
    Ok(Cookie {
        name: name.into(),
        value: value.into(),
        domain,
        is_host_only,
        path: (*path).into(),
        is_secure,
        is_http_only,
        expires,
    })
}

fn domain_of(field: &[u8]) -> Result<Box<str>, &'static str> {
    let domain = str::from_utf8(field).ok();
    let domain = domain.map(|domain| domain.trim_start_matches('.').trim_matches(['[', ']']));
    // As in a URL: in lower case, and in ASCII. An IPv6 address has no brackets in such a file.
    let host = domain.and_then(|domain| {
        let with_brackets = || url::Host::parse(&format!("[{domain}]"));
        url::Host::parse(domain).or_else(|_| with_brackets()).ok()
    });
    let host = host.map(|host| host.to_string());
    // A dot may have been encoded.
    let host = host.filter(|host| !host.starts_with('.'));
    let host = host.ok_or("its first field is not the name of a host")?;
    Ok(host.trim_matches(['[', ']']).into())
}

fn truth(field: &[u8]) -> Result<bool, &'static str> {
    match field.to_ascii_uppercase().as_slice() {
        b"TRUE" => Ok(true),
        b"FALSE" => Ok(false),
        _ => Err("its second and fourth fields are not TRUE or FALSE"),
    }
}

/// Returns when a cookie expires. Some extensions write fractions, and yt-dlp nothing for a cookie
/// of the session.
fn time(field: &[u8]) -> Result<Option<i64>, &'static str> {
    const WRONG: &str = "its fifth field is not a time in seconds since 1970 (0 for the session)";
    let field = field.trim_ascii();
    if field.is_empty() {
        return Ok(None);
    }
    let text = str::from_utf8(field).map_err(|_| WRONG)?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !is_number(seconds) || !is_number(fraction) {
        return Err(WRONG);
    }
    // More digits than fit are a day that does not come.
    let seconds = seconds.parse().unwrap_or(i64::MAX);
    Ok((seconds != 0).then_some(seconds))
}

/// Writes a file with these cookies.
pub(crate) fn write<'a>(cookies: impl IntoIterator<Item = &'a Cookie>, text: &mut Vec<u8>) {
    text.extend_from_slice(HEADING);
    text.extend_from_slice(b"# Whoever has this file is logged in where you are.\n\n");
    for cookie in cookies {
        if cookie.is_http_only {
            text.extend_from_slice(HTTP_ONLY);
        }
        let (dot, below) = if cookie.is_host_only {
            ("", "FALSE")
        } else {
            (".", "TRUE")
        };
        let secure = if cookie.is_secure { "TRUE" } else { "FALSE" };
        let expires = cookie.expires.unwrap_or(0);
        // Writing to memory does not fail.
        let _ = write!(text, "{dot}{}\t{below}\t", cookie.domain);
        text.extend_from_slice(&cookie.path);
        let _ = write!(text, "\t{secure}\t{expires}\t");
        text.extend_from_slice(&cookie.name);
        text.push(b'\t');
        text.extend_from_slice(&cookie.value);
        text.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file that has no bad line.
    fn read(text: &[u8]) -> Result<Vec<Cookie>, Error> {
        let mut skipped = None;
        let cookies = super::read(text, |error| skipped = Some(error))?;
        skipped.map_or(Ok(cookies), Err)
    }

    fn one(line: &str) -> Cookie {
        let mut cookies = read(line.as_bytes()).unwrap();
        assert_eq!(cookies.len(), 1, "{line}");
        cookies.remove(0)
    }

    fn written(cookies: &[Cookie]) -> String {
        let mut text = Vec::new();
        write(cookies, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn file_of_a_browser_extension_is_read() {
        let text = "\u{feff}# Netscape HTTP Cookie File\r\n\
                    # https://curl.se/docs/http-cookies.html\r\n\
                    \r\n\
                    .Example.org\tTRUE\t/\tTRUE\t1999999999\tsession\tabc=def\r\n\
                    #HttpOnly_data.example.org\tFALSE\t/x\tFALSE\t0\tid\t\"q\"\r\n";
        let cookies = read(text.as_bytes()).unwrap();
        let [first, second] = cookies.as_slice() else {
            panic!("{cookies:?}");
        };
        assert_eq!((&*first.domain, first.is_host_only), ("example.org", false));
        assert_eq!(
            (&*first.name, &*first.value),
            (&b"session"[..], &b"abc=def"[..])
        );
        assert_eq!(first.expires, Some(1_999_999_999));
        assert!(first.is_secure && !first.is_http_only);
        assert_eq!(
            (&*second.domain, second.is_host_only),
            ("data.example.org", true)
        );
        assert_eq!((&*second.path, second.expires), (&b"/x"[..], None));
        assert!(!second.is_secure && second.is_http_only);
    }

    #[test]
    fn fields_are_read_as_other_programs_write_them() {
        // An empty value may be missing, or a name.
        assert_eq!(&*one("h\tFALSE\t/\tFALSE\t0\ta").value, b"");
        assert_eq!(&*one("h\tFALSE\t/\tFALSE\t0\ta\t").value, b"");
        assert_eq!(&*one("h\tFALSE\t/\tFALSE\t0\t\tb").value, b"b");
        assert_eq!(one("h\tfalse\t/\tfalse\t\ta\tb").expires, None);
        assert_eq!(one("h\tFALSE\t/\tFALSE\t12.75\ta\tb").expires, Some(12));
        let distant = one("h\tFALSE\t/\tFALSE\t99999999999999999999\ta\tb");
        assert_eq!(distant.expires, Some(i64::MAX));
        assert_eq!(&*one("::1\tFALSE\t/\tFALSE\t0\ta\tb").domain, "::1");
        assert_eq!(
            &*one("m\u{fc}nchen.example\tTRUE\t/\tFALSE\t0\ta\tb").domain,
            "xn--mnchen-3ya.example"
        );
        // No cookie is of all sites below a public suffix.
        assert!(one(".co.uk\tTRUE\t/\tFALSE\t0\ta\tb").is_host_only);
    }

    #[test]
    fn bad_line_is_named() {
        for (line, says) in [
            ("h\tFALSE\t/\tFALSE\t0", "seven fields"),
            ("h\tFALSE\t/\tFALSE\t0\ta\tb\tc", "seven fields"),
            ("h FALSE / FALSE 0 a b", "spaces between its fields"),
            ("h\tNO\t/\tFALSE\t0\ta\tb", "TRUE or FALSE"),
            ("h\tFALSE\t/\tx\t0\ta\tb", "TRUE or FALSE"),
            ("h\tFALSE\tx\tFALSE\t0\ta\tb", "begin with /"),
            ("h\tFALSE\t/\tFALSE\t-1\ta\tb", "fifth field"),
            ("h\tFALSE\t/\tFALSE\t1e9\ta\tb", "fifth field"),
            ("\tFALSE\t/\tFALSE\t0\ta\tb", "name of a host"),
            ("%2eh\tFALSE\t/\tFALSE\t0\ta\tb", "name of a host"),
            ("h\tFALSE\t/\tFALSE\t0\t\t", "neither a name nor a value"),
            ("h\tFALSE\t/\tFALSE\t0\t \t ", "neither a name nor a value"),
            ("h\tFALSE\t/\tFALSE\t0\ta\tb;c", "its value a ;"),
            ("h\tFALSE\t/\tFALSE\t0\ta\tb\u{1}", "control character"),
            ("secret", "seven fields"),
        ] {
            let error = read(format!("# c\n\n{line}\n").as_bytes())
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("line 3: ") && error.contains(says),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
        for json in [
            " [{\"domain\": \"h\"}]",
            "[\n\t{",
            "{\n\"cookies\": []}",
            "[]",
        ] {
            let error = read(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("it is JSON; export"), "{json}: {error}");
        }
        assert_eq!(&*one("[::1]\tFALSE\t/\tFALSE\t0\ta\tb").domain, "::1");
    }

    #[test]
    fn bad_line_is_skipped_where_there_are_cookies() {
        let text = b"h\tFALSE\t/\tFALSE\t0\ta\t1\nsecret\n\xFF\tx\n\
                     h\tFALSE\t/\tFALSE\t1\tb\t2\n";
        let mut skipped = Vec::new();
        let cookies = super::read(text, |error| skipped.push(error.to_string())).unwrap();
        assert_eq!(cookies.len(), 2);
        let [first, second] = skipped.as_slice() else {
            panic!("{skipped:?}");
        };
        assert!(first.starts_with("line 2: ") && !first.contains("secret"));
        assert!(second.starts_with("line 3: "), "{second}");
        // Without a cookie, it is probably another kind of file.
        let error = super::read(b"# c\nx\ny\n", drop).unwrap_err();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
        assert!(super::read(b"# c\n\n", drop).unwrap().is_empty());
    }

    #[test]
    fn file_that_is_written_is_read_back() {
        let lines = ".example.org\tTRUE\t/\tTRUE\t1999999999\tsession\tabc\n\
                     #HttpOnly_data.example.org\tFALSE\t/x\tFALSE\t0\tid\t\n\
                     ::1\tFALSE\t/\tFALSE\t7\t\tv\n";
        let cookies = read(lines.as_bytes()).unwrap();
        let text = written(&cookies);
        assert!(text.starts_with("# Netscape HTTP Cookie File\n"), "{text}");
        assert!(text.ends_with(lines), "{text}");
        assert_eq!(read(text.as_bytes()).unwrap(), cookies);
    }
}
