//! What is left on a terminal, and what becomes of a run whose terminal is gone.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::time::Instant;

use origin::{Body, Gate, Origin, Script};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::Parser;

use crate::{PATIENCE, Sandbox};

const HALF: u64 = 1 << 20;

/// A terminal, and what it shows.
pub(crate) struct Terminal {
    master: File,
    shown: Parser,
    /// All that was written to it.
    written: String,
}

impl Terminal {
    /// A terminal of this size, and its other end for a process.
    #[expect(
        clippy::disallowed_methods,
        reason = "a terminal has no name before it is there"
    )]
    pub(crate) fn new(rows: u16, columns: u16) -> (Self, OwnedFd) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let slave = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        let terminal = Self {
            master: master.into(),
            shown: Parser::new(rows, columns, 0),
            written: String::new(),
        };
        terminal.resize(rows, columns);
        (terminal, slave)
    }

    fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.master, size).unwrap();
    }

    pub(crate) fn rows(&self) -> Vec<String> {
        let contents = self.shown.screen().contents();
        let rows = contents.lines().map(|row| row.trim_end().to_owned());
        rows.collect()
    }

    /// Shows more of what comes; `false` once nobody is at the other end.
    pub(crate) fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            Ok(read) if read > 0 => {
                self.shown.process(&buffer[..read]);
                self.written
                    .push_str(&String::from_utf8_lossy(&buffer[..read]));
                true
            }
            _ => false,
        }
    }

    /// Shows what comes until this is so.
    #[track_caller]
    pub(crate) fn read_until(&mut self, is_so: impl Fn(&[String]) -> bool) {
        let started = Instant::now();
        while !is_so(&self.rows()) {
            assert!(
                started.elapsed() < PATIENCE && self.read(),
                "{:?}",
                self.rows()
            );
        }
    }

    /// Shows what comes until the bar is drawn, and the cursor is back at its start.
    #[track_caller]
    fn read_bar(&mut self) {
        let started = Instant::now();
        let is_drawn = |terminal: &Self| {
            let bar = terminal.rows().iter().filter(|row| is_bar(row)).count();
            bar == 2 && terminal.shown.screen().cursor_position() == (0, 0)
        };
        while !is_drawn(self) {
            assert!(
                started.elapsed() < PATIENCE && self.read(),
                "{:?}",
                self.rows()
            );
        }
    }

    /// Types these keys, which the terminal echoes.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }
}

/// A run with a bar on a terminal, which a gate holds up.
fn held_up(origin: &Origin, gate: &Gate, sandbox: &Sandbox, slave: OwnedFd) -> Child {
    let held = gate.clone();
    origin.under("/", move |_| {
        Script::entity(Body::seeded(1, 2 * HALF), "\"a\"").hold_at(HALF, &held)
    });
    let urls: Vec<_> = (0..6)
        .map(|nth| origin.url(&format!("/a-long-name-{nth}.bin")))
        .collect();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    let mut command = sandbox.command(&urls);
    command
        .env("TERM", "xterm")
        .stderr(slave)
        .stdout(Stdio::null());
    let child = command.spawn().unwrap();
    // The command has the terminal's other end too.
    drop(command);
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn is_bar(row: &str) -> bool {
    row.contains("0/6") || row.contains('%') || row.contains('░')
}

#[test]
fn ctrl_c_leaves_no_line_of_the_bar() {
    for columns in [60, 80, 100, 200] {
        for keys in ["\x03", "abc\x03", "\x03\x03"] {
            let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
            let (mut terminal, slave) = Terminal::new(24, columns);
            let mut child = held_up(&origin, &gate, &sandbox, slave);
            terminal.read_bar();
            terminal.type_keys(keys);
            terminal.read_until(|rows| rows.iter().any(|row| row.contains("^C")));
            send(&child, Signal::INT);
            while terminal.read() {}
            assert_eq!(child.wait().unwrap().code(), Some(130));
            let rows = terminal.rows();
            assert_eq!(rows[0], "stopping; press Ctrl-C again to stop at once");
            assert!(
                rows[1].starts_with("interrupted: 0 of 6 done, "),
                "{rows:?}"
            );
            assert!(
                !rows.iter().any(|row| is_bar(row) || row.contains("^C")),
                "{rows:?}"
            );
        }
    }
}

#[test]
fn run_that_is_traced_has_no_bar() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let (mut terminal, slave) = Terminal::new(24, 100);
    origin.on("/a", Script::ok(Body::of("x")).hold(&gate));
    let url = origin.url("/a");
    let mut command = sandbox.command(&["--progress", "bar", &url]);
    command
        .env("TERM", "xterm")
        .env("RUST_LOG", "haulage::run=debug");
    command.stderr(slave).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    gate.wait_reached(1);
    gate.open();
    while terminal.read() {
        assert!(!terminal.rows().iter().any(|row| is_bar(row)));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let rows = terminal.rows();
    assert!(rows[0].contains("haulage::run: run begins"), "{rows:?}");
}

#[test]
fn a_resize_leaves_no_line_of_the_bar() {
    for (before, after) in [(100, 50), (60, 200)] {
        let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
        let (mut terminal, slave) = Terminal::new(24, before);
        let mut child = held_up(&origin, &gate, &sandbox, slave);
        terminal.read_bar();
        terminal.resize(24, after);
        terminal.shown.screen_mut().set_size(24, after);
        terminal.read();
        send(&child, Signal::TERM);
        while terminal.read() {}
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let rows = terminal.rows();
        assert!(!rows.iter().any(|row| is_bar(row)), "{rows:?}");
    }
}

#[test]
fn a_terminal_that_goes_away_stops_the_run() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let (mut terminal, slave) = Terminal::new(24, 80);
    let mut child = held_up(&origin, &gate, &sandbox, slave);
    terminal.read_until(|rows| rows.iter().any(|row| is_bar(row)));
    sandbox.wait_for_parts(4, 256 << 10);
    // From now on each write to it fails (EIO).
    drop(terminal);
    send(&child, Signal::HUP);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    gate.open();
    let urls: Vec<_> = (0..6)
        .map(|nth| origin.url(&format!("/a-long-name-{nth}.bin")))
        .collect();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    let ran = sandbox.haul(&urls);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(" resumed from before)"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_run_that_cannot_start_leaves_no_bar() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "");
    let (mut terminal, slave) = Terminal::new(24, 80);
    let mut command = sandbox.command(&["-d", "file/x", "http://127.0.0.1:1/a"]);
    command
        .env("TERM", "xterm")
        .stderr(slave)
        .stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    while terminal.read() {}
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let rows = terminal.rows();
    assert!(rows[0].starts_with("error: "), "{rows:?}");
    assert!(!rows.iter().any(|row| row.contains("0/1")), "{rows:?}");
}

