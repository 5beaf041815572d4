//! `haul`: downloads a list of URLs, of one line or of a hundred million. All that concerns files
//! and networks is in the library `haulage`; what is here turns arguments into its options, and its
//! events into something to look at.
//!
//! The program calls [`run_command`]. A library for another language, whose functions take the
//! options of the command, calls [`embedded`].

mod args;
mod check_command;
#[cfg_attr(not(feature = "program"), path = "no_client.rs")]
mod client;
mod command_line;
mod completions;
mod config;
mod cookies;
#[cfg_attr(not(feature = "program"), path = "no_demo.rs")]
mod demo;
pub mod embedded;
mod exit;
mod explain;
mod first_contact;
mod foreign_flags;
#[cfg_attr(not(feature = "report"), path = "no_html_report.rs")]
mod html_report;
mod input;
mod list_fetcher;
mod logins;
mod manual;
mod metrics;
mod on_complete;
mod option_file;
mod output;
#[cfg(feature = "parquet")]
mod panics;
mod password;
mod printed;
mod proxy;
mod report;
mod results_command;
mod run;
#[cfg_attr(not(feature = "program"), path = "no_serve.rs")]
mod serve;
mod settings;
mod signal;
mod start;
mod target;
mod tls;
mod trace;
mod values;
mod version;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::args::Command;
use crate::command_line::Read;
use crate::config::Environment;
use crate::exit::{Exit, Problem};
use crate::settings::Settings;

/// Runs the command with the arguments and the environment of this process, and returns the status
/// to exit with.
#[must_use]
pub fn run_command() -> ExitCode {
    #[cfg(feature = "parquet")]
    panics::explain();
    let words: Vec<OsString> = std::env::args_os().collect();
    // The first one is the name of the program.
    if words.len() < 2 {
        return shown(first_contact::print()).into();
    }
    if version::is_wanted(&words) {
        return shown(version::print()).into();
    }
    let read = match command_line::read(words, &Environment::of_process()) {
        Ok(read) => read,
        Err(stop) => return stop.show().into(),
    };
    let is_daemon = matches!(read.arguments.command, Some(Command::Serve(_)));
    let log = is_daemon.then(serve::log_layer).flatten();
    if let Some(wrong) = trace::start(log) {
        report::tell(&wrong);
    }
    shown(dispatch(read)).into()
}

fn dispatch(mut read: Read) -> Result<Exit, Problem> {
    match &read.arguments.command {
        None => download(read),
        Some(Command::Check(arguments)) => check_command::run(arguments),
        Some(Command::Config(_)) => config::print(&read.command, &read.typed, &read.configured),
        Some(Command::Demo(demo)) => demo::run(demo),
        Some(Command::Explain { topic }) => explain::print(*topic),
        Some(Command::Report(arguments)) => html_report::print(arguments),
        Some(Command::Results(arguments)) => results_command::print(arguments),
        Some(Command::Serve(arguments)) => {
            serve::run(arguments, std::mem::take(&mut read.configured))
        }
        Some(Command::Add(arguments)) => client::add(arguments),
        Some(Command::Status(arguments)) => client::status(arguments),
        Some(Command::Pause(arguments)) => client::pause(arguments),
        Some(Command::Resume(arguments)) => client::resume(arguments),
        Some(Command::Remove(arguments)) => client::remove(arguments),
        Some(Command::Completions { shell }) => manual::completions(*shell),
        Some(Command::Man) => manual::page(),
    }
}

/// Shows the problem, if there is one, and returns the status to exit with.
fn shown(ended: Result<Exit, Problem>) -> Exit {
    ended.unwrap_or_else(|problem| {
        report::show(&problem);
        problem.exit
    })
}

fn download(read: Read) -> Result<Exit, Problem> {
    let mut settings = Settings::new(&read.arguments.download, &read.configured.hosts)?;
    settings.notes.splice(0..0, read.configured.warnings);
    if settings.shows_command() {
        let command = config::shown_command(&read.command, &read.typed.words);
        settings.name_command(command);
    }
    run::run(settings)
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
