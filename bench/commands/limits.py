"""Draws docs/limits.svg: how haul finds the right number of requests for a host.

A test runs haul's limit against simulated servers of several kinds, and writes the drawing. This command runs the
tests of that module, and prints how much of the best fixed number's throughput haul reaches, and how many requests
each server refuses.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from bench import ROOT
from bench.lib.errors import BenchError

TESTS = "schedule::host_limit::simulation::"
DRAWING = ROOT / "docs/limits.svg"
TITLES = "{http://www.w3.org/2000/svg}text[@class='title']"


def add_arguments(parser):
    del parser


def run(arguments):
    del arguments
    command = ["cargo", "test", "--quiet", "--package", "haulage", "--lib", "--", TESTS]
    with tempfile.TemporaryDirectory() as folder:
        drawing = Path(folder) / "limits.svg"
        ran = subprocess.run(command, cwd=ROOT, env=os.environ | {"LIMITS_SVG": str(drawing)},
                             capture_output=True, text=True, check=False)
        if not drawing.exists():
            raise BenchError(f"the tests {TESTS} drew nothing:\n{ran.stdout}{ran.stderr}")
        DRAWING.write_bytes(drawing.read_bytes())
    for title in ElementTree.parse(DRAWING).iterfind(TITLES):
        print(title.text)
    return ran.returncode
