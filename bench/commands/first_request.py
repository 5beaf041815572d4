"""Times clients until their first request, with lists of up to a million rows.

The exit status is 1 if haul's median is above 50 ms.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.lib import clients, files, measure, options

CLIENTS = ("haul", "curl", "wget2", "aria2c")
LENGTHS = (1_000, 100_000, 1_000_000)
# Milliseconds within which haul is to have asked for something.
BOUND = 50
LIMIT = 60


def add_arguments(parser):
    options.rounds(parser, 5)
    options.several(parser, "--clients", CLIENTS, CLIENTS, "all that are installed")
    options.haul(parser)


def once(client, job, listener):
    """Seconds until something has been asked for; the client is then killed."""
    command = client.command(job)
    start = time.monotonic()
    ran = subprocess.Popen([*map(str, command)], cwd=job.scratch, env=measure.environment(job.scratch),
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           start_new_session=True)
    try:
        listener.settimeout(LIMIT)
        connection, _ = listener.accept()
        connection.settimeout(LIMIT)
        # A connection alone is no request.
        while not connection.recv(1):
            connection, _ = listener.accept()
        return time.monotonic() - start
    except TimeoutError:
        return None
    finally:
        os.killpg(ran.pid, signal.SIGKILL)
        ran.wait()


def shown(seconds):
    known = [each for each in seconds if each is not None]
    return f"{median(known) * 1000:.0f} ms" if known else f"more than {LIMIT} s"


def run(arguments):
    chosen, left_out = clients.choose(arguments.clients, arguments.haul)
    for why in left_out.values():
        print(f"- {why}")
    print("| rows | " + " | ".join(client.name for client in chosen) + " |")
    print("|--:|" + "--:|" * len(chosen))
    too_late = False
    for rows in LENGTHS:
        cells = []
        for client in chosen:
            seconds = []
            for _ in range(arguments.rounds):
                with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
                    scratch = Path(folder)
                    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
                    names = files.ROWS.at_most(rows).paths()
                    job = clients.Job([f"{base}/{name}" for name in names], scratch / "out", scratch, 16, None)
                    seconds.append(once(client, job, listener))
            if client.name == "haul":
                too_late |= median(each or LIMIT for each in seconds) * 1000 > BOUND
            cells.append(shown(seconds))
        print(f"| {rows:,} | " + " | ".join(cells) + " |", flush=True)
    return 1 if too_late else 0
