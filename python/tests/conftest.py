"""Servers for the tests: the scripted origin, and one whose responses a test lets go."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import haulage

# Where scripts find the package that is tested.
PACKAGES = str(Path(haulage.__file__).parents[1])
BUILDS = Path(__file__).parents[2] / "target"


class Origin:
    """A running origin. Its path says what it serves."""

    def __init__(self, binary: str, arguments: tuple[str, ...]) -> None:
        command = [binary, "--listen", "127.0.0.1:0", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        found = re.search(r"(https?://[^\s/]+)", line)
        assert found, f"the origin says {line!r}"
        self.address = found[1]

    def url(self, path: str) -> str:
        return self.address + path

    def urls(self, count: int, path: str = "/bytes/100") -> list[str]:
        sign = "&" if "?" in path else "?"
        return [self.url(f"{path}{sign}seed={seed}") for seed in range(count)]

    def rows(self, count: int, path: str = "/bytes/100") -> list[dict[str, str]]:
        """Returns rows whose files have different names."""
        urls = self.urls(count, path)
        return [{"url": url, "name": f"{row}.bin"} for row, url in enumerate(urls)]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="session")
def origin_binary() -> str:
    builds = [str(BUILDS / kind / "origin") for kind in ("release", "debug")]
    for path in [os.environ.get("HAULAGE_ORIGIN"), *builds]:
        if path and os.access(path, os.X_OK):
            return path
    pytest.fail("there is no origin: run `cargo build -p origin`, or set HAULAGE_ORIGIN")


@pytest.fixture(scope="session")
def origin(origin_binary: str) -> Iterator[Origin]:
    origin = Origin(origin_binary, ())
    yield origin
    origin.stop()


@pytest.fixture
def start_origin(origin_binary: str) -> Iterator[Callable[..., Origin]]:
    """Starts origins with options."""
    started: list[Origin] = []

    def start(*arguments: str) -> Origin:
        started.append(Origin(origin_binary, arguments))
        return started[-1]

    yield start
    for origin in started:
        origin.stop()


@pytest.fixture
def own_origin(start_origin: Callable[..., Origin]) -> Origin:
    """An origin of the test's own: with a host that has failed, the engine waits between requests,
    in later tests too."""
    return start_origin()


class Gates:
    """A server that holds each response below ``/held/`` until it is let go. Each body is the path
    itself."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: set[str] = set()
        self._all = False
        self.requests: Counter[str] = Counter()
        gates = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gates._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """Says nothing of clients that leave."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def open(self, path: str | None = None) -> None:
        """Lets the responses of a path go, or all."""
        with self._changed:
            if path is None:
                self._all = True
            else:
                self._open.add(path)
            self._changed.notify_all()

    def wait_for(self, path: str, count: int = 1) -> None:
        """Waits until a path has been requested so many times."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.requests[path] >= count, 30), path

    def wait_for_requests(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.requests.total() >= count, 30)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path
        with self._changed:
            self.requests[path] += 1
            self._changed.notify_all()
            if path.startswith("/held/"):
                self._changed.wait_for(lambda: self._all or path in self._open)
        body = path.encode()
        try:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            handler.close_connection = True

    def stop(self) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def gates() -> Iterator[Gates]:
    gates = Gates()
    yield gates
    gates.stop()


class Script:
    """A Python process that runs a script. What it prints, a test can wait for."""

    def __init__(self, code: str, arguments: tuple[object, ...], **options: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": PACKAGES},
            **options,
        )

    def read_line(self) -> str:
        return self.process.stdout.readline().strip()

    def end(self, timeout: float = 60) -> tuple[int, str, str]:
        """Waits for its end. Returns its exit status, and what it has printed."""
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, err

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def start_script() -> Iterator[Callable[..., Script]]:
    started: list[Script] = []

    def start(code: str, *arguments: object, **options: object) -> Script:
        started.append(Script(code, arguments, **options))
        return started[-1]

    yield start
    for script in started:
        script.stop()


@pytest.fixture
def run_script(start_script: Callable[..., Script]) -> Callable[..., str]:
    """Runs a script that must succeed, and returns what it prints."""

    def run(code: str, *arguments: object, timeout: float = 60, **options: object) -> str:
        status, out, err = start_script(code, *arguments, **options).end(timeout)
        assert status == 0, f"status {status}\n{out}\n{err}"
        assert "Exception ignored" not in err and "Traceback" not in err, err
        return out

    return run
