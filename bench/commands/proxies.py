"""Downloads through real proxies: squid, tinyproxy, dante and microsocks.

Each proxy carries http, https over HTTP/1.1 and HTTP/2; with a right and a wrong password, where it can ask for one.
The files are compared, and the proxy's log must show the requests. haul and curl are asked which hosts a list of
exceptions covers. With --speed, 20,000 small files are downloaded by haul and by curl. The exit status is 1 if haul
does something else than it should.
"""

import contextlib
import os
import subprocess
import time

from bench.lib import files, measure, options
from bench.lib.files import KIB, FileSet
from bench.lib.proxies import KINDS, USER, running
from bench.lib.server import HOST, Server, needs

FILES = FileSet("through", 40, 16 * KIB, "through-{:02}.bin")
LARGE = FileSet("resumed", 1, 40 << 20, "resumed-{}.bin")
SPEED = files.SETS["small"]
SCHEMES = ("plain", "tls", "h2")
# Those that can ask for a password here.
LOGINS = ("squid", "tinyproxy", "microsocks")
EXCEPTIONS = (
    ("*", "h"), ("*,a", "h"), ("example", "a.example"), ("example", "anexample"), (".example", "example"),
    ("a.example", "example"), ("x, example ,y", "example"), ("x example", "example"), ("example:80", "example"),
    ("127.0.0.1", "127.0.0.1"), ("10.0.0.0/8", "10.200.3.4"), ("10.1.2.3/12", "10.16.0.1"), ("::1", "[::1]"),
    ("example.", "a.example"), ("", "h"),
)
LIMIT = 120


def add_arguments(parser):
    options.several(parser, "--proxies", KINDS, list(KINDS))
    parser.add_argument("--speed", action="store_true", help="measure 20,000 small files through squid and dante")
    parser.add_argument("--files", type=int, help="how many of the small files (default: all)")
    options.haul(parser)


class Bench:
    """A server with files, and what was found so far."""

    def __init__(self, haul, work, server):
        self.haul, self.work, self.server = haul, work, server
        self.runs, self.failed = 0, 0

    def report(self, what, is_right, says=""):
        self.failed += not is_right
        says = says.strip().splitlines()[0][:300] if says.strip() else ""
        print(f"{'right' if is_right else 'WRONG'}  {what}{': ' + says if says else ''}", flush=True)

    def run(self, command, folder):
        """Runs a command; returns what `measure` has seen, and its output."""
        log = folder / "log"
        use = measure.run(command, folder=folder, home=folder, log=log, limit=LIMIT)
        return use, log.read_text(errors="replace")

    def download(self, proxy, scheme, wanted, *flags, url=None):
        """Downloads files through a proxy; returns what is wrong, if anything, and what haul said."""
        self.runs += 1
        folder = self.work / f"run-{self.runs}"
        folder.mkdir()
        urls = [self.server.url(scheme, path) for path in wanted.paths()]
        (folder / "list").write_text("".join(f"{each}\n" for each in urls))
        command = [self.haul, "-x", url or proxy.url(), "-d", folder / "out", "-i", folder / "list"]
        command += ["--cacert", self.server.cert, "--retries", "1", "--progress", "none", *flags]
        use, said = self.run([str(word) for word in command], folder)
        found = files.check(self.server.root, wanted.paths(), folder / "out", files.same_bytes)
        files.remove(folder)
        return use, found, said


def through(bench, kind, login):
    with running(kind, bench.work, login) as proxy:
        name = kind + (" with a login" if login else "")
        for scheme in SCHEMES:
            before = proxy.lines()
            use, found, said = bench.download(proxy, scheme, FILES)
            is_right = use.status == 0 and found.all_right and proxy.has_logged_more_than(before)
            bench.report(f"{name}, {scheme}", is_right, "" if is_right else f"{found}; {said}")
        _, found, said = bench.download(proxy, "plain", LARGE, "--split", "4", "--min-split-size", "1M")
        bench.report(f"{name}, a large file", found.all_right, "" if found.all_right else said)
        if login:
            for scheme in SCHEMES[:2]:
                use, _, said = bench.download(proxy, scheme, FILES, url=proxy.url(password="wrong"))
                lines = [line for line in said.splitlines() if "--proxy-user" in line]
                is_right = use.status == 1 and bool(lines) and "wrong" not in said
                bench.report(f"{name}, a wrong password, {scheme}", is_right, lines[0] if lines else said)
        elif kind == "dante":
            for scheme in ("socks4", "socks5"):
                use, found, said = bench.download(proxy, "tls", FILES, url=proxy.url(scheme))
                is_right = use.status == 0 and found.all_right
                bench.report(f"{name}, {scheme}", is_right, "" if is_right else said)


