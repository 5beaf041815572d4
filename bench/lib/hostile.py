"""A server that says, byte by byte, what a case wrote down; on a port that was free."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass

HOST = "127.0.0.1"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# A flood ends some time, for the sake of the machine; the client is left waiting then.
MOST_FLOODED = 64 << 20

# What an answer is made of, besides bytes (sent as they are) and functions (of the number of the
# HTTP/2 stream, to bytes):
RESET = "the connection is reset"
HOLD = "nothing more comes, and the connection stays"
KEEP = "the connection waits for its next request"
# After the last step the connection is closed; over TLS without close_notify.


@dataclass(frozen=True)
class Repeat:
    """These bytes again and again, with `pause` seconds before each time."""

    data: object
    pause: float = 0


@dataclass(frozen=True)
class After:
    """`then` if the first request came that many seconds ago, else `before`."""

    seconds: float
    before: tuple
    then: tuple


class Hostile:
    """`with Hostile(case, …) as server:` answers as the case says; `server.address` is HOST:PORT.

    `answers` is by path: the n-th request for a path gets the n-th of its answers, the last one
    repeats; the path "" stands for all others. `reused` answers what comes second on a connection.
    `fill` replaces what is in braces.
    """

    def __init__(self, answers, reused=None, tls=None, h2=False, fill=()):
        self.answers = answers
        self.reused = reused
        self.tls = tls
        self.h2 = h2
        self.fill = dict(fill)
        self.asked = {}
        self.first = None
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.listener = socket.create_server((HOST, 0))
        self.address = f"{HOST}:{self.listener.getsockname()[1]}"
        self.connections = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        # A thread that waits in `accept` is woken by this, and not by `close`.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.settimeout(30)
        # Else what is sent last waits for an acknowledgement, and a reset loses it.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The client is gone, or does not like the certificate: then it is over.
        with contextlib.suppress(OSError, EOFError), contextlib.closing(connection):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with contextlib.closing(connection):
                read = read_h2 if self.h2 else read_http1
                play = Play(self, connection)
                for number in range(1000):
                    path, stream = read(connection, number == 0)
                    if not play.all(self._answer(path, number), stream):
                        return

    def _answer(self, path, number):
        if number > 0 and self.reused is not None:
            return self.reused
        with self.lock:
            self.first = self.first or time.monotonic()
            known = path if path in self.answers else ""
            answers = self.answers[known]
            nth = self.asked[known] = self.asked.get(known, -1) + 1
        return answers[min(nth, len(answers) - 1)]


class Play:
    """Sends the steps of one answer."""

    def __init__(self, server, connection):
        self.server = server
        self.connection = connection

    def all(self, steps, stream):
        """Whether the connection goes on."""
        for step in steps:
            if step == KEEP:
                return True
            if step == HOLD:
                self.hold()
                return False
            if step == RESET:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return False
            if isinstance(step, After):
                waited = time.monotonic() - self.server.first >= step.seconds
                return self.all(step.then if waited else step.before, stream)
            if isinstance(step, Repeat):
                self.repeat(step, stream)
            else:
                self.connection.sendall(self.bytes_of(step, stream))
        return False

    def bytes_of(self, step, stream):
        data = step(stream) if callable(step) else step
        for name, value in self.server.fill.items():
            data = data.replace(b"{%s}" % name.encode(), value.encode())
        return data

    def repeat(self, step, stream):
        data = self.bytes_of(step.data, stream)
        # In large pieces where there is no pause.
        data *= 1 if step.pause else max(1, 16384 // len(data))
        sent = 0
        while sent < MOST_FLOODED and not self.server.over.wait(step.pause):
            self.connection.sendall(data)
            sent += len(data)
        self.hold()

    def hold(self):
        """Wait until the client goes."""
        self.connection.settimeout(0.2)
        while not self.server.over.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(65536):
                    return


def read_http1(connection, first):
    """The path of the next request; it is refused unless its line is ASCII, as a URL is."""
    del first
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data:
            raise EOFError
        head += data
    return head.split(b"\r\n", 1)[0].decode("ascii", "backslashreplace").split(" ")[1], 0


def read_h2(connection, first):
    """The number of the next stream that is opened; its path stays compressed."""
    if first:
        if exactly(connection, len(PREFACE)) != PREFACE:
            raise EOFError
        connection.sendall(frame(SETTINGS))
    while True:
        head = exactly(connection, 9)
        exactly(connection, int.from_bytes(head[:3]))
        kind, flags = head[3], head[4]
        if kind == SETTINGS and not flags & 1:
            connection.sendall(frame(SETTINGS, flags=1))
        if kind == HEADERS:
            return "", int.from_bytes(head[5:])


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7


def frame(kind, payload=b"", stream=0, flags=0):
    """RFC 9113 §4.1."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def h2_head(length):
    """Status 200 and a Content-Length, as literals (RFC 7541 §6.2.2)."""
    digits = str(length).encode()
    block = b"\x88\x0f\x0d" + bytes((len(digits),)) + digits
    return lambda stream: frame(HEADERS, block, stream, flags=4)


def h2_data(data, end=False):
    return lambda stream: frame(DATA, data, stream, flags=int(end))


def h2_reset(code):
    return lambda stream: frame(RST_STREAM, code.to_bytes(4), stream)


def context(cert, key, h2):
    """TLS with this certificate; `h2` is all that is offered then."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(cert, key)
    made.set_alpn_protocols(["h2"] if h2 else ["http/1.1"])
    return made