#[test]
fn bar_tells_sizes_and_what_has_no_room() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let (mut terminal, slave) = Terminal::new(24, 80);
    let mut child = held_up(&origin, &gate, &sandbox, slave);
    let is_known = |row: &String| row.contains(" MiB of ");
    let has_more =
        |row: &String| row.starts_with("a-long-name-0.bin 50% · ") && row.contains(" · +");
    terminal.read_until(|rows| rows.iter().any(is_known) && rows.iter().any(has_more));
    gate.open();
    while terminal.read() {}
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn bar_of_one_url_has_its_name_and_its_size() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let (mut terminal, slave) = Terminal::new(24, 80);
    let body = Body::seeded(1, 2 * HALF);
    origin.on(
        "/large.bin",
        Script::entity(body, "\"a\"").hold_at(HALF, &gate),
    );
    let url = origin.url("/large.bin");
    let mut command = sandbox.command(&[&url, "-d", "d"]);
    command.env("TERM", "xterm").stderr(slave);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    drop(command);
    terminal.read_until(|rows| {
        let figures = |row: &String| row.contains("░  50% · 1.0 MiB of 2.0 MiB · ");
        rows.first().is_some_and(figures) && rows.get(1).is_some_and(|row| row == "large.bin")
    });
    gate.open();
    while terminal.read() {}
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let rows = terminal.rows();
    assert_eq!(rows[0], "saved d/large.bin (2.0 MiB)");
    assert!(
        rows[1].starts_with("1 done, 0 skipped, 0 failed · 2.0 MiB in "),
        "{rows:?}"
    );
}

