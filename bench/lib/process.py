"""Servers in processes of their own: started, waited for, and ended."""

import subprocess
import time

from bench.lib.errors import BenchError


def start(name, command, folder, answers, seconds=20):
    """Starts a server in a folder, and returns its process once `answers()` is true.

    What it prints goes to `output.log` there. If it ends before it answers, or does not answer in time, BenchError has
    the end of its logs.
    """
    with open(folder / "output.log", "wb") as log:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if answers():
            return process
        time.sleep(0.05)
    stop(process)
    texts = [path.read_text(errors="replace").strip() for path in folder.glob("*.log")]
    raise BenchError(f"{name} did not start: {' '.join(texts)[-2000:]}")


def stop(process):
    """Ends a process; kills it if it does not end within ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(is_true, seconds):
    """Asks again and again, for at most so many seconds; returns the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := is_true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer
