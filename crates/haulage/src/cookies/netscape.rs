//! Cookie files in the Netscape format, as curl, yt-dlp and browser extensions write and read them:
//! a cookie a line, seven fields separated by TABs. Pure.

use std::io::Write as _;

use super::cookie::Cookie;
use super::site::is_public_suffix;
use crate::error::{Error, ErrorKind};

/// Before the domain of a cookie that scripts do not see.
const HTTP_ONLY: &[u8] = b"#HttpOnly_";
const HEADING: &[u8] = b"# Netscape HTTP Cookie File\n";

/// Returns the cookies of a file. Those that have expired are among them.
///
/// # Errors
/// Of kind `input`, with the number of the line, for one that is no cookie.
pub(crate) fn read(text: &[u8]) -> Result<Vec<Cookie>, Error> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    if text.trim_ascii_start().starts_with(b"[") || text.trim_ascii_start().starts_with(b"{") {
        return Err(Error::new(
            ErrorKind::Input,
            "it is JSON; export the cookies in the Netscape format (cookies.txt)",
        ));
    }
    let mut cookies = Vec::new();
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let cookie = match line.strip_prefix(HTTP_ONLY) {
            Some(line) => read_line(line, true),
            None if line.starts_with(b"#") || line.trim_ascii().is_empty() => continue,
            None => read_line(line, false),
        };
        let cookie = cookie
            .map_err(|why| Error::new(ErrorKind::Input, format!("line {}: {why}", at + 1)))?;
        cookies.push(cookie);
    }
    Ok(cookies)
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
        name: name.trim_ascii().into(),
        value: value.trim_ascii().into(),
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
    let host = host.ok_or("its first field is not the name of a host")?;
    Ok(host.to_string().trim_matches(['[', ']']).into())
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
            ("h\tFALSE\t/\tFALSE\t0\t\t", "neither a name nor a value"),
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
        let json = read(b" [{\"domain\": \"h\"}]").unwrap_err().to_string();
        assert!(json.contains("it is JSON; export"), "{json}");
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
