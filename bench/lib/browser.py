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
        self._call("POST", "/url", {"url": path.resolve().as_uri()})

    def run(self, script, *arguments):
        """Returns what a function body in JavaScript returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

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
