"""The clients: how each is called, and what it is handed."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.lib.server import which


@dataclass
class Job:
    """What a client has to fetch, and into which folder."""

    urls: list
    out: Path
    scratch: Path
    connections: int
    cacert: Path | None
    # Whether one file may come over all the connections, in segments.
    segments: bool = False


class Client:
    """A way to fetch a list of URLs."""

    name = ""
    package = ""
    version_flag = "--version"
    # What to say of a client where it cannot do what the others do.
    without_h2 = ""
    # Most rows of a long list, for a client that would take gigabytes or many minutes for all.
    most_rows = None

    def __init__(self, program=None):
        self.program = program or which(self.name)

    @property
    def missing(self):
        if self.program is None:
            return f"{self.name} not found: install it, e.g. `apt-get install {self.package}`"
        return None

    def says(self, *arguments):
        """What it prints on standard output."""
        done = subprocess.run(
            [self.program, *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout

    def suits(self, work):
        """Whether it knows how to fetch what is served like that."""
        del work
        return True

    def version(self):
        # curl goes on to name every library it was built with.
        return (self.says(self.version_flag).splitlines() or ["?"])[0].split(" (")[0].strip()

    def list_line(self, url, job):
        """How a URL stands in the list handed to the client."""
        del job
        return url

    def arguments(self, listing, job):
        raise NotImplementedError

    def command(self, job):
        listing = job.scratch / f"{self.name}.list"
        listing.write_text("".join(f"{self.list_line(url, job)}\n" for url in job.urls))
        return [self.program, *self.arguments(listing, job)]


class Haul(Client):
    def __init__(self, program, name="haul", more=()):
        self.name = name
        self.more = more
        super().__init__(str(Path(program).resolve()))

    @property
    def missing(self):
        if not Path(self.program).is_file():
            return f"{self.program} not found: `cargo build --release` makes it, --haul names another"
        return None

    def arguments(self, listing, job):
        flags = ["-i", listing, "-d", job.out, "-j", job.connections]
        flags += ["--per-host", job.connections, "--progress", "none", "-q", *self.more]
        flags += ["-s", job.connections, "--min-split-size", "1M"] if job.segments else []
        return flags + (["--cacert", job.cacert] if job.cacert else [])


class Curl(Client):
    name = package = "curl"

    def list_line(self, url, job):
        return f'url = "{url}"\noutput = "{job.out / Path(url).name}"'

    def arguments(self, listing, job):
        flags = ["-q", "-s", "-S", "-f", "-Z", "--parallel-max", job.connections, "-K", listing]
        return flags + (["--cacert", job.cacert] if job.cacert else [])


class Wget2(Client):
    name = package = "wget2"

    def arguments(self, listing, job):
        flags = ["--no-config", "-q", "--no-hsts", "--no-ocsp", "--no-directories"]
        flags += ["--max-threads", job.connections, "-P", job.out, "-i", listing]
        return flags + ([f"--ca-certificate={job.cacert}"] if job.cacert else [])


class Aria2(Client):
    name = "aria2c"
    package = "aria2"
    without_h2 = "knows no HTTP/2 and spoke HTTP/1.1"
    most_rows = 200_000

    def list_line(self, url, job):
        return f"{url}\n  out={Path(url).name}"

    def arguments(self, listing, job):
        # Without `--file-allocation=none` it would write every byte twice where the
        # file system cannot set space aside.
        flags = ["--no-conf", "--quiet", "--summary-interval=0", "--download-result=hide"]
        flags += ["--file-allocation=none", "-j", job.connections]
        flags += [f"-x{job.connections}", f"-s{job.connections}", "-k1M"] if job.segments else ["-x1"]
        flags += ["-d", job.out, "-i", listing]
        return flags + ([f"--ca-certificate={job.cacert}"] if job.cacert else [])


class Rclone(Client):
    """`copyurl --urls` where there is one (1.72), else `copy` from a remote that is a web server."""

    name = package = "rclone"
    version_flag = "version"
    most_rows = 200_000

    def __init__(self):
        super().__init__()
        self.takes_urls = self.program is not None and "--urls" in self.says("copyurl", "--help")

    def version(self):
        return super().version() + (", copyurl --urls" if self.takes_urls else ", copy :http:")

    def list_line(self, url, job):
        return f"{url},{Path(url).name}" if self.takes_urls else Path(url).name

    def arguments(self, listing, job):
        flags = ["-q", "--transfers", job.connections]
        flags += ["--ca-cert", job.cacert] if job.cacert else []
        if self.takes_urls:
            return ["copyurl", *flags, "--urls", listing, job.out]
        # All that would be asked beyond one GET a file is turned off: the listing of the folder,
        # the HEAD of each file, the look at the destination.
        folder = job.urls[0].rpartition("/")[0]
        flags += ["--checkers", job.connections, "--files-from-raw", listing]
        flags += ["--no-traverse", "--no-check-dest", "--http-no-head", "--http-url", f"{folder}/"]
        return ["copy", *flags, ":http:", job.out]


class Aiohttp(Client):
    """The script that people write; see `aiohttp_client.py`."""

    name = "aiohttp"
    without_h2 = "knows no HTTP/2 and spoke HTTP/1.1"
    most_rows = 200_000
    script = Path(__file__).resolve().parent / "aiohttp_client.py"
    versions = (
        "import aiohttp, platform, tqdm; "
        "print(f'aiohttp {aiohttp.__version__}, tqdm {tqdm.__version__}, Python {platform.python_version()}')"
    )

    def __init__(self):
        super().__init__(which(os.environ.get("BENCH_PYTHON", sys.executable)))
        self.found = self.says("-c", self.versions) if self.program else ""

    @property
    def missing(self):
        if not self.found:
            return "aiohttp not found: `pip install aiohttp tqdm`, and let BENCH_PYTHON name that python3"
        return None

    def version(self):
        return self.found.strip()

    def arguments(self, listing, job):
        flags = [self.script, listing, job.out, "--connections", job.connections]
        return flags + (["--cacert", job.cacert] if job.cacert else [])


class Floor(Client):
    """What nothing can do for much less: a bare loop in C; see `bench/floors/`. No client to be used."""

    name = "floor"
    package = "gcc"
    folder = Path(__file__).resolve().parent.parent / "floors"
    way = ()

    def __init__(self):
        super().__init__(which("cc"))

    def version(self):
        return f"bare loops in C, {super().version()}"

    def suits(self, work):
        return work.scheme == "plain" and not work.segments

    def command(self, job):
        one = len(job.urls) == 1
        program = job.scratch / "floor"
        source = self.folder / ("large.c" if one else "small.c")
        subprocess.run([self.program, "-O2", "-o", program, source], check=True)
        if one:
            return [program, job.urls[0], job.out]
        listing = job.scratch / "floor.list"
        listing.write_text("".join(f"{url}\n" for url in job.urls))
        return [program, listing, job.out, job.connections, *self.way]


class SpliceFloor(Floor):
    """The same with a pipe between the socket and the file: a copy of each byte less."""

    name = "floor-splice"
    way = ("splice",)

    def suits(self, work):
        return super().suits(work) and work.files.count > 1

PEERS = {"curl": Curl, "wget2": Wget2, "aria2c": Aria2, "rclone": Rclone, "aiohttp": Aiohttp, "floor": Floor,
         "floor-splice": SpliceFloor}
NAMES = ("haul", *PEERS)
# Those that take part where none are named.
USUAL = tuple(name for name in NAMES if name != SpliceFloor.name)


def choose(chosen, haul, before=None, durability=()):
    """The clients to run and, by name, why others are left out. `chosen` is None for the usual ones.

    `durability` names ways in which haul is to be run as well, besides the one it has by default.
    """
    clients, left_out = [], {}
    for name in chosen or USUAL:
        client = Haul(haul) if name == "haul" else PEERS[name]()
        # haul is what this is about: not without it.
        if client.missing and name == "haul":
            raise FileNotFoundError(client.missing)
        if client.missing:
            left_out[name] = client.missing
            continue
        clients.append(client)
    first = 1 if clients and clients[0].name == "haul" else 0
    clients[first:first] = [Haul(haul, f"haul-{how}", ("--durability", how)) for how in durability]
    if before:
        client = Haul(before, "haul-before")
        if client.missing:
            raise FileNotFoundError(client.missing)
        clients.insert(first, client)
    return clients, left_out
