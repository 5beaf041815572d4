//! The last lines of a terminal, drawn again and again, with text above them that stays.
//!
//! After each drawing the cursor is at the start of the first line. What the terminal echoes, such as `^C`, then covers a line instead
//! of making it longer. And clearing needs no count of rows, which a resize would change: it clears from the cursor to the end.

use std::fmt::Write as _;
use std::io;

/// To the start of the row.
const START: &str = "\r";
const CLEAR_TO_END_OF_ROW: &str = "\x1b[K";
const CLEAR_TO_END_OF_SCREEN: &str = "\x1b[J";

/// Lines at the bottom of a terminal.
#[derive(Debug)]
pub(crate) struct Screen<W> {
    out: W,
    is_drawn: bool,
}

impl<W: io::Write> Screen<W> {
    /// A terminal on which nothing is drawn yet.
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            is_drawn: false,
        }
    }

    /// Draws these lines in the place of the last ones. None may be as wide as the terminal.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        self.draw_below("", lines);
    }

    /// Writes finished lines of text that stay, and draws these lines below them.
    pub(crate) fn draw_below(&mut self, text: &str, lines: &[String]) {
        let mut frame = String::from(START);
        if !text.is_empty() {
            frame.push_str(CLEAR_TO_END_OF_SCREEN);
            frame.push_str(text);
        }
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
        self.is_drawn = true;
        self.write(&frame);
    }

    /// Removes the lines. The cursor stays where the first one was.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            self.write(&format!("{START}{CLEAR_TO_END_OF_SCREEN}"));
        }
    }

    /// Writes finished lines of text in the place of the drawn ones.
    pub(crate) fn say(&mut self, text: &str) {
        self.clear();
        self.write(text);
    }

    /// Writes all at once, so that nothing comes between. The terminal may be gone: then nobody reads it.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }
}

#[cfg(test)]
impl Screen<Vec<u8>> {
    /// Returns all that was written so far.
    pub(crate) fn written(&self) -> &[u8] {
        &self.out
    }
}

#[cfg(test)]
mod tests;
