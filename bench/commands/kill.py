"""Kills haul with SIGKILL in the middle of a list, again and again.

After each kill, every final name must hold exactly its bytes; the same command, run again, must complete the
list without downloading again what was recorded. The exit status is 1 if anything is wrong.
"""

import hashlib
import json
import os
import random
import sqlite3
import stat
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.lib import files, measure, options
from bench.lib.errors import built
from bench.lib.origin import Origin, Signpost, body

KIB, MIB = files.KIB, files.MIB
# How many kills one destination takes before a run may end.
BATCH = 5
# So large is a file that comes slowly.
SLOW = 40 * MIB
# A run that takes longer than this hangs.
LIMIT = 120


def add_arguments(parser):
    options.rounds(parser, 50, "how many kills")
    options.seed(parser, "the seed of the list and of the moments")
    options.haul(parser)
    options.origin(parser)
    options.work(parser)


@dataclass(frozen=True)
class Row:
    """A line of the list, and what its file has to hold."""

    name: str
    url: str
    size: int
    sha256: bytes


def make_rows(chance, origin, signpost):
    """500 rows, mixed; every tenth is redirected, another tenth is cut the first time. Most of the larger ones can be gone on with, and
    the largest come slowly, so that they are split."""
    sizes = [chance.choice((0, 1, 4 * KIB, 64 * KIB, chance.randrange(256 * KIB))) for _ in range(470)]
    sizes += [chance.randrange(MIB, 4 * MIB) for _ in range(26)] + [SLOW] * 4
    chance.shuffle(sizes)
    rows = []
    for number, size in enumerate(sizes):
        path = f"bytes/{size}?seed={number}"
        content = body(origin.url(path))
        path += f"&delay={chance.randrange(80)}ms"
        if size == SLOW or size >= MIB and number % 5:
            path += f"&ranges&etag=e{number}"
        if size == SLOW:
            path += "&ranges&drip=256K,40ms"
        url = origin.url(path)
        if number % 10 == 3:
            url = signpost.to(number, url)
        elif number % 10 == 7 and size > 1:
            url = signpost.to(number, origin.url(f"{path}&close_at={chance.randrange(size)}"), url)
        name = f"{number % 4}/{number:03}.bin"
        rows.append(Row(name, url, size, hashlib.sha256(content).digest()))
    return rows


@dataclass
class Found:
    """What stands in a destination, outside of `.haul/`."""

    right: int = 0
    missing: int = 0
    faults: list = field(default_factory=list)


def look(out, rows):
    """Whether every final name holds the right bytes, and nothing else is there."""
    found = Found()
    known = {row.name: row for row in rows}
    folders = {str(Path(name).parent) for name in known}
    for folder, below, names in os.walk(out):
        place = Path(folder).relative_to(out)
        if place == Path() and ".haul" in below:
            below.remove(".haul")
        found.faults += [
            f"{place / name} is no folder of the list"
            for name in below if str(place / name) not in folders
        ]
        for name in names:
            row = known.pop(str(place / name), None)
            fault = "is no name of the list" if row is None else wrong(Path(folder) / name, row)
            if fault:
                found.faults.append(f"{place / name} {fault}")
            else:
                found.right += 1
    found.missing = len(known)
    return found


def wrong(path, row):
    """What is wrong with a file, if anything is."""
    about = path.lstat()
    if not stat.S_ISREG(about.st_mode):
        return "is no regular file"
    if about.st_size != row.size:
        return f"has {about.st_size} bytes of {row.size}"
    return None if files.sha256(path) == row.sha256 else "holds other bytes"


