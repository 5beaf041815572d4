"""Opens reports in a browser: of 20,000 items, of which 1,000 fail, and of three items.

Chromium renders the pages of `--report` and of `haul report`, in light and dark, 400 pixels wide and printed. The exit
status is 1 if the console has errors, if a chart or a table is missing, or if a number on the page is not that of the
results file.
"""

import collections
import json
import random
import subprocess
import time

from bench.lib import files, measure, options, process
from bench.lib.browser import Browser
from bench.lib.errors import BenchError, built
from bench.lib.origin import Origin

# A page may have this many bytes, with any number of items.
MOST_BYTES = 400_000
HOSTS = ("images", "video", "archive", "mirror", "docs")
# Hosts of which every response is broken: haul gives them up, and goes on with the others.
BROKEN_HOSTS = ("resets", "cut", "legacy")
# How one item in twenty fails: at which host, and what is asked there. `None` stands for any of
# HOSTS.
FAILURES = {
    "http": (None, "bytes/1K/{name}?status=404"),
    "redirect": (None, "bytes/1K/{name}?status=302"),
    # Larger than --max-size.
    "refused": (None, "bytes/300K/{name}"),
    "reset": ("resets", "bytes/64K/{name}?reset"),
    "incomplete": ("cut", "bytes/64K/{name}?close_at=1K"),
    "protocol": ("legacy", "bytes/1K/{name}?raw=nonsense%0D%0A%0D%0A"),
    "connect": ("", "http://127.0.0.1:1/{name}"),
    "input": ("", "no URL at all: {name}"),
}
# Of a screenshot, from the top.
MOST_PIXELS = 8000
COUNTS = ("rows", "done", "skipped", "unchanged", "failed")


def add_arguments(parser):
    options.haul(parser)
    options.origin(parser)
    parser.add_argument("--items", type=options.positive, default=20_000, metavar="N",
                        help="items of the longer run (default: %(default)s)")
    parser.add_argument("--keep", type=options.absolute, metavar="DIR",
                        help="keep the pages, and screenshots of them, in this folder")


