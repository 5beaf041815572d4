"""A daemon and its page in a browser, for `bench page`: what somebody does there, and what is seen."""

import json
import subprocess
import urllib.error
import urllib.request

from bench.lib import measure, process
from bench.lib.browser import KEYS
from bench.lib.errors import BenchError
from bench.lib.server import HOST, free_ports

SECRET = "a secret of the bench"


class Daemon:
    """`with Daemon(haul, folder, proxy) as daemon:` runs `haul serve`; it may be ended and started again.

    All it downloads comes through the proxy, which answers for any host.
    """

    def __init__(self, haul, folder, proxy):
        self.haul, self.folder, self.proxy = haul, folder, proxy
        (self.port,) = free_ports(1)
        self.base = f"http://{HOST}:{self.port}"
        self.process = None
        (folder / "files").mkdir(parents=True)
        (folder / "secret").write_text(SECRET)
        (folder / "secret").chmod(0o600)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process:
            self.end()

    def start(self):
        command = [self.haul, "serve", "--listen", f"{HOST}:{self.port}", "-d", "files", "--state", "state", "--secret-file", "secret"]
        with open(self.folder / "daemon.log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=measure.environment(self.folder) | {"http_proxy": self.proxy},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not process.wait_until(self.is_there, 20):
            raise BenchError(f"the daemon did not start: {(self.folder / 'daemon.log').read_text()[-2000:]}")

    def end(self):
        process.stop(self.process)
        self.process = None

    def is_there(self):
        try:
            return bool(self.get("/status"))
        except (OSError, urllib.error.URLError):
            return False

    def get(self, path):
        return self.call("GET", path, None)

    def call(self, method, path, body):
        """Returns the JSON of an answer of the API."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.base}/api/v1{path}", data=data, method=method, headers=headers)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def run(self, name):
        """Returns the run with this name."""
        found = [run for run in self.get("/runs?limit=1000")["runs"] if run["name"] == name]
        return found[0] if found else None


# All rows of a table that are drawn, each as a text with one space between its parts.
ROWS = """
return [...document.querySelectorAll(`#${arguments[0]} .grid-body > .row:not(.is-loading)`)]
  .map((row) => [Number(row.getAttribute("aria-rowindex")), row.innerText.replace(/\\s+/g, " ")])
  .sort((one, other) => one[0] - other[0]).map(([, text]) => text);
"""
# Presses the first button or label with this text or name within a place.
CLICK = """
const [place, name] = arguments;
const within = document.querySelector(place);
const all = within ? [...within.querySelectorAll("button, summary")] : [];
const named = (element) => [element.getAttribute("aria-label"), element.textContent.trim().replace(/\\s+/g, " ")];
const found = all.find((element) => named(element).includes(name)) || all.find((element) => named(element).some((each) => (each || "").startsWith(name)));
if (!found) return false;
found.click();
return true;
"""
FILL = """
const field = document.getElementById(arguments[0]);
if (!field) return false;
field.focus();
field.value = arguments[1];
field.dispatchEvent(new Event("input", { bubbles: true }));
return true;
"""
CHOOSE = """
const field = document.getElementById(arguments[0]);
if (!field) return false;
field.value = arguments[1];
field.dispatchEvent(new Event("change", { bubbles: true }));
return true;
"""
TEXT = "const found = document.querySelector(arguments[0]); return found ? found.innerText : null"
ATTRIBUTE = "const found = document.querySelector(arguments[0]); return found ? found.getAttribute(arguments[1]) : null"
CLICK_AT = "const found = document.querySelector(arguments[0]); if (found) found.click(); return Boolean(found)"
FOCUS = "const found = document.getElementById(arguments[0]); if (found) found.focus(); return Boolean(found)"


class Page:
    """What somebody does on the page."""

    def __init__(self, browser):
        self.browser = browser

    def text(self, place="body"):
        return self.browser.run(TEXT, place)

    def attribute(self, place, name):
        """Returns an attribute of the first element at a place; None if nothing is there yet, or it has none."""
        return self.browser.run(ATTRIBUTE, place, name)

    def wait_for(self, what, is_true, seconds=20):
        answer = process.wait_until(is_true, seconds)
        if not answer:
            raise BenchError(f"the page never showed {what}: {(self.text() or '')[:1500]!r}")
        return answer

    def wait_for_text(self, text, place="body", seconds=20):
        self.wait_for(f"{text!r} in {place}", lambda: text in (self.text(place) or ""), seconds)

    def click(self, name, place="body"):
        self.wait_for(f"a button {name!r} in {place}", lambda: self.browser.run(CLICK, place, name), 10)

    def click_at(self, place):
        """Presses the first element at a place, a CSS selector."""
        self.wait_for(f"an element at {place!r}", lambda: self.browser.run(CLICK_AT, place), 10)

    def fill(self, field, text):
        self.wait_for(f"the field {field!r}", lambda: self.browser.run(FILL, field, text), 10)

    def choose(self, field, value):
        """Takes one of the choices of a field."""
        self.wait_for(f"the field {field!r}", lambda: self.browser.run(CHOOSE, field, value), 10)

    def focused(self):
        """Returns the id of the element that has the focus."""
        return self.browser.run("return document.activeElement.id")

    def rows(self, table="runs"):
        return self.browser.run(ROWS, table)

    def row(self, name, table="runs"):
        """Returns the text of the row that begins with a name; an empty one if there is none."""
        return next((row for row in self.rows(table) if row.startswith(name)), "")

    def open_row(self, name, table="runs"):
        script = """
        const row = [...document.querySelectorAll(`#${arguments[0]} .grid-body > .row`)].find((row) => row.innerText.trim().startsWith(arguments[1]));
        if (row) row.click();
        return Boolean(row);
        """
        self.wait_for(f"a row {name!r}", lambda: self.browser.run(script, table, name), 10)

    def focus(self, element):
        self.wait_for(f"the element {element!r}", lambda: self.browser.run(FOCUS, element), 10)

    def press(self, *names):
        self.browser.press(*(KEYS.get(name, name) for name in names))

    def two_frames(self):
        self.browser.run_later("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))")
