"""Kills haul serve with SIGKILL at random moments, while clients use it, again and again.

One client adds downloads, one moves, pauses and resumes them, one changes options and removes some. After each restart,
nothing that was answered may be lost or doubled: no download, no option, no removal; the order of the queue must be kept,
each file must have its bytes, and the secret must be the same. In the end everything must be complete. A tenth of the
kills come while the daemon starts. The exit status is 1 if anything is wrong.
"""

import hashlib
import http.client
import random
import threading
import time
from dataclasses import dataclass

from bench.lib import files, options
from bench.lib.daemon import Daemon, RpcError
from bench.lib.errors import built
from bench.lib.origin import Origin, body

KIB, MIB = files.KIB, files.MIB
# The longest time between the start of the clients and the kill, and the end of the start and its.
LONGEST, LONGEST_START = 0.8, 0.05
# All downloads must be complete after this many seconds in which none ends.
LIMIT = 60
# What a call says when the daemon is gone.
GONE = (OSError, http.client.HTTPException, ValueError)
ALL = (0, 100_000, ["gid", "status"])


def add_arguments(parser):
    options.rounds(parser, 50, "how many kills")
    parser.add_argument("--downloads", type=options.positive, default=200, metavar="N",
                        help="how many downloads are added (default: %(default)s)")
    options.seed(parser, "the seed of the downloads and of the moments")
    options.haul(parser)
    options.origin(parser)
    options.work(parser)


@dataclass(frozen=True)
class Wish:
    """A download that a client adds, and the file that it has to become."""

    gid: str
    name: str
    url: str
    sha256: bytes
    is_paused: bool


def make_wishes(chance, origin, count):
    """Files of 1 byte to 1 MiB; most come so slowly that they are active when the daemon is killed."""
    wishes = []
    for number in range(count):
        size = chance.choice((1, 4 * KIB, chance.randrange(1, 256 * KIB), MIB))
        path = f"bytes/{size}?seed={number}"
        digest = hashlib.sha256(body(origin.url(path))).digest()
        path += "&ranges&etag=e" if number % 3 else ""
        path += f"&delay={chance.randrange(200)}ms&drip={chance.choice((8, 64))}K,20ms"
        gid = f"{chance.getrandbits(64) | 1:016x}"
        wishes.append(Wish(gid, f"{number % 4}/{number:04}.bin", origin.url(path), digest, chance.random() < 0.2))
    return wishes


class Ledger:
    """What clients were answered, and the calls that were not answered.

    `queue` and `active` are what the daemon had right after the last answered call of the client that moves, or at its start;
    `moved` is what that client called without an answer. Those that were added since, `added[listed:]`, follow behind `queue`.
    """

    def __init__(self, wishes):
        self.wishes = {wish.gid: wish for wish in wishes}
        self.waits = list(wishes)
        self.added, self.removed = [], set()
        self.settings = {}
        self.queue, self.active, self.listed, self.moved = [], [], 0, None
        # Calls without an answer: one of each kind at most.
        self.maybe_added = self.maybe_removed = self.maybe_set = None

    @property
    def alive(self):
        return [gid for gid in self.added if gid not in self.removed]


def add(client, ledger, chance):
    """Adds downloads at the end, as long as there are some."""
    while ledger.waits:
        wish = ledger.waits[0]
        ledger.maybe_added = wish.gid
        given = {"gid": wish.gid, "out": wish.name, "pause": str(wish.is_paused).lower()}
        client.call("addUri", [wish.url], given)
        ledger.waits.pop(0)
        ledger.added.append(wish.gid)
        ledger.maybe_added = None
        time.sleep(chance.random() * 0.1)


def arrange(client, ledger, chance):
    """Moves to the front or the end, pauses and resumes; each call also returns the queue, as it is then."""
    while True:
        gid = chance.choice(ledger.alive or [None])
        if gid is not None:
            call = chance.choice((
                ("changePosition", gid, 0, "POS_SET"), ("changePosition", gid, 0, "POS_END"), ("pause", gid), ("unpause", gid),
                ("unpause", gid)))
            ledger.moved, listed = gid, len(ledger.added)
            calls = [client.request(*each) for each in (call, ("tellWaiting", *ALL), ("tellActive", ["gid"]))]
            calls = [{"methodName": each["method"], "params": each["params"]} for each in calls]
            # The first may fail: a download that is over cannot be moved.
            _, (queue,), (active,) = client.call("system.multicall", calls)
            ledger.queue = [(each["gid"], each["status"]) for each in queue]
            ledger.active = [each["gid"] for each in active]
            ledger.listed, ledger.moved = listed, None
        time.sleep(chance.random() * 0.02)


