//! Lines on standard error, and no bar.

use haulage::Event;

use crate::report::lines::Lines;
use crate::report::{Detail, Notice, Reporter, Summary, say};

pub(crate) struct Plain {
    lines: Lines,
    gathered: String,
}

impl Plain {
    pub(crate) fn new(detail: Detail) -> Self {
        Self {
            lines: Lines::new(detail),
            gathered: String::new(),
        }
    }
}

impl Reporter for Plain {
    fn event(&mut self, event: &Event) {
        self.lines.event(event, &mut self.gathered);
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        self.lines.notice(notice, &mut self.gathered);
        self.flush();
    }

    fn flush(&mut self) {
        if !self.gathered.is_empty() {
            say(&self.gathered);
            self.gathered.clear();
        }
    }

    fn finish(&mut self, summary: &Summary) {
        self.lines.finish(summary, &mut self.gathered);
        self.flush();
    }
}
