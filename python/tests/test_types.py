"""The annotations, by mypy and pyright, and the stubs against the compiled module."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import haulage
from haulage import _haulage

PROJECT = Path(__file__).parents[1]

USE = '''
import asyncio
from datetime import timedelta
from pathlib import Path

import haulage


def blocking(urls: list[str]) -> int:
    with haulage.download(urls, Path("out"), jobs=4, timeout=timedelta(seconds=1)) as run:
        for outcome in run:
            if outcome.error is not None:
                print(outcome.error.kind.upper())
    return run.wait().done + len(run)


async def loop(urls: list[haulage.Request]) -> int:
    async for outcome in haulage.download(urls, headers={"A": "b"}, progress=print):
        if outcome.content is not None:
            print(outcome.content.nbytes)
    summary = await haulage.download(urls)
    return summary.done


asyncio.run(loop([haulage.Request("http://a.example/", checksum={"sha256": "00"})]))
haulage.download("x", per_hots=2)  # an error
'''


def tool(name, *arguments):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    ended = subprocess.run(
        [sys.executable, "-m", name, *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_mypy_is_content():
    status, said = tool("mypy", "--strict", "haulage")
    assert status == 0, said


def test_pyright_is_content():
    status, said = tool("pyright", "--pythonpath", sys.executable, "haulage")
    assert status == 0, said


def test_mypy_checks_calls(tmp_path):
    use = tmp_path / "use.py"
    use.write_text(USE)
    status, said = tool("mypy", "--strict", use)
    assert status == 1 and "per_hots" in said and "Found 1 error" in said, said


def members(text):
    """Returns the names of the stub's classes and functions, with those of their members."""
    import ast

    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                part.name for part in node.body if isinstance(part, ast.FunctionDef)
            }
        elif isinstance(node, ast.FunctionDef):
            found[node.name] = set()
    return found


def test_stubs_are_those_of_the_compiled_module():
    stub = members((PROJECT / "haulage/_haulage.pyi").read_text())
    names = {name for name in vars(_haulage) if not name.startswith("__")}
    assert names == set(stub)
    for name, of_class in stub.items():
        there = getattr(_haulage, name)
        if inspect.isclass(there) and not issubclass(there, Exception):
            own = {part for part in vars(there) if not part.startswith("_")}
            assert own == {part for part in of_class if not part.startswith("_")}, name


def test_what_is_public_is_there():
    assert all(hasattr(haulage, name) for name in haulage.__all__)
    assert haulage.__version__
    assert (Path(haulage.__file__).parent / "py.typed").exists()