def exceptions(bench):
    """Compares which hosts haul and curl connect to directly: nothing listens, so the error tells."""
    curl = needs("curl", "curl")
    differ = []
    for listed, host in EXCEPTIONS:
        url = f"http://{host}/"
        proxy = ["-x", f"http://{HOST}:1", "--connect-timeout", "2"]
        # haul refuses in --noproxy what can match no host, and tells of it here.
        environment = {**os.environ, "no_proxy": listed}
        theirs = subprocess.run(
            [curl, "-q", "-sS", *proxy, "--connect-to", f"::{HOST}:2", url],
            capture_output=True, text=True, check=False, env=environment)
        ours = subprocess.run(
            [bench.haul, *proxy, "-q", "--retries", "0", "--resolve", f"*:80:{HOST}", "-d", bench.work / "no", url],
            capture_output=True, text=True, check=False, env=environment)
        is_direct = f"{HOST}:1 refused" not in ours.stderr
        if is_direct != ("port 2 " in theirs.stderr):
            differ.append(f"no_proxy='{listed}' {url}: {ours.stderr.strip()}")
    bench.report(f"{len(EXCEPTIONS)} exceptions as curl has them", not differ, "; ".join(differ))


def speed(bench, count):
    wanted = SPEED.at_most(count)
    wanted.create(bench.server.root)
    print(f"\n{wanted.count} files of 4 KiB:\n\n| proxy | over | haul, files/s | CPU s | curl, files/s | CPU s |\n|:--|:--|--:|--:|--:|--:|")
    # microsocks holds small pieces back (Nagle), so that each response takes 40 ms.
    for kind in ("squid", "dante", None):
        for scheme in SCHEMES[:2]:
            cells = []
            for client in ("haul", "curl"):
                folder = bench.work / "speed"
                folder.mkdir()
                (folder / "out").mkdir()
                with running(kind, bench.work) if kind else contextlib.nullcontext() as proxy:
                    command = ours(bench, proxy, scheme, wanted, folder) if client == "haul" else theirs(bench, proxy, scheme, wanted, folder)
                    start = time.monotonic()
                    use, said = bench.run(command, folder)
                    took = time.monotonic() - start
                found = files.check(bench.server.root, wanted.paths(), folder / "out", files.same_bytes)
                if client == "haul" and not found.all_right:
                    bench.report(f"{kind}, {scheme}", False, f"{found}; {said[-500:]}")
                cells += [f"{wanted.count / took:.0f}" + ("" if found.all_right else " (incomplete)"), f"{use.cpu:.2f}"]
                files.remove(folder)
            print(f"| {kind or 'none'} | {scheme} | {' | '.join(cells)} |", flush=True)


def ours(bench, proxy, scheme, wanted, folder):
    (folder / "list").write_text("".join(bench.server.url(scheme, path) + "\n" for path in wanted.paths()))
    flags = ["-x", proxy.url() if proxy else "", "--cacert", bench.server.cert, "--progress", "none"]
    return [str(word) for word in [bench.haul, *flags, "-d", folder / "out", "-i", folder / "list"]]


def theirs(bench, proxy, scheme, wanted, folder):
    lines = [f'url = "{bench.server.url(scheme, path)}"\noutput = "{folder}/out/{path.split("/")[-1]}"\n' for path in wanted.paths()]
    (folder / "list").write_text("".join(lines))
    flags = ["-x", proxy.url() if proxy else "", "--cacert", bench.server.cert, "-Z", "--parallel-max", "16", "-sS", "-f"]
    return [str(word) for word in [needs("curl", "curl"), "-q", *flags, "-K", folder / "list"]]


def run(arguments):
    with files.work_folder(None, 1 << 30) as folder:
        root = folder / "root"
        root.mkdir()
        for each in (FILES, LARGE):
            each.create(root)
        with Server(root, folder) as server:
            bench = Bench(arguments.haul, folder, server)
            if arguments.speed:
                speed(bench, arguments.files)
                return 1 if bench.failed else 0
            exceptions(bench)
            for kind in arguments.proxies:
                through(bench, kind, False)
                if kind in LOGINS:
                    through(bench, kind, True)
            print(f"\n{bench.runs} runs, {bench.failed} wrong; the user was {USER}")
            return 1 if bench.failed else 0
