"""What every script in Python here begins with."""

import sys
import time

PATIENCE = 20


def arguments():
    """Returns the port, the secret, and the two URLs."""
    port, secret, slow, missing = sys.argv[1:]
    return int(port), secret, slow, missing


def check(what, is_right, says=""):
    says = " ".join(str(says).split())[:300]
    print(f"{'right' if is_right else 'WRONG'}  {what}{'' if is_right else ': ' + says}", flush=True)


def until(is_true, what):
    """Waits until something holds; otherwise the script ends."""
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        if time.monotonic() > deadline:
            sys.exit(f"WRONG  {what} did not come")
        time.sleep(0.05)
    check(what, True)