class Trial:
    """haul, its list, and the destination that is being spoiled."""

    def __init__(self, haul, rows, folder):
        self.haul = haul
        self.rows = rows
        self.folder = folder
        self.listing = folder / "list"
        self.listing.write_text("".join(f"{row.url}\tout={row.name}\n" for row in rows))
        self.out = folder / "out"
        self.results = folder / "results.jsonl"
        self.log = folder / "log"
        # Over all last runs: bytes that were not fetched again, and files that several requests
        # brought.
        self.resumed = 0
        self.split = 0

    def start(self):
        command = [self.haul, "-i", self.listing, "-d", self.out, "-j", "24", "-q", "--progress", "none",
                   "--min-split-size", "1M", "--results", self.results]
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env=measure.environment(self.folder),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    def kill(self, moment):
        """A run killed after `moment` seconds; None, or its status if it ended before."""
        run = self.start()
        try:
            run.wait(moment)
            return run.returncode
        except subprocess.TimeoutExpired:
            return None
        finally:
            run.kill()
            run.wait()

    def finish(self):
        """A run that may end; the seconds it took, what there is then, and what was wrong."""
        done, parts = recorded(self.out)
        start = time.monotonic()
        run = self.start()
        try:
            status = run.wait(LIMIT)
        except subprocess.TimeoutExpired:
            status = f"none after {LIMIT} s"
        finally:
            run.kill()
            run.wait()
        took = time.monotonic() - start
        found = look(self.out, self.rows)
        found.faults += self.fetched_again(done, parts)
        if found.missing:
            found.faults.append(f"{found.missing} files are missing")
        if status != 0:
            found.faults.append(f"exit status {status}")
            found.faults += self.log.read_text(errors="replace").strip().splitlines()[-5:]
        return took, found

    def fetched_again(self, done, parts):
        """What was fetched although it was recorded to be there."""
        faults = []
        for line in self.results.read_text().splitlines():
            row = json.loads(line)
            if row["row"] in done and (row["status"], row["attempts"]) != ("skipped", 0):
                faults.append(f"row {row['row']} was recorded as done, and is {row['status']}")
            # One that has its name by now is skipped.
            here = parts.get(row["url"], 0) if row["status"] == "done" else 0
            if row["resumed"] < here and row["restarted"] is None:
                faults.append(f"row {row['row']} was here with {here} bytes, and went on with {row['resumed']}")
            self.resumed += row["resumed"]
            self.split += row["segments"] > 1
        return faults

    def clear(self):
        files.remove(self.out)


def recorded(out):
    """What the state of a destination says: the rows that are done, and how many bytes are here of others' URLs."""
    database = out / ".haul/state.db"
    if not database.exists():
        return set(), {}
    state = sqlite3.connect(database)
    try:
        tables = {name for (name,) in state.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if not {"item", "part"} <= tables:
            # It was killed while it made them, before it recorded anything: the next run makes the
            # others.
            return set(), {}
        done = {row for (row,) in state.execute("SELECT row FROM item WHERE status = 'done'")}
        parts = {url: covered(pieces) for url, pieces in state.execute("SELECT url, pieces FROM part")}
        return done, parts
    finally:
        state.close()


def covered(pieces):
    """How many bytes a record of pieces stands for (CONTRIBUTING.md has its form)."""
    numbers = []
    number = shift = 0
    for byte in pieces[1:]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(number)
            number = shift = 0
    return sum(numbers[1::2])


def rounds(trial, chance, count, whole):
    """Kill `count` times: half into a destination of its own, half in batches; yields the faults."""
    kills = 0
    alone = True
    while kills < count:
        batch = 1 if alone else min(BATCH, count - kills)
        # Each run of a batch has less to do than the one before.
        longest = whole if alone else whole / 3
        for nth in range(batch):
            kills += 1
            # Rather early: towards its end a run mostly waits to repeat what was cut.
            moment = longest * chance.random() ** 1.5
            ended = trial.kill(moment)
            found = look(trial.out, trial.rows)
            if ended:
                found.faults.append(f"it had ended with status {ended} before")
            kind = "alone" if alone else f"{nth + 1} of {batch}"
            what = "ended before" if ended is not None else "killed after"
            line = f"{kills:4} of {count}  {kind:6}  {what} {moment:.3f} s  "
            line += f"{found.right:3} of {len(trial.rows)} there, {told(found)}"
            faults = found.faults
            if nth + 1 == batch:
                took, end = trial.finish()
                line += f"; last run {took:.2f} s, {end.right:3} there, {told(end)}"
                faults = faults + end.faults
                trial.clear()
            print(line, flush=True)
            yield ended is None, faults
        # As many of the one kind as of the other.
        alone = kills % (2 * BATCH) < BATCH


def told(found):
    return f"{len(found.faults)} WRONG" if found.faults else "all right"


def run(arguments):
    haul = built(arguments.haul, "--haul")
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    chance = random.Random(seed)
    kills = bad = 0
    with files.work_folder(arguments.work, 512 * MIB) as folder:
        with Origin(arguments.origin) as origin, Signpost() as signpost:
            rows = make_rows(chance, origin, signpost)
            trial = Trial(haul, rows, folder)
            whole, found = trial.finish()
            total = sum(row.size for row in rows) / MIB
            print(f"seed {seed}: {len(rows)} rows, {total:.0f} MiB; undisturbed {whole:.2f} s, {told(found)}")
            trial.clear()
            faults = found.faults
            report(faults)
            for killed, wrongs in rounds(trial, chance, arguments.rounds, whole):
                kills += killed
                bad += bool(wrongs)
                faults = faults or wrongs
                report(wrongs)
    print(f"{trial.resumed / MIB:.0f} MiB were not fetched again, {trial.split} files were split in the last runs")
    print(f"{kills} kills in {arguments.rounds} rounds, {bad} rounds with something wrong (--seed {seed})")
    return 1 if faults else 0


def report(faults):
    for fault in faults:
        print(f"      {fault}", flush=True)
