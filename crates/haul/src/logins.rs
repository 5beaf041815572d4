//! Who logs in, and with what: reads what the options about logins name, and asks for a password
//! where there is none.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use haulage::{BearerFile, Credentials, Netrc, Request, RunOptions};

use crate::args::{Download, Logins};
use crate::exit::Problem;
use crate::option_file::{self, MAX_SMALL};
use crate::password::{self, At};
use crate::report::format;
use crate::values::User;

/// Bytes of the line with the user and the password.
const MAX_LINE: u64 = 64 << 10;

/// Reads the logins that were given into the options of a run.
pub(crate) fn read(options: &mut RunOptions, download: &Download) -> Result<(), Problem> {
    let given = &download.logins;
    options.netrc = netrc(given)?;
    options.credentials = match (&given.user, &given.user_file) {
        (Some(user), _) => Some(Credentials {
            user: user.name.clone(),
            password: match &user.password {
                Some(password) => password.clone(),
                // Nothing is sent.
                None if download.dry_run => Vec::new(),
                None => password(user, options.netrc.as_ref(), download)?,
            },
        }),
        (None, Some(path)) => Some(in_file(path, download)?),
        (None, None) => None,
    };
    if let Some(path) = &given.bearer_file {
        let bearer = BearerFile::open(path);
        let bearer = bearer.map_err(|error| Problem::from(error).in_context("--bearer-file"))?;
        options.bearer = Some(bearer);
    }
    Ok(())
}

/// Returns the password of a user: an empty one if the netrc has it, else what is typed.
fn password(user: &User, netrc: Option<&Netrc>, download: &Download) -> Result<Vec<u8>, Problem> {
    let looked_in = match netrc.map(|netrc| without_entry(user, netrc, download)) {
        Some(None) => return Ok(Vec::new()),
        Some(Some(host)) => {
            let path = netrc_path(&download.logins)?.unwrap_or_default();
            Some(format!(
                "{} has no entry of this user{host}",
                path.display()
            ))
        }
        None => None,
    };
    let looked_in = looked_in.as_deref();
    password::ask(&user.shown(), At::Servers, looked_in, download.prompt)
}

/// Returns for which URL a netrc has no entry of a user, in words that fit after "user"; `None` if
/// it has what is needed. Hosts of lists and patterns are not known yet: for them, any entry of the
/// user will do.
fn without_entry(user: &User, netrc: &Netrc, download: &Download) -> Option<String> {
    let is_pattern = |url: &str| !download.globoff && url.contains(['{', '[']);
    let plain = download.urls.iter().filter(|url| !is_pattern(url));
    let mut requests = plain.filter_map(|url| Request::new(url).ok()).peekable();
    if requests.peek().is_none() {
        return (!netrc.has_user(&user.name)).then(String::new);
    }
    let mut missing = requests.filter(|request| !request.has_login_in(netrc, &user.name));
    missing
        .next()
        .map(|request| format!(" for {}", request.url()))
}

/// Reads the netrc file that was asked for; `None` if none was, or if it may be missing and is.
pub(crate) fn netrc(given: &Logins) -> Result<Option<Netrc>, Problem> {
    let Some(path) = netrc_path(given)? else {
        return Ok(None);
    };
    let may_be_missing = given.netrc_optional && given.netrc_file.is_none();
    if may_be_missing && !path.exists() {
        return Ok(None);
    }
    let option = match (&given.netrc_file, given.netrc) {
        (Some(_), _) => "--netrc-file",
        (None, true) => "--netrc",
        (None, false) => "--netrc-optional",
    };
    let text = option_file::read(option, &path, MAX_SMALL)?;
    let netrc = Netrc::parse(text).map_err(|error| {
        let path = path.display();
        Problem::usage(format!("{option}: {path} is no netrc: {error}"))
            .hint("a line of a netrc file looks like: machine HOST login USER password PASSWORD")
    })?;
    Ok(Some(netrc.with_path(path)))
}

/// Returns what is to be said about files with passwords that other users can read.
pub(crate) fn notes(given: &Logins) -> Vec<String> {
    let netrc = netrc_path(given).ok().flatten();
    let files = netrc.iter().chain(&given.user_file);
    let readable = files.filter(|path| others_can_read(path));
    readable
        .map(|path| {
            let path = path.display();
            format!("other users can read the passwords in {path}; chmod 600 {path} prevents that")
        })
        .collect()
}

fn others_can_read(path: &Path) -> bool {
    let about = fs::metadata(path);
    about.is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o044 != 0)
}

/// Returns the netrc file to read; `None` if none was asked for.
fn netrc_path(given: &Logins) -> Result<Option<PathBuf>, Problem> {
    if let Some(path) = &given.netrc_file {
        return Ok(Some(path.clone()));
    }
    if !given.netrc && !given.netrc_optional {
        return Ok(None);
    }
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    match (set("NETRC"), set("HOME")) {
        (Some(path), _) => Ok(Some(path.into())),
        (None, Some(home)) => Ok(Some(Path::new(&home).join(".netrc"))),
        (None, None) if given.netrc_optional => Ok(None),
        (None, None) => {
            Err(Problem::usage("--netrc: HOME is not set")
                .hint("name the file with --netrc-file FILE"))
        }
    }
}

/// Returns the user and the password in a file, or in standard input.
fn in_file(path: &Path, download: &Download) -> Result<Credentials, Problem> {
    let read = if path.as_os_str() != "-" {
        fs::File::open(path).and_then(first_line)
    } else if download.inputs.iter().any(|input| input.as_os_str() == "-") {
        return Err(Problem::usage(
            "standard input can be read only once: --user-file - and -i - exclude each other",
        ));
    } else {
        first_line(io::stdin())
    };
    let name = path.display();
    let line = read.map_err(|cause| {
        let why = format::io(&cause);
        Problem::usage(format!("--user-file: cannot read {name}: {why}"))
    })?;
    let mut parts = line.splitn(2, |byte| *byte == b':');
    match (parts.next(), parts.next()) {
        (Some(user), Some(password)) => Ok(Credentials::new(user, password)),
        _ => Err(Problem::usage(format!(
            "--user-file: the first line of {name} is not USER:PASSWORD"
        ))),
    }
}

/// Returns the first line, without its end. What follows it is not waited for.
fn first_line(source: impl Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(source.take(MAX_LINE + 1)).read_until(b'\n', &mut line)?;
    if line.len() as u64 > MAX_LINE {
        let what = "its first line has more than 64 KiB";
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_is_read_as_bytes_up_to_a_limit() {
        assert_eq!(first_line(&b"j\xFC:p\r\nx"[..]).unwrap(), b"j\xFC:p");
        assert_eq!(first_line(&b"me:"[..]).unwrap(), b"me:");
        let error = first_line(io::repeat(b'x')).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
