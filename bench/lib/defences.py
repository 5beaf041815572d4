"""Reads bench/defences.toml, and finds the tests and the code that it names."""

import tomllib
from dataclasses import dataclass

from bench import ROOT
from bench.lib.errors import BenchError

LISTING = ROOT / "bench/defences.toml"
# Where tests are, by the first part of their names; all others are beside the code.
PLACES = {"engine": ROOT / "crates/haulage/tests/engine", "cli": ROOT / "crates/haul/tests/cli"}
SOURCES = ROOT / "crates/haulage/src"


@dataclass(frozen=True)
class Cut:
    """Code to replace in a file, named from the root on, so that a defence is gone."""

    file: str
    before: str
    after: str

    def apply(self, tree):
        """Replaces the code in a copy of the tree."""
        path = tree / self.file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(self.before, self.after, 1), encoding="utf-8")

    def fault(self):
        """Returns why the code cannot be replaced; `None` if it can."""
        path = ROOT / self.file
        if not path.is_file():
            return f"there is no file {self.file}"
        if self.before not in path.read_text(encoding="utf-8"):
            return f"{self.file} does not contain this code any more:\n{indented(self.before)}"
        return None


@dataclass(frozen=True)
class Defence:
    """What haul does about a fault. `why` says why nothing can be cut out, where there are no cuts."""

    row: str
    fault: str
    does: str
    tests: tuple
    cuts: tuple = ()
    why: str = ""

    def faults(self):
        """Yields what the tree does not contain any more: tests, and code to cut out."""
        for test in self.tests:
            if not has_test(test):
                yield f"there is no test {test}"
        for cut in self.cuts:
            if fault := cut.fault():
                yield fault


def load(listing=LISTING):
    """Returns all defences, in the order of the file."""
    try:
        tables = tomllib.loads(listing.read_text(encoding="utf-8"))["defence"]
        return [defence(table) for table in tables]
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"{listing}: {error}") from None


def defence(table):
    about = f"{LISTING.name}: row {table.get('row', 'without a number')}, {table.get('fault', 'without a fault')}"
    try:
        found = Defence(**{**table, "tests": tuple(table["tests"]), "cuts": tuple(Cut(**cut) for cut in table.get("cuts", ()))})
    except (KeyError, TypeError) as error:
        raise BenchError(f"{about}: {error}") from None
    if bool(found.cuts) == bool(found.why):
        raise BenchError(f"{about}: needs either cuts, or why there are none")
    return found


def check(defences):
    """Raises if the tree does not contain all tests and code that the defences name."""
    found = [f"row {each.row}, {each.fault}: {fault}" for each in defences for fault in each.faults()]
    if found:
        raise BenchError("\n".join(["mend these in bench/defences.toml:", *found]))


def place_of(test):
    """Returns `engine` or `cli` for integration tests, and `src` for those beside the code."""
    place, _, rest = test.partition("::")
    is_beside = place == "engine" and rest.split("::")[0] in ("rebinding", "tests", "torture")
    return place if place in PLACES and not is_beside else "src"


def has_test(test):
    folder = PLACES.get(place_of(test), SOURCES)
    name = f"fn {test.rpartition('::')[2]}("
    return any(name in file.read_text(encoding="utf-8") for file in folder.rglob("*.rs"))


def indented(text):
    return "\n".join(f"    {line}" for line in text.splitlines())
