//! Who logs in, and with what: reads what the options about logins name, and asks for a password
//! where there is none.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use haulage::{BearerFile, Credentials, Netrc, RunOptions};

use crate::args::Download;
use crate::exit::Problem;
use crate::option_file::{self, MAX_SMALL};
use crate::password::{self, At};
use crate::report::format;

/// Bytes of the line with the user and the password.
const MAX_LINE: u64 = 64 << 10;

/// Reads the logins that were given into the options of a run.
pub(crate) fn read(options: &mut RunOptions, download: &Download) -> Result<(), Problem> {
    options.netrc = netrc(download)?;
    options.credentials = match (&download.user, &download.user_file) {
        (Some(user), _) => Some(Credentials {
            user: user.name.clone().into(),
            password: match &user.password {
                Some(password) => password.clone().into(),
                // The netrc has it; and nothing is sent in a dry run.
                None if options.netrc.is_some() || download.dry_run => Vec::new(),
                None => password::ask(&user.name, At::Servers)?.into(),
            },
        }),
        (None, Some(path)) => Some(in_file(path, download)?),
        (None, None) => None,
    };
    if let Some(path) = &download.bearer_file {
        let bearer = BearerFile::open(path);
        let bearer = bearer.map_err(|error| Problem::from(error).in_context("--bearer-file"))?;
        options.bearer = Some(bearer);
    }
    Ok(())
}

/// Reads the netrc file that was asked for; `None` if none was, or if it may be missing and is.
pub(crate) fn netrc(download: &Download) -> Result<Option<Netrc>, Problem> {
    let Some(path) = netrc_path(download)? else {
        return Ok(None);
    };
    let may_be_missing = download.netrc_optional && download.netrc_file.is_none();
    if may_be_missing && !path.exists() {
        return Ok(None);
    }
    let option = match (&download.netrc_file, download.netrc) {
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
    Ok(Some(netrc))
}

/// Returns what is to be said about files with passwords that other users can read.
pub(crate) fn notes(download: &Download) -> Vec<String> {
    let netrc = netrc_path(download).ok().flatten();
    let files = netrc.iter().chain(&download.user_file);
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
fn netrc_path(download: &Download) -> Result<Option<PathBuf>, Problem> {
    if let Some(path) = &download.netrc_file {
        return Ok(Some(path.clone()));
    }
    if !download.netrc && !download.netrc_optional {
        return Ok(None);
    }
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    match (set("NETRC"), set("HOME")) {
        (Some(path), _) => Ok(Some(path.into())),
        (None, Some(home)) => Ok(Some(Path::new(&home).join(".netrc"))),
        (None, None) if download.netrc_optional => Ok(None),
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
