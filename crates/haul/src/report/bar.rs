//! The bar: two lines that are drawn ten times a second, with messages above them.

use std::io::{self, Stderr, Write};
use std::time::{Duration, Instant};

use haulage::Event;
use rustix::termios::{LocalModes, Termios};

use crate::report::colour;
use crate::report::frame::frame;
use crate::report::lines::Lines;
use crate::report::progress::Progress;
use crate::report::screen::Screen;
use crate::report::taskbar::Taskbar;
use crate::report::{Notice, Reporter, Summary};

/// A bar on a terminal.
pub(crate) struct Bar<W> {
    screen: Screen<W>,
    terminal: fn() -> Terminal,
    lines: Lines,
    /// Lines that are still to be written above the bar.
    gathered: String,
    progress: Progress,
    taskbar: Taskbar,
    has_colours: bool,
    /// The value of `Terminal::entered` at the last look.
    entered: u64,
}

/// The terminal at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    columns: usize,
    rows: usize,
    /// Whether the shell has not given the terminal to another job.
    is_ours: bool,
    /// Bytes of lines that the user has entered, and that no process has read.
    entered: u64,
}

impl Bar<Stderr> {
    /// Creates a bar on standard error, which must be a terminal.
    pub(crate) fn on_stderr(lines: Lines, progress: Progress) -> Self {
        Self {
            taskbar: Taskbar::of_terminal(),
            has_colours: colour::is_wanted(),
            ..Self::on(io::stderr(), stderr, lines, progress)
        }
    }
}

impl<W: Write> Bar<W> {
    fn on(out: W, terminal: fn() -> Terminal, lines: Lines, progress: Progress) -> Self {
        Self {
            screen: Screen::new(out),
            terminal,
            lines,
            gathered: String::new(),
            progress,
            taskbar: Taskbar::new(false),
            has_colours: false,
            entered: 0,
        }
    }

    /// Reads the state of the terminal, and notes whether the user has entered a line there.
    fn look(&mut self) -> Terminal {
        let terminal = (self.terminal)();
        let before = std::mem::replace(&mut self.entered, terminal.entered);
        if terminal.entered > before {
            self.screen.line_entered();
        }
        terminal
    }

    /// Returns the lines of the bar at this instant, no more than the terminal has rows; none while
    /// the terminal belongs to another job.
    fn lines_at(&mut self, at: Instant) -> Vec<String> {
        let terminal = self.look();
        // The last column stays free: some terminals wrap as soon as it is written to.
        let columns = terminal.columns.saturating_sub(1);
        let taskbar = &mut self.taskbar;
        let (mut lines, told) = self.progress.look(at, |now| {
            let told = terminal.is_ours.then(|| taskbar.show(now));
            (frame(now, columns), told.flatten())
        });
        if let Some(sequence) = told {
            self.screen.add(&sequence);
        }
        if self.has_colours {
            lines[0] = colour::bar(&lines[0]);
        }
        let most = if terminal.is_ours { terminal.rows } else { 0 };
        lines.into_iter().take(most).collect()
    }

    /// Returns the lines that are to be written above the bar, and forgets them.
    fn take_gathered(&mut self) -> String {
        let text = std::mem::take(&mut self.gathered);
        if self.has_colours {
            colour::lines(&text).into_owned()
        } else {
            text
        }
    }

    /// Takes what the terminal shows on its tab away.
    fn leave_taskbar(&mut self) {
        if let Some(sequence) = self.taskbar.remove() {
            self.screen.add(&sequence);
        }
    }
}

impl<W: Write> Reporter for Bar<W> {
    fn event(&mut self, event: &Event) {
        self.progress.event(event, Instant::now);
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
        let text = self.take_gathered();
        let lines = self.lines_at(Instant::now());
        if lines.is_empty() {
            self.screen.say(&text);
        } else {
            self.screen.draw_below(&text, &lines);
        }
    }

    fn period(&self) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }

    fn tick(&mut self, at: Instant) {
        let lines = self.lines_at(at);
        if !lines.is_empty() {
            self.screen.draw(&lines);
        }
    }

    fn is_drawn(&self) -> bool {
        true
    }

    fn leave(&mut self) {
        self.look();
        self.leave_taskbar();
        self.screen.clear();
    }

    fn finish(&mut self, summary: &Summary) {
        self.lines.finish(summary, &mut self.gathered);
        self.look();
        self.leave_taskbar();
        let text = self.take_gathered();
        self.screen.say(&text);
    }
}

/// Returns the state of the terminal behind standard error; 80 columns and 24 rows where it does
/// not tell its size.
fn stderr() -> Terminal {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let of = |cells: Option<u16>, default: usize| match cells {
        Some(cells) if cells > 0 => cells.into(),
        _ => default,
    };
    let owner = rustix::termios::tcgetpgrp(io::stderr());
    Terminal {
        columns: of(size.map(|size| size.ws_col), 80),
        rows: of(size.map(|size| size.ws_row), 24),
        // A terminal that does not control this process has no jobs, so it is ours.
        is_ours: owner.is_err() || owner.ok() == Some(rustix::process::getpgrp()),
        entered: entered(),
    }
}

/// Returns how many bytes the user has entered in lines that the terminal has echoed and nobody has
/// read; 0 if standard input is no terminal that echoes lines.
fn entered() -> u64 {
    let modes = rustix::termios::tcgetattr(io::stdin());
    let is_echoed = |modes: Termios| {
        let echoes = LocalModes::ICANON | LocalModes::ECHO;
        modes.local_modes.contains(echoes)
    };
    if modes.is_ok_and(is_echoed) {
        rustix::io::ioctl_fionread(io::stdin()).unwrap_or_default()
    } else {
        0
    }
}

#[cfg(test)]
mod tests;
