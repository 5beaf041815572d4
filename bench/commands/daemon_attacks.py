"""Attacks haul serve over raw sockets: each attack with what is expected, and what came.

Pages of other origins, wrong secrets, paths out of the folder, requests and WebSocket frames that are huge, slow or without
an end, and what is no HTTP. While connections are held open, another client must be answered. The exit status is 1 if
something else happens than is expected.
"""

import base64
import contextlib
import json
import os
import re
import socket
import struct
import threading
import time
import zlib

from bench.lib import files, options
from bench.lib.daemon import HOST, PATIENCE, Daemon, allow_files
from bench.lib.errors import built
from bench.lib.origin import Origin

MIB = files.MIB
# Another client must be answered within these seconds, whatever the attack.
SOON = 2
# What is read of an answer.
MOST = 4 * MIB
# The daemon gives a head or a body this many seconds.
LIMIT = 30
HEADERS = f"Host: {HOST}\r\n"
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"


def add_arguments(parser):
    parser.add_argument("--guesses", type=options.positive, default=100, metavar="N",
                        help="how many wrong secrets are tried (default: %(default)s)")
    parser.add_argument("--connections", type=options.positive, default=1000, metavar="N",
                        help="how many connections are held open (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only attacks that have this in their name")
    options.haul(parser)
    options.origin(parser)


