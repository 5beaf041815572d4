"""Runs haul and other programs in a terminal, and draws docs/programs.svg and docs/programs-dark.svg.

All get the same list from the origin, but for uv, which installs packages of PyPI. Each has two pictures: while it runs,
and at its end. Needs `pip install pyte gallery-dl uv`, curl, aria2c, wget2, and `cargo build --release`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import terminal

ROWS = 12
FILES = 24
# Seconds after which a program is given up.
PATIENCE = 120
GAP, HEAD = 10, 26
THEMES = {name.replace("terminal", "programs"): theme for name, theme in terminal.THEMES.items()}


@dataclass(frozen=True)
class Program:
    name: str
    command: str
    # Seconds after which the first picture is taken.
    halfway: float = 3


PROGRAMS = [
    Program("haul", "haul -d photos -i urls.txt"),
    Program("aria2c", "aria2c -d photos -i urls.txt"),
    Program("curl", "curl -Z -K urls.curl"),
    Program("wget2", "wget2 -P photos -i urls.txt"),
    Program("gallery-dl", "gallery-dl -d photos -i urls.txt"),
    Program("uv", "uv pip install --system-certs --target packages --no-cache pandas matplotlib", 1.2),
]


def add_arguments(parser):
    terminal.add_arguments(parser)
    parser.add_argument("--path", default="", help="folders with other programs, separated by colons, before those of PATH")


def run(arguments, root):
    release = root / "target" / "release"
    haul = (arguments.haul or release / "haul").resolve()
    pictures = []
    for program in PROGRAMS:
        path = f"{haul.parent}:{arguments.path}:/usr/local/bin:/usr/bin:/bin"
        if not shutil.which(program.name, path=path):
            print(f"{program.name} is not installed", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder, terminal.serving(arguments.origin or release / "origin") as base:
            folder = Path(folder)
            write_lists(folder, base)
            said = subprocess.run([shutil.which(program.name, path=path), "--version"], capture_output=True, text=True)
            version = re.search(r"\d+\.[\d.]*\d", said.stdout)[0]
            for what, lines in zip(("while it runs", "at its end"), take(folder, path, program), strict=True):
                pictures.append((f"{program.name} {version}, {what}", lines))
    for name, theme in THEMES.items():
        drawing = draw(pictures, theme)
        (root / "docs" / name).write_text(drawing)
        print(f"docs/{name}: {len(pictures)} pictures, {len(drawing) / 1000:.0f} KB", file=sys.stderr)
    return 0


def write_lists(folder, base):
    """Writes the list, once as URLs and once as curl reads it."""
    urls = [line.strip() for line in terminal.urls(base, FILES)]
    folder.joinpath("urls.txt").write_text("".join(f"{url}\n" for url in urls))
    outputs = [f'url = "{url}"\noutput = "photos/{urlsplit(url).path.rpartition("/")[2]}"\ncreate-dirs\n' for url in urls]
    folder.joinpath("urls.curl").write_text("".join(outputs))


def take(folder, path, program):
    """Returns the lines of the screen while a program runs, and at its end."""
    shell = terminal.Terminal(folder, path, ROWS)
    try:
        shell.watch(2, until_prompt=True)
        shell.type(program.command + "\n")
        shell.watch(program.halfway)
        halfway = shell.frames[-1][1]
        deadline = time.monotonic() + PATIENCE
        while not shell.prompt() and time.monotonic() < deadline:
            shell.watch(1, until_prompt=True)
        return halfway, shell.frames[-1][1]
    finally:
        shell.close()


def draw(pictures, theme):
    """Returns an SVG with the pictures below one another, each with its title."""
    each = ROWS * terminal.HEIGHT + 2 * terminal.PADDING + HEAD
    width = terminal.COLUMNS * terminal.WIDTH + 2 * terminal.PADDING
    height = len(pictures) * (each + GAP) - GAP
    panels = []
    for number, (title, lines) in enumerate(pictures):
        body = "".join(terminal.texts(lines, theme, HEAD))
        panels.append(
            f'<g transform="translate(0 {number * (each + GAP)})">'
            f'<rect x=".5" y=".5" width="{width - 1:.0f}" height="{each - 1:.0f}" rx="8" fill="{theme["paper"]}" '
            f'stroke="{theme["edge"]}"/>'
            f'<text x="{terminal.PADDING}" y="20" fill="{theme["blue"]}" font-weight="bold">{terminal.escape(title)}</text>'
            f"{body}</g>"
        )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" \
height="{height:.0f}" role="img">
<title>haul, aria2c, curl, wget2, gallery-dl and uv in a terminal, while they run and at their end</title>
<style>
text {{ font: {terminal.FONT}; white-space: pre; }}
</style>
{chr(10).join(panels)}
</svg>
"""
