"""Lets several haul processes download into one folder at once.

A quarter of the 400 URLs are wanted by two processes, and in every fourth round one process is killed. The
exit status is 1 if a file is wrong or missing, or something is left in .haul/.
"""

import random
import subprocess
import time

from bench.lib import files, measure, options
from bench.lib.errors import built
from bench.lib.origin import Origin, body

KIB = files.KIB
URLS, PROCESSES = 400, 4
LIMIT = 120


def add_arguments(parser):
    options.rounds(parser, 20)
    options.seed(parser, "the seed of the lists and of the moments")
    options.haul(parser)
    options.origin(parser)


class Trial:
    """haul, the files there are, and a folder for all."""

    def __init__(self, haul, origin, folder, chance):
        self.haul = haul
        self.folder = folder
        self.out = folder / "out"
        sizes = [chance.choice((0, 10, 4 * KIB, 70 * KIB, 600 * KIB)) for _ in range(URLS * 3 // 4)]
        self.urls = [origin.url(f"bytes/{size}/f{number}?seed={number}&etag=e{number}&ranges&delay={chance.randrange(20)}ms")
                     for number, size in enumerate(sizes)]
        self.right = {f"f{number}": body(url) for number, url in enumerate(self.urls)}
        # What becomes of a file that another process has saved meanwhile.
        asked = subprocess.run([haul, "--help"], capture_output=True, text=True, check=True).stdout
        self.has_auto = "- auto" in asked.split("--exists <", 1)[1].split("\n      --", 1)[0]

    def shares(self, chance):
        """What each process downloads: 400 URLs in all, of which a quarter are those of another process too."""
        urls = self.urls + chance.sample(self.urls, URLS - len(self.urls))
        chance.shuffle(urls)
        shares = [list(dict.fromkeys(urls[nth::PROCESSES])) for nth in range(PROCESSES)]
        return shares

    def start(self, urls):
        command = [self.haul, "-q", "--progress", "none", "-d", self.out, "-j", "16", *urls]
        return subprocess.Popen(
            command, cwd=self.folder, env=measure.environment(self.folder), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )

    def wait(self, run):
        """What is wrong with how a process ended."""
        try:
            _, said = run.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate()
            return [f"it did not end within {LIMIT} s"]
        said = said.decode(errors="replace").splitlines()
        # Without a policy that compares, whoever comes second at a name says so and goes on.
        others = [line for line in said if "appeared while it was being fetched" not in line]
        if run.returncode == 0 or run.returncode == 1 and not self.has_auto and not others:
            return []
        return [f"exit status {run.returncode}", *others[:5]]

    def look(self):
        """What is wrong with what is there."""
        faults = []
        if (self.out / ".haul").exists():
            left = [str(path.relative_to(self.out)) for path in self.out.glob(".haul/**/*")]
            faults.append(f".haul is left: {left[:10]}")
        found = {path.name: path for path in self.out.iterdir() if path.name != ".haul"}
        for name, right in self.right.items():
            path = found.pop(name, None)
            if path is None:
                faults.append(f"{name} is missing")
            elif path.read_bytes() != right:
                faults.append(f"{name} holds other bytes")
        return faults + [f"{name} is no name of theirs" for name in found]

    def together(self, chance):
        """All processes at once."""
        runs = [self.start(urls) for urls in self.shares(chance)]
        faults = [fault for run in runs for fault in self.wait(run)]
        return faults + self.look()

    def killed(self, chance):
        """One of them is killed, and run again with the others."""
        shares = self.shares(chance)
        runs = [self.start(urls) for urls in shares]
        time.sleep(chance.random() * 0.5)
        runs[0].kill()
        runs[0].communicate()
        runs[0] = self.start(shares[0])
        faults = [fault for run in runs for fault in self.wait(run)]
        # What a killed process has left is removed by whoever asks for the same, or by the next
        # that ends.
        return faults + self.wait(self.start(shares[0])) + self.look()


def run(arguments):
    haul = built(arguments.haul, "--haul")
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    chance = random.Random(seed)
    bad = 0
    with files.work_folder(None, 256 * files.MIB) as folder, Origin(arguments.origin) as origin:
        trial = Trial(haul, origin, folder, chance)
        for nth in range(arguments.rounds):
            kind = "killed" if nth % 4 == 3 else "together"
            start = time.monotonic()
            faults = getattr(trial, kind)(chance)
            bad += bool(faults)
            took = time.monotonic() - start
            print(f"{nth + 1:3} of {arguments.rounds}  {kind:8}  {took:.2f} s, {len(faults) or 'nothing'} wrong", flush=True)
            for fault in faults[:20]:
                print(f"      {fault}", flush=True)
            files.remove(trial.out)
    print(f"{arguments.rounds} rounds of {PROCESSES} processes, {bad} with something wrong (--seed {seed})")
    return 1 if bad else 0