#[test]
fn bar_of_a_resumed_run_expects_only_what_is_missing() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let (mut terminal, slave) = Terminal::new(24, 100);
    let mut child = held_up(&origin, &gate, &sandbox, slave);
    sandbox.wait_for_parts(4, 512 << 10);
    send(&child, Signal::TERM);
    while terminal.read() {}
    assert_eq!(child.wait().unwrap().code(), Some(130));
    gate.open();

    let held = Gate::new();
    let (mut terminal, slave) = Terminal::new(24, 100);
    let mut child = held_up(&origin, &held, &sandbox, slave);
    let expected = |row: &String| {
        let (_, after) = row.split_once(" of ")?;
        let (mib, _) = after.trim_start_matches('~').split_once(" MiB (")?;
        mib.parse::<f64>().ok()
    };
    // All would be 12 MiB.
    terminal.read_until(|rows| rows.iter().filter_map(expected).any(|mib| mib <= 10.0));
    held.open();
    while terminal.read() {}
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn finished_files_have_lines_above_the_bar_if_wanted() {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let (mut terminal, slave) = Terminal::new(24, 80);
    origin.on("/a.bin", Script::ok(Body::of("x")));
    let held = Script::entity(Body::seeded(1, 2 * HALF), "\"b\"").hold_at(HALF, &gate);
    origin.on("/longer.bin", held);
    let urls = ["/a.bin", "/longer.bin"].map(|path| origin.url(path));
    let mut command = sandbox.command(&["--progress", "files", &urls[0], &urls[1]]);
    command.env("TERM", "xterm").stderr(slave);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    drop(command);
    let is_done = |row: &String| row.starts_with("done   a.bin  ") && row.contains("  1 B  ");
    terminal.read_until(|rows| {
        rows.first().is_some_and(is_done) && rows.get(1).is_some_and(|row| row.contains(" 1/2 · "))
    });
    gate.open();
    while terminal.read() {}
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let rows = terminal.rows();
    assert!(is_done(&rows[0]), "{rows:?}");
    assert!(rows[1].starts_with("done   longer.bin  "), "{rows:?}");
    assert!(
        rows[2].starts_with("2 done, 0 skipped, 0 failed · "),
        "{rows:?}"
    );
    assert_eq!(rows.len(), 3, "{rows:?}");
}

/// What says which terminal this is, or whether it is to have colours.
const OF_THE_TERMINAL: [&str; 10] = [
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "ConEmuANSI",
    "KONSOLE_VERSION",
    "NO_COLOR",
    "PTYXIS_VERSION",
    "TERM_FEATURES",
    "TERM_PROGRAM",
    "WT_SESSION",
];

/// Returns all that is written to a terminal with this environment: by a run of a file that is held
/// at its half until the bar says so, and of one that is missing.
fn written(environment: &[(&str, &str)]) -> String {
    let (origin, gate, sandbox) = (Origin::plain(), Gate::new(), Sandbox::new());
    let (mut terminal, slave) = Terminal::new(24, 80);
    let held = Script::entity(Body::seeded(1, 2 * HALF), "\"a\"").hold_at(HALF, &gate);
    origin.on("/a.bin", held);
    let urls = ["/missing", "/a.bin"].map(|path| origin.url(path));
    let mut command = sandbox.command(&[&urls[0], &urls[1]]);
    for name in OF_THE_TERMINAL {
        command.env_remove(name);
    }
    command
        .env("TERM", "xterm")
        .envs(environment.iter().copied());
    let mut child = command.stderr(slave).stdout(Stdio::null()).spawn().unwrap();
    drop(command);
    terminal.read_until(|rows| rows.iter().any(|row| row == "a.bin 50%"));
    gate.open();
    while terminal.read() {}
    assert_eq!(child.wait().unwrap().code(), Some(1));
    terminal.written
}

#[test]
fn colours_are_shown_unless_they_are_unwanted() {
    let coloured = written(&[]);
    assert!(
        coloured.contains("\u{1b}[31mfailed:\u{1b}[0m "),
        "{coloured:?}"
    );
    assert!(coloured.contains("\u{1b}[32m█"), "{coloured:?}");
    for unwanted in [("NO_COLOR", "1"), ("CLICOLOR", "0")] {
        let plain = written(&[unwanted]);
        assert!(
            plain.contains("failed: ") && plain.contains("█"),
            "{plain:?}"
        );
        assert!(!plain.contains("\u{1b}[3"), "{unwanted:?}: {plain:?}");
    }
}

#[test]
fn colours_can_be_forced_upon_a_pipe() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    for (value, beginning) in [
        ("1", "\u{1b}[1m\u{1b}[31mfailed:\u{1b}[0m "),
        ("", "failed: "),
    ] {
        let mut command = sandbox.command(&[&origin.url("/missing")]);
        let ran = command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", value);
        let stderr = String::from_utf8(ran.output().unwrap().stderr).unwrap();
        assert!(stderr.starts_with(beginning), "{value:?}: {stderr:?}");
    }
}

#[test]
fn terminals_that_can_show_progress_on_their_tab_do() {
    for known in [("WT_SESSION", "1"), ("TERM_PROGRAM", "ghostty")] {
        let written = written(&[known]);
        // One of two has ended, and half of the other is there.
        let half = written.find("\u{1b}]9;4;1;75\u{1b}\\");
        let gone = written.rfind("\u{1b}]9;4;0;\u{1b}\\");
        assert!(half.is_some() && half < gone, "{known:?}: {written:?}");
        assert_eq!(written.rfind("\u{1b}]9;4;"), gone, "{known:?}: {written:?}");
    }
    assert!(!written(&[]).contains("\u{1b}]9;"));
}
