"""Gives the examples in docstrings a URL and a folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import haulage


class Example(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4096")
        self.end_headers()
        self.wfile.write(b"haul" * 1024)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def example_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Example)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/a.bin"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def names_of_examples(
    doctest_namespace: dict[str, object], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if not isinstance(request.node, pytest.DoctestItem):
        return
    url = request.getfixturevalue("example_url")
    doctest_namespace.update(haulage=haulage, urls=[url], folder=os.fspath(tmp_path))
