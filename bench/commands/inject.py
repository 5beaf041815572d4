"""Makes each file operation of haul fail once.

Runs haul under strace, with one system call after another failing, those of the database included. Then the
same command runs undisturbed. The exit status is 1 if a file is wrong, or the second run does not complete.
"""

import hashlib
import shutil
import subprocess

from bench.lib import files, measure, options
from bench.lib.errors import BenchError, built
from bench.lib.origin import Origin, body

# Which calls fail, and with what. `writev` writes parts and sends requests; the database writes
# with `pwrite64`.
CALLS = {
    "openat": ("EIO", "ENOSPC", "EMFILE"),
    "writev": ("EIO", "ENOSPC", "EINTR"),
    "pwrite64": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO",),
    "fsync": ("EIO",),
    "syncfs": ("EIO", "ENOSPC"),
    # A long file's way to the disk begins while it comes: whether it does is of no consequence.
    "sync_file_range": ("EIO", "ENOSPC"),
    "renameat2": ("EIO", "ENOSPC"),
    # A small file gets its name so; the first time is only to see whether that works here.
    "linkat": ("EIO", "ENOSPC", "EMLINK"),
    "close": ("EIO",),
    "ftruncate": ("EIO",),
    "mkdirat": ("ENOSPC",),
    "unlink": ("EIO",),
    "unlinkat": ("EIO",),
    # The portable code renames so, where it does not link.
    "renameat": ("EIO", "ENOSPC"),
    # From the socket to the file.
    "splice": ("EIO", "ENOSPC", "EINTR", "EINVAL"),
    "ioctl": ("EINVAL",),
}
LIMIT = 60


def add_arguments(parser):
    parser.add_argument("--most", type=options.positive, default=200, metavar="N",
                        help="at most N calls of each kind (default: %(default)s)")
    options.several(parser, "--calls", CALLS, list(CALLS))
    options.haul(parser)
    options.origin(parser)


class Trial:
    """haul, its list, and a destination."""

    def __init__(self, haul, origin, folder):
        self.haul = haul
        self.folder = folder
        self.out = folder / "out"
        sizes = [0, 10, 5000, 70_000, 300_000, 700_000, 1_500_000, 9_000_000]
        self.right = {}
        lines = []
        for number, size in enumerate(sizes):
            url = origin.url(f"bytes/{size}/f{number}?seed={number}&etag=e{number}&ranges")
            self.right[f"f{number}"] = hashlib.sha256(body(url)).digest()
            # One breaks off each time that it is asked for as a whole, and is gone on with.
            cut = "&close_at=400000&times=1" if size == 700_000 else ""
            lines.append(url + cut + "\n")
        self.listing = folder / "list"
        self.listing.write_text("".join(lines))

    def run(self, inject=None):
        """Its status; that of strace is the same."""
        command = [self.haul, "-q", "--progress", "none", "-i", self.listing, "-d", self.out, "-j", "2"]
        if inject:
            command = ["strace", "-f", "-qq", "-o", self.folder / "trace", "-e", f"trace={inject.split(':')[0]}",
                       "-e", f"inject={inject}", *command]
        ran = subprocess.run(command, cwd=self.folder, env=measure.environment(self.folder), timeout=LIMIT,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return ran.returncode, ran.stdout.decode(errors="replace")

    def was_injected(self):
        return "(INJECTED)" in (self.folder / "trace").read_text(errors="replace")

    def faults(self, whole):
        """What is wrong with what stands there."""
        found = {path.name: files.sha256(path) for path in self.out.iterdir() if path.is_file()} if self.out.exists() else {}
        for name, sha256 in found.items():
            if name not in self.right:
                yield f"{name} is no name of the list"
            elif self.right[name] != sha256:
                yield f"{name} holds other bytes"
        if whole:
            yield from (f"{name} is missing" for name in self.right if name not in found)

    def clear(self):
        shutil.rmtree(self.out, ignore_errors=True)


def one(trial, inject):
    """Fails one call, looks, and runs once more: whether the call was made at all, and what was wrong."""
    trial.clear()
    wrong = []
    try:
        status, said = trial.run(inject)
        injected = trial.was_injected()
        wrong += trial.faults(status == 0)
        # A process that dies of it, or panics, has not dealt with it.
        # Without a library it does not begin, and without its list there is nothing to do.
        is_excused = "error while loading" in said or "cannot read" in said and str(trial.listing) in said
        if status not in (0, 1, 3) and not is_excused:
            wrong.append(f"status {status}: {said.strip()[-300:]}")
        if "panicked" in said:
            wrong.append(said.strip()[-300:])
        status, said = trial.run()
        wrong += trial.faults(True)
        if status != 0:
            wrong.append(f"the next run has status {status}: {said.strip()[-300:]}")
    except subprocess.TimeoutExpired:
        return True, [*wrong, "it hangs"]
    return injected, wrong


def run(arguments):
    if not shutil.which("strace"):
        raise BenchError("strace not found: install it, e.g. `apt-get install strace`")
    count = bad = 0
    with files.work_folder(None, 64 << 20) as folder, Origin(arguments.origin) as origin:
        trial = Trial(built(arguments.haul, "--haul"), origin, folder)
        for call in arguments.calls:
            for error in CALLS[call]:
                for nth in range(1, arguments.most + 1):
                    injected, wrong = one(trial, f"{call}:error={error}:when={nth}")
                    if not injected:
                        break
                    count += 1
                    bad += bool(wrong)
                    for fault in wrong:
                        print(f"{call} {nth} fails with {error}: {fault}", flush=True)
                print(f"{call}: {error} at each of {nth - 1} calls", flush=True)
    print(f"{count} failures, {bad} with something wrong")
    return 1 if bad else 0
