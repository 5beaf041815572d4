"""aria2p, the command."""

import json
import subprocess
import sys
from pathlib import Path

from _session import arguments, check, until

port, secret, slow, missing = arguments()
COMMAND = [Path(sys.executable).with_name("aria2p"), "-H", "http://127.0.0.1", "-p", str(port), "-s"]


def run(*words, secret=secret):
    done = subprocess.run([*COMMAND, secret, *words], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def rows():
    """Returns the rows of `aria2p show` by their GID: the status, and the others."""
    return {words[0]: words[1:] for words in map(str.split, run("show")[1].splitlines()[1:])}


def called(method, *params):
    return json.loads(run("call", method, "-J", json.dumps(params))[1])


status, said = run("show", secret="wrong")
check("aria2p command: a wrong secret is refused", "nauthorized" in said, said)
listing = Path("list")
listing.write_text(f"{slow}\n out=whole.bin\n max-download-limit=1M\n{missing}\n out=missing.bin\n")
status, said = run("add", str(listing))
gids = [line.rsplit(" ", 1)[1] for line in said.splitlines() if line.startswith("Created download ")]
check("aria2p command: add from a file", status == 0 and len(gids) == 2, said)
whole, failing = gids
until(lambda: rows()[failing][0] == "error", "aria2p command: error")
check("aria2p command: code of the error", called("tellStatus", failing, ["errorCode"]) == {"errorCode": "3"})
until(lambda: rows()[whole][:2] > ["active", "0.00%"], "aria2p command: progress")
check("aria2p command: pause", run("pause", whole)[0] == 0)
until(lambda: rows()[whole][0] == "paused", "aria2p command: paused")
check("aria2p command: options", called("changeOption", whole, {"max-download-limit": "0"}) == "OK")
check("aria2p command: resume", run("resume", whole)[0] == 0)
until(lambda: rows()[whole][0] == "complete", "aria2p command: complete")
check("aria2p command: remove", run("remove", failing)[0] == 0)
check("aria2p command: purge", run("purge")[0] == 0 and rows() == {}, rows())
check("aria2p command: shutdown", called("shutdown") == "OK")
