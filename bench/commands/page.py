"""Works with the daemon's page in a browser: adds, watches, pauses, removes, restarts the daemon, scrolls.

The exit status is 1 if the page shows something else than the daemon has, if the console has errors, if the policy of
the page (CSP) was broken, if axe-core finds a fault, or if a list of 10,000 items stutters.
"""

import time
from urllib.parse import quote

from bench.lib import axe, files, options
from bench.lib.browser import Browser
from bench.lib.daemon_page import SECRET, Daemon, Page
from bench.lib.errors import BenchError, built
from bench.lib.origin import Origin

# Of a frame of a list that is scrolled by hundreds of rows each time: of the main thread, which
# shows whether the page does too much, and as it is seen, where the machine may be busy and lack a
# graphics card.
MOST_MS_OF_CPU = 25
MOST_MS_OF_A_FRAME = 100
MOST_ROWS_DRAWN = 80
# A browser opens six connections for each host.
TABS = 8
WIDE, PHONE = (1280, 800), (400, 850)
# The name of a run and of a file that would be a picture and a script if they were HTML.
HOSTILE = "<img src=x onerror=alert(1)>&amp;"


LIMITS = ".limits-button"


def add_arguments(parser):
    options.haul(parser)
    options.origin(parser)
    parser.add_argument("--items", type=options.positive, default=10_000, metavar="N",
                        help="items of the long list (default: %(default)s)")
    parser.add_argument("--keep", type=options.absolute, metavar="DIR", help="keep screenshots in this folder")


def url(host, path):
    """Returns a URL of a host that the origin answers for, as a proxy."""
    return f"http://{host}.example.org/{path}"


class Trial:
    """All that the steps need, and what they found."""

    def __init__(self, daemon, browser, keep):
        self.daemon, self.browser, self.keep = daemon, browser, keep
        self.page = Page(browser)
        self.faults = []

    def expect(self, what, is_right):
        if not is_right:
            self.faults.append(what)

    def look(self, name):
        """Looks for faults of what is shown, in light and dark, wide and on a phone, and takes pictures of it."""
        for width, height in (WIDE, PHONE):
            self.browser.set_width(width, height)
            for scheme in ("light", "dark"):
                self.browser.set_media(scheme)
                self.page.two_frames()
                time.sleep(0.3)  # Transitions and canvases.
                self.faults += [f"axe: {name}, {scheme}, {width}: {fault}" for fault in axe.faults(self.browser)]
                wide = self.browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                self.expect(f"{name}: {wide} pixels wider than {width}", wide <= 0)
                if self.keep:
                    self.browser.screenshot(self.keep / f"{name}-{scheme}-{width}.png", height)
        self.browser.set_width(*WIDE)
        self.browser.set_media("light")
        self.page.two_frames()

    def console(self, *expected):
        """Notes what the console says and nobody expects."""
        for level, text in self.browser.log():
            if level != "DEBUG" and not any(each in text for each in expected):
                self.faults.append(f"console: {level} {text}")


def modules(trial):
    """The pure modules of the page, one by one."""
    trial.browser.visit(trial.daemon.base)
    trial.page.wait_for_text("Sign in")
    trial.faults += trial.browser.run_later(MODULES)


