"""Runs the daemon's unit with a real systemd, in namespaces of its own: nothing else of the machine sees it.

systemd checks the unit (`systemd-analyze verify` and `security`), starts it as its user in its sandbox, and waits for
its notification. The daemon downloads a file, is killed and restarted, and is stopped. The exit status is 1 if
anything is wrong. Root, and systemd (`apt-get install systemd`, which need not run), are needed.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench import ROOT
from bench.lib import options, process
from bench.lib.checks import Checks
from bench.lib.errors import BenchError, built

SCRIPTS = ROOT / "bench/lib/unit"
UNIT = ROOT / "packaging/debian/haul.service"
NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child")
# The exposure that systemd gives to a service without a sandbox is about 9.6.
MOST_EXPOSURE = 1.4
# Seconds for all of it.
PATIENCE = 60


def add_arguments(parser):
    options.haul(parser)


def analyzed(checks):
    """What systemd says of the unit without running it."""
    seen = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True, check=False).stderr
    # Neither the program nor its page of the manual is installed here.
    wrong = [line for line in seen.splitlines() if "/usr/bin/haul" not in line and "man haul" not in line]
    checks("systemd-analyze verify has nothing to say", not wrong, "; ".join(wrong))
    seen = subprocess.run(["systemd-analyze", "security", "--offline=true", UNIT], capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for haul\.service: ([\d.]+)", seen.stdout)
    exposure = float(found[1]) if found else 10.0
    checks(f"its exposure is {exposure}", exposure <= MOST_EXPOSURE, f"more than {MOST_EXPOSURE}")


def run(arguments):
    haul = built(arguments.haul, "--haul")
    if os.geteuid() != 0 or shutil.which("systemd-analyze") is None:
        raise BenchError("root, and systemd, are needed: apt-get install systemd")
    checks = Checks()
    analyzed(checks)
    with tempfile.TemporaryDirectory() as folder:
        said = probed(haul, Path(folder))
    for name, wanted in (
        ("state", "active"), ("user", "haul"), ("CapEff", "0" * 16), ("NoNewPrivs", "1"), ("Seccomp", "2"),
        ("file", "right"), ("restarted", "active"), ("stopped", "inactive success"),
    ):
        checks(f"{name} is {wanted}", said.get(name) == wanted, said.get(name))
    checks("a file elsewhere is refused", "error" in said.get("elsewhere", ""), said.get("elsewhere"))
    checks("the queue outlives a kill", '"complete"' in said.get("kept", ""), said.get("kept"))
    print(f"{checks.count} checks, {checks.wrong} wrong")
    return 1 if checks.wrong else 0


def probed(haul, folder):
    """Boots systemd with the unit, and returns what was seen of it."""
    (folder / "served").mkdir()
    (folder / "served/file").write_bytes(os.urandom(1 << 20))
    with open(folder / "console", "wb") as console:
        boot = subprocess.Popen(["unshare", *NAMESPACES, "bash", SCRIPTS / "boot.sh", haul, UNIT, folder],
                                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            process.wait_until(lambda: (folder / "all").is_file() or boot.poll() is not None, PATIENCE)
        finally:
            boot.kill()
            boot.wait()
    if not (folder / "all").is_file():
        told = [path.read_text(errors="replace")[-1000:] for path in map(folder.joinpath, ("console", "said", "errors")) if path.is_file()]
        raise BenchError("systemd did not come to the end of the probe:\n" + "\n".join(told))
    return dict(line.split("=", 1) for line in (folder / "all").read_text().splitlines() if "=" in line)