def change(client, ledger, chance):
    """Changes an option of downloads, and removes some."""
    while True:
        gid = chance.choice(ledger.alive or [None])
        if gid is None or chance.random() < 0.03 and len(ledger.removed) * 10 < len(ledger.added):
            ledger.maybe_removed = gid
            if gid is not None and is_done(client, "remove", gid):
                ledger.removed.add(gid)
                ledger.settings.pop(gid, None)
            ledger.maybe_removed = None
        else:
            value = str(chance.randrange(1, 600))
            ledger.maybe_set = gid, value
            if is_done(client, "changeOption", gid, {"timeout": value}):
                ledger.settings[gid] = value
            ledger.maybe_set = None
        time.sleep(chance.random() * 0.05)


def is_done(client, *call):
    """Calls a method; returns whether it was carried out, which it is not for a download that is over."""
    try:
        client.call(*call)
        return True
    except RpcError:
        return False


def in_thread(work, daemon, ledger, chance, faults):
    """Lets a client work until the daemon is gone."""
    def until_gone():
        try:
            with daemon.client() as client:
                work(client, ledger, chance)
        except GONE:
            pass
        except Exception as error:  # what a client does not expect is wrong
            faults.append(f"{work.__name__}: {error!r}")

    thread = threading.Thread(target=until_gone)
    thread.start()
    return thread


def look(client, ledger):
    """What the daemon has lost, doubled or moved."""
    # Together, so that nothing happens in between.
    answers = client.many([("tellActive", ["gid"]), ("tellWaiting", *ALL), ("tellStopped", *ALL)])
    active, queue, stopped = (answer["result"] for answer in answers)
    active, queue = [each["gid"] for each in active], [(each["gid"], each["status"]) for each in queue]
    over = {each["gid"]: each["status"] for each in stopped}
    if ledger.maybe_added is not None and ledger.maybe_added in {*active, *dict(queue), *over}:
        ledger.added.append(ledger.maybe_added)
        ledger.waits.pop(0)
    there = [*active, *(gid for gid, _ in queue), *(each["gid"] for each in stopped)]
    if ledger.maybe_removed is not None and (
        ledger.maybe_removed not in there or over.get(ledger.maybe_removed) == "removed"
    ):
        ledger.removed.add(ledger.maybe_removed)
        ledger.settings.pop(ledger.maybe_removed, None)
    faults = [f"{gid} is there {there.count(gid)} times" for gid in set(there) if there.count(gid) > 1]
    faults += [f"{gid} was never added" for gid in set(there) - set(ledger.added)]
    faults += [f"{gid} is lost" for gid in ledger.alive if gid not in there]
    faults += [f"{gid} was removed, and is there" for gid in ledger.removed if gid in {*active, *dict(queue)}]
    faults += [f"{gid} is {status}" for gid, status in over.items() if status == "error"]
    faults += misplaced(ledger, active, queue, over)
    faults += changed(client, ledger)
    ledger.maybe_added = ledger.maybe_removed = ledger.maybe_set = ledger.moved = None
    ledger.queue, ledger.active, ledger.listed = queue, active, len(ledger.added)
    return faults


def misplaced(ledger, active, queue, over):
    """What is not where it was; what a call without an answer was about may be anywhere."""
    unclear = {ledger.moved, *ledger.removed}
    before = [each for each in ledger.queue if each[0] not in unclear]
    known = {gid for gid, _ in before} | set(ledger.active)
    # Those that were added since.
    before += [(gid, "paused" if ledger.wishes[gid].is_paused else "waiting")
               for gid in ledger.added[ledger.listed:]
               if gid not in known | unclear and gid in dict(queue) and gid not in dict(ledger.queue)]
    after = [gid for gid, _ in queue if gid not in unclear]
    stayed = [gid for gid, _ in before if gid in set(after)]
    faults = []
    now = [gid for gid in after if gid in set(stayed)]
    if stayed != now:
        at = next(at for at, (old, new) in enumerate(zip(stayed, now, strict=True)) if old != new)
        faults.append(f"from {at} on, the order is {now[at:at + 6]}, and was {stayed[at:at + 6]}")
    faults += [f"{gid} was active, and waits" for gid in ledger.active if gid in set(after)]
    faults += [f"{gid} had ended, and waits" for gid in ledger.added[:ledger.listed]
               if gid in set(after) and gid not in known]
    now = dict(queue)
    for gid, status in before:
        if status == "paused" and now.get(gid) != "paused" and gid not in unclear:
            faults.append(f"{gid} was paused, and is {now.get(gid) or ('active' if gid in active else over.get(gid))}")
    # What starts is the first that waits.
    ready = [gid in now for gid, status in before if status == "waiting"]
    if ready != sorted(ready):
        faults.append("a download has started before its turn")
    return faults


