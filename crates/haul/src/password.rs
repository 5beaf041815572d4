//! Asks for a password on the terminal, which does not show it.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use crate::exit::{Exit, Problem};

/// What Ctrl-C types.
const CONTROL_C: u8 = 3;

/// Whether a password may be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// On the terminal.
    #[default]
    Terminal,
    /// Never: one that is missing is an error.
    Never,
}

/// Where a user logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Servers,
    Proxy,
}

impl At {
    fn option(self) -> &'static str {
        match self {
            Self::Servers => "-u",
            Self::Proxy => "--proxy-user",
        }
    }

    fn user(self) -> &'static str {
        match self {
            Self::Servers => "user",
            Self::Proxy => "proxy user",
        }
    }

    fn hint(self, prompt: Prompt) -> &'static str {
        match (self, prompt) {
            (Self::Servers, Prompt::Terminal) => "give it with --user-file FILE or --netrc",
            (Self::Servers, Prompt::Never) => {
                "write user=\"NAME:PASSWORD\", or give it with user_file or netrc"
            }
            (Self::Proxy, Prompt::Terminal) => {
                "give it in the URL of the proxy, in the variable https_proxy"
            }
            (Self::Proxy, Prompt::Never) => "write proxy_user=\"NAME:PASSWORD\"",
        }
    }
}

/// Asks for the password of a user. Blocks until a line has been typed. `looked_in` says where it
/// was looked for, and is part of the error where there is no terminal, or none may be used.
pub(crate) fn ask(
    user: &str,
    at: At,
    looked_in: Option<&str>,
    prompt: Prompt,
) -> Result<Vec<u8>, Problem> {
    let missing = |why: &str| {
        let option = at.option();
        let looked_in = looked_in
            .map(|text| format!(", {text}"))
            .unwrap_or_default();
        Problem::usage(format!("{option} {user} has no password{looked_in}{why}"))
            .hint(at.hint(prompt))
    };
    if prompt == Prompt::Never {
        return Err(missing(""));
    }
    let terminal =
        File::open("/dev/tty").map_err(|_| missing(", and there is no terminal to ask for it"))?;
    read(&terminal, user, at).map_err(|cause| {
        if cause.kind() == io::ErrorKind::Interrupted {
            let interrupted = Problem::usage("interrupted; no password was given");
            return Problem {
                exit: Exit::Interrupted,
                ..interrupted
            };
        }
        Problem::usage(format!("the password could not be read: {cause}")).hint(at.hint(prompt))
    })
}

fn read(terminal: &File, user: &str, at: At) -> io::Result<Vec<u8>> {
    let hidden = Hidden::new(terminal)?;
    // Not through the report: it is no message about the run.
    write!(io::stderr(), "Password for {} {user}: ", at.user())?;
    io::stderr().flush()?;
    let mut line = Vec::new();
    let read = read_line(terminal, &mut line);
    drop(hidden);
    read?;
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let ends = line.iter().rev().take_while(|byte| is_end(byte)).count();
    line.truncate(line.len() - ends);
    Ok(line)
}

fn read_line(mut terminal: &File, line: &mut Vec<u8>) -> io::Result<()> {
    // A terminal gives a line at a time.
    let mut typed = [0; 1024];
    while line.last() != Some(&b'\n') {
        let read = terminal.read(&mut typed)?;
        line.extend_from_slice(&typed[..read]);
        if line.contains(&CONTROL_C) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if read == 0 {
            return Err(io::Error::other("the terminal was closed"));
        }
    }
    Ok(())
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        // The end of the line is shown, so that what follows is on a line of its own.
        modes.local_modes.insert(LocalModes::ECHONL);
        // A signal would end the process before the terminal shows again what is typed. So Ctrl-C
        // is no signal here, but ends the line.
        modes.local_modes.remove(LocalModes::ISIG);
        modes.special_codes[SpecialCodeIndex::VEOL] = CONTROL_C;
        // What was typed before it is no part of the password.
        tcsetattr(terminal, OptionalActions::Flush, &modes)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
