"""Measures what many runs in one engine cost beside one run.

Counts the instructions of 1,000 runs of one row each, one after another, and of one run of 1,000 rows, under valgrind; and times a run
of three rows that is fed after one of a million. The exit status is 1 beyond 1.3 times, or beyond one second.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import ROOT
from bench.lib import files
from bench.lib.errors import BenchError
from bench.lib.server import Server, needs

FILES = files.FileSet("small", 1000, 4 * files.KIB, "{:04}.bin")
MOST = 1.3
# Threads take turns as they like: the least of some runs varies less.
RUNS = 3


def many(program, kind, server, folder, count, before=()):
    """Runs the example; returns what it has printed and what its valgrind has."""
    shutil.rmtree(folder, ignore_errors=True)
    url = server.url("plain", f"{FILES.name}/").rstrip("/")
    command = [*before, program, kind, url, folder, count]
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise BenchError(f"{kind} ended with status {ran.returncode}:\n{ran.stderr[-2000:]}")
    return ran


def add_arguments(parser):
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large run (default: 1,000,000)")


def run(arguments):
    valgrind = needs("valgrind", "valgrind")
    build = ["cargo", "build", "--release", "--quiet", "-p", "haulage", "--example", "many"]
    subprocess.run(build, cwd=ROOT, check=True)
    program = ROOT / "target/release/examples/many"
    scratch = Path(tempfile.mkdtemp(prefix="haulage-runs-"))
    try:
        root = scratch / "www"
        FILES.create(root)
        with Server(root, scratch) as server:
            tool = [valgrind, "--tool=callgrind", f"--callgrind-out-file={scratch / 'callgrind'}"]
            ratios = []
            for place, folder in (("memory", "-"), ("a folder", scratch / "out")):
                counts = {}
                for kind in ("one", "each"):
                    ran = [many(program, kind, server, folder, FILES.count, tool) for _ in range(RUNS)]
                    counts[kind] = min(int(re.search(r"Collected\s*:\s*(\d+)", each.stderr)[1]) for each in ran)
                ratios.append(counts["each"] / counts["one"])
                print(f"{place}: one run of 1,000 rows {counts['one']:,} instructions; 1,000 runs of one {counts['each']:,}: {ratios[-1]:.2f} times")
            late = int(many(program, "late", server, scratch / "out", arguments.rows).stdout)
            print(f"three rows after {arguments.rows:,}: {late} ms")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if max(ratios) > MOST or late > 1000:
        print(f"more than {MOST} times, or more than a second", file=sys.stderr)
        return 1
    return 0
