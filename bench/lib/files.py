"""The files that are fetched: what they are called, what is in them, whether they arrived."""

import contextlib
import dataclasses
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PIECE = MIB


@dataclass(frozen=True)
class FileSet:
    """`count` files of `size` bytes in a folder of their own; names are unique across sets."""

    name: str
    count: int
    size: int
    pattern: str

    def names(self):
        return [self.pattern.format(index) for index in range(self.count)]

    def paths(self):
        return [f"{self.name}/{name}" for name in self.names()]

    @property
    def bytes(self):
        # A file of a few bytes still takes a page on tmpfs.
        return self.count * max(self.size, 4 * KIB)

    @property
    def stored(self):
        """What they take at the server."""
        return self.bytes

    def at_most(self, count):
        return dataclasses.replace(self, count=min(self.count, count or self.count))

    def create(self, root):
        """Write the files; the content follows from each file's path alone."""
        (root / self.name).mkdir(parents=True)
        for path in self.paths():
            content = random.Random(path)
            with open(root / path, "wb") as file:
                for start in range(0, self.size, PIECE):
                    file.write(content.randbytes(min(PIECE, self.size - start)))

    def same(self, original, copy):
        return same_bytes(original, copy)


class Rows(FileSet):
    """A list so long that its files are one: the server answers every name with it."""

    @property
    def stored(self):
        return 4 * KIB

    def content(self):
        return b"x" * self.size

    def create(self, root):
        (root / self.name).mkdir(parents=True)
        # The name that `server.CONFIG` knows.
        (root / self.name / "one").write_bytes(self.content())

    def same(self, original, copy):
        del original
        with open(copy, "rb", buffering=0) as file:
            return file.read(self.size + 1) == self.content()

SETS = {
    "small": FileSet("small", 20_000, 4 * KIB, "{:05}.bin"),
    "medium": FileSet("medium", 2_000, 256 * KIB, "medium-{:04}.bin"),
    "mid": FileSet("mid", 200, 5 * MIB, "mid-{:03}.bin"),
    "large": FileSet("large", 1, 2 * GIB, "large-{}.bin"),
    "far": FileSet("far", 1, 128 * MIB, "far-{}.bin"),
    "delayed": FileSet("delayed", 1_500, 4 * KIB, "delayed-{:04}.bin"),
    "limited": FileSet("limited", 1, 256 * MIB, "limited-{}.bin"),
}
ROWS = Rows("rows", 1_000_000, 16, "{:07}.row")


@dataclass
class Check:
    """What was found where a client's files should be."""

    right: int = 0
    missing: int = 0
    different: int = 0
    more: int = 0

    @property
    def all_right(self):
        return self.missing == 0 and self.different == 0

    def __str__(self):
        found = f"{self.right} right, {self.missing} missing, {self.different} different"
        return found + (f", {self.more} more than asked for" if self.more else "")


def check(root, paths, out, same):
    """Look for each of `paths` under `out`, in whatever folder the client put it."""
    found = {}
    for folder, below, names in os.walk(out):
        # haul's state is no download.
        if Path(folder) == Path(out) and ".haul" in below:
            below.remove(".haul")
        found.update((name, os.path.join(folder, name)) for name in names)
    result = Check()
    for path in paths:
        copy = found.pop(Path(path).name, None)
        if copy is None:
            result.missing += 1
        elif same(root / path, copy):
            result.right += 1
        else:
            result.different += 1
    result.more = len(found)
    return result


def same_bytes(left, right):
    """Whether two files hold the same bytes, compared whole."""
    with open(left, "rb", buffering=0) as a, open(right, "rb", buffering=0) as b:
        if os.fstat(a.fileno()).st_size != os.fstat(b.fileno()).st_size:
            return False
        while True:
            piece = a.read(PIECE)
            if piece != b.read(PIECE):
                return False
            if not piece:
                return True


class Sums:
    """SHA-256 of the originals, each worked out once."""

    def __init__(self):
        self.known = {}

    def same(self, original, copy):
        if original not in self.known:
            self.known[original] = sha256(original)
        return self.known[original] == sha256(copy)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@contextlib.contextmanager
def work_folder(chosen, need):
    """A folder of our own with room for `need` bytes, on tmpfs if it fits; gone afterwards."""
    parent = Path(chosen) if chosen else roomy(need)
    parent.mkdir(parents=True, exist_ok=True)
    if room(parent) < need:
        raise OSError(f"{parent} has no room for {need / GIB:.1f} GiB: choose another with --work")
    # A plain `kill` should clean up as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = Path(tempfile.mkdtemp(prefix="haulage-bench-", dir=parent.resolve()))
    try:
        yield work
    finally:
        remove(work)


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)


def roomy(need):
    shm = Path("/dev/shm")
    # Half as much again, so that the memory left is enough for everything else.
    if os.access(shm, os.W_OK) and min(room(shm), memory_available()) > need * 1.5:
        return shm
    return Path(tempfile.gettempdir())


def room(folder):
    return shutil.disk_usage(folder).free


def memory_available():
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * KIB
    return 0