MODULES = """
const done = arguments[0];
const faults = [];
const same = (what, found, wanted) => {
  const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (one !== other) faults.push(`${what} is ${one} instead of ${other}`);
};
const load = (name) => import(`/page/js/${name}.js`);
Promise.all(["events", "format", "window", "options", "progress", "paged-list", "list-name"].map(load)).then(async ([events, format, window_, options, progress, paged, names]) => {
  const stream = "event: a\\r\\ndata: 1\\r\\n\\r\\n: silence\\n\\ndata: 2\\ndata:3\\n\\nevent: c\\rdata: 4\\r\\r";
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const got = [];
    const parse = events.eventParser((name, data) => got.push([name, data]));
    parse(stream.slice(0, cut));
    parse(stream.slice(cut) + "\\n");
    same(`a stream cut at ${cut}`, got, [["a", "1"], ["message", "2\\n3"], ["c", "4"]]);
  }
  same("delays", [0, 1, 2, 3, 4, 9].map(events.delayOf), [500, 1000, 2000, 4000, 5000, 5000]);
  same("sizes", [0, 999, 1000, 1536, 1048576, 5e12].map(format.size), ["0 B", "999 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "4.5 TiB"]);
  same("no size", [format.size(null), format.rate(0)], ["–", "–"]);
  same("durations", [0, 59.4, 60, 3599, 3600, 90061, null, Infinity].map(format.duration), ["0 s", "59 s", "1:00", "59:59", "1:00:00", "1 d 1:01", "–", "–"]);
  same("rates", ["", "500K", "2m", "1.5 MiB/s", "17", "x", "-1"].map(format.parseRate), [0, 512000, 2097152, 1572864, 17, null, null]);
  same("rates to edit", [0, 512000, 2097152, 17].map(format.rateToEdit), ["", "500K", "2M", "17"]);
  same("percent", [format.percent(999, 1000), format.percent(0, 0), format.percent(5, 5)], ["99%", "", "100%"]);
  same("options", options.parseOptions("--retries 3\\nlimit-rate=2M\\n\\nrobots\\nchecksum sha-256=ab\\nx false"),
    { retries: 3, "limit-rate": "2M", robots: true, checksum: "sha-256=ab", x: false });
  same("names of lists", ["http://h/a%20b.iso?x=/y", "# c\\nhttp://h/\\n\\nHTTPS://h/b\\tout=c", "url,name\\nhttp://h/a,b", ""].map(names.nameOfList),
    [{ file: "a b.iso", others: 0 }, { file: "h", others: 1 }, null, null]);
  const run = (items, more) => ({ state: "active", bytes: 0, size: null, items: { total: 4, done: 0, skipped: 0, failed: 0, ...items }, ...more });
  same("progress", progress.progressOf(run({ done: 1, skipped: 1, failed: 1 })), { good: 0.5, bad: 0.25 });
  same("progress of an unknown length", progress.progressOf(run({ total: null })), null);
  same("progress of one file", progress.progressOf(run({ total: 1 }, { bytes: 5, size: 10 })), { good: 0.5, bad: 0 });
  for (const count of [1, 9, 10000, 3000000]) {
    const view = { viewport: 400, count, rowHeight: 46 };
    for (const index of [0, Math.floor(count / 2), count - 1]) {
      for (const scrollTop of [0, 1e9]) {
        const to = window_.scrollTopFor(index, { ...view, scrollTop });
        const { first, last, top } = window_.visibleRows({ ...view, scrollTop: to });
        const place = top + (index - first) * 46 - Math.min(to, Math.max(0, window_.heightOf(count, 46) - 400));
        if (first > index || last < index || place < -1 || place + 46 > 401) faults.push(`row ${index} of ${count} is not visible: ${first} to ${last}, at ${place}`);
        if (last - first > 30) faults.push(`${last - first} rows are drawn`);
      }
    }
    if (window_.heightOf(count, 46) > 8000000) faults.push("the list is too high for a browser");
  }
  // A list that changes its question while it waits for an answer.
  const waiting = [];
  const list = new paged.PagedList(() => new Promise((give) => waiting.push(give)), (error) => faults.push(String(error)));
  const asked = list.refresh();
  list.restart(async () => ({ total: 1, rows: [{ id: "new" }] }));
  waiting[0]({ total: 9, rows: [{ id: "old" }] });
  await asked;
  same("a late answer", [list.total, list.row(0)], [1, { id: "new" }]);
}).then(() => done(faults), (error) => done([...faults, String(error)]));
"""


def signs_in(trial):
    """The form: a wrong secret is refused with a reason, the right one is not kept in the address."""
    page = trial.page
    trial.look("sign-in")
    page.fill("secret", "a wrong one")
    page.click("Sign in")
    page.wait_for_text("does not accept this secret")
    trial.console("401")
    page.fill("secret", SECRET)
    page.click("Sign in")
    page.wait_for_text("No downloads yet")
    trial.look("empty")
    page.click("Sign out")
    page.wait_for_text("Sign in")
    trial.browser.visit(trial.daemon.base + "/?again#secret=" + SECRET.replace(" ", "%20"))
    page.wait_for_text("No downloads yet")
    address = trial.browser.run("return location.href")
    trial.expect(f"the secret stands in the address {address}", "secret" not in address)


