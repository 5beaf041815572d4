"""Records haul in a terminal, and draws docs/terminal.svg and docs/terminal-dark.svg.

A shell runs in a pseudo-terminal. haul downloads a list from the origin, is stopped by Ctrl-C, and runs again. Needs
`pip install pyte`, and `cargo build --release`.
"""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from html import escape
from pathlib import Path

COLUMNS, ROWS = 96, 8
# Of one character, in pixels.
WIDTH, HEIGHT = 8.4, 19
PADDING, TITLE_BAR = 14, 30
# Seconds between two frames, and how long the last one stays.
INTERVAL, LAST = 0.4, 6.0
FONT = '14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'
COMMAND = "haul -d photos -i urls.txt"
PROMPT = "$ "
FILES = 100
THEMES = {
    "terminal.svg": {
        "paper": "#ffffff", "bar": "#eaeef2", "edge": "#d0d7de", "default": "#1f2328", "red": "#cf222e",
        "green": "#116329", "brown": "#7d4e00", "blue": "#0969da", "magenta": "#8250df", "cyan": "#1b7c83",
    },
    "terminal-dark.svg": {
        "paper": "#0d1117", "bar": "#161b22", "edge": "#30363d", "default": "#e6edf3", "red": "#ff7b72",
        "green": "#3fb950", "brown": "#d29922", "blue": "#58a6ff", "magenta": "#bc8cff", "cyan": "#39c5cf",
    },
}


def add_arguments(parser):
    parser.add_argument("--haul", type=Path, help="the program (default: target/release/haul)")
    parser.add_argument("--origin", type=Path, help="the server (default: target/release/origin)")


def run(arguments, root):
    release = root / "target" / "release"
    haul = (arguments.haul or release / "haul").resolve()
    with tempfile.TemporaryDirectory() as folder, serving(arguments.origin or release / "origin") as base:
        folder = Path(folder)
        folder.joinpath("urls.txt").write_text("".join(urls(base, FILES)))
        frames = record(folder, haul)
    for name, theme in THEMES.items():
        drawing = draw(frames, theme)
        (root / "docs" / name).write_text(drawing)
        print(f"docs/{name}: {len(frames)} frames, {len(drawing) / 1000:.0f} KB", file=sys.stderr)
    return 0


