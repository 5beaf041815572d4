"""A browser without a window, driven over WebDriver: Chromium or Chrome, and its chromedriver."""

import base64
import json
import shutil
import urllib.error
import urllib.request

from bench.lib import process
from bench.lib.errors import BenchError
from bench.lib.server import free_ports

BROWSERS = ("chromium", "google-chrome", "chromium-browser", "chrome")
# As root there is no sandbox, and in a container /dev/shm may be small.
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars")

# Keys that are no letters (WebDriver, §17.4.2).
KEYS = {
    "Tab": "\ue004", "Enter": "\ue007", "Alt": "\ue00a", "Control": "\ue009", "Escape": "\ue00c", "PageDown": "\ue00f", "End": "\ue010",
    "Home": "\ue011", "Up": "\ue013", "Down": "\ue015", "Delete": "\ue017",
}


class Browser:
    """`with Browser(folder) as browser:` starts it, with its files in that folder."""

    def __init__(self, folder):
        self.folder = folder
        self.driver = None
        self.base = ""

    def __enter__(self):
        program, browser = shutil.which("chromedriver"), next(filter(None, map(shutil.which, BROWSERS)), None)
        if program is None or browser is None:
            raise BenchError("a browser is needed: apt-get install chromium chromium-driver")
        self.folder.mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        self.base = f"http://127.0.0.1:{port}"
        self.driver = process.start("chromedriver", [program, f"--port={port}"], self.folder, self._is_ready)
        try:
            options = {"binary": browser, "args": [*ARGUMENTS, f"--user-data-dir={self.folder / 'profile'}"]}
            wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.base += f"/session/{session['sessionId']}"
            self._devtools("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        except BaseException:
            process.stop(self.driver)
            raise
        return self

    def __exit__(self, *_):
        try:
            self._call("DELETE", "", None)
        finally:
            process.stop(self.driver)

    def open(self, path):
        """Loads a file, and waits until it has been loaded."""
        self.visit(path.resolve().as_uri())

    def visit(self, address):
        """Loads an address, and waits until it has been loaded."""
        self._call("POST", "/url", {"url": address})

    def run(self, script, *arguments):
        """Returns what a function body in JavaScript returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def run_later(self, script, *arguments):
        """Returns what a function body in JavaScript gives to its last argument, a function."""
        return self._call("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def press(self, *keys):
        """Presses keys together, the last one last; a special one is a character of WebDriver (`KEYS`)."""
        down = [{"type": "keyDown", "value": key} for key in keys]
        up = [{"type": "keyUp", "value": key} for key in reversed(keys)]
        actions = [{"type": "key", "id": "keyboard", "actions": down + up}]
        self._call("POST", "/actions", {"actions": actions})

    def type(self, text):
        """Types a text where the focus is."""
        each = [{"type": kind, "value": letter} for letter in text for kind in ("keyDown", "keyUp")]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": each}]})

    def tab(self):
        """Returns the tab that is shown."""
        return self._call("GET", "/window", None)

    def new_tab(self):
        """Opens a tab, shows it, and returns it."""
        tab = self._call("POST", "/window/new", {"type": "tab"})["handle"]
        self.show_tab(tab)
        return tab

    def show_tab(self, tab):
        """Shows a tab; the others are hidden then."""
        self._call("POST", "/window", {"handle": tab})
        self._devtools("Page.bringToFront")

    def close_tab(self, tab, shown):
        """Closes a tab, and shows another one."""
        self._call("POST", "/window", {"handle": tab})
        self._call("DELETE", "/window", None)
        self.show_tab(shown)

    def reload(self):
        self._call("POST", "/refresh", {})

    def cpu_seconds(self):
        """How much CPU time the main thread of the page has taken since the first call."""
        self._devtools("Performance.enable", timeDomain="threadTicks")
        metrics = self._devtools("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "TaskDuration")

    def log(self):
        """What the page has said on the console since the last call, each a level and a text."""
        entries = self._call("POST", "/se/log", {"type": "browser"})
        return [(entry["level"], entry["message"]) for entry in entries]

    def set_media(self, scheme="light", kind=""):
        """Shows the page as to people who prefer light or dark, or as it is printed (`print`)."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._devtools("Emulation.setEmulatedMedia", media=kind, features=features)

    def set_width(self, width, height=900):
        self._devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def save_to(self, folder):
        """Saves what pages give to save in a folder, without a question."""
        self._devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def set_scripts(self, are_run):
        self._devtools("Emulation.setScriptExecutionDisabled", value=not are_run)

    def screenshot(self, path, height=None):
        """Saves the page as PNG, at most its first `height` pixels."""
        size = self._devtools("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(height or size["height"], size["height"]), "scale": 1}
        shot = self._devtools("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _devtools(self, command, **parameters):
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _is_ready(self):
        try:
            return self._call("GET", "/status", None)["ready"]
        except OSError:
            return False

    def _call(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            told = json.load(error)["value"]
            raise BenchError(f"the browser says: {told['message'].splitlines()[0]}") from error
