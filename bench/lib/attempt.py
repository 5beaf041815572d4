"""One attempt of a client at a case: how it is called, and what it leaves behind."""

import contextlib
import os
import stat
import subprocess
from urllib.parse import quote

from bench.lib import files, measure
from bench.lib.cases import SECRET, VICTIM
from bench.lib.hostile import Hostile
from bench.lib.judge import Seen

# Bytes a second below which a client that can be told so gives up, after the case's patience.
LOWEST = 100
# No file that is right is longer.
READ = 1 << 20


def haul(case, urls, destination, cacert):
    flags = [f"--retries={case.attempts - 1}", f"--timeout={case.patience}s", "--connect-timeout=3s"]
    flags += ["--progress=none", f"--dir={destination}"]
    return flags + ([f"--cacert={cacert}"] if cacert else []) + urls


def curl(case, urls, destination, cacert):
    del destination
    flags = ["-q", "-s", "-S", "-f", "-g", "-L", "--remote-name-all", "--connect-timeout", "3"]
    flags += ["--speed-limit", LOWEST, "--speed-time", case.patience]
    flags += ["--retry", case.attempts - 1] if case.attempts > 1 else []
    return flags + (["--cacert", cacert] if cacert else []) + urls


def wget2(case, urls, destination, cacert):
    del destination
    flags = ["--no-config", "--no-hsts", "--no-ocsp", "--progress=none"]
    flags += [f"--tries={case.attempts}", f"--timeout={case.patience}"]
    flags += ["--retry-on-http-error=503"] if case.attempts > 1 else []
    return flags + ([f"--ca-certificate={cacert}"] if cacert else []) + urls


def aria2c(case, urls, destination, cacert):
    flags = ["--no-conf", "--file-allocation=none", "--summary-interval=0", "-Z", f"--dir={destination}"]
    flags += [f"--max-tries={case.attempts}", f"--timeout={case.patience}", "--connect-timeout=3"]
    flags += [f"--lowest-speed-limit={LOWEST}"]
    flags += ["--retry-wait=1"] if case.attempts > 1 else []
    return flags + ([f"--ca-certificate={cacert}"] if cacert else []) + urls

CALLED = {"haul": haul, "curl": curl, "wget2": wget2, "aria2c": aria2c}


class Box:
    """An empty destination, with room around it in which to see what leaves it."""

    def __init__(self, folder):
        self.folder = folder
        self.around = folder / "around"
        self.destination = self.around / "up" / "up" / "destination"
        self.destination.mkdir(parents=True)
        self.victim = self.around / "victim"
        self.victim.write_bytes(VICTIM)
        self.secret = folder / "secret"
        self.secret.write_bytes(SECRET)
        self.log = folder / "log"

    def outside(self):
        """What should not be there, or no longer is as it was."""
        found = [] if self.victim.read_bytes() == VICTIM else [self.victim]
        for place, below, names in os.walk(self.around):
            below[:] = [name for name in below if self.destination != self.around / place / name]
            found += [path for name in names if (path := self.around / place / name) != self.victim]
        return found

    def inside(self):
        """The regular files in the destination, apart from what clients note down for themselves."""
        contents, lengths = {}, {}
        for place, below, names in os.walk(self.destination):
            if self.destination == self.around / place and ".haul" in below:
                below.remove(".haul")
            for name in names:
                path = self.around / place / name
                about = path.lstat()
                if stat.S_ISREG(about.st_mode) and path.suffix != ".aria2":
                    key = str(path.relative_to(self.destination))
                    with open(path, "rb") as file:
                        contents[key] = file.read(READ)
                    lengths[key] = about.st_size
        return contents, lengths

    def kind(self, path):
        if path.is_symlink():
            return "link"
        return "folder" if path.is_dir() else "file" if path.is_file() else "other"


def attempt(name, program, case, contexts, folder, limit):
    """Let the client at it; what it left behind."""
    box = Box(folder)
    target = box.destination / "file.bin"
    if case.prepare:
        case.prepare(target, box.victim)
    answers = case.answers if isinstance(case.answers, dict) else {"": case.answers}
    with contextlib.ExitStack() as stack:
        fill = {"secret": str(box.secret), "escape": quote(str(box.around / "escape.bin"), safe="")}
        beside = None
        if case.beside:
            beside = stack.enter_context(Hostile({"": case.beside}))
            fill["beside"] = beside.address
        tls, cacert = contexts(case.tls, case.h2) if case.tls else (None, None)
        server = stack.enter_context(Hostile(answers, case.reused, tls, case.h2, fill.items()))
        base = f"{'https' if tls else 'http'}://{server.address}"
        urls = [(base if url.startswith("/") else "") + filled(url, fill) for url in case.urls]
        flags = CALLED[name](case, urls, box.destination, cacert)
        command = [program, *(case.extra.get(name) or ()), *flags]
        status = run(command, box, limit)
    contents, lengths = box.inside()
    seen = Seen(
        status, contents, lengths, box.outside(), box.kind(target),
        beside.connections if beside else 0, box.log.read_bytes(),
    )
    files.remove(folder)
    return seen


def filled(text, fill):
    for name, value in fill.items():
        text = text.replace("{" + name + "}", value)
    return text


def run(command, box, limit):
    """The exit status; None if the client had to be killed."""
    with open(box.log, "wb") as log:
        client = subprocess.Popen(
            list(map(str, command)), cwd=box.destination, env=measure.environment(box.folder),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )
    try:
        return client.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        client.kill()
        client.wait()