@contextlib.contextmanager
def serving(origin):
    """Yields the address of an origin."""
    server = subprocess.Popen([origin, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        yield next(word for word in line.split() if word.startswith("http://")).rstrip("/")
    finally:
        server.terminate()
        server.wait()


def urls(base, count):
    """Yields lines of a list: files that arrive at 1.25 MiB/s each."""
    for number in range(1, count + 1):
        query = f"seed={number}&ranges&etag=one&drip=64K,50ms"
        yield f"{base}/bytes/{1 + number % 4}MiB/photo-{number:03}.jpg?{query}\n"


class Terminal:
    """A shell in a pseudo-terminal, and what its screen showed at which time."""

    def __init__(self, folder, path, rows):
        import pyte

        self.rows = rows
        self.screen = pyte.Screen(COLUMNS, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.frames, self.start = [], time.monotonic()
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            environment = {"PATH": path, "HOME": str(folder), "TERM": "xterm-256color",
                           "PS1": PROMPT, "LANG": "C.UTF-8"}
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting"], environment)
        self.pid = pid
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, COLUMNS, 0, 0))

    def watch(self, seconds, until_prompt=False):
        """Follows the screen for that long, or until the shell shows its prompt again."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.terminal], [], [], min(left, 0.05))[0]:
                self.stream.feed(os.read(self.terminal, 65536))
            now = time.monotonic() - self.start
            if not self.frames or now - self.frames[-1][0] >= INTERVAL:
                self.keep(now)
            if until_prompt and self.prompt():
                break
        self.keep(time.monotonic() - self.start)

    def prompt(self):
        return self.screen.display[self.screen.cursor.y].rstrip() == PROMPT.rstrip()

    def keep(self, now):
        lines = [row_of(self.screen.buffer[row]) for row in range(self.rows)]
        if not self.frames or self.frames[-1][1] != lines:
            self.frames.append((now, lines))

    def type(self, text):
        for character in text:
            os.write(self.terminal, character.encode())
            self.watch(0.04)

    def close(self):
        os.close(self.terminal)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGHUP)
        os.waitpid(self.pid, 0)


def row_of(row):
    """Returns one line of the screen as spans of text with one colour and weight."""
    spans = []
    for column in range(COLUMNS):
        cell = row[column]
        style = (cell.fg, cell.bold)
        if spans and spans[-1][0] == style:
            spans[-1][1] += cell.data
        else:
            spans.append([style, cell.data])
    return spans


def record(folder, haul):
    """Returns frames: each has its time in seconds, and the lines of the screen."""
    terminal = Terminal(folder, f"{haul.parent}:/usr/bin:/bin", ROWS)
    try:
        terminal.watch(1, until_prompt=True)
        terminal.watch(0.8)
        terminal.type(COMMAND + "\n")
        terminal.watch(6)
        terminal.type("\x03")
        terminal.watch(10, until_prompt=True)
        terminal.watch(2)
        terminal.type(COMMAND + "\n")
        terminal.watch(1)
        terminal.watch(60, until_prompt=True)
    finally:
        terminal.close()
    first = next(at for at, lines in terminal.frames if lines[0][0][1].startswith(PROMPT.strip()))
    return [(at - first, lines) for at, lines in terminal.frames if at >= first]


def draw(frames, theme):
    """Returns an SVG that shows the frames one after another, or only the last one to who wants no motion."""
    total = frames[-1][0] + LAST
    width, height = COLUMNS * WIDTH + 2 * PADDING, ROWS * HEIGHT + 2 * PADDING + TITLE_BAR
    steps, groups = [], []
    for index, (at, lines) in enumerate(frames):
        until = frames[index + 1][0] if index + 1 < len(frames) else total
        steps.append(keyframes(index, 100 * at / total, 100 * until / total))
        groups.append(f'<g class="f" style="animation-name:f{index}">{"".join(texts(lines, theme, TITLE_BAR))}</g>')
    last = len(frames)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" \
height="{height:.0f}" role="img">
<title>haul downloads a list of {FILES} files, is interrupted by Ctrl-C, and resumes when the command runs again</title>
<style>
text {{ font: {FONT}; white-space: pre; }}
.f {{ visibility: hidden; animation: {total:.1f}s step-end infinite; }}
{"".join(steps)}
@media (prefers-reduced-motion: reduce) {{
.f {{ animation: none; }}
.f:nth-of-type({last}) {{ visibility: visible; }}
}}
</style>
<rect x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8" fill="{theme["paper"]}" \
stroke="{theme["edge"]}"/>
<path d="M.5 {TITLE_BAR}V8.5a8 8 0 0 1 8-8H{width - 8.5:.1f}a8 8 0 0 1 8 8V{TITLE_BAR}z" fill="{theme["bar"]}" \
stroke="{theme["edge"]}"/>
{chr(10).join(groups)}
</svg>
"""


def keyframes(index, start, end):
    hidden = "0%{visibility:hidden}" if start > 0 else ""
    after = f"{end:.2f}%{{visibility:hidden}}" if end < 100 else ""
    return f"@keyframes f{index}{{{hidden}{start:.2f}%{{visibility:visible}}{after}}}\n"


def texts(lines, theme, top):
    """Yields the text elements of one frame, below `top`. Each span has its length, whatever the font."""
    for row, spans in enumerate(lines):
        column, y = 0, top + PADDING + (row + 0.75) * HEIGHT
        for (colour, bold), text in spans:
            shown = text.rstrip()
            if shown:
                lead = len(shown) - len(shown.lstrip())
                x, length = PADDING + (column + lead) * WIDTH, (len(shown) - lead) * WIDTH
                fill = theme.get(colour, theme["default"])
                weight = ' font-weight="bold"' if bold else ""
                yield (f'<text x="{x:.1f}" y="{y:.0f}" textLength="{length:.1f}" fill="{fill}"{weight}>'
                       f"{escape(shown.lstrip(), quote=False)}</text>")
            column += len(text)
