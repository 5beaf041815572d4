"""Sends the same calls to aria2c and to haul serve, and compares the answers.

Each call is sent to both, in the same order, over POST; keys are compared without their order. Names of downloads,
speeds and sizes that depend on the moment do not count, nor does what docs/serve.md lists as a difference. The exit
status is 1 if anything else differs.
"""

import base64
import contextlib
import http.server
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.lib import options
from bench.lib.errors import BenchError, built
from bench.lib.server import HOST, free_ports

SECRET = "s3"
ONE, TWO, NONE = "00000000000000aa", "00000000000000bb", "ffffffffffffffff"
FILE = b"x" * 300_000
PATIENCE = 20
# What depends on the moment.
MOMENT = re.compile(r'"(downloadSpeed|completedLength|connections|sessionId|bitfield)": "[^"]*"')
METALINK = """<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="m.bin"><size>300000</size>
<url>{url}/m.bin</url></file></metalink>"""
# Paths of downloads that fail, each with the options that it needs. Each has a server of its own,
# since haul leaves one alone for a while that seems to be busy.
FAILURES = {
    "401": {}, "403": {}, "loop": {}, "bad": {"checksum": f"sha-256={'a' * 64}"},
    "drip": {"lowest-speed-limit": "50K", "timeout": "3"},
    "500": {}, "502": {}, "503": {}, "504": {},
}
ALL_FOUR = ["gid", "status", "errorCode", "totalLength"]