def adds_and_watches(trial):
    """A list of 200, of which ten fail: progress, reasons, pause, resume, a reload."""
    page = trial.page
    lines = [url("images", f"bytes/64K/photo-{nth:03}.jpg?delay=150ms") for nth in range(190)]
    lines += [url("images", f"bytes/1K/gone-{nth}.jpg?status=404") for nth in range(10)]
    page.click("Add", ".toolbar")
    page.fill("add-list", "no URL at all")
    page.click("Add", "#add .dialog-actions")
    time.sleep(0.5)
    trial.look("add")
    refused = page.text("#add") is not None
    trial.console("422", "400")
    if not refused:
        # A list with a wrong row is a run that fails, and says why.
        page.wait_for_text("Failed", "#runs")
        page.click("Add", ".toolbar")
    page.fill("add-list", "\n".join(lines))
    page.fill("add-name", "photos")
    page.fill("add-options", "limit-rate 1M\n--retries=0")
    page.wait_for_text("200 lines", "#add")
    page.click("Add", "#add .dialog-actions")
    page.wait_for("the run", lambda: "of 200 files" in page.row("photos"))
    seen = page.wait_for("its progress", lambda: moving(page, "photos"))
    trial.expect(f"the run shows {seen!r}", "%" in seen)
    page.wait_for_text("photo-", "#items")
    page.wait_for("a host", lambda: "images.example.org" in (page.text(".hosts") or ""), 10)
    trial.look("run")
    page.click("Pause", ".details")
    page.wait_for("the pause", lambda: "Paused" in page.row("photos"))
    trial.expect("the daemon does not say that it is paused", trial.daemon.run("photos")["state"] == "paused")
    trial.browser.reload()
    page.wait_for("the paused run after a reload", lambda: "Paused" in page.row("photos"))
    page.wait_for_text("photos", ".details")
    page.click("Resume", ".details")
    page.wait_for("the end of the run", lambda: "10 failed" in page.row("photos") and "Active" not in page.row("photos"), 60)
    run = trial.daemon.run("photos")
    trial.expect(f"the daemon says {run['items']}", run["items"]["done"] + run["items"]["skipped"] == 190 and run["items"]["failed"] == 10)


def moving(page, name):
    row = page.row(name)
    return row if " of 200 files" in row and " 0 of 200" not in row and "Active" in row else ""


GIVE = """
const [kind, text, name] = arguments;
const transfer = new DataTransfer();
if (name) transfer.items.add(new File([text], name, { type: "text/plain" }));
else transfer.setData("text/plain", text);
const options = { bubbles: true, cancelable: true };
const event = kind === "paste" ? new ClipboardEvent(kind, { ...options, clipboardData: transfer }) : new DragEvent(kind, { ...options, dataTransfer: transfer });
document.body.dispatchEvent(event);
"""


def pastes_and_drops(trial):
    """URLs that are pasted, and lists that are dropped: also into the open dialog."""
    page = trial.page
    trial.browser.run(GIVE, "paste", url("images", "bytes/1K/pasted.jpg"))
    page.wait_for_text("1 line", "#add")
    trial.browser.run(GIVE, "dragover", "", "urls.txt")
    page.wait_for_text("Drop URLs", ".drop")
    trial.browser.run(GIVE, "drop", url("images", "bytes/1K/dropped.jpg") + "\n", "urls.txt")
    page.wait_for_text("urls.txt", "#add .files")
    page.fill("add-name", "pasted")
    trial.look("files")
    page.click("Add", "#add .dialog-actions")
    for name in ("pasted", "urls.txt"):
        page.wait_for(f"the end of {name}", lambda name=name: "Done" in page.row(name))
        trial.expect(f"the daemon has no run {name}", (trial.daemon.run(name) or {}).get("state") == "done")
    page.open_row("photos")


