"""Writes docs/faults.md: each fault, what haul does, its tests, what peers do.

The faults come from bench/defences.toml, the peers' columns from `python3 -m bench scorecard`.
"""

import subprocess
import sys
from pathlib import Path

from bench import ROOT
from bench.lib import defences
from bench.lib.errors import BenchError

PAGE = ROOT / "docs/faults.md"
PEERS = ("curl", "wget2", "aria2c")

HEAD = """\
# Faults

What can go wrong with servers, links, disks and names, what haul does about it, the tests that show it, and what other clients do.
`python3 -m bench fault-table` writes this page: the tests are listed in `bench/defences.toml`, and the peers' columns come from `python3 -m bench scorecard`,
which runs each client against a server that misbehaves. Bold cells are wrong behaviour.

Test names: `engine::` is `crates/haulage/tests/engine` (except `engine::rebinding`, `engine::tests` and `engine::torture`), `cli::` is `crates/haul/tests/cli`, all others are next
to the code in `crates/haulage/src`. In addition, `engine::chaos` runs the engine against random misbehaviour over HTTP/1.1, TLS and HTTP/2: whatever the
server does, an item ends as the right bytes or as one failure, in bounded time, and the engine continues.

Limits: over HTTP/2, heads are read by the `h2` crate; a control character in a value, or an invalid name, breaks the stream or the connection, and its requests
are sent again. Chunk lines must end with CR LF; trailer lines may end with LF.
"""

CASES = "## Each case, and each client"
CUTS = "## That each test can fail"


def add_arguments(parser):
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--scorecard", metavar="FILE", help="what `scorecard` has printed, instead of running it")
    source.add_argument("--keep", action="store_true", help="keep the peers' results that the page has, for a quick update")
    source.add_argument("--check", action="store_true",
                        help="only check that the page is up to date, and that all tests and code that are named exist")


def scorecard(file=None):
    """Returns what the scorecard prints; `file` may have it already."""
    if file:
        return Path(file).read_text(encoding="utf-8")
    command = [sys.executable, "-m", "bench", "scorecard"]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout


def kept(page):
    """Returns what the scorecard had printed when the page was written."""
    return page.partition(CASES)[2].partition(CUTS)[0]


def rows_of(printed):
    """The cells of its table, the heading first."""
    lines = [line for line in printed.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def peers(row, heading, cases):
    """What each peer did in the cases of this row: each thing once."""
    for peer in PEERS:
        column = heading.index(peer) if peer in heading else None
        seen = [case[column] for case in cases if case[0] == row and column is not None]
        yield "<br>".join(dict.fromkeys(seen)) or "–"


def written(known, printed):
    """Returns the page."""
    heading, *cases = rows_of(printed)
    out = [HEAD, "| | what happens | what haul does | shown by | " + " | ".join(PEERS) + " |", "|:--|:--|:--|:--|:--|:--|:--|"]
    for each in known:
        tests = "<br>".join(f"`{test}`" for test in each.tests)
        cells = " | ".join(peers(each.row, heading, cases))
        out.append(f"| {each.row} | {each.fault} | {each.does} | {tests} | {cells} |")
    out += ["", CASES, "", printed.strip(), "", CUTS, "",
            "`python3 -m bench unguarded` takes each defence out, once, in a copy of the tree, and sees the test fail. What it takes out:", ""]
    for each in known:
        cuts = [f"`{cut.file}`: `{cut.before.strip().splitlines()[0]}`" for cut in each.cuts]
        what = " and ".join(cuts) or f"nothing: {each.why}"
        out.append(f"* {each.row}, {each.fault}: {what}")
    return "\n".join(out) + "\n"


def run(arguments):
    known = defences.load()
    defences.check(known)
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if not arguments.check:
        printed = kept(page) if arguments.keep else scorecard(arguments.scorecard)
        PAGE.write_text(written(known, printed), encoding="utf-8")
    elif written(known, kept(page)) != page:
        raise BenchError("docs/faults.md is out of date; run `python3 -m bench fault-table --keep` to update it")
    print(f"{len(known)} defences; all tests and code that they name exist")
    return 0
