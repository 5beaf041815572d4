"""Counts haul's instructions, and compares them with the committed counts.

Runs haul under valgrind. The exit status is 1 if a count is more than 3% above bench/instructions.json.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import ROOT
from bench.lib import files, measure, options
from bench.lib.errors import BenchError, built
from bench.lib.server import Server, needs

COUNTS = ROOT / "bench/instructions.json"
# Threads take turns as they like: the least of some runs varies by less than this.
RUNS = 3
TOLERANCE = 0.03


@dataclass(frozen=True)
class Work:
    files: files.FileSet
    scheme: str

SMALL = files.FileSet("small", 2000, 4 * files.KIB, "{:04}.bin")
LARGE = files.FileSet("large", 1, 64 * files.MIB, "large.bin")
WORKS = {
    "small": Work(SMALL, "plain"),
    "small-tls": Work(SMALL, "tls"),
    "small-h2": Work(SMALL, "h2"),
    "large": Work(LARGE, "plain"),
    "large-tls": Work(LARGE, "tls"),
}


def count(valgrind, haul, server, work, scratch):
    """How many instructions one run takes, and whether every file arrived."""
    out, listing = scratch / "out", scratch / "list"
    listing.write_text("".join(f"{server.url(work.scheme, path)}\n" for path in work.files.paths()))
    shutil.rmtree(out, ignore_errors=True)
    command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={scratch / 'callgrind'}", haul, "-q", "--progress", "none",
               "-j", "16", "-s", "1", "--cacert", server.cert, "-i", listing, "-d", out]
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                         env=measure.environment(scratch))
    found = re.search(r"Collected\s*:\s*(\d+)", ran.stderr)
    if ran.returncode != 0 or found is None:
        raise BenchError(f"haul ended with status {ran.returncode} under valgrind:\n{ran.stderr[-2000:]}")
    return int(found[1])


def add_arguments(parser):
    options.haul(parser)
    options.several(parser, "--works", WORKS, list(WORKS))
    parser.add_argument("--update", action="store_true", help="write the counts to bench/instructions.json")


def run(arguments):
    haul = built(arguments.haul, "--haul")
    valgrind = needs("valgrind", "valgrind")
    toolchain = subprocess.run(["rustc", "-V"], capture_output=True, text=True, check=True).stdout.strip()
    known = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    counts, is_more = {}, False
    scratch = Path(tempfile.mkdtemp(prefix="haulage-instructions-"))
    try:
        root = scratch / "www"
        for each in {work.files for work in WORKS.values()}:
            each.create(root)
        with Server(root, scratch) as server:
            print(f"{toolchain}; the counts before were made with {known.get('toolchain', 'none')}\n")
            print("| work | instructions | each | before | ratio |\n|:--|--:|--:|--:|--:|")
            for name in arguments.works:
                work = WORKS[name]
                least = min(count(valgrind, haul, server, work, scratch) for _ in range(RUNS))
                before = known.get("instructions", {}).get(name)
                ratio = least / before if before else None
                is_more |= ratio is not None and ratio > 1 + TOLERANCE
                counts[name] = least
                each = f"{least / work.files.count:,.0f} a file" if work.files.count > 1 else f"{least / work.files.size:.3f} a byte"
                told = (f"{before:,}", f"{ratio:.3f}") if before else ("", "")
                print(f"| {name} | {least:,} | {each} | {told[0]} | {told[1]} |", flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if arguments.update:
        known = {"toolchain": toolchain, "instructions": {**known.get("instructions", {}), **counts}}
        COUNTS.write_text(json.dumps(known, indent=2) + "\n")
    elif is_more:
        print(f"\nMore than {TOLERANCE:.0%} above what was committed. If that is what it costs, say why, and run it with --update.", file=sys.stderr)
        return 1
    return 0
