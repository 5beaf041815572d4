"""Compares the Python package with scripts that people write.

Lets haulage (with for, async for, and a table), aiohttp, httpx, requests and Daft download the same files from an nginx
on loopback, next to haul, and prints their figures as ratios to haul's. The exit status is 1 if files of haul's or
haulage's are wrong.
"""

import sys
from pathlib import Path

from bench.commands import compare
from bench.lib import clients, files, options, report
from bench.lib.server import Server

SCRIPTS = Path(__file__).resolve().parent.parent / "lib/python_clients"
WORKS = {name: compare.WORKS[name] for name in ("small", "mid")}


class Script(clients.Client):
    """A script of `bench/lib/python_clients`."""

    def __init__(self, interpreter, name, script, module):
        self.name, self.script, self.module = name, SCRIPTS / script, module
        super().__init__(str(interpreter))
        self.found = self.says("-c", f"import {module}; print({module}.__version__)").strip()

    @property
    def missing(self):
        return None if self.found else f"{self.module} not found: install it for {self.program}"

    def version(self):
        return f"{self.module} {self.found}"

    def arguments(self, listing, job):
        return [self.script, listing, job.out, "--connections", job.connections]

SCRIPT_NAMES = {
    "haulage-for": ("haulage_for.py", "haulage"),
    "haulage-asyncio": ("haulage_asyncio.py", "haulage"),
    "haulage-table": ("haulage_table.py", "pyarrow"),
    "aiohttp": ("../aiohttp_client.py", "aiohttp"),
    "httpx": ("httpx_asyncio.py", "httpx"),
    "requests": ("requests_threads.py", "requests"),
    "daft": ("daft_table.py", "daft"),
}
NAMES = ("haul", *SCRIPT_NAMES)


def add_arguments(parser):
    options.several(parser, "--works", WORKS, list(WORKS), ", ".join(WORKS))
    options.several(parser, "--clients", NAMES, NAMES, "all that are installed")
    options.rounds(parser, 3, "how many rounds count, after one that does not")
    parser.add_argument("--files", type=options.positive, metavar="N", help="at most N files of each kind")
    parser.add_argument("--python", default=sys.executable, metavar="PATH",
                        help="the interpreter that has haulage and the others (default: this one)")
    options.haul(parser)
    options.work(parser)


def choose(arguments):
    """Returns the clients to run and, by name, why others are left out."""
    chosen, left_out = [], {}
    for name in arguments.clients:
        client = clients.Haul(arguments.haul) if name == "haul" else Script(arguments.python, name, *SCRIPT_NAMES[name])
        if client.missing:
            left_out[name] = client.missing
        else:
            chosen.append(client)
    return chosen, left_out


def run(arguments):
    sets = {WORKS[name].files: WORKS[name].files.at_most(arguments.files) for name in arguments.works}
    chosen, left_out = choose(arguments)
    versions = {client.name: client.version() for client in chosen}
    need = sum(each.stored for each in sets.values()) + max(each.bytes for each in sets.values())
    with files.work_folder(arguments.work, need) as folder:
        root = folder / "root"
        with Server(root, folder) as server:
            print(report.heading(server.version.group(), versions, arguments.rounds, left_out), flush=True)
            for each in sets.values():
                each.create(root)
            bench = compare.Bench(server, None, None, folder, chosen, arguments.rounds)
            for name in arguments.works:
                print(bench.compare(name, WORKS[name], sets[WORKS[name].files]), flush=True)
    return 1 if any(name.startswith("haul") for name in bench.wrong) else 0
