"""Counts the round trips from a client's start until the first bytes of its files.

Downloads 40 files of 1 KiB over a link of 100 ms, and reads the times from nginx's log. Needs root and Linux.
"""

import time
from statistics import median

from bench.lib import files, measure, options
from bench.lib.errors import BenchError
from bench.lib.files import KIB, FileSet
from bench.lib.server import Server
from bench.lib.wan import FAR, Link, Wan
from bench.lib.wan_clients import KNOWN, SCHEMES, runners

# So fast that only the round trip counts.
LINK = Link(100, 1000)
FILES = FileSet("trips", 40, KIB, "trips-{:02}.bin")
SHOWN = (1, 2, 5, 20, 40)
CLIENTS = ("haul", "curl-16", "wget2-16", "aria2c-16")
LIMIT = 60


def add_arguments(parser):
    options.several(parser, "--schemes", SCHEMES, list(SCHEMES))
    options.several(parser, "--clients", KNOWN, CLIENTS, ", ".join(CLIENTS))
    options.rounds(parser, 3, "how many rounds; the table shows their medians")
    options.haul(parser)
    options.before(parser)


class Requests:
    """What the server has logged of one run that began at `start`."""

    def __init__(self, text, start):
        lines = [line.split() for line in text.splitlines()]
        trip = LINK.rtt_ms / 1000
        # The first byte of a response is half a round trip on its way.
        self.trips = sorted((float(at) - start) / trip + 0.5 for at, *_ in lines)
        firsts = [resumed for _, _, number, resumed, *_ in lines if number == "1"]
        self.resumed = firsts.count("r")
        self.connections = len(firsts)


def once(wan, server, runner, scheme, folder):
    out, scratch = folder / "out", folder / "scratch"
    for each in (out, scratch):
        each.mkdir()
    try:
        server.requests.write_text("")
        urls = [server.url(scheme, path, FAR) for path in FILES.paths()]
        cacert = None if scheme == "plain" else server.cert
        command = [*wan.inside(wan.near), *runner.command(urls, out, scratch, cacert)]
        start = time.time()
        use = measure.run(command, folder=scratch, home=scratch, log=scratch / "log", limit=LIMIT)
        if use.status != 0:
            raise BenchError(f"{command[0]}: {(scratch / 'log').read_text().strip()}")
        return Requests(server.requests.read_text(), start)
    finally:
        for each in (out, scratch):
            files.remove(each)


def run(arguments):
    known = runners(arguments.haul, arguments.vs)
    wanted = [*arguments.clients, *(("haul-before",) if arguments.vs else ())]
    chosen = {name: known[name] for name in wanted if name in known}
    with files.work_folder(None, 1 << 20) as folder, Wan(folder) as wan:
        root = folder / "root"
        FILES.create(root)
        with Server(root, folder, (FAR,), wan.inside(wan.far), logs=True) as server, wan.link(LINK):
            for scheme in arguments.schemes:
                print(f"#### {SCHEMES[scheme]}: round trips until the first byte of the n-th of {FILES.count} small files\n")
                print("| client | " + " | ".join(map(str, SHOWN)) + " | connections used | resumed TLS sessions |")
                print("|:--|" + "--:|" * (len(SHOWN) + 2))
                for name, runner in chosen.items():
                    if scheme == "h2" and not runner.h2:
                        continue
                    runs = [once(wan, server, runner, scheme, folder) for _ in range(arguments.rounds)]
                    cells = [f"{median(run.trips[shown - 1] for run in runs):.1f}" for shown in SHOWN]
                    cells += [f"{median(of(run) for run in runs):.0f}" for of in (lambda run: run.connections, lambda run: run.resumed)]
                    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
                print()
    return 0
