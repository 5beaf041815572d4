"""Checks the links of all documents to files and headings of this repository."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
# A link or an image; what stands before it may be an image inside of a link.
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
ATTRIBUTE = re.compile(r"\b(?:href|src|srcset)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)
OTHER_PLACE = re.compile(r"[a-z][a-z0-9+.-]*:|//")


def add_arguments(parser):
    pass


def run(arguments, root):
    documents = [root / name for name in tracked(root, "*.md")]
    wrong = [problem for document in documents for problem in problems(document, root)]
    for problem in wrong:
        print(problem, file=sys.stderr)
    print(f"{len(documents)} documents, {len(wrong)} wrong links", file=sys.stderr)
    return 1 if wrong else 0


def tracked(root, *patterns):
    """Returns the files that git knows, or would add."""
    command = ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted({name for name in names if name and (root / name).exists()})


def problems(document, root):
    text = document.read_text()
    name = document.relative_to(root)
    for target in targets(text):
        path, _, anchor = target.partition("#")
        file = document.parent / unquote(path) if path else document
        if not file.exists():
            yield f"{name}: {target}: there is no such file"
        elif not file.resolve().is_relative_to(root):
            yield f"{name}: {target}: outside of the repository"
        elif anchor and file.suffix == ".md" and unquote(anchor) not in anchors(file):
            yield f"{name}: {target}: there is no such heading"


def targets(text):
    """Returns what a document links to, without other sites."""
    plain = CODE.sub("", FENCE.sub("", text))
    found = LINK.findall(plain) + ATTRIBUTE.findall(plain)
    return [target for target in found if not OTHER_PLACE.match(target)]


def anchors(file: Path):
    """Returns the anchors of the headings, as GitHub and mdBook make them."""
    seen = {}
    for heading in HEADING.findall(FENCE.sub("", file.read_text())):
        seen.setdefault(anchor_of(heading), []).append(heading)
    return {f"{anchor}-{n}" if n else anchor for anchor, all_of in seen.items() for n in range(len(all_of))}


def anchor_of(heading):
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[^\w\- ]", "", text.strip().lower())
    return text.replace(" ", "-")
