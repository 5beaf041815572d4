//! Lines at the bottom of a terminal that are redrawn, below text that stays.
//!
//! After each drawing the cursor is at the start of the first line. So what the terminal echoes,
//! such as `^C`, overwrites a line instead of making it longer. And the lines are cleared from the
//! cursor to the end of the screen, which needs no count of rows: a resize would change it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

/// Moves the cursor to the start of the row.
const START: &str = "\r";
const CLEAR_TO_END_OF_ROW: &str = "\x1b[K";
const CLEAR_TO_END_OF_SCREEN: &str = "\x1b[J";
/// Wraps text that is too wide into the next row (DECAWM), as terminals do by default. Without
/// wrapping, a line stays in its row even if the terminal shows a character wider than we expect.
const WRAP: &str = "\x1b[?7h";
const NO_WRAP: &str = "\x1b[?7l";

/// Lines at the bottom of a terminal.
#[derive(Debug)]
pub(crate) struct Screen<W> {
    out: W,
    /// Number of lines drawn.
    drawn: usize,
    /// Number of rows from the first line down to the cursor: not 0 after the user has pressed
    /// Enter.
    below: usize,
    /// What is to be written before anything else.
    pending: String,
}

impl<W: io::Write> Screen<W> {
    /// Creates a screen on which nothing is drawn yet.
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            drawn: 0,
            below: 0,
            pending: String::new(),
        }
    }

    /// Adds an escape sequence that shows nothing on the screen to what is written next.
    pub(crate) fn add(&mut self, sequence: &str) {
        self.pending.push_str(sequence);
    }

    /// Draws these lines in place of the last ones. Each line must be narrower than the terminal.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        self.draw_below("", lines);
    }

    /// Writes finished lines of text that stay, and draws these lines below them.
    pub(crate) fn draw_below(&mut self, text: &str, lines: &[String]) {
        let mut frame = self.go_to_start();
        if !text.is_empty() {
            frame.push_str(WRAP);
            frame.push_str(CLEAR_TO_END_OF_SCREEN);
            frame.push_str(text);
        }
        frame.push_str(NO_WRAP);
        for (nth, line) in lines.iter().enumerate() {
            if nth > 0 {
                frame.push_str("\r\n");
            }
            frame.push_str(line);
            frame.push_str(CLEAR_TO_END_OF_ROW);
        }
        frame.push_str(CLEAR_TO_END_OF_SCREEN);
        let up = lines.len().saturating_sub(1);
        if up > 0 {
            // Writing to memory does not fail.
            let _ = write!(frame, "\x1b[{up}A");
        }
        frame.push_str(START);
        frame.push_str(WRAP);
        self.drawn = lines.len();
        self.write(&frame);
    }

    /// Removes the lines. The cursor stays where the first one was.
    pub(crate) fn clear(&mut self) {
        let start = self.go_to_start();
        if std::mem::take(&mut self.drawn) > 0 {
            // The last frame may be incomplete: on Ctrl-C, the terminal discards bytes that it has
            // not shown yet.
            self.write(&format!("{WRAP}{start}{CLEAR_TO_END_OF_SCREEN}"));
        } else {
            self.write("");
        }
    }

    /// Notes that the user has pressed Enter, and that the terminal has echoed that.
    pub(crate) fn line_entered(&mut self) {
        // If there was a single line, the terminal has scrolled it up.
        self.below = usize::from(self.drawn > 1);
    }

    /// Returns the escape sequence that moves the cursor to the start of the first line.
    fn go_to_start(&mut self) -> String {
        match std::mem::take(&mut self.below) {
            0 => START.to_owned(),
            rows => format!("\x1b[{rows}A{START}"),
        }
    }

    /// Writes finished lines of text in place of the drawn ones, which are removed.
    pub(crate) fn say(&mut self, text: &str) {
        self.clear();
        self.write(text);
    }

    /// Writes the text at once, so that no other output comes in between. Errors are ignored: if
    /// the terminal is gone, nobody reads it.
    fn write(&mut self, text: &str) {
        let text = match self.pending.as_str() {
            "" => Cow::Borrowed(text),
            pending => format!("{pending}{text}").into(),
        };
        if !text.is_empty() {
            let _ = self.out.write_all(text.as_bytes());
            let _ = self.out.flush();
            self.pending.clear();
        }
    }
}

#[cfg(test)]
impl Screen<Vec<u8>> {
    /// Returns the bytes that were written so far.
    pub(crate) fn written(&self) -> &[u8] {
        &self.out
    }
}

#[cfg(test)]
mod tests;
