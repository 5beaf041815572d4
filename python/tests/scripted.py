"""A server for tests: it counts what each host gets, and when.

It answers every name: `resolve=["*:PORT:127.0.0.1"]` gives it as many hosts as a test wants.
A path is ``/LENGTH/anything``: the file has that many bytes, which the host and the path decide.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial


def body(host: str, path: str) -> bytes:
    """Returns the file of a path, as both sides compute it."""
    length = int(path.split("/")[1])
    seed = hashlib.sha256(f"{host.partition(':')[0]}{path}".encode()).digest()
    return (seed * (length // len(seed) + 1))[:length]


class Server:
    """A server on a free port of loopback, in a thread.

    Args:
        latency: Returns the seconds before the answer for a path.
    """

    def __init__(self, latency: Callable[[str], float] = lambda path: 0.0) -> None:
        self.latency = latency
        self.changed = threading.Condition()
        self.requests = 0
        self.of_path: Counter[tuple[str, str]] = Counter()
        self.in_flight: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.times: defaultdict[str, list[float]] = defaultdict(list)
        self._hold_from = float("inf")
        self._held: list[Callable[[], None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self.port: int = listening.result()
        return self

    async def _listen(self) -> int:
        server = await self._loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        self._server = server
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def resolve(self) -> list[str]:
        """The option that leads all names here."""
        return [f"*:{self.port}:127.0.0.1"]

    def url(self, host: str, path: str) -> str:
        return f"http://{host}:{self.port}{path}"

    def wait_for(self, requests: int, seconds: float) -> None:
        """Waits until this number of requests has come."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.requests >= requests, seconds)

    def hold_from(self, requests: int) -> None:
        """Lets no answer out from this number of requests on, until `release`: whoever has sent
        these requests still waits for them then."""
        self._hold_from = requests

    def release(self) -> None:
        """Lets all answers out from now on."""
        self._loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._hold_from = float("inf")
        held, self._held = self._held, []
        for answer in held:
            answer()

    def let_out(self, answer: Callable[[], None]) -> None:
        """Calls this now, or at the release if answers are held."""
        if self.requests >= self._hold_from:
            self._held.append(answer)
        else:
            answer()

    def on_request(self, host: str, path: str) -> None:
        with self.changed:
            self.requests += 1
            self.of_path[host, path] += 1
            self.in_flight[host] += 1
            self.peak[host] = max(self.peak[host], self.in_flight[host])
            self.times[host].append(time.monotonic())
            self.changed.notify_all()

    def on_end(self, host: str) -> None:
        with self.changed:
            self.in_flight[host] -= 1

    def lead(self, delay: float) -> float:
        """Returns how many seconds requests to a host were early at most, against one each `delay`
        seconds since any request before. Two callers that know nothing of each other lead ever
        more; what the machine delays on the way does not add up."""
        most = 0.0
        for times in self.times.values():
            latest = float("-inf")
            for number, at in enumerate(times):
                due = at - number * delay
                latest = max(latest, due)
                most = max(most, latest - due)
        return most


class Connection(asyncio.Protocol):
    """A connection that is kept, with one request at a time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.received = b""
        self.host: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            self.on_head(head.decode("latin-1"))

    def on_head(self, head: str) -> None:
        line, *fields = head.split("\r\n")
        path = line.split()[1]
        headers = dict(field.lower().split(": ", 1) for field in fields)
        self.host = headers["host"].partition(":")[0]
        self.server.on_request(self.host, path)
        answer = partial(self.server.let_out, partial(self.answer, path))
        asyncio.get_running_loop().call_later(self.server.latency(path), answer)

    def answer(self, path: str) -> None:
        if self.host is None:
            return
        content = body(self.host, path)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n"
        self.end()
        self.transport.write(head.encode() + content)

    def connection_lost(self, _: Exception | None) -> None:
        self.end()

    def end(self) -> None:
        if self.host is not None:
            self.server.on_end(self.host)
            self.host = None
