//! `haul demo`: a server inside this program, and a download of its twenty flags from it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use haulage::source::Pattern;
use haulage::{EngineOptions, Existing, Row, RunOptions, StateDir};
use origin::Origin;
use origin::flags::CODES;

use crate::args::Demo;
use crate::exit::{Exit, Problem};
use crate::input::{Count, Input, Inputs};
use crate::metrics::MetricsPlan;
use crate::report::{self, Detail, Display, Items, ResultsPlan, Volume};
use crate::run;
use crate::settings::{Attended, Settings};
use crate::start::WhenBusy;

/// How long the server takes to answer: without that, there would be nothing to see.
const LATENCY: Duration = Duration::from_millis(250);

const JOBS: usize = 4;

pub(crate) fn run(demo: &Demo) -> Result<Exit, Problem> {
    let origin = Origin::builder().quiet().start().map_err(|cause| {
        Problem::destination(format!("cannot start the server of the demo: {cause}"))
    })?;
    origin.serve_flags(LATENCY);
    let exit = run::run(settings(&demo.directory, &origin.url(""))?)?;
    if exit == Exit::Success {
        report::tell(&farewell(&demo.directory));
    }
    Ok(exit)
}

fn settings(directory: &Path, server: &str) -> Result<Settings, Problem> {
    let mut engine = EngineOptions::default();
    engine.jobs = JOBS;
    let mut options = RunOptions::new(directory);
    options.existing = Existing::Overwrite;
    options.state_dir = StateDir::RemoveWhenDone;
    let rows = Pattern::parse(&flags_at(server))?
        .into_iter()
        .zip(CODES)
        .map(labelled);
    let mut inputs = Inputs::new();
    inputs.add(Input {
        rows: Box::new(rows),
        count: Count::Known(CODES.len() as u64),
    });
    let detail = Detail {
        items: Items::All { at_once: JOBS },
        volume: Volume::Normal,
    };
    Ok(Settings {
        engine,
        options,
        inputs,
        display: match Attended::now(false) {
            Attended::Yes => Display::Bar(detail),
            Attended::No => Display::Lines(detail),
        },
        results: ResultsPlan::default(),
        page: None,
        log_file: None,
        metrics: MetricsPlan::default(),
        reader: None,
        cookie_file: None,
        notes: Vec::new(),
        warnings: Vec::new(),
        when_busy: WhenBusy::Fail,
    })
}

fn labelled((row, code): (Row, &str)) -> Row {
    row.map(|request| request.labelled(code))
}

/// Returns the pattern for the URLs of the twenty flags on a server that has these paths.
fn flags_at(server: &str) -> String {
    format!(
        "{server}/data/flags/{{<cc>{}}}/{{<cc>}}.gif",
        CODES.join(",")
    )
}

fn farewell(directory: &Path) -> String {
    let mut text = format!("The flags are in {}. ", directory.display());
    // Writing to memory does not fail.
    let _ = write!(
        text,
        "The same from a server on the internet:\n\n  haul -d {} -j {JOBS} '{}'\n",
        quoted(directory),
        flags_at("http://flupy.org")
    );
    text
}

/// Returns a path as it is written in a shell: in single quotes if it needs them.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    if text.bytes().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_gives_each_flag_once_and_its_label_fits() {
        let settings = settings(Path::new("x"), "http://127.0.0.1:1").unwrap();
        assert_eq!(settings.inputs.counts(), [Count::Known(20)]);
        let (sources, _) = settings.inputs.into_parts();
        let urls: Vec<String> = sources
            .flatten()
            .map(|row| row.unwrap().url().to_owned())
            .collect();
        assert_eq!(urls.len(), 20);
        assert_eq!(urls[0], "http://127.0.0.1:1/data/flags/cn/cn.gif");
    }

    #[test]
    fn the_command_it_shows_can_be_pasted() {
        let text = farewell(Path::new("my flags"));
        assert!(text.contains(
            "  haul -d 'my flags' -j 4 'http://flupy.org/data/flags/{<cc>cn,in,us,id,br,pk,ng,bd,ru,jp,mx,ph,vn,et,eg,de,ir,tr,cd,fr}/{<cc>}.gif'\n"
        ), "{text}");
        assert_eq!(quoted(Path::new("downloads")), "downloads");
        assert_eq!(quoted(Path::new("it's")), "'it'\\''s'");
    }
}
