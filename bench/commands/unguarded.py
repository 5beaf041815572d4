"""Removes each defence of haul once, and checks that its test fails.

Works on a copy of the tree; bench/defences.toml lists the defences. The exit status is 1 if a test passes
although its defence is missing.
"""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from bench import ROOT
from bench.lib import defences, options


def add_arguments(parser):
    parser.add_argument("--rows", metavar="A,B", help="only the defences with these numbers (default: all)")
    parser.add_argument("--target", type=options.absolute, default=ROOT / "target/unguarded", metavar="DIR",
                        help="where to build (default: target/unguarded)")


def chosen(rows):
    wanted = set(rows.split(",")) if rows else None
    return [each for each in defences.load() if wanted is None or each.row in wanted]


def copy_of_the_tree(folder):
    """Copies all files that git does not ignore; the tree itself stays as it is."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, check=True).stdout
    packed = subprocess.run(["tar", "-c", "--null", "-T", "-"], cwd=ROOT, input=listed,
                            capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)


def command(test):
    """Returns the command that runs one test alone; without its last two words, it can be told to build only."""
    place, name = defences.place_of(test), test.partition("::")[2]
    if place == "cli":
        return ["cargo", "test", "-q", "-p", "haul", "--test", "cli", name, "--", "--exact"]
    library = ["cargo", "test", "-q", "-p", "haulage", "--features", "parquet"]
    if place == "engine":
        return [*library, "--test", "engine", name, "--", "--exact"]
    return [*library, "--lib", test, "--", "--exact"]


def run_test(test, tree, target):
    """Returns `passed`, `failed`, or why the test did not run. What it builds is not timed."""
    environment = os.environ | {"CARGO_TARGET_DIR": str(target), "PROPTEST_CASES": "64", "RUSTFLAGS": "-Awarnings"}
    build = subprocess.run([*command(test)[:-2], "--no-run"], cwd=tree, env=environment, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if build.returncode != 0:
        return "did not build: " + build.stdout.strip().splitlines()[-1][:200]
    ran = subprocess.Popen(command(test), cwd=tree, env=environment, text=True, start_new_session=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = ran.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        # The whole group, since the test would outlive cargo.
        os.killpg(ran.pid, signal.SIGKILL)
        ran.communicate()
        return "failed"
    if "test result: FAILED" in output or "panicked at" in output:
        return "failed"
    if ran.returncode == 0 and "1 passed" in output:
        return "passed"
    return "did not run: " + output.strip().splitlines()[-1][:200]


def without(defence, tree, target):
    """Returns the result of the defence's first test, run in the copy with the defence cut out."""
    whole = {cut.file: (tree / cut.file).read_text(encoding="utf-8") for cut in defence.cuts}
    try:
        for cut in defence.cuts:
            cut.apply(tree)
        return run_test(defence.tests[0], tree, target)
    finally:
        for file, text in whole.items():
            (tree / file).write_text(text, encoding="utf-8")


def run(arguments):
    wanted = chosen(arguments.rows)
    defences.check(wanted)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="haulage-unguarded-") as folder:
        tree = Path(folder)
        copy_of_the_tree(tree)
        for each in wanted:
            if not each.cuts:
                print(f"{each.row:>4}  {each.tests[0]}: not cut out: {each.why}", flush=True)
                continue
            said = without(each, tree, arguments.target)
            wrong += said != "failed"
            print(f"{each.row:>4}  {each.tests[0]}: {said}", flush=True)
    print(f"{wrong} tests did not fail" if wrong else "each test fails without its defence")
    return 1 if wrong else 0