def failures(trial):
    """What failed, why, and another attempt at it."""
    page = trial.page
    page.click("Failed", ".items-tools")
    page.wait_for("ten failures", lambda: len(page.rows("items")) == 10)
    trial.expect("the failures have no reason", all("404" in row for row in page.rows("items")))
    page.open_row("gone-3.jpg", "items")
    page.wait_for_text("status=404", ".opened")
    trial.look("failures")
    page.fill("search-items", "gone-7")
    page.wait_for("what was searched", lambda: len(page.rows("items")) == 1)
    page.fill("search-items", "")
    page.wait_for("all failures", lambda: len(page.rows("items")) == 10)
    page.click("Retry failed", ".details")
    page.wait_for("the end of the other attempt", lambda: trial.daemon.run("photos")["state"] in ("failed", "done"), 30)
    page.wait_for("ten failures again", lambda: "10 failed" in page.row("photos"), 30)
    saved = trial.daemon.folder / "saved"
    saved.mkdir()
    trial.browser.save_to(saved)
    for button, name, mark in (("CSV", "photos.results.csv", "gone-3.jpg"), ("JSONL", "photos.results.jsonl", '"status":"failed"'),
                               ("Report", "photos.report.html", "<!doctype html>")):
        page.click(button, ".details")
        content = page.wait_for(name, lambda name=name: (saved / name).exists() and (saved / name).read_text(), 20)
        trial.expect(f"{name} begins with {content[:200]!r}", mark in content)


def queue(trial):
    """Waiting runs: their order by keys, removal with a question, limits, search, and what the daemon refuses."""
    page = trial.page
    page.click_at(LIMITS)
    page.fill("limits-most", "0")
    page.click("Save", "#limits")
    page.wait_for_text("whole number", "#limits")
    trial.look("limits")
    page.fill("limits-most", "1")
    page.fill("limits-rate", "3M")
    page.click("Save", "#limits")
    page.wait_for_text("1 at once, 3.0 MiB/s", ".top")
    limits = trial.daemon.get("/status")["limits"]
    trial.expect(f"the limits are {limits}", limits["max_concurrent_downloads"] == 1 and limits["limit_rate"] == 3 << 20)
    trial.daemon.call("POST", "/runs", {"urls": [url("cdn", "bytes/200M/large.bin?ranges")], "name": "large"})
    for name in ("first", "second", HOSTILE, "third"):
        trial.daemon.call("POST", "/runs", {"urls": [url("images", f"bytes/1K/{len(name)}.bin")], "name": name})
    page.wait_for("a waiting run", lambda: "number 4" in page.row("third"))
    trial.expect("a name became HTML", trial.browser.run("return document.querySelectorAll('#runs img').length") == 0)
    trial.expect("the hostile name is not shown", page.row(HOSTILE) != "")
    trial.look("queue")
    page.open_row("third")
    limits_of_one(trial)
    page.focus("runs")
    page.press("Alt", "Up")
    page.wait_for("the run one place higher", lambda: "number 3" in page.row("third"))
    page.press("Alt", "Home")
    page.wait_for("the run in front", lambda: "number 1" in page.row("third"))
    trial.expect("the daemon has another order", trial.daemon.run("third")["position"] == 0)
    page.press("p")
    page.wait_for("the pause by a key", lambda: "Paused" in page.row("third"))
    page.press("Down")
    page.press("Enter")
    page.wait_for_text("first", "#details-title")
    page.press("Escape")
    page.wait_for("no details", lambda: page.text(".details") is None)
    page.press("Delete")
    page.wait_for_text("Remove first?", "#confirm")
    trial.look("confirm")
    page.press("Enter")
    page.wait_for("that nothing was removed", lambda: page.text("#confirm") is None)
    trial.expect("Enter removed what it must not", trial.daemon.run("first")["state"] == "waiting")
    page.press("Delete")
    page.click("Remove", "#confirm")
    page.wait_for("the removal", lambda: "Removed" in page.row("first") or not page.row("first"))
    page.fill("search", "second")
    page.wait_for("what was searched", lambda: len(page.rows()) == 1 and page.row("second"))
    page.fill("search", "")
    page.wait_for("all runs", lambda: page.row("large"))
    page.focus("runs")
    page.press("/")
    trial.expect("the key / does not search", trial.browser.run("return document.activeElement.id") == "search")
    page.focus("runs")
    page.press("?")
    page.wait_for_text("Move in a table", "#help")
    page.press("Escape")


