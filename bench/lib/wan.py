"""A link of a given delay, rate, loss and queue between two network namespaces; needs root and Linux."""

import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
from pathlib import Path

from bench.lib.errors import BenchError
from bench.lib.server import needs

SOURCE = Path(__file__).resolve().parent.parent / "links" / "link.c"
NEAR, FAR = "10.77.0.1", "10.77.0.2"
# Addresses of the far end, for lists that name many hosts.
HOSTS = [f"10.77.1.{number}" for number in range(1, 41)]
# As many packets may wait in the kernel for the link's program, so that only its own queue drops
# any.
KERNEL_QUEUE = "10000"
# How the ends react to losses, whatever this machine does: large providers use the first, Linux the
# second if nobody says otherwise.
CONGESTION_CONTROLS = ("bbr", "cubic", "reno")


@dataclasses.dataclass(frozen=True)
class Link:
    """A round trip in milliseconds, a rate in Mbit/s each way, a share of lost packets, and a queue in round trips of that rate."""

    rtt_ms: int
    mbit: int
    loss: float = 0.0
    queue: float = 1.0

    @classmethod
    def parse(cls, text):
        """Reads `100ms/200M`, `100ms/200M/0.5%`, `100ms/200M/0.5%/q0.25`."""
        found = re.fullmatch(r"(\d+)ms/(\d+)M(?:/([\d.]+)%)?(?:/q([\d.]+))?", text)
        if not found:
            raise ValueError(f"{text!r} is no link: write it as 100ms/200M/0.5%/q0.25")
        rtt, mbit, loss, queue = found.groups()
        return cls(int(rtt), int(mbit), float(loss or 0) / 100, float(queue or 1))

    def __str__(self):
        loss = f", {self.loss * 100:g}% lost" if self.loss else ""
        queue = f", a queue of {self.queue:g} round trips" if self.queue != 1 else ""
        return f"{self.rtt_ms} ms, {self.mbit} Mbit/s{loss}{queue}"

    @property
    def slug(self):
        """A name for files."""
        return f"{self.rtt_ms}ms-{self.mbit}M-{self.loss * 100:g}%-q{self.queue:g}"

    @property
    def bytes_per_second(self):
        return self.mbit * 1_000_000 / 8

    @property
    def queue_bytes(self):
        return max(16_000, int(self.bytes_per_second * self.rtt_ms / 1000 * self.queue))

    def ideal(self, total):
        """Seconds that `total` bytes take at least: two round trips for the first byte, then the rate."""
        return 2 * self.rtt_ms / 1000 + total / self.bytes_per_second


@dataclasses.dataclass(frozen=True)
class Counters:
    """What has crossed the link, and what TCP has done about it, since the namespaces were made."""

    down_bytes: int
    up_bytes: int
    dropped: int
    lost: int
    retransmitted: int
    connections: int

    def since(self, before):
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(before))
        return Counters(*(now - then for now, then in pairs))


class Wan:
    """`with Wan(folder) as wan:` makes two namespaces; `with wan.link(link):` joins them."""

    def __init__(self, folder, congestion=CONGESTION_CONTROLS[0]):
        self.congestion = congestion
        self.ip = needs("ip", "iproute2")
        self.program = Path(folder) / "link"
        self.near, self.far = (f"haul-{end}-{os.getpid()}" for end in ("near", "far"))
        self.process = None

    def __enter__(self):
        if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
            raise BenchError("it needs root, Linux, and /dev/net/tun, for network namespaces of its own")
        compiler = needs("cc", "gcc")
        subprocess.run([compiler, "-O2", "-o", self.program, SOURCE], check=True)
        try:
            for name in (self.near, self.far):
                self._ip("netns", "add", name)
                self._ip("-n", name, "link", "set", "lo", "up")
                # Each run is to begin as if nobody had been there before.
                self._write(name, "net/ipv4/tcp_no_metrics_save", "1")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in (self.near, self.far):
            subprocess.run([self.ip, "netns", "del", name], stderr=subprocess.DEVNULL, check=False)

    @contextlib.contextmanager
    def link(self, link, seed=1):
        """Joins the two ends for as long as the context lasts."""
        arguments = (self.near, self.far, link.rtt_ms * 500, link.bytes_per_second, link.loss, link.queue_bytes, seed)
        self.process = subprocess.Popen([self.program, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
        try:
            if self.process.stdout.readline().strip() != "ready":
                raise BenchError("the link's program did not start")
            self._configure(self.near, NEAR)
            self._configure(self.far, FAR)
            for host in HOSTS:
                self._ip("-n", self.far, "address", "add", f"{host}/32", "dev", "wan0")
            yield self
        finally:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def inside(self, namespace):
        """The words that put a command into a namespace."""
        return [self.ip, "netns", "exec", namespace]

    def counters(self):
        self.process.send_signal(signal.SIGUSR1)
        ways = json.loads(self.process.stdout.readline())
        far, near = self._tcp(self.far), self._tcp(self.near)
        return Counters(
            down_bytes=ways["down"]["bytes"],
            up_bytes=ways["up"]["bytes"],
            dropped=ways["down"]["dropped"] + ways["up"]["dropped"],
            lost=ways["down"]["lost"] + ways["up"]["lost"],
            retransmitted=far["RetransSegs"],
            connections=near["ActiveOpens"],
        )

    def _configure(self, namespace, address):
        self._ip("-n", namespace, "address", "add", f"{address}/16", "dev", "wan0")
        self._ip("-n", namespace, "link", "set", "wan0", "up", "txqueuelen", KERNEL_QUEUE)
        route = ("10.77.0.0/16", "dev", "wan0", "src", address)
        self._ip("-n", namespace, "route", "replace", *route, "congctl", self.congestion)

    def _tcp(self, namespace):
        """TCP's own counters there (`/proc/net/snmp`)."""
        command = [*self.inside(namespace), "cat", "/proc/net/snmp"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        names, values = (line.split()[1:] for line in text.splitlines() if line.startswith("Tcp:"))
        return dict(zip(names, map(int, values)))

    def _write(self, namespace, path, value):
        command = [*self.inside(namespace), "sh", "-c", f"echo {value} > /proc/sys/{path}"]
        subprocess.run(command, check=True)

    def _ip(self, *words):
        done = subprocess.run([self.ip, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"ip {' '.join(words)}: {done.stderr.strip()}")
