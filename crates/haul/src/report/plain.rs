//! Lines on standard error instead of a bar: one for each item, or a status line every 15 seconds.

use std::time::{Duration, Instant};

use haulage::Event;

use crate::report::frame::status;
use crate::report::lines::Lines;
use crate::report::progress::Progress;
use crate::report::{Notice, Reporter, Summary, say_lines};

/// The time between status lines: short enough to show that the run does not hang, and long enough
/// not to fill a log.
const PERIOD: Duration = Duration::from_secs(15);

/// Maximum time that a status line waits until the lists have been counted.
const COUNTING: Duration = Duration::from_millis(250);

pub(crate) struct Plain {
    lines: Lines,
    gathered: String,
    /// The progress for status lines; `None` if there are none.
    progress: Option<Progress>,
}

impl Plain {
    /// Lines for what `lines` says.
    pub(crate) fn new(lines: Lines) -> Self {
        Self {
            lines,
            gathered: String::new(),
            progress: None,
        }
    }

    /// Creates a report that also prints a status line from time to time.
    pub(crate) fn with_status(lines: Lines, progress: Progress) -> Self {
        Self {
            progress: Some(progress),
            ..Self::new(lines)
        }
    }

    /// Adds a status line for this instant, where there are any.
    fn add_status(&mut self, at: Instant) {
        if let Some(progress) = &mut self.progress {
            progress.count_rows(COUNTING);
            let text = progress.look(at, status);
            self.lines.line(&text, &mut self.gathered);
        }
    }
}

impl Reporter for Plain {
    fn event(&mut self, event: &Event) {
        if let Some(progress) = &mut self.progress {
            progress.event(event, Instant::now);
        }
        self.lines.event(event, &mut self.gathered);
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        self.lines.notice(notice, &mut self.gathered);
        self.flush();
    }

    fn flush(&mut self) {
        if !self.gathered.is_empty() {
            say_lines(&self.gathered);
            self.gathered.clear();
        }
    }

    fn period(&self) -> Option<Duration> {
        self.progress.is_some().then_some(PERIOD)
    }

    fn tick(&mut self, at: Instant) {
        self.add_status(at);
        self.flush();
    }

    fn finish(&mut self, summary: &Summary) {
        self.lines.finish(summary, &mut self.gathered);
        self.flush();
    }
}

#[cfg(test)]
mod tests;