class Target:
    """The daemon that is attacked, and how attackers reach it."""

    def __init__(self, daemon, origin):
        self.daemon, self.origin = daemon, origin
        self.secret = daemon.secret
        self.guesses = 0

    def connect(self, timeout=PATIENCE):
        return socket.create_connection((HOST, self.daemon.port), timeout=timeout)

    def raw(self, data, timeout=PATIENCE):
        """Returns the answer to bytes."""
        with self.connect(timeout) as client:
            # The answer may come before all is sent.
            with contextlib.suppress(ConnectionError):
                client.sendall(data if isinstance(data, bytes) else data.encode())
            return read(client)

    def post(self, body, headers="", host=HEADERS):
        data = body if isinstance(body, bytes) else body.encode()
        head = f"POST /jsonrpc HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {len(data)}\r\n\r\n"
        return self.raw(head.encode() + data)

    def request(self, method, *params, secret=None):
        token = f"token:{self.secret if secret is None else secret}"
        return {"jsonrpc": "2.0", "id": "x", "method": f"aria2.{method}", "params": [token, *params]}

    def call(self, method, *params, secret=None):
        """Returns the status and the JSON of the answer to a call."""
        answer = self.post(json.dumps(self.request(method, *params, secret=secret)))
        return status(answer), json.loads(answer.partition(b"\r\n\r\n")[2])

    def add(self, given, url=None):
        """Adds a download, and returns how it ends: the error of the call, or the status, the error and the path."""
        _, answer = self.call("addUri", [url or self.origin.url("bytes/1K")], given)
        if "error" in answer:
            return f"refused: {answer['error']['message']}"
        gid = answer["result"]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.call("tellStatus", gid)[1]["result"]
            if found["status"] in ("complete", "error"):
                return f"{found['status']}: {found.get('errorMessage', '')} {found['files'][0]['path']}"
            time.sleep(0.05)
        return found["status"]

    def responds(self):
        """Whether another client is answered soon."""
        start = time.monotonic()
        with self.daemon.client(timeout=PATIENCE) as client:
            client.call("getVersion")
        return time.monotonic() - start < SOON

    def websocket(self, headers=""):
        """Opens a WebSocket; returns its socket, and the status."""
        client = self.connect()
        client.sendall(f"GET /jsonrpc HTTP/1.1\r\n{HEADERS}{UPGRADE}{headers}\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer and (more := client.recv(1)):
            answer += more
        return client, answer

    def frames(self, *frames):
        """Sends frames over a WebSocket; returns what comes until it is closed."""
        client, _ = self.websocket()
        with client:
            try:
                for each in frames:
                    client.sendall(each)
            except ConnectionError:
                return b"closed"
            return read(client) + b"closed"


def read(client):
    """Returns what comes until the end, or until the connection is reset."""
    found = b""
    try:
        while len(found) < MOST and (more := client.recv(65536)):
            found += more
    except ConnectionError:
        pass
    except TimeoutError:
        found += b" (not closed)"
    return found


def status(answer):
    """Returns the status of a response; 0 if there is none."""
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else 0


def frame(payload, opcode=1, fin=True, rsv=0, length=None):
    """Returns a frame of a client (RFC 6455 §5.2), whose head may claim another length."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    head += bytes([0x80 | 127]) + struct.pack(">Q", size) if size > 0xFFFF else bytes([0x80 | 126]) + struct.pack(">H", size)
    return head + b"\0\0\0\0" + payload


# Each attack is a function with a target, which returns what came, and a pattern of what is due.
def attacks(arguments):
    """Returns all attacks: what is done, what is expected (a pattern), and how."""
    return [*pages(), *secrets(arguments.guesses), *paths(), *bodies(), *injections(), *websockets(), *no_http(),
            *floods(arguments.connections)]


def pages():
    def post(headers, host=HEADERS):
        return lambda target: status(target.post(json.dumps(target.request("getVersion")), headers, host))

    def get(headers, query="method=aria2.getVersion&id=1"):
        def attack(target):
            params = base64.b64encode(json.dumps([f"token:{target.secret}"]).encode()).decode()
            return status(target.raw(f"GET /jsonrpc?{query}&params={params} HTTP/1.1\r\n{HEADERS}{headers}Connection: close\r\n\r\n"))
        return attack

    def socket_from(headers):
        def attack(target):
            client, answer = target.websocket(headers)
            client.close()
            return status(answer)
        return attack

    def preflight(target):
        answer = target.raw(
            f"OPTIONS /jsonrpc HTTP/1.1\r\n{HEADERS}Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n"
            "Access-Control-Request-Headers: content-type\r\nConnection: close\r\n\r\n")
        return f"{status(answer)}{' and allowed' if b'access-control-allow-origin' in answer.lower() else ''}"

    form = "Content-Type: application/x-www-form-urlencoded\r\n"
    return [
        ("a name that was rebound (Host: evil.example)", "421", post("", "Host: evil.example\r\n")),
        ("a name that was rebound, with the port", "421", post("", "Host: evil.example:6800\r\n")),
        ("two Host fields", "4..", post("", HEADERS + "Host: evil.example\r\n")),
        ("no Host", "4..", post("", "")),
        ("a form of another page", "403", post(f"Origin: http://evil.example\r\n{form}")),
        ("text/plain of a page without an origin", "403", post("Origin: null\r\nContent-Type: text/plain\r\n")),
        ("a page at another port of this machine", "403", post(f"Origin: http://{HOST}:1\r\n")),
        ("a page that only says it is cross-site", "403", post("Sec-Fetch-Site: cross-site\r\n")),
        ("<img> with the secret in its URL", "403", get("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n")),
        ("<script> with jsoncallback (JSONP)", "[45]..", get("", "method=aria2.getVersion&id=1&jsoncallback=f")),
        ("a preflight of another origin", "403", preflight),
        ("a WebSocket of another origin", "403", socket_from("Origin: http://evil.example\r\n")),
        ("a WebSocket of another site", "403", socket_from("Sec-Fetch-Site: cross-site\r\n")),
    ]


def secrets(guesses):
    def wrong(target):
        code, answer = target.call("getVersion", secret="wrong")
        return f"{code}, {answer['error']['message']}"

    def guess(target):
        """Guesses over 20 connections at once, while another client calls."""
        answers, lock, slow = [], threading.Lock(), []

        def work(count):
            with socket_client(target) as client:
                for _ in range(count):
                    answer = client.post(client.request("getVersion"))
                    with lock:
                        answers.append(answer.get("error", {}).get("message"))

        start = time.monotonic()
        count = max(1, guesses // 20)
        threads = [threading.Thread(target=work, args=(count,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            slow.append(target.responds())
            time.sleep(0.2)
        took = time.monotonic() - start
        right = all(answer == "Unauthorized" for answer in answers)
        rate = len(answers) / took
        others = "others are answered" if all(slow) else "others wait"
        return f"{'refused' if right else answers[:3]}, {'at most 10' if rate <= 10.5 else f'{rate:.0f}'} a second, {others}"

    def batch(target):
        calls = [target.request("getVersion", secret=f"guess{n}") for n in range(999)] + [target.request("getVersion")]
        answer = target.post(json.dumps(calls))
        return f"{answer.count(b'Unauthorized')} refused"

    def multicall(target):
        calls = [{"methodName": "aria2.getVersion", "params": [f"token:{n}"]} for n in range(999)]
        calls.append({"methodName": "aria2.getVersion", "params": [f"token:{target.secret}"]})
        answer = target.post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "system.multicall", "params": [calls]}))
        return f"{answer.count(b'Unauthorized')} refused"

    def file_mode(target):
        modes = [oct((target.daemon.state / name).stat().st_mode & 0o777) for name in ("rpc-secret", "serve.db")]
        return " ".join([*modes, oct(target.daemon.state.stat().st_mode & 0o777)])

    return [
        ("a wrong secret", "4.., Unauthorized", wrong),
        (f"{guesses} wrong secrets over 20 connections", "refused, at most 10 a second, others are answered", guess),
        ("999 guesses and the secret in one batch", "1000 refused", batch),
        ("999 guesses and the secret in one multicall", "1000 refused", multicall),
        ("another user reads the secret or the queue", "0o600 0o600 0o700", file_mode),
    ]


def socket_client(target):
    """Returns a client that has a wrong secret."""
    client = target.daemon.client()
    client.secret = "wrong"
    return client


def paths():
    def add(url=None, /, **given):
        given = {name.replace("_", "-"): value for name, value in given.items()}

        def attack(target):
            fill = {name: value.format(folder=target.daemon.folder, out=target.daemon.out, state=target.daemon.state)
                    for name, value in given.items()}
            return target.add(fill, url)
        return attack

    def linked(target):
        (target.daemon.folder / "elsewhere").mkdir(exist_ok=True)
        link = target.daemon.out / "link"
        if not link.is_symlink():
            link.symlink_to(target.daemon.folder / "elsewhere")
        return target.add({"dir": str(link)})

    def linked_out(target):
        linked(target)
        return target.add({"out": "link/x"})

    def linked_later(target):
        """The folder becomes a link after the download was added."""
        folder = target.daemon.out / "later"
        folder.mkdir()
        gid = target.call("addUri", [target.origin.url("bytes/1K")], {"dir": str(folder), "pause": "true"})[1]["result"]
        folder.rmdir()
        folder.symlink_to(target.daemon.folder / "elsewhere")
        target.call("unpause", gid)
        deadline = time.monotonic() + PATIENCE
        while target.call("tellStatus", gid)[1]["result"]["status"] in ("active", "waiting") and time.monotonic() < deadline:
            time.sleep(0.05)
        return target.call("tellStatus", gid)[1]["result"]["status"]

    def global_dir(target):
        answer = target.call("changeGlobalOption", {"dir": "/etc"})[1]
        return "refused" if "error" in answer else target.add({})

    def session(target):
        answer = target.call("changeGlobalOption", {"save-session": str(target.daemon.folder / "session")})[1]
        if "error" not in answer:
            answer = target.call("saveSession")[1]
        exists = (target.daemon.folder / "session").exists()
        return "written" if exists else "refused" if "error" in answer else answer["result"]

    def session_over_secret(target):
        answer = target.call("changeGlobalOption", {"save-session": str(target.daemon.state / "rpc-secret")})[1]
        if "error" not in answer:
            answer = target.call("saveSession")[1]
        kept = target.daemon.secret == target.secret
        return ("refused" if "error" in answer else "OK") + (", kept" if kept else ", overwritten")

    def hook(target):
        mark = target.daemon.folder / "mark"
        for name in ("on-download-complete", "on-download-start", "on-download-error"):
            target.call("changeGlobalOption", {name: f"/usr/bin/touch {mark}"})
        target.add({"on-download-complete": f"/usr/bin/touch {mark}", "out": "hook.bin"})
        return "a program ran" if mark.exists() else "nothing ran"

    no = "(refused|error): .*"
    return [
        ("dir=/etc", no, add(dir="/etc")),
        ("dir=/", no, add(dir="/")),
        ("dir is a link to another folder", no, linked),
        ("out goes through a link", no, linked_out),
        ("dir becomes a link after it was checked", "error", linked_later),
        ("dir beside the folder, of a similar name", no, add(dir="{out}2")),
        ("dir=../x", no, add(dir="../x")),
        ("dir is the daemon's own folder", no, add(dir="{state}")),
        ("dir=.haul", no, add(dir="{out}/.haul")),
        ("out=../../x", no, add(out="../../x")),
        ("out is absolute", no, add(out="/tmp/x")),
        ("out=.haul/x", no, add(out=".haul/part/x")),
        ("out=a/.haul/x", no, add(out="a/.haul/part/x")),
        ("out=.", no, add(out=".")),
        ("dir=/etc for all downloads", no[:-1] + "?|refused", global_dir),
        ("load-cookies=/etc/passwd", no, add(load_cookies="/etc/passwd")),
        ("load-cookies of the daemon's own folder", no, add(load_cookies="{state}/rpc-secret")),
        ("save-session elsewhere", "refused", session),
        ("save-session over the secret", "refused, kept", session_over_secret),
        ("file:///etc/passwd", no, add("file:///etc/passwd")),
        ("a program as on-download-complete", "nothing ran", hook),
    ]


def bodies():
    def gigabyte(target):
        with target.connect() as client:
            client.sendall(f"POST /jsonrpc HTTP/1.1\r\n{HEADERS}Content-Length: {1 << 30}\r\n\r\n".encode())
            sent = send_until_closed(client, bytes(MIB), 1024)
            return f"{status(read(client)) or 'closed'}, {'at once' if sent < 64 * MIB else f'after {sent >> 20} MiB'}"

    def endless(target):
        with target.connect() as client:
            client.sendall(f"POST /jsonrpc HTTP/1.1\r\n{HEADERS}Transfer-Encoding: chunked\r\n\r\n".encode())
            sent = send_until_closed(client, b"10000\r\n" + bytes(65536) + b"\r\n", 4096)
            return f"{status(read(client)) or 'closed'}, {'at once' if sent < 64 * MIB else f'after {sent >> 20} MiB'}"

    def chunk_lines(target):
        with target.connect() as client:
            client.sendall(f"POST /jsonrpc HTTP/1.1\r\n{HEADERS}Transfer-Encoding: chunked\r\n\r\n1;".encode())
            sent = send_until_closed(client, b"x" * 65536, 1024)
            return f"{status(read(client)) or 'closed'}, {'at once' if sent < 64 * MIB else f'after {sent >> 20} MiB'}"

    def smuggled(target):
        inner = json.dumps(target.request("getVersion"))
        return status(target.raw(
            f"POST /jsonrpc HTTP/1.1\r\n{HEADERS}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            f"POST /jsonrpc HTTP/1.1\r\n{HEADERS}Connection: close\r\nContent-Length: {len(inner)}\r\n\r\n{inner}"))

    def head(field):
        return lambda target: status(target.raw(f"POST /jsonrpc HTTP/1.1\r\n{HEADERS}{field}\r\n\r\n".encode("latin-1")))

    def deep(opening):
        def attack(target):
            count = 100_000
            answer = target.post(opening * count)
            return f"{status(answer)}, {'alive' if target.responds() else 'dead'}"
        return attack

    def batch(count):
        def attack(target):
            answer = target.post(json.dumps([{"method": "system.listMethods", "id": 1}] * count))
            return f"{status(answer)}, {'answered' if answer.count(b'listNotifications') > 1 else 'refused'}"
        return attack

    def huge_number(target):
        return status(target.post('{"jsonrpc":"2.0","id":1,"method":"aria2.tellWaiting","params":["token:' + target.secret
                                  + '", -9223372036854775808, 9223372036854775807]}'))

    return [
        ("a body of 1 GB", "(413|closed), at once", gigabyte),
        ("a body in chunks without an end", "(413|closed), at once", endless),
        ("a chunk whose extension has no end", "(4..|closed), at once", chunk_lines),
        ("Content-Length and chunks together", "[45]..", smuggled),
        ("a head of 128 KiB", "(431|0)", head("X: " + "x" * (128 << 10))),
        ("1,000 fields", "(431|4..)", head("\r\n".join(f"X{n}: x" for n in range(1000)))),
        ("a NUL in a field", "400", head("X: a\0b")),
        ("arrays 100,000 deep", "[45].., alive", deep("[")),
        ("objects 100,000 deep", "[45].., alive", deep('{"a":')),
        ("a batch of 20,000 calls", "400, refused", batch(20_000)),
        ("the largest numbers as offset and count", "(200|400)", huge_number),
    ]


def send_until_closed(client, piece, count):
    """Sends a piece again and again; returns how many bytes were taken before the other side closed."""
    sent = 0
    client.settimeout(5)
    with contextlib.suppress(OSError):
        for _ in range(count):
            client.sendall(piece)
            sent += len(piece)
    client.settimeout(PATIENCE)
    return sent


def injections():
    def option(name, value):
        def attack(target):
            """What of the value arrives as a field of its own."""
            listener = socket.create_server((HOST, 0))
            heads = []

            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        client, _ = listener.accept()
                        with client:
                            heads.append(client.recv(65536))
                            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")

            threading.Thread(target=serve, daemon=True).start()
            ended = target.add({name: value}, f"http://{HOST}:{listener.getsockname()[1]}/{name}")
            listener.close()
            injected = any(b"\r\nevil:" in each.lower() or b"get /evil" in each.lower() for each in heads)
            return "injected" if injected else ended.split(":")[0]
        return attack

    def url(target):
        return target.add({"out": "crlf-url"}, target.origin.url("bytes/1K\r\nEvil: 1")).split(":")[0]

    def escape(target):
        """A name must not control the terminal of who reads the log."""
        target.add({"out": "a\x1b[2Jb\r\n.bin"})
        return "in the log" if "\x1b[2J" in target.daemon.said() else "not in the log"

    return [
        # Its lines are fields; a client may send any.
        ("CR in a line of header", "(refused|error)", option("header", "X: a\rEvil: 1")),
        ("CR LF in user-agent", "(refused|error)", option("user-agent", "a\r\nEvil: 1")),
        ("CR LF in referer", "(refused|error)", option("referer", "a\r\nEvil: 1\r\n\r\nGET /evil HTTP/1.1")),
        ("CR LF in a URL", "(refused|error)", url),
        ("escape sequences in out", "not in the log", escape),
    ]


def websockets():
    ping = b'{"jsonrpc":"2.0","id":1,"method":"system.listMethods"}'

    def sends(*frames):
        return lambda target: "closed" if target.frames(*frames).endswith(b"closed") else "open"

    def huge(target):
        client, _ = target.websocket()
        with client:
            client.sendall(frame(b"", length=1 << 40))
            sent = send_until_closed(client, bytes(MIB), 256)
            return "closed at once" if sent < 64 * MIB else f"took {sent >> 20} MiB"

    def fragments(target):
        client, _ = target.websocket()
        with client:
            client.sendall(frame(bytes(65535), fin=False))
            sent = send_until_closed(client, frame(bytes(65535), opcode=0, fin=False), 4096)
            return "closed at once" if sent < 64 * MIB else f"took {sent >> 20} MiB"

    def tiny_fragments(target):
        before = target.daemon.memory
        client, _ = target.websocket()
        with client:
            client.sendall(frame(b"", fin=False))
            send_until_closed(client, frame(b"", opcode=0, fin=False) * 1000, 1000)
            grown = (target.daemon.memory - before) >> 20
            return "no memory" if grown < 64 else f"{grown} MiB"

    def bomb(target):
        """A compressed frame, although no compression was agreed."""
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(bytes(256 * MIB)) + packer.flush(zlib.Z_SYNC_FLUSH)
        return sends(frame(packed[:-4], rsv=0x40))(target)

    def pings(target):
        """Pings without end, whose answers are not read."""
        before = target.daemon.memory
        client, _ = target.websocket()
        with client:
            send_until_closed(client, frame(bytes(125), opcode=9) * 500, 2000)
            grown = (target.daemon.memory - before) >> 20
            return "no memory" if grown < 64 else f"{grown} MiB"

    def unread(target):
        """Calls whose answers are not read."""
        before = target.daemon.memory
        client, _ = target.websocket()
        with client:
            send_until_closed(client, frame(ping) * 500, 400)
            grown = (target.daemon.memory - before) >> 20
            return ("no memory" if grown < 64 else f"{grown} MiB") + (", others are answered" if target.responds() else "")

    def guesses(target):
        client, _ = target.websocket()
        with client:
            start = time.monotonic()
            for _ in range(10):
                client.sendall(frame(json.dumps(target.request("getVersion", secret="no")).encode()))
            found = b""
            while found.count(b"Unauthorized") < 10 and (more := client.recv(65536)):
                found += more
            return "refused, 10 a second" if time.monotonic() - start > 0.95 else "refused, faster"

    unmasked = b"\x81" + bytes([len(ping)]) + ping
    return [
        ("a frame of 1 TB", "closed at once", huge),
        ("fragments without an end", "closed at once", fragments),
        ("empty fragments without an end", "no memory", tiny_fragments),
        ("a compressed bomb", "closed", bomb),
        ("a frame without a mask", "closed", sends(unmasked)),
        ("bytes that are no UTF-8", "closed", sends(frame(b"\xff\xfe"))),
        ("a ping of 1,000 bytes", "closed", sends(frame(bytes(1000), opcode=9))),
        ("pings of which nobody reads the answers", "no memory", pings),
        ("calls of which nobody reads the answers", "no memory, others are answered", unread),
        ("wrong secrets over a WebSocket", "refused, 10 a second", guesses),
    ]


def no_http():
    def sends(data):
        return lambda target: f"{status(target.raw(data, 10)) or 'closed'}, {'alive' if target.responds() else 'dead'}"

    def head(line):
        return sends(f"{line}\r\n{HEADERS}Connection: close\r\n\r\n")

    hello = bytes.fromhex("16030100c8010000c40303") + bytes(200)
    return [
        ("a TLS handshake", "(400|closed), alive", sends(hello)),
        ("the preface of HTTP/2", "(4..|505|closed), alive", sends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64))),
        ("random bytes", "(400|closed), alive", sends(os.urandom(4096) + b"\r\n\r\n")),
        ("a line without an end", "(4..|closed), alive", sends(b"G" * 300_000)),
        ("an absolute URL of another host", "4.., alive", head("GET http://evil.example/ HTTP/1.1")),
        ("CONNECT", "4.., alive", head("CONNECT evil.example:443 HTTP/1.1")),
        ("TRACE", "4.., alive", head("TRACE /jsonrpc HTTP/1.1")),
        ("/../../etc/passwd", "404, alive", head("GET /../../etc/passwd HTTP/1.1")),
    ]


def floods(count):
    def hold(data, more):
        """Many connections that send a byte now and then: others are answered, and all are closed in the end."""
        def attack(target):
            clients = [target.connect() for _ in range(count)]
            try:
                start, served = time.monotonic(), []
                for client in clients:
                    client.sendall(data)
                while time.monotonic() - start < LIMIT + 15 and (clients := [each for each in clients if drips(each, more)]):
                    served.append(target.responds())
                    time.sleep(1)
                took = time.monotonic() - start
                closed = "all closed" if not clients else f"{len(clients)} still open after {took:.0f} s"
                return f"{'others are answered' if served and all(served) else 'others wait'}, {closed}"
            finally:
                for client in clients:
                    client.close()
        return attack

    def idle(target):
        clients = [target.connect() for _ in range(count)]
        try:
            return "others are answered" if all(target.responds() for _ in range(5)) else "others wait"
        finally:
            for client in clients:
                client.close()

    def download(target):
        """Connections use up the descriptors of the daemon, if they can: a download must still work."""
        clients = [target.connect() for _ in range(count)]
        try:
            return target.add({"out": "meanwhile.bin"}).split(":")[0]
        finally:
            for client in clients:
                client.close()

    post = f"POST /jsonrpc HTTP/1.1\r\n{HEADERS}"
    return [
        (f"{count} idle connections", "others are answered", idle),
        (f"a download beside {count} connections", "complete", download),
        (f"{count} heads, a byte a second (slowloris)", "others are answered, all closed", hold(post.encode(), b"X")),
        (f"{count} bodies, a byte a second", "others are answered, all closed",
         hold(f"{post}Content-Length: 1000\r\n\r\n".encode(), b"X")),
    ]


def drips(client, more):
    """Sends a byte; returns whether the connection is still open."""
    try:
        client.sendall(more)
        client.setblocking(False)
        try:
            return client.recv(65536, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return True
        finally:
            client.settimeout(PATIENCE)
    except OSError:
        client.close()
        return False


def run(arguments):
    haul = built(arguments.haul, "--haul")
    allow_files(arguments.connections + 1000)
    wrong = count = 0
    with files.work_folder(None, 64 * MIB) as folder, Origin(arguments.origin) as origin, Daemon(haul, folder) as daemon:
        target = Target(daemon, origin)
        before = daemon.memory
        for what, expected, attack in attacks(arguments):
            if arguments.only not in what:
                continue
            start = time.monotonic()
            seen = " ".join(str(attack(target)).replace(str(folder), "").split())
            is_right = re.fullmatch(expected, seen) is not None and daemon.process.poll() is None
            count += 1
            wrong += not is_right
            took = time.monotonic() - start
            print(f"{'ok   ' if is_right else 'WRONG'}  {what:48}  {seen[:110]}"
                  f"{'' if is_right else f'; expected: {expected}'}{f'  ({took:.0f} s)' if took > 2 else ''}", flush=True)
            if daemon.process.poll() is not None:
                print(f"      the daemon has ended: {daemon.said()[-1000:]}")
                return 1
        print(f"{count} attacks, {wrong} wrong; memory of the daemon {before >> 20} MiB before, {daemon.memory >> 20} MiB after")
        names = sorted(path.name for path in folder.iterdir())
        print(f"in the folder: {', '.join(names)}")
    return 1 if wrong else 0
