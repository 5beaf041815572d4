"""Shows what clients do with a server that misbehaves in some seventy ways.

A bold cell is wrong behaviour. The exit status is 1 if haul has one.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from bench.lib import certificates, clients, files, hostile, options
from bench.lib.attempt import CALLED, attempt
from bench.lib.cases import CASES, NOT_SHOWN
from bench.lib.judge import Verdict

HAS_NONE = Verdict("–", True)
NOT_YET = Verdict("not yet", True)


def add_arguments(parser):
    options.several(parser, "--clients", CALLED, list(CALLED), "all that are installed")
    parser.add_argument("--rows", metavar="A,B", help="only the cases with these numbers, such as 6,44 (default: all)")
    parser.add_argument("--limit", type=float, default=15, metavar="S",
                        help="seconds after which a client counts as hanging (default: %(default)s)")
    options.haul(parser)
    parser.add_argument("--verbose", action="store_true", help="also print what clients said and left behind")


class Certificates:
    """Each kind is made once; whom to trust for it."""

    def __init__(self, folder):
        self.folder = folder
        self.made = {}
        self.lock = threading.Lock()

    def files(self, kind):
        with self.lock:
            if kind not in self.made:
                self.made[kind] = certificates.make(self.folder, kind)
            return self.made[kind]

    def __call__(self, kind, h2):
        cert, key = self.files(kind)
        trusted = self.files("good")[0] if kind == "unknown" else cert
        return hostile.context(cert, key, h2), trusted


class Scorecard:
    """The clients, and each one's verdicts."""

    def __init__(self, chosen, folder, limit, is_verbose):
        self.clients = {client.name: client for client in chosen}
        self.haul_knows = self.clients["haul"].says("--help") if "haul" in self.clients else ""
        self.certificates = Certificates(folder / "certificates")
        self.folder = folder
        self.limit = limit
        self.is_verbose = is_verbose

    def verdict(self, nth, case, name):
        extra = case.extra.get(name, ())
        if extra is None:
            return HAS_NONE
        # Older hauls do not have every option.
        if name == "haul" and not all(flag.split("=")[0] in self.haul_knows for flag in extra):
            return NOT_YET
        folder = self.folder / f"{nth}-{name}"
        program = self.clients[name].program
        seen = attempt(name, program, case, self.certificates, folder, self.limit)
        verdict = case.judge(case, seen)
        if self.is_verbose:
            left = {path: seen.lengths[path] for path in seen.files}
            print(f"{case.row} {case.what}: {name}: {verdict.words}", file=sys.stderr)
            print(f"  status {seen.status}, {left}\n  {seen.printed[-800:]!r}", file=sys.stderr)
        return verdict

    def rows(self, cases):
        """The rows of the table; a few clients at a time, for most of them wait."""
        with ThreadPoolExecutor(4) as pool:
            asked = [
                (case, {name: pool.submit(self.verdict, nth, case, name) for name in self.clients})
                for nth, case in enumerate(cases)
            ]
            try:
                for case, verdicts in asked:
                    yield case, {name: each.result() for name, each in verdicts.items()}
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def cell(verdict):
    return verdict.words if verdict.good else f"**{verdict.words}**"


def run(arguments):
    chosen, left_out = clients.choose(arguments.clients, arguments.haul)
    rows = arguments.rows.split(",") if arguments.rows else None
    cases = [case for case in CASES if not rows or case.row in rows]
    bad = 0
    with files.work_folder(None, 2 * files.GIB) as folder:
        card = Scorecard(chosen, folder, arguments.limit, arguments.verbose)
        for client in chosen:
            print(f"- {client.name}: {client.version()}")
        for why in left_out.values():
            print(f"- {why}")
        print(f"\n| row | what happens | {' | '.join(card.clients)} |")
        print(f"|:--|:--|{':--|' * len(chosen)}", flush=True)
        for case, verdicts in card.rows(cases):
            bad += "haul" in verdicts and not verdicts["haul"].good
            cells = " | ".join(cell(each) for each in verdicts.values())
            print(f"| {case.row} | {case.what} | {cells} |", flush=True)
    if not rows:
        print("\nNot shown: " + "; ".join(f"{row}: {why}" for row, why in NOT_SHOWN.items()) + ".")
    return 1 if bad else 0
