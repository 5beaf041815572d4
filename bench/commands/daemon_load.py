"""Lets many WebSocket clients call haul serve, while downloads go on and many more wait.

Measures the latency of calls from when each was due (a C program sends them at a fixed rate), the memory of the daemon, and
the speed of the downloads with these clients and without. The files come from a server at a limited rate, since clients,
server and daemon share the processors. The exit status is 1 if the p99 of tellActive reaches 20 ms, if a call has no answer,
or if downloads have less than 0.9 times their speed.
"""

import json
import subprocess
import time

from bench import ROOT
from bench.lib import files, options
from bench.lib.daemon import Daemon, allow_files
from bench.lib.errors import BenchError, built
from bench.lib.origin import Origin
from bench.lib.server import needs

MIB = files.MIB
SOURCE = ROOT / "bench/calls/calls.c"
# At most so long may tellActive take, in microseconds.
MOST = 20_000
ACTIVE = 5
# Bytes a second of each active download.
RATE = 10 * MIB
LEAST_SPEED = 0.9
# Additions that are sent as one batch.
BATCH = 500
# What AriaNg asks for of each download of its lists.
KEYS = ["gid", "totalLength", "completedLength", "uploadSpeed", "downloadSpeed", "connections", "numSeeders", "seeder",
        "status", "errorCode", "verifiedLength", "verifyIntegrityPending"]


def add_arguments(parser):
    parser.add_argument("--clients", type=options.positive, default=1000, metavar="N",
                        help="how many WebSocket clients (default: %(default)s)")
    parser.add_argument("--rate", type=options.positive, default=10_000, metavar="N",
                        help="calls a second, of all clients together (default: %(default)s)")
    parser.add_argument("--seconds", type=options.positive, default=60, metavar="S",
                        help="for how long (default: %(default)s)")
    parser.add_argument("--waiting", type=options.positive, default=100_000, metavar="N",
                        help="how many downloads wait (default: %(default)s)")
    options.haul(parser)
    options.origin(parser)
    options.work(parser)


def compiled(folder):
    """Compiles the program that sends the calls."""
    program = folder / "calls"
    subprocess.run([needs("cc", "gcc"), "-O2", "-o", program, SOURCE], check=True)
    return program


def methods(client):
    """Returns what clients call, as programs that show a list do once a second."""
    calls = {
        "tellActive": [KEYS], "getGlobalStat": [], "tellWaiting": [0, 20, KEYS], "tellStopped": [-1, 20, KEYS],
    }
    return "".join(f"{name}\t{json.dumps(client.request(name, *params))}\n" for name, params in calls.items())


def begin_downloads(client, origin, seconds):
    """Begins downloads that do not end within so many seconds."""
    for number in range(ACTIVE):
        path = f"bytes/{1 << 40}?seed={number}&drip={RATE // 40},25ms"
        client.call("addUri", [origin.url(path)], {"out": f"active-{number}", "split": "1"})
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(int(each["completedLength"]) for each in client.call("tellActive")):
            return
        time.sleep(0.05)
    raise BenchError("the downloads did not begin")


def wait_in_line(client, origin, count):
    """Adds downloads that wait; returns the seconds that it took."""
    start = time.monotonic()
    for first in range(0, count, BATCH):
        calls = [("addUri", [origin.url(f"bytes/1K/{number}")]) for number in range(first, min(first + BATCH, count))]
        if not all("result" in answer for answer in client.many(calls)):
            raise BenchError("a download could not be added")
    return time.monotonic() - start


def received(client):
    return sum(int(each["completedLength"]) for each in client.call("tellActive", ["completedLength"]))


def speed_during(client, work):
    """Returns the bytes a second of all downloads while some work is done, and what that returns."""
    start, before = time.monotonic(), received(client)
    result = work()
    return (received(client) - before) / (time.monotonic() - start), result


def load(program, daemon, arguments, calls):
    """Lets the clients call; returns what they saw, and the most memory that the daemon had meanwhile."""
    command = [program, str(daemon.port), str(arguments.clients), str(arguments.rate), str(arguments.seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write(calls)
        process.stdin.close()
        most = 0
        while process.poll() is None:
            most = max(most, daemon.memory)
            time.sleep(0.1)
        if process.returncode != 0:
            raise BenchError(f"the clients failed; the daemon said {daemon.said()[-500:]}")
        return json.loads(process.stdout.read()), most


def report(arguments, seen, speeds, memory):
    """Prints a line for each figure, and returns how many are not as they should be."""
    wrong = 0

    def line(what, is_right=True):
        nonlocal wrong
        wrong += not is_right
        print(f"{'right' if is_right else 'WRONG'}  {what}", flush=True)

    idle, waiting, loaded = (each / MIB for each in memory)
    each_waiting = (memory[1] - memory[0]) / arguments.waiting
    line(f"memory: {idle:.0f} MiB, with {arguments.waiting:,} waiting {waiting:.0f} MiB ({each_waiting:,.0f} bytes for each), "
         f"with {arguments.clients:,} clients {loaded:.0f} MiB")
    reached = seen["answered"] / seen["seconds"]
    line(f"calls: {seen['sent']:,} sent, {seen['answered']:,} answered, {reached:,.0f} a second; "
         f"{seen['notifications']:,} notifications", seen["answered"] == seen["sent"] - seen["held"] and not seen["held"])
    for name, times in seen["methods"].items():
        p50, p99, most = (times[key] / 1000 for key in ("p50", "p99", "max"))
        line(f"{name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, at most {most:.1f} ms",
             name != "tellActive" or times["p99"] < MOST)
    alone, together = speeds
    ratio = together / alone
    line(f"downloads: {alone / MIB:.1f} MiB/s without clients, {together / MIB:.1f} MiB/s with them, {ratio:.2f} times",
         ratio >= LEAST_SPEED)
    return wrong


def run(arguments):
    haul = built(arguments.haul, "--haul")
    if allow_files(arguments.clients + 100) < arguments.clients + 100:
        raise BenchError(f"{arguments.clients} clients need more open files; see ulimit -n")
    need = 3 * arguments.seconds * ACTIVE * RATE
    with files.work_folder(arguments.work, need) as folder, Origin(arguments.origin) as origin:
        program = compiled(folder)
        with Daemon(haul, folder, "--max-concurrent-downloads", str(ACTIVE)) as daemon, daemon.client(600) as client:
            begin_downloads(client, origin, 30)
            memory = [daemon.memory]
            took = wait_in_line(client, origin, arguments.waiting)
            memory.append(daemon.memory)
            print(f"{arguments.waiting:,} downloads were added in {took:.1f} s, {BATCH} a batch", flush=True)
            quiet = max(2, arguments.seconds // 3)
            alone, _ = speed_during(client, lambda: time.sleep(quiet))
            together, (seen, most) = speed_during(client, lambda: load(program, daemon, arguments, methods(client)))
            memory.append(most)
            wrong = report(arguments, seen, (alone, together), memory)
            start = time.monotonic()
            client.call("shutdown")
            status = daemon.ended()
            stopped, start = time.monotonic() - start, time.monotonic()
            daemon.start()
            print(f"with {arguments.waiting:,} waiting: ended in {stopped:.1f} s (status {status}), "
                  f"started again in {time.monotonic() - start:.1f} s")
    return 1 if wrong or status != 0 else 0
