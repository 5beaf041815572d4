"""Compares CPU time, wall time and memory with those of other clients.

Lets haul, curl, wget2, aria2c, rclone and a script with aiohttp download the same files from an nginx on
loopback, and prints their figures as ratios to haul's. The exit status is 1 if files of haul's are wrong.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.lib import clients, files, measure, options, plot, report
from bench.lib.delays import Delays
from bench.lib.relay import Relay
from bench.lib.server import HOST, Server


@dataclass(frozen=True)
class Work:
    """A set of files, the way they are served, and how many connections are allowed."""

    files: files.FileSet
    scheme: str
    connections: int
    title: str
    # A list that takes minutes: run on purpose only, once and without a warm-up, and told by the
    # row.
    long: bool = False
    # One file over many connections, by the clients that know how.
    segments: bool = False

WORKS = {
    "small": Work(files.SETS["small"], "plain", 16, "4 KiB files, HTTP/1.1"),
    "small-tls": Work(files.SETS["small"], "tls", 16, "4 KiB files, HTTP/1.1 over TLS"),
    "small-h2": Work(files.SETS["small"], "h2", 16, "4 KiB files, HTTP/2 over TLS"),
    "medium": Work(files.SETS["medium"], "plain", 16, "256 KiB files, HTTP/1.1"),
    "mid": Work(files.SETS["mid"], "plain", 16, "5 MiB files, HTTP/1.1"),
    "large": Work(files.SETS["large"], "plain", 16, "one file of 2 GiB, HTTP/1.1"),
    "large-tls": Work(files.SETS["large"], "tls", 16, "one file of 2 GiB, HTTP/1.1 over TLS"),
    "far": Work(files.SETS["far"], "far", 16, "one file of 128 MiB, HTTP/2 over TLS, 100 ms there and back"),
    "delayed": Work(files.SETS["delayed"], "delayed", 64, "4 KiB files, each 100 ms after it was asked for"),
    "limited": Work(files.SETS["limited"], "plain", 16, "256 MiB, 16 MiB/s for each connection", segments=True),
    "long-list": Work(files.ROWS, "plain", 16, "files of 16 bytes, HTTP/1.1", long=True),
}
DEFAULT = [name for name, work in WORKS.items() if not work.long]


def add_arguments(parser):
    options.several(parser, "--works", WORKS, DEFAULT, ", ".join(DEFAULT))
    options.several(parser, "--clients", clients.NAMES, otherwise="all that are installed, without floor-splice")
    options.rounds(parser, 5, "how many rounds count, after one that does not")
    parser.add_argument("--files", type=options.positive, metavar="N", help="at most N files of each kind")
    options.haul(parser)
    options.before(parser)
    options.several(parser, "--durability", ("none", "batch", "each"), [], "haul's own default")
    options.work(parser)
    parser.add_argument("--json", metavar="FILE", help="write every run to FILE")
    parser.add_argument("--svg", metavar="FILE", help="draw the medians of CPU time to FILE")


class Bench:
    """One comparison: the server, the clients, and what was measured so far."""

    def __init__(self, server, delays, relay, folder, chosen, rounds):
        self.server = server
        self.delays = delays
        self.relay = relay
        self.folder = folder
        self.clients = chosen
        self.rounds = rounds
        self.records = []
        self.medians = {}
        self.wrong = set()

    def compare(self, name, work, fileset):
        """Let the clients take turns at `work`; return its part of the report."""
        able = [client for client in self.clients if client.suits(work)]
        runs = {client.name: [] for client in able}
        sets = {client.name: self.share(client, work, fileset) for client in able}
        remarks = {}
        # The warm-up is round 0.
        numbers = [1] if work.long else range(self.rounds + 1)
        for number in numbers:
            for client in able:
                # Wrong once is enough.
                if client.name not in runs:
                    continue
                print(f"{name}: round {number} of {numbers[-1]}: {client.name}", file=sys.stderr)
                use, check, said = self.once(client, work, sets[client.name])
                self.records.append(report.record(name, client.name, number, use, check))
                if use.status != 0 or not check.all_right:
                    del runs[client.name]
                    self.wrong.add(client.name)
                    remarks[client.name] = f"{client.name} has no row: {failure(use, check, said)}"
                    continue
                if number > 0:
                    runs[client.name].append(use)
                if check.more:
                    remarks[client.name] = f"{client.name} made {check.more} files not asked for."
                elif work.scheme in ("h2", "far") and client.without_h2:
                    remarks[client.name] = f"{client.name} {client.without_h2}."
        title = f"`{name}`: {report.title(work, fileset)}"
        rows = {client: each.count for client, each in sets.items()} if work.long else None
        self.medians[name] = report.medians(runs, rows)
        return report.table(title, runs, remarks.values(), rows)

    def url(self, scheme, path):
        if scheme == "delayed":
            return self.delays.url(path)
        if scheme == "far":
            return f"https://{HOST}:{self.relay.port}/{path}"
        return self.server.url(scheme, path)

    @staticmethod
    def share(client, work, fileset):
        """What of `fileset` the client is given."""
        return fileset.at_most(client.most_rows) if work.long else fileset

    def once(self, client, work, fileset):
        """One run into an empty folder, its files checked and removed."""
        out = self.folder / "out"
        scratch = self.folder / "scratch"
        for each in (out, scratch):
            each.mkdir()
        try:
            job = clients.Job(
                urls=[self.url(work.scheme, path) for path in fileset.paths()],
                out=out,
                scratch=scratch,
                connections=work.connections,
                cacert=self.server.cert if work.scheme in ("tls", "h2", "far") else None,
                segments=work.segments,
            )
            log = scratch / "log"
            command = client.command(job)
            # On a disk, nobody is to write what the one before left to be written.
            os.sync()
            use = measure.run(command, folder=scratch, home=scratch, log=log)
            check = files.check(self.server.root, fileset.paths(), out, fileset.same)
            return use, check, log.read_text(errors="replace")
        finally:
            for each in (out, scratch):
                files.remove(each)


def failure(use, check, said):
    last = said.strip().splitlines()[-1:]
    return f"exit status {use.status}; files: {check}." + "".join(f" It said: {line}" for line in last)


def run(arguments):
    works = {name: WORKS[name] for name in arguments.works}
    sets = {work.files: work.files.at_most(arguments.files) for work in works.values()}
    chosen, left_out = clients.choose(arguments.clients, arguments.haul, arguments.vs, arguments.durability)
    versions = {client.name: client.version() for client in chosen}
    need = sum(each.stored for each in sets.values()) + max(each.bytes for each in sets.values())
    with files.work_folder(arguments.work, need) as folder:
        root = folder / "root"
        with (
            Server(root, folder) as server,
            Delays(root, seconds=0.1) as delays,
            Relay(server.ports["h2"], seconds=0.05) as relay,
        ):
            version = server.version.group()
            print(report.heading(version, versions, arguments.rounds, left_out), flush=True)
            for each in sets.values():
                print(f"making the files for {each.name}", file=sys.stderr)
                each.create(root)
            bench = Bench(server, delays, relay, folder, chosen, arguments.rounds)
            for name, work in works.items():
                print(bench.compare(name, work, sets[work.files]), flush=True)
    if arguments.json:
        about = {"nginx": version, "clients": versions, "not_found": left_out}
        report.write_json(arguments.json, about, bench.medians, bench.records)
    if arguments.svg:
        titles = {name: report.title(works[name], sets[works[name].files]) for name in bench.medians}
        Path(arguments.svg).write_text(plot.bars(bench.medians, titles), encoding="utf-8")
    return 1 if any(name.startswith("haul") for name in bench.wrong) else 0
