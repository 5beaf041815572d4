"""Compares haulage.spark with img2dataset, both on a Spark of their own.

Both download the same files from an nginx on loopback, without decoding them; the start of Spark is not counted.
The exit status is 1 if files of haulage's are missing.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from bench.commands.python import SCRIPTS
from bench.lib import files, options
from bench.lib.server import Server

MASTERS = ("local[2]", "local-cluster[2,1,1024]")
CLIENTS = {"haulage": "haulage_spark.py", "img2dataset": "img2dataset_spark.py"}


def add_arguments(parser):
    options.several(parser, "--clients", CLIENTS, list(CLIENTS))
    options.rounds(parser, 3)
    parser.add_argument("--files", type=options.positive, metavar="N", help="at most N files")
    parser.add_argument("--python", default=sys.executable, metavar="PATH",
                        help="the interpreter that has pyspark and the others (default: this one)")
    options.work(parser)


def once(arguments, client, master, listing, folder):
    """Returns the seconds that one run takes, and how many files are right; `None` if it fails."""
    out = folder / "out"
    out.mkdir()
    try:
        command = [arguments.python, SCRIPTS / CLIENTS[client], listing, out, "--master", master]
        # img2dataset's parts are in the temporary folder of its own, beside the results.
        ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                             cwd=folder, env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"}, timeout=600)
        found = re.search(r"^seconds: ([\d.]+)$", ran.stdout, re.MULTILINE)
        if found is None:
            print(ran.stderr[-2000:], file=sys.stderr)
            return None, 0
        kept = sum(path.suffix != ".json" and path.stat().st_size == files.SETS["small"].size
                   for path in out.rglob("*") if path.is_file())
        return float(found[1]), kept
    finally:
        files.remove(out)
        files.remove(listing.with_name("results"))


def run(arguments):
    fileset = files.SETS["small"].at_most(arguments.files)
    lacking = False
    with files.work_folder(arguments.work, 3 * fileset.bytes) as folder:
        root = folder / "root"
        with Server(root, folder) as server:
            fileset.create(root)
            listing = Path(folder) / "urls.txt"
            listing.write_text("".join(f"{server.url('plain', path)}\n" for path in fileset.paths()))
            print("| Spark | client | files | seconds | files a second |\n|:--|:--|--:|--:|--:|")
            for master in MASTERS:
                runs = {client: [] for client in arguments.clients}
                for _ in range(arguments.rounds):
                    for client in arguments.clients:
                        runs[client].append(once(arguments, client, master, listing, folder))
                for client, of_client in runs.items():
                    seconds = sorted(seconds for seconds, _ in of_client if seconds is not None)
                    kept = min(kept for _, kept in of_client)
                    lacking |= client == "haulage" and kept < fileset.count
                    if not seconds:
                        print(f"| `{master}` | {client} | failed | | |")
                        continue
                    median = seconds[len(seconds) // 2]
                    print(f"| `{master}` | {client} | {kept:,} | {median:.2f} | {kept / median:,.0f} |", flush=True)
    return 1 if lacking else 0
