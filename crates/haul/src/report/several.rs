//! Several reports of one run: what is shown, and what is written beside it.

use std::time::{Duration, Instant};

use haulage::Event;

use crate::report::{Log, Notice, Reporter, Summary};

/// A display, and reports beside it. Trouble of these is told on the display.
pub(crate) struct Several {
    display: Box<dyn Reporter>,
    others: Vec<Box<dyn Reporter>>,
}

impl Several {
    /// Returns a display with a log beside it, and what counts for metrics, where these are wanted.
    pub(crate) fn beside(
        display: Box<dyn Reporter>,
        log: Option<Log>,
        counting: Option<Box<dyn Reporter>>,
    ) -> Box<dyn Reporter> {
        let log = log.map(|log| Box::new(log) as Box<dyn Reporter>);
        let others: Vec<_> = log.into_iter().chain(counting).collect();
        if others.is_empty() {
            return display;
        }
        Box::new(Self { display, others })
    }

    /// Tells what could not be written.
    fn tell_troubles(&mut self) {
        for other in &mut self.others {
            if let Some(trouble) = other.take_trouble() {
                self.display.notice(&Notice::Warning(&trouble));
            }
        }
    }
}

impl Reporter for Several {
    fn event(&mut self, event: &Event) {
        self.display.event(event);
        for other in &mut self.others {
            other.event(event);
        }
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        self.display.notice(notice);
        for other in &mut self.others {
            other.notice(notice);
        }
        self.tell_troubles();
    }

    fn flush(&mut self) {
        self.display.flush();
        for other in &mut self.others {
            other.flush();
        }
        self.tell_troubles();
    }

    fn period(&self) -> Option<Duration> {
        self.display.period()
    }

    fn tick(&mut self, at: Instant) {
        self.display.tick(at);
    }

    fn is_drawn(&self) -> bool {
        self.display.is_drawn()
    }

    fn leave(&mut self) {
        self.display.leave();
    }

    fn finish(&mut self, summary: &Summary) {
        for other in &mut self.others {
            other.finish(summary);
        }
        self.tell_troubles();
        self.display.finish(summary);
    }
}
