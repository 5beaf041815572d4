"""Draws docs/limits.svg: how haul finds the right number of requests for a host.

A test lets haul's limit work against simulated servers of several kinds, and writes the drawing. This command
runs that test, and prints how much of the best fixed number's throughput haul reaches, and how many of the
requests each server refuses.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from bench import ROOT
from bench.lib.errors import BenchError

TEST = "schedule::limit::simulation::it_is_within_a_tenth_of_the_best_fixed_number_on_each_server"
DRAWING = ROOT / "docs/limits.svg"
TITLES = "{http://www.w3.org/2000/svg}text[@class='title']"


def add_arguments(parser):
    del parser


def run(arguments):
    del arguments
    command = ["cargo", "test", "--quiet", "--package", "haulage", "--lib", "--", "--exact", TEST]
    with tempfile.TemporaryDirectory() as folder:
        drawing = Path(folder) / "limits.svg"
        ran = subprocess.run(command, cwd=ROOT, env=os.environ | {"LIMITS_SVG": str(drawing)},
                             capture_output=True, text=True, check=False)
        if not drawing.exists():
            raise BenchError(f"the test {TEST} drew nothing:\n{ran.stdout}{ran.stderr}")
        DRAWING.write_bytes(drawing.read_bytes())
    for title in ElementTree.parse(DRAWING).iterfind(TITLES):
        print(title.text)
    return ran.returncode