def limits_of_one(trial):
    """The limits and the priority of the run `third`, which is the last one of the queue, there and back again."""
    page = trial.page

    def has(*wanted):
        run = trial.daemon.run("third")
        return (run["priority"], run["limit_rate"], run["connections"]) == wanted

    page.click("Limits", ".details")
    page.fill("run-limits-connections", "0")
    page.click("Save", "#run-limits")
    page.wait_for_text("whole number from 1", "#run-limits")
    trial.look("run-limits")
    page.fill("run-limits-connections", "3")
    page.fill("run-limits-rate", "2M")
    page.choose("run-limits-priority", "high")
    page.click("Save", "#run-limits")
    page.wait_for("the end of the dialog", lambda: page.text("#run-limits") is None)
    page.wait_for("the run in front", lambda: "number 1" in page.row("third"))
    page.wait_for_text("2.0 MiB/s · 3 connections", ".facts")
    page.wait_for_text("High", ".facts")
    trial.expect("the daemon has other limits of the run", has(1, 2 << 20, 3))
    trial.look("limited")
    # With keys alone.
    page.focus("runs")
    page.press("l")
    page.wait_for("the dialog, by a key", lambda: page.focused() == "run-limits-priority")
    page.press("Down")
    for field in ("rate", "connections"):
        page.press("Tab")
        trial.expect(f"Tab does not move to {field}", page.focused() == f"run-limits-{field}")
        page.press("Control", "a")
        page.press("Delete")
    page.press("Enter")
    page.wait_for("the end of the dialog, by a key", lambda: page.text("#run-limits") is None)
    page.wait_for("the run at its end again", lambda: "number 4" in page.row("third"))
    trial.expect("the daemon keeps limits of the run", has(0, 0, 0))
    trial.expect(f"the focus is on {page.focused()!r}", page.focused() == "runs")


