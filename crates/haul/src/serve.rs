//! `haul serve`: the daemon.

mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use haulage::{EngineOptions, FileNames, RunOptions};
use haulage_daemon::{Access, Ready, Settings, TlsFiles};

use self::tools::CommandTools;
use crate::args::ServeArgs;
use crate::exit::{Exit, Problem};
use crate::report;
use crate::signal::Interrupts;
use crate::values::Rate;

/// Runs the daemon until a signal, or a client, ends it.
pub(crate) fn run(arguments: &ServeArgs) -> Result<Exit, Problem> {
    let settings = settings(arguments)?;
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
    match &ready.secret_file {
        Some(path) => format!("haul listens at {url}; its secret is in {}", path.display()),
        None => format!("haul listens at {url}"),
    }
}

fn settings(arguments: &ServeArgs) -> Result<Settings, Problem> {
    let mut engine = EngineOptions::default();
    engine.jobs = arguments.jobs;
    engine.per_host = arguments.per_host;
    engine.limit_rate_per_host = arguments.limit_rate_per_host.and_then(Rate::limit);
    let mut defaults = RunOptions::new(&arguments.directory);
    defaults.route.public_only = arguments.public_only;
    if arguments.content_disposition {
        defaults.file_names = FileNames::FromServer;
    }
    let access = match (&arguments.rpc_secret, &arguments.secret_file) {
        _ if arguments.no_secret => Access::Anybody,
        (Some(secret), _) => Access::Secret(secret.clone()),
        (None, Some(path)) => Access::File(path.clone()),
        (None, None) => Access::Generated,
    };
    let tls = arguments.tls_cert.as_ref().zip(arguments.tls_key.as_ref());
    Ok(Settings {
        listen: arguments.listen.clone(),
        dir: arguments.directory.clone(),
        allowed_dirs: arguments.allowed_dirs.clone(),
        state: state_folder(arguments.state.as_deref())?,
        access,
        allowed_origins: arguments.allowed_origins.clone(),
        max_concurrent_downloads: arguments.max_concurrent_downloads.map(u16::from),
        tls: tls.map(|(certificate, key)| TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        engine,
        defaults,
        tools: Arc::new(CommandTools::default()),
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
