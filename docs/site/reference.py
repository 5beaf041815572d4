"""Writes docs/reference.md, the page of all commands and options, from `haul --help`."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

HEAD = """# Reference

<!-- Made from `haul --help` by `python3 docs/site reference`; do not edit. -->

Every command and option, as `haul --help` shows them. `haul man` prints the same as a manual page. The [guide](guide.md) shows how they are used;
[coming from other programs](coming-from.md) lists what the options of wget, curl and aria2 are called here.
"""
# Groups that are shown as they are.
VERBATIM = ("Exit status", "Examples")
# An option or an argument, perhaps with its text on the same line.
ENTRY = re.compile(r"^ {2,6}(-\S.*?|[<\[][A-Z|]+[>\]](?:\.\.\.)?)(?: {2,}(.*))?$")


def add_arguments(parser):
    parser.add_argument("--haul", type=Path, help="the program (default: target/release/haul)")
    parser.add_argument("--check", action="store_true", help="write nothing; the status is 1 if the page is not current")


def run(arguments, root):
    page = root / "docs" / "reference.md"
    text = reference(arguments.haul or root / "target" / "release" / "haul")
    if not arguments.check:
        page.write_text(text)
    elif page.read_text() != text:
        print("docs/reference.md is not current; run: python3 docs/site reference", file=sys.stderr)
        return 1
    return 0


def reference(haul):
    help_of_haul = help_of(haul)
    of_haul = groups(converted(help_of_haul))
    parts = [HEAD, "## haul\n", *(block for group in of_haul for block in group)]
    for command in commands(help_of_haul):
        of_command = groups(converted(help_of(haul, command)))
        own = [group for group in of_command if group not in of_haul]
        parts += [f"## haul {command}\n", *(block for group in own for block in group)]
        if len(own) < len(of_command):
            parts.append("The other options are those of `haul`.\n")
    return "\n".join(parts).rstrip() + "\n"


def commands(lines):
    """Returns the names of all commands, in the order of the help."""
    listed = lines[lines.index("Commands:") + 1:]
    return [line.split()[0] for line in listed[:listed.index("")]]


def groups(blocks):
    """Returns the blocks in groups: those below each heading, and those before the first one."""
    found = [[]]
    for block in blocks:
        if block.startswith("### "):
            found.append([])
        found[-1].append(block)
    return found


def help_of(haul, *command):
    # The text is as wide as clap makes it where there is no terminal.
    asked = subprocess.run([haul, *command, "--help"], check=True, capture_output=True, text=True)
    return asked.stdout.splitlines()


def converted(lines):
    """Yields the blocks of Markdown for a help: paragraphs, headings of groups, entries with their text."""
    block, group = [], None
    for line in [*lines, ""]:
        heading, entry = re.fullmatch(r"([A-Z][\w ]*):", line), ENTRY.match(line)
        is_verbatim = group in VERBATIM and not heading
        if heading or entry and not is_verbatim or not line.strip():
            yield from verbatim(block) if is_verbatim else paragraph(block)
            block = []
        if heading:
            group = heading[1]
            yield f"### {group}\n"
        elif entry and not is_verbatim:
            yield f"#### `{entry[1].strip()}`\n"
            block = [entry[2]] if entry[2] else []
        elif line.strip():
            block.append(line)


def verbatim(block):
    if block:
        yield "```text\n" + textwrap.dedent("\n".join(block)) + "\n```\n"


def paragraph(block):
    """Yields a paragraph, the usage, or a list of values or commands."""
    if not block:
        return
    if block[0].startswith("Usage:"):
        yield from verbatim(block)
    elif any(re.match(r"^ *- \S+: ", line) for line in block):
        yield from values(block)
    elif all(re.match(r"^ {2}\w+ {2,}\S", line) for line in block):
        rows = (re.split(r" {2,}", line.strip(), maxsplit=1) for line in block)
        yield "\n".join(f"* `{name}`: {escaped(text)}" for name, text in rows) + "\n"
    else:
        yield escaped(" ".join(line.strip() for line in block)) + "\n"


def values(block):
    """Yields a list of the possible values, and what they stand for."""
    items = []
    for line in block:
        value = re.match(r"^ *- (\S+): +(.*)$", line)
        if value:
            items.append(f"* `{value[1]}`: {escaped(value[2])}")
        elif items:
            items[-1] += " " + escaped(line.strip())
        else:
            yield escaped(line.strip()) + "\n"
    yield "\n".join(items) + "\n"


def escaped(text):
    return re.sub(r"([\\`*_\[\]<>{}#|])", r"\\\1", text)
