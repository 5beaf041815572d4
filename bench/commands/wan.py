"""Compares clients over links with a round trip, a bottleneck and losses.

Prints the wall time, the bytes over the link, the retransmissions and the connections. Needs root, Linux and
/dev/net/tun. The exit status is 1 if files of haul's are wrong.
"""

import argparse
import contextlib
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.lib import files, measure, options, packets
from bench.lib.files import KIB, MIB, FileSet
from bench.lib.server import Server
from bench.lib.wan import CONGESTION_CONTROLS, FAR, HOSTS, Link, Wan
from bench.lib.wan_clients import BEFORE, KNOWN, SCHEMES, USUAL, runners

# Without an answer after this long, a run counts as failed.
LIMIT = 180


@dataclass(frozen=True)
class Work:
    """What is downloaded in one run."""

    title: str
    sets: tuple
    hosts: int = 1

    @property
    def bytes(self):
        return sum(each.count * each.size for each in self.sets)

    def paths(self):
        """The paths of all files; the sets take turns, so that large ones do not all stand first."""
        longest = max(each.count for each in self.sets)
        for index, each in itertools.product(range(longest), self.sets):
            share = max(1, longest // each.count)
            if index % share == 0 and index // share < each.count:
                yield each.paths()[index // share]

WORKS = {
    "large": Work("one file of 64 MiB", (FileSet("large", 1, 64 * MIB, "large-{}.bin"),)),
    "medium": Work("40 files of 4 MiB", (FileSet("medium", 40, 4 * MIB, "medium-{:02}.bin"),)),
    "small": Work("1,500 files of 16 KiB", (FileSet("small", 1500, 16 * KIB, "small-{:04}.bin"),)),
    "mixed": Work("10 files of 8 MiB among 1,000 of 16 KiB", (
        FileSet("mixed-large", 10, 8 * MIB, "mixed-large-{}.bin"),
        FileSet("mixed-small", 1000, 16 * KIB, "mixed-small-{:04}.bin"),
    )),
    "first": Work("20 files of 200 KiB", (FileSet("first", 20, 200 * KIB, "first-{:02}.bin"),)),
    "hosts": Work("800 files of 16 KiB on 40 hosts", (FileSet("hosts", 800, 16 * KIB, "hosts-{:03}.bin"),), len(HOSTS)),
}
LINKS = "20ms/200M;100ms/200M;100ms/200M/0.5%;300ms/50M"
EVERY_LINK = ";".join(
    f"{rtt}ms/{mbit}M/{loss}%/q{queue}"
    for rtt, mbit, loss, queue in itertools.product((20, 100, 300), (50, 200), (0, 0.1, 0.5), (0.25, 2))
)


def links(text):
    """Reads links that are separated by semicolons."""
    try:
        return [Link.parse(each) for each in text.split(";")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(error) from None


def add_arguments(parser):
    about = "the round trip, rate in Mbit/s, losses, and queue in round trips of each link, such as 100ms/200M/0.5%/q0.25"
    parser.add_argument("--links", type=links, default=LINKS, metavar="A;B",
                        help=f"{about} (default: {LINKS})".replace("%", "%%"))
    parser.add_argument("--every-link", action="store_true",
                        help=f"all {EVERY_LINK.count(';') + 1} links of 20, 100 and 300 ms, which takes a night")
    options.several(parser, "--works", WORKS, list(WORKS))
    options.several(parser, "--schemes", SCHEMES, ["plain", "h2"], "plain,h2")
    options.several(parser, "--clients", KNOWN, USUAL, ", ".join(USUAL))
    parser.add_argument("--congestion", choices=CONGESTION_CONTROLS, default=CONGESTION_CONTROLS[0],
                        help="the congestion control of TCP at both ends (default: %(default)s)")
    parser.add_argument("--packets", type=Path, metavar="FOLDER",
                        help="save the packets of each run there (tcpdump), and print its connections, in round trips")
    options.rounds(parser, 3, "how many rounds; the tables show their medians")
    options.haul(parser)
    options.before(parser)


@dataclass
class Run:
    """One download: its wall time in seconds, what crossed the link, and whether its files are right."""

    wall: float
    counters: object
    problem: str


class Bench:
    def __init__(self, wan, server, folder, chosen, rounds, packets=None):
        self.wan, self.server, self.folder, self.runners, self.rounds = wan, server, folder, chosen, rounds
        # Where the packets of each run are saved; `None` if nobody wants them.
        self.packets = packets
        self.wrong = []

    def table(self, link, scheme, name, work):
        """Lets the clients take turns; returns their table as Markdown."""
        runs = {each: [] for each, runner in self.runners.items()
                if name not in runner.without and (runner.h2 or scheme != "h2")}
        for number, each in itertools.product(range(self.rounds), list(runs)):
            print(f"{link}, {scheme}, {name}: round {number + 1}: {each}", file=sys.stderr)
            with self.capture(f"{link.slug}-{scheme}-{name}-{each}-{number + 1}", link):
                runs[each].append(self.once(self.runners[each], scheme, work))
        lines = [f"#### {link}: {work.title}, {SCHEMES[scheme]}", "",
                 f"At least {link.ideal(work.bytes):.1f} s. Congestion control: {self.wan.congestion}.", "",
                 "| client | wall s | bytes over the link | retransmitted | connections |", "|:--|--:|--:|--:|--:|"]
        for each, done in runs.items():
            problems = [run.problem for run in done if run.problem]
            self.wrong += [f"{link}, {scheme}, {name}, {each}: {problems[0]}"] if problems else []
            figure = lambda of, done=done: median(of(run) for run in done)  # noqa: E731
            wall = f"{figure(lambda run: run.wall):.2f}" + (" (failed)" if problems else "")
            ratio = figure(lambda run: run.counters.down_bytes) / work.bytes
            lines.append(f"| {each} | {wall} | {ratio:.2f} | {figure(lambda run: run.counters.retransmitted):.0f} "
                         f"| {figure(lambda run: run.counters.connections):.0f} |")
        return "\n".join(lines) + "\n"

    @contextlib.contextmanager
    def capture(self, name, link):
        """Saves the packets of a run, and prints its connections, if somebody wants them."""
        if self.packets is None:
            yield
            return
        path = self.packets / f"{name}.pcap"
        with packets.captured(path, self.wan):
            yield
        print(f"{path.name}, in round trips:\n\n{packets.table(path, link.rtt_ms / 1000)}", flush=True)

    def once(self, runner, scheme, work):
        """Downloads into an empty folder, and compares every file."""
        out, scratch = self.folder / "out", self.folder / "scratch"
        for each in (out, scratch):
            each.mkdir()
        try:
            paths = list(work.paths())
            hosts = itertools.cycle(HOSTS[:work.hosts] if work.hosts > 1 else (FAR,))
            urls = [self.server.url(scheme, path, next(hosts)) for path in paths]
            cacert = None if scheme == "plain" else self.server.cert
            command = [*self.wan.inside(self.wan.near), *runner.command(urls, out, scratch, cacert)]
            before = self.wan.counters()
            use = measure.run(command, folder=scratch, home=scratch, log=scratch / "log", limit=LIMIT)
            counters = self.wan.counters().since(before)
            check = files.check(self.server.root, paths, out, files.same_bytes)
            said = (scratch / "log").read_text(errors="replace").strip().splitlines()[-1:]
            right = use.status == 0 and check.all_right
            problem = "" if right else f"exit status {use.status}; files: {check}; it said: {''.join(said)}"
            return Run(use.wall, counters, problem)
        finally:
            for each in (out, scratch):
                files.remove(each)


def run(arguments):
    chosen_links = links(EVERY_LINK) if arguments.every_link else arguments.links
    works = {name: WORKS[name] for name in arguments.works}
    wanted = [*arguments.clients, *(BEFORE if arguments.vs else ())]
    known = runners(arguments.haul, arguments.vs)
    chosen = {name: known[name] for name in wanted if name in known}
    for name in wanted:
        if name not in known:
            print(f"- {name} is left out: it is not installed")
    if arguments.packets:
        arguments.packets.mkdir(parents=True, exist_ok=True)
    need = 3 * sum(work.bytes for work in works.values())
    with files.work_folder(None, need) as folder, Wan(folder, arguments.congestion) as wan:
        root = folder / "root"
        for work in works.values():
            for each in work.sets:
                each.create(root)
        with Server(root, folder, (FAR, *HOSTS), wan.inside(wan.far)) as server:
            bench = Bench(wan, server, folder, chosen, arguments.rounds, arguments.packets)
            for link in chosen_links:
                with wan.link(link):
                    for scheme, (name, work) in itertools.product(arguments.schemes, works.items()):
                        print(bench.table(link, scheme, name, work), flush=True)
    for problem in bench.wrong:
        print(f"- {problem}")
    return 1 if any("haul:" in problem or "haul-" in problem for problem in bench.wrong) else 0
