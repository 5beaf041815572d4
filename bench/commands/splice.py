"""Shows whether clients join the bytes of two versions of a file.

A download breaks off, the file or its server changes, and each client resumes. The exit status is 1 if haul
saves a file that is neither version.
"""

import random
import shutil
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from bench.lib import measure, options
from bench.lib.errors import built

LENGTH = 3 << 20
# Where the first answer breaks off.
BREAK = LENGTH // 2
LIMIT = 30
OLD_DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
NEW_DATE = "Mon, 07 Nov 1994 08:49:37 GMT"


def content(seed, length=LENGTH):
    return random.Random(seed).randbytes(length)


A, B = content(1), content(2)
SHORTER, LONGER = content(3, BREAK // 2), content(4, LENGTH + (1 << 20))


@dataclass(frozen=True)
class Entity:
    body: bytes
    etag: str | None = '"a"'
    modified: str | None = OLD_DATE


@dataclass(frozen=True)
class Case:
    """The first answer is `first`, cut in the middle; all later ones are `then`, given as `how` says."""

    what: str
    first: Entity
    then: Entity
    # honours, ignores_if_range, no_validators, ignores_range, wrong_start, wrong_total
    how: str = "honours"

PLAIN = Entity(A)
CASES = (
    Case("the file is the same", PLAIN, PLAIN),
    Case("the same; the server knows no ranges", PLAIN, PLAIN, "ignores_range"),
    Case("the same; 206 begins a byte too early", PLAIN, PLAIN, "wrong_start"),
    Case("another file, another ETag; the server honours If-Range", PLAIN, Entity(B, '"b"', NEW_DATE)),
    Case("another file, another ETag; takes no notice of If-Range", PLAIN, Entity(B, '"b"', NEW_DATE), "ignores_if_range"),
    Case("another file; 206 without ETag and date", PLAIN, Entity(B, '"b"', NEW_DATE), "no_validators"),
    Case("another file, longer; takes no notice of If-Range", PLAIN, Entity(LONGER, '"b"', NEW_DATE), "ignores_if_range"),
    Case("another file, shorter than what is here", PLAIN, Entity(SHORTER, '"b"', NEW_DATE), "ignores_if_range"),
    Case("another file; the server knows no ranges", PLAIN, Entity(B, '"b"', NEW_DATE), "ignores_range"),
    Case("another file, a weak ETag that is the same", Entity(A, 'W/"a"'), Entity(B, 'W/"a"'), "ignores_if_range"),
    Case("another file, only a date, which is another", Entity(A, None), Entity(B, None, NEW_DATE)),
    Case("another file, only a date; takes no notice of it", Entity(A, None), Entity(B, None, NEW_DATE), "ignores_if_range"),
    Case("another file, and nothing that tells", Entity(A, None, None), Entity(B, None, None)),
)


class Server:
    """One case, over and over on one port: the first answer, then the others."""

    def __init__(self, case):
        self.case = case
        self.asked = self.sent = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/file"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            lines = head.decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:]) if value}
            self.asked += 1
            try:
                self.reply(connection, lines[0].split(" ")[0], fields)
            except OSError:
                pass

    def reply(self, connection, method, fields):
        is_first = self.sent == 0 and method == "GET" and "range" not in fields
        entity = self.case.first if is_first else self.case.then
        how = "honours" if is_first else self.case.how
        status, start, end = "200 OK", 0, len(entity.body)
        extra = [] if how == "ignores_range" else ["Accept-Ranges: bytes"]
        asked = fields.get("range", "")
        if asked.startswith("bytes=") and how != "ignores_range" and self.holds(entity, fields, how):
            first, _, last = asked[6:].partition("-")
            start = int(first) - (how == "wrong_start")
            end = min(int(last) + 1, end) if last else end
            status = "206 Partial Content"
            extra.append(f"Content-Range: bytes {start}-{end - 1}/{len(entity.body)}")
            if start >= len(entity.body):
                status, extra[-1] = "416 Range Not Satisfiable", f"Content-Range: bytes */{len(entity.body)}"
                start = end = 0
        if how != "no_validators" or status.startswith("200"):
            extra += [f"ETag: {entity.etag}"] if entity.etag else []
            extra += [f"Last-Modified: {entity.modified}"] if entity.modified else []
        extra += ["Date: Tue, 08 Nov 1994 08:49:37 GMT", f"Content-Length: {end - start}", "Connection: close"]
        connection.sendall("\r\n".join([f"HTTP/1.1 {status}", *extra, "", ""]).encode())
        if method == "HEAD":
            return
        body = entity.body[start:BREAK if is_first else end]
        connection.sendall(body)
        self.sent += len(body)

    @staticmethod
    def holds(entity, fields, how):
        """Whether a range may be sent, as far as If-Range is concerned (RFC 9110 §13.1.5)."""
        condition = fields.get("if-range")
        if condition is None or how in ("ignores_if_range", "no_validators", "wrong_start"):
            return True
        if '"' in condition:
            return condition == entity.etag and not condition.startswith("W/")
        return condition == entity.modified

    def close(self):
        self.socket.close()


def commands(haul):
    """How each client fetches a file to its end, or goes on with it."""
    return {
        "haul": [haul, "-q", "--progress", "none", "--retries", "0", "-d", ".", "URL"],
        "curl -C -": ["curl", "-s", "-C", "-", "-o", "file", "URL"],
        "wget2 -c": ["wget2", "-q", "-c", "--tries=1", "--no-robots", "URL"],
        "aria2c -c": ["aria2c", "-q", "-c", "--max-tries=1", "--retry-wait=0", "URL"],
    }


def verdict(case, folder, status):
    """What stands under the file's name, and whether the client says that it is right."""
    file = folder / "file"
    said = "said ok" if status == 0 else "error"
    # aria2c keeps what is incomplete under the final name, and says so beside it.
    if not file.exists() or (folder / "file.aria2").exists():
        return f"no file, {said}", False
    found = file.read_bytes()
    if found == case.then.body:
        what = "the file" if case.first.body == case.then.body else "the new one"
        return (what if status == 0 else f"{what}, {said}"), False
    if found == case.first.body:
        return f"the old one, {said}", False
    if any(whole.startswith(found) for whole in (case.first.body, case.then.body)):
        return f"half a file, {said}", False
    return f"**spliced, {said}**", True


def trial(case, command):
    """A run that is cut short, then the same command: its verdict, and what came over the wire the second time."""
    server = Server(case)
    folder = Path(tempfile.mkdtemp(prefix="haulage-splice-"))
    try:
        command = [str(word) if word != "URL" else server.url for word in command]
        for _ in range(2):
            before = server.sent
            ran = subprocess.run(command, cwd=folder, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL,
                                 env=measure.environment(folder.parent),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        words, spliced = verdict(case, folder, ran.returncode)
        return f"{words}; {(server.sent - before) / (1 << 20):.1f} MiB", spliced
    except subprocess.TimeoutExpired:
        return "hangs", False
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


def add_arguments(parser):
    options.haul(parser)


def run(arguments):
    known = commands(built(arguments.haul, "--haul"))
    chosen = {name: command for name, command in known.items() if shutil.which(command[0])}
    print(f"A file of {LENGTH >> 20} MiB breaks off in the middle; then the same command again.\n")
    print("| what is there then | " + " | ".join(chosen) + " |")
    print("|:--|" + ":--|" * len(chosen))
    is_wrong = False
    for case in CASES:
        cells = []
        for name, command in chosen.items():
            words, spliced = trial(case, command)
            is_wrong |= spliced and name == "haul"
            cells.append(words)
        print(f"| {case.what} | " + " | ".join(cells) + " |", flush=True)
    return 1 if is_wrong else 0
