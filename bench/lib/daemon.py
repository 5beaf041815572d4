"""`haul serve` in a process of its own, and a plain client of it."""

import http.client
import json
import os
import re
import resource
import subprocess
import time

from bench.lib import measure
from bench.lib.errors import BenchError

HOST = "127.0.0.1"
PATIENCE = 30
# Seconds after which a connection that nothing was sent on is opened again.
PAUSE = 5
LISTENS = re.compile(r"haul listens at http://127\.0\.0\.1:(\d+)/jsonrpc")


class RpcError(Exception):
    """An answer that is an error."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Daemon:
    """`with Daemon(haul, folder) as daemon:` runs `haul serve`; one that was killed can be started again.

    Files go to `daemon.out`. It makes its secret by itself, and listens at a port that was free. `environment` is added
    to its own, which has no proxies.
    """

    def __init__(self, haul, folder, *flags, **environment):
        self.folder, self.out, self.state = folder, folder / "out", folder / "state"
        self.command = [haul, "serve", "--listen", f"{HOST}:0", "-d", self.out, "--state", self.state, *flags]
        self.environment = {**measure.environment(folder), **environment}
        self.log = folder / "daemon.log"
        self.process = None
        self.port = 0

    def __enter__(self):
        self.out.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Starts it, and waits until it can be reached."""
        self._spawn()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            if said := LISTENS.search(self.said()):
                self.port = int(said[1])
                return
            time.sleep(0.01)
        self.kill()
        raise BenchError(f"haul serve did not start: {self.said()[-2000:]}")

    def start_and_kill(self, seconds):
        """Starts it, and kills it after so many seconds, wherever it is then."""
        self._spawn()
        time.sleep(seconds)
        self.kill()

    def _spawn(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                list(map(str, self.command)), cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ended(self):
        """Waits for its end, and returns its exit status; None if it goes on."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None

    def said(self):
        return self.log.read_text(errors="replace")

    @property
    def secret(self):
        return (self.state / "rpc-secret").read_text().strip()

    @property
    def memory(self):
        """Its resident memory in bytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def client(self, timeout=PATIENCE):
        return Client(self.port, self.secret, timeout)


class Client:
    """A connection over which calls are sent, one after another.

    It is opened again after a pause, since the daemon closes connections that are idle.
    """

    def __init__(self, port, secret, timeout=PATIENCE):
        self.connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
        self.secret = secret
        self.used = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def call(self, method, *params):
        """Returns the result of a method.

        Raises RpcError if it is an error, and OSError or HTTPException if there is no answer.
        """
        return result_of(self.post(self.request(method, *params)))

    def many(self, calls):
        """Returns the answers to calls, which are sent as one batch."""
        return self.post([self.request(*call) for call in calls])

    def request(self, method, *params):
        name = method if "." in method else f"aria2.{method}"
        return {"jsonrpc": "2.0", "id": "bench", "method": name, "params": [f"token:{self.secret}", *params]}

    def post(self, request):
        if time.monotonic() - self.used > PAUSE:
            self.connection.close()
        self.connection.request("POST", "/jsonrpc", json.dumps(request))
        answer = json.loads(self.connection.getresponse().read())
        self.used = time.monotonic()
        return answer


def result_of(answer):
    if "error" in answer:
        raise RpcError(answer["error"]["code"], answer["error"]["message"])
    return answer["result"]


def allow_files(count):
    """Lets this process, and those it starts, have as many files open as it may, at most `count`; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count if hard == resource.RLIM_INFINITY else min(hard, count)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(soft, most)
