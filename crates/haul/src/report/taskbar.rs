//! Progress on the tab or in the taskbar of a terminal (OSC 9;4).

use anstyle_progress::{TermProgress, TermProgressStatus, supports_term_progress};

use crate::report::frame::Snapshot;

/// What a terminal shows of a run on its tab or in the taskbar.
#[derive(Debug)]
pub(crate) struct Taskbar {
    is_supported: bool,
    /// The sequence that it was told last; empty if it shows nothing.
    told: String,
}

impl Taskbar {
    /// Returns that of the terminal on standard error, as far as the environment says what the
    /// terminal can do.
    pub(crate) fn of_terminal() -> Self {
        Self::new(supports_term_progress(true))
    }

    pub(crate) fn new(is_supported: bool) -> Self {
        Self {
            is_supported,
            told: String::new(),
        }
    }

    /// Returns what to write so that the terminal shows this state; `None` if it shows it already,
    /// or cannot.
    pub(crate) fn show(&mut self, now: &Snapshot<'_>) -> Option<String> {
        let sequence = progress(now).to_string();
        if !self.is_supported || self.told == sequence {
            return None;
        }
        self.told.clone_from(&sequence);
        Some(sequence)
    }

    /// Returns what to write so that the terminal shows nothing any more; `None` if it does not
    /// anyway.
    pub(crate) fn remove(&mut self) -> Option<String> {
        let told = std::mem::take(&mut self.told);
        (!told.is_empty()).then(|| TermProgress::remove().to_string())
    }
}

/// Returns the share that is done, or that there is progress at all. While everything waits, it is
/// shown as paused.
fn progress(now: &Snapshot<'_>) -> TermProgress {
    let status = if now.only_waits() {
        TermProgressStatus::Paused
    } else {
        TermProgressStatus::Normal
    };
    let progress = TermProgress::none().status(status);
    match now.percent() {
        Some(percent) => progress.percent(percent.min(100)),
        None => progress,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::frame::Wait;
    use crate::report::throughput::Throughput;

    fn snapshot<'a>(throughput: &'a Throughput, waits: &'a [Wait]) -> Snapshot<'a> {
        Snapshot {
            ended: 1,
            failed: 0,
            total: Some(3),
            is_one_url: false,
            bytes: 0,
            resumed: 0,
            expected: None,
            elapsed: Duration::ZERO,
            flights: &[],
            waits,
            throughput,
        }
    }

    #[test]
    fn terminal_is_told_what_has_changed() {
        let (throughput, mut taskbar) = (Throughput::default(), Taskbar::new(true));
        let mut now = snapshot(&throughput, &[]);
        assert_eq!(
            taskbar.show(&now).as_deref(),
            Some("\u{1b}]9;4;1;33\u{1b}\\")
        );
        assert_eq!(taskbar.show(&now), None);
        now.ended = 3;
        assert_eq!(
            taskbar.show(&now).as_deref(),
            Some("\u{1b}]9;4;1;100\u{1b}\\")
        );
        now.total = None;
        assert_eq!(taskbar.show(&now).as_deref(), Some("\u{1b}]9;4;3;\u{1b}\\"));
        assert_eq!(taskbar.remove().as_deref(), Some("\u{1b}]9;4;0;\u{1b}\\"));
        assert_eq!(taskbar.remove(), None);
    }

    #[test]
    fn run_that_only_waits_is_paused() {
        let (throughput, mut taskbar) = (Throughput::default(), Taskbar::new(true));
        let waits = [Wait {
            name: "a".into(),
            left: Duration::from_secs(9),
            why: None,
        }];
        let now = snapshot(&throughput, &waits);
        assert_eq!(
            taskbar.show(&now).as_deref(),
            Some("\u{1b}]9;4;4;33\u{1b}\\")
        );
    }

    #[test]
    fn terminal_that_knows_nothing_of_it_is_told_nothing() {
        let (throughput, mut taskbar) = (Throughput::default(), Taskbar::new(false));
        assert_eq!(taskbar.show(&snapshot(&throughput, &[])), None);
        assert_eq!(taskbar.remove(), None);
    }
}
