"""axe-core, which finds what people with a disability cannot use on a page."""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from bench import ROOT
from bench.lib.errors import BenchError

VERSION = "4.14.1"
CACHE = ROOT / "target/axe-core"
SCRIPT = "package/axe.min.js"
# What each fault says: the rule, how bad it is, and the first elements that break it.
LOOK = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(
  (found) => done(found.violations.map((fault) => `${fault.id} (${fault.impact}): ` +
    fault.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.html.slice(0, 120)}`).join("; "))),
  (error) => done([String(error)]));
"""


def script():
    """Returns the script of axe-core; npm fetches it once, into a folder below target/."""
    kept = CACHE / f"axe-{VERSION}.js"
    if not kept.exists():
        if shutil.which("npm") is None:
            raise BenchError("npm is needed to fetch axe-core: apt-get install npm")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            command = ["npm", "pack", "--silent", f"axe-core@{VERSION}"]
            subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=300)
            with tarfile.open(Path(folder) / f"axe-core-{VERSION}.tgz") as package:
                kept.write_bytes(package.extractfile(SCRIPT).read())
    return kept.read_text()


def faults(browser):
    """Returns what axe-core finds on the page that a browser shows."""
    if not browser.run("return typeof axe === 'object'"):
        browser.run(script())
    return browser.run_later(LOOK)
