use haulage::{Error, ErrorKind};

use super::*;
use crate::input::Count;
use crate::report::{Detail, Items, Total, Volume};

const WIDE: Terminal = Terminal {
    columns: 60,
    rows: 10,
    is_ours: true,
    entered: 0,
};

fn bar(terminal: fn() -> Terminal) -> Bar<Vec<u8>> {
    let detail = Detail {
        items: Items::All { at_once: 4 },
        volume: Volume::Normal,
    };
    let total = Total::of(vec![Count::Known(4)]);
    let lines = Lines::new(detail, false);
    Bar::on(Vec::new(), terminal, lines, Progress::new(total))
}

fn stopped() -> Event {
    Event::Stopped(Error::new(ErrorKind::Disk, "the disk\u{1b}[2J is full"))
}

impl Bar<Vec<u8>> {
    /// Returns the rows that a terminal of 60 columns and 10 rows shows after all that was written.
    fn rows(&self) -> Vec<String> {
        let mut parser = vt100::Parser::new(10, 60, 0);
        let bytes: Vec<u8> = self.screen.written().to_vec();
        parser.process(
            &String::from_utf8(bytes)
                .unwrap()
                .replace('\n', "\r\n")
                .into_bytes(),
        );
        let contents = parser.screen().contents();
        contents
            .lines()
            .map(|row| row.trim_end().to_owned())
            .collect()
    }
}

#[test]
fn messages_stand_above_the_bar_until_it_goes() {
    let mut bar = bar(|| WIDE);
    bar.tick(Instant::now());
    assert!(bar.rows()[0].starts_with("░░░░"), "{:?}", bar.rows());
    assert!(
        bar.rows()[0].ends_with("0/4 · 0 B · 0 B/s"),
        "{:?}",
        bar.rows()
    );
    bar.event(&stopped());
    bar.flush();
    bar.tick(Instant::now());
    let rows = bar.rows();
    assert_eq!(rows[0], "error: the disk\\u{1b}[2J is full");
    assert!(rows[1].contains("0/4"), "{rows:?}");
    bar.leave();
    assert_eq!(bar.rows().len(), 1, "{:?}", bar.rows());
}

#[test]
fn a_terminal_of_one_row_gets_one_line() {
    let mut bar = bar(|| Terminal { rows: 1, ..WIDE });
    assert_eq!(bar.lines_at(Instant::now()).len(), 1);
}

#[test]
fn nothing_is_drawn_on_the_terminal_of_another_job() {
    let mut bar = bar(|| Terminal {
        is_ours: false,
        ..WIDE
    });
    bar.tick(Instant::now());
    assert!(bar.screen.written().is_empty());
    bar.event(&stopped());
    bar.flush();
    assert_eq!(bar.rows(), ["error: the disk\\u{1b}[2J is full"]);
}