def changed(client, ledger):
    """Which options are not those that were set last."""
    unclear, value = ledger.maybe_set or (None, None)
    faults = []
    for gid, answer in zip(ledger.settings, client.many([("getOption", gid) for gid in ledger.settings])):
        found = answer["result"]["timeout"] if "result" in answer else None
        if gid == unclear and found == value:
            ledger.settings[gid] = value
        elif found != ledger.settings[gid]:
            faults.append(f"the option of {gid} is {found}, and was {ledger.settings[gid]}")
    return faults


class Files:
    """The folder of the downloads; files that have not changed since are not read again."""

    def __init__(self, out, wishes):
        self.out, self.known = out, {wish.name: wish.sha256 for wish in wishes}
        self.right = {}

    def look(self):
        """Returns what is wrong, and the names of the files that are right."""
        faults, names = [], set()
        for path in self.out.rglob("*"):
            name = str(path.relative_to(self.out))
            if path.is_dir() or name.startswith(".haul/"):
                continue
            about = path.stat()
            seen = about.st_ino, about.st_mtime_ns, about.st_size
            names.add(name)
            if name not in self.known:
                faults.append(f"{name} is no file of a download")
            elif self.right.get(name) != seen and files.sha256(path) != self.known[name]:
                faults.append(f"{name} holds other bytes")
            self.right[name] = seen
        return faults, names


def finish(daemon, ledger, out):
    """Adds what is left, lets everything complete, and returns what is wrong then."""
    with daemon.client() as client:
        if ledger.waits:
            add(client, ledger, random.Random(0))
        client.call("unpauseAll")

        def counts():
            stat = client.call("getGlobalStat")
            return int(stat["numActive"]) + int(stat["numWaiting"])

        left, changed_at = counts(), time.monotonic()
        while left and time.monotonic() < changed_at + LIMIT:
            time.sleep(0.1)
            if counts() < left:
                left, changed_at = counts(), time.monotonic()
        # They may start in any order now.
        ledger.queue, ledger.active, ledger.listed = [], [], len(ledger.added)
        faults = look(client, ledger)
        stopped = {each["gid"]: each["status"] for each in client.call("tellStopped", *ALL)}
        wrong, names = out.look()
        for gid in ledger.alive:
            if stopped.get(gid) != "complete":
                faults.append(f"{gid} is {stopped.get(gid)} in the end")
            elif ledger.wishes[gid].name not in names:
                faults.append(f"the file of {gid} is missing")
        client.call("shutdown")
    if daemon.ended() != 0:
        faults.append("it does not end by itself")
    return faults + wrong


def one_round(daemon, ledger, chance, out, secret):
    """Lets clients work, kills the daemon, starts it again, and looks at it; returns the moment, and what is wrong."""
    faults = []
    moment = LONGEST * chance.random() ** 1.5
    seeds = [random.Random(chance.getrandbits(64)) for _ in range(3)]
    threads = [in_thread(work, daemon, ledger, seed, faults) for work, seed in zip((add, arrange, change), seeds)]
    time.sleep(moment)
    daemon.kill()
    for thread in threads:
        thread.join()
    faults += out.look()[0]
    if chance.random() < 0.1:
        daemon.start_and_kill(LONGEST_START * chance.random())
    daemon.start()
    if daemon.secret != secret:
        faults.append("the secret has changed")
    with daemon.client() as client:
        faults += look(client, ledger)
        stat = client.call("getGlobalStat")
    counts = ", ".join(f"{stat[key]} {name}" for key, name in
                       (("numActive", "active"), ("numWaiting", "queued"), ("numStopped", "stopped")))
    return f"killed after {moment:.3f} s, {len(ledger.added)} added: {counts}", faults


def run(arguments):
    haul = built(arguments.haul, "--haul")
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    chance = random.Random(seed)
    bad = 0
    with files.work_folder(arguments.work, 512 * MIB) as folder, Origin(arguments.origin) as origin:
        wishes = make_wishes(chance, origin, arguments.downloads)
        ledger = Ledger(wishes)
        print(f"seed {seed}: {len(wishes)} downloads", flush=True)
        with Daemon(haul, folder) as daemon:
            out, secret = Files(daemon.out, wishes), daemon.secret
            for number in range(arguments.rounds):
                what, faults = one_round(daemon, ledger, chance, out, secret)
                print(f"{number + 1:4} of {arguments.rounds}  {what}, {report(faults)}", flush=True)
                bad += bool(faults)
            faults = finish(daemon, ledger, out)
            print(f"in the end {len(ledger.alive)} complete, {len(ledger.removed)} removed, {report(faults)}")
            bad += bool(faults)
    print(f"{arguments.rounds} kills, {bad} rounds with something wrong (--seed {seed})")
    return 1 if bad else 0


def report(faults):
    return "all right" if not faults else "\n      ".join([f"{len(faults)} WRONG", *faults])
