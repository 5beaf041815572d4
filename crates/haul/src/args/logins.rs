//! The options that log in at servers. What `config/hosts.rs` does about each of them is checked.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::values::User;

// Who logs in at servers, and with what. A doc comment would become the help of `haul config`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Logins {
    /// Log in with this user and password
    ///
    /// The login is HTTP Basic or, if the server asks for it, Digest. Without :PASSWORD, the netrc
    /// file of --netrc has the password, or haul asks for it on the terminal. It is sent only to
    /// the origin of each URL as given. Other users of this machine can see a password on the
    /// command line: --user-file and --netrc keep it hidden. In a list, USER:PASSWORD@ before the
    /// host of a URL is a login for that URL.
    #[arg(
        short,
        long,
        value_name = "USER[:PASSWORD]",
        value_parser = User::parser(),
        help_heading = "Logins and cookies"
    )]
    pub(crate) user: Option<User>,

    /// Read USER:PASSWORD from the first line of this file; - is standard input
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with = "user",
        help_heading = "Logins and cookies"
    )]
    pub(crate) user_file: Option<PathBuf>,

    /// Log in with what the file .netrc in your home folder has for each host
    ///
    /// That file has lines such as: machine HOST login USER password PASSWORD. It counts for each
    /// host that a URL or a redirect leads to, unless that has another login; its default entry
    /// counts only for hosts of URLs as given. The environment variable NETRC names another file.
    #[arg(short = 'n', long, help_heading = "Logins and cookies")]
    pub(crate) netrc: bool,

    /// Log in as with --netrc, but do without the file if it is missing
    #[arg(long, help_heading = "Logins and cookies")]
    pub(crate) netrc_optional: bool,

    /// Log in as with --netrc, but with what this file has
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Logins and cookies"
    )]
    pub(crate) netrc_file: Option<PathBuf>,

    /// Log in with the token in this file (Authorization: Bearer)
    ///
    /// It is sent only to the origin of each URL as given. If the file changes, the new token is
    /// sent.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["user", "user_file"],
        help_heading = "Logins and cookies"
    )]
    pub(crate) bearer_file: Option<PathBuf>,
}