class Trial:
    """haul, an origin under several names, and the folder of a run."""

    def __init__(self, haul, origin, folder, name):
        self.haul, self.origin, self.name = haul, origin, name
        self.folder = folder / name
        self.folder.mkdir()
        self.port = origin.base.rstrip("/").rsplit(":", 1)[1]

    def url(self, host, path):
        return f"http://{host}.example.org:{self.port}/{path}"

    def list_of(self, count, failing):
        """Lines of a list, of which one in twenty fails if `failing`."""
        chance = random.Random(7)
        kinds = list(FAILURES.values())
        for nth in range(count):
            name = f"{nth:06}.jpg"
            if failing and nth % 20 == 7:
                host, wrong = kinds[nth // 20 % len(kinds)]
                wrong = wrong.format(name=name)
                yield wrong if host == "" else self.url(host or chance.choice(HOSTS), wrong)
            else:
                size, delay = int(2 ** chance.uniform(8, 17)), int(2 ** chance.uniform(0, 6))
                host, = chance.choices(HOSTS, (8, 5, 3, 2, 1))
                yield self.url(host, f"bytes/{size}/{name}?delay={delay}ms")

    def run(self, count, failing):
        """Downloads a list, and writes both pages. Returns what is in the results file."""
        lines = list(self.list_of(count, failing))
        (self.folder / "urls.txt").write_text("".join(f"{line}\n" for line in lines))
        resolve = [word for host in (*HOSTS, *BROKEN_HOSTS) for word in ("--resolve", f"{host}.example.org:{self.port}:127.0.0.1")]
        command = [self.haul, "-q", "--progress", "none", "-d", "files", "-i", "urls.txt", "--results", "results.jsonl",
                   "--report", "report.html", "--retries", "0", "--retry-max-time", "2", "--max-size", "200K", "-u", "user:hunter2", *resolve]
        self.call(command, 1 if failing else 0)
        self.call([self.haul, "report", "files", "-o", "recorded.html"], 0)
        return [json.loads(line) for line in (self.folder / "results.jsonl").read_text().splitlines()]

    def call(self, command, status):
        ended = subprocess.run(command, cwd=self.folder, env=measure.environment(self.folder), stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=600, check=False)
        if ended.returncode != status:
            raise BenchError(f"haul ended with {ended.returncode}: {ended.stderr[-2000:]}")


def expected_numbers(rows):
    """The numbers that the page of these rows has to show."""
    statuses = collections.Counter(row["status"] for row in rows)
    kinds = collections.Counter(row["error"]["kind"] for row in rows if row["error"])
    numbers = {name: statuses.get(name, 0) for name in COUNTS if name != "rows"}
    return numbers | {"rows": len(rows), "size": sum(row["bytes"] for row in rows), "kinds": dict(kinds)}


# What a page shows: its numbers, how many charts have been drawn, and what stands out of it.
LOOK = """
const value = (id) => Number(document.getElementById(id).dataset.value);
const numbers = Object.fromEntries(arguments[0].map((id) => [id, value(id)]));
const kinds = [...document.querySelectorAll("[data-kind]")];
numbers.kinds = Object.fromEntries(kinds.map((cell) => [cell.dataset.kind, Number(cell.dataset.value)]));
return {
  numbers,
  ready: document.documentElement.dataset.ready,
  charts: document.querySelectorAll(".chart canvas").length,
  rows: document.querySelectorAll("#failures tbody tr").length,
  said: document.getElementById("said") ? document.getElementById("said").textContent : "",
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
};
"""
SAID = "return document.getElementById('said').textContent"
SEARCH = """
const field = document.getElementById("search");
field.value = arguments[0];
field.dispatchEvent(new Event("input"));
const body = document.getElementById("failures").tBodies[0];
return [document.getElementById("said").textContent, [...body.rows].map((row) => row.cells[1].textContent)];
"""


def look_at(browser, page, expected):
    """What is wrong with a page."""
    faults = []
    text = page.read_text()
    if len(text.encode()) > MOST_BYTES:
        faults.append(f"it has {len(text.encode())} bytes")
    if "hunter2" in text:
        faults.append("it has the password")
    browser.set_width(1280)
    browser.set_media("light")
    browser.open(page)
    seen = browser.run(LOOK, [*COUNTS, "size"])
    if seen["numbers"] != expected:
        faults.append(f"it says {seen['numbers']}, and the results {expected}")
    if seen["ready"] != "yes":
        faults.append("its script did not come to its end")
    # A run of three items is too short for charts over time.
    if seen["charts"] < (7 if expected["failed"] else 3):
        faults.append(f"it has {seen['charts']} charts")
    if expected["failed"] and seen["rows"] != min(expected["failed"], 20):
        faults.append(f"it lists {seen['rows']} failures")
    if expected["failed"]:
        faults += search_in(browser, expected) + copy_from(browser, expected)
    for width in (400, 1280):
        browser.set_width(width)
        # Charts follow in the next frame.
        if not process.wait_until(lambda: browser.run(LOOK, [])["wide"] <= 0, 5):
            faults.append(f"it is {browser.run(LOOK, [])['wide']} pixels wider than {width}")
    faults += [f"console: {level} {text}" for level, text in browser.log() if level != "DEBUG"]
    return faults


def copy_from(browser, expected):
    """What is wrong with the button that copies the URLs of what failed."""
    browser.run("document.getElementById('copy').click()")
    said = process.wait_until(lambda: browser.run(SAID) if "opied" in browser.run(SAID) else "", 5)
    wanted = f"Copied {expected['failed']:,} URLs."
    return [] if said == wanted else [f"the button to copy says {said!r} instead of {wanted!r}"]


def search_in(browser, expected):
    """What is wrong with the search: it finds one kind of failures, and one of them by its name."""
    kind = "http"
    said, urls = browser.run(SEARCH, f"{kind} status=404")
    count = expected["kinds"][kind]
    faults = []
    if not said.startswith(f"{count} item"):
        faults.append(f"the search for {kind} says {said!r} of {count}")
    if not urls or any("status=404" not in url for url in urls):
        faults.append(f"the search for {kind} shows {urls[:3]}")
    browser.run(SEARCH, "")
    return faults


def without_scripts(browser, page, expected):
    """What is wrong with a page where scripts are turned off."""
    browser.set_scripts(False)
    try:
        browser.open(page)
        # The function of WebDriver itself still runs.
        seen = browser.run("return document.body.innerText")
    finally:
        browser.set_scripts(True)
    missing = [name for name in (f"{expected['rows']:,}", f"{expected['done']:,}", *expected["kinds"]) if name not in seen]
    return [f"without scripts it lacks {', '.join(missing)}"] if missing else []


def shoot(browser, page, folder, name):
    """Saves how a page looks."""
    browser.open(page)
    for scheme in ("light", "dark"):
        for width in (1280, 400):
            browser.set_width(width)
            browser.set_media(scheme)
            browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            browser.screenshot(folder / f"{name}-{scheme}-{width}.png", MOST_PIXELS)
    browser.set_width(794)
    browser.set_media("light", "print")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    browser.screenshot(folder / f"{name}-print.png", MOST_PIXELS)


def run(arguments):
    haul = built(arguments.haul, "--haul")
    bad = 0
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    with files.work_folder(None, 3 * files.GIB) as folder, Origin(arguments.origin) as origin, \
            Browser(folder / "browser") as browser:
        for count, failing in ((arguments.items, True), (3, False)):
            trial = Trial(haul, origin, folder, f"{count}-items")
            start = time.monotonic()
            expected = expected_numbers(trial.run(count, failing))
            took = time.monotonic() - start
            if failing and len(expected["kinds"]) != len(FAILURES):
                raise BenchError(f"the run failed in other ways: {expected['kinds']}")
            for name in ("report.html", "recorded.html"):
                page = trial.folder / name
                faults = look_at(browser, page, expected) + without_scripts(browser, page, expected)
                bad += bool(faults)
                print(f"{count} items, {name}: {page.stat().st_size} bytes, {len(faults) or 'nothing'} wrong", flush=True)
                for fault in faults:
                    print(f"      {fault}", flush=True)
                if arguments.keep:
                    kept = arguments.keep / f"{count}-{name}"
                    kept.write_bytes(page.read_bytes())
                    shoot(browser, kept, arguments.keep, kept.stem)
            print(f"{count} items took {took:.1f} s", flush=True)
    return 1 if bad else 0
