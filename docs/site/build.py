"""Makes the site in target/site/book: all pages of docs/site/SUMMARY.md, as they are in the repository.

Needs mdBook (`cargo install mdbook --locked`).
"""

import os
import shutil
import subprocess
from pathlib import Path

from links import ATTRIBUTE, CODE, FENCE, LINK, OTHER_PLACE, targets

REPOSITORY = "https://github.com/haulage/haulage"
IMAGES = (".svg", ".png")


def add_arguments(parser):
    parser.add_argument("--pages-only", action="store_true", help="only gather the pages in target/site/src")


def run(arguments, root):
    site = root / "target" / "site"
    gather(root, site)
    if arguments.pages_only:
        return 0
    return subprocess.run(["mdbook", "build", site]).returncode


def gather(root, site):
    """Copies the pages, and the files that they show or link to, to the same places below `site`."""
    shutil.rmtree(site, ignore_errors=True)
    source = site / "src"
    summary = root / "docs" / "site" / "SUMMARY.md"
    pages = {resolved(summary, target) for target in targets(summary.read_text())}
    source.mkdir(parents=True)
    shutil.copy(root / "docs" / "site" / "book.toml", site)
    (source / "SUMMARY.md").write_text(relinked(summary, pages, root, base=root))
    shown = {resolved(page, target) for page in pages for target in targets(page.read_text())}
    for page in pages:
        made(place(page, root, source)).write_text(relinked(page, pages, root, base=page.parent))
    for image in (file for file in shown if file.suffix in IMAGES):
        shutil.copy(image, made(place(image, root, source)))


def made(file):
    """Returns a file whose folder is there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def resolved(document, target):
    """Returns the file that a document links to."""
    return Path(os.path.normpath(document.parent / target.partition("#")[0])) if target[0] != "#" else document


def place(file, root, source):
    """Returns where a file of the repository is copied to. mdBook calls the page of a folder `index`."""
    copy = source / file.relative_to(root)
    return copy.with_name("index.md") if file.name == "README.md" else copy


def relinked(document, pages, root, base):
    """Returns a page whose links lead to other pages of the site, and otherwise to the repository.

    They are relative to the folder `base`.
    """

    def new(target):
        if OTHER_PLACE.match(target) or target.startswith("#"):
            return target
        file, anchor = resolved(document, target), target.partition("#")[1:]
        if file in pages or file.suffix in IMAGES:
            return os.path.relpath(place(file, root, root), base) + "".join(anchor)
        kind = "tree" if file.is_dir() else "blob"
        return f"{REPOSITORY}/{kind}/main/{file.relative_to(root)}" + "".join(anchor)

    def replaced(match):
        start, end = (edge - match.start() for edge in match.span(1))
        return match[0][:start] + new(match[1]) + match[0][end:]

    text, parts, at = document.read_text(), [], 0
    for code in [*code_spans(text), None]:
        end = code[0] if code else len(text)
        parts.append(ATTRIBUTE.sub(replaced, LINK.sub(replaced, text[at:end])))
        if code:
            parts.append(text[code[0]:code[1]])
            at = code[1]
    return "".join(parts)


def code_spans(text):
    """Yields where blocks and spans of code begin and end, without those inside of another."""
    blocks = [match.span() for match in FENCE.finditer(text)]
    at = 0
    for start, end in [*blocks, (len(text), len(text))]:
        yield from (match.span() for match in CODE.finditer(text, at, start))
        if end > start:
            yield start, end
        at = end
