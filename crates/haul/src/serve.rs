//! `haul serve`: the daemon.

mod log;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use haulage_daemon::{Access, Ready, Settings, TlsFiles};

pub(crate) use self::log::layer as log_layer;
use self::tools::CommandTools;
use crate::args::ServeArgs;
use crate::config::{Configured, HostSection};
use crate::embedded;
use crate::exit::{Exit, Problem};
use crate::report;
use crate::signal::Interrupts;

/// Runs the daemon until a signal, or a client, ends it.
pub(crate) fn run(arguments: &ServeArgs, configured: Configured) -> Result<Exit, Problem> {
    configured
        .warnings
        .iter()
        .for_each(|warning| report::tell(warning));
    let settings = settings(arguments, configured.hosts)?;
    let stop = async {
        match Interrupts::listen(false) {
            Ok(mut interrupts) => drop(interrupts.next().await),
            Err(error) => report::tell(&format!("signals cannot be handled: {error}")),
        }
    };
    let ended = haulage_daemon::run(settings, |ready| report::tell(&announcement(ready)), stop);
    ended.map_err(|problem| Problem::usage(problem.to_string()))?;
    Ok(Exit::Success)
}

fn announcement(ready: &Ready) -> String {
    let url = &ready.url;
    let page = url.trim_end_matches("jsonrpc");
    let start = format!("haul listens at {url}; its page is {page}");
    match &ready.secret_file {
        Some(path) => format!("{start}; its secret is in {}", path.display()),
        None => start,
    }
}

fn settings(arguments: &ServeArgs, hosts: Vec<HostSection>) -> Result<Settings, Problem> {
    let directory = &arguments.defaults.directory;
    let given = arguments.defaults.given.clone();
    let defaults = embedded::options_with_hosts(Some(directory), &given, &hosts)?;
    let notes = defaults.notes.iter().chain(&defaults.warnings);
    notes.for_each(|note| report::tell(note));
    let access = match (&arguments.rpc_secret, &arguments.secret_file) {
        _ if arguments.no_secret => Access::Anybody,
        (Some(secret), _) => Access::Secret(secret.clone()),
        (None, Some(path)) => Access::File(path.clone()),
        (None, None) => Access::Generated,
    };
    let tls = arguments.tls_cert.as_ref().zip(arguments.tls_key.as_ref());
    Ok(Settings {
        listen: arguments.listen.clone(),
        dir: directory.clone(),
        allowed_dirs: arguments.allowed_dirs.clone(),
        state: state_folder(arguments.state.as_deref())?,
        access,
        allowed_origins: arguments.allowed_origins.clone(),
        max_concurrent_downloads: arguments.max_concurrent_downloads.map(u16::from),
        tls: tls.map(|(certificate, key)| TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        engine: defaults.engine,
        defaults: defaults.run,
        tools: Arc::new(CommandTools::new(given, hosts)),
    })
}

/// Returns the folder of the queue (XDG Base Directory Specification).
///
/// # Errors
/// When none is given, and there is no home directory.
pub(crate) fn state_folder(given: Option<&Path>) -> Result<PathBuf, Problem> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    let absolute = |folder: &PathBuf| folder.is_absolute();
    let users_own = || {
        let folder = folder("XDG_STATE_HOME").filter(absolute);
        folder.or_else(|| Some(std::env::home_dir()?.join(".local/state")))
    };
    let given = given.map(Path::to_owned);
    let found = given.or_else(|| Some(users_own()?.join("haul")));
    found.ok_or_else(|| {
        Problem::usage("there is no home directory for the queue").hint("--state DIR names another")
    })
}
