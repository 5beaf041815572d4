//! Every event as a line of JSON on standard error, and nothing else there.

use haulage::{Event, Status, WaitCause};
use serde::Serialize;

use crate::report::attempt::AttemptRow;
use crate::report::row::{CarriedNames, Failure, ResultRow, write_line};
use crate::report::summary::Figures;
use crate::report::{Notice, Reporter, Summary, Volume, millis, say};

pub(crate) struct Json {
    volume: Volume,
    gathered: String,
}

/// What a line says. The field `event` names the variant.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Started {
        row: u64,
        label: &'a str,
        url: &'a str,
    },
    Redirected {
        row: u64,
        to: &'a str,
    },
    Retrying {
        row: u64,
        attempts: u32,
        error: Failure,
        wait_ms: u64,
    },
    Attempt(Box<AttemptRow<'a>>),
    LimitChanged {
        host: Option<&'a str>,
        limit: usize,
        why: &'a str,
    },
    HostWaits {
        host: &'a str,
        wait_ms: u64,
        why: Option<&'a str>,
        http_status: Option<u16>,
        retry_after: bool,
    },
    ProxyWaits {
        proxy: &'a str,
        wait_ms: u64,
        why: &'a str,
    },
    Ended(Box<ResultRow<'a>>),
    InputFailed {
        error: Failure,
    },
    TooManyErrors {
        failed: u64,
    },
    Stopped {
        error: Failure,
    },
    Warned {
        message: String,
    },
    Waiting {
        message: String,
    },
    Stopping,
    Note {
        message: &'a str,
    },
    Problem {
        message: &'a str,
        hint: Option<&'a str>,
    },
    Finished(Figures),
}

impl Json {
    pub(crate) fn new(volume: Volume) -> Self {
        Self {
            volume,
            gathered: String::new(),
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        write_line(line, &mut self.gathered);
    }
}

/// Returns the line of an event; `None` for one that has none.
pub(super) fn line(event: &Event) -> Option<String> {
    let mut json = Json::new(Volume::Normal);
    json.event(event);
    Some(json.gathered).filter(|line| !line.is_empty())
}

impl<'a> Line<'a> {
    /// Returns the line of an event; `None` for one that has none. `names` are those of the rows
    /// before.
    pub(super) fn of(event: &'a Event, names: &'a mut CarriedNames) -> Option<Self> {
        Some(match event {
            Event::InputFailed(error) => Self::InputFailed {
                error: error.into(),
            },
            Event::TooManyErrors(failed) => Self::TooManyErrors { failed: *failed },
            Event::Stopped(error) => Self::Stopped {
                error: error.into(),
            },
            Event::Warned(warning) => Self::Warned {
                message: warning.to_string(),
            },
            Event::Ended(outcome) => Self::Ended(Box::new(ResultRow::new(outcome, names))),
            Event::Attempted(attempt) => Self::Attempt(Box::new(AttemptRow::new(attempt))),
            Event::Started(transfer) => Self::Started {
                row: transfer.row,
                label: &transfer.label,
                url: &transfer.url,
            },
            Event::Redirected { transfer, to } => Self::Redirected {
                row: transfer.row,
                to,
            },
            Event::Retrying {
                transfer,
                attempts,
                error,
                wait,
            } => Self::Retrying {
                row: transfer.row,
                attempts: *attempts,
                error: error.into(),
                wait_ms: millis(*wait),
            },
            Event::LimitChanged { host, limit, why } => Self::LimitChanged {
                host: host.as_deref(),
                limit: *limit,
                why: why.name(),
            },
            Event::HostWaits { host, wait, why } => Self::HostWaits {
                host,
                wait_ms: millis(*wait),
                why: why.map(|why| why.cause.name()),
                http_status: why.and_then(|why| match why.cause {
                    WaitCause::Status(status) => Some(status),
                    _ => None,
                }),
                retry_after: why.is_some_and(|why| why.retry_after),
            },
            Event::ProxyWaits { proxy, wait, why } => Self::ProxyWaits {
                proxy,
                wait_ms: millis(*wait),
                why: why.cause.name(),
            },
            _ => return None,
        })
    }
}

impl Reporter for Json {
    fn event(&mut self, event: &Event) {
        let is_shown = match event {
            Event::InputFailed(_)
            | Event::TooManyErrors(_)
            | Event::Stopped(_)
            | Event::Warned(_) => true,
            Event::Ended(outcome) if matches!(outcome.status, Status::Failed(_)) => true,
            Event::Attempted(_) => self.volume == Volume::Verbose,
            _ => self.volume != Volume::Quiet,
        };
        let mut names = CarriedNames::default();
        if is_shown && let Some(line) = Line::of(event, &mut names) {
            self.line(&line);
        }
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Stopping | Notice::Note(_) if self.volume == Volume::Quiet => {}
            Notice::Stopping => self.line(&Line::Stopping),
            Notice::Note(message) => self.line(&Line::Note { message }),
            Notice::Warning(message) => self.line(&Line::Warned {
                message: (*message).to_owned(),
            }),
            Notice::Waiting(run) => self.line(&Line::Waiting {
                message: format!("waiting for {run}"),
            }),
            Notice::Problem(problem) => self.line(&Line::Problem {
                message: &problem.message,
                hint: problem.hint.as_deref(),
            }),
        }
        self.flush();
    }

    fn flush(&mut self) {
        say(&self.gathered);
        self.gathered.clear();
    }

    fn finish(&mut self, summary: &Summary) {
        if self.volume != Volume::Quiet {
            self.line(&Line::Finished(summary.figures()));
        }
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use haulage::{Error, ErrorKind};

    use super::*;
    use crate::exit::Problem;

    #[test]
    fn each_line_is_an_object_that_names_its_event() {
        let mut json = Json::new(Volume::Normal);
        json.event(&Event::Stopped(Error::new(
            ErrorKind::Disk,
            "full \u{202e}",
        )));
        json.line(&Line::Stopping);
        let problem = Problem::usage("no");
        json.line(&Line::Problem {
            message: &problem.message,
            hint: None,
        });
        assert_eq!(
            json.gathered,
            "{\"event\":\"stopped\",\"error\":{\"kind\":\"disk\",\"message\":\"full \\u202e\"}}\n\
             {\"event\":\"stopping\"}\n\
             {\"event\":\"problem\",\"message\":\"no\",\"hint\":null}\n"
        );
    }

    #[test]
    fn the_last_line_has_the_counts() {
        let mut json = Json::new(Volume::Normal);
        let summary = Summary {
            done: 1,
            bytes: 2,
            elapsed: Duration::from_millis(3),
            ..Summary::default()
        };
        json.line(&Line::Finished(summary.figures()));
        assert_eq!(
            json.gathered,
            "{\"event\":\"finished\",\"done\":1,\"skipped\":0,\"unchanged\":0,\"failed\":0,\"interrupted\":false,\"partial\":0,\"not_started\":0,\"bytes\":2,\"resumed\":0,\"commands_failed\":0,\"elapsed_ms\":3}\n"
        );
    }
}