def restart(trial):
    """The daemon ends and starts again under the page."""
    page = trial.page
    trial.console()
    page.wait_for("all runs", lambda: page.row("large") and page.row("second"))
    trial.daemon.end()
    page.wait_for_text("No connection to the daemon", ".top")
    trial.look("lost")
    trial.daemon.start()
    page.wait_for("the connection", lambda: "No connection" not in page.text(".top"), 20)
    page.wait_for("the large run going on", lambda: "Active" in page.row("large"), 20)
    page.wait_for("the paused run", lambda: "Paused" in page.row("third"), 20)
    trial.console("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
    trial.daemon.call("DELETE", f"/runs/{trial.daemon.run('large')['id']}", None)
    trial.daemon.call("PATCH", "/limits", {"limit_rate": 0, "max_concurrent_downloads": 5})
    page.wait_for("the end of the queue", lambda: "Done" in page.row("second"), 30)


def tabs(trial):
    """More tabs than a browser has connections for one host, and a run that is added meanwhile."""
    page, browser = trial.page, trial.browser
    trial.console()
    first, others = browser.tab(), []
    for _ in range(TABS):
        others.append(browser.new_tab())
        browser.visit(f"{trial.daemon.base}/#secret={quote(SECRET)}")
        page.wait_for("the runs in another tab", lambda: page.rows())
    trial.daemon.call("POST", "/runs", {"urls": [url("tabs", "bytes/1K/tab")], "name": "of the tabs", "paused": True})
    for tab in others:
        browser.close_tab(tab, first)
    page.wait_for("the run in the first tab", lambda: page.row("of the tabs"))
    trial.expect("the first tab says that it has no connection", "No connection" not in page.text(".top"))
    trial.daemon.call("DELETE", f"/runs/{trial.daemon.run('of the tabs')['id']}", None)
    page.wait_for("the end of that run", lambda: not page.row("of the tabs"))


SCROLL = """
const [id, seconds] = arguments;
const done = arguments[2];
const grid = document.getElementById(id);
const frames = [], long = [];
let rows = 0, empty = 0;
const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => long.push(entry.duration)));
observer.observe({ entryTypes: ["longtask"] });
const start = performance.now(), height = grid.scrollHeight - grid.clientHeight;
let before = start;
const step = (now) => {
  frames.push(now - before);
  before = now;
  rows = Math.max(rows, grid.querySelectorAll(".grid-body > .row").length);
  if (now - start > seconds * 1000) {
    observer.disconnect();
    frames.sort((one, other) => one - other);
    const at = (part) => Math.round(frames[Math.floor(part * (frames.length - 1))] * 10) / 10;
    done({ frames: frames.length, median: at(0.5), p95: at(0.95), most: at(1), long: long.map(Math.round), rows });
    return;
  }
  // Down and up again.
  const part = (now - start) / (seconds * 1000);
  grid.scrollTop = height * (part < 0.5 ? part * 2 : 2 - part * 2);
  requestAnimationFrame(step);
};
requestAnimationFrame(step);
"""


def long_list(trial, count):
    """A list of 10,000 items: scrolled while it is downloaded, and afterwards."""
    page = trial.page
    lines = "\n".join(url("images", f"bytes/1K/item-{nth:05}.bin") for nth in range(count))
    trial.daemon.call("POST", "/runs", {"list": lines, "name": "long"})
    page.wait_for("the long run", lambda: page.row("long"))
    page.open_row("long")
    page.wait_for("its items", lambda: len(page.rows("items")) > 5)
    for when in ("while it is downloaded", "afterwards"):
        if when == "afterwards":
            page.wait_for("the end of the long run", lambda: "Done" in page.row("long"), 120)
            page.wait_for("its last items", lambda: page.attribute("#items", "aria-rowcount") == str(count + 1))
        before = trial.browser.cpu_seconds()
        seen = trial.browser.run_later(SCROLL, "items", 4)
        cpu = (trial.browser.cpu_seconds() - before) * 1000 / seen["frames"]
        print(f"scrolled {when}: {seen['frames']} frames, CPU {cpu:.1f} ms a frame, median {seen['median']} ms, p95 {seen['p95']} ms, at most {seen['most']} ms; "
              f"long tasks: {seen['long'] or 'none'}; at most {seen['rows']} rows drawn", flush=True)
        trial.expect(f"a frame takes {cpu:.1f} ms of CPU time", cpu <= MOST_MS_OF_CPU)
        if when == "afterwards":
            trial.expect(f"a frame takes {seen['median']} ms", seen["median"] <= MOST_MS_OF_A_FRAME)
        trial.expect(f"{seen['rows']} rows are drawn", seen["rows"] <= MOST_ROWS_DRAWN)
    page.focus("items")
    page.press("End")
    page.wait_for("the last row", lambda: any(row.startswith("item-") for row in page.rows("items")) and
                  page.attribute("#items .is-active", "aria-rowindex") == str(count + 1))
    page.wait_for("that the last row is loaded", lambda: "is-loading" not in (page.attribute("#items .is-active", "class") or "is-loading"))
    page.fill("search-items", f"item-{count - 1:05}")
    page.wait_for("one item", lambda: len(page.rows("items")) == 1)
    page.fill("search-items", "")
    page.wait_for("all items", lambda: len(page.rows("items")) > 5)
    trial.look("long")


def languages(trial):
    """Chinese and back: the page and its language."""
    page = trial.page
    page.click("中文", ".top")
    page.wait_for_text("下载速度")
    trial.expect("the page does not say that it is Chinese", trial.browser.run("return document.documentElement.lang") == "zh-CN")
    trial.look("chinese")
    page.click_at(LIMITS)
    page.wait_for_text("同时下载的任务数", "#limits")
    page.press("Escape")
    trial.browser.reload()
    page.wait_for_text("下载速度")
    page.click("帮助", ".top")
    page.wait_for_text("快捷键", "#help")
    trial.look("help")
    page.press("Escape")
    page.click("English", ".top")
    page.wait_for_text("Throughput")
    # The switch of colours comes before what the system prefers.
    trial.browser.set_media("light")
    colour = "return getComputedStyle(document.body).backgroundColor"
    light = trial.browser.run(colour)
    for _ in range(2):
        page.click_at("#theme")
    page.wait_for("the dark colours", lambda: trial.browser.run(colour) != light)
    page.click_at("#theme")
    page.wait_for("the light colours again", lambda: trial.browser.run(colour) == light)


def clears(trial):
    """Everything that has ended goes; a saved result is there before."""
    page = trial.page
    page.click("Clear ended", ".toolbar")
    page.wait_for("nothing but what waits", lambda: [row.split()[0] for row in page.rows()] == ["third"])
    trial.expect("the daemon still has others", [run["name"] for run in trial.daemon.get("/runs?limit=100")["runs"]] == ["third"])


FOLDER = """
const [found] = [...document.querySelectorAll(".facts dd")].filter((each) => each.textContent === arguments[0]);
found.firstChild.data = "/srv/files";
"""


def picture(trial):
    """What people use it for, for the documents: only with --keep."""
    daemon, page = trial.daemon, trial.page
    daemon.call("PATCH", "/limits", {"max_concurrent_downloads": 4, "limit_rate": 0})
    for each in daemon.get("/runs?limit=100")["runs"]:
        if each["state"] in ("active", "waiting", "paused"):
            daemon.call("DELETE", f"/runs/{each['id']}", None)
    daemon.call("POST", "/runs/purge", {})

    def add(name, urls, **more):
        daemon.call("POST", "/runs", {"urls": urls, "name": name, **more})

    add("rfcs.txt", [url("www", f"bytes/60K/rfc{nth}.txt") for nth in range(9000, 9120)])
    wait_for_state(trial, "rfcs.txt", "done")
    photos = [url(("images", "cdn", "mirror")[nth % 3], f"bytes/700K/{nth:05}.jpg?drip=40K,{60 + nth % 7 * 20}ms" if nth % 41 else f"bytes/1K/{nth:05}.jpg?status=404")
              for nth in range(4000)]
    add("photos-2026.csv", photos)
    add("debian-13.2.0-amd64-netinst.iso", [url("cdn", "bytes/700M/debian-13.2.0-amd64-netinst.iso?drip=300K,50ms")])
    add("archive.txt", [url("archive", f"bytes/2M/{nth:04}.tif?status=503&retry_after=900") for nth in range(400)])
    add("videos.jsonl", [url("video", f"bytes/40M/{nth:03}.mp4?drip=200K,40ms") for nth in range(60)])
    for name, count in (("maps.metalink", 12), ("embeddings.parquet", 20_000), ("SHA256SUMS", 34)):
        add(name, [url("data", f"bytes/1M/{name}-{nth}") for nth in range(count)])
    page.open_row("photos-2026.csv")
    time.sleep(45)
    page.focus("runs")
    # The folder of a test looks odd in a document.
    trial.browser.run(FOLDER, str(daemon.folder / "files"))
    trial.look("picture")


def wait_for_state(trial, name, state):
    trial.page.wait_for(f"{name} as {state}", lambda: trial.daemon.run(name)["state"] == state, 30)


def run(arguments):
    haul = built(arguments.haul, "--haul")
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    bad = 0
    with files.work_folder(None, files.GIB) as folder, Origin(arguments.origin) as origin, \
            Daemon(haul, folder / "daemon", origin.base) as daemon, Browser(folder / "browser") as browser:
        browser.set_width(*WIDE)
        browser.set_media("light")
        trial = Trial(daemon, browser, arguments.keep)
        steps = [modules, signs_in, adds_and_watches, pastes_and_drops, failures, queue, restart, tabs,
                 lambda trial: long_list(trial, arguments.items), languages, clears,
                 *([picture] if arguments.keep else [])]
        for step in steps:
            name = (step.__doc__ or "A long list.").splitlines()[0].rstrip(".")
            start = time.monotonic()
            try:
                step(trial)
                trial.console()
            except BenchError as error:
                trial.faults.append(str(error))
                if arguments.keep:
                    browser.screenshot(arguments.keep / "failed.png")
            print(f"{time.monotonic() - start:5.1f} s  {name}: {len(trial.faults) or 'nothing'} wrong", flush=True)
            for fault in trial.faults:
                print(f"      {fault}", flush=True)
            bad += len(trial.faults)
            trial.faults.clear()
    return 1 if bad else 0
