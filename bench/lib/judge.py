"""What became of a case: a few words for the table, and whether it is as it should be."""

import re
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    words: str
    good: bool


@dataclass
class Seen:
    """What a client left behind."""

    # None if it had to be killed.
    status: int | None
    # The regular files in the destination, by path, as much as was read of each; and their lengths.
    files: dict
    lengths: dict
    # What is outside of the destination and was not, or not so, before.
    outside: list
    # What stands where the obstacle was: "link", "folder", "file" or "other".
    target: str
    # How often somebody connected to the server beside.
    beside: int
    # What the client printed.
    printed: bytes

    @property
    def said(self):
        if self.status is None:
            return "hangs"
        # A negative status is the signal that ended it.
        return "said ok" if self.status == 0 else "error" if self.status > 0 else "crashes"


def whole(case, seen):
    """The right file or, where there can be none, no file and an error."""
    for content in seen.files.values() if seen.status == 0 else ():
        if content in case.marks:
            return Verdict(case.marks[content], False)
        if content in case.harmless:
            return Verdict(case.harmless[content], True)
    complete = bool(case.files) and seen.files == case.files
    if seen.status is None:
        return Verdict("right file, hangs" if complete else "hangs", False)
    if complete:
        return Verdict("right file" if seen.status == 0 else "right file, error", seen.status == 0)
    if case.files and Counter(seen.files.values()) == Counter(case.files.values()):
        return Verdict(f"named `{next(iter(seen.files))}`", False)
    if set(seen.files.items()) <= set(case.files.items()):
        some = "a file missing" if seen.files else "no file"
        return Verdict(f"{some}, {seen.said}", not case.files and seen.status > 0)
    some = "wrong file" if any(seen.lengths.values()) else "empty file"
    return Verdict(f"{some}, {seen.said}", False)


def bomb(case, seen):
    """Bounded means that less than the whole was written."""
    written = max(seen.lengths.values(), default=0) >> 20
    if written >= 64:
        return Verdict(f"writes {written} MiB, {seen.said}", False)
    return whole(case, seen)


def elsewhere(case, seen):
    """The server beside is not to be called."""
    if seen.beside:
        return Verdict("goes there", False)
    return whole(case, seen)


def quiet(case, seen):
    """No escape sequence of the server's reaches the terminal."""
    if b"\x1b[31m" in seen.printed:
        return Verdict("prints it", False)
    return whole(case, seen)


def goes_on(case, seen):
    """What is good arrives although the others do not answer."""
    there = case.files.items() <= seen.files.items()
    return Verdict("goes on" if there else "waits", there)


def names(case, seen):
    """Every body is saved, in the destination itself, under a plain name."""
    if seen.outside:
        return Verdict("leaves the folder", False)
    if seen.status is None:
        return Verdict("hangs", False)
    lost = Counter(case.files.values()) - Counter(seen.files.values())
    if lost:
        words = "one lost" if seen.files else "no file"
        return Verdict(f"{words}, {seen.said}", False)
    if any("/" in name for name in seen.files):
        return Verdict("makes folders", False)
    if case.bad_name and any(re.search(case.bad_name, name) for name in seen.files):
        return Verdict("name kept", False)
    words = "saved" if len(case.files) == 1 else "both kept"
    return Verdict(words if seen.status == 0 else f"{words}, error", seen.status == 0)


def obstacle(case, seen):
    """Nothing is written through what stands there; it is replaced, or that is an error."""
    if seen.outside:
        return Verdict("written through", False)
    if seen.status is None:
        return Verdict("hangs", False)
    content = next(iter(case.files.values()))
    if seen.status != 0:
        return Verdict("error", content not in seen.files.values())
    if seen.target == "file" and content in seen.files.values():
        replaced = seen.files.get(next(iter(case.files))) == content
        return Verdict("replaced" if replaced else "saved beside it", True)
    if content in seen.files.values():
        return Verdict("saved beside it", True)
    return Verdict("nothing done, said ok", False)
