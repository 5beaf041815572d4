//! The bar: two lines that are drawn anew ten times a second, with notices above them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haulage::{Event, Status, Transfer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::frame::{Flight, Snapshot, frame};
use crate::report::lines::Lines;
use crate::report::pace::Pace;
use crate::report::total::Total;
use crate::report::{Detail, Notice, Reporter, Summary, say};

/// A bar on a terminal.
pub(crate) struct Bar {
    drawn: ProgressBar,
    columns: fn() -> usize,
    lines: Lines,
    /// Lines for above the bar that are still to be written.
    gathered: String,
    total: Total,
    /// What is under way, by row.
    flights: BTreeMap<u64, Arc<Transfer>>,
    /// Until when nothing is sent to a host.
    waiting: BTreeMap<Arc<str>, Instant>,
    ended: u64,
    failed: u64,
    /// Items that took a request and came to a good end, and the bytes of those that brought some.
    fetched: u64,
    bytes: u64,
    pace: Pace,
}

impl Bar {
    /// A bar on standard error, which is a terminal.
    pub(crate) fn on_stderr(detail: Detail, total: Total) -> Self {
        Self::on(ProgressDrawTarget::stderr(), columns, detail, total)
    }

    fn on(
        target: ProgressDrawTarget,
        columns: fn() -> usize,
        detail: Detail,
        total: Total,
    ) -> Self {
        let drawn = ProgressBar::with_draw_target(None, target);
        // Both lines are laid out here; what indicatif does is to put them where they were.
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            drawn.set_style(style);
        }
        Self {
            drawn,
            columns,
            lines: Lines::new(detail),
            gathered: String::new(),
            total,
            flights: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ended: 0,
            failed: 0,
            fetched: 0,
            bytes: 0,
            pace: Pace::default(),
        }
    }

    /// The lines as they are at this instant.
    fn draw(&mut self, at: Instant) -> String {
        let flights: Vec<Flight<'_>> = self
            .flights
            .values()
            .map(|transfer| Flight {
                label: &transfer.label,
                received: transfer.received(),
                length: transfer.length(),
            })
            .collect();
        self.waiting.retain(|_, until| *until > at);
        let waiting: Vec<_> = self
            .waiting
            .iter()
            .map(|(host, until)| (&**host, until.saturating_duration_since(at)))
            .collect();
        let bytes = self.bytes + flights.iter().map(|flight| flight.received).sum::<u64>();
        self.pace.note(at, bytes, self.fetched);
        let now = Snapshot {
            ended: self.ended,
            failed: self.failed,
            total: self.total.get(),
            bytes,
            flights: &flights,
            waiting: &waiting,
            pace: &self.pace,
        };
        // The last column stays free: some terminals wrap as soon as it is written to.
        frame(&now, (self.columns)().saturating_sub(1))
    }
}

impl Reporter for Bar {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started(transfer) => {
                self.flights.insert(transfer.row, Arc::clone(transfer));
            }
            Event::HostWaits { host, wait } => {
                self.waiting
                    .insert(Arc::clone(host), Instant::now() + *wait);
            }
            Event::Ended(outcome) => {
                self.flights.remove(&outcome.row);
                self.ended += 1;
                match outcome.status {
                    Status::Done => {
                        self.fetched += 1;
                        self.bytes += outcome.bytes;
                    }
                    Status::Unchanged => self.fetched += 1,
                    Status::Failed(_) => self.failed += 1,
                    _ => {}
                }
            }
            _ => {}
        }
        self.lines.event(event, &mut self.gathered);
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        self.lines.notice(notice, &mut self.gathered);
        self.flush();
    }

    fn flush(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        // What is drawn below the lines shall not be older than they are.
        self.tick();
        self.drawn.println(self.gathered.trim_end_matches('\n'));
        self.gathered.clear();
    }

    fn redraws(&self) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }

    fn tick(&mut self) {
        let text = self.draw(Instant::now());
        self.drawn.set_message(text);
    }

    fn leave(&mut self) {
        self.drawn.finish_and_clear();
    }

    fn finish(&mut self, summary: &Summary) {
        self.flush();
        self.leave();
        let mut closing = String::new();
        self.lines.finish(summary, &mut closing);
        say(&closing);
    }
}

/// The width of the terminal behind standard error.
fn columns() -> usize {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => 80,
    }
}

#[cfg(test)]
mod tests {
    use haulage::{Error, ErrorKind};
    use indicatif::InMemoryTerm;

    use super::*;
    use crate::input::Count;
    use crate::report::{Items, Volume};

    fn bar(terminal: &InMemoryTerm) -> Bar {
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let detail = Detail {
            items: Items::All { at_once: 4 },
            volume: Volume::Normal,
        };
        Bar::on(target, || 60, detail, Total::of(vec![Count::Known(4)]))
    }

    #[test]
    fn notices_stand_above_the_bar_and_the_bar_goes_in_the_end() {
        let terminal = InMemoryTerm::new(10, 60);
        let mut bar = bar(&terminal);
        bar.tick();
        assert!(
            terminal.contents().starts_with("░░░░"),
            "{}",
            terminal.contents()
        );
        assert!(
            terminal
                .contents()
                .trim_end()
                .ends_with("0/4 · 0 B · 0 B/s"),
            "{}",
            terminal.contents()
        );

        bar.event(&Event::Stopped(Error::new(
            ErrorKind::Disk,
            "the disk\u{1b}[2J is full",
        )));
        bar.flush();
        bar.tick();
        let contents = terminal.contents();
        let lines: Vec<&str> = contents.lines().collect();
        assert_eq!(lines[0], "error: the disk\\u{1b}[2J is full");
        assert!(lines[2].contains("0/4"), "{contents}");

        bar.leave();
        assert!(
            !terminal.contents().contains("0/4"),
            "{}",
            terminal.contents()
        );
    }
}
