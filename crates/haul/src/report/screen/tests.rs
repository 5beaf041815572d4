use vt100::Parser;

use super::*;

/// A terminal emulator that shows what is written to it.
struct Terminal(Parser);

impl io::Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // As terminals do by default (termios(3), ONLCR).
        for byte in bytes {
            if *byte == b'\n' {
                self.0.process(b"\r");
            }
            self.0.process(&[*byte]);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn screen(columns: u16) -> Screen<Terminal> {
    Screen::new(Terminal(Parser::new(8, columns, 0)))
}

impl Screen<Terminal> {
    fn rows(&self) -> Vec<String> {
        let contents = self.out.0.screen().contents();
        contents
            .lines()
            .map(|row| row.trim_end().to_owned())
            .collect()
    }

    /// Writes what the terminal itself echoes when a key is pressed.
    fn echo(&mut self, text: &str) {
        self.out.0.process(text.as_bytes());
    }
}

/// Returns two lines that take all but the last column.
fn full(columns: u16) -> Vec<String> {
    ["█", "x"]
        .map(|cell| cell.repeat(usize::from(columns) - 1))
        .to_vec()
}

#[test]
fn an_echoed_key_leaves_no_line_behind() {
    for columns in [20, 60, 80, 100, 200] {
        for keys in ["^C", "^C^C", "a long word"] {
            let mut screen = screen(columns);
            screen.say("above\n");
            for _ in 0..10 {
                screen.draw(&full(columns));
            }
            screen.echo(keys);
            screen.draw_below("stopping\n", &full(columns));
            assert_eq!(screen.rows().len(), 4, "{columns}: {:?}", screen.rows());
            screen.echo(keys);
            screen.say("interrupted\n");
            assert_eq!(screen.rows(), ["above", "stopping", "interrupted"]);
        }
    }
}

#[test]
fn enter_leaves_no_line_behind() {
    let mut screen = screen(40);
    screen.say("above\n");
    for _ in 0..3 {
        screen.draw(&full(40));
        screen.echo("yes\r\n");
        screen.line_entered();
    }
    screen.draw(&full(40));
    assert_eq!(screen.rows().len(), 3, "{:?}", screen.rows());
    screen.echo("\r\n");
    screen.line_entered();
    screen.say("done\n");
    assert_eq!(screen.rows(), ["above", "done"]);
}

#[test]
fn shorter_lines_leave_nothing_of_longer_ones() {
    let mut screen = screen(40);
    screen.draw(&full(40));
    screen.draw(&["ab".to_owned(), "c".to_owned()]);
    assert_eq!(screen.rows(), ["ab", "c"]);
    screen.draw(&["ab".to_owned()]);
    assert_eq!(screen.rows(), ["ab"]);
    screen.clear();
    assert!(screen.rows().is_empty());
}

#[test]
fn the_bottom_of_the_terminal_scrolls_once() {
    let mut screen = screen(40);
    for row in 0..8 {
        screen.say(&format!("{row}\n"));
    }
    for _ in 0..10 {
        screen.draw(&full(40));
    }
    screen.clear();
    assert_eq!(screen.rows(), ["2", "3", "4", "5", "6", "7"]);
}

#[test]
fn a_narrower_terminal_keeps_no_stale_rows() {
    let mut screen = screen(80);
    screen.say("above\n");
    screen.draw(&full(80));
    // A terminal that reflows its lines: there are more rows, and the cursor is where its line
    // begins.
    let wrapped = format!("above\r\n{0}{0}\r\n", "█".repeat(40));
    screen.out.0 = Parser::new(8, 40, 0);
    screen.echo(&format!("{wrapped}{0}{0}\x1b[2;1H", "x".repeat(39)));
    screen.draw(&full(40));
    assert_eq!(screen.rows().len(), 3, "{:?}", screen.rows());
    screen.clear();
    assert_eq!(screen.rows(), ["above"]);
}

#[test]
fn a_terminal_that_is_gone_is_no_failure() {
    struct Gone;
    impl io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(rustix::io::Errno::IO.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(rustix::io::Errno::IO.into())
        }
    }
    let mut screen = Screen::new(Gone);
    screen.draw(&full(40));
    screen.say("interrupted\n");
}

#[test]
fn lines_that_the_terminal_finds_too_wide_stay_in_their_rows() {
    let mut screen = Screen::new(Vec::new());
    screen.draw_below("above\n", &["a".to_owned(), "b".to_owned()]);
    let written = String::from_utf8(screen.written().to_vec()).unwrap();
    let (before, after) = written.split_once(NO_WRAP).unwrap();
    assert!(before.ends_with("above\n"), "{written:?}");
    assert!(
        after.contains("a\x1b[K\r\nb") && after.ends_with(WRAP),
        "{written:?}"
    );
    screen.clear();
    assert!(screen.written().starts_with(written.as_bytes()));
}
