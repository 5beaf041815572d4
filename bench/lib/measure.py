"""Runs a command and says what it alone used."""

import ctypes
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

PR_SET_CHILD_SUBREAPER = 36

# The kernel counts the memory of the process that calls `exec` as its successor's, so the peak of
# a command started from here would never be below Python's own. A small shell starts it in the
# background instead, says its id and ends; the command then becomes a child of ours, and `wait4`
# tells its use, and nothing else's.
SHELL = ("/bin/sh", "-c", 'exec 3>&1 >"$1" 2>&1; shift; "$@" 3>&- & echo $! >&3', "sh")


@dataclass
class Use:
    """What one run of a command took."""

    wall: float
    user: float
    system: float
    peak_kib: int
    status: int

    @property
    def cpu(self):
        return self.user + self.system

    @property
    def peak_mib(self):
        return self.peak_kib / 1024


def adopt_orphans():
    """Grandchildren whose parent has ended become children of this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def environment(home):
    """No settings and no proxies but those on the command line."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8"}


def run(command, folder, home, log, limit=600):
    """Run `command` in `folder`, its output to the file `log`; kill it after `limit` seconds."""
    adopt_orphans()
    start = time.monotonic()
    shell = subprocess.run(
        [*SHELL, str(log), *map(str, command)],
        cwd=folder, env=environment(home), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, check=True,
    )
    pid = int(shell.stdout)
    timer = threading.Timer(limit, os.kill, (pid, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    try:
        _, status, use = os.wait4(pid, 0)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        timer.cancel()
    wall = time.monotonic() - start
    return Use(wall, use.ru_utime, use.ru_stime, use.ru_maxrss, os.waitstatus_to_exitcode(status))