def calls(url, *others):
    """Returns methods with their parameters, in order, with the URLs of servers: one, and one for each failure."""
    held, quick = [f"{url}/held"], [f"{url}/quick"]
    metalink = base64.b64encode(METALINK.format(url=url).encode()).decode()
    missing = [("aria2.addUri", []), ("aria2.tellStatus", []), ("aria2.tellWaiting", []), ("aria2.changeOption", [ONE])]
    wrong = [
        ("aria2.addUri", [[]]), ("aria2.addUri", ["x"]), ("aria2.addUri", [["nope"]]), ("aria2.addUri", [[5]]),
        ("aria2.addUri", [quick, "x"]), ("aria2.addUri", [quick, {}, "x"]), ("aria2.addUri", [quick, {"split": "z"}]),
        ("aria2.addUri", [quick, {"gid": ONE}]), ("aria2.addUri", [quick, {"gid": "zz"}]),
        ("aria2.tellStatus", [5]), ("aria2.tellStatus", ["xyz"]), ("aria2.tellStatus", [""]),
        ("aria2.tellStatus", ["aa"]), ("aria2.tellStatus", [NONE]), ("aria2.tellStatus", [ONE, "x"]),
        ("aria2.tellWaiting", ["0", 1]), ("aria2.tellWaiting", [0, -1]),
        ("aria2.changePosition", [ONE, 0, "XX"]), ("aria2.changePosition", [ONE, "0", "POS_SET"]),
        ("aria2.changePosition", [ONE, 0, "POS_SET"]), ("aria2.changeUri", [ONE, 2, [], []]),
        ("aria2.changeUri", [ONE, 0, [], []]), ("aria2.changeUri", [NONE, 1, [], []]),
        ("aria2.changeOption", [ONE, {"split": "x"}]), ("aria2.changeOption", [NONE, {}]),
        ("aria2.changeGlobalOption", [{"max-concurrent-downloads": "0"}]),
        ("aria2.changeGlobalOption", [{"log-level": "loud"}]), ("aria2.addUri", [quick, {"remote-time": "maybe"}]),
        ("aria2.addUri", [quick, {"http-proxy": "nope://x:y:z"}]), ("aria2.addUri", [quick, {"lowest-speed-limit": "-1"}]), ("aria2.removeDownloadResult", [ONE]),
        ("aria2.unpause", [ONE]), ("aria2.pause", [NONE]), ("aria2.remove", [NONE]), ("aria2.saveSession", []),
        ("aria2.addTorrent", ["AAAA"]), ("aria2.addMetalink", ["AAAA"]), ("system.multicall", []), ("nope", []),
    ]
    return [
        ("system.listMethods", []), ("system.listNotifications", []),
        ("aria2.addUri", [held, {"gid": ONE, "out": "a.bin", "max-download-limit": "100K", "foo": "bar"}]),
        ("until active", [ONE]),
        ("aria2.tellStatus", [ONE]), ("aria2.tellStatus", [ONE, ["gid", "status", "nosuch"]]),
        ("aria2.tellActive", []), ("aria2.getUris", [ONE]), ("aria2.getFiles", [ONE]), ("aria2.getServers", [ONE]),
        ("aria2.getPeers", [ONE]),
        *missing, *wrong,
        ("aria2.addUri", [quick, {"gid": TWO, "pause": "true"}]),
        ("aria2.addUri", [quick, {"gid": "00000000000000cc", "pause": "true"}, 0]),
        ("aria2.tellWaiting", [0, 9]), ("aria2.tellWaiting", [-1, 9, ["gid"]]), ("aria2.tellWaiting", [1, 1, ["gid"]]),
        ("aria2.tellWaiting", [9, 1]), ("aria2.changePosition", [TWO, 0, "POS_SET"]),
        ("aria2.changePosition", [TWO, 1, "POS_CUR"]), ("aria2.changePosition", [TWO, -1, "POS_END"]),
        ("aria2.changePosition", [TWO, 99, "POS_SET"]), ("aria2.changePosition", [TWO, -99, "POS_SET"]),
        ("aria2.changeUri", [TWO, 1, [], [f"{url}/b", "nope"]]), ("aria2.getUris", [TWO]),
        ("aria2.changeUri", [TWO, 1, [f"{url}/b"], [f"{url}/c"], 0]), ("aria2.getUris", [TWO]),
        ("aria2.changeUri", [TWO, 1, [f"{url}/c"], []]), ("aria2.pause", [TWO]), ("aria2.getServers", [TWO]),
        ("aria2.changeOption", [TWO, {"out": "b.bin"}]), ("aria2.getGlobalStat", []),
        ("aria2.unpause", [TWO]), ("until complete", [TWO]),
        ("aria2.tellStopped", [0, 9, ALL_FOUR]), ("aria2.tellStopped", [-1, 9, ["gid"]]), ("aria2.getUris", [TWO]),
        ("aria2.getServers", [TWO]), ("aria2.pause", [TWO]), ("aria2.remove", [TWO]), ("aria2.unpause", [TWO]),
        ("aria2.changeOption", [TWO, {}]), ("aria2.changePosition", [TWO, 0, "POS_SET"]),
        ("aria2.addUri", [[f"{url}/404"], {"gid": "00000000000000dd"}]), ("until error", ["00000000000000dd"]),
        ("aria2.tellStopped", [-1, 1, ALL_FOUR]),
        *(each for nth, (other, path) in enumerate(zip(others, FAILURES))
          for each in failing(f"{other}/{path}", f"{nth + 1:016x}", FAILURES[path])),
        ("aria2.removeDownloadResult", [TWO]),
        ("aria2.removeDownloadResult", [TWO]), ("aria2.purgeDownloadResult", []), ("aria2.tellStopped", [0, 9]),
        ("aria2.remove", ["00000000000000cc"]), ("aria2.tellStatus", ["00000000000000cc"]),
        ("aria2.remove", [ONE]), ("until removed", [ONE]), ("aria2.tellStatus", [ONE, ["status", "errorCode"]]),
        ("system.multicall", [[
            {"methodName": "aria2.tellActive", "params": [f"token:{SECRET}"]}, {"x": 1}, 5, {"methodName": "nope"},
            {"methodName": "aria2.tellStatus", "params": [f"token:{SECRET}", NONE]},
            {"methodName": "system.multicall", "params": [[]]}, {"methodName": "system.listNotifications"},
        ]]),
        ("aria2.addMetalink", [metalink, {"pause": "true"}]), ("aria2.tellWaiting", [0, 9, ["status", "files"]]),
        ("aria2.pauseAll", []), ("aria2.shutdown", []),
    ]


