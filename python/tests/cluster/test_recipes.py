"""The recipes in `examples/`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from courtesy import DELAY, PER_HOST, assert_courteous, assert_files, urls
from scripted import Server

import haulage

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.append(str(EXAMPLES))

COURTESY = {"per_host": PER_HOST, "delay": DELAY}
# The package may be a checkout that is not installed.
ENV = {**os.environ, "PYTHONPATH": str(Path(haulage.__file__).parents[1])}


def test_multiprocessing(server: Server, tmp_path: Path) -> None:
    import multiprocessing_recipe

    wanted = urls(server, 2_000)
    got = list(
        multiprocessing_recipe.download(
            wanted, str(tmp_path), processes=3, resolve=server.resolve, **COURTESY
        )
    )
    assert sorted(row["url"] for row in got) == sorted(wanted)
    assert {row["status"] for row in got} == {"done"}
    assert_courteous(server)
    assert_files(tmp_path, [(row["url"], row["path"]) for row in got])


def test_multiprocessing_as_a_program(server: Server, tmp_path: Path) -> None:
    source = tmp_path / "urls.txt"
    source.write_text("\n".join(f"http://127.0.0.1:{server.port}/{n}/{n}" for n in range(20)))
    script = EXAMPLES / "multiprocessing_recipe.py"
    command = [sys.executable, script, source, tmp_path / "files"]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=ENV)
    lines = run.stdout.splitlines()
    assert len(lines) == 20
    assert all(line.startswith("done http") for line in lines)


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_dask(server: Server, tmp_path: Path, scheduler: str) -> None:
    dd = pytest.importorskip("dask.dataframe")
    import dask_recipe
    import pandas as pd

    wanted = urls(server, 2_000)
    df = dd.from_pandas(pd.DataFrame({"url": wanted, "id": range(2_000)}), npartitions=5)
    results = dask_recipe.download(
        df, str(tmp_path), parts=3, resolve=server.resolve, **COURTESY
    )
    got = results.compute(scheduler=scheduler)
    assert list(got.columns) == list(results.columns)
    assert got.sort_values("id")["url"].tolist() == wanted
    assert set(got["status"]) == {"done"}
    assert_courteous(server)
    assert_files(tmp_path, list(zip(got["url"], got["path"])))


def test_dask_as_a_program(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("dask.dataframe")
    import pandas as pd

    wanted = [f"http://127.0.0.1:{server.port}/{n}/{n}" for n in range(20)]
    pd.DataFrame({"url": wanted}).to_parquet(tmp_path / "urls.parquet")
    script = EXAMPLES / "dask_recipe.py"
    target = tmp_path / "results.parquet"
    command = [sys.executable, script, tmp_path / "urls.parquet", tmp_path / "files", target]
    subprocess.run(command, check=True, env=ENV)
    got = pd.read_parquet(target)
    assert sorted(got["url"]) == sorted(wanted)
    assert set(got["status"]) == {"done"}
