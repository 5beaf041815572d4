"""The examples run as they are, against the test server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.parametrize("name", ["flags.py", "flags_by_hand.py"])
def test_flags_are_downloaded(origin, tmp_path, name):
    if name == "flags_by_hand.py":
        pytest.importorskip("aiohttp")
    script = [sys.executable, str(EXAMPLES / name), origin.address]
    ran = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert len(list((tmp_path / "downloads").glob("*.gif"))) == 20
    said = ran.stdout
    assert said.count("start ") == 20
    assert said.count("done ") == 20
    assert said.splitlines()[-1].startswith("20 flags in ")


def test_flags_is_short():
    assert len((EXAMPLES / "flags.py").read_text().splitlines()) <= 15


def test_notebook_runs(origin, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("matplotlib")
    os.environ["HAULAGE_BASE"] = origin.address
    os.environ["HAULAGE_FOLDER"] = str(tmp_path / "downloads")
    notebook = nbformat.read(EXAMPLES / "flags.ipynb", as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    failures = notebook.cells[7].outputs[0]["data"]["text/plain"]
    assert "404" in failures and "410" in failures and "no scheme" in failures
    plot = notebook.cells[9].outputs
    assert any("image/png" in output.get("data", {}) for output in plot)
