//! The arguments of `haul serve`.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Defaults;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Listen at this address and port; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:6800")]
    pub(crate) listen: String,
    /// Let clients save files to this folder too, and to those in it; may be repeated
    #[arg(long = "allow-dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) allowed_dirs: Vec<PathBuf>,
    /// Keep the queue and the secret in this folder, which is in no folder of downloads [default:
    /// $XDG_STATE_HOME/haul, or ~/.local/state/haul]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state: Option<PathBuf>,
    /// Secret that clients must know; other users of this machine may see it in the list of
    /// processes
    #[arg(long, value_name = "SECRET", conflicts_with_all = ["secret_file", "no_secret"])]
    pub(crate) rpc_secret: Option<String>,
    /// Read the secret from this file, which only its owner may be able to read [default: a file in
    /// --state, made at the first start]
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with = "no_secret"
    )]
    pub(crate) secret_file: Option<PathBuf>,
    /// Let any program of this machine use the daemon
    #[arg(long)]
    pub(crate) no_secret: bool,
    /// Let pages of this origin use the daemon, such as https://ariang.example; may be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) allowed_origins: Vec<String>,
    /// PEM file with the certificate, for https and wss
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// PEM file with the key of --tls-cert
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: Option<PathBuf>,
    /// Maximum downloads at once [default: what clients have set, or 5]
    #[arg(long, value_name = "N")]
    pub(crate) max_concurrent_downloads: Option<NonZeroU16>,
    #[command(flatten)]
    pub(crate) defaults: Defaults,
}
