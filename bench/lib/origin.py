"""The program `origin`, and a signpost that redirects to it; both on ports that were free."""

import http.server
import subprocess
import threading
import urllib.request

from bench.lib.errors import BenchError, built

HOST = "127.0.0.1"


class Origin:
    """`with Origin(program) as origin:` runs it; `origin.url("bytes/5M?seed=7")` names a body."""

    def __init__(self, program):
        self.program = built(program, "--origin")
        self.process = None
        self.base = ""

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.program, "--listen", f"{HOST}:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        # It says where it listens once it does.
        self.base = self.process.stdout.readline().strip()
        if not self.base:
            self.__exit__()
            raise BenchError(f"{self.program} did not start")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def url(self, path):
        return self.base + path


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients that are killed reset their connections: nothing to tell."""


class Signpost:
    """Redirects each path to the places it was told, in turn."""

    def __init__(self):
        self.places = {}
        self.asked = {}
        self.lock = threading.Lock()
        self.server = Server((HOST, 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def to(self, name, *places):
        """A URL whose n-th request is sent to the n-th of `places`, and after the last to the first."""
        self.places[f"/{name}"] = places
        return f"http://{HOST}:{self.server.server_port}/{name}"

    def next(self, path):
        with self.lock:
            asked = self.asked.get(path, 0)
            self.asked[path] = asked + 1
        places = self.places[path]
        return places[asked % len(places)]

    def _handler(self):
        signpost = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(302)
                self.send_header("Location", signpost.next(self.path))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler


def body(url):
    """What is there, fetched without proxies."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=60) as answer:
        return answer.read()
