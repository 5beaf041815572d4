"""Downloads while one file system call after another is denied.

A filter (seccomp(2)) makes each call fail with every error with which file systems and sandboxes refuse it.
The exit status is 1 unless every file is right each time.
"""

import ctypes
import errno
import os
import platform
import shutil
import struct
import subprocess
from dataclasses import dataclass

from bench.lib import files, measure, options
from bench.lib.errors import built
from bench.lib.origin import Origin, body

LIMIT = 60
MISSING = ("EPERM", "EINVAL", "ENOSYS", "EOPNOTSUPP", "ENOTTY")
F_SETLK, F_GETLK = 6, 5
O_TMPFILE = 0o20000000


@dataclass(frozen=True)
class Call:
    """A system call of x86-64, and of which argument it depends whether it is denied: its place, and a value or a set of bits."""

    number: int
    argument: int = 0
    value: int | None = None
    bits: int | None = None
    also: tuple = ()

    def errors(self):
        return MISSING + self.also

LINKS = ("EACCES", "EMLINK", "EXDEV")
CALLS = {
    "flock": Call(73, also=("ENOLCK",)),
    "fcntl, F_SETLK": Call(72, 1, value=F_SETLK, also=("ENOLCK",)),
    "fcntl, F_GETLK": Call(72, 1, value=F_GETLK, also=("ENOLCK",)),
    "linkat": Call(265, also=LINKS),
    "renameat2 with flags": Call(316, 4, bits=0xFF, also=LINKS),
    "openat with O_TMPFILE": Call(257, 2, bits=O_TMPFILE, also=("EISDIR", "ENOENT")),
    "fallocate": Call(285),
    "syncfs": Call(306),
    "fsync": Call(74),
    "fdatasync": Call(75),
    "sync_file_range": Call(277, also=("ESPIPE",)),
    "utimensat": Call(280, also=("EACCES",)),
    "fchmod": Call(91),
    "fchmodat": Call(268),
    "statfs": Call(137),
    "fstatfs": Call(138),
}
# What file systems of these kinds lack, all at once.
KINDS = {
    "NFS without its lock daemon": [("flock", "ENOLCK"), ("fcntl, F_SETLK", "ENOLCK"), ("fcntl, F_GETLK", "ENOLCK")],
    "Lustre without flock": [("flock", "ENOSYS"), ("fcntl, F_SETLK", "ENOSYS"), ("fcntl, F_GETLK", "ENOSYS")],
    "a FUSE mount": [("linkat", "EPERM"), ("renameat2 with flags", "EINVAL"), ("openat with O_TMPFILE", "EOPNOTSUPP"),
                     ("fallocate", "EOPNOTSUPP"), ("utimensat", "ENOSYS"), ("fchmod", "ENOSYS")],
    "all of it": [(name, "ENOSYS") for name in CALLS],
}


def add_arguments(parser):
    parser.add_argument("--calls", metavar="A,B", help="only calls with these names, such as linkat (default: all)")
    options.haul(parser)
    options.origin(parser)


def denial(rules):
    """What the child does before it becomes haul: a filter (seccomp(2)) lets these calls fail, each with its error."""
    load, equal, set_bits, give = 0x20, 0x15, 0x45, 0x06
    code = []
    for call, error in rules:
        code.append((load, 0, 0, 0))
        if call.value is None and call.bits is None:
            code.append((equal, 0, 1, call.number))
        else:
            test = (equal, 0, 1, call.value) if call.bits is None else (set_bits, 0, 1, call.bits)
            code += [(equal, 0, 3, call.number), (load, 0, 0, 16 + 8 * call.argument), test]
        code.append((give, 0, 0, 0x00050000 | error))
    code.append((give, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    rules = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)

    def before():
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        if libc.prctl(22, 2, rules, 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
            os._exit(99)

    before.keep = program
    return before


class Trial:
    """haul, what it downloads, and a destination."""

    def __init__(self, haul, origin, folder):
        self.haul = haul
        self.folder = folder
        self.out = folder / "out"
        sizes = [0, 5000, 300_000, 1_500_000, 5_000_000]
        self.urls = [origin.url(f"bytes/{size}/f{number}?seed={number}&etag=e{number}&ranges")
                     for number, size in enumerate(sizes)]
        self.right = {f"f{number}": body(url) for number, url in enumerate(self.urls)}
        self.listing = folder / "list"
        self.listing.write_text("".join(f"{url}\n" for url in self.urls))

    def run(self, given, before):
        command = [self.haul, "--progress", "none", "-d", self.out, "-j", "4", *given]
        run = subprocess.run(
            command, cwd=self.folder, env=measure.environment(self.folder), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LIMIT, check=False, preexec_fn=before,
        )
        return run.returncode, run.stderr.decode(errors="replace")

    def faults(self, given, rules):
        """What is wrong after two runs of which the second one finds the files of the first."""
        shutil.rmtree(self.out, ignore_errors=True)
        before = denial(rules)
        is_list = given[0] == "-i"
        for again in (False, True):
            status, said = self.run(given, before)
            if status:
                yield f"exit status {status}{' the second time' if again else ''}: {said.strip()}"
            if said.count("has no locks") > 1:
                yield "it says more than once that there are no locks"
            if any(call is CALLS["flock"] for call, _ in rules) and "has no locks" not in said:
                yield "it does not say that there are no locks"
        found = {path.name: path.read_bytes() for path in self.out.glob("f*")}
        if found != self.right:
            wrong = [name for name in self.right if found.get(name) != self.right[name]]
            yield f"{', '.join(wrong) or 'nothing'} missing or wrong, {len(found)} files"
        left = sorted(str(path.relative_to(self.out)) for path in self.out.glob(".haul/**/*") if path.is_file())
        if is_list and ".haul/state.db" not in left:
            yield "a list leaves no state"
        if is_list:
            results = subprocess.run([self.haul, "results", self.out], capture_output=True, preexec_fn=before, check=False, timeout=LIMIT)
            if results.returncode or results.stdout.count(b"\n") != len(self.urls):
                yield f"haul results: {results.stderr.decode(errors='replace').strip()}"
        if not is_list and (self.out / ".haul").exists():
            yield f"URLs leave .haul: {left}"


def cases(chosen):
    for name, call in CALLS.items():
        if not chosen or name.split()[0].rstrip(",") in chosen:
            for error in call.errors():
                yield f"{name}: {error}", [(call, getattr(errno, error))]
    if not chosen:
        for kind, rules in KINDS.items():
            yield kind, [(CALLS[name], getattr(errno, error)) for name, error in rules]


def run(arguments):
    if platform.machine() != "x86_64":
        print("skipped: the numbers of the system calls are those of x86-64")
        return 0
    chosen = set((arguments.calls or "").split(",")) - {""}
    bad = count = 0
    with files.work_folder(None, 100 << 20) as folder, Origin(arguments.origin) as origin:
        trial = Trial(built(arguments.haul, "--haul"), origin, folder)
        for name, rules in cases(chosen):
            for kind, given in (("URLs", trial.urls), ("a list", ["-i", trial.listing])):
                count += 1
                faults = list(trial.faults(given, rules))
                bad += bool(faults)
                for fault in faults:
                    print(f"{name}, {kind}: {fault}", flush=True)
    print(f"{count} times without a call, {bad} with something wrong")
    return 1 if bad else 0
