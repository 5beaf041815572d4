"""Shows how clients treat servers that are overloaded.

Each client downloads from servers that refuse part of the requests. The table shows how many files arrived,
how many requests were refused, and the time. The exit status is 1 if haul misses a file.
"""

import asyncio
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.lib import measure, options
from bench.lib.errors import built
from bench.lib.threaded import HOST, Threaded

BODY = b"x" * 4096
LIMIT = 60


@dataclass(frozen=True)
class Case:
    """A server that takes some time for each file, and refuses what is too much."""

    what: str
    status: str
    # How many at once, how many a second, and after how many requests it closes for how many
    # seconds.
    at_once: int = 10**9
    per_second: float = 1e9
    closes: tuple[int, float] | None = None
    retry_after: int | None = None
    # For how many seconds it takes no more than that at once; and how many a request takes.
    until: float = 1e9
    takes: float = 0.02

CASES = (
    Case("more than 8 at once: 503", "503 Service Unavailable", at_once=8),
    Case("more than 8 at once: 429, `Retry-After: 1`", "429 Too Many Requests", at_once=8, retry_after=1),
    Case("more than 250 a second: 429", "429 Too Many Requests", per_second=250),
    Case("after 200 requests closed for 3 s: 503, `Retry-After: 3`", "503 Service Unavailable", closes=(200, 3.0), retry_after=3),
    Case("more than 3 at once for 2.5 s, 60 ms each, then nothing: 503", "503 Service Unavailable", at_once=3, until=2.5, takes=0.06),
)


class Server(Threaded):
    """One case, on a port and a thread of its own."""

    def __init__(self, case):
        super().__init__()
        self.case = case
        self.refused = self.asked = self.in_flight = 0
        self.allowed = self.case.per_second / 10
        self.filled = time.monotonic()
        self.closed_until = self.first = None
        # Requests that came while it was closed, without those that were under way when it closed.
        self.disturbed = 0

    def url(self, path):
        return f"http://{HOST}:{self.port}/{path}"

    async def answer(self, reader, writer):
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.asked += 1
                self.in_flight += 1
                try:
                    is_too_much = self.is_too_much()
                    if not is_too_much:
                        await asyncio.sleep(self.case.takes)
                finally:
                    self.in_flight -= 1
                if is_too_much:
                    self.refused += 1
                    wait = f"Retry-After: {self.case.retry_after}\r\n" if self.case.retry_after else ""
                    writer.write(f"HTTP/1.1 {self.case.status}\r\n{wait}Content-Length: 0\r\n\r\n".encode())
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + BODY)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def is_too_much(self):
        now = time.monotonic()
        self.first = self.first or now
        if self.case.closes:
            after, seconds = self.case.closes
            if self.closed_until is None and self.asked > after:
                self.closed_until = now + seconds
            if self.closed_until is not None and now < self.closed_until:
                # Nobody can know before an answer has reached him.
                self.disturbed += now > self.closed_until - seconds + 0.1
                return True
        self.allowed = min(self.allowed + (now - self.filled) * self.case.per_second, self.case.per_second / 10)
        self.filled = now
        is_limited = now < self.first + self.case.until
        if is_limited and self.in_flight > self.case.at_once or self.allowed < 1:
            return True
        self.allowed -= 1
        return False


def commands(haul, listing, out):
    """How each client fetches a list from a server that may refuse: with what it has for that."""
    config = listing.with_suffix(".curl")
    urls = listing.read_text().split()
    config.write_text("".join(f'url = "{url}"\noutput = "{out / Path(url).name}"\n' for url in urls))
    return {
        "haul": [haul, "-q", "--progress", "none", "-i", listing, "-d", out],
        "haul --per-host 8": [haul, "-q", "--progress", "none", "--per-host", "8", "-i", listing, "-d", out],
        "curl -Z --retry 20": ["curl", "-q", "-s", "-f", "-Z", "--retry", "20", "-K", config],
        "wget2 --tries 20": ["wget2", "--no-config", "-q", "--no-robots", "--tries=20", "--waitretry=1",
                             "-P", out, "-i", listing],
        "aria2c -j16 -m20": ["aria2c", "--no-conf", "-q", "-j16", "--max-tries=20", "--retry-wait=1",
                             "--file-allocation=none", "-d", out, "-i", listing],
    }


def trial(case, name, haul, files):
    """Returns what became of one client's run, and whether it has every file."""
    with tempfile.TemporaryDirectory(prefix="haulage-courtesy-") as folder, Server(case) as server:
        out, listing = Path(folder) / "out", Path(folder) / "list"
        out.mkdir()
        listing.write_text("".join(f"{server.url(number)}\n" for number in range(files)))
        command = commands(haul, listing, out)[name]
        began = time.monotonic()
        try:
            subprocess.run([str(word) for word in command], timeout=LIMIT, check=False, stdin=subprocess.DEVNULL,
                           env=measure.environment(out.parent),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            took = f"{time.monotonic() - began:.1f} s"
        except subprocess.TimeoutExpired:
            took = f"stopped after {LIMIT} s"
        got = sum(file.stat().st_size == len(BODY) for file in out.iterdir() if file.is_file())
        disturbed = f", {server.disturbed} while it was closed" if case.closes else ""
        share = 100 * server.refused / max(1, server.asked)
        return f"{got} files, {server.refused} refused ({share:.1f}%){disturbed}, {took}", got == files


def add_arguments(parser):
    options.haul(parser)
    parser.add_argument("--files", type=options.positive, default=2000, metavar="N",
                        help="how many files (default: %(default)s)")


def run(arguments):
    haul = built(arguments.haul, "--haul")
    names = ["haul", "haul --per-host 8", "curl -Z --retry 20", "wget2 --tries 20", "aria2c -j16 -m20"]
    names = [name for name in names if name.startswith("haul") or shutil.which(name.split()[0])]
    print(f"{arguments.files} files of 4 KiB, 20 ms each.\n")
    print("| the server refuses | " + " | ".join(names) + " |")
    print("|:--|" + ":--|" * len(names))
    is_whole = True
    for case in CASES:
        cells = []
        for name in names:
            words, has_all = trial(case, name, haul, arguments.files)
            is_whole &= has_all or not name.startswith("haul")
            cells.append(words)
        print(f"| {case.what} | " + " | ".join(cells) + " |", flush=True)
    return 0 if is_whole else 1