def failing(url, gid, options):
    """Returns the calls that add a download which fails, and ask for its code."""
    return [
        ("aria2.addUri", [[url], {"gid": gid, "max-tries": "1", **options}]), ("until error", [gid]),
        ("aria2.tellStatus", [gid, ["status", "errorCode"]]),
    ]


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves a file; of `/held`, the second half never comes, and `/drip` comes slowly. A path may be a status."""

    def do_GET(self):
        name = self.path.removeprefix("/")
        status = 302 if name == "loop" else int(name) if name.isdecimal() else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.path)
        self.send_header("Content-Length", str(len(FILE)) if status == 200 else "0")
        self.end_headers()
        if name == "held":
            self.wfile.write(FILE[: len(FILE) // 2])
            self.server.is_over.wait()
        elif name == "drip":
            self.drip()
        elif status == 200:
            self.wfile.write(FILE)

    def drip(self):
        """Sends 1,000 bytes a second, until nobody wants them any more."""
        with contextlib.suppress(OSError):
            while not self.server.is_over.wait(0.1):
                self.wfile.write(b"x" * 100)

    def log_message(self, *_):
        pass


def serving(is_over):
    """Returns a server that has been started."""
    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads, server.is_over = True, is_over
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def send(port, method, params):
    """Returns the status and the body of the answer to a call."""
    # Only the calls within one have a token.
    token = [] if method == "system.multicall" else [f"token:{SECRET}"]
    call = {"jsonrpc": "2.0", "id": "q", "method": method, "params": [*token, *params]}
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://{HOST}:{port}/jsonrpc", json.dumps(call).encode(), timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, json.load(answer)


def until(holds, what):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise BenchError(f"{what} did not come")
        time.sleep(0.05)


def is_there(port):
    try:
        return send(port, "aria2.getSessionInfo", [])[0] == 200
    except OSError:
        return False


def answers(command, port, urls):
    """Starts a daemon and returns its answers to all calls."""
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: is_there(port), command[0])
        given = []
        for method, params in calls(*urls):
            if method.startswith("until "):
                has = method.removeprefix("until ")
                keys = [*params, ["status", "totalLength"]]

                def holds(has=has, keys=keys):
                    status = send(port, "aria2.tellStatus", keys)[1].get("result", {})
                    return status.get("status") == has and (has != "active" or status["totalLength"] != "0")

                until(holds, f"{has} of {params[0]} from {command[0]}")
            else:
                given.append((method, params, *send(port, method, params)))
        daemon.wait(PATIENCE)
        return given
    finally:
        daemon.kill()
        daemon.wait()


def plain(answer, folder, gids):
    """Returns an answer as text, without what depends on the moment."""
    status, body = answer
    text = json.dumps(body, sort_keys=True).replace(str(folder), "DIR")
    for gid in set(re.findall(r'"([0-9a-f]{16})"', text)) - {ONE, TWO, NONE}:
        text = text.replace(gid, gids.setdefault(gid, f"GID{len(gids)}"))
    # aria2 repeats a URL until it has as many as --split.
    text = re.sub(r'(\{"status": "(?:used|waiting)", "uri": ("[^"]*")\})(?:, \{"status": "waiting", "uri": \2\})+', r"\1", text)
    return f"{status} {MOMENT.sub('', text)}"


def add_arguments(parser):
    options.haul(parser)


def run(arguments):
    haul, aria2c = built(arguments.haul, "--haul"), shutil.which("aria2c")
    if aria2c is None:
        raise BenchError("aria2c not found; install aria2")
    is_over = threading.Event()
    servers = [serving(is_over) for _ in range(1 + len(FAILURES))]
    urls = [f"http://{HOST}:{server.server_port}" for server in servers]
    with tempfile.TemporaryDirectory() as work:
        theirs, ours = (Path(work) / name for name in ("aria2c", "haul"))
        first, second = free_ports(2)
        theirs.mkdir()
        given = [
            answers([aria2c, "--no-conf", "--enable-rpc", f"--rpc-listen-port={first}", f"--rpc-secret={SECRET}",
                     "-q", f"--dir={theirs}"], first, urls),
            answers([haul, "serve", "--listen", f"{HOST}:{second}", "--rpc-secret", SECRET, "-d", ours,
                     "--state", Path(work) / "state"], second, urls),
        ]
    is_over.set()
    for server in servers:
        server.shutdown()
    different, known = 0, ({}, {})
    for one, other in zip(*given):
        texts = [plain(each[2:], folder, gids) for each, folder, gids in zip((one, other), (theirs, ours), known)]
        if texts[0] != texts[1]:
            different += 1
            print(f"{one[0]} {one[1]}\n  aria2c  {texts[0]}\n  haul    {texts[1]}")
    print(f"{len(given[0])} calls, {different} answers differ")
    return 1 if different else 0
